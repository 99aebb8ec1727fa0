"""The thread that keeps the ring full, so that the callback never waits for a decoder."""

import logging
import threading
from collections.abc import Callable

from panosod_core.errors import PanosodError
from panosod_viewer.audio.engine import BLOCK, AudioEngine
from panosod_viewer.audio.feed import Course, Silence, SoundFeed, SoundSource
from panosod_viewer.audio.ring import RATE_HZ, SampleRing
from panosod_viewer.audio.urgent import BESIDE_IT, make_thread_urgent

AHEAD_S = 0.5
_LOG = logging.getLogger(__name__)


class Feeder:
    """Answers the engine's seeks, and decodes ahead of it. Owns the source."""

    def __init__(
        self,
        source: SoundSource,
        engine: AudioEngine,
        *,
        end_s: float,
        failed: Callable[[str], None],
        urgent: bool = False,
    ) -> None:
        """Start the thread.

        Args:
            source: used and closed by the thread alone.
            engine: what to feed.
            end_s: end of the clip, seconds.
            failed: told in one line, from the thread, that the sound cannot be read on; the clip goes on silently.
            urgent: run before other programs, because the callback waits for this thread's turn of the interpreter.
        """
        self._source = source
        self._engine = engine
        self._end_s = end_s
        self._failed = failed
        self._urgent = urgent
        self._wish: tuple[Course, int, int] | None = None  # course, generation, ticket
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sound-feeder", daemon=True)
        self._thread.start()

    def go(self, course: Course, *, generation: int) -> None:
        """Go on from elsewhere, or otherwise. The newest wish wins."""
        self._wish = course, generation, self._engine.begin_seek(course.position_s, generation=generation)
        self._wake.set()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; True where it ended in time."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._urgent:
            make_thread_urgent(BESIDE_IT)
        feed: SoundFeed | None = None
        ring: SampleRing | None = None
        ticket = -1
        while not self._stopping:
            # Cleared before the wish is read: one that comes later sets it again.
            self._wake.clear()
            wish = self._wish
            try:
                if wish is not None and wish[2] != ticket:
                    feed, ring, ticket = None, None, wish[2]
                    feed = SoundFeed(self._source, wish[0], end_s=self._end_s)
                    ring = feed.open_ring(ticket=ticket, capacity=round(AHEAD_S * RATE_HZ))
                    # A little more than the engine waits for: it can start, and the rest comes faster than it plays.
                    feed.fill(ring, at_most=8 * BLOCK)
                    self._engine.offer(ring)
                elif feed is None or ring is None or not feed.fill(ring, at_most=16 * BLOCK):
                    self._wake.wait(None if ring is None or ring.finished else 0.02)
            except Exception as error:  # noqa: BLE001 - a worker's boundary: the clip goes on, and the person is told
                if not isinstance(error, PanosodError):
                    _LOG.exception("reading the sound failed")
                self._give_up(error)
                # Once more from here, with the silence that the source has become; unless something newer is wished.
                if wish is not None and wish is self._wish:
                    course, generation, _ = wish
                    here_s = course.position_s if ring is None else self._engine.report.location.position_s
                    self.go(Course(here_s, course.speed, course.loop_s), generation=generation)
        self._source.close()

    def _give_up(self, error: Exception) -> None:
        channels = self._source.channels
        self._source.close()
        self._source = Silence(channels)
        self._failed(str(error) or type(error).__name__)
