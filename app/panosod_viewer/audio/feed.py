"""One continuous stream of a clip's sound from a place on: loops, speeds and the silence after its end included."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.audio.ring import PAST_S, RATE_HZ, Run, SampleRing
from panosod_viewer.audio.tempo import FASTEST, SLOWEST, Tempo

FloatArray32 = NDArray[np.float32]

LOOP_FADE_S = 0.005
CHUNK = 1024
"""Samples read at a time."""
LEAST_LOOP_S = 0.05


class SoundSource(Protocol):
    """What delivers a clip's sound: ``panosod_core.media.audio.AudioReader`` is one."""

    @property
    def channels(self) -> int:
        """Channels of what :meth:`read` returns."""
        ...

    def seek(self, t_s: float, /) -> None:
        """Go to a clip time, exact to the sample."""
        ...

    def read(self, n: int, /) -> FloatArray32:
        """The next (C, n) samples, fewer at the end of the sound."""
        ...

    def close(self) -> None:
        """Give up the file."""
        ...


class Silence:
    """The sound of a clip that has none, or whose sound cannot be read."""

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        """Of what :meth:`read` returns."""

    def seek(self, t_s: float, /) -> None:
        """Nothing to do."""

    def read(self, n: int, /) -> FloatArray32:
        """Nothing: what is missing at the end is filled up with silence."""
        return np.zeros((self.channels, 0), np.float32)

    def close(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Course:
    """How to go through a clip.

    Attributes:
        position_s: where to begin, clip seconds.
        speed: clip seconds per second. Outside 0.25..4 (and backwards) the clip runs silently.
        loop_s: (from, to) to repeat, or None. Begun behind its end, the clip plays on to its own end.
    """

    position_s: float = 0.0
    speed: float = 1.0
    loop_s: tuple[float, float] | None = None

    @property
    def silent(self) -> bool:
        """True where the speed lets nothing be heard."""
        return not SLOWEST <= self.speed <= FASTEST


class SoundFeed:
    """Pulls a source along a course and fills a ring."""

    def __init__(self, source: SoundSource, course: Course, *, end_s: float) -> None:
        """Go to the course's beginning.

        Args:
            source: used by this feed alone from now on.
            course: where to go.
            end_s: end of the clip; the sound is filled up with silence to there, or cut.
        """
        self.course = course
        self._source = source
        self._end = round(end_s * RATE_HZ)
        self._at = min(max(0, round(course.position_s * RATE_HZ)), self._end)
        self._runs: deque[Run] = deque()
        self._pulled = 0  # samples of the clip, before the change of tempo
        self._made = 0  # samples given out
        self._serial = 0
        self._pending: FloatArray32 = np.zeros((source.channels, 0), np.float32)
        self._source_over = False
        self._over = False
        self._tempo: Tempo | None = None
        if not course.silent and course.speed != 1.0:
            self._tempo = Tempo(source.channels, speed=course.speed, rate_hz=RATE_HZ)
        self._loop: tuple[int, int] | None = None
        if course.loop_s is not None and not course.silent:
            start, stop = (min(max(0, round(t * RATE_HZ)), self._end) for t in course.loop_s)
            if stop - start >= LEAST_LOOP_S * RATE_HZ and self._at < stop:
                self._loop = start, stop
        self._preroll = self._read_preroll()
        self._tail: FloatArray32 = np.zeros((source.channels, 0), np.float32)

    @property
    def over(self) -> bool:
        """True where nothing more will come."""
        return self._over and self._pending.shape[1] == 0

    def open_ring(self, *, ticket: int, capacity: int) -> SampleRing:
        """An empty ring for this feed's sound, the preroll in it."""
        return SampleRing(
            self._source.channels,
            capacity=capacity,
            ticket=ticket,
            position_s=self._at / RATE_HZ,
            speed=self.course.speed,
            leaves_at_s=None if self._loop is None else self._loop[1] / RATE_HZ,
            preroll=self._preroll,
        )

    def fill(self, ring: SampleRing, *, at_most: int = 1 << 30) -> int:
        """Put sound into the ring while it has room; returns the number of samples written."""
        written = 0
        while written < at_most and ring.space and not ring.finished:
            if self._pending.shape[1] == 0:
                if self._over:
                    ring.finish()
                    break
                self._pending = self._produce()
                continue
            piece = self._pending[:, : min(ring.space, at_most - written)]
            while self._runs and self._runs[0].index <= self._made + piece.shape[1]:
                ring.add_run(self._runs.popleft())
            ring.write(piece)
            self._pending = self._pending[:, piece.shape[1] :]
            self._made += piece.shape[1]
            written += piece.shape[1]
        if self.over:
            ring.finish()
        return written

    def _read_preroll(self) -> FloatArray32:
        """What lies just before the beginning, for the loop held while paused; leaves the source at the beginning."""
        want = min(self._at, round(PAST_S * RATE_HZ))
        self._source.seek((self._at - want) / RATE_HZ)
        return self._read(want)

    def _read(self, n: int) -> FloatArray32:
        """Exactly ``n`` samples of the source, silence behind its end."""
        pieces: list[FloatArray32] = []
        have = 0
        while have < n and not self._source_over:
            piece = self._source.read(n - have)
            self._source_over = piece.shape[1] == 0
            pieces.append(piece)
            have += piece.shape[1]
        if have < n or not pieces:
            pieces.append(np.zeros((self._source.channels, n - have), np.float32))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)

    def _produce(self) -> FloatArray32:
        """The next samples to give out; may be none, with :attr:`_over` set at the end."""
        if self.course.silent:
            return self._produce_silence()
        samples = self._clip_samples()
        if self._tempo is None:
            self._over = samples.shape[1] == 0
            return samples
        if samples.shape[1]:
            return self._tempo.push(samples)
        self._over = True
        rest = self._tempo.flush()
        # The cuts leave the length uncertain by a few hundredths of a second: make it what the clock expects.
        missing = round(self._pulled / self.course.speed) - self._made - rest.shape[1]
        if missing < 0:
            return rest[:, :missing] if -missing < rest.shape[1] else rest[:, :0]
        return np.concatenate([rest, np.zeros((rest.shape[0], missing), np.float32)], axis=1)

    def _produce_silence(self) -> FloatArray32:
        speed = self.course.speed
        if speed == 0.0:
            raise ValueError("a course cannot have speed 0: pause instead")
        left = (self._end - self._at) / speed if speed > 0 else self._at / -speed
        n = max(0, min(CHUNK, round(left) - self._made))
        self._over = n == 0
        return np.zeros((self._source.channels, n), np.float32)

    def _clip_samples(self) -> FloatArray32:
        """The next samples of the clip at its own speed, gone round the loop where there is one."""
        stop = self._end if self._loop is None else self._loop[1]
        if self._at >= stop:
            if self._loop is None:
                return np.zeros((self._source.channels, 0), np.float32)
            self._wrap(self._loop)
            stop = self._loop[1]
        samples = self._read(min(CHUNK, stop - self._at))
        n = min(samples.shape[1], self._tail.shape[1])
        if n:
            # The end of the loop fades out over its beginning.
            rise = np.arange(1, n + 1, dtype=np.float32) / self._tail.shape[1]
            samples = samples.copy()
            samples[:, :n] = samples[:, :n] * rise + self._tail[:, :n] * (1 - rise)
            self._tail = self._tail[:, :0]
        self._at += samples.shape[1]
        self._pulled += samples.shape[1]
        return samples

    def _wrap(self, loop: tuple[int, int]) -> None:
        start, stop = loop
        self._tail = self._read(round(LOOP_FADE_S * RATE_HZ))
        self._source.seek(start / RATE_HZ)
        self._source_over = False
        self._serial += 1
        index = round(self._pulled / self.course.speed)
        stop_s = stop / RATE_HZ
        self._runs.append(Run(index, start / RATE_HZ, self.course.speed, stop_s, self._serial, leaves_at_s=stop_s))
        self._at = start
