"""Times as people read them."""

import math


def timecode(seconds: float | None, *, long: bool = False) -> str:
    """``mm:ss.mmm``, with hours in front from one hour on or where ``long``; dashes where unknown.

    Milliseconds are cut, not rounded: the clock never shows a moment that has not come.
    """
    if seconds is None or not math.isfinite(seconds):
        return "--:--.---"
    # A hair is added so that 0.3 s, stored as 0.29999…, reads .300.
    total_ms = max(0, math.floor(seconds * 1000 + 1e-6))
    minutes, ms = divmod(total_ms, 60_000)
    hours, rest = divmod(minutes, 60)
    if hours or long:
        return f"{hours}:{rest:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
    return f"{rest:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
