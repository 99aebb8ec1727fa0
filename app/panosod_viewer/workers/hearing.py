"""Where a clip's sound comes from, from beginning to end, found in a thread at its leisure. No Qt."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.energy_track import EnergyTrack, energy_track
from panosod_core.errors import PanosodError
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import AudioInfo

_log = logging.getLogger(__name__)

CHUNK_S = 2.0
"""Sound read between two chances to stop."""
MIN_NEWS = 12
"""A long clip tells of its sound about this many times rather than every two seconds of it."""


@dataclass(frozen=True, eq=False)
class HearingGrown:
    """The track as far as the sound has been heard."""

    track: EnergyTrack


@dataclass(frozen=True)
class HearingFailed:
    """The sound cannot be followed further; one line."""

    text: str


def has_field(audio: AudioInfo | None) -> bool:
    """Whether a sound has directions at all."""
    return audio is not None and audio.format.is_ambisonic and bool(audio.order)


class HearingWorker:
    """Listens to a clip's sound field once, from beginning to end."""

    def __init__(
        self,
        path: Path,
        audio: AudioInfo,
        post: Callable[[HearingGrown | HearingFailed], None],
        *,
        duration_s: float | None,
        clock_origin_s: float,
    ) -> None:
        """Nothing heard yet.

        Args:
            path: the clip.
            audio: its sound, as the person has it: with a field of first order or higher.
            post: told of what has been heard, in the worker's thread.
            duration_s: of the clip, None where unknown.
            clock_origin_s: zero of the clip's clock on the container's.

        Raises:
            ValueError: sound without a field.
        """
        if not has_field(audio):
            raise ValueError(f"expected sound with a field, got {audio.format}")
        self._path = path
        self._audio = audio
        self._post = post
        self._duration_s = max(duration_s or 0.0, audio.duration_s or 0.0)
        self._origin_s = clock_origin_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="panosod-hearing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Stop listening; False when it hangs."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform == "linux":
            # A thread has a priority of its own there: playing must not stutter for a picture of the sound.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        try:
            self._listen()
        except PanosodError as error:
            _log.info("the sound field cannot be followed: %s", error)
            self._post(HearingFailed(str(error)))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the time line says it failed
            _log.exception("following the sound field of %s failed", self._path)
            self._post(HearingFailed("The sound field cannot be followed: the log has the reason"))

    def _listen(self) -> None:
        rate = self._audio.sample_rate_hz
        told_s = 0.0
        with AudioReader(self._path, self._audio, out_rate_hz=rate, clock_origin_s=self._origin_s) as reader:
            for track in energy_track(self._blocks(reader, round(CHUNK_S * rate)), sample_rate_hz=rate):
                if self._closing.is_set():
                    return
                if track.is_complete or track.end_s - told_s >= self._duration_s / MIN_NEWS:
                    told_s = track.end_s
                    self._post(HearingGrown(track))

    def _blocks(self, reader: AudioReader, samples: int) -> Iterator[NDArray[np.float32]]:
        while not self._closing.is_set():
            block = reader.read(samples)
            if block.shape[1]:
                yield block
            if block.shape[1] < samples:
                return
