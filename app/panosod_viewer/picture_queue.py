"""The pictures between the decode thread and the screen: bounded, of one generation, picked by the clock. No Qt.

Late pictures are dropped and counted, early ones wait.
"""

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum

from panosod_core.media.frame import VideoFrame


class Put(Enum):
    """What became of a picture offered to the queue."""

    TAKEN = "taken"
    FIRST = "first"
    """Taken, and nothing else waits: whoever looked last found the queue empty."""
    STALE = "stale"
    """A newer generation has begun: stop decoding for the old one."""
    CLOSED = "closed"


@dataclass(frozen=True)
class Picked:
    """What is due now.

    Attributes:
        frame: the picture to show, None when the one on the screen stays.
        wait_s: clip seconds until the next one is due; None when the queue is empty.
        dropped: pictures that came too late and were skipped by this look.
    """

    frame: VideoFrame | None
    wait_s: float | None
    dropped: int = 0


class PictureQueue:
    """Pictures of one generation in order, bounded in bytes; the decode thread fills it, the GUI thread empties it."""

    def __init__(self, *, max_bytes: int = 128 << 20, min_frames: int = 3, max_frames: int = 16) -> None:
        self._max_bytes = max_bytes
        self._min_frames = min_frames
        self._max_frames = max_frames
        self._frames: deque[VideoFrame] = deque()
        self._bytes = 0
        self._generation = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        with self._changed:
            return len(self._frames)

    @property
    def bytes_held(self) -> int:
        """Memory of the waiting pictures."""
        with self._changed:
            return self._bytes

    def begin(self, generation: int) -> None:
        """Throw away what waits and take pictures of this generation only."""
        with self._changed:
            self._generation = generation
            self._frames.clear()
            self._bytes = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Wake whoever waits and take nothing more."""
        with self._changed:
            self._is_closed = True
            self._frames.clear()
            self._bytes = 0
            self._changed.notify_all()

    def put(self, frame: VideoFrame, generation: int, *, timeout_s: float | None = None) -> Put | None:
        """Append a picture, waiting for room.

        Returns:
            What became of it; None when there was no room within ``timeout_s``.
        """
        size = sum(plane.nbytes for plane in frame.planes)
        with self._changed:
            settled = self._changed.wait_for(lambda: self._can_settle(size, generation), timeout_s)
            if self._is_closed:
                return Put.CLOSED
            if generation != self._generation:
                return Put.STALE
            if not settled:
                return None
            self._frames.append(frame)
            self._bytes += size
            return Put.FIRST if len(self._frames) == 1 else Put.TAKEN

    def _can_settle(self, size: int, generation: int) -> bool:
        if self._is_closed or generation != self._generation or len(self._frames) < self._min_frames:
            return True
        return len(self._frames) < self._max_frames and self._bytes + size <= self._max_bytes

    def pick(self, now_s: float, *, tolerance_s: float = 0.0) -> Picked:
        """Take the newest picture that is due; older ones that nobody saw are dropped and counted.

        Args:
            now_s: the clock, clip seconds.
            tolerance_s: how much too early a picture may be shown (the time it takes to the screen).
        """
        with self._changed:
            due: VideoFrame | None = None
            dropped = 0
            while self._frames and self._frames[0].time_s <= now_s + tolerance_s:
                if due is not None:
                    dropped += 1
                due = self._frames.popleft()
                self._bytes -= sum(plane.nbytes for plane in due.planes)
            if due is not None:
                self._changed.notify_all()
            wait = self._frames[0].time_s - now_s if self._frames else None
            return Picked(frame=due, wait_s=wait, dropped=dropped)

    def take_first(self) -> VideoFrame | None:
        """Take the oldest picture whatever the clock says (the picture of a seek)."""
        with self._changed:
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._bytes -= sum(plane.nbytes for plane in frame.planes)
            self._changed.notify_all()
            return frame
