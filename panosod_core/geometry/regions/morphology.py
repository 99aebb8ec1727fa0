"""Growing, shrinking and smoothing by an angle: the same on the equator, at the poles and over the seam."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.regions.ring import BoolMask, RingMask, column_azimuths, reach_in_row, row_elevations
from panosod_core.geometry.sphere import FloatArray


def grow(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels within an angle of the mask, those of the mask included.

    Args:
        mask: (H, W).
        radius_rad: 0..pi.
    """
    inside: BoolMask = mask != 0
    rows = np.flatnonzero(inside.any(axis=1))
    if not rows.size:
        return inside
    near = _rows_within(mask.shape[0], int(rows[0]), int(rows[-1]), radius_rad)
    return inside | _reached(inside, radius_rad, near)


def shrink(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels of the mask further than an angle from all that is not mask.

    Args:
        mask: (H, W).
        radius_rad: 0..pi.
    """
    inside: BoolMask = mask != 0
    rows = np.flatnonzero(inside.any(axis=1))
    if not rows.size:
        return inside
    return inside & ~_reached(~inside, radius_rad, range(int(rows[0]), int(rows[-1]) + 1))


def smooth(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels around which, within an angle, at least half of the sphere is mask.

    Args:
        mask: (H, W).
        radius_rad: 0..pi; straight borders stay where they are, bumps and notches smaller than it go.
    """
    inside: BoolMask = mask != 0
    height, width = mask.shape
    rows = np.flatnonzero(inside.any(axis=1))
    smoothed = np.zeros(mask.shape, np.bool_)
    if not rows.size:
        return smoothed
    # Sums over stretches of a row are differences of its running sum, laid three times around the ring.
    running = np.zeros((height, 3 * width + 1), np.int32)
    np.cumsum(np.tile(inside, (1, 3)), axis=1, out=running[:, 1:])
    weights = np.cos(row_elevations(height))
    for row in _rows_within(height, int(rows[0]), int(rows[-1]), radius_rad):
        within = np.zeros(width)
        whole = 0.0
        for other, reach in _reaches(row, radius_rad, width, height):
            pixels = min(2 * int(reach) + 1, width)
            whole += weights[other] * pixels
            if pixels == width:
                within += weights[other] * running[other, width]
            else:
                side = pixels // 2
                ends = running[other, width + side + 1 : 2 * width + side + 1]
                within += weights[other] * (ends - running[other, width - side : 2 * width - side])
        smoothed[row] = 2 * within >= whole
    return smoothed


def _rows_within(height: int, top: int, bottom: int, radius: float) -> range:
    reach = math.ceil(radius * height / math.pi)
    return range(max(0, top - reach), min(height - 1, bottom + reach) + 1)


def _reaches(row: int, radius: float, width: int, height: int) -> Iterator[tuple[int, float]]:
    """Rows that a cap about a pixel of this row meets, and how many columns it reaches to either side there."""
    elevations = row_elevations(height)
    others = _rows_within(height, row, row, radius)
    reach = reach_in_row(float(elevations[row]), elevations[others.start : others.stop], radius)
    for other, angle in zip(others, reach, strict=True):
        if angle >= 0:
            yield other, float(angle) * width / (2 * math.pi)


def _reached(inside: BoolMask, radius: float, rows: range) -> BoolMask:
    """Pixels of some rows that lie within an angle of a mask."""
    height, width = inside.shape
    sources = _rows_within(height, rows.start, rows.stop - 1, radius)
    away = _along_rows(inside[sources.start : sources.stop])
    elevations = row_elevations(height)
    found = np.zeros(inside.shape, np.bool_)
    for row in rows:
        near = _rows_within(height, row, row, radius)
        reach = reach_in_row(float(elevations[row]), elevations[near.start : near.stop], radius)
        columns = reach * width / (2 * math.pi)
        distances = away[near.start - sources.start : near.stop - sources.start]
        found[row] = (distances <= columns[:, None].astype(np.float32)).any(axis=0)
    return found


def _along_rows(inside: BoolMask) -> NDArray[np.float32]:
    """Columns to the nearest true pixel of the same row, on the ring; infinite in empty rows."""
    width = inside.shape[1]
    place = np.arange(3 * width, dtype=np.float32)
    around = np.tile(inside, (1, 3))
    before = np.where(around, place, -np.inf).astype(np.float32)
    np.maximum.accumulate(before, axis=1, out=before)
    behind = np.where(around, place, np.inf).astype(np.float32)
    flipped = behind[:, ::-1]
    np.minimum.accumulate(flipped, axis=1, out=flipped)
    middle = slice(width, 2 * width)
    nearest: NDArray[np.float32] = np.minimum(place[middle] - before[:, middle], behind[:, middle] - place[middle])
    return nearest


def bounding_cap(mask: NDArray[np.generic]) -> tuple[FloatArray, float] | None:
    """A cap about the middle of a mask that holds its pixels' centres; not always the smallest one.

    Args:
        mask: (H, W).

    Returns:
        Direction (3,) and radius in radians; None for an empty mask. A mask without a middle (a whole ring) gets the
        whole sphere.
    """
    height, width = mask.shape
    region = RingMask.of(np.asarray(mask != 0))
    return None if region is None else cap_about(region, width=width, height=height)


def cap_about(region: RingMask, *, width: int, height: int) -> tuple[FloatArray, float] | None:
    """As :func:`bounding_cap`, where a region is at hand.

    Args:
        region: of the sphere's picture.
        width: of that picture.
        height: of that picture.
    """
    box, bits = region.box, region.bits
    elevations = row_elevations(height)[box.y : box.y + box.height]
    azimuths = column_azimuths(width)[(box.x + np.arange(box.width)) % width]
    cosines, sines = np.cos(elevations), np.sin(elevations)
    along, across, in_row = np.cos(azimuths), np.sin(azimuths), bits.sum(axis=1)
    total = float(in_row @ cosines)
    if total <= 0.0:
        return None
    per_column = (cosines**2).astype(np.float32) @ bits.astype(np.float32)
    middle = np.array([per_column @ along, per_column @ across, in_row @ (cosines * sines)])
    length = float(np.linalg.norm(middle))
    if length < 1e-6 * total:
        return np.array([1.0, 0.0, 0.0]), math.pi
    middle /= length
    nearness = cosines[:, None] * (along * middle[0] + across * middle[1])[None, :] + sines[:, None] * middle[2]
    nearest = float(np.clip(np.min(nearness, where=bits, initial=1.0), -1.0, 1.0))
    return middle, math.acos(nearest)
