"""What a round brush covers on the sphere: caps and the bands between them."""

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.regions.ring import (
    RingBox,
    RingMask,
    column_azimuths,
    column_of,
    reach_in_row,
    row_elevations,
    row_of,
)
from panosod_core.geometry.sphere import angle_between, azimuth_elevation

_MARGIN = 1.05
"""Caps along a stroke, half a radius apart and larger by this, hold the band between them."""


def cap(centre: ArrayLike, radius_rad: float, *, width: int, height: int) -> RingMask | None:
    """Pixels whose centre lies within an angle of a direction.

    Args:
        centre: (3,) direction of any length.
        radius_rad: 0..pi.
        width: of the picture.
        height: of the picture.

    Returns:
        The mask; None where the cap holds no pixel centre.
    """
    azimuth, elevation = (float(a) for a in azimuth_elevation(np.asarray(centre, np.float64)))
    box = _cap_box(azimuth, elevation, radius_rad, width, height)
    if box is None:
        return None
    reach = reach_in_row(elevation, row_elevations(height)[box.y : box.y + box.height], radius_rad) * (
        width / (2 * math.pi)
    )
    middle = column_of(azimuth, width)
    away = np.abs((np.arange(box.x, box.x + box.width) - middle + width / 2) % width - width / 2)
    inside = away[None, :] <= reach[:, None]
    return RingMask(box, inside) if inside.any() else None


def segment(start: ArrayLike, end: ArrayLike, radius_rad: float, *, width: int, height: int) -> RingMask | None:
    """Pixels whose centre lies within an angle of the shorter great-circle arc between two directions.

    Args:
        start: (3,) direction of any length.
        end: (3,) direction of any length, not opposite to `start`.
        radius_rad: less than pi / 2.
        width: of the picture.
        height: of the picture.

    Returns:
        The mask; None where no pixel centre is held.

    Raises:
        ValueError: opposite directions, between which no arc is the shortest.
    """
    a, b = _unit(start), _unit(end)
    length = float(angle_between(a, b))
    if length < 1e-9:
        return cap(a, radius_rad, width=width, height=height)
    if length > math.pi - 1e-6:
        raise ValueError("start and end are opposite: no arc between them is the shortest")
    normal = _unit(np.cross(a, b))
    box = _arc_box(a, b, normal, length, radius_rad, width, height)
    if box is None:
        return None
    azimuths = column_azimuths(width)[(box.x + np.arange(box.width)) % width]
    elevations = row_elevations(height)[box.y : box.y + box.height]
    across = np.stack([np.cos(azimuths), np.sin(azimuths)])
    cosines, sines = np.cos(elevations)[:, None], np.sin(elevations)[:, None]

    def dot(v: np.ndarray) -> np.ndarray:
        """Of every pixel's direction with a vector."""
        product: np.ndarray = cosines * (v[:2] @ across)[None, :] + sines * v[2]
        return product

    between = (dot(np.cross(normal, a)) >= 0) & (dot(np.cross(b, normal)) >= 0)
    inside = between & (np.abs(dot(normal)) <= math.sin(radius_rad))
    near = math.cos(radius_rad)
    inside |= (dot(a) >= near) | (dot(b) >= near)
    return RingMask(box, inside) if inside.any() else None


def stroke(points: ArrayLike, radius_rad: float, *, width: int, height: int) -> list[RingMask]:
    """What a brush that is dragged through directions covers: one mask an arc, together the whole stroke.

    Args:
        points: (n, 3) directions, n >= 1.
        radius_rad: of the brush, less than pi / 2.
        width: of the picture.
        height: of the picture.
    """
    directions = np.asarray(points, np.float64).reshape(-1, 3)
    if len(directions) == 1:
        found = [cap(directions[0], radius_rad, width=width, height=height)]
    else:
        found = [segment(a, b, radius_rad, width=width, height=height) for a, b in itertools.pairwise(directions)]
    return [mask for mask in found if mask is not None]


def _unit(vector: ArrayLike) -> np.ndarray:
    v = np.asarray(vector, np.float64)
    unit: np.ndarray = v / np.linalg.norm(v)
    return unit


def _cap_box(azimuth: float, elevation: float, radius: float, width: int, height: int) -> RingBox | None:
    top = max(0, math.ceil(row_of(min(math.pi / 2, elevation + radius), height)))
    bottom = min(height - 1, math.floor(row_of(max(-math.pi / 2, elevation - radius), height)))
    if bottom < top:
        return None
    if abs(elevation) + radius >= math.pi / 2:
        return RingBox(0, top, width, bottom - top + 1)
    # Where a meridian touches the cap: the widest it gets, which is not at its centre's row.
    half = math.asin(min(1.0, math.sin(radius) / math.cos(elevation))) * width / (2 * math.pi)
    middle = column_of(azimuth, width)
    left, right = math.ceil(middle - half), math.floor(middle + half)
    if right < left:
        return None
    if right - left + 1 >= width:
        return RingBox(0, top, width, bottom - top + 1)
    return RingBox(left % width, top, right - left + 1, bottom - top + 1)


def _arc_box(
    a: np.ndarray, b: np.ndarray, normal: np.ndarray, length: float, radius: float, width: int, height: int
) -> RingBox | None:
    """A box that holds the band: that of caps along it, a little larger than the brush."""
    along = np.cross(normal, a)
    # Not smaller than a pixel, or a hair's breadth of a brush would take thousands of caps.
    margin = max(radius * _MARGIN, radius + math.pi / height)
    steps = max(1, math.ceil(length / max(radius / 2, math.pi / height)))
    box: RingBox | None = None
    for angle in np.linspace(0.0, length, steps + 1):
        azimuth, elevation = (float(x) for x in azimuth_elevation(math.cos(angle) * a + math.sin(angle) * along))
        part = _cap_box(azimuth, elevation, margin, width, height)
        if part is not None:
            box = part if box is None else box.union(part, width)
    return box
