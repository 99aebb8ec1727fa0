"""Which frame the model looks at next: ahead of the playhead, as densely as the machine can, and never twice.

Pure arithmetic on frame numbers and on the times that the caller tells; no clock is read here, no thread is known.

While the clip plays, frames on a grid of every n-th are taken, from the first one that can be ready before it is shown;
n follows from the measured time a map takes. A few seconds ahead are then filled towards every frame, then the grid
goes on to the clip's end and comes round to its beginning. While it stands still, the frame in sight is first, then
every frame around it, then the rest of the clip on finer and finer grids.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

JUMP_S = 0.5
"""A playhead this far from where it was expected has jumped: the work for the old place is abandoned."""

AHEAD_S = 4.0
"""While playing, so much ahead is filled towards every frame before the grid goes on."""

AROUND_S = 2.0
"""While paused, so much on both sides is filled towards every frame before the rest of the clip."""

WIDEST_S = 2.0
"""A grid is not wider than this."""

MARGIN = 0.9
"""Share of the measured speed that a grid may need while the clip plays."""

EAGERNESS = 0.8
"""Share of the measured speed that a finer grid may need before it is taken: less, so that it does not swing."""

LONE = 2.0
"""Cost of a map on a grid wider than the step of the window, in maps whose neighbours have been worked through."""

_MEMORY = 0.2
"""Weight of the newest measurement."""


@dataclass(frozen=True)
class Playhead:
    """Where the clip stands.

    Attributes:
        index: frame in sight.
        is_playing: whether it runs.
        speed: clip seconds a second.
        at_s: when that was so, on the caller's clock.
    """

    index: int
    is_playing: bool = False
    speed: float = 1.0
    at_s: float = 0.0


def strides(window_step: int, *, frame_rate_hz: float) -> tuple[int, ...]:
    """The grids to choose from, every frame first.

    Those finer than the step between the frames of a window divide it, wider ones double it: so the neighbours that a
    map needs lie on the grid themselves, and each is worked through the network once.

    Args:
        window_step: frames between two frames of a window.
        frame_rate_hz: of the clip.
    """
    fine = [n for n in range(1, window_step + 1) if window_step % n == 0]
    wide = []
    step = 2 * window_step
    while step <= WIDEST_S * frame_rate_hz:
        wide.append(step)
        step *= 2
    return (*fine, *wide)


class Schedule:
    """What to do next for one clip. Not thread-safe.

    Attributes:
        frame_count: of the clip.
        strides: to choose from.
    """

    def __init__(
        self,
        *,
        frame_count: int,
        frame_rate_hz: float,
        window_step: int,
        stride: int = 0,
        known: Iterable[int] = (),
        map_s: float | None = None,
    ) -> None:
        """Nothing is wanted before :meth:`move` tells where the clip stands.

        Args:
            frame_count: of the clip.
            frame_rate_hz: of the clip.
            window_step: frames between two frames of the model's window.
            stride: a map of every n-th frame for good; 0 follows from the speed.
            known: frames that have a map already.
            map_s: time a map takes, where it is known from another clip.

        Raises:
            ValueError: no frames, or a rate, step or stride that is impossible.
        """
        if frame_count < 1 or not frame_rate_hz > 0 or window_step < 1 or stride < 0:
            raise ValueError(
                f"expected frames, rate and step above 0, got {frame_count}, {frame_rate_hz}, {window_step}, {stride}"
            )
        self.frame_count = frame_count
        self._rate_hz = frame_rate_hz
        self.strides = strides(window_step, frame_rate_hz=frame_rate_hz)
        self._fixed = stride
        self._map_s = map_s
        self._carry_s = 0.0
        self._step = window_step
        self._is_warm = map_s is not None
        self._done = np.zeros(frame_count, np.bool_)
        self._again: set[int] = set()
        self.know(known)
        self._head: Playhead | None = None
        self._stride = stride or window_step
        self._choose_stride()

    # --- what is known ---

    @property
    def stride(self) -> int:
        """A map of every n-th frame is made while the clip plays."""
        return self._stride

    @property
    def map_s(self) -> float | None:
        """Time that a map takes whose neighbours have been worked through, smoothed; None before the second."""
        return self._map_s

    def needs(self, stride: int) -> float:
        """Seconds of work for a second of the clip, at speed 1, on a grid: its maps, and all those carried between."""
        map_s = (self._map_s or 0.0) * (1.0 if stride <= self._step else LONE)
        return self._rate_hz / stride * (map_s + (stride - 1) * self._carry_s)

    @property
    def done(self) -> NDArray[np.bool_]:
        """(frame_count,) which frames have a map; a copy."""
        return self._done.copy()

    @property
    def is_placed(self) -> bool:
        """Whether anybody has told where the clip stands."""
        return self._head is not None

    def is_done(self, index: int) -> bool:
        """Whether a frame has a map."""
        return 0 <= index < self.frame_count and bool(self._done[index])

    # --- what happens ---

    def move(self, head: Playhead) -> bool:
        """The clip stands here now; True where what is being worked on should be abandoned for it."""
        head = replace(head, index=min(max(head.index, 0), self.frame_count - 1))
        old, self._head = self._head, head
        self._choose_stride()
        if old is None:
            return True
        if old.is_playing != head.is_playing:
            # It went on or stopped where it was: what is being made is near and soon done.
            return abs(head.index - self._place(old, head.at_s)) > JUMP_S * self._rate_hz
        if not head.is_playing:
            return head.index != old.index
        return abs(head.index - self._place(old, head.at_s)) > JUMP_S * self._rate_hz * max(1.0, head.speed)

    def set_stride(self, stride: int) -> None:
        """A map of every n-th frame from now on; 0 follows from the speed."""
        self._fixed = stride
        if stride:
            self._stride = stride
        self._choose_stride()

    def finish(
        self,
        index: int,
        *,
        took_s: float | None = None,
        is_lone: bool = False,
        carried: int = 0,
        carrying_s: float = 0.0,
    ) -> None:
        """A frame has its map now.

        Args:
            index: of the frame.
            took_s: wall time from the map before it (rest that was forced upon the work included); None where the time
                says nothing, as after a jump.
            is_lone: its neighbours had to be worked through for it alone.
            carried: maps carried along beside it.
            carrying_s: share of the time that those took.
        """
        self._done[index] = True
        self._again.discard(index)
        # The first map of all pays for what happens only once: a seek, the runtime's first run, three seconds of sound.
        if took_s is not None and self._is_warm:
            own_s = max(took_s - carrying_s, 0.0) / (LONE if is_lone else 1.0)
            self._map_s = own_s if self._map_s is None else self._map_s + _MEMORY * (own_s - self._map_s)
            if carried:
                each_s = carrying_s / carried
                self._carry_s = self._carry_s + _MEMORY * (each_s - self._carry_s) if self._carry_s else each_s
        self._is_warm = self._is_warm or took_s is not None
        self._choose_stride()

    def forget(self, index: int) -> None:
        """A frame's map is lost: it is made again, soon, be it on the grid or not."""
        if 0 <= index < self.frame_count:
            self._done[index] = False
            self._again.add(index)

    def know(self, known: Iterable[int]) -> None:
        """Just these frames have a map now; the others are made in their turn."""
        self._done[:] = False
        self._again.clear()
        for index in known:
            if 0 <= index < self.frame_count:
                self._done[index] = True

    def next(self, now_s: float) -> int | None:
        """The frame to look at next; None where nothing is left to do or nobody has told where the clip stands."""
        head = self._head
        if head is None:
            return None
        wishes = self._wishes_playing(head, now_s) if head.is_playing else self._wishes_standing(head)
        return next((found for found in wishes if found is not None), None)

    # --- order of work ---

    def _wishes_playing(self, head: Playhead, now_s: float) -> Iterator[int | None]:
        place = self._place(head, now_s)
        # What cannot be ready in time is not begun: by then a later frame is in sight.
        lead = (self._map_s or 0.0) * self._rate_hz * max(head.speed, 0.0)
        first = min(math.ceil(place + lead), self.frame_count)
        near = min(first + math.ceil(AHEAD_S * self._rate_hz * max(head.speed, 1.0)), self.frame_count)
        yield self._missing(first, near, self._stride)
        yield min(self._again, default=None)
        if not self._fixed:
            yield from (self._missing(first, near, n) for n in self._finer())
        yield self._missing(near, self.frame_count, self._stride)
        yield self._missing(0, first, self._stride)
        yield from self._rest(first)

    def _wishes_standing(self, head: Playhead) -> Iterator[int | None]:
        at = head.index
        yield at if not self._done[at] else None
        yield min(self._again, default=None)
        reach = math.ceil(AROUND_S * self._rate_hz)
        low, high = max(at - reach, 0), min(at + reach, self.frame_count)
        # Coarse first, so that a person who steps finds something near at once. Upwards each time: that is how
        # pictures are decoded and how what was worked through for one map serves the next.
        for n in (self._stride, *self._finer()) if not self._fixed else (self._stride,):
            yield self._missing(at, high, n)
            yield self._missing(low, at, n)
        yield self._missing(high, self.frame_count, self._stride)
        yield self._missing(0, low, self._stride)
        yield from self._rest(at)

    def _rest(self, first: int) -> Iterator[int | None]:
        """The whole clip on ever finer grids, from a frame on and round."""
        if self._fixed:
            return
        for n in self._finer():
            yield self._missing(first, self.frame_count, n)
            yield self._missing(0, first, n)

    def _finer(self) -> tuple[int, ...]:
        return tuple(n for n in reversed(self.strides) if n < self._stride)

    def _missing(self, low: int, high: int, stride: int) -> int | None:
        """The first frame of a grid in [low, high) without a map."""
        start = -(-low // stride) * stride
        gaps = np.flatnonzero(~self._done[start:high:stride])
        return start + int(gaps[0]) * stride if len(gaps) else None

    def _place(self, head: Playhead, now_s: float) -> float:
        """Frame expected in sight at a time."""
        if not head.is_playing:
            return float(head.index)
        return head.index + max(0.0, now_s - head.at_s) * head.speed * self._rate_hz

    def _choose_stride(self) -> None:
        """The finest grid that keeps up with the clip."""
        if self._fixed or self._map_s is None:
            return
        speed = 1.0 if self._head is None or not self._head.is_playing else max(self._head.speed, 0.0)
        # Coarser only where the present grid is too much, finer only where that is easily done.
        share = {n: speed * self.needs(n) for n in self.strides}
        fits = [n for n in self.strides if share[n] <= (MARGIN if n >= self._stride else EAGERNESS)]
        self._stride = fits[0] if fits else min(self.strides, key=lambda n: share[n])
