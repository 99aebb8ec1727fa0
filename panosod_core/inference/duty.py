"""How much of its time the predictor may work while a clip plays: less after pictures were dropped, slowly more again.

As networks share a wire: a loss cuts at once, silence gives back little by little. Pure; the caller tells the time.
"""

LEAST = 0.1
CUT = 0.6
"""Share that is left after pictures were dropped."""
GAIN_PER_S = 0.04
"""Won back a second without a dropped picture."""
CALM_S = 1.0
"""Pictures dropped within this time of a cut do not cut again: they may still be the old load's."""
_LONGEST_REST_S = 2.0


class Duty:
    """The share of the time that may be worked, 0.1 to 1."""

    def __init__(self) -> None:
        self._share = 1.0
        self._is_playing = False
        self._told_s: float | None = None
        self._cut_s: float | None = None

    @property
    def share(self) -> float:
        """In force: all of it while the clip stands still."""
        return self._share if self._is_playing else 1.0

    def report(self, *, late: int, is_playing: bool, now_s: float) -> None:
        """What the player says of itself.

        Args:
            late: pictures dropped since it said so last.
            is_playing: whether it plays.
            now_s: when, rising.
        """
        since_s = now_s - self._told_s if self._told_s is not None and self._is_playing else 0.0
        self._told_s, self._is_playing = now_s, is_playing
        if not is_playing:
            return
        if late <= 0:
            self._share = min(1.0, self._share + GAIN_PER_S * since_s)
        elif self._cut_s is None or now_s - self._cut_s >= CALM_S:
            self._share = max(LEAST, self._share * CUT)
            self._cut_s = now_s

    def rest_s(self, worked_s: float) -> float:
        """How long to rest after so much work."""
        return min(worked_s * (1.0 / self.share - 1.0), _LONGEST_REST_S)
