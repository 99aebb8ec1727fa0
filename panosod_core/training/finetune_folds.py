"""Few corrected frames are checked in turn: splits for cross-validation by blocks of time. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from panosod_core.training.finetune_split import Corrected, FixedSplit
from panosod_core.training.finetune_stretches import Stretch, distance_s

FOLDS = 3


def folds(corrected: Sequence[Corrected], *, fixed: FixedSplit, count: int = FOLDS) -> list[FixedSplit]:
    """Splits for cross-validation by blocks of time: every frame is checked in exactly one of them.

    Args:
        corrected: too few frames for a check set of their own.
        fixed: the project's split: what it keeps for the check, and its guard, is for nothing in all of them.
        count: of folds; fewer where there are fewer frames.

    Returns:
        A split each; none where there is a single frame. One whose guard would leave nothing to learn from has a
        smaller one.
    """
    order = [(clip, time_s) for clip in fixed.to_learn_from(corrected) for time_s in clip.times_s]
    found = []
    for k in range(min(count, len(order))):
        first, end = k * len(order) // count, (k + 1) * len(order) // count
        block: dict[str, list[float]] = {}
        for clip, time_s in order[first:end]:
            block.setdefault(clip.content_id, []).append(time_s)
        own = {c: (Stretch(t[0], t[-1]),) for c, t in block.items()}
        others = [(clip.content_id, t) for clip, t in (*order[:first], *order[end:])]
        if own and others:
            found.append(replace(fixed.unchecked(), check=own, guard_s=_guard_of(own, others, fixed.guard_s)))
    return found


def _guard_of(check: Mapping[str, tuple[Stretch, ...]], others: Sequence[tuple[str, float]], guard_s: float) -> float:
    """The guard; where that leaves none of the others, the widest one that leaves half of them, seconds."""
    gaps = sorted((distance_s(check.get(content_id, ()), time_s) for content_id, time_s in others), reverse=True)
    return guard_s if gaps[0] >= guard_s else gaps[(len(gaps) - 1) // 2]
