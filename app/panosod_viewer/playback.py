"""Playing a clip as pure logic: the clock and the transport. No Qt; time is injected.

Sound leads and pictures follow. A clock says where the clip is *as it reaches the ear*; the transport turns a person's
wishes (play, seek, step, loop, speed) into clock commands and a generation number. What was asked for in an older
generation is dropped on arrival: pictures in `Transport.shown`, what waits in `picture_queue`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from panosod_core.media.frame import VideoFrame

MIN_SPEED, MAX_SPEED = 0.25, 4.0
SKIP_S = 5.0
"""What the page keys go on or back by."""
SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""What J and L step through."""
MIN_LOOP_S = 0.05


class Clock(Protocol):
    """Where the clip is. The sound's clock where there is a device, the machine's where there is none."""

    def position_s(self) -> float:
        """The clip time that is heard now, seconds; stands still while paused."""
        ...

    def play(self) -> None:
        """Let time run."""
        ...

    def pause(self) -> None:
        """Stop time."""
        ...

    def seek(self, t_s: float) -> None:
        """Go to a clip time, running or not."""
        ...

    def set_speed(self, speed: float) -> None:
        """Clip seconds a second."""
        ...

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Jump from the end of a range back to its start by itself, so that the sound has no gap."""
        ...


class MonotonicClock:
    """The clock of a clip without sound, or of a machine without a sound device."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._position_s = 0.0
        self._since_s: float | None = None
        self._speed = 1.0
        self._loop_s: tuple[float, float] | None = None

    def position_s(self) -> float:
        """Clip time, seconds."""
        if self._since_s is None:
            return self._position_s
        position = self._position_s + (self._now() - self._since_s) * self._speed
        if self._loop_s is not None and self._position_s < self._loop_s[1] <= position:
            start, end = self._loop_s
            return start + (position - end) % (end - start)
        return position

    def play(self) -> None:
        """Let time run."""
        if self._since_s is None:
            self._since_s = self._now()

    def pause(self) -> None:
        """Stop time."""
        self._position_s = self.position_s()
        self._since_s = None

    def seek(self, t_s: float) -> None:
        """Go to a clip time."""
        self._position_s = t_s
        if self._since_s is not None:
            self._since_s = self._now()

    def set_speed(self, speed: float) -> None:
        """Clip seconds a second."""
        self.seek(self.position_s())
        self._speed = speed

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat a range; from behind its end time runs on."""
        self.seek(self.position_s())
        self._loop_s = loop_s


@dataclass(frozen=True)
class Seek:
    """What the decode thread is asked for: the picture being shown at a time, or one with an exact index.

    Attributes:
        generation: answers carry it; a newer seek makes them stale.
        time_s: clip time, or None when an index is asked for.
        index: frame index, or None when a time is asked for.
        is_exact: False for a scrub preview: the nearest key frame before will do.
    """

    generation: int
    time_s: float | None = None
    index: int | None = None
    is_exact: bool = True

    def __post_init__(self) -> None:
        if (self.time_s is None) == (self.index is None):
            raise ValueError(f"a Seek goes to a time or to an index, got time_s={self.time_s}, index={self.index}")


class Transport:
    """Play, pause, seek, step, speed, loop and the end of the clip, for one clip at a time."""

    def __init__(self, clock: Clock, *, duration_s: float | None = None) -> None:
        self._clock = clock
        self._duration_s = duration_s
        self._is_playing = False
        self._speed = 1.0
        self._loop_s: tuple[float, float] | None = None
        self._generation = 0
        self._shown: VideoFrame | None = None
        self._step_index: int | None = None
        self._scrub_resumes = False
        self._is_held = False
        self._pending_s: float | None = None
        self._ticked_s = 0.0
        self.repeats = False
        """Start again at the end."""

    # --- what it is ---

    @property
    def generation(self) -> int:
        """Number of the newest seek."""
        return self._generation

    @property
    def is_playing(self) -> bool:
        """True while the person wants it to play, also while a seek or a scrub holds it for a moment."""
        return self._is_playing

    @property
    def is_waiting(self) -> bool:
        """True while a seek has not shown its picture yet."""
        return self._pending_s is not None or self._step_index is not None

    @property
    def speed(self) -> float:
        """Clip seconds a second."""
        return self._speed

    @property
    def loop_s(self) -> tuple[float, float] | None:
        """Start and end of the loop range, seconds."""
        return self._loop_s

    @property
    def duration_s(self) -> float | None:
        """Length of the clip, None while unknown."""
        return self._duration_s

    def position_s(self) -> float:
        """Clip time now, seconds; the goal of a seek under way."""
        if self._pending_s is not None:
            return self._pending_s
        position = max(0.0, self._clock.position_s())
        return position if self._duration_s is None else min(position, self._duration_s)

    # --- what a person wants ---

    def set_clock(self, clock: Clock) -> None:
        """Change the clock in flight (a sound device came or went) without a jump."""
        position = self.position_s()
        self._clock.pause()
        self._clock = clock
        clock.set_speed(self._speed)
        clock.seek(position)
        clock.set_loop(self._loop_s)
        if self._is_playing and not self._is_held and self._pending_s is None:
            clock.play()

    def set_duration(self, duration_s: float) -> None:
        """Learn the true length, found at the end of the stream."""
        self._duration_s = duration_s

    def play(self) -> Seek | None:
        """Start playing; from the beginning (of the loop) when the clip stands at its end."""
        self._is_playing = True
        if self._step_index is not None:
            return None  # runs on when the stepped-to picture has come
        if self._is_at_end():
            return self.seek(self._loop_s[0] if self._loop_s else 0.0)
        if self._pending_s is None and not self._is_held:
            self._clock.play()
        return None

    def pause(self) -> None:
        """Stand still."""
        self._is_playing = False
        self._clock.pause()

    def begin(self, seek: Seek) -> None:
        """Adopt a seek that the decode thread was given before there was a transport (the first of a clip)."""
        self._go(seek.time_s or 0.0, is_exact=seek.is_exact)
        self._generation = seek.generation

    def settled(self) -> None:
        """There is no picture to wait for (a clip of sound alone): a seek is done when it is asked."""
        if not self._is_held:
            self._pending_s = None
            self._resume()

    def seek(self, t_s: float) -> Seek:
        """Go to a time; time runs on when its picture has come, so that sound and picture start together."""
        return self._go(t_s, is_exact=True)

    def scrub(self, t_s: float, *, is_final: bool) -> Seek:
        """Follow a hand on the seek bar: key-frame previews on the way, the exact picture where it lets go."""
        self._is_held = not is_final
        return self._go(t_s, is_exact=is_final)

    def _go(self, t_s: float, *, is_exact: bool) -> Seek:
        top = self._duration_s if self._duration_s is not None else t_s
        target = min(max(0.0, t_s), max(0.0, top))
        self._generation += 1
        self._step_index = None
        self._pending_s = self._ticked_s = target
        self._clock.pause()
        self._clock.seek(target)
        return Seek(self._generation, time_s=target, is_exact=is_exact)

    def step(self, frames: int) -> Seek | None:
        """Pause and go some frames on or back, exactly; steps taken faster than they are shown add up."""
        self.pause()
        base = self._step_index if self._step_index is not None else (self._shown.index if self._shown else None)
        return None if base is None else self.show(base + frames)

    def show(self, index: int) -> Seek:
        """Pause and go to a frame by its number, exactly; steps go on from there."""
        self.pause()
        self._step_index = max(0, index)
        self._pending_s = None
        self._generation += 1
        return Seek(self._generation, index=self._step_index)

    def set_speed(self, speed: float) -> None:
        """Clip seconds a second, clamped into 0.25 to 4."""
        self._speed = min(MAX_SPEED, max(MIN_SPEED, speed))
        self._clock.set_speed(self._speed)

    def next_speed(self, direction: int) -> float:
        """The next faster (+1) or slower (-1) of :data:`SPEEDS`."""
        if direction > 0:
            return next((s for s in SPEEDS if s > self._speed + 1e-9), MAX_SPEED)
        return next((s for s in reversed(SPEEDS) if s < self._speed - 1e-9), MIN_SPEED)

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Play a range again and again; None plays on to the end. Ranges too short to hear are refused."""
        if loop_s is not None:
            start, end = max(0.0, min(loop_s)), max(loop_s)
            if self._duration_s is not None:
                end = min(end, self._duration_s)
            loop_s = (start, end) if end - start >= MIN_LOOP_S else None
        self._loop_s = loop_s
        self._clock.set_loop(loop_s)

    # --- what happens ---

    def shown(self, frame: VideoFrame, generation: int) -> bool:
        """A picture has come onto the screen.

        Returns:
            False for a picture of an older generation, which changes nothing.
        """
        if generation != self._generation:
            return False
        self._shown = frame
        if self._step_index is not None:
            # A step beyond the last frame shows the last one.
            self._step_index = None
            self._clock.seek(frame.time_s)
            self._ticked_s = frame.time_s
            self._resume()
        elif self._pending_s is not None and not self._is_held:
            self._pending_s = None
            self._resume()
        return True

    def failed(self, generation: int) -> None:
        """The picture of a seek will not come (the stream is broken there): stand still where it was asked for."""
        if generation == self._generation:
            self._pending_s = None
            self._step_index = None
            self.pause()

    def _resume(self) -> None:
        if self._is_playing and not self._is_held:
            self._clock.play()

    def tick(self, *, stream_ended: bool) -> Seek | None:
        """Look at the clock: follow a loop back to its start, stop at the end.

        Args:
            stream_ended: the decode thread has nothing more and its last picture is on the screen.

        Returns:
            A seek for the picture alone where the clock has jumped back; the sound runs on meanwhile.
        """
        if not self._is_playing or self.is_waiting or self._is_held:
            return None
        before, self._ticked_s = self._ticked_s, self._clock.position_s()
        if self._loop_s is not None and self._ticked_s < before - MIN_LOOP_S / 2:
            self._generation += 1
            return Seek(self._generation, time_s=self._ticked_s)
        if self._is_at_end() or (stream_ended and self._duration_s is None):
            if self._loop_s is not None or self.repeats:
                return self.seek(self._loop_s[0] if self._loop_s is not None else 0.0)
            self.pause()
        return None

    def _is_at_end(self) -> bool:
        return self._duration_s is not None and self._clock.position_s() >= self._duration_s - 1e-3
