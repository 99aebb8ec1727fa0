"""Means over frames and over clips, of everything and of each subset."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from panosod_core.metrics.counts import FloatArray
from panosod_core.metrics.measure import DEFAULT, measure, measure_sphere
from panosod_core.metrics.options import EmptyTruth, MetricOptions
from panosod_core.metrics.scores import Scores

SCORES = ("f", "s", "e", "mae", "j")
"""Scores of a frame whose mean is a plain mean."""


@dataclass(frozen=True)
class Means:
    """Mean scores. The maximum and mean F and E are those of the mean curve, as the published tools do it."""

    f: float
    """Adaptive F."""
    s: float
    e: float
    """Adaptive E."""
    mae: float
    j: float
    mean_f: float
    max_f: float
    mean_e: float
    max_e: float
    f_curve: FloatArray = field(repr=False, compare=False)
    """(T,) by threshold, lowest first."""
    e_curve: FloatArray = field(repr=False, compare=False)
    """(T,) by threshold, lowest first."""


class ClipKey(NamedTuple):
    """A clip of a subset; a subset of None is no subset."""

    subset: str | None
    clip: str


@dataclass(frozen=True)
class SubsetResult:
    """What a set of clips came to."""

    name: str
    frames: int
    """Frames in the means."""
    clips: int
    """Clips with at least one frame in the means."""
    empty: int
    """Frames whose mask has no object, in the means or not."""
    frame_mean: Means | None
    """Every frame counts alike: what published tables print. None where there is no frame."""
    clip_mean: Means | None
    """Every clip counts alike, however long it is."""


@dataclass(frozen=True)
class Evaluation:
    """All, each subset in the order of its name, each clip."""

    everything: SubsetResult
    subsets: tuple[SubsetResult, ...]
    clips: tuple[tuple[ClipKey, SubsetResult], ...]


@dataclass
class _Sums:
    frames: int = 0
    empty: int = 0
    scores: FloatArray = field(default_factory=lambda: np.zeros(len(SCORES)))
    f_curve: FloatArray | float = 0.0
    e_curve: FloatArray | float = 0.0


class MetricAccumulator:
    """Collects frames, in any order, and keeps sums only."""

    def __init__(self, options: MetricOptions = DEFAULT, *, sphere: bool = False) -> None:
        """Begin with nothing.

        Args:
            options: how to judge.
            sphere: weigh pixels by their solid angle (see :func:`~panosod_core.metrics.measure.measure_sphere`).
        """
        self._options = options
        self._measure = measure_sphere if sphere else measure
        self._sums: dict[ClipKey, _Sums] = {}

    def add(
        self,
        predictions: NDArray[np.uint8],
        truths: NDArray[np.uint8] | NDArray[np.bool_],
        *,
        clip: str,
        subset: str | None = None,
    ) -> Scores:
        """Judge one frame (H, W), or several of one clip (B, H, W), and take them in.

        Returns:
            Their scores.

        Raises:
            ValueError: arrays that do not fit (see :func:`~panosod_core.metrics.measure.measure`).
        """
        scores = self._measure(predictions, truths, self._options)
        self.add_scores(scores, clip=clip, subset=subset)
        return scores

    def add_scores(self, scores: Scores, *, clip: str, subset: str | None = None) -> None:
        """Take in frames that were judged elsewhere, with the same options."""
        sums = self._sums.setdefault(ClipKey(subset, clip), _Sums())
        kept = ~scores.empty if self._options.empty is EmptyTruth.SKIP else np.ones_like(scores.empty)
        sums.empty += int(scores.empty.sum())
        sums.frames += int(kept.sum())
        sums.scores = sums.scores + [float(getattr(scores, name)[kept].sum()) for name in SCORES]
        sums.f_curve = sums.f_curve + scores.f_curve[kept].sum(axis=0)
        sums.e_curve = sums.e_curve + scores.e_curve[kept].sum(axis=0)

    def result(self) -> Evaluation:
        """The means so far; clips and subsets by name."""
        keys = sorted(self._sums, key=lambda key: (key.subset or "", key.clip))
        names = sorted({key.subset for key in keys if key.subset is not None})
        return Evaluation(
            everything=self._of("All", keys),
            subsets=tuple(self._of(name, [k for k in keys if k.subset == name]) for name in names),
            clips=tuple((key, self._of(key.clip, [key])) for key in keys),
        )

    def _of(self, name: str, keys: list[ClipKey]) -> SubsetResult:
        all_sums = [self._sums[key] for key in keys]
        some = [sums for sums in all_sums if sums.frames]
        frames = sum(sums.frames for sums in some)
        return SubsetResult(
            name=name,
            frames=frames,
            clips=len(some),
            empty=sum(sums.empty for sums in all_sums),
            frame_mean=_means(some, [1 / frames] * len(some)) if some else None,
            clip_mean=_means(some, [1 / (sums.frames * len(some)) for sums in some]) if some else None,
        )


def _means(some: list[_Sums], shares: list[float]) -> Means:
    f, s, e, mae, j = (
        float(sum(sums.scores[i] * share for sums, share in zip(some, shares, strict=True))) for i in range(len(SCORES))
    )
    f_curve, e_curve = (
        np.sum([np.asarray(getattr(sums, name)) * share for sums, share in zip(some, shares, strict=True)], axis=0)
        for name in ("f_curve", "e_curve")
    )
    return Means(
        f=f,
        s=s,
        e=e,
        mae=mae,
        j=j,
        mean_f=float(f_curve.mean()),
        max_f=float(f_curve.max()),
        mean_e=float(e_curve.mean()),
        max_e=float(e_curve.max()),
        f_curve=f_curve,
        e_curve=e_curve,
    )
