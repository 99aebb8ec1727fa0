"""Reads the maps around the playhead from the prediction cache, so that they are there when their frame is. No Qt.

The cache's own module is imported in the thread: neither it nor the picture library that it needs delays the window.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from panosod_core.errors import PanosodError

if TYPE_CHECKING:
    from panosod_core.inference.cache import ClipMaps, MapRecord

_log = logging.getLogger(__name__)

AHEAD = 12
"""Frames ahead of the one in sight whose maps are kept ready."""
BEHIND = 12
"""Frames behind it: its own may be missing, and the nearest one stands in."""


@dataclass(frozen=True)
class CacheAddress:
    """Where a clip's maps lie.

    Attributes:
        folder: of the cache, "" for the platform's.
        content_id, model_id, settings: the key.
    """

    folder: str
    content_id: str
    model_id: str
    settings: str


@dataclass(frozen=True)
class MapsKnown:
    """What the cache had when it was opened.

    Attributes:
        address: which one.
        carried: frame -> over how many frames its map was carried, 0 for the model's own.
    """

    address: CacheAddress
    carried: dict[int, int]


@dataclass(frozen=True, eq=False)
class MapRead:
    """The maps of a frame near the playhead."""

    address: CacheAddress
    record: "MapRecord"


@dataclass(frozen=True)
class MapsLost:
    """Maps that were there are not any more: one was damaged, or the whole file is another one now.

    Attributes:
        address: which ones.
        indices: their frames.
    """

    address: CacheAddress
    indices: frozenset[int]


@dataclass(frozen=True)
class MapsFailed:
    """The maps cannot be read (any more); the reader has ended.

    Attributes:
        address: which ones.
        text: why, one line.
    """

    address: CacheAddress
    text: str


ReadingLetter: TypeAlias = MapsKnown | MapRead | MapsLost | MapsFailed


class MapReader:
    """Follows one clip's maps by one model."""

    def __init__(self, address: CacheAddress, post: Callable[[ReadingLetter], None]) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            address: which maps.
            post: called in the reader's thread.
        """
        self._address = address
        self._post = post
        self._wake = threading.Condition()
        self._wanted: int | None = None
        self._seen: int | None = None
        self._news: set[int] = set()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="panosod-maps", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look_at(self, index: int) -> None:
        """The frame in sight."""
        with self._wake:
            self._wanted = index
            self._wake.notify()

    def made(self, index: int) -> None:
        """A map was written, perhaps in place of another."""
        with self._wake:
            self._news.add(index)
            if self._wanted is not None and -BEHIND <= index - self._wanted <= AHEAD:
                self._wake.notify()

    def begin_close(self) -> None:
        """Ask the thread to end, without waiting; :meth:`close` must follow."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False when it hangs."""
        self.begin_close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- in the thread ---

    def _run(self) -> None:
        try:
            self._follow()
        except PanosodError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person a line
            _log.exception("reading maps failed")
            self._fail(f"{type(error).__name__}: {error}".splitlines()[0])

    def _fail(self, text: str) -> None:
        _log.warning("maps cannot be read: %s", text)
        if not self._is_closing:
            self._post(MapsFailed(self._address, text))

    def _follow(self) -> None:
        from panosod_core.inference.cache import CacheKey, PredictionCache

        address = self._address
        key = CacheKey(address.content_id, address.model_id, address.settings)
        with PredictionCache(Path(address.folder) if address.folder else None).open(key) as maps:
            known = {note.index: note.carried for note in maps.newer_than()}
            self._post(MapsKnown(address, dict(known)))
            given: set[int] = set()
            there = set(known)
            while (work := self._next()) is not None:
                wanted, news = work
                there |= news
                near = range(wanted - BEHIND, wanted + AHEAD + 1)
                given = {n for n in given if n in near} - news
                due = [n for n in _outwards(wanted, near) if n in there and n not in given]
                self._give(maps, due, there=there, given=given)

    def _next(self) -> tuple[int, set[int]] | None:
        """Wait for something to read: the frame in sight and the maps written since; None to end."""
        with self._wake:
            self._wake.wait_for(lambda: self._is_closing or self._wanted != self._seen or self._is_news_near())
            if self._is_closing or self._wanted is None:
                return None
            self._seen = self._wanted
            news, self._news = self._news, set()
            return self._seen, news

    def _is_news_near(self) -> bool:
        wanted = self._wanted
        return wanted is not None and any(-BEHIND <= n - wanted <= AHEAD for n in self._news)

    def _give(self, maps: "ClipMaps", indices: list[int], *, there: set[int], given: set[int]) -> None:
        openings = maps.openings
        for index in indices:
            record = maps.get(index)
            given.add(index)
            if record is not None:
                self._post(MapRead(self._address, record))
            if maps.openings != openings:
                self._seen = None  # what the new file has of those near is looked for once more
                self._lose(there - {note.index for note in maps.newer_than()}, there=there, given=given)
                return
            if record is None:
                self._lose({index}, there=there, given=given)
            if self._is_closing:
                return

    def _lose(self, lost: set[int], *, there: set[int], given: set[int]) -> None:
        there -= lost
        given -= lost
        if lost:
            self._post(MapsLost(self._address, frozenset(lost)))


def _outwards(middle: int, near: range) -> list[int]:
    """The frame itself, those ahead, then those behind."""
    return [*range(middle, near.stop), *range(middle - 1, near.start - 1, -1)]
