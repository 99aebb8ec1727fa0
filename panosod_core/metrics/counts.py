"""Counting: everything that F, S, E, MAE and J need of a pair of maps is one small table of histograms.

A prediction has 256 levels and a mask two, so a pair of any size is told by how often each (level, mask) occurs in each
of the four blocks that S cuts the picture into. The scores are then arithmetic on 4 x 2 x 256 numbers, exact where
tools that add up floating-point pictures round.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LevelMap: TypeAlias = NDArray[np.uint8]
MaskMap: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

_PAIRS_WORTH_IT = 1 << 16
_PAIRS_AT_ONCE = 1 << 18
_ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class MapCounts:
    """Histograms of B pairs of prediction and mask.

    Blocks are left top, right top, left bottom, right bottom of the mask's centre; mask 0 is background, 1 is object.
    """

    mass: FloatArray
    """(B, 4, 2, 256): summed weight of the pixels of each block, mask and level; the number of pixels without
    weights. Weights are scaled to a mean of 1, so that the sum is the number of pixels either way."""
    pixels: IntArray
    """(B, 4, 2): number of pixels of each block and mask."""


def count_maps(
    predictions: LevelMap,
    truths: MaskMap,
    *,
    row_weights: FloatArray | None = None,
    around: bool = False,
    plus_one: bool = True,
) -> MapCounts:
    """Histograms of pairs.

    Args:
        predictions: (B, H, W) uint8.
        truths: (B, H, W) bool.
        row_weights: (H,) positive weight of the pixels of each row, of any scale; None for all alike.
        around: the picture is a ring: the left and right blocks are the two halves of the sphere to either side of the
            mask's centre of azimuth, instead of what lies left and right of its mean column. Then nothing depends on
            where the picture was cut open.
        plus_one: cut the blocks one past the rounded centroid (see ``MetricOptions.centroid_plus_one``).
    """
    weights = None if row_weights is None else _mean_one(row_weights)
    mass = np.empty((len(predictions), 4, 2, 256), np.float64)
    pixels = np.empty((len(predictions), 4, 2), np.int64)
    for index, (prediction, truth) in enumerate(zip(predictions, truths, strict=True)):
        row, column = cut_around(truth, weights) if around else cut_flat(truth, weights, plus_one=plus_one)
        if around:
            half = truth.shape[1] // 2
            shift = half - column
            prediction, truth, column = np.roll(prediction, shift, axis=1), np.roll(truth, shift, axis=1), half
        blocks = [(rows, columns) for rows in _halves(row) for columns in _halves(column)]
        for block, where in enumerate(blocks):
            if weights is None:
                table = _pair_histogram(prediction[where], truth[where])
                mass[index, block], pixels[index, block] = table, table.sum(axis=-1)
            else:
                mass[index, block], pixels[index, block] = _weighted_histogram(
                    prediction[where], truth[where], weights[where[0]]
                )
    return MapCounts(mass, pixels)


def cut_flat(truth: MaskMap, weights: FloatArray | None, *, plus_one: bool) -> tuple[int, int]:
    """Row and column that begin the lower and the right blocks: the mask's centroid (the middle of an empty mask)."""
    rows, columns = _profiles(truth, weights)
    row, column = _mean_index(rows), _mean_index(columns)
    step = int(plus_one)
    return int(np.rint(row)) + step, int(np.rint(column)) + step


def cut_around(truth: MaskMap, weights: FloatArray | None) -> tuple[int, int]:
    """Row and column that begin the lower and the right blocks of a ring.

    The column is that of the mask's circular mean azimuth, so it turns with the picture; a mask that is balanced around
    the whole ring has no such mean and is cut at the front. Rounding is such that an object whose middle is a pixel's
    middle or edge is never at a tie, where rounding errors would decide.
    """
    rows, columns = _profiles(truth, weights)
    width = len(columns)
    row = int(np.floor(_mean_index(rows) + 0.25)) + 1
    angles = 2 * np.pi * np.arange(width) / width
    x, y = float(columns @ np.cos(angles)), float(columns @ np.sin(angles))
    if np.hypot(x, y) <= 1e-9 * max(1.0, float(columns.sum())):
        return row, width // 2
    middle = np.arctan2(y, x) / (2 * np.pi) * width
    return row, (int(np.floor(middle + 0.25)) + 1) % width


def _halves(cut: int) -> tuple[slice, slice]:
    return slice(0, cut), slice(cut, None)


def _mean_one(row_weights: FloatArray) -> FloatArray:
    weights = np.asarray(row_weights, np.float64)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise ValueError("row weights must be positive and finite")
    # Equal weights are exactly no weights: no rounding may tell them apart at a threshold.
    return np.ones_like(weights) if np.ptp(weights) == 0 else weights / weights.mean()


def _profiles(truth: MaskMap, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Object mass of every row and of every column."""
    height, width = truth.shape
    rows, columns = np.zeros(height), np.zeros(width)
    # Sums cost ten times what any() does, and most of a mask is background.
    some_rows, some_columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    if some_rows.size:
        down, across = slice(some_rows[0], some_rows[-1] + 1), slice(some_columns[0], some_columns[-1] + 1)
        ones = truth[down, across].view(np.uint8)
        rows[down] = np.add.reduce(ones, axis=1, dtype=np.uint32)
        if weights is None:
            columns[across] = np.add.reduce(ones, axis=0, dtype=np.uint32)
        else:
            rows *= weights
            columns[across] = weights[down] @ ones.astype(np.float64)
    return rows, columns


def _mean_index(profile: FloatArray) -> float:
    total = float(profile.sum())
    return float(profile @ np.arange(len(profile))) / total if total else len(profile) / 2


def _pair_histogram(prediction: LevelMap, truth: MaskMap) -> IntArray:
    """(2, 256): levels of the background and of the object."""
    levels = np.ascontiguousarray(prediction).reshape(-1)
    inside = _histogram(levels[np.ascontiguousarray(truth).reshape(-1)])
    return np.stack([_histogram(levels) - inside, inside])


def _histogram(levels: LevelMap) -> IntArray:
    """How often each of the 256 levels occurs in a contiguous array."""
    if levels.size < _PAIRS_WORTH_IT:
        return np.bincount(levels, minlength=256).astype(np.int64, copy=False)
    whole = levels.size & ~7
    words = levels[:whole].view(np.uint64)
    # Most of most saliency maps is black: eight such pixels are one comparison.
    busy = words[words != 0]
    # The others two at a time as one 16-bit number: half the increments, and neighbours of one level, which are many,
    # do not wait for each other's. A piece at a time, because bincount makes 64-bit numbers of all it is given.
    pairs = busy.view(np.uint16)
    table: IntArray = np.bincount(levels[whole:], minlength=256).astype(np.int64, copy=False)
    table[0] += 8 * (words.size - busy.size)
    for start in range(0, pairs.size, _PAIRS_AT_ONCE):
        some = np.bincount(pairs[start : start + _PAIRS_AT_ONCE], minlength=1 << 16).reshape(256, 256)
        table += some.sum(axis=0) + some.sum(axis=1)
    return table


def _weighted_histogram(prediction: LevelMap, truth: MaskMap, weights: FloatArray) -> tuple[FloatArray, IntArray]:
    """(2, 256) summed weights and (2,) numbers of pixels."""
    mass = np.zeros(512, np.float64)
    pixels = np.zeros(2, np.int64)
    for start in range(0, len(weights), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        some = weights[rows]
        keys = np.arange(len(some), dtype=np.intp)[:, None] * 512 + prediction[rows] + truth[rows] * np.intp(256)
        table = np.bincount(keys.reshape(-1), minlength=512 * len(some)).reshape(len(some), 512)
        mass += some @ table
        pixels += table.sum(axis=0).reshape(2, 256).sum(axis=1)
    return mass.reshape(2, 256), pixels
