"""Lines over the picture: another view's border, and the ring at a direction."""

import numpy as np
import pytest

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, directions_to_viewport, viewport_to_directions
from panosod_core.geometry.sphere import direction
from panosod_viewer.scene import Outline, Pane

from .conftest import Draw
from .frames import frame_of_rgb

pytestmark = pytest.mark.gl

SIZE = (400, 200)
MAP = View(0.4, 0.0, 0.0, 2 * np.pi, ViewProjection.EQUIRECT)
GREY = np.full((32, 64, 3), 0.5)
GEOMETRIES = [PictureGeometry(), PictureGeometry(pose_deg=(60.0, 25.0, -10.0))]


def view(
    yaw: float, pitch: float, roll: float, fov: float, projection: ViewProjection = ViewProjection.PERSPECTIVE
) -> View:
    return View(*np.radians([yaw, pitch, roll, fov]), projection)


LOOKS = {
    "front": view(0, 0, 0, 90),
    "across the seam": view(-150, 20, 0, 80),
    "with the pole inside": view(30, 75, 0, 90),
    "rolled": view(-40, -30, 50, 60),
    "blend": view(100, 10, 0, 125),
    "little planet": view(0, -90, 0, 240),
    "stereographic": view(-60, 40, 20, 130, ViewProjection.STEREOGRAPHIC),
}


def border_points(look: View, aspect: float, count: int = 4000) -> np.ndarray:
    t = np.linspace(0, 1, count)
    x = np.concatenate([t, t, 0 * t, 0 * t + 1])
    y = np.concatenate([0 * t, 0 * t + 1, t, t])
    return viewport_to_directions(look, x, y, aspect=aspect)


def outlined(draw: Draw, onto: View, look: View, geometry: PictureGeometry, *, width_px: float = 2.0) -> np.ndarray:
    """How red the line is at each pixel, 0..1."""
    mark = Outline(look, 1.5, rgb=(1.0, 0.0, 0.0), width_px=width_px)
    with_line = draw(frame_of_rgb(GREY), geometry=geometry, size=SIZE, panes=(Pane(view=onto, outline=mark),))
    return np.clip((with_line[..., 0].astype(float) - with_line[..., 1]) / 255, 0, 1)


def distance_to_points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance of each pixel centre to the nearest of some points, pixels (points are given as fractions)."""
    points = np.stack([x * SIZE[0], y * SIZE[1]], axis=-1)
    points = points[np.isfinite(points).all(axis=-1)]
    once_round = np.array([SIZE[0], 0.0])
    points = np.concatenate([points, points + once_round, points - once_round])
    from scipy.spatial import cKDTree

    rows, columns = np.indices(SIZE[::-1]) + 0.5
    found, _ = cKDTree(points).query(np.stack([columns, rows], axis=-1).reshape(-1, 2))
    return found.reshape(SIZE[::-1])


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["level", "posed"])
@pytest.mark.parametrize("name", LOOKS)
def test_the_outline_follows_the_true_border_and_nothing_else(draw: Draw, name: str, geometry: PictureGeometry) -> None:
    look = LOOKS[name]
    line = outlined(draw, MAP, look, geometry)
    d = border_points(look, 1.5)
    away = distance_to_points(*directions_to_viewport(MAP, d, aspect=2.0))
    # the last rows hold the poles, where one direction is a whole row of pixels
    middle = slice(6, -6)
    assert line[middle][away[middle] > 3.0].max() == 0
    assert line[middle][away[middle] < 0.5].min() > 0.25


@pytest.mark.parametrize("width_px", [1.0, 3.0, 6.0])
def test_the_outline_is_as_wide_as_asked(draw: Draw, width_px: float) -> None:
    line = outlined(draw, MAP, LOOKS["front"], PictureGeometry(), width_px=width_px)
    across = line[100, 200:400].sum()  # one crossing of the right border, in the map's middle row
    assert across == pytest.approx(width_px, rel=0.3)


def test_a_view_outlined_on_the_look_pane(draw: Draw) -> None:
    look = view(20, 10, 0, 30)
    onto = view(0, 0, 0, 90)
    line = outlined(draw, onto, look, PictureGeometry())
    away = distance_to_points(*directions_to_viewport(onto, border_points(look, 1.5), aspect=2.0))
    assert line[away > 2.5].max() == 0 and line[away < 0.5].min() > 0.3


@pytest.mark.parametrize("onto", [MAP, view(0, 0, 0, 100), view(0, 0, 0, 150)], ids=["map", "look", "wide"])
@pytest.mark.parametrize("azimuth_deg", [0.0, 31.0, -158.0, 156.0])
def test_the_ring_lies_at_its_direction(draw: Draw, onto: View, azimuth_deg: float) -> None:
    toward = direction(np.radians(azimuth_deg), 0.2)
    pane = Pane(view=onto, crosshair=tuple(float(c) for c in toward))
    plain = draw(frame_of_rgb(GREY), size=SIZE, panes=(Pane(view=onto),)).astype(int)
    marked = draw(frame_of_rgb(GREY), size=SIZE, panes=(pane,)).astype(int)
    x, y = directions_to_viewport(onto, toward, aspect=2.0)
    white = (marked[..., 0] > 200) & (plain[..., 0] < 200)
    if not (np.isfinite(x) and 0 < x < 1):
        assert np.array_equal(plain, marked)
        return
    assert white.any()
    rows, columns = np.nonzero(white)
    # on the map the ring wraps at the edge
    dx = (
        (columns + 0.5 - x * SIZE[0] + SIZE[0] / 2) % SIZE[0] - SIZE[0] / 2
        if onto is MAP
        else columns + 0.5 - x * SIZE[0]
    )
    dy = rows + 0.5 - y * SIZE[1]
    assert np.hypot(dx, dy).max() < 14
    assert abs(dx.mean()) < 0.7 and abs(dy.mean()) < 0.7
