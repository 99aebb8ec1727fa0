"""Predictions kept on disk: a clip that was predicted once is never predicted again. No torch.

One SQLite file a clip, model and settings. Many processes may read it while one writes, and those that follow the
writer ask for what is :meth:`ClipMaps.newer_than` the last they saw. A model's map is never replaced; one that was
carried by flow gives way to one that was carried less far, and to the model's. It is a cache: a damaged file is set
aside (``.damaged`` beside it) and begun anew, a damaged map is forgotten, both are reported, and neither is an error.
"""

import contextlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from panosod_core.inference import cache_files
from panosod_core.inference.map_record import (
    MapRecord,
    MapSource,
    MapSummary,
    PackedLocation,
    decode_png,
    encode_png,
    map_record,
    pack_location,
    unpack_location,
)

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "CacheKey",
    "ClipMaps",
    "MapNote",
    "MapRecord",
    "MapSource",
    "MapSummary",
    "PredictionCache",
    "map_record",
]

DEFAULT_LIMIT_BYTES = 4 << 30
"""About 100 hours of maps at 5 a second, 208 x 416, or an hour of 1K maps at every frame."""

TRIM_EVERY = 512
"""Maps written between two looks at the size of the cache."""

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class CacheKey:
    """What predictions are kept for.

    Attributes:
        content_id: of the clip (``media.content``).
        model_id: hash of the weights.
        settings: everything else that changes a map, in one canonical text.
    """

    content_id: str
    model_id: str
    settings: str = ""

    def __post_init__(self) -> None:
        if not self.content_id or not self.model_id:
            raise ValueError("a key needs the identity of a clip and of a model")


@dataclass(frozen=True)
class MapNote:
    """That a map is there, and its numbers, without its pixels.

    Attributes:
        sequence: grows with every map that is written.
        index, pts, time_s, source, carried, summary: as in :class:`MapRecord`.
    """

    sequence: int
    index: int
    pts: int
    time_s: float
    source: MapSource
    carried: int
    summary: MapSummary


class ClipMaps:
    """The maps of one clip by one model. One object belongs to one thread; others open their own.

    Attributes:
        key: what they are kept for.
        openings: how often a file was opened: more than once where the first was removed or set aside meanwhile, and
            what was known of it holds no longer.
    """

    def __init__(self, cache: "PredictionCache", key: CacheKey) -> None:
        """Use :meth:`PredictionCache.open`."""
        self._cache, self.key = cache, key
        self._path = cache.folder / cache_files.file_name(key.content_id, key.model_id, key.settings)
        self._written = 0
        self.openings = 0
        self._connection, self._mark = self._open()

    def __enter__(self) -> "ClipMaps":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    def close(self) -> None:
        """Let the file go. Nothing else may be called after it."""
        self._connection.close()

    def put(self, record: MapRecord) -> bool:
        """Keep a frame's maps, unless better ones are there: the model's, or some that were carried no further.

        Returns:
            True where they were written.

        Raises:
            CacheError: they cannot be written (a full disk); what was kept before is intact.
        """
        saliency = encode_png(record.saliency)
        packed = None if record.location is None else pack_location(record.location)
        location = None if packed is None else packed.png
        values = _values(record, packed)
        written = self._run(lambda c: _insert(c, values, location, saliency))
        if written:
            self._written += 1
            if self._written % TRIM_EVERY == 0:
                self._cache.trim()
        return written

    def get(self, index: int) -> MapRecord | None:
        """The maps of a frame; None where there are none. Location comes back within 1/510 of its range.

        Raises:
            CacheError: the file cannot be read.
        """
        columns = f"{_NOTE_COLUMNS}, low, high, checksum, location, saliency"
        row = self._run(lambda c: c.execute(f"SELECT {columns} FROM maps WHERE idx = ?", (index,)).fetchone())
        if row is None:
            return None
        record = _record(row)
        if record is None:
            self._cache.report(f"{self._path}: the map of frame {index} is damaged; it is forgotten and made anew")
            # Only this very map: a writer may have replaced it meanwhile.
            self._run(lambda c: c.execute("DELETE FROM maps WHERE idx = ? AND sequence = ?", (index, row[0])).rowcount)
        return record

    def nearest(self, index: int, reach: int) -> MapRecord | None:
        """The maps of the frame nearest to one, at most ``reach`` frames away; the earlier of two equally near.

        Raises:
            CacheError: the file cannot be read.
        """
        near = "SELECT idx FROM maps WHERE idx BETWEEN ? AND ? ORDER BY abs(idx - ?), idx LIMIT 1"
        while True:
            row = self._run(lambda c: c.execute(near, (index - reach, index + reach, index)).fetchone())
            if row is None:
                return None
            record = self.get(row[0])
            if record is not None:
                return record

    def indices(self, source: MapSource | None = None) -> list[int]:
        """Frames that have maps, increasing; only those from the model, or from flow, where asked.

        Raises:
            CacheError: the file cannot be read.
        """
        where = {None: "", MapSource.MODEL: "WHERE carried = 0", MapSource.FLOW: "WHERE carried > 0"}[source]
        return [n for (n,) in self._run(lambda c: c.execute(f"SELECT idx FROM maps {where} ORDER BY idx").fetchall())]

    def newer_than(self, sequence: int = 0, *, limit: int = -1) -> list[MapNote]:
        """What was written after a map that one has seen, in the order of writing; all of it after 0.

        A frame whose map was replaced appears anew, and only once.

        Args:
            sequence: of the last note that one has.
            limit: at most so many; all by default.

        Raises:
            CacheError: the file cannot be read.
        """
        query = f"SELECT {_NOTE_COLUMNS} FROM maps WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [_note(row) for row in self._run(lambda c: c.execute(query, (sequence, limit)).fetchall())]

    def _open(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        key = (self.key.content_id, self.key.model_id, self.key.settings)
        cache_files.make_folder(self._cache.folder)
        with cache_files.folder_lock(self._cache.folder):
            try:
                connection = cache_files.connect(self._path, key)
            except cache_files.DamagedError as error:
                aside = cache_files.set_aside(self._path)
                self._cache.report(f"{self._path}: damaged ({error}); set aside as {aside.name} and begun anew")
                connection = cache_files.connect(self._path, key)
            with contextlib.suppress(OSError):
                os.utime(self._path)  # the last use, for those who look for room
            self.openings += 1
            return connection, cache_files.file_mark(self._path)

    def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the file; once more on a fresh one where it has gone or turns out to be damaged."""
        if cache_files.file_mark(self._path) != self._mark:
            # Removed for want of room, or set aside by another process that found it damaged.
            self._connection.close()
            self._connection, self._mark = self._open()
        try:
            return work(self._connection)
        except sqlite3.Error as error:
            self._roll_back()
            if not cache_files.is_damage(error):
                raise cache_files.explained(error, self._path) from error
            self._set_aside(str(error))
        try:
            return work(self._connection)
        except sqlite3.Error as error:
            self._roll_back()
            raise cache_files.explained(error, self._path) from error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _set_aside(self, why: str) -> None:
        self._connection.close()
        with cache_files.folder_lock(self._cache.folder):
            if cache_files.file_mark(self._path) == self._mark:  # else somebody else has seen it too
                aside = cache_files.set_aside(self._path)
                self._cache.report(f"{self._path}: damaged ({why}); set aside as {aside.name} and begun anew")
        self._connection, self._mark = self._open()


class PredictionCache:
    """The folder of all predictions, bounded in size."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is touched yet.

        Args:
            folder: where; None for the platform's cache folder.
            limit_bytes: bound of all files together. The clips used least recently give way; those that are open
                anywhere never do, so one clip alone may exceed it.
            on_problem: told in a line of every damaged file or map; without it, the log is.
        """
        if limit_bytes < 0:
            raise ValueError(f"the limit must not be negative, got {limit_bytes}")
        self.folder = cache_files.default_folder() if folder is None else folder
        self.limit_bytes = limit_bytes
        self._on_problem = on_problem

    def open(self, key: CacheKey) -> ClipMaps:
        """The maps of a clip by a model, none of them where it is new.

        Raises:
            CacheError: the folder or the file cannot be made, read or written.
        """
        maps = ClipMaps(self, key)
        self.trim()
        return maps

    def size_bytes(self) -> int:
        """What all files take together."""
        return sum(size for size, _ in cache_files.sizes(self.folder).values()) if self.folder.is_dir() else 0

    def trim(self) -> list[Path]:
        """Remove the files used least recently, damaged ones first, until the bound is kept; open ones stay.

        Returns:
            What was removed.

        Raises:
            CacheError: the folder cannot be written.
        """
        if self.size_bytes() <= self.limit_bytes:
            return []
        removed = []
        with cache_files.folder_lock(self.folder):
            files = cache_files.sizes(self.folder)
            total = sum(size for size, _ in files.values())
            for path in sorted(files, key=lambda p: (p.suffix == cache_files.SUFFIX, files[p][1])):
                if total <= self.limit_bytes:
                    break
                if cache_files.remove_unused(path):
                    total -= files[path][0]
                    removed.append(path)
        return removed

    def report(self, problem: str) -> None:
        """Pass on that something was damaged."""
        if self._on_problem is None:
            _LOG.warning("%s", problem)
        else:
            self._on_problem(problem)


_NOTE_COLUMNS = "sequence, idx, pts, time_s, carried, area, entropy, azimuth, elevation"
_Values: TypeAlias = tuple[int | float | None, ...]
"""idx, pts, time_s, carried, area, entropy, azimuth, elevation, low, high."""


def _values(record: MapRecord, packed: PackedLocation | None) -> _Values:
    s = record.summary
    bounds = (None, None) if packed is None else (packed.low, packed.high)
    numbers = (s.area, s.entropy, s.peak_azimuth_rad, s.peak_elevation_rad, *bounds)
    return (
        int(record.index),
        int(record.pts),
        float(record.time_s),
        int(record.carried),
        *(None if n is None else float(n) for n in numbers),
    )


def _insert(connection: sqlite3.Connection, values: _Values, location: bytes | None, saliency: bytes) -> bool:
    connection.execute("BEGIN IMMEDIATE")
    old = connection.execute("SELECT carried FROM maps WHERE idx = ?", values[:1]).fetchone()
    fresh = old is None or values[3] < old[0]
    if fresh:
        connection.execute("UPDATE clip SET sequence = sequence + 1")
        connection.execute(
            "INSERT OR REPLACE INTO maps (idx, pts, time_s, carried, area, entropy, azimuth, elevation, low, high, "
            "checksum, location, saliency, sequence) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT sequence FROM clip))",
            (*values, _checksum(values, location, saliency), location, saliency),
        )
    connection.execute("COMMIT")
    return bool(fresh)


def _checksum(values: _Values, location: bytes | None, saliency: bytes) -> int:
    return zlib.crc32(saliency, zlib.crc32(location or b"", zlib.crc32(repr(values).encode())))


def _note(row: Any) -> MapNote:
    sequence, index, pts, time_s, carried, *summary = row[:9]
    source = MapSource.FLOW if carried else MapSource.MODEL
    return MapNote(sequence, index, pts, time_s, source, carried, MapSummary(*summary))


def _record(row: Any) -> MapRecord | None:
    """The maps of a row; None where they are damaged."""
    note = _note(row)
    low, high, checksum, packed, png = row[9:]
    if not isinstance(png, bytes) or not isinstance(packed, bytes | None):
        return None
    if _checksum((*row[1:9], low, high), packed, png) != checksum:
        return None
    saliency = decode_png(png)
    location = None if packed is None else unpack_location(PackedLocation(packed, low, high))
    if saliency is None or (packed is not None and location is None):
        return None
    return MapRecord(note.index, note.pts, note.time_s, saliency, location, note.summary, note.source, note.carried)
