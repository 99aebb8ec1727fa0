"""Stretches of a clip's time, and when two times are one. No torch here."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

SAME_S = 1e-3
"""Times of a clip that lie no farther apart are one frame's: another copy that takes the clip's place has other ticks,
which move a frame by half a millisecond (Matroska) or less."""


@dataclass(frozen=True)
class Stretch:
    """Time of a clip that is for checking.

    Attributes:
        start_s, end_s: on the clip's clock, both included; infinities: the whole clip.
    """

    start_s: float
    end_s: float

    @property
    def is_whole(self) -> bool:
        """Whether it is the clip."""
        return self.end_s == math.inf


WHOLE = Stretch(-math.inf, math.inf)


def distance_s(stretches: Sequence[Stretch], time_s: float) -> float:
    """Seconds to the nearest of some stretches; 0 within one."""
    return min((max(s.start_s - time_s, time_s - s.end_s, 0.0) for s in stretches), default=math.inf)


def gap_s(stretches: Sequence[Stretch], other: Stretch) -> float:
    """Seconds between a stretch and the nearest of others, none of which it holds."""
    return min(distance_s(stretches, other.start_s), distance_s(stretches, other.end_s))


def times_within(times_s: Sequence[float], start_s: float, end_s: float) -> int:
    """How many of some times, which rise, lie between two, both included."""
    return max(0, bisect_right(times_s, end_s) - bisect_left(times_s, start_s))


def times_near(times_s: Sequence[float], stretch: Stretch, within_s: float) -> int:
    """How many of some times, which rise, are a stretch's, or lie nearer to it than so many seconds."""

    def is_near(distance_s: float) -> bool:
        return distance_s <= SAME_S or distance_s < within_s

    first = bisect_left(times_s, True, key=lambda t: is_near(stretch.start_s - t))
    return bisect_left(times_s, True, key=lambda t: not is_near(t - stretch.end_s)) - first
