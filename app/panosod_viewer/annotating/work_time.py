"""How long somebody has worked on a mask: gaps between their acts, as far as they are short. No Qt."""

from __future__ import annotations

LONGEST_GAP_S = 8.0
"""After a longer pause the person was elsewhere."""


class WorkTime:
    """Adds up until it is taken."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._spent_s = 0.0

    def acted(self, now_s: float) -> None:
        """The person did something, at a time of any steady clock."""
        if self._last_s is not None:
            self._spent_s += min(max(now_s - self._last_s, 0.0), LONGEST_GAP_S)
        self._last_s = now_s

    def take(self, now_s: float) -> float:
        """Seconds since it was last taken or begun anew."""
        self.acted(now_s)
        spent, self._spent_s = self._spent_s, 0.0
        return spent

    def begin(self) -> None:
        """Count from the next act."""
        self._last_s, self._spent_s = None, 0.0
