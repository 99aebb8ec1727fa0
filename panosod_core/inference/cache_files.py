"""The files under the prediction cache: opened, checked, set aside where damaged, removed where room is needed.

SQLite in WAL mode: many processes read while one writes, and a process that is killed leaves a whole file behind.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from panosod_core.errors import CacheError

APPLICATION_ID = 0x70736D70
"""SQLite's header field: "psmp"."""
VERSION = 1
SUFFIX = ".maps"
ASIDE = ".damaged"
BUSY_S = 10.0
"""How long one process waits for another's transaction; those take milliseconds."""

_SCHEMA = """
CREATE TABLE clip (
    content_id TEXT NOT NULL, model_id TEXT NOT NULL, settings TEXT NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE maps (
    idx INTEGER PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, pts INTEGER NOT NULL, time_s REAL NOT NULL,
    carried INTEGER NOT NULL, area REAL NOT NULL, entropy REAL NOT NULL, azimuth REAL, elevation REAL,
    low REAL, high REAL, checksum INTEGER NOT NULL, location BLOB, saliency BLOB NOT NULL);
"""


class DamagedError(Exception):
    """What lies there is no cache file of this version and key; the text says why. Never leaves the cache."""


def file_name(*parts: str) -> str:
    """Name of the file for a key: its parts, hashed."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40] + SUFFIX


def default_folder() -> Path:
    """Where predictions are kept: ``predictions`` in the user's cache folder of this platform."""
    import platformdirs

    return platformdirs.user_cache_path("panosod", appauthor=False) / "predictions"


def make_folder(folder: Path) -> None:
    """Make the folder.

    Raises:
        CacheError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(
            f"{folder}: expected a folder to keep predictions in, cannot make it ({error.strerror or error}); "
            "choose another"
        ) from error


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes and threads from creating, setting aside or removing files of the folder meanwhile.

    An empty SQLite file is the lock: it works between processes on every platform, and dies with its holder.

    Raises:
        CacheError: the folder cannot be written, or somebody holds it for too long.
    """
    path = folder / "lock"
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            yield
            lock.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise explained(error, path) from error


def connect(path: Path, key: tuple[str, str, str]) -> sqlite3.Connection:
    """Open the file, or make it where there is none. Call it under :func:`folder_lock`.

    Raises:
        DamagedError: it must be set aside first.
        CacheError: it cannot be opened or written.
    """
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _create(connection, key)
        _check(connection, key)
        return connection
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if is_damage(error):
            raise DamagedError(str(error)) from error
        raise explained(error, path) from error
    except DamagedError:
        if connection is not None:
            connection.close()
        raise


def _create(connection: sqlite3.Connection, key: tuple[str, str, str]) -> None:
    # Sequence numbers start at the clock, in microseconds: a file made anew goes on above those of its predecessor,
    # so that whoever follows it misses nothing.
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT INTO clip VALUES (?, ?, ?, ?)", (*key, time.time_ns() // 1000))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, key: tuple[str, str, str]) -> None:
    marks = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if marks != (APPLICATION_ID, VERSION):
        raise DamagedError(f"written by another version (marks {marks}, this one writes {(APPLICATION_ID, VERSION)})")
    rows = connection.execute("SELECT content_id, model_id, settings FROM clip").fetchall()
    if rows != [key]:
        raise DamagedError("it does not name the clip, the model and the settings that it is kept for")
    connection.execute("SELECT idx, sequence, checksum FROM maps ORDER BY sequence DESC LIMIT 1").fetchall()


def is_damage(error: sqlite3.Error) -> bool:
    """True where the file itself is broken (not the disk, not a lock)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    # SQLITE_ERROR is what a query gets where a table or a column is missing.
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def explained(error: sqlite3.Error, path: Path) -> CacheError:
    """What SQLite says, for a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return CacheError(
            f"{path.parent}: no room left for predictions on this disk; free some or choose another folder "
            "(what was kept before is intact)"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CacheError(f"{path}: held by another process for more than {BUSY_S:.0f} s; end it and try again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return CacheError(f"{path}: the cache of predictions cannot be opened for writing ({error})")
    return CacheError(f"{path}: the cache of predictions failed ({error}); what was kept before is intact")


def file_mark(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path; None where none does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path) -> Path:
    """Rename a damaged file (one such file a key is kept) and drop its companions. Call it under :func:`folder_lock`.

    Raises:
        CacheError: it cannot be renamed.
    """
    aside = path.with_suffix(ASIDE)
    try:
        path.replace(aside)
        for companion in _companions(path):
            companion.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(f"{path}: damaged, and cannot be set aside ({error.strerror or error})") from error
    return aside


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def sizes(folder: Path) -> dict[Path, tuple[int, float]]:
    """Bytes (companions included) and time of the last use of every file that the cache keeps in a folder."""
    found = {}
    for path in folder.iterdir():
        if path.suffix in (SUFFIX, ASIDE):
            statuses = [s for p in (path, *_companions(path)) if (s := _status(p)) is not None]
            if statuses:
                found[path] = sum(s.st_size for s in statuses), max(s.st_mtime for s in statuses)
    return found


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def remove_unused(path: Path) -> bool:
    """Remove a file that nobody has open; False where somebody has. Call it under :func:`folder_lock`.

    Leaving WAL mode needs the file alone, so SQLite's own locks tell, for this and all other processes.
    """
    if path.suffix == SUFFIX:
        try:
            with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
                mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.Error as error:
            mode = "delete" if is_damage(error) else "wal"
        if mode != "delete":
            return False
    try:
        for file in (path, *_companions(path)):
            file.unlink(missing_ok=True)
    except OSError:
        return False
    return True
