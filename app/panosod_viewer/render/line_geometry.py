"""Lines on the sphere as ribbons of the pane: caps, arcs, marks. Pure numpy, no OpenGL."""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.projection import View, ViewProjection, directions_to_viewport
from panosod_viewer.overlays import Cap, Mark, MarkShape, Path, Rgb

FLOATS = 9
"""A vertex: x, y in pixels of the pane (origin top left), pixels across and along the line, half its width, length of
a dash (0 for none), r, g, b."""
RING_PX = 9.0
CROSS_PX = 7.0
DASH_PX = 6.0
_STEP_RAD = np.radians(1.0)
_FAR_PANES = 4.0
_LONGEST_MITRE = 3.0

Points = NDArray[np.float64]


def cap_outline(cap: Cap) -> Points:
    """Points of a cap's edge: (n, 3) unit vectors, without the first again at the end."""
    centre = np.asarray(cap.centre, np.float64)
    centre = centre / np.linalg.norm(centre)
    least = np.eye(3)[int(np.argmin(np.abs(centre)))]
    right = np.cross(centre, least)
    right /= np.linalg.norm(right)
    up = np.cross(right, centre)
    turn = np.linspace(0.0, 2 * np.pi, 180 + round(10 * np.degrees(cap.radius_rad)), endpoint=False)[:, None]
    around = np.cos(turn) * right + np.sin(turn) * up
    edge: Points = np.cos(cap.radius_rad) * centre + np.sin(cap.radius_rad) * around
    return edge


def arcs(points: Points, *, is_closed: bool) -> Points:
    """Points joined by great circles, no two farther apart than a degree: (m, 3)."""
    unit = np.asarray(points, np.float64)
    if is_closed and len(unit) > 2:
        unit = np.concatenate([unit, unit[:1]])
    pieces = [unit[:1]]
    for a, b in itertools.pairwise(unit):
        angle = float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))
        steps = max(int(np.ceil(angle / _STEP_RAD)), 1)
        t = np.arange(1, steps + 1)[:, None] / steps
        if angle < 1e-6 or angle > np.pi - 1e-6:
            pieces.append(b[None])
        else:
            pieces.append((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle))
    return np.concatenate(pieces)


def on_pane(directions: Points, view: View, *, size_px: tuple[int, int]) -> Iterator[Points]:
    """A line of directions as lines of the pane: (n, 2) pixels each, cut where the view cannot show them.

    On the flat map a line that leaves at one edge comes in again at the other.
    """
    width, height = size_px
    x, y = directions_to_viewport(view, directions, aspect=width / height)
    place = np.stack([x * width, y * height], axis=-1)
    if view.projection is ViewProjection.EQUIRECT:
        period = width * 2 * np.pi / view.fov_rad
        place[:, 0] = np.unwrap(place[:, 0], period=period)
        first = int(np.ceil((-place[:, 0].max() - 40) / period))
        last = int(np.floor((width + 40 - place[:, 0].min()) / period))
        for turn in range(first, last + 1):
            yield place + np.array([turn * period, 0.0])
        return
    size = np.asarray(size_px, np.float64)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(place).all(axis=1) & (np.abs(place - size / 2) < _FAR_PANES * size.max()).all(axis=1)
    for run in np.split(np.arange(len(place)), np.nonzero(np.diff(good.astype(int)))[0] + 1):
        if good[run[0]]:
            yield place[run]


def ribbon(
    line: Points, *, width_px: float, rgb: Rgb, dash_px: float = 0.0, is_ring: bool = False
) -> NDArray[np.float32]:
    """Triangles along a line of the pane: (n, FLOATS) float32, three rows a triangle; wide enough for a soft rim.

    ``is_ring``: the last point is the first again, and they are joined like all others.
    """
    keep = np.concatenate([[True], np.hypot(*np.diff(line, axis=0).T) > 1e-3]) if len(line) > 1 else np.ones(1, bool)
    line = line[keep]
    if len(line) < 2:
        return np.empty((0, FLOATS), np.float32)
    step = np.diff(line, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    normal = np.stack([-step[:, 1], step[:, 0]], axis=-1) / length[:, None]
    before, after = np.concatenate([normal[:1], normal]), np.concatenate([normal, normal[-1:]])
    if is_ring:
        before[0], after[-1] = normal[-1], normal[0]
    mitre = before + after
    size = np.einsum("ij,ij->i", mitre, before)
    mitre /= np.maximum(size, 2 / _LONGEST_MITRE)[:, None]
    along = np.concatenate([[0.0], np.cumsum(length)])
    reach = width_px / 2 + 2.0
    sides = np.empty((2, len(line), FLOATS), np.float32)
    for side, sign in enumerate((-1.0, 1.0)):
        sides[side, :, :2] = line + sign * reach * mitre
        sides[side, :, 2] = sign * reach
        sides[side, :, 3] = along
        sides[side, :, 4:6] = width_px / 2, dash_px
        sides[side, :, 6:] = rgb
    left, right = sides
    quads = np.stack([left[:-1], right[:-1], left[1:], left[1:], right[:-1], right[1:]], axis=1)
    return quads.reshape(-1, FLOATS)


def cap_ribbons(cap: Cap, view: View, *, size_px: tuple[int, int], pixel_ratio: float) -> Iterator[NDArray[np.float32]]:
    """A brush's outline."""
    edge = cap_outline(cap)
    for line in on_pane(np.concatenate([edge, edge[:1]]), view, size_px=size_px):
        yield ribbon(
            line,
            width_px=cap.width_px * pixel_ratio,
            rgb=cap.rgb,
            dash_px=DASH_PX * pixel_ratio * cap.is_dashed,
            is_ring=bool(np.allclose(line[0], line[-1])),
        )


def path_ribbons(
    path: Path, view: View, *, size_px: tuple[int, int], pixel_ratio: float
) -> Iterator[NDArray[np.float32]]:
    """A tool's line and its corners."""
    if len(path.points) == 0:
        return
    width, dash = path.width_px * pixel_ratio, DASH_PX * pixel_ratio * path.is_dashed
    for line in on_pane(arcs(path.points, is_closed=path.is_closed), view, size_px=size_px):
        yield ribbon(line, width_px=width, rgb=path.rgb, dash_px=dash)
    if path.has_points:
        for point in path.points:
            for place in on_pane(point[None], view, size_px=size_px):
                yield ribbon(_circle(place[0], 3.0 * pixel_ratio), width_px=width, rgb=path.rgb, is_ring=True)


def mark_places(mark: Mark, view: View, *, size_px: tuple[int, int]) -> list[Points]:
    """Where a mark lies in the pane: (2,) pixels each; on the flat map perhaps twice."""
    return [line[0] for line in on_pane(np.asarray(mark.direction, np.float64)[None], view, size_px=size_px)]


def mark_ribbons(mark: Mark, place: Points, *, pixel_ratio: float) -> Iterator[NDArray[np.float32]]:
    """A mark's sign at a place."""
    width = 1.75 * pixel_ratio
    if mark.shape is MarkShape.RING:
        yield ribbon(_circle(place, RING_PX * pixel_ratio), width_px=width, rgb=mark.rgb, is_ring=True)
        return
    reach = CROSS_PX * pixel_ratio
    for sign in (1.0, -1.0):
        ends = np.array([[-reach, -sign * reach], [reach, sign * reach]])
        yield ribbon(place + ends, width_px=width, rgb=mark.rgb)


def split_ribbons(at_px: float, height_px: int, *, pixel_ratio: float) -> Iterator[NDArray[np.float32]]:
    """The line between two compared sources, with a handle."""
    middle, radius = height_px / 2, 10.0 * pixel_ratio
    for top, bottom in ((0.0, middle - radius), (middle + radius, float(height_px))):
        yield ribbon(np.array([[at_px, top], [at_px, bottom]]), width_px=2.0 * pixel_ratio, rgb=(1.0, 1.0, 1.0))
    centre = np.array([at_px, middle])
    yield ribbon(_circle(centre, radius), width_px=2.0 * pixel_ratio, rgb=(1.0, 1.0, 1.0), is_ring=True)
    for sign in (-1.0, 1.0):
        tip = np.array([[sign * 2.5, -3.5], [sign * 6.0, 0.0], [sign * 2.5, 3.5]]) * pixel_ratio
        yield ribbon(centre + tip, width_px=1.5 * pixel_ratio, rgb=(1.0, 1.0, 1.0))


def _circle(centre: Points, radius_px: float) -> Points:
    turn = np.linspace(0.0, 2 * np.pi, 33)
    circle: Points = centre + radius_px * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    circle[-1] = circle[0]
    return circle
