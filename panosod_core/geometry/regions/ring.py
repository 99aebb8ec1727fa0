"""Rectangles of an equirectangular picture, whose columns are a ring: a box may pass over the seam at +-180 degrees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Box:
    """Pixels of a rectangle on the ring.

    Attributes:
        left: first column, 0 <= left < picture width; ``left + width`` may be more than the picture's width.
        top: first row.
        width: columns, at most the picture's.
        height: rows.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.left < 0 or self.top < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"a box needs a size and a place inside the picture, got {self}")

    @property
    def rows(self) -> slice:
        """Of the picture."""
        return slice(self.top, self.top + self.height)

    def pieces(self, picture_width: int) -> list[tuple[slice, slice]]:
        """The box cut at the seam: (columns of the picture, columns of the box), one or two pairs, left to right."""
        head = min(self.width, picture_width - self.left)
        cut = [(slice(self.left, self.left + head), slice(0, head))]
        if head < self.width:
            cut.append((slice(0, self.width - head), slice(head, self.width)))
        return cut

    def united(self, other: "Box", picture_width: int) -> "Box":
        """The smallest box that holds both."""
        top = min(self.top, other.top)
        bottom = max(self.top + self.height, other.top + other.height)
        spans = []
        for first, second in ((self, other), (other, self)):
            reach = (second.left - first.left) % picture_width + second.width
            spans.append((max(first.width, reach), first.left))
        width, left = min(spans)
        if width >= picture_width:
            width, left = picture_width, 0
        return Box(left, top, width, bottom - top)


@dataclass(frozen=True, eq=False)
class Patch:
    """Some pixels: those of a box where ``inside`` is true.

    Attributes:
        box: where.
        inside: (box.height, box.width) bool.
    """

    box: Box
    inside: BoolArray

    def __post_init__(self) -> None:
        if self.inside.shape != (self.box.height, self.box.width):
            raise ValueError(f"expected a mask of {self.box.height} x {self.box.width}, got {self.inside.shape}")

    def painted(self, width: int, height: int) -> BoolArray:
        """The patch on an empty picture: (height, width) bool."""
        mask = np.zeros((height, width), np.bool_)
        write(mask, self.box, self.inside)
        return mask


def read(picture: NDArray[np.generic], box: Box) -> NDArray[np.generic]:
    """A copy of the pixels in a box: (box.height, box.width, ...)."""
    parts = [picture[box.rows, columns] for columns, _ in box.pieces(picture.shape[1])]
    return np.concatenate(parts, axis=1)


def write(picture: NDArray[np.generic], box: Box, values: NDArray[np.generic], where: BoolArray | None = None) -> None:
    """Put values into a box of the picture, all of them or those that are chosen."""
    for columns, own in box.pieces(picture.shape[1]):
        target = picture[box.rows, columns]
        if where is None:
            target[...] = values[:, own]
        else:
            np.copyto(target, values[:, own], where=where[:, own])


def box_of(mask: NDArray[np.generic]) -> Box | None:
    """The smallest box on the ring around all pixels that are not 0; None for an empty mask.

    Args:
        mask: (H, W).
    """
    filled = mask != 0
    rows = np.flatnonzero(filled.any(axis=1))
    if not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1])
    columns = np.flatnonzero(filled[top : bottom + 1].any(axis=0))
    left, width = ring_span(columns, mask.shape[1])
    return Box(left, top, width, bottom - top + 1)


def ring_span(columns: NDArray[np.integer], picture_width: int) -> tuple[int, int]:
    """The shortest stretch of the ring that holds all columns.

    Args:
        columns: (n,) at least one, sorted, each once.
        picture_width: columns of the ring.

    Returns:
        First column and number of columns.
    """
    gaps = np.diff(columns, append=columns[0] + picture_width)
    widest = int(np.argmax(gaps))
    first = int(columns[(widest + 1) % len(columns)])
    return first, picture_width - int(gaps[widest]) + 1


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


def reach_in_row(elevation_rad: float, rows_rad: FloatArray, radius_rad: float) -> FloatArray:
    """How far a cap reaches to either side in each row.

    Args:
        elevation_rad: of the cap's centre.
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
