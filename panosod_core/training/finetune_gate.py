"""Whether a candidate may replace the incumbent: advice from paired scores. A person decides. No torch here.

Neighbouring frames look alike, and so do their differences. Blocks of them stand for one observation each: whole clips
where there are enough (C. Field, A. Welsh, "Bootstrapping clustered data", 2007), else stretches of time of a clip
(E. Carlstein, "The use of subseries values for estimating the variance of a general statistic from a stationary
sequence", 1986). With few blocks the interval of their mean is Student's ("The probable error of a mean", 1908), since
percentiles of a bootstrap are too narrow there; with many, blocks are drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from panosod_core.training.finetune_blocks import BLOCKS_S, FEWEST_BLOCKS, blocks_of
from panosod_core.training.finetune_split import DECIDING, ENOUGH, FEWEST_CHECKED

SCORES = ("f", "s", "e", "mae", "j", "location_deg")
WIDEST = {"location_deg": 180.0}
"""What a difference can be at most; 1 for the others."""
LOWER_WINS = frozenset({"mae", "location_deg"})
DECIDES = "f"
MARGIN = 0.02
"""How much F may fall in any one clip."""
LEAST_GAIN = 0.005
"""A gain of F below this is none, however sure."""
CONFIDENCE = 0.95
MANY_BLOCKS = 20
"""From here on blocks are drawn again; below, the interval is Student's."""
_RESAMPLES = 4000


class Advice(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    """Better beyond the interval, and worse nowhere."""
    KEEP = "keep"
    """Not better than chance might make it, or worse in some clip."""
    TOO_FEW = "too few"
    """Nothing can be said from so few frames."""


@dataclass(frozen=True)
class FrameScores:
    """Both models on one checked frame.

    Attributes:
        clip: name of the clip.
        number: of the frame in the clip.
        time_s: of it.
        incumbent, candidate: score by name; one that means nothing there is missing.
        control: of the incumbent with maps as decided as suits it; None: as they are.
    """

    clip: str
    number: int
    time_s: float
    incumbent: Mapping[str, float]
    candidate: Mapping[str, float]
    control: Mapping[str, float] | None = None

    def gain(self, name: str) -> float | None:
        """How much the candidate is better; None where either has no such score."""
        if name not in self.incumbent or name not in self.candidate:
            return None
        gain = self.candidate[name] - self.incumbent[name]
        return -gain if name in LOWER_WINS else gain

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Compared:
    """A score of both models.

    Attributes:
        incumbent, candidate: means over the frames that have it.
        gain: mean of what the candidate is better by; above 0 is better for every score.
        low, high: interval of it, by :func:`interval`.
        frames: that have it.
        blocks: that these lie in.
    """

    incumbent: float
    candidate: float
    gain: float
    low: float
    high: float
    frames: int
    blocks: int


@dataclass(frozen=True)
class Verdict:
    """What the gate says, and why.

    Attributes:
        advice: the word.
        reason: a line for people.
        overall: score -> both models over all checked frames.
        by_clip: clip -> score -> both models.
        worst: the frames that lost most, ``(clip, number, gain of F)``, the worst first.
        control: as ``overall``, the incumbent's maps being as decided as suits it; {} where they are as they are.
        base: both models on what the incumbent was made for; {} where nobody looked.
    """

    advice: Advice
    reason: str
    overall: Mapping[str, Compared]
    by_clip: Mapping[str, Mapping[str, Compared]]
    worst: tuple[tuple[str, int, float], ...]
    control: Mapping[str, Compared] = field(default_factory=dict)
    base: Mapping[str, Compared] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"advice": self.advice.value}


def judge(
    frames: Sequence[FrameScores],
    *,
    corrected: int,
    seed: int = 0,
    margin: float = MARGIN,
    spread: bool = True,
    base: Sequence[FrameScores] = (),
    unasked: str = "",
    chosen: bool = False,
) -> Verdict:
    """Compare two models frame by frame.

    Args:
        frames: of the check set.
        corrected: frames that the candidate was made from and checked on.
        seed: of the resampling.
        margin: how much F may fall in any clip, and on the whole of ``base``.
        spread: False: the frames are from cross-validation, whatever their number.
        base: of what the incumbent was made for.
        unasked: why nobody could ask what was forgotten; the reason then begins with it.
        chosen: the candidate was chosen among others by the same frames.

    Returns:
        The advice with its reasons.
    """
    overall = _compared(frames, seed)
    clips = {name: [f for f in frames if f.clip == name] for name in dict.fromkeys(f.clip for f in frames)}
    by_clip = {name: _compared(some, seed) for name, some in clips.items()}
    gains = [(f.clip, f.number, g) for f in frames if (g := f.gain(DECIDES)) is not None]
    worst = tuple(sorted(gains, key=lambda item: item[2])[:10])
    control = _compared([replace(f, incumbent=f.control) for f in frames if f.control is not None], seed)
    on_base = _compared(base, seed)
    advice, reason = _advice(overall, by_clip, corrected=corrected, margin=margin, spread=spread)
    if advice is Advice.PROMOTE and DECIDES in control and control[DECIDES].low <= 0:
        advice = Advice.KEEP
        reason = f"the model in use is as good once its maps are as decided: {_numbers(control[DECIDES])}"
    forgotten = _forgotten(on_base.get(DECIDES), margin)
    if forgotten and advice is Advice.PROMOTE:
        advice, reason = Advice.KEEP, f"{reason}; but {forgotten}"
    elif forgotten:
        reason = f"{reason}; {forgotten}"
    elif DECIDES in on_base and on_base[DECIDES].blocks < FEWEST_BLOCKS:
        reason = f"{reason}; base frames lie in {_moments(on_base[DECIDES])} only, which tells little of what it forgot"
    if chosen and advice is Advice.PROMOTE:
        reason = f"{reason}; its best pass was chosen on the same frames, so the gain is somewhat optimistic"
    if unasked:
        reason = f"base scenes could not be asked what was forgotten ({unasked}): look yourself; {reason}"
    return Verdict(advice, reason, overall, by_clip, worst, control, on_base)


def _forgotten(found: Compared | None, margin: float) -> str:
    """What the candidate can no longer do, in words; "" where that may be chance, is little, or was not asked.

    In few blocks a fall is never beyond chance, so there any counts.
    """
    if found is None or found.gain >= -margin:
        return ""
    if found.blocks < FEWEST_BLOCKS:
        few = f"{found.frames} base frames lie in {_moments(found)} only"
        return f"it may have forgotten: {_numbers(found)}, and {few}: look yourself"
    return "" if found.high >= 0 else f"it has forgotten: on {found.frames} base scenes {_numbers(found)}"


def _moments(found: Compared) -> str:
    return f"{found.blocks} moment{'s' if found.blocks != 1 else ''}"


def _numbers(found: Compared) -> str:
    return (
        f"F {found.incumbent:.3f} -> {found.candidate:.3f}, {found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    )


def _stretches(blocks: int) -> str:
    return f"{blocks} stretch{'es' if blocks != 1 else ''} of {BLOCKS_S[-1]:g} s"


def _advice(
    overall: Mapping[str, Compared],
    by_clip: Mapping[str, Mapping[str, Compared]],
    *,
    corrected: int,
    margin: float,
    spread: bool,
) -> tuple[Advice, str]:
    found = overall.get(DECIDES)
    if corrected >= ENOUGH and not spread:
        few = f"fewer than {FEWEST_CHECKED} frames are kept for the check, which no job learns from"
        more = f"{DECIDING} or more in all" if corrected < DECIDING else "more"
        return Advice.TOO_FEW, f"{few}: correct {more}, in other clips or seconds away"
    if corrected < ENOUGH:
        return Advice.TOO_FEW, f"{corrected} corrected frames are too few to tell: correct {DECIDING} or more"
    if found is None or found.frames < FEWEST_CHECKED:
        checked = 0 if found is None else found.frames
        return Advice.TOO_FEW, f"{checked} checked frames are too few to tell: {FEWEST_CHECKED} or more are needed"
    numbers = _numbers(found)
    if found.blocks < FEWEST_BLOCKS:
        close = f"{found.frames} frames in {_stretches(found.blocks)}, {FEWEST_BLOCKS} such or more are needed"
        return (
            Advice.TOO_FEW,
            f"checked frames lie too close together: {close}; correct more, in other clips or seconds away ({numbers})",
        )
    if found.low <= 0 or found.gain < LEAST_GAIN:
        chance = "not better beyond chance" if found.low <= 0 else "not better by anything that matters"
        how = "worse" if found.gain < 0 else chance
        return Advice.KEEP, f"{how}: {numbers}"
    falls = {name: scores[DECIDES].gain for name, scores in by_clip.items() if DECIDES in scores}
    low_clip = min(falls, key=lambda name: falls[name])
    if falls[low_clip] < -margin:
        return Advice.KEEP, f"better on the whole ({numbers}), but worse in {low_clip}: {falls[low_clip]:+.3f}"
    return Advice.PROMOTE, f"better: {numbers}; no clip lost more than {margin:g}"


def _compared(frames: Sequence[FrameScores], seed: int) -> dict[str, Compared]:
    found = {}
    for name in SCORES:
        some = [(f, g) for f in frames if (g := f.gain(name)) is not None]
        if not some:
            continue
        before = float(np.mean([f.incumbent[name] for f, _ in some]))
        after = float(np.mean([f.candidate[name] for f, _ in some]))
        gains = [g for _, g in some]
        blocks = blocks_of([f.clip for f, _ in some], [f.time_s for f, _ in some])
        low, high = interval(blocks, gains, within=WIDEST.get(name, 1.0), seed=seed)
        found[name] = Compared(before, after, float(np.mean(gains)), low, high, len(some), int(blocks.max()) + 1)
    return found


def interval(
    blocks: NDArray[np.int64], gains: Sequence[float], *, within: float = math.inf, seed: int
) -> tuple[float, float]:
    """Interval of a mean of paired differences, by blocks. It holds the mean of the frames.

    Below :data:`MANY_BLOCKS` Student's, of the blocks' means; a single block says nothing. From there on blocks are
    drawn again: percentiles of the means.

    Args:
        blocks: (frames,) of each frame, from 0.
        gains: difference of each frame.
        within: no mean can be farther from 0.
        seed: of the drawing.

    Returns:
        Low and high end at :data:`CONFIDENCE`.
    """
    sums, counts = np.bincount(blocks, weights=np.asarray(gains, np.float64)), np.bincount(blocks)
    if not np.any(gains):
        return 0.0, 0.0  # the same maps
    if len(sums) == 1:
        return -within, within
    if len(sums) < MANY_BLOCKS:
        means, mean = sums / counts, float(sums.sum() / counts.sum())
        reach = float(stdtrit(len(means) - 1, (1 + CONFIDENCE) / 2) * means.std(ddof=1) / math.sqrt(len(means)))
        middle = float(means.mean())
        return max(min(middle - reach, mean), -within), min(max(middle + reach, mean), within)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
