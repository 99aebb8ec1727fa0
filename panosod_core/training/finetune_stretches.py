"""Stretches of a clip's time, and when two times are one. No torch here."""

import math
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
