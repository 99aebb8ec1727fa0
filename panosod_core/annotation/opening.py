"""Opening a project's file: is it one, is it whole, is it of this version, may it be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from panosod_core.annotation.backups import copy_project, make_backup, newest_whole_backup, settle
from panosod_core.annotation.faults import ProjectDamagedError, is_damage, primary_code, speaking
from panosod_core.annotation.raw_reading import RawReading
from panosod_core.annotation.schema import APPLICATION_ID, VERSION, migrate
from panosod_core.annotation.writer_lock import BRIEF_S, Holder, WriterLock
from panosod_core.errors import ProjectError

_CACHE_KIB = 16 * 1024


@dataclass
class OpenFile:
    """A project's file, opened and checked.

    Attributes:
        path: the project.
        file: what is really open: the project, or a private copy of it where it could not be read in place.
        lock: held while writing; None = read-only.
        why_read_only: one line for the person, None where it may be written.
        holder: who writes, where somebody else does.
        scratch: folder of the private copy, removed at the end.
    """

    path: Path
    file: Path
    lock: WriterLock | None
    why_read_only: str | None = None
    holder: Holder | None = None
    immutable: bool = False
    scratch: tempfile.TemporaryDirectory[str] | None = None
    identity: os.stat_result = field(init=False)
    """Which file it was when it was opened."""
    raw: RawReading = field(init=False)
    """The project's bytes; of the project itself, also where a private copy is open."""

    def __post_init__(self) -> None:
        self.identity = self.file.stat()
        self.raw = RawReading(self.path)

    def connect(self, *, writing: bool = False) -> sqlite3.Connection:
        """A connection in autocommit mode, usable from any one thread at a time."""
        return connect(self.file, writing=writing, immutable=self.immutable)

    def close(self) -> None:
        """Let the lock go and remove the private copy; connections must be closed before."""
        self.raw.close()
        if self.lock is not None:
            self.lock.release()
        if self.scratch is not None:
            self.scratch.cleanup()


def connect(file: Path, *, writing: bool, immutable: bool = False) -> sqlite3.Connection:
    """A connection with the settings all of ours have."""
    mode = "rw" if writing else "ro"
    address = f"file:{quote(str(file.resolve()))}?mode={mode}{'&immutable=1' if immutable else ''}"
    db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    if writing:
        # FULL: a commit returns when the write-ahead log has reached the disk.
        db.execute("PRAGMA synchronous = FULL")
    return db


def create_file(path: Path) -> None:
    """Make an empty project.

    Raises:
        ProjectError: something is there already, or the folder cannot be written.
    """
    if path.exists():
        raise ProjectError(f"{path} exists: choose another name, or open it")
    part = path.with_name(path.name + ".part")
    with speaking(path, "make"):
        part.unlink(missing_ok=True)
        db = sqlite3.connect(part, isolation_level=None)
        try:
            # In memory: a journal left by a killed process would be applied to the next file of that name.
            db.execute("PRAGMA journal_mode = MEMORY")
            migrate(db)
        finally:
            db.close()
        settle(part, path)


def open_file(path: Path, *, author: str, read_only: bool = False, wait_s: float = BRIEF_S) -> OpenFile:
    """Open a project's file: lock, check, bring up to date.

    Args:
        path: the project.
        author: who sits here, told to others who find it locked.
        read_only: do not even try to write.
        wait_s: so long one who only writes a row is waited for.

    Raises:
        ProjectDamagedError: the file is damaged; it was not touched.
        ProjectError: no such file, no project, of a newer program.
    """
    path = path.resolve()
    _check_header(path)
    opened = (
        _locked(path, author, wait_s) if not read_only else OpenFile(path, path, None, "it was opened for reading only")
    )
    try:
        if opened.lock is None:
            _make_readable(opened)
        _check_whole(opened)
        _bring_up_to_date(opened)
        if opened.lock is not None:
            with speaking(path, "open"):
                db = opened.connect(writing=True)
                try:
                    db.execute("PRAGMA journal_mode = WAL").fetchone()
                finally:
                    db.close()
    except BaseException:
        opened.close()
        raise
    return opened


def _check_header(path: Path) -> None:
    if not path.is_file():
        raise ProjectError(f"{path} is not there: expected a project (*.panosod)")
    application = _application_id(path)
    if application is None:
        backup = newest_whole_backup(path)
        if backup is not None:
            raise ProjectDamagedError(path, "its beginning is not that of a project", backup)
        raise ProjectError(f"{path} is not a project (*.panosod), or its beginning is damaged")
    if application not in (APPLICATION_ID, 0):
        raise ProjectError(f"{path} is a database of another program, expected a project (*.panosod)")


def _application_id(path: Path) -> int | None:
    """What the file's header says; None where it has none, 0 where the check of the whole file is to say more.

    Asked through SQLite, though without its locks and its log: see :mod:`panosod_core.annotation.raw_reading`.
    """
    with speaking(path, "read"):
        if not path.stat().st_size:
            return None
        try:
            db = connect(path, writing=False, immutable=True)
            try:
                return int(db.execute("PRAGMA application_id").fetchone()[0])
            finally:
                db.close()
        except sqlite3.Error as e:
            if primary_code(e) == sqlite3.SQLITE_NOTADB:
                return None
            if is_damage(e):
                return 0
            raise


def _locked(path: Path, author: str, wait_s: float) -> OpenFile:
    try:
        lock = WriterLock.take_after_brief(path, author=author, wait_s=wait_s)
    except ProjectError as e:
        return OpenFile(path, path, None, str(e))
    if isinstance(lock, Holder):
        why = f"{path.name} is open for writing in another window: {lock}; here it can be read"
        return OpenFile(path, path, None, why, holder=lock)
    # Not found out by opening it: see raw_reading.
    if not os.access(path, os.W_OK):
        lock.release()
        return OpenFile(path, path, None, f"{path.name} may not be written; here it can be read")
    return OpenFile(path, path, lock)


def _make_readable(opened: OpenFile) -> None:
    """Find a way to read a file beside which nothing can be written, without losing what lies in its log."""
    try:
        db = opened.connect()
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return
        finally:
            db.close()
    except sqlite3.Error as e:
        if is_damage(e):
            return  # said properly by the check
    log = opened.path.with_name(opened.path.name + "-wal")
    if not log.exists() or not log.stat().st_size:
        opened.immutable = True
        return
    with speaking(opened.path, "read"):
        opened.scratch = tempfile.TemporaryDirectory(prefix="panosod-")
        opened.file = Path(opened.scratch.name) / opened.path.name
        opened.raw.copy_to(opened.file)
        shutil.copyfile(log, opened.file.with_name(opened.file.name + "-wal"))


def _check_whole(opened: OpenFile) -> None:
    if opened.scratch is None:
        # The check jumps about in the file and finds it in memory: 188 MiB that nobody had read yet were opened in 0.9
        # to 1.9 s instead of 6.5 to 8 s.
        with speaking(opened.path, "read"):
            opened.raw.read_through()
    try:
        db = opened.connect()
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
        finally:
            db.close()
    except sqlite3.Error as e:
        if not is_damage(e):
            with speaking(opened.path, "open"):
                raise
        found = [str(e)]
    if found != ["ok"]:
        raise ProjectDamagedError(opened.path, found[0].replace("\n", " "), newest_whole_backup(opened.path))


def _bring_up_to_date(opened: OpenFile) -> None:
    with speaking(opened.path, "open"):
        db = opened.connect()
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
        finally:
            db.close()
    if version > VERSION:
        raise ProjectError(
            f"{opened.path} was written by a newer panosod (version {version} of the file, this one reads up to "
            f"{VERSION}): update panosod"
        )
    if version == 0:
        raise ProjectError(f"{opened.path} is an empty database, expected a project (*.panosod)")
    if version == VERSION:
        return
    if opened.lock is not None:
        make_backup(opened.path)
    elif opened.scratch is None:
        # A file that may not be written is brought up to date in a copy of our own.
        scratch = tempfile.TemporaryDirectory(prefix="panosod-")
        file = Path(scratch.name) / opened.path.name
        if opened.immutable:
            with speaking(opened.path, "read"):
                opened.raw.copy_to(file)
        else:
            copy_project(opened.path, file)
        opened.scratch, opened.file, opened.immutable = scratch, file, False
        opened.identity = file.stat()
    with speaking(opened.path, "bring up to date"):
        db = connect(opened.file, writing=True)
        try:
            migrate(db)
        finally:
            db.close()
