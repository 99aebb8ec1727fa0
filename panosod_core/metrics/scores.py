"""The definitions: from counts to F, S, E, mean absolute error and J.

Sources: adaptive threshold and F: Achanta et al., CVPR 2009; S: Fan et al., ICCV 2017; E: Fan et al., IJCAI 2018; J:
Perazzi et al., CVPR 2016. Equal to PySODMetrics 1.6.2 with the default options, except where its result is not a
number or is decided by a rounding error:

- S of a mask whose centroid falls into the last row or column: one block is empty, and the mean of nothing makes
  PySODMetrics' S NaN. Here an empty block, whose share is 0, adds 0.
- E of a picture of a single pixel: PySODMetrics divides by its epsilon (about 1e15). Here it is not divided.
- S of a block whose mask and prediction are both constant is 1 by definition; PySODMetrics finds 0 where the mean of
  equal numbers is rounded away from them.

Where pixels have weights, every mean, variance and share is a weighted one; the corrections n / (n - 1) of S and E stay
those of the number of pixels, so that equal weights change nothing and light blocks do not divide by less than nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from panosod_core.metrics.counts import FloatArray, IntArray, MapCounts
from panosod_core.metrics.options import EmptyTruth, MetricOptions, Stretch

EPSILON = float(np.spacing(1.0))
"""MATLAB's eps, which the published definitions of S and E add to their divisors."""

_LEVELS = np.arange(256)
# Less than any variance that 8-bit levels can have, more than rounding leaves of none.
_NO_VARIANCE = 1e-18


@dataclass(frozen=True)
class Scores:
    """Scores of B frames; everything in 0..1 up to the N - 1 in E's divisor."""

    f: FloatArray
    """(B,) adaptive F: threshold min(2 mean(prediction), 1)."""
    s: FloatArray
    """(B,) structure measure."""
    e: FloatArray
    """(B,) adaptive enhanced-alignment measure, same threshold."""
    mae: FloatArray
    """(B,) mean absolute error."""
    j: FloatArray
    """(B,) intersection over union of the mask and the map above one half (unstretched); 1 where both are empty."""
    f_curve: FloatArray
    """(B, T) F at every threshold, lowest first."""
    e_curve: FloatArray
    """(B, T) E at every threshold, lowest first."""
    empty: NDArray[np.bool_]
    """(B,) the mask has no object."""

    def __len__(self) -> int:
        return len(self.f)


@dataclass(frozen=True)
class _Steps:
    """Levels on the scale they are judged on: ``steps / scale`` is in 0..1; whole numbers until that division."""

    low: FloatArray
    """(B, 1) the level that becomes 0."""
    scale: FloatArray
    """(B, 1) levels from 0 to 1."""

    @property
    def steps(self) -> FloatArray:
        """(B, 256)."""
        return np.clip(_LEVELS - self.low, 0, self.scale)


def score(counts: MapCounts, options: MetricOptions) -> Scores:
    """Scores of the pairs that were counted."""
    of_truth = counts.mass.sum(axis=1)
    background, foreground = of_truth[:, 0], of_truth[:, 1]
    judged = _prepare(background + foreground, options.stretch)
    raw = _prepare(background + foreground, Stretch.NEVER)
    everything = _Confusion(background, foreground, counts.pixels)
    mean_steps = ((background + foreground) * judged.steps).sum(axis=-1, keepdims=True)
    total = everything.total[:, None]
    # "value >= min(2 mean, 1)" multiplied out, so that whole numbers decide and no rounding does.
    threshold = np.minimum(2 * mean_steps, judged.scale * total)
    at_least, above = judged.steps * total >= threshold, judged.steps * total > threshold
    curve_steps = raw if options.raw_curves else judged
    first = _first_levels(curve_steps, options.thresholds)
    first_e = _first_levels(curve_steps, options.thresholds, strict=True) if options.strict_e else first
    return Scores(
        f=_f(*everything.selected(at_least), everything, options),
        s=_s(counts, judged, options),
        e=_e(*everything.selected(above if options.strict_e else at_least), everything, options),
        mae=_mae(background, foreground, raw if options.raw_mae else judged),
        j=_j(*everything.selected(raw.steps * 2 > raw.scale), everything),
        f_curve=_f(*everything.selected_from(first), everything, options),
        e_curve=_e(*everything.selected_from(first_e), everything, options),
        empty=everything.object_pixels == 0,
    )


class _Confusion:
    """Masses of what a selection of levels hits, of B frames."""

    def __init__(self, background: FloatArray, foreground: FloatArray, pixels: IntArray) -> None:
        self._background, self._foreground = background, foreground
        self.truth: FloatArray = foreground.sum(axis=-1)
        self.total: FloatArray = self.truth + background.sum(axis=-1)
        self.object_pixels: IntArray = pixels[:, :, 1].sum(axis=-1)
        self.all_pixels: IntArray = pixels.sum(axis=(1, 2))

    def selected(self, levels: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """(B,) selected object and background, for (B, 256) levels that are selected."""
        return (self._foreground * levels).sum(axis=-1), (self._background * levels).sum(axis=-1)

    def selected_from(self, first: IntArray) -> tuple[FloatArray, FloatArray]:
        """(B, T) selected object and background where levels from ``first`` (B, T) up are selected."""
        hits, falses = (_tails(table) for table in (self._foreground, self._background))
        return np.take_along_axis(hits, first, axis=-1), np.take_along_axis(falses, first, axis=-1)


def _tails(table: FloatArray) -> FloatArray:
    """(B, 257): mass from each level up; 0 beyond the last."""
    sums: FloatArray = np.cumsum(table[:, ::-1], axis=-1)[:, ::-1]
    return np.concatenate([sums, np.zeros((len(table), 1))], axis=-1)


def _prepare(histogram: FloatArray, stretch: Stretch) -> _Steps:
    frames = len(histogram)
    if stretch is Stretch.NEVER:
        low, scale = np.zeros(frames), np.full(frames, 255.0)
    else:
        present = histogram > 0
        low = np.argmax(present, axis=-1).astype(np.float64)
        scale = 255 - np.argmax(present[:, ::-1], axis=-1) - low
        constant = scale == 0
        if stretch is Stretch.ALWAYS:
            scale = np.where(constant, 1.0, scale)
        else:
            low, scale = np.where(constant, 0.0, low), np.where(constant, 255.0, scale)
    return _Steps(low[:, None], scale[:, None])


def _first_levels(judged: _Steps, thresholds: int, *, strict: bool = False) -> IntArray:
    """(B, T): the lowest level that each threshold selects; 256 for none."""
    if thresholds == 256 and not strict:
        # PySODMetrics turns the stretched map back to 8 bits by cutting off decimals, where a rounding error of the
        # stretching can cost a level: the same operations in the same order.
        low, high = judged.low / 255, (judged.low + judged.scale) / 255
        values = np.trunc((_LEVELS / 255 - low) / (high - low) * 255)
        edges = np.broadcast_to(np.arange(256.0), (len(values), 256))
    else:
        # Whole numbers again: value >= t / (T - 1).
        values = judged.steps * (thresholds - 1)
        edges = np.arange(thresholds) * judged.scale
    side: Literal["left", "right"] = "right" if strict else "left"
    return np.stack([np.searchsorted(v, e, side=side) for v, e in zip(values, edges, strict=True)])


def _f(hits: FloatArray, falses: FloatArray, everything: _Confusion, options: MetricOptions) -> FloatArray:
    """F of selections, (B,) or (B, T); 0 where nothing of the object is selected."""
    truth = everything.truth.reshape((-1,) + (1,) * (hits.ndim - 1))
    # (1 + b) P R / (b P + R) with P = hits / (hits + falses) and R = hits / truth, multiplied out.
    divisor = options.beta2 * truth + hits + falses
    return np.where(hits > 0, (1 + options.beta2) * hits / np.where(hits > 0, divisor, 1), 0.0)


def _e(hits: FloatArray, falses: FloatArray, everything: _Confusion, options: MetricOptions) -> FloatArray:
    """E of selections, (B,) or (B, T)."""
    shape = (-1,) + (1,) * (hits.ndim - 1)
    total, truth = everything.total.reshape(shape), everything.truth.reshape(shape)
    objects, pixels = everything.object_pixels.reshape(shape), everything.all_pixels.reshape(shape)
    selected = hits + falses
    misses = np.maximum(truth - hits, 0)
    rest = np.maximum(total - selected - misses, 0)
    mean_map, mean_truth = selected / total, truth / total
    aligned: FloatArray = np.zeros_like(hits)
    for part, a, b in (
        (hits, 1 - mean_map, 1 - mean_truth),
        (falses, 1 - mean_map, -mean_truth),
        (misses, -mean_map, 1 - mean_truth),
        (rest, -mean_map, -mean_truth),
    ):
        aligned = aligned + part * (2 * a * b / (a * a + b * b + EPSILON) + 1) ** 2 / 4
    if options.empty is not EmptyTruth.FORMULA:
        aligned = np.where(objects == 0, total - selected, np.where(objects == pixels, selected, aligned))
    # The published divisor is N - 1, as if a mean were estimated.
    return aligned / total * (pixels / np.maximum(pixels - 1, 1))


def _mae(background: FloatArray, foreground: FloatArray, judged: _Steps) -> FloatArray:
    error = (background * judged.steps + foreground * (judged.scale - judged.steps)).sum(axis=-1)
    mean: FloatArray = error / judged.scale[:, 0] / (background + foreground).sum(axis=-1)
    return mean


def _j(hits: FloatArray, falses: FloatArray, everything: _Confusion) -> FloatArray:
    union = everything.truth + falses
    return np.where(union > 0, hits / np.where(union > 0, union, 1), 1.0)


def _s(counts: MapCounts, judged: _Steps, options: MetricOptions) -> FloatArray:
    values = judged.steps
    of_truth, pixels = counts.mass.sum(axis=1), counts.pixels.sum(axis=1)
    share = of_truth[:, 1].sum(axis=-1) / of_truth.sum(axis=(1, 2))
    on_object = _object_score(of_truth[:, 1], pixels[:, 1], values, judged.scale[:, 0])
    off_object = _object_score(of_truth[:, 0], pixels[:, 0], judged.scale - values, judged.scale[:, 0])
    by_object = share * on_object + (1 - share) * off_object
    by_region = _region_score(counts, values, judged.scale)
    mean, _ = _moments(of_truth.sum(axis=1), values)
    mean = mean / judged.scale[:, 0]
    whole = np.maximum(0, options.alpha * by_object + (1 - options.alpha) * by_region)
    return np.where(pixels[:, 1] == 0, 1 - mean, np.where(pixels[:, 0] == 0, mean, whole))


def _object_score(mass: FloatArray, pixels: IntArray, values: FloatArray, scale: FloatArray) -> FloatArray:
    """2 mean / (mean² + 1 + sd), (B,), of values that should all be 1."""
    mean, variance = _moments(mass, values)
    mean, variance = mean / scale, variance / scale**2
    deviation = np.sqrt(variance * pixels / np.maximum(pixels - 1, 1))
    score: FloatArray = 2 * mean / (mean**2 + 1 + deviation + EPSILON)
    return score


def _region_score(counts: MapCounts, values: FloatArray, scale: FloatArray) -> FloatArray:
    """Structural similarity of the four blocks, weighted by their share of the picture: (B,)."""
    table, values = counts.mass, values[:, None, :]
    both = table.sum(axis=2)
    total, truth = both.sum(axis=-1), table[:, :, 1].sum(axis=-1)
    pixels = counts.pixels.sum(axis=-1)
    x, variance = _moments(both, values)
    x, variance = x / scale, variance / scale**2
    y = truth / np.where(total > 0, total, 1)
    spread = y * (1 - y)
    # The mask has two values, so the covariance is the distance of the two means.
    on, off = (_moments(table[:, :, mask], values)[0] / scale for mask in (1, 0))
    mixed = (counts.pixels > 0).all(axis=-1)
    spread = np.where(mixed, spread, 0.0)
    unbias = pixels / (pixels - 1 + EPSILON)
    above = 4 * x * y * spread * (on - off) * unbias
    below = (x * x + y * y) * (variance + spread) * unbias
    similarity = np.where(above != 0, above / (below + EPSILON), np.where(below == 0, 1.0, 0.0))
    score: FloatArray = (similarity * total).sum(axis=-1) / total.sum(axis=-1)
    return score


def _moments(mass: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and variance over the last axis; 0 and 0 of nothing. Unit: steps."""
    total = mass.sum(axis=-1)
    safe = np.where(total > 0, total, 1)
    mean = (mass * values).sum(axis=-1) / safe
    variance = (mass * (values - mean[..., None]) ** 2).sum(axis=-1) / safe
    return mean, np.where(variance > _NO_VARIANCE, variance, 0.0)
