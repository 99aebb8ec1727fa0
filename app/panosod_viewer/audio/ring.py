"""A ring of decoded sound between one writer (the feeder) and one reader (the audio callback), with clip positions.

No locks: each side changes only its own counter, and a counter is one Python integer.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
"""The rate of all sound inside the audio process; devices of another rate are resampled at the very end."""

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
    """

    index: int
    position_s: float
    speed: float
    entered_from_s: float | None = None
    serial: int = 0


@dataclass(frozen=True)
class Location:
    """Where a sample lies on the clip's clock, and in which run."""

    position_s: float
    run: Run


class SampleRing:
    """Sound from one seek to the next."""

    def __init__(
        self,
        channels: int,
        *,
        capacity: int,
        ticket: int,
        position_s: float,
        speed: float = 1.0,
        rate_hz: int = RATE_HZ,
    ) -> None:
        """Make an empty ring.

        Args:
            channels: of the sound, >= 1.
            capacity: samples it can hold.
            ticket: number of the seek that it answers.
            position_s: clip time of its first sample.
            speed: clip seconds per second of sound.
            rate_hz: samples per second.
        """
        self.ticket = ticket
        self.preroll: FloatArray32 = np.zeros((channels, 0), np.float32)
        """What lies just before the first sample, (C, n): for the loop that is held while paused."""
        self._data: FloatArray32 = np.zeros((channels, capacity), np.float32)
        self._capacity = capacity
        self._written = 0
        self._read = 0
        self._finished = False
        self._rate_hz = rate_hz
        self._runs: deque[Run] = deque()
        self._run = Run(index=0, position_s=position_s, speed=speed)

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
        capacity = self._capacity
        start = self._written % capacity
        first = min(n, capacity - start)
        self._data[:, start : start + first] = samples[:, :first]
        self._data[:, : n - first] = samples[:, first:]
        # Published last: the reader never sees a counter ahead of its samples.
        self._written += n

    def finish(self) -> None:
        """Say that nothing more will come."""
        self._finished = True

    # -- the reader's side

    def peek_into(self, out: FloatArray32) -> int:
        """Copy the next samples without taking them; returns how many there were."""
        n = min(int(out.shape[1]), self.available)
        capacity = self._capacity
        start = self._read % capacity
        first = min(n, capacity - start)
        out[:, :first] = self._data[:, start : start + first]
        out[:, first:n] = self._data[:, : n - first]
        return n

    def read_into(self, out: FloatArray32) -> int:
        """Take the next samples; returns how many there were, at most ``out.shape[1]``."""
        n = self.peek_into(out)
        self._read += n
        return n

    def locate(self) -> Location:
        """Clip time of the next sample to be read."""
        while self._runs and self._runs[0].index <= self._read:
            self._run = self._runs.popleft()
        run = self._run
        return Location(run.position_s + (self._read - run.index) / self._rate_hz * run.speed, run)
