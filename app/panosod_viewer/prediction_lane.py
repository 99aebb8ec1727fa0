"""One model at work for the open clip: its process, the maps around the playhead, and how both fare."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.inference.engine_devices import may_have_gpu
from panosod_core.inference.messages import (
    Broken,
    ClipReady,
    ClipRefused,
    CloseClip,
    Exported,
    Loaded,
    MapMade,
    MoveTo,
    OpenClip,
    Progress,
    Remake,
    SetStride,
    Setup,
)
from panosod_viewer.prediction_words import UNREADABLE, progress_words
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.map_reading import CacheAddress, MapRead, MapReader, MapsFailed, MapsKnown, MapsLost
from panosod_viewer.workers.predicting import PredictorClient, PredictorDied, PredictorLetter
from panosod_viewer.workers.reaping import Reaper

if TYPE_CHECKING:
    from panosod_core.inference.cache import MapRecord

_log = logging.getLogger(__name__)

KEPT = 64
"""Records kept on either side of the frame in sight."""
STANDS_IN_S = 0.25
"""A frame without a map shows the nearest one within this time."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which frames of the open clip have maps.

    Attributes:
        frame_rate_hz: mean; frame i lies at about i / rate.
        made: (frames,) bool, maps of the model.
        carried: (frames,) bool, maps carried along by motion.
    """

    frame_rate_hz: float
    made: NDArray[np.bool_]
    carried: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Of frames that have a map of the model, 0..1."""
        return float(self.made.mean()) if len(self.made) else 0.0


@dataclass(frozen=True)
class Failure:
    """Why a model is not at work.

    Attributes:
        reason: as :class:`~panosod_core.inference.messages.Broken` has it, or "died".
        text: one line.
        was_on_cpu: nothing would be won by trying the processor instead.
    """

    reason: str
    text: str
    was_on_cpu: bool


class PredictorLane(QObject):
    """A predictor process and the reader of its maps.

    Signals:
        record_changed (object): MapRecord for the frame in sight, or None.
        address_changed (object): CacheAddress of the clip's maps, or None.
        map_made (int): frame whose map was written.
        status_changed (str): a few words for the status line.
        failed (object): a Failure; the process is gone. What it has made is still read and shown.
        refused (str): this clip cannot be predicted; one line.
        unreadable (str): maps are made but cannot be read; one line. Nothing is shown before :meth:`read_again`.
    """

    record_changed = Signal(object)
    address_changed = Signal(object)
    map_made = Signal(int)
    status_changed = Signal(str)
    failed = Signal(object)
    refused = Signal(str)
    unreadable = Signal(str)
    _mail_came = Signal()

    def __init__(
        self,
        setup: Setup,
        *,
        reaper: Reaper,
        make_client: Callable[[Setup, Callable[[PredictorLetter], None]], PredictorClient] = PredictorClient,
        parent: QObject | None = None,
    ) -> None:
        """Start the process.

        Args:
            setup: which model, and how.
            reaper: waits for the ends of processes and readers.
            make_client: starts one.
            parent: of this object.

        Raises:
            OSError: it cannot be started.
        """
        super().__init__(parent)
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self.setup = setup
        self._reaper = reaper
        self._make_client = make_client
        self._client: PredictorClient | None = make_client(setup, self._mail.post)
        self._loaded: Loaded | None = None
        self._open: OpenClip | None = None
        self._ready: ClipReady | None = None
        self._reader: MapReader | None = None
        self._address: CacheAddress | None = None
        self._records: dict[int, MapRecord] = {}
        self._shown: MapRecord | None = None
        self._index = 0
        self._coverage: Coverage | None = None
        self._progress: Progress | None = None
        self._say("loading…")

    # --- what is known ---

    @property
    def coverage(self) -> Coverage | None:
        """Which frames have maps; None before the clip's cache is open. Changes in place."""
        return self._coverage

    @property
    def record(self) -> "MapRecord | None":
        """The maps of the frame in sight."""
        return self._shown

    @property
    def pid(self) -> int | None:
        """Of the process; None once it is gone."""
        return self._client.pid if self._client is not None else None

    def figures(self) -> dict[str, object]:
        """For `--stats`."""
        progress, loaded = self._progress, self._loaded
        return {
            "engine": loaded.engine if loaded is not None else "",
            "model_id": loaded.model_id if loaded is not None else "",
            "load_s": loaded.took_s if loaded is not None else None,
            "maps_per_s": progress.maps_per_s if progress is not None else 0.0,
            "made": progress.made if progress is not None else 0,
            "carried": progress.carried if progress is not None else 0,
            "known": self._ready.known if self._ready is not None else 0,
            "stride": progress.stride if progress is not None else None,
            "duty": progress.duty if progress is not None else None,
            "cpu_ms": progress.cpu_ms if progress is not None else None,
            "abandon_ms": progress.abandon_ms if progress is not None else None,
            "coverage": round(self._coverage.share, 4) if self._coverage is not None else 0.0,
        }

    # --- what is asked ---

    def open_clip(self, clip: OpenClip) -> None:
        """Predict this clip from now on."""
        self._forget_clip()
        self._open = clip
        self._send(clip)

    def restart(self, setup: Setup, clip: OpenClip) -> None:
        """Another process in place of this one. Maps of the clip stay until those of the new process are at hand.

        Raises:
            OSError: it cannot be started; the lane is as it was.
        """
        client = self._make_client(setup, self._mail.post)
        self._close_client()
        self._client = client
        self.setup, self._loaded, self._progress = setup, None, None
        if self._open is None or replace(self._open, generation=clip.generation) != clip:
            self._forget_clip()
        self._open = clip
        self._send(clip)
        self._say("loading…")

    def close_clip(self) -> None:
        """Predict nothing; the model stays loaded."""
        if self._open is not None:
            self._send(CloseClip(self._open.generation))
        self._forget_clip()
        if self._loaded is not None:
            self._say("ready")

    def read_again(self) -> None:
        """Once more, where the maps could not be read."""
        if self._address is not None and self._reader is None:
            self._read(self._address)
            self._say("starting…" if self._progress is None else progress_words(self._progress))

    def look_at(self, index: int) -> None:
        """The frame in sight."""
        self._index = index
        if self._reader is not None:
            self._reader.look_at(index)
        self._choose()

    def move(self, *, index: int, is_playing: bool, speed: float, late: int) -> None:
        """Where the clip stands, for the order of work."""
        if self._open is not None:
            self._send(MoveTo(self._open.generation, index, is_playing, speed, late))

    def set_stride(self, stride: int) -> None:
        """A map of every n-th frame; 0 follows from the machine's speed."""
        self._send(SetStride(stride))
        self.setup = replace(self.setup, stride=stride)

    def close(self) -> None:
        """End the process and the reader; nobody waits for it here."""
        self._mail.attach(None)
        self._close_client()
        self._forget_clip()

    def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.begin_close()
            self._reaper.take(client.close)

    # --- letters ---

    def _send(self, request: OpenClip | CloseClip | MoveTo | SetStride | Remake) -> None:
        if self._client is not None:
            self._client.send(request)

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            self._hear(letter)

    def _hear(self, letter: object) -> None:
        if isinstance(letter, MapMade):
            self._map_made(letter)
        elif isinstance(letter, MapRead):
            self._map_read(letter)
        elif isinstance(letter, MapsKnown):
            self._maps_known(letter)
        elif isinstance(letter, MapsLost):
            self._maps_lost(letter)
        elif isinstance(letter, MapsFailed):
            self._maps_failed(letter)
        elif isinstance(letter, (ClipReady, ClipRefused, Progress)):
            if self._is_current(letter.generation):
                self._hear_of_clip(letter)
        elif isinstance(letter, Loaded):
            self._loaded = letter
            _log.info("model %s: %s, loaded in %.2f s", letter.model, letter.engine, letter.took_s)
            self._say("ready" if self._open is None else "starting…")
        elif isinstance(letter, Broken):
            self._fail(letter.reason, letter.text)
        elif isinstance(letter, PredictorDied):
            self._fail("died", f"its process ended unexpectedly ({letter.text})")
        elif isinstance(letter, Exported):
            _log.info("graphs of the model: %s %s", letter.path, letter.text)

    def _hear_of_clip(self, letter: ClipReady | ClipRefused | Progress) -> None:
        if isinstance(letter, ClipReady):
            self._clip_ready(letter)
        elif isinstance(letter, Progress):
            self._progress = letter
            is_blind = self._address is not None and self._reader is None
            self._say(UNREADABLE if is_blind else progress_words(letter))
        else:
            self._say("not for this clip")
            self.refused.emit(letter.text)

    def _is_current(self, generation: int) -> bool:
        return self._open is not None and self._open.generation == generation

    def _clip_ready(self, ready: ClipReady) -> None:
        self._ready = ready
        address = CacheAddress(self.setup.cache, ready.content_id, ready.model_id, ready.settings)
        if address == self._address:
            self.read_again()
            return  # a process in place of one that died: reader, maps and their count are those of before
        self._forget_maps()
        self._coverage = Coverage(
            ready.frame_rate_hz, np.zeros(ready.frame_count, np.bool_), np.zeros(ready.frame_count, np.bool_)
        )
        self._address = address
        self._read(address)
        self.address_changed.emit(address)
        self._choose()

    def _read(self, address: CacheAddress) -> None:
        self._reader = MapReader(address, self._mail.post)
        self._reader.start()
        self._reader.look_at(self._index)

    def _maps_known(self, known: MapsKnown) -> None:
        if known.address == self._address:
            for index, carried in known.carried.items():
                self._cover(index, is_carried=carried > 0)

    def _maps_lost(self, lost: MapsLost) -> None:
        if lost.address != self._address or self._open is None:
            return
        for index in lost.indices:
            if self._coverage is not None and index < len(self._coverage.made):
                self._coverage.made[index] = self._coverage.carried[index] = False
        # Of one frame is enough: where the whole file is another one, the process sees that for itself.
        nearest = min(lost.indices, key=lambda n: (abs(n - self._index), n))
        self._send(Remake(self._open.generation, nearest))

    def _maps_failed(self, failed: MapsFailed) -> None:
        if failed.address == self._address and self._reader is not None:
            self._close_reader()
            self._say(UNREADABLE)
            self.unreadable.emit(failed.text)

    def _map_made(self, made: MapMade) -> None:
        if self._is_current(made.generation) and self._address is not None:
            self._cover(made.index, is_carried=made.is_carried)
            if self._reader is not None:
                self._reader.made(made.index)
            self.map_made.emit(made.index)

    def _cover(self, index: int, *, is_carried: bool) -> None:
        coverage = self._coverage
        if coverage is not None and index < len(coverage.made):
            coverage.carried[index] = is_carried and not coverage.made[index]
            coverage.made[index] |= not is_carried

    def _map_read(self, read: MapRead) -> None:
        if read.address != self._address:
            return
        self._records[read.record.index] = read.record
        if len(self._records) > 4 * KEPT:
            self._records = {n: r for n, r in self._records.items() if abs(n - self._index) <= KEPT}
        self._choose()

    def _choose(self) -> None:
        """Show the maps of the frame in sight, or for a moment those of the nearest."""
        record = self._records.get(self._index)
        if record is None and self._records and self._ready is not None:
            nearest = min(self._records, key=lambda n: abs(n - self._index))
            if abs(nearest - self._index) <= STANDS_IN_S * self._ready.frame_rate_hz:
                record = self._records[nearest]
        if record is not self._shown:
            self._shown = record
            self.record_changed.emit(record)

    def _forget_clip(self) -> None:
        self._open = self._ready = self._progress = None
        had_maps = self._address is not None
        self._forget_maps()
        if had_maps:
            self.address_changed.emit(None)
        self._choose()

    def _forget_maps(self) -> None:
        """Read no more, and keep nothing of what was read; what is shown stays until the next choice."""
        self._address = self._coverage = None
        self._records = {}
        self._close_reader()

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.begin_close()
            self._reaper.take(lambda: _wait_for(reader))

    def _fail(self, reason: str, text: str) -> None:
        self._close_client()
        engine = self._loaded.engine if self._loaded is not None else ""
        self._say("off")
        # Where nothing was loaded yet, the processor would have been taken wherever there is no GPU.
        was_on_cpu = "cpu" in engine if engine else self.setup.device == "auto" and not may_have_gpu()
        self.failed.emit(Failure(reason, text, was_on_cpu or self.setup.device == "cpu"))

    def _say(self, text: str) -> None:
        self.status_changed.emit(text)


def _wait_for(reader: MapReader) -> None:
    if not reader.close():
        _log.warning("reading maps hangs; its thread is left to end with the program")
