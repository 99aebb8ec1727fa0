"""The decode thread: owns one video reader, answers seeks (the latest wins) and keeps the picture queue filled.

Qt-free: answers go to a callback that is called in the decode thread.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from panosod_core.errors import PanosodError
from panosod_core.media.frame import VideoFrame
from panosod_core.media.video import SeekInterrupted
from panosod_viewer.picture_queue import PictureQueue, Put
from panosod_viewer.playback import Seek

_log = logging.getLogger(__name__)

CATCH_UP_S = 1.0
"""A decoder that has fallen further behind the clock than this skips ahead instead of showing ever later pictures."""


class Reader(Protocol):
    """What this thread needs of ``panosod_core.media.video.VideoReader``."""

    def frame_at(self, index: int, *, should_stop: Callable[[], bool]) -> VideoFrame:
        """The picture with this index, the last one where the stream is shorter."""
        ...

    def frame_at_time(self, t_s: float, *, should_stop: Callable[[], bool]) -> VideoFrame:
        """The picture being shown at a time."""
        ...

    def keyframe_at(self, t_s: float) -> VideoFrame | None:
        """The key frame at or before a time, fast."""
        ...

    def index_of_time(self, t_s: float, *, should_stop: Callable[[], bool]) -> int:
        """Index of the picture being shown at a time."""
        ...

    def seek(self, index: int) -> None:
        """Let the next read give this picture."""
        ...

    def read(self, *, should_stop: Callable[[], bool]) -> VideoFrame | None:
        """The next picture, None at the end."""
        ...

    def set_threading(self, playing: bool) -> None:
        """Decode for throughput (playing) or for latency (paused)."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True)
class Sought:
    """The picture of a seek."""

    generation: int
    frame: VideoFrame
    is_exact: bool
    took_s: float


@dataclass(frozen=True)
class Ready:
    """A picture came into a queue that was empty."""

    generation: int


@dataclass(frozen=True)
class Ended:
    """The stream has no more pictures; the last one ends at ``end_s``."""

    generation: int
    end_s: float


@dataclass(frozen=True)
class Failed:
    """The file cannot be opened or read on; one line for the person."""

    generation: int
    text: str


DecodeMessage: TypeAlias = Sought | Ready | Ended | Failed


@dataclass(frozen=True)
class DecodeFigures:
    """What decoding has cost so far."""

    frames: int = 0
    busy_s: float = 0.0


class DecodeWorker:
    """Start, ask, close; every answer carries the generation of its question."""

    def __init__(
        self,
        open_reader: Callable[[], Reader],
        queue: PictureQueue,
        post: Callable[[DecodeMessage], None],
    ) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            open_reader: opens the file; called in the decode thread, because a network drive may take its time.
            queue: filled with the pictures that follow a seek while playing.
            post: called in the decode thread with each answer.
        """
        self._open_reader = open_reader
        self._queue = queue
        self._post = post
        self._wake = threading.Condition()
        self._wanted: Seek | None = None
        self._is_playing = False
        self._is_closing = False
        self._generation = 0
        self._can_read_on = False  # there is nothing to read on from before the first seek
        self._frames = 0
        self._busy_s = 0.0
        self._last_index = -1
        self._last_end_s = 0.0
        self._clock_s = 0.0
        self._thread = threading.Thread(target=self._run, name="panosod-decode", daemon=True)

    def start(self) -> None:
        """Begin opening the file."""
        self._thread.start()

    def seek(self, seek: Seek) -> None:
        """Ask for a picture; what was asked before and not yet answered is forgotten."""
        self._queue.begin(seek.generation)
        with self._wake:
            self._wanted = seek
            self._wake.notify_all()

    def set_playing(self, is_playing: bool) -> None:
        """While playing the queue is kept filled with what follows."""
        with self._wake:
            self._is_playing = is_playing
            self._wake.notify_all()

    def report_clock(self, position_s: float) -> None:
        """Tell where the clip is, so that a decoder too slow for it can skip ahead."""
        self._clock_s = position_s

    @property
    def figures(self) -> DecodeFigures:
        """Pictures decoded and the time it took."""
        return DecodeFigures(self._frames, self._busy_s)

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread.

        Returns:
            False when it still hangs in the operating system (a dead network drive); it is a daemon and ends with
            the process.
        """
        with self._wake:
            self._is_closing = True
            self._wake.notify_all()
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- in the decode thread ---

    def _run(self) -> None:
        try:
            reader = self._open_reader()
        except PanosodError as error:
            self._fail(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("opening the picture failed")
            self._fail(f"the picture cannot be opened: {error}")
            return
        try:
            self._serve(reader)
        except Exception as error:  # noqa: BLE001 - a worker's boundary, as above
            _log.exception("decoding stopped")
            self._fail(f"decoding stopped: {error}")
        finally:
            reader.close()

    def _fail(self, text: str) -> None:
        with self._wake:
            if self._is_closing:
                return
            generation = self._wanted.generation if self._wanted else self._generation
        self._post(Failed(generation, text))

    def _serve(self, reader: Reader) -> None:
        was_playing = False
        while True:
            with self._wake:
                self._wake.wait_for(self._has_work)
                if self._is_closing:
                    return
                seek, self._wanted = self._wanted, None
                playing = self._is_playing
            if playing != was_playing:
                reader.set_threading(playing)
                was_playing = playing
            try:
                self._can_read_on = self._answer(reader, seek) if seek is not None else self._read_on(reader)
            except SeekInterrupted:
                self._can_read_on = False  # the newer seek that interrupted is next
            except PanosodError as error:
                self._can_read_on = False
                self._fail(str(error))

    def _has_work(self) -> bool:
        return self._is_closing or self._wanted is not None or (self._is_playing and self._can_read_on)

    def _is_interrupted(self) -> bool:
        return self._is_closing or self._wanted is not None

    def _answer(self, reader: Reader, seek: Seek) -> bool:
        """Find the picture of a seek; True when there may be more to read after it."""
        self._generation = seek.generation
        started = time.perf_counter()
        if seek.index is not None:
            frame = reader.frame_at(seek.index, should_stop=self._is_interrupted)
        else:
            frame = self._frame_of_time(reader, seek)
        took = time.perf_counter() - started
        self._busy_s += took
        self._frames += 1
        self._last_index, self._last_end_s = frame.index, frame.time_s + frame.duration_s
        self._clock_s = self._last_end_s
        self._post(Sought(seek.generation, frame, seek.is_exact, took))
        return seek.is_exact

    def _frame_of_time(self, reader: Reader, seek: Seek) -> VideoFrame:
        t_s = seek.time_s or 0.0
        preview = None if seek.is_exact else reader.keyframe_at(t_s)
        return preview if preview is not None else reader.frame_at_time(t_s, should_stop=self._is_interrupted)

    def _read_on(self, reader: Reader) -> bool:
        """Put the next picture into the queue; False at the end."""
        started = time.perf_counter()
        if self._last_end_s < self._clock_s - CATCH_UP_S:
            # Not backwards: beyond the last picture (sound may be longer) there is nothing to skip to.
            due = reader.index_of_time(self._clock_s, should_stop=self._is_interrupted)
            reader.seek(max(due, self._last_index + 1))
        frame = reader.read(should_stop=self._is_interrupted)
        self._busy_s += time.perf_counter() - started
        if frame is None:
            self._post(Ended(self._generation, self._last_end_s))
            return False
        self._frames += 1
        self._last_index, self._last_end_s = frame.index, frame.time_s + frame.duration_s
        if self._queue.put(frame, self._generation) is Put.FIRST:
            self._post(Ready(self._generation))
        return True
