"""Opening a clip off the GUI thread: its headers, its content key, its decode thread and the first picture.

Qt-free, so that it can begin before Qt is loaded. A network drive may take its time; nobody waits for it.
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_core.media.clip_file import check_file
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import ClipInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.picture_queue import PictureQueue
from panosod_viewer.playback import Seek
from panosod_viewer.settings import content_key
from panosod_viewer.workers.decoding import DecodeWorker
from panosod_viewer.workers.mailbox import Mailbox

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OpenedClip:
    """A clip that can be played.

    Attributes:
        info: what its headers say.
        key: names its content, for what is remembered of the file.
        origin_s: zero of the clip's clock on the container's.
        first: the seek that the decode thread was given, at the place to start.
        queue: of pictures; None for a clip without a picture.
        decoder: its decode thread, running; None for a clip without a picture.
    """

    info: ClipInfo
    key: str
    origin_s: float
    first: Seek
    queue: PictureQueue | None
    decoder: DecodeWorker | None

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the decode thread; False when it hangs."""
        return self.decoder is None or self.decoder.close(timeout_s=timeout_s)


@dataclass(frozen=True)
class OpenFailed:
    """A clip that cannot be played.

    Attributes:
        path: which.
        text: why, one line.
    """

    path: Path
    text: str


class ClipOpener:
    """Opens one clip in a thread.

    Its mailbox gets an :class:`OpenedClip` or an :class:`OpenFailed`, then what the decode thread says.
    """

    def __init__(self, path: Path, *, at_s: float = 0.0) -> None:
        self.path = path
        self.mailbox = Mailbox()
        self._first = Seek(1, time_s=at_s)
        self._lock = threading.Lock()
        self._is_closing = False
        self._opened: OpenedClip | None = None
        self._thread = threading.Thread(target=self._run, name="panosod-open", daemon=True)

    @classmethod
    def for_command_line(cls, clip: str, *, at_s: float) -> "ClipOpener":
        """Start opening what the command line names.

        Raises:
            MediaError: an address, a folder, a missing or unreadable file.
        """
        path = Path(clip)
        check_file(path)
        opener = cls(path, at_s=at_s)
        opener.start()
        return opener

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End whatever has begun; False when something still hangs in the operating system."""
        with self._lock:
            self._is_closing = True
            opened = self._opened
        has_ended = opened is None or opened.close(timeout_s=timeout_s)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return has_ended and not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._open()
        except PanosodError as error:
            self.mailbox.post(OpenFailed(self.path, str(error)))
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("opening %s failed", self.path)
            self.mailbox.post(OpenFailed(self.path, f"{self.path} cannot be opened: {error}"))

    def _open(self) -> None:
        info = probe(self.path)
        origin_s = clip_origin_s(info)
        queue, decoder = None, None
        video = info.video
        if video is not None:
            queue = PictureQueue()
            decoder = DecodeWorker(
                lambda: VideoReader(info.path, video, clock_origin_s=origin_s), queue, self.mailbox.post
            )
        opened = OpenedClip(info, content_key(self.path), origin_s, self._first, queue, decoder)
        with self._lock:
            if self._is_closing:
                return
            self._opened = opened
            # Posted before the thread can speak: whoever reads the letters meets the clip first.
            self.mailbox.post(opened)
            if decoder is not None:
                decoder.seek(self._first)
                decoder.start()
