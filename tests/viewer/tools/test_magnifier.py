"""The loupe's picture: the very pixels of the frame, at the place and the size that it says."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import direction_to_uv
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import Range
from panosod_viewer.palettes import LabelDisplay, LabelLook, palette_of
from panosod_viewer.tools.magnifier import magnified, sight_at
from tests.viewer.render.frames import GBRP, frame_of_rgb

SIZE = 64
NOT_SHOWN = palette_of(LabelLook(opacity=0.0))
VIEWS = (
    View(yaw_rad=0.4, pitch_rad=0.3, roll_rad=0.2, fov_rad=1.4),
    View(yaw_rad=3.1, pitch_rad=-1.2, fov_rad=1.0),
    View(yaw_rad=-2.0, pitch_rad=-1.5, fov_rad=4.0, projection=ViewProjection.STEREOGRAPHIC),
    View(fov_rad=2 * math.pi, projection=ViewProjection.EQUIRECT),
)


@pytest.fixture(scope="module")
def rgb() -> NDArray[np.uint8]:
    """Every pixel has a colour of its own."""
    numbers = np.arange(32 * 64).reshape(32, 64)
    return np.stack([numbers % 64 * 4, numbers // 64 * 8, 255 - numbers % 251], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def frame(rgb) -> VideoFrame:
    return frame_of_rgb(rgb / 255.0, layout=GBRP, range_=Range.FULL, padding=3)


def loupe(frame, view, at, *, zoom=8.0, labels=None, palette=NOT_SHOWN, geometry=None):
    sight = sight_at(view, *at, aspect=2.0)
    assert sight is not None
    return magnified(
        sight,
        frame=frame,
        geometry=geometry or PictureGeometry(),
        labels=labels,
        palette=palette,
        size_px=SIZE,
        rad_per_px=sight.rad_per_pane / 800 / zoom,
    )


def source_at(rgb, view, at) -> NDArray[np.uint8]:
    u, v = direction_to_uv(viewport_to_directions(view, *at, aspect=2.0))
    return rgb[int(v * rgb.shape[0]), int(u * rgb.shape[1]) % rgb.shape[1]]


@pytest.mark.parametrize("view", VIEWS, ids=["look", "down", "planet", "map"])
@pytest.mark.parametrize("at", [(0.5, 0.5), (0.23, 0.61), (0.9, 0.35)])
def test_its_middle_is_the_pixel_under_the_pointer_and_no_colour_is_mixed(frame, rgb, view, at):
    shown = loupe(frame, view, at)
    around = shown[SIZE // 2 - 1 : SIZE // 2 + 1, SIZE // 2 - 1 : SIZE // 2 + 1].reshape(-1, 3)
    assert (np.abs(around.astype(int) - source_at(rgb, view, at)).max(axis=1) <= 1).any()
    known = {tuple(colour) for colour in rgb.reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in shown.reshape(-1, 3).tolist()} <= known


@pytest.mark.parametrize("zoom", [4, 8, 16])
def test_it_enlarges_what_is_on_the_screen_as_often_as_it_says(frame, zoom):
    view = VIEWS[0]
    sight = sight_at(view, 0.5, 0.5, aspect=2.0)
    there = viewport_to_directions(view, 0.5 + 20 / 800, 0.5, aspect=2.0)
    forward, right, _ = sight.axes
    away = (there @ right) / (there @ forward) / (sight.rad_per_pane / 800 / zoom)
    assert away == pytest.approx(20 * zoom, rel=0.01)


def test_it_stands_as_the_screen_does(frame):
    for view in VIEWS:
        forward, right, up = sight_at(view, 0.5, 0.45, aspect=2.0).axes
        for (dx, dy), axis in (((0.01, 0), right), ((0, -0.01), up)):
            there = viewport_to_directions(view, 0.5 + dx, 0.45 + dy, aspect=2.0)
            assert there @ axis > 0.9 * np.linalg.norm(there - (there @ forward) * forward)


def test_objects_have_their_tint_and_their_outline(frame):
    labels = np.zeros((32, 64), np.uint8)
    labels[:, :32] = 3
    plain = loupe(frame, VIEWS[3], (0.5, 0.5)).astype(int)
    tinted = loupe(frame, VIEWS[3], (0.5, 0.5), labels=labels, palette=palette_of(LabelLook())).astype(int)
    line = palette_of(LabelLook()).line[3, :3]
    half = SIZE // 2
    assert (tinted[:, half + 2 :] == plain[:, half + 2 :]).all()
    assert (tinted[:, : half - 2] != plain[:, : half - 2]).any(axis=2).all()
    assert (tinted[:, half - 2 : half + 2] == line).all(axis=2).any(axis=1).all()
    cut = palette_of(LabelLook(LabelDisplay.CUT_OUT))
    dark = loupe(frame, VIEWS[3], (0.5, 0.5), labels=labels, palette=cut).astype(int)
    assert (dark[:, : half - 2] == plain[:, : half - 2]).all()
    assert dark[:, half + 2 :].mean() < 0.3 * plain[:, half + 2 :].mean()


def test_beside_the_map_there_is_nothing_to_look_at():
    assert sight_at(View(fov_rad=2 * math.pi, projection=ViewProjection.EQUIRECT), 0.5, 0.1, aspect=1.0) is None
