"""A ring of decoded sound between one writer (the feeder) and one reader (the audio callback), with clip positions.

No locks: each side changes only its own counter, and a counter is one Python integer.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
"""The rate of all sound inside the audio process; devices of another rate are resampled at the very end."""

PAST_S = 0.22
"""How much of what has been played is kept: the loop held while paused is made of it."""

FloatArray32 = NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """A stretch of sound without a jump in clip time.

    Attributes:
        index: the first sample of the run, counted from the first sample of the ring.
        position_s: clip time of that sample.
        speed: clip seconds per second of sound.
        entered_from_s: clip time at which the run before it ended where a loop jumped back, None at the beginning.
        serial: number of the run within the ring.
        leaves_at_s: clip time at which a loop jumps back from it, None where none does.
    """

    index: int
    position_s: float
    speed: float
    entered_from_s: float | None = None
    serial: int = 0
    leaves_at_s: float | None = None


class Location(NamedTuple):
    """Where a sample lies on the clip's clock, and in which run."""

    position_s: float
    run: Run


class SampleRing:
    """Sound from one seek to the next, and a little of what has just been played."""

    def __init__(
        self,
        channels: int,
        *,
        capacity: int,
        ticket: int,
        position_s: float,
        speed: float = 1.0,
        leaves_at_s: float | None = None,
        preroll: FloatArray32 | None = None,
        rate_hz: int = RATE_HZ,
    ) -> None:
        """Make a ring with nothing in it to be read.

        Args:
            channels: of the sound, >= 1.
            capacity: samples that can wait in it.
            ticket: number of the seek that it answers.
            position_s: clip time of its first sample.
            speed: clip seconds per second of sound.
            leaves_at_s: clip time at which a loop jumps back, None without one.
            preroll: (C, n) what lies just before the first sample: the past, as if it had been played.
            rate_hz: samples per second.
        """
        self.ticket = ticket
        self._capacity = capacity
        self._past = round(PAST_S * rate_hz)
        # The writer never comes nearer than the past: what has been taken stays whole while it is used, and after.
        self._size = capacity + self._past
        self._data: FloatArray32 = np.zeros((channels, self._size), np.float32)
        self._origin = 0
        if preroll is not None:
            self._origin = min(preroll.shape[1], self._past)
            self._data[:, : self._origin] = preroll[:, preroll.shape[1] - self._origin :]
        self._written = self._read = self._origin
        self._finished = False
        self._rate_hz = rate_hz
        self._runs: deque[Run] = deque()
        self._run = Run(index=0, position_s=position_s, speed=speed, leaves_at_s=leaves_at_s)

    @property
    def available(self) -> int:
        """Samples that can be read now."""
        return self._written - self._read

    @property
    def space(self) -> int:
        """Samples that can be written now."""
        return self._capacity - self.available

    @property
    def finished(self) -> bool:
        """True where nothing will be written any more."""
        return self._finished

    @property
    def ended(self) -> bool:
        """True where everything has been read and nothing will come."""
        return self._finished and self.available == 0

    # -- the writer's side

    def add_run(self, run: Run) -> None:
        """Announce a jump in clip time at sample ``run.index``, before that sample is written."""
        self._runs.append(run)

    def write(self, samples: FloatArray32) -> None:
        """Append samples.

        Raises:
            ValueError: there is no room: look at :attr:`space` first.
        """
        n = samples.shape[1]
        if n > self.space:
            raise ValueError(f"the ring has room for {self.space} samples, got {n}")
        start = self._written % self._size
        first = min(n, self._size - start)
        self._data[:, start : start + first] = samples[:, :first]
        self._data[:, : n - first] = samples[:, first:]
        # Published last: the reader never sees a counter ahead of its samples.
        self._written += n

    def finish(self) -> None:
        """Say that nothing more will come."""
        self._finished = True

    # -- the reader's side

    def take(self, n: int) -> FloatArray32:
        """The next samples, (C, <= n); read only, and whole until 0.2 s more have been taken."""
        n = min(n, self.available)
        start = self._read % self._size
        self._read += n
        if start + n <= self._size:
            return self._data[:, start : start + n]
        return self._around(start, n)

    def ahead(self, n: int) -> FloatArray32:
        """A copy of the next samples, (C, <= n), without taking them."""
        return self._around(self._read % self._size, min(n, self.available))

    def past(self, n: int) -> FloatArray32:
        """A copy of what has been taken last, and before it of the preroll: (C, <= n), at most 0.22 s."""
        n = min(n, self._past, self._read)
        return self._around((self._read - n) % self._size, n)

    def _around(self, start: int, n: int) -> FloatArray32:
        first = min(n, self._size - start)
        return np.concatenate([self._data[:, start : start + first], self._data[:, : n - first]], axis=1)

    def locate(self) -> Location:
        """Clip time of the next sample to be read."""
        while self._runs and self._runs[0].index <= self._read - self._origin:
            self._run = self._runs.popleft()
        run = self._run
        return Location(run.position_s + (self._read - self._origin - run.index) / self._rate_hz * run.speed, run)
