"""The waveform of the seek bar, read in a thread at its leisure. No Qt."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_core.media.info import AudioInfo
from panosod_core.media.waveform import WaveformSummary, waveform

_log = logging.getLogger(__name__)

BUCKETS = 1600
MIN_NEWS = 8
"""A long clip tells of its waveform about this many times rather than every two seconds of sound."""


@dataclass(frozen=True, eq=False)
class WaveformGrown:
    """The waveform as far as it has been read."""

    summary: WaveformSummary


class WaveformWorker:
    """Reads a clip's sound once, from beginning to end."""

    def __init__(
        self,
        path: Path,
        audio: AudioInfo,
        post: Callable[[WaveformGrown], None],
        *,
        duration_s: float | None,
        clock_origin_s: float,
    ) -> None:
        self._path = path
        self._audio = audio
        self._post = post
        self._duration_s = duration_s
        self._origin_s = clock_origin_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="panosod-waveform", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Stop reading; False when it hangs."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform == "linux":
            # A thread has a priority of its own there: the clip's first seconds must not stutter for its waveform.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        told_s = 0.0
        try:
            summaries = waveform(
                self._path,
                self._audio,
                buckets=BUCKETS,
                duration_s=self._duration_s,
                clock_origin_s=self._origin_s,
            )
            for summary in summaries:
                if self._closing.is_set():
                    return
                if summary.is_complete or summary.read_s - told_s >= summary.duration_s / MIN_NEWS:
                    told_s = summary.read_s
                    self._post(WaveformGrown(summary))
        except PanosodError as error:
            # The sound itself says so to the person; the seek bar just stays without a waveform.
            _log.info("no waveform: %s", error)
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the seek bar stays plain
            _log.exception("the waveform of %s failed", self._path)
