"""Time: the host's clock that both processes share, smoothing of a device's clock, and reading the clip's clock."""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

STALE_S = 0.5
"""Without news from the audio process the clip's clock goes on by itself for so long, then stands."""


def now_s() -> float:
    """The host's steady clock, seconds; the same in every process of the machine, and finer than 1 ms everywhere."""
    return time.perf_counter()


class DelayLockedLoop:
    """Smooths the times that a device gives for its blocks (second order, after Adriaensen 2005).

    A device's reports jitter by milliseconds (20 ms on PulseAudio); its sample clock does not.
    """

    def __init__(self, *, period_s: float, bandwidth_hz: float = 0.2) -> None:
        """Prepare for blocks that are ``period_s`` apart."""
        omega = 2 * math.pi * bandwidth_hz * period_s
        self._b, self._c = math.sqrt(2) * omega, omega * omega
        self._nominal_s = period_s
        self._period_s = period_s
        self._next_s: float | None = None
        self._seen = 0
        self._far = 0

    def update(self, measured_s: float) -> float:
        """The smoothed time of a block whose measured time is given; blocks come in order, none left out."""
        if self._next_s is None:
            self._next_s = measured_s + self._period_s
            return measured_s
        error = measured_s - self._next_s
        # A lasting offset is a device that stopped and went on: follow at once. A single outlier is not.
        self._far = self._far + 1 if abs(error) > max(0.03, 4 * self._nominal_s) else 0
        if self._far > 8 or abs(error) > 0.25:
            self.reset()
            return self.update(measured_s)
        # At first the mean of all there is, so that the first report's jitter is not believed for seconds.
        self._seen += 1
        smoothed = self._next_s + error / (self._seen + 1) if self._seen < 1 / self._b else self._next_s
        self._next_s += max(self._b, 1 / (self._seen + 1)) * error + self._period_s
        if self._seen > 1 / self._b:
            # No sample clock is off by more than a thousandth; jitter must not make it seem so.
            period_s = self._period_s + self._c * error
            self._period_s = min(max(period_s, 0.999 * self._nominal_s), 1.001 * self._nominal_s)
        return smoothed

    def reset(self) -> None:
        """Forget: the device has been opened anew."""
        self._next_s, self._period_s, self._seen, self._far = None, self._nominal_s, 0, 0


class ClockAnchor(NamedTuple):
    """One point of the clip's clock, from which its reading at any time near it follows. All floats, for shared memory.

    Attributes:
        time_s: host time at which ``position_s`` is heard.
        position_s: clip time.
        speed_before: clip seconds per second on the way to it.
        speed_after: and from it on; 0 where the clip stands.
        floor_s: clip time at which this stretch began: nothing before it was heard as part of it.
        entered_from_s: where the stretch before ended, if a loop jumped back from there; else nan.
        leaves_at_s: where a loop jumps back from this stretch, else nan: the clock waits there for the news of it.
        generation: of the last seek.
        serial: number of the stretch.
        playing: 1 where the clip is meant to run.
        ended: 1 where it has been played to its end.
    """

    time_s: float = 0.0
    position_s: float = 0.0
    speed_before: float = 0.0
    speed_after: float = 0.0
    floor_s: float = 0.0
    entered_from_s: float = math.nan
    leaves_at_s: float = math.nan
    generation: float = 0.0
    serial: float = 0.0
    playing: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True)
class ClockReading:
    """The clip's clock now.

    Attributes:
        position_s: clip time of what is being heard.
        playing: the clip is meant to run.
        generation: of the last seek that the audio process has taken up; a reading of an older one is stale.
        speed: clip seconds per second at this moment; 0 where it stands (also while a seek is being answered).
        ended: it has been played to its end.
    """

    position_s: float
    playing: bool
    generation: int
    speed: float = 0.0
    ended: bool = False


def read_clock(anchor: ClockAnchor, at_s: float) -> ClockReading:
    """The clip's clock at host time ``at_s``."""
    ahead = min(at_s - anchor.time_s, STALE_S)
    speed = anchor.speed_after if ahead >= 0 else anchor.speed_before
    position = anchor.position_s + ahead * speed
    # How far the reading lies before the beginning of the stretch, along its direction.
    short = (anchor.floor_s - position) * (1 if speed >= 0 else -1)
    if speed != 0.0 and short > 0:
        position = anchor.floor_s
        if not math.isnan(anchor.entered_from_s):
            position = anchor.entered_from_s - short
    if speed > 0 and position > anchor.leaves_at_s:
        position = anchor.leaves_at_s
    return ClockReading(position, anchor.playing > 0, int(anchor.generation), speed, anchor.ended > 0)
