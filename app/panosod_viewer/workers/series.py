"""What a clip's maps say over time, worked out in a thread while the predictor writes them. No Qt.

Reads the prediction cache with a connection of its own: first what it says of all maps, then the maps themselves,
those around the playhead first, and again those of which sound or truth were not known yet.
"""

import contextlib
import heapq
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.energy_track import EnergyTrack
from panosod_core.errors import PanosodError
from panosod_core.inference.cache import CacheKey, ClipMaps, PredictionCache
from panosod_core.inference.tracks import AZIMUTHS, FrameFigures, Tracks, TrackTable, figures_of

_log = logging.getLogger(__name__)

POLL_S = 0.5
"""The cache is looked into this often where nobody says that something has come."""
NEWS_S = 0.4
"""While maps keep coming, they are told of this often; of very many less often, as drawing them anew costs more."""
_MANY = 50_000
_AT_ONCE = 16
_NOTES_AT_ONCE = 4096
_NOWHERE = np.zeros(AZIMUTHS, np.bool_)

TruthOf = Callable[[int], "NDArray[np.generic] | None"]
"""From a frame's index to what is truly salient in it, (H, W), nonzero where it is; None where that is not known."""


@dataclass(frozen=True, eq=False)
class SeriesGrown:
    """The numbers of all frames as far as they have been worked out."""

    tracks: Tracks


@dataclass(frozen=True)
class SeriesFailed:
    """The maps cannot be read; one line."""

    text: str


@dataclass(frozen=True, eq=False)
class Known:
    """What maps are held against.

    Attributes:
        track: where the sound comes from, as far as it has been heard; None without a field.
        truth_of: what is truly salient; None where nobody knows.
    """

    track: EnergyTrack | None = None
    truth_of: TruthOf | None = None


class SeriesWorker:
    """Follows the maps of one clip by one model.

    Attributes:
        position_s: where the clip stands; the maps around are looked at first. Set from any thread.
    """

    def __init__(
        self,
        cache: PredictionCache,
        key: CacheKey,
        post: Callable[[SeriesGrown | SeriesFailed], None],
        *,
        known: Known | None = None,
    ) -> None:
        """Nothing read yet.

        Args:
            cache: where the maps are.
            key: clip, model and settings.
            post: told of what has been worked out, in the worker's thread.
            known: sound and truth as far as they are known.
        """
        self._cache, self._key, self._post = cache, key, post
        self._wake = threading.Condition()
        self._known = known or Known()
        self._is_poked = False
        self._is_closing = False
        self.position_s = 0.0
        self._table = TrackTable()
        self._sequence = 0
        self._judged: dict[int, tuple[Known, bool, float]] = {}
        """Frame -> what it was held against, whether its moment had been heard, and when that is."""
        self._todo: dict[int, float] = {}
        """Frame -> its time, of those to be looked at."""
        self._stale_for = self._known
        self._told_s = 0.0
        self._is_told = True
        self._thread = threading.Thread(target=self._run, name="panosod-series", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """There are new maps."""
        with self._wake:
            self._is_poked = True
            self._wake.notify()

    def set_known(self, known: Known) -> None:
        """Hold the maps against this from now on, and those again that were held against less."""
        with self._wake:
            self._known = known
            self._is_poked = True
            self._wake.notify()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Stop; False when it hangs."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform == "linux":
            # A thread has a priority of its own there: playing and predicting come first.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        try:
            with self._cache.open(self._key) as maps:
                self._follow(maps)
        except PanosodError as error:
            _log.warning("the maps cannot be followed: %s", error)
            self._post(SeriesFailed(str(error)))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the time line says it failed
            _log.exception("following the maps failed")
            self._post(SeriesFailed("The maps cannot be followed: the log has the reason"))

    def _follow(self, maps: ClipMaps) -> None:
        while True:
            known = self._known
            has_news = self._read_notes(maps)
            self._find_stale(known)
            is_busy = self._judge_some(maps, known) or has_news
            self._tell(is_last=not is_busy)
            with self._wake:
                if not (is_busy or self._is_poked or self._is_closing):
                    self._wake.wait(POLL_S)
                self._is_poked = False
                if self._is_closing:
                    return

    def _read_notes(self, maps: ClipMaps) -> bool:
        """Take what the cache says of new maps without their pixels: an hour of them is there at once."""
        notes = maps.newer_than(self._sequence, limit=_NOTES_AT_ONCE)
        for note in notes:
            self._sequence = note.sequence
            if note.index not in self._judged and note.index not in self._todo:
                summary = note.summary
                self._table.put(
                    FrameFigures(note.index, note.time_s, note.source, summary.area, summary.entropy, _NOWHERE)
                )
                self._is_told = False
            self._todo[note.index] = note.time_s
        return bool(notes)

    def _find_stale(self, known: Known) -> None:
        """Frames that were held against less than is known now are to be held against it."""
        if known is self._stale_for:
            return
        self._stale_for = known
        for index, (then, was_heard, time_s) in self._judged.items():
            if _is_stale(then, known, heard=was_heard):
                self._todo[index] = time_s

    def _judge_some(self, maps: ClipMaps, known: Known) -> bool:
        """Look at the pixels of some maps, those around the playhead first."""
        if not self._todo:
            return False
        position_s = self.position_s
        nearest = heapq.nsmallest(_AT_ONCE, self._todo.items(), key=lambda item: abs(item[1] - position_s))
        for index, _ in nearest:
            del self._todo[index]
            self._judge(maps, index, known)
        return True

    def _judge(self, maps: ClipMaps, index: int, known: Known) -> None:
        record = maps.get(index)
        self._is_told = False
        if record is None:
            # It was damaged and has been forgotten; it comes anew with another number.
            self._judged.pop(index, None)
            self._table.drop(index)
            return
        track = known.track
        loudest = None if track is None else track.peak_at(record.time_s)
        truth = None if known.truth_of is None else known.truth_of(index)
        self._table.put(figures_of(record, loudest=loudest, truth=truth))
        was_heard = track is not None and record.time_s < track.end_s
        self._judged[index] = (known, was_heard, record.time_s)

    def _tell(self, *, is_last: bool) -> None:
        now = time.monotonic()
        pause_s = max(NEWS_S, len(self._table) / _MANY)
        if not self._is_told and (is_last or now - self._told_s >= pause_s):
            self._is_told, self._told_s = True, now
            self._post(SeriesGrown(self._table.tracks()))


def _is_stale(then: Known, known: Known, *, heard: bool) -> bool:
    """Whether a frame that was held against ``then`` would be told of differently now."""
    if then.truth_of is not known.truth_of:
        return True
    if (then.track is None) != (known.track is None):
        return True
    # A longer track of the same sound says nothing new of what had been heard.
    return then.track is not known.track and not heard
