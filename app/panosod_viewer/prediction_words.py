"""How a model fares, in a few words for the status line. No Qt."""

from panosod_core.inference.messages import Progress

UNREADABLE = "its maps cannot be read"


def progress_words(progress: Progress) -> str:
    """How fast maps come, and how dense."""
    if progress.is_idle:
        return "all maps are there"
    rate = f"{progress.maps_per_s:.0f} maps/s" if progress.maps_per_s >= 1 else "under 1 map/s"
    return f"{rate}, {every_nth(progress.stride)}"


def every_nth(stride: int) -> str:
    """How dense the maps are, in words."""
    if stride == 1:
        return "every frame"
    ending = "th" if stride % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(stride % 10, "th")
    return f"every {stride}{ending} frame"
