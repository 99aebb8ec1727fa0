"""How fast maps come, and how fast work was abandoned. Pure; the caller tells the time."""

from collections import deque

WINDOW_S = 3.0
"""The rate is that of so many seconds."""


class Pace:
    """Measures one clip's work.

    Attributes:
        abandon_s: longest time from a jump until the work for the old place had stopped.
    """

    def __init__(self) -> None:
        self.abandon_s = 0.0
        self._made: deque[float] = deque()
        self._last_s: float | None = None

    def interrupted(self) -> None:
        """The work was interrupted: the time until the next map says nothing of the one after it."""
        self._last_s = None

    def made(self, now_s: float, *, since_s: float) -> float:
        """A map is done.

        Args:
            now_s: when.
            since_s: when the work for it began.

        Returns:
            Time it took: from the map before it, or from its own beginning where the work was interrupted or rested.
        """
        took_s = now_s - (since_s if self._last_s is None else self._last_s)
        self._last_s = now_s
        self._made.append(now_s)
        return took_s

    def abandoned(self, after_s: float) -> None:
        """Work for an old place has stopped, so long after the jump came."""
        self.abandon_s = max(self.abandon_s, after_s)
        self.interrupted()

    def rate_hz(self, now_s: float) -> float:
        """Maps a second, of the last seconds."""
        while self._made and self._made[0] < now_s - WINDOW_S:
            self._made.popleft()
        if len(self._made) < 2:
            return len(self._made) / WINDOW_S
        return (len(self._made) - 1) / max(self._made[-1] - self._made[0], 1e-6)
