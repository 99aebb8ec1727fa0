"""When an object sounds: intervals of its time, changed from a frame on. No Qt."""

from __future__ import annotations

from panosod_core.annotation.records import Interval, Presence

FOREVER_PTS = 2**62
"""End of an interval that lasts until the clip ends."""


def presence_at(intervals: tuple[Interval, ...], pts: int) -> Presence | None:
    """What holds at a time; None where nothing is said."""
    return next((i.presence for i in intervals if i.start_pts <= pts < i.end_pts), None)


def from_here_on(intervals: tuple[Interval, ...], pts: int, presence: Presence | None) -> tuple[Interval, ...]:
    """The intervals with this said from a time on, until where something else was said before.

    Args:
        intervals: disjoint, ascending.
        pts: from then on.
        presence: what holds; None takes back what was said.
    """
    kept: list[Interval] = []
    end = next((i.start_pts for i in intervals if i.start_pts > pts), FOREVER_PTS)
    for interval in intervals:
        if interval.start_pts < pts < interval.end_pts:
            kept.append(Interval(interval.start_pts, pts, interval.presence))
        elif not interval.start_pts <= pts < interval.end_pts:
            kept.append(interval)
    if presence is not None:
        kept.append(Interval(pts, end, presence))
    kept.sort(key=lambda i: i.start_pts)
    joined: list[Interval] = []
    for interval in kept:
        last = joined[-1] if joined else None
        if last is not None and last.end_pts == interval.start_pts and last.presence is interval.presence:
            joined[-1] = Interval(last.start_pts, interval.end_pts, last.presence)
        else:
            joined.append(interval)
    return tuple(joined)
