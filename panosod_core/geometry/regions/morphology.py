"""Growing, shrinking and smoothing by an angle: the same on the equator, at the poles and over the seam."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.regions.ring import (
    BoolMask,
    RingBox,
    RingMask,
    column_azimuths,
    reach_in_row,
    row_elevations,
)
from panosod_core.geometry.sphere import FloatArray


def grow(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels within an angle of the mask, those of the mask included.

    Args:
        mask: (H, W).
        radius_rad: 0..pi.
    """
    return _on_all(grown, mask, radius_rad)


def shrink(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels of the mask further than an angle from all that is not mask.

    Args:
        mask: (H, W).
        radius_rad: 0..pi.
    """
    return _on_all(shrunk, mask, radius_rad)


def smooth(mask: NDArray[np.generic], radius_rad: float) -> BoolMask:
    """Pixels around which, within an angle, at least half of the sphere is mask.

    Args:
        mask: (H, W).
        radius_rad: 0..pi; straight borders stay where they are, bumps and notches smaller than it go.
    """
    return _on_all(smoothed, mask, radius_rad)


def _on_all(
    change: Callable[[RingMask, float, tuple[int, int]], RingMask | None], mask: NDArray[np.generic], radius_rad: float
) -> BoolMask:
    shape = (mask.shape[0], mask.shape[1])
    region = RingMask.of(np.asarray(mask != 0))
    changed = None if region is None else change(region, radius_rad, shape)
    return np.zeros(shape, np.bool_) if changed is None else changed.full(shape)


def grown(region: RingMask, radius_rad: float, shape: tuple[int, int]) -> RingMask | None:
    """As :func:`grow`, at the cost of what the region is large; ``shape`` is (H, W) of the sphere."""
    piece = _piece(region, radius_rad, shape)
    inside = piece.bits
    rows = _rows_within(piece.elevations, *_extent(inside), radius_rad)
    return piece.region(inside | _reached(inside, radius_rad, rows, piece), shape)


def shrunk(region: RingMask, radius_rad: float, shape: tuple[int, int]) -> RingMask | None:
    """As :func:`shrink`, at the cost of what the region is large; ``shape`` is (H, W) of the sphere."""
    piece = _piece(region, radius_rad, shape)
    inside = piece.bits
    top, bottom = _extent(inside)
    return piece.region(inside & ~_reached(~inside, radius_rad, range(top, bottom + 1), piece), shape)


def smoothed(region: RingMask, radius_rad: float, shape: tuple[int, int]) -> RingMask | None:
    """As :func:`smooth`, at the cost of what the region is large; ``shape`` is (H, W) of the sphere."""
    piece = _piece(region, radius_rad, shape)
    inside, elevations = piece.bits, piece.elevations
    height, width = inside.shape
    # Sums over stretches of a row are differences of its running sum, laid three times around the ring.
    running = np.zeros((height, 3 * width + 1), np.int32)
    np.cumsum(np.tile(inside, (1, 3)), axis=1, out=running[:, 1:])
    rows = _rows_within(elevations, *_extent(inside), radius_rad)
    within, whole = np.zeros((len(rows), width)), np.zeros(len(rows))
    farthest = _steps(elevations, radius_rad)
    for step in range(-farthest, farthest + 1):
        for first, past, pixels in _alike(rows, step, radius_rad, piece):
            others = slice(first + step, past + step)
            weights = np.cos(elevations[others])
            whole[first - rows.start : past - rows.start] += weights * pixels
            if pixels == piece.ring_width:
                sums = running[others, width][:, None]
            else:
                side = pixels // 2
                ends = running[others, width + side + 1 : 2 * width + side + 1]
                sums = ends - running[others, width - side : 2 * width - side]
            within[first - rows.start : past - rows.start] += weights[:, None] * sums
    result = np.zeros(inside.shape, np.bool_)
    # A radius so small that rounding leaves not even the pixel itself within it changes nothing.
    is_reached = whole[:, None] > 0
    result[rows.start : rows.stop] = np.where(is_reached, 2 * within >= whole[:, None], inside[rows.start : rows.stop])
    return piece.region(result, shape)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part of the sphere that holds a region and all that lies within twice a radius of it, as a ring of its own.

    Where it is not as wide as the sphere's ring its ends lie so far from the region that nothing reaches from one to
    the other.

    Attributes:
        box: where.
        bits: (box.height, box.width) of the region.
        elevations: (box.height,) of the rows, radians.
        ring_width: of the sphere's ring.
    """

    box: RingBox
    bits: BoolMask
    elevations: FloatArray
    ring_width: int

    def region(self, bits: BoolMask, shape: tuple[int, int]) -> RingMask | None:
        return RingMask(self.box, bits).trimmed(shape[1])


def _piece(region: RingMask, radius: float, shape: tuple[int, int]) -> _Piece:
    (height, width), old = shape, region.box
    elevations = row_elevations(height)
    steps = _steps(elevations, radius)
    top, bottom = max(0, old.y - 2 * steps), min(height, old.y + old.height + 2 * steps)
    # A cap about a pixel of any row that can change, where it is widest: not at its centre's row.
    near = elevations[max(0, old.y - steps) : min(height, old.y + old.height + steps)]
    highest = float(np.abs(near).max())
    is_round = highest + radius >= math.pi / 2
    reach = width if is_round else math.asin(min(1.0, math.sin(radius) / math.cos(highest))) * width / (2 * math.pi)
    pad = math.ceil(reach) + 1
    if old.width + 2 * pad >= width:
        box = RingBox(0, top, width, bottom - top)
    else:
        box = RingBox((old.x - pad) % width, top, old.width + 2 * pad, bottom - top)
    return _Piece(box, region.within(box, width), elevations[top:bottom], width)


def _extent(inside: BoolMask) -> tuple[int, int]:
    rows = np.flatnonzero(inside.any(axis=1))
    return int(rows[0]), int(rows[-1])


def _steps(elevations: FloatArray, radius: float) -> int:
    """Rows that a radius may reach to either side, at most."""
    pitch = float(elevations[0] - elevations[1]) if len(elevations) > 1 else math.pi
    return math.ceil(radius / pitch - 1e-9)


def _rows_within(elevations: FloatArray, top: int, bottom: int, radius: float) -> range:
    steps = _steps(elevations, radius)
    return range(max(0, top - steps), min(len(elevations) - 1, bottom + steps) + 1)


def _alike(rows: range, step: int, radius: float, piece: _Piece) -> Iterator[tuple[int, int, int]]:
    """Rows one after the other whose caps are as wide in the row some steps away: first, past, pixels of that width."""
    first, past = max(rows.start, -step), min(rows.stop, len(piece.elevations) - step)
    if first >= past:
        return
    here, there = piece.elevations[first:past], piece.elevations[first + step : past + step]
    angles = reach_in_row(here, there, radius)
    sides = (angles * piece.ring_width / (2 * math.pi)).astype(np.int64)
    pixels = np.where(angles >= 0, np.minimum(2 * sides + 1, piece.ring_width), 0)
    cuts = np.flatnonzero(np.diff(pixels)) + 1
    for start, end in itertools.pairwise([0, *cuts.tolist(), len(pixels)]):
        if pixels[start]:
            yield first + start, first + end, int(pixels[start])


def _reached(inside: BoolMask, radius: float, rows: range, piece: _Piece) -> BoolMask:
    """Pixels of some rows that lie within an angle of a mask."""
    elevations = piece.elevations
    sources = _rows_within(elevations, rows.start, rows.stop - 1, radius)
    away = _along_rows(inside[sources.start : sources.stop])
    found = np.zeros(inside.shape, np.bool_)
    for row in rows:
        near = _rows_within(elevations, row, row, radius)
        reach = reach_in_row(float(elevations[row]), elevations[near.start : near.stop], radius)
        columns = reach * piece.ring_width / (2 * math.pi)
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
