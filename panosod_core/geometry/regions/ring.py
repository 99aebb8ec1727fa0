"""Masks on the ring: rectangles that may pass over the seam at +-180 degrees, boolean masks that live in them.

The columns of an equirectangular picture are a ring: a :class:`RingBox` may start near the right edge and end near the
left one. A :class:`RingMask` is a boolean mask with the box it lives in, so that a small object in a 4K frame costs
what the object costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray, pixel_solid_angles

BoolMask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class RingBox:
    """A rectangle of pixels on a ring of columns.

    Attributes:
        x: first column, 0 <= x; ``x + width`` may exceed the ring's width and then goes on at column 0.
        y: first row.
        width, height: pixels, at least 1.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"impossible box {self}")

    def check_inside(self, shape: tuple[int, ...]) -> None:
        """Raises ValueError where the box does not fit on a (H, W) ring."""
        height, width = shape
        if self.x >= width or self.width > width or self.y + self.height > height:
            raise ValueError(f"{self} does not fit on a ring of {width}x{height}")

    def columns(self, ring_width: int) -> Iterator[tuple[slice, slice]]:
        """The one or two column ranges: (in the box, on the ring)."""
        first = min(self.width, ring_width - self.x)
        yield slice(0, first), slice(self.x, self.x + first)
        if first < self.width:
            yield slice(first, self.width), slice(0, self.width - first)

    def wraps(self, ring_width: int) -> bool:
        """Whether the box crosses the seam."""
        return self.x + self.width > ring_width

    def read(self, full: NDArray[np.generic]) -> NDArray:  # type: ignore[type-arg]  # same dtype as what is read
        """A copy of the box's pixels, (height, width)."""
        rows = slice(self.y, self.y + self.height)
        parts = [full[rows, on_ring] for _, on_ring in self.columns(full.shape[1])]
        return parts[0].copy() if len(parts) == 1 else np.concatenate(parts, axis=1)

    def write(self, full: NDArray[np.generic], values: NDArray[np.generic]) -> None:
        """Put (height, width) pixels into the box, in place."""
        rows = slice(self.y, self.y + self.height)
        for in_box, on_ring in self.columns(full.shape[1]):
            full[rows, on_ring] = values[:, in_box]

    def write_where(self, full: NDArray[np.generic], values: NDArray[np.generic], where: BoolMask) -> None:
        """Put those of (height, width) pixels into the box that are chosen, in place."""
        rows = slice(self.y, self.y + self.height)
        for in_box, on_ring in self.columns(full.shape[1]):
            np.copyto(full[rows, on_ring], values[:, in_box], where=where[:, in_box])

    def meets(self, other: RingBox, ring_width: int) -> bool:
        """Whether the two have a pixel in common."""
        rows = self.y < other.y + other.height and other.y < self.y + self.height
        return rows and ((other.x - self.x) % ring_width < self.width or (self.x - other.x) % ring_width < other.width)

    def union(self, other: RingBox, ring_width: int) -> RingBox:
        """The smallest box that holds both."""
        y = min(self.y, other.y)
        height = max(self.y + self.height, other.y + other.height) - y
        spans = []
        for a, b in ((self, other), (other, self)):
            spans.append((max(a.width, (b.x - a.x) % ring_width + b.width), a.x))
        width, x = min(spans)
        return RingBox(0, y, ring_width, height) if width >= ring_width else RingBox(x, y, width, height)


@dataclass(frozen=True, eq=False)
class RingMask:
    """A boolean mask and the box on the ring that it lives in; outside the box it is False.

    Attributes:
        box: where.
        bits: (box.height, box.width) bool.
    """

    box: RingBox
    bits: BoolMask

    def __post_init__(self) -> None:
        if self.bits.shape != (self.box.height, self.box.width) or self.bits.dtype != np.bool_:
            raise ValueError(f"bits {self.bits.shape} {self.bits.dtype} do not fill {self.box}")

    @staticmethod
    def of(full: BoolMask) -> RingMask | None:
        """The mask of a (H, W) boolean picture, in its smallest box; None where nothing is set."""
        return RingMask(RingBox(0, 0, full.shape[1], full.shape[0]), np.asarray(full, np.bool_)).trimmed(full.shape[1])

    def full(self, shape: tuple[int, int]) -> BoolMask:
        """(H, W) bool."""
        self.box.check_inside(shape)
        picture = np.zeros(shape, np.bool_)
        self.box.write(picture, self.bits)
        return picture

    def trimmed(self, ring_width: int) -> RingMask | None:
        """The same mask in the smallest box (across the seam where that is smaller); None where nothing is set."""
        rows = np.flatnonzero(self.bits.any(axis=1))
        if not len(rows):
            return None
        y, height = int(rows[0]), int(rows[-1] - rows[0]) + 1
        bits = self.bits[y : y + height]
        columns = np.sort((np.flatnonzero(bits.any(axis=0)) + self.box.x) % ring_width)
        # The widest gap on the ring is what the box leaves out; of equal ones that which lets it start leftmost.
        gaps = np.diff(columns, prepend=columns[-1] - ring_width)
        widest = int(gaps.argmax())
        x, width = int(columns[widest]), ring_width - int(gaps[widest]) + 1
        start, around = (x - self.box.x) % ring_width, (self.box.x - x) % ring_width
        first = min(width, self.box.width - start)
        if first == width:
            return RingMask(RingBox(x, y + self.box.y, width, height), bits[:, start : start + width])
        taken = np.zeros((height, width), np.bool_)
        taken[:, :first] = bits[:, start : start + first]
        if around < width:
            taken[:, around:] = bits[:, : width - around]
        return RingMask(RingBox(x, y + self.box.y, width, height), taken)

    def within(self, box: RingBox, ring_width: int) -> BoolMask:
        """(box.height, box.width) bool: this mask as a box shows it that holds its own."""
        canvas = np.zeros((box.height, box.width), np.bool_)
        _paste(canvas, box, self.box, self.bits, ring_width)
        return canvas

    def read(self, box: RingBox, ring_width: int) -> BoolMask:
        """(box.height, box.width) bool: what a box shows of this mask."""
        whole = self.box.union(box, ring_width)
        columns = ((box.x - whole.x) % ring_width + np.arange(box.width)) % whole.width
        part: BoolMask = self.within(whole, ring_width)[box.y - whole.y :][: box.height][:, columns]
        return part

    def stamped(self, box: RingBox, bits: BoolMask, ring_width: int) -> RingMask:
        """This mask with the pixels of a box replaced."""
        whole = self.box.union(box, ring_width)
        canvas = np.zeros((whole.height, whole.width), np.bool_)
        for part_box, part in ((self.box, self.bits), (box, bits)):
            _paste(canvas, whole, part_box, part, ring_width)
        return RingMask(whole, canvas)

    def scaled(self, shape: tuple[int, int], to_shape: tuple[int, int]) -> RingMask | None:
        """The mask on a sphere of another size, each pixel from the one that holds its centre.

        Args:
            shape: (H, W) of the sphere it is on.
            to_shape: (H, W) of the other one.

        Returns:
            The mask; None where no pixel's centre is held.
        """
        rows = np.flatnonzero(_held(shape[0], to_shape[0], self.box.y, self.box.height) >= 0)
        columns = _held(shape[1], to_shape[1], self.box.x, self.box.width)
        taken = np.flatnonzero(columns >= 0)
        if not len(rows) or not len(taken):
            return None
        if len(taken) == to_shape[1]:
            x = 0
        else:  # after the gap: that the box may go on at column 0 is no gap
            x = int(taken[np.flatnonzero(np.diff(taken, prepend=taken[-1] - to_shape[1]) > 1)[0]])
        on_ring = (x + np.arange(len(taken))) % to_shape[1]
        picked = self.bits[_held(shape[0], to_shape[0], self.box.y, self.box.height)[rows]][:, columns[on_ring]]
        return RingMask(RingBox(x, int(rows[0]), len(taken), len(rows)), picked).trimmed(to_shape[1])

    def area_px(self) -> int:
        """Pixels set."""
        return int(np.count_nonzero(self.bits))

    def area_sr(self, shape: tuple[int, int]) -> float:
        """Solid angle, steradians, on a (H, W) sphere."""
        rows = _row_solid_angles(*shape)[self.box.y : self.box.y + self.box.height]
        return float(self.bits.sum(axis=1) @ rows)


def _held(size: int, to_size: int, start: int, length: int) -> NDArray[np.intp]:
    """For each of `to_size` pixels along a ring or column the place in a stretch of `size` that holds it; or -1."""
    source = ((2 * np.arange(to_size) + 1) * size) // (2 * to_size)
    place = (source - start) % size
    return np.where(place < length, place, -1).astype(np.intp)


def _paste(canvas: BoolMask, whole: RingBox, box: RingBox, bits: BoolMask, ring_width: int) -> None:
    x, y = (box.x - whole.x) % ring_width, box.y - whole.y
    first = min(box.width, whole.width - x)
    canvas[y : y + box.height, x : x + first] = bits[:, :first]
    if first < box.width:  # only where the canvas is the whole ring
        canvas[y : y + box.height, : box.width - first] = bits[:, first:]


@lru_cache(maxsize=8)
def _row_solid_angles(height: int, width: int) -> NDArray[np.float64]:
    return np.asarray(pixel_solid_angles(width, height), np.float64).reshape(height, -1)[:, 0]


def row_elevations(height: int) -> FloatArray:
    """Of the centres of the rows, radians: (height,)."""
    rows: FloatArray = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    return rows


def column_azimuths(width: int) -> FloatArray:
    """Of the centres of the columns, radians: (width,)."""
    columns: FloatArray = (0.5 - (np.arange(width) + 0.5) / width) * 2 * np.pi
    return columns


def column_of(azimuth_rad: float, width: int) -> float:
    """Where an azimuth lies between the centres of columns (column j has its centre at j)."""
    return (0.5 - azimuth_rad / (2 * np.pi)) * width - 0.5


def row_of(elevation_rad: float, height: int) -> float:
    """Where an elevation lies between the centres of rows."""
    return (0.5 - elevation_rad / np.pi) * height - 0.5


def reach_in_row(elevation_rad: float | FloatArray, rows_rad: FloatArray, radius_rad: float) -> FloatArray:
    """How far a cap reaches to either side in each row.

    Args:
        elevation_rad: of the cap's centre; or (n,), of one for each row.
        rows_rad: (n,) elevations of rows.
        radius_rad: of the cap, 0..pi.

    Returns:
        (n,) greatest difference of azimuth to the centre, 0..pi; -1 where the cap does not meet the row.
    """
    over = np.cos(radius_rad) - np.sin(elevation_rad) * np.sin(rows_rad)
    under = np.maximum(np.cos(elevation_rad) * np.cos(rows_rad), 1e-15)
    ratio = over / under
    reach: FloatArray = np.where(ratio > 1, -1.0, np.arccos(np.clip(ratio, -1, 1)))
    return reach
