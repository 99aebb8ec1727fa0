"""Which part of a clip's time is on the screen, and how a pointer and the playhead move it. Pure; no Qt."""

from dataclasses import dataclass, replace

MIN_SPAN_S = 0.2
"""Nothing is to be seen in less: six pictures of a usual clip."""
_PAGE_LEAD = 0.05
"""Where on a new page the playhead stands, as a share of the page."""


@dataclass(frozen=True)
class TimeRange:
    """A stretch of a clip. Checked at birth; immutable.

    Attributes:
        duration_s: of the clip, > 0.
        start_s: of the stretch, >= 0.
        end_s: of the stretch, at most the duration, later than the start.
    """

    duration_s: float
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s <= self.duration_s:
            raise ValueError(f"expected 0 <= start < end <= duration, got {self}")

    @classmethod
    def whole(cls, duration_s: float) -> "TimeRange":
        """All of a clip."""
        return cls(duration_s, 0.0, duration_s)

    @property
    def span_s(self) -> float:
        """Length of the stretch."""
        return self.end_s - self.start_s

    @property
    def is_whole(self) -> bool:
        """True where all of the clip is on the screen."""
        return self.start_s <= 0 and self.end_s >= self.duration_s

    def holds(self, time_s: float) -> bool:
        """Whether a moment is on the screen."""
        return self.start_s <= time_s <= self.end_s

    def fitted(self) -> "TimeRange":
        """All of the clip."""
        return TimeRange.whole(self.duration_s)

    def zoomed(self, factor: float, *, about_s: float) -> "TimeRange":
        """Longer (factor above 1) or shorter, with a moment staying where it is as far as the clip's ends allow."""
        span = min(max(self.span_s * factor, min(MIN_SPAN_S, self.duration_s)), self.duration_s)
        share = (about_s - self.start_s) / self.span_s
        return self._placed(about_s - share * span, span)

    def panned(self, by_s: float) -> "TimeRange":
        """Later by some seconds, or earlier, stopping at the clip's ends."""
        return self._placed(self.start_s + by_s, self.span_s)

    def showing(self, time_s: float) -> "TimeRange":
        """The same where a moment is on the screen; else the page that begins shortly before it."""
        time_s = min(max(time_s, 0.0), self.duration_s)
        if self.holds(time_s):
            return self
        return self._placed(time_s - _PAGE_LEAD * self.span_s, self.span_s)

    def _placed(self, start_s: float, span_s: float) -> "TimeRange":
        if span_s >= self.duration_s:
            return self.fitted()
        last = self.duration_s - span_s
        if start_s >= last:
            return replace(self, start_s=last, end_s=self.duration_s)
        start = max(start_s, 0.0)
        return replace(self, start_s=start, end_s=min(start + span_s, self.duration_s))
