"""A device that exists only as a clock: for tests of time, for measuring, and for machines without a sound card."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.engine import BLOCK
from panosod_viewer.audio.ring import RATE_HZ

FloatArray32 = NDArray[np.float32]

Fill = Callable[[FloatArray32, float, bool], None]
"""fill(out, dac_time_s, underflow): write the next block, (2, n) float32, whose first sample leaves the DAC at that
host time; ``underflow`` says that the device ran dry before it."""


class Timeline(Protocol):
    """A clock that can be waited on."""

    def now(self) -> float:
        """Seconds."""
        ...

    def sleep_until(self, t_s: float, /) -> None:
        """Return at that time, or at once where it has passed."""
        ...


class RealTime:
    """The host's clock."""

    def now(self) -> float:
        """Seconds of :func:`now_s`."""
        return time.perf_counter()

    def sleep_until(self, t_s: float, /) -> None:
        """Sleep."""
        wait = t_s - now_s()
        if wait > 0:
            time.sleep(wait)  # a simulated card keeps the host's time as a real one does: it waits for the next block


class VirtualTime:
    """A clock that stands until someone waits on it, with things that happen at set times. Exact and repeatable."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def at(self, t_s: float, action: Callable[[], None]) -> None:
        """Have something happen at that time."""
        self._due.append((t_s, action))
        self._due.sort(key=lambda item: item[0])

    def sleep_until(self, t_s: float, /) -> None:
        """Let time pass, and happen what is due."""
        while self._due and self._due[0][0] <= t_s:
            due_s, action = self._due.pop(0)
            self._now = max(self._now, due_s)
            action()
        self._now = max(self._now, t_s)


class SimulatedDac:
    """Pulls blocks as a sound card does and notes when each would have been heard.

    The block that is asked for at time t leaves the DAC ``depth`` blocks later. One that is not ready by then is an
    underrun: the device stops and goes on when it is.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        record: Path | None = None,
        block: int = BLOCK,
        rate_hz: int = RATE_HZ,
        timeline: Timeline | None = None,
        name: str = "simulated",
    ) -> None:
        """Prepare.

        Args:
            depth: blocks between the callback and the DAC, >= 1.
            record: where :meth:`close` writes what was heard (npz: samples (n, 2), times (blocks,), underruns).
            block: samples a block.
            rate_hz: samples per second.
            timeline: the clock; the host's where None.
            name: for people.
        """
        self.name = name
        self.rate_hz = rate_hz
        self.block = block
        self.latency_s = depth * block / rate_hz
        self.underruns = 0
        self.times: list[float] = []
        self.blocks: list[FloatArray32] = []
        self._keep = record is not None or timeline is not None
        self._record = record
        self._time: Timeline = timeline or RealTime()
        self._period_s = block / rate_hz
        self._start_s = 0.0
        self._count = 0
        self._ran_dry = False
        self._fill: Fill | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """True while blocks are being pulled."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def heard(self) -> FloatArray32:
        """(n, 2): all that has left the DAC."""
        return np.concatenate([b.T for b in self.blocks]) if self.blocks else np.zeros((0, 2), np.float32)

    def start(self, fill: Fill) -> None:
        """Pull blocks in a thread until :meth:`close`."""
        self.begin(fill)
        self._thread = threading.Thread(target=self._run, name="simulated-dac", daemon=True)
        self._thread.start()

    def begin(self, fill: Fill) -> None:
        """Prepare to :meth:`step` without a thread."""
        self._fill = fill
        self._start_s = self._time.now()

    def step(self) -> None:
        """Wait until the next block is due and pull it."""
        assert self._fill is not None
        asked_s = self._start_s + self._count * self._period_s
        self._time.sleep_until(asked_s)
        heard_s = asked_s + self.latency_s
        out = np.zeros((2, self.block), np.float32)
        self._fill(out, heard_s, self._ran_dry)
        late_s = self._time.now() - heard_s
        self._ran_dry = late_s > 0
        if self._ran_dry:
            self.underruns += 1
            self._start_s += late_s
            heard_s += late_s
        self._count += 1
        if self._keep:
            self.times.append(heard_s)
            self.blocks.append(out)

    def close(self) -> None:
        """Stop, and write the recording."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        if self._record is not None and self.blocks:
            np.savez(self._record, samples=self.heard, times=np.array(self.times), underruns=self.underruns)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.step()
