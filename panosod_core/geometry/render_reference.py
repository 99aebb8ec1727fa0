"""Reference renderer in float64: what the shader must show, sample by sample.

Slow and plain on purpose. It takes numeric planes, so that it knows nothing of codecs and colour
(``media.reference_view`` adds those).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import FloatArray, direction, direction_to_uv


@dataclass(frozen=True)
class EyeCoordinates:
    """Where in the chosen eye's picture each pixel of a viewport looks.

    Attributes:
        u, v: (H, W) float64, fractions of the eye; u has been wrapped so that the nearest edge counts.
        coverage: (H, W) float64, 1 where the picture reaches, 0 where it does not, between them on the edge.
    """

    u: FloatArray
    v: FloatArray
    coverage: FloatArray


def spherical_coordinates(view: View, geometry: PictureGeometry, *, width: int, height: int) -> EyeCoordinates:
    """Eye coordinates of every pixel centre of a width x height viewport with square pixels.

    The edge of a picture that covers less than the sphere is softened over one pixel, by the same difference
    quotients as the shader's (2x2 quads, starting at the bottom left).
    """
    x, y = pixel_centres(width, height)
    aspect = width / height
    b = geometry.bounds
    if view.projection is ViewProjection.EQUIRECT:
        azimuth = view.yaw_rad + (0.5 - x) * view.fov_rad
        elevation = view.pitch_rad + (0.5 - y) * view.fov_rad / aspect
        # beyond the poles there is no direction; the map's end is an edge like any other
        inside_map = edge_coverage(np.broadcast_to(np.pi / 2 - np.abs(elevation), (height, width)))
        directions = direction(azimuth, np.clip(elevation, -np.pi / 2, np.pi / 2))
    else:
        inside_map = np.ones((height, width))
        directions = viewport_to_directions(view, x, y, aspect=aspect)
    u_full, v_full = direction_to_uv(directions @ geometry.R_world_picture)
    span_u, span_v = 1 - b.left - b.right, 1 - b.top - b.bottom
    centre = b.left + span_u / 2
    du = u_full - centre - np.round(u_full - centre)
    coverage = inside_map
    if span_u < 1:
        coverage = coverage * edge_coverage(span_u / 2 - np.abs(du))
    if b.top > 0:
        coverage = coverage * edge_coverage(v_full - b.top)
    if b.bottom > 0:
        coverage = coverage * edge_coverage(1 - b.bottom - v_full)
    return EyeCoordinates(0.5 + du / span_u, (v_full - b.top) / span_v, coverage)


def flat_coordinates(
    picture_aspect: float, *, width: int, height: int, centre_u: float = 0.5, centre_v: float = 0.5, zoom: float = 1.0
) -> EyeCoordinates:
    """Eye coordinates of a flat picture fitted into the viewport, then zoomed about a point of it.

    Args:
        picture_aspect: width / height of the eye's picture in square pixels.
        width: of the viewport, pixels.
        height: of the viewport, pixels.
        centre_u: point of the picture in the middle of the viewport, fraction from the left.
        centre_v: the same, fraction from the top.
        zoom: 1 fits the whole picture in.
    """
    x, y = pixel_centres(width, height)
    across, down = flat_extent(picture_aspect, width / height, zoom)
    u, v = np.broadcast_arrays(centre_u + (x - 0.5) * across, centre_v + (y - 0.5) * down)
    inside = edge_coverage(0.5 - np.abs(u - 0.5)) * edge_coverage(0.5 - np.abs(v - 0.5))
    return EyeCoordinates(u, v, inside)


def flat_extent(picture_aspect: float, viewport_aspect: float, zoom: float) -> tuple[float, float]:
    """How many picture widths and heights the viewport spans when the picture is fitted and zoomed."""
    across = max(viewport_aspect / picture_aspect, 1.0) / zoom
    return across, across * picture_aspect / viewport_aspect


def pixel_centres(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Positions x (1, W) and y (H, 1) of pixel centres as fractions, origin top left."""
    return (np.arange(width)[None, :] + 0.5) / width, (np.arange(height)[:, None] + 0.5) / height


def edge_coverage(distance: ArrayLike) -> FloatArray:
    """Coverage of pixels from a signed distance in any unit (inside positive): soft over one pixel."""
    d = np.asarray(distance, np.float64)
    slope = np.hypot(_quad_difference(d, axis=1), _quad_difference(d, axis=0))
    return np.clip(d / np.maximum(slope, 1e-9) + 0.5, 0.0, 1.0)


def _quad_difference(values: FloatArray, *, axis: int) -> FloatArray:
    """The shader's dFdx, dFdy: differences within 2x2 quads, rows counted from the bottom."""
    v = np.moveaxis(values, axis, 0)
    if axis == 0:
        v = v[::-1]
    padded = np.concatenate([v, 2 * v[-1:] - v[-2:-1]]) if len(v) % 2 else v
    pairs = padded.reshape(-1, 2, *padded.shape[1:])
    difference = np.repeat(pairs[:, 1] - pairs[:, 0], 2, axis=0)[: len(v)]
    if axis == 0:
        difference = difference[::-1]
    return np.moveaxis(difference, 0, axis)


def sample_plane(
    plane: ArrayLike,
    coordinates: EyeCoordinates,
    geometry: PictureGeometry,
    *,
    site: tuple[float, float] = (0.5, 0.5),
) -> FloatArray:
    """Bilinear samples of one plane of a packed picture, never reaching into the other eye.

    Args:
        plane: (rows, columns) or (rows, columns, C), the visible part only.
        coordinates: where to sample.
        geometry: packing; a picture of the full turn wraps horizontally, others repeat their edge.
        site: where in its cell a sample lies (see ``media.color.chroma_site``).

    Returns:
        (H, W) or (H, W, C) float64.
    """
    p = np.asarray(plane, np.float64)
    rows, columns = p.shape[:2]
    u0, v0, u1, v1 = geometry.eye_rect
    full_turn = geometry.is_spherical and geometry.bounds.left + geometry.bounds.right == 0
    tx = (u0 + coordinates.u * (u1 - u0)) * columns - site[0]
    ty = (v0 + coordinates.v * (v1 - v0)) * rows - site[1]
    x0, x1, fx = _neighbours(tx, *texel_range(u0, u1, columns), wrap=full_turn)
    y0, y1, fy = _neighbours(ty, *texel_range(v0, v1, rows), wrap=False)
    if p.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    top = p[y0, x0] * (1 - fx) + p[y0, x1] * fx
    bottom = p[y1, x0] * (1 - fx) + p[y1, x1] * fx
    samples: FloatArray = top * (1 - fy) + bottom * fy
    return samples


def texel_range(start: float, end: float, count: int) -> tuple[int, int]:
    """First and one-past-last texel whose centre lies in [start, end] of a plane ``count`` texels long."""
    return int(np.ceil(start * count - 0.5)), int(np.ceil(end * count - 0.5))


def _neighbours(t: FloatArray, first: int, end: int, *, wrap: bool) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    low = np.floor(t)
    fraction = t - low
    a = low.astype(np.int64)
    b = a + 1
    if wrap:
        return first + (a - first) % (end - first), first + (b - first) % (end - first), fraction
    return np.clip(a, first, end - 1), np.clip(b, first, end - 1), fraction
