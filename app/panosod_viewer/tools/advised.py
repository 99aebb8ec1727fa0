"""Going along the list of what to annotate next: pure. No Qt.

The list is made anew whenever something is labelled. A frame that was gone past without being labelled is skipped: it
comes again only when nothing else is left, or when the list is begun anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from panosod_core.annotation.queueing import Pick

Place = tuple[int, int]
"""Clip and frame number."""
COUNT = 12
"""Frames that are listed."""


@dataclass(frozen=True)
class PickLine:
    """A frame of the list, in words.

    Attributes:
        pick: which.
        clip: name of its clip.
        is_here: it is on the screen.
    """

    pick: Pick
    clip: str
    is_here: bool = False

    @property
    def heading(self) -> str:
        """Clip and time."""
        minutes, seconds = divmod(max(self.pick.time_s, 0.0), 60)
        return f"{self.clip}   {int(minutes)}:{seconds:04.1f}"


def place_of(pick: Pick) -> Place:
    """Clip and frame number."""
    return pick.clip, pick.index


@dataclass
class Walk:
    """Where a person is in the list.

    Attributes:
        picks: the list as it is now, longer than what is shown by what may be skipped.
        been: places gone to, in order.
    """

    picks: tuple[Pick, ...] = ()
    been: list[Place] = field(default_factory=list)

    def take(self, picks: Sequence[Pick]) -> None:
        """Another list."""
        self.picks = tuple(picks)

    def begin(self) -> None:
        """Anew: nothing has been gone to."""
        self.been.clear()

    @property
    def waiting(self) -> tuple[Pick, ...]:
        """What comes next, in order: not gone to yet; all of it again when everything has been."""
        fresh = tuple(p for p in self.picks if place_of(p) not in self.been)
        return (fresh or self.picks)[:COUNT]

    def next(self, here: Place | None) -> Place | None:
        """Go on: the first that waits and is not on the screen, which is left behind."""
        if here is not None and here in map(place_of, self.picks):
            self.went(here)
        found = next((place_of(p) for p in self.waiting if place_of(p) != here), None)
        if found is not None:
            if not any(place_of(p) not in self.been for p in self.picks):
                self.been.clear()  # once around
            self.went(found)
        return found

    def previous(self, here: Place | None) -> Place | None:
        """Back to where one was before; None at the beginning."""
        while self.been and self.been[-1] == here:
            self.been.pop()
        return self.been[-1] if self.been else None

    def went(self, place: Place) -> None:
        """Somebody went there."""
        if place in self.been:
            self.been.remove(place)
        self.been.append(place)
