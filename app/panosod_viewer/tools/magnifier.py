"""What the loupe shows: the picture's own pixels about a direction, unblended, with the objects over them. No Qt.

The loupe looks along the pointer's direction with the rows of the screen kept, whatever the projection around it is.
Every point takes the nearest sample of each plane, so that the edges of pixels stay sharp; masks have their own pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.render_reference import texel_range
from panosod_core.geometry.sphere import FloatArray, direction_to_uv
from panosod_core.media.color import samples_to_rgb
from panosod_core.media.frame import VideoFrame
from panosod_viewer.overlays import Palette

ZOOMS = (4, 8, 16)
"""How much larger than on the screen around it."""
_STEP = 1e-4
"""Of a pane's width, for differences."""


@dataclass(frozen=True, eq=False)
class Sight:
    """Where the loupe looks.

    Attributes:
        axes: (3, 3) float64, rows: forward, right on the screen, up on the screen; unit vectors of the world.
        rad_per_pane: how much of the sphere a pane's width covers at this place, radians.
    """

    axes: FloatArray
    rad_per_pane: float


def sight_at(view: View, x: float, y: float, *, aspect: float) -> Sight | None:
    """The sight at a point of a pane; None beside the sphere, and where a screen has no right and up (a map's pole).

    Args:
        view: of the pane.
        x: fraction of the pane from its left.
        y: fraction of the pane from its top.
        aspect: width / height of the pane.
    """
    if view.projection is ViewProjection.EQUIRECT:
        elevation = view.pitch_rad + (0.5 - y) * view.fov_rad / aspect
        if abs(elevation) > math.pi / 2:
            return None
    points = viewport_to_directions(
        view, np.array([x, x + _STEP, x]), np.array([y, y, y - _STEP * aspect]), aspect=aspect
    )
    if not np.isfinite(points).all():
        return None
    forward = points[0] / np.linalg.norm(points[0])
    right, up = (_tangent(point, forward) for point in points[1:])
    size = math.sqrt(float(np.linalg.norm(np.cross(right, up))))
    if size < 1e-4 * _STEP:
        return None
    up /= np.linalg.norm(up)
    return Sight(np.stack([forward, np.cross(forward, up), up]), size / _STEP)


def _tangent(point: FloatArray, forward: FloatArray) -> FloatArray:
    away: FloatArray = point / np.linalg.norm(point) - forward
    return away - (away @ forward) * forward


def magnified(
    sight: Sight,
    *,
    frame: VideoFrame,
    geometry: PictureGeometry,
    labels: NDArray[np.uint8] | None,
    palette: Palette,
    size_px: int,
    rad_per_px: float,
) -> NDArray[np.uint8]:
    """The loupe's picture: (size_px, size_px, 3) uint8 RGB.

    Args:
        sight: where to look.
        frame: the picture on the screen.
        geometry: how it covers the sphere.
        labels: (H, W) uint8 of the full sphere in the picture's frame, or None.
        palette: how objects are shown.
        size_px: pixels a side.
        rad_per_px: of the sphere in the middle, a pixel.
    """
    steps = (np.arange(size_px) - (size_px - 1) / 2) * rad_per_px
    forward, right, up = sight.axes
    rays = forward + steps[None, :, None] * right - steps[:, None, None] * up
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    u, v = geometry.directions_to_eye_uv(rays)
    rgb = samples_to_rgb(_samples(frame, geometry, u, v), frame) * 255.0
    rgb[(v < 0) | (v > 1) | (np.abs(u - 0.5) > 0.5)] = 0.0
    if labels is not None:
        rgb = _with_labels(rgb, _labels_at(labels, rays @ geometry.R_world_picture), palette)
    shown: NDArray[np.uint8] = np.rint(rgb).astype(np.uint8)
    return shown


def _samples(frame: VideoFrame, geometry: PictureGeometry, u: FloatArray, v: FloatArray) -> FloatArray:
    """(h, w, 3): the nearest sample of each plane, stored value / largest stored value."""
    found = np.zeros((*u.shape, 3))
    components = frame.layout.components
    for number, plane in enumerate(frame.planes):
        shift = frame.layout.chroma_shift if number and components in ("yuv", "y+uv") else (0, 0)
        columns, rows = -(-frame.width >> shift[0]), -(-frame.height >> shift[1])
        u0, v0, u1, v1 = geometry.eye_rect
        x = _nearest(u0 + u * (u1 - u0), *texel_range(u0, u1, columns), count=columns, wraps=True)
        y = _nearest(v0 + v * (v1 - v0), *texel_range(v0, v1, rows), count=rows, wraps=False)
        if number == 1 and components == "y+uv":
            found[..., 1], found[..., 2] = plane[y, 2 * x], plane[y, 2 * x + 1]
        else:
            found[..., number] = plane[y, x]
    return found / (255.0 if frame.planes[0].dtype == np.uint8 else 65535.0)


def _nearest(t: FloatArray, first: int, end: int, *, count: int, wraps: bool) -> NDArray[np.int64]:
    cells = np.floor(t * count).astype(np.int64)
    return first + (cells - first) % (end - first) if wraps else np.clip(cells, first, end - 1)


def _labels_at(labels: NDArray[np.uint8], rays: FloatArray) -> NDArray[np.uint8]:
    height, width = labels.shape
    u, v = direction_to_uv(rays)
    rows = np.minimum((v * height).astype(np.int64), height - 1)
    found: NDArray[np.uint8] = labels[rows, (u * width).astype(np.int64) % width]
    return found


def _with_labels(rgb: FloatArray, here: NDArray[np.uint8], palette: Palette) -> FloatArray:
    fill = palette.fill[here].astype(np.float64)
    opacity = fill[..., 3:] / 255.0
    shown: FloatArray = rgb * (1 - opacity) + fill[..., :3] * opacity
    edge = np.zeros(here.shape, np.bool_)
    edge[:, 1:] |= here[:, 1:] != here[:, :-1]
    edge[1:] |= here[1:] != here[:-1]
    beside = np.maximum(here, np.maximum(np.roll(here, 1, axis=0), np.roll(here, 1, axis=1)))
    line = palette.line[beside].astype(np.float64)
    opacity = np.where(edge[..., None], line[..., 3:] / 255.0, 0.0)
    return shown * (1 - opacity) + line[..., :3] * opacity
