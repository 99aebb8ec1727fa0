"""Whether a candidate may replace the incumbent: advice from paired scores. A person decides. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from panosod_core.training.finetune_split import ENOUGH, FEWEST_CHECKED

SCORES = ("f", "s", "e", "mae", "j", "location_deg")
LOWER_WINS = frozenset({"mae", "location_deg"})
DECIDES = "f"
MARGIN = 0.02
"""How much F may fall in any one clip."""
LEAST_GAIN = 0.005
"""A gain of F below this is none, however sure."""
CONFIDENCE = 0.95
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
    """

    clip: str
    number: int
    time_s: float
    incumbent: Mapping[str, float]
    candidate: Mapping[str, float]

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
        low, high: interval of it, by resampling frames within each clip.
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
    """

    advice: Advice
    reason: str
    overall: Mapping[str, Compared]
    by_clip: Mapping[str, Mapping[str, Compared]]
    worst: tuple[tuple[str, int, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"advice": self.advice.value}


def judge(
    frames: Sequence[FrameScores], *, corrected: int, seed: int = 0, margin: float = MARGIN, spread: bool = True
) -> Verdict:
    """Compare two models frame by frame.

    Args:
        frames: of the check set.
        corrected: frames that the candidate was made from and checked on.
        seed: of the resampling.
        margin: how much F may fall in any clip.
        spread: False: the frames are from cross-validation, whatever their number.

    Returns:
        The advice with its reasons.
    """
    overall = _compared(frames, seed)
    clips = {name: [f for f in frames if f.clip == name] for name in dict.fromkeys(f.clip for f in frames)}
    by_clip = {name: _compared(some, seed) for name, some in clips.items()}
    gains = [(f.clip, f.number, g) for f in frames if (g := f.gain(DECIDES)) is not None]
    worst = tuple(sorted(gains, key=lambda item: item[2])[:10])
    advice, reason = _advice(overall, by_clip, corrected=corrected, margin=margin, spread=spread)
    return Verdict(advice, reason, overall, by_clip, worst)


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
    numbers = (
        f"F {found.incumbent:.3f} -> {found.candidate:.3f}, {found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
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
        low, high = bootstrap([f.clip for f, _ in some], [g for _, g in some], seed=seed)
        found[name] = Compared(before, after, float(np.mean([g for _, g in some])), low, high, len(some))
    return found


def bootstrap(clips: Sequence[str], gains: Sequence[float], *, seed: int) -> tuple[float, float]:
    """Interval of a mean of paired differences: frames are drawn again within each clip, percentiles of the means.

    Args:
        clips: clip of each frame.
        gains: difference of each frame.
        seed: of the drawing.

    Returns:
        Low and high end at :data:`CONFIDENCE`.
    """
    rng = np.random.default_rng(seed)
    values, names = np.asarray(gains, np.float64), np.asarray(clips)
    sums = np.zeros(_RESAMPLES)
    for name in dict.fromkeys(clips):
        own = values[names == name]
        sums += own[rng.integers(len(own), size=(_RESAMPLES, len(own)))].sum(axis=1)
    low, high = np.quantile(sums / len(values), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
