"""Whether a candidate may replace the incumbent: advice from paired scores. A person decides. No torch here.

Intervals are those of a bootstrap of blocks: neighbouring frames look alike, and so do their differences. Drawn again
are whole clips where there are enough (C. Field, A. Welsh, "Bootstrapping clustered data", 2007), else stretches of
time of a clip (E. Carlstein, "The use of subseries values for estimating the variance of a general statistic from a
stationary sequence", 1986; with overlapping ones H. Künsch, "The jackknife and the bootstrap for general stationary
observations", 1989).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.training.finetune_split import ENOUGH, FEWEST_CHECKED

SCORES = ("f", "s", "e", "mae", "j", "location_deg")
LOWER_WINS = frozenset({"mae", "location_deg"})
DECIDES = "f"
MARGIN = 0.02
"""How much F may fall in any one clip."""
LEAST_GAIN = 0.005
"""A gain of F below this is none, however sure."""
CONFIDENCE = 0.95
BLOCKS_S = (math.inf, 3.0, 1.5, 0.75, 0.375, 0.0)
"""Lengths of blocks, seconds: whole clips; what the sound of one window spans, which neighbours share; and shorter ones
where there are too few of those, down to single frames."""
FEWEST_BLOCKS = 5
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
        low, high: interval of it, by :func:`bootstrap`.
        frames: that have it.
    """

    incumbent: float
    candidate: float
    gain: float
    low: float
    high: float
    frames: int


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
) -> Verdict:
    """Compare two models frame by frame.

    Args:
        frames: of the check set.
        corrected: frames that the candidate was made from and checked on.
        seed: of the resampling.
        margin: how much F may fall in any clip, and on the whole of ``base``.
        spread: False: the frames are from cross-validation, whatever their number.
        base: of what the incumbent was made for, each a clip of its own.

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
    return Verdict(advice, reason, overall, by_clip, worst, control, on_base)


def _forgotten(found: Compared | None, margin: float) -> str:
    """What the candidate can no longer do, in words; "" where that may be chance, is little, or was not asked."""
    if found is None or found.gain >= -margin or found.high >= 0:
        return ""
    return f"it has forgotten: on {found.frames} base scenes {_numbers(found)}"


def _numbers(found: Compared) -> str:
    return (
        f"F {found.incumbent:.3f} -> {found.candidate:.3f}, {found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    )


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
        return Advice.TOO_FEW, f"{few}: correct more, in other clips or seconds away"
    if corrected < ENOUGH:
        return Advice.TOO_FEW, f"{corrected} corrected frames are too few to tell: correct {ENOUGH} or more"
    if found is None or found.frames < FEWEST_CHECKED:
        checked = 0 if found is None else found.frames
        return Advice.TOO_FEW, f"{checked} checked frames are too few to tell: {FEWEST_CHECKED} or more are needed"
    numbers = _numbers(found)
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
        low, high = bootstrap([f.clip for f, _ in some], [f.time_s for f, _ in some], gains, seed=seed)
        found[name] = Compared(before, after, float(np.mean(gains)), low, high, len(some))
    return found


def bootstrap(
    clips: Sequence[str], times_s: Sequence[float], gains: Sequence[float], *, seed: int
) -> tuple[float, float]:
    """Interval of a mean of paired differences: blocks of frames are drawn again, percentiles of the means.

    With few blocks it is narrower than it should be: five hold some 85 % of what they say.

    Args:
        clips: of each frame.
        times_s: of each frame.
        gains: difference of each frame.
        seed: of the drawing.

    Returns:
        Low and high end at :data:`CONFIDENCE`.
    """
    blocks = blocks_of(clips, times_s)
    sums, counts = np.bincount(blocks, weights=np.asarray(gains, np.float64)), np.bincount(blocks)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def blocks_of(clips: Sequence[str], times_s: Sequence[float]) -> NDArray[np.int64]:
    """The block of each frame, from 0: the longest of :data:`BLOCKS_S` of which there are enough."""
    order = sorted(range(len(clips)), key=lambda k: (clips[k], times_s[k]))
    blocks = np.zeros(len(clips), np.int64)
    for length_s in BLOCKS_S:
        count, clip, start_s = -1, "", 0.0
        for k in order:
            if count < 0 or clips[k] != clip or times_s[k] - start_s >= length_s:
                count, clip, start_s = count + 1, clips[k], times_s[k]
            blocks[k] = count
        if count + 1 >= FEWEST_BLOCKS:
            break
    return blocks
