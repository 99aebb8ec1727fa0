"""A project's file, opened: who may write, reading and writing connections, copies and backups of it.

Everything that is written goes through :meth:`ProjectStore.write`, one transaction a call, which returns when it is on
the disk (WAL with ``synchronous=FULL``). The window does not call it: a
:class:`panosod_core.annotation.writer.StoreWriter` does, on a thread of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from panosod_core.annotation import committing
from panosod_core.annotation.backups import copy_project, make_backup
from panosod_core.annotation.faults import speaking
from panosod_core.annotation.opening import OpenFile, create_file, open_file
from panosod_core.annotation.reading import ProjectReader
from panosod_core.annotation.records import Clip, NewClip
from panosod_core.annotation.writer_lock import BRIEF_S, Holder
from panosod_core.errors import ProjectError

SUFFIX = ".panosod"


def portable_path(media: Path, folder: Path) -> str:
    """How a project in a folder names a media file: relative and with / where that can be, else absolute."""
    try:
        return Path(os.path.relpath(media.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return media.resolve().as_posix()


def _set_media_paths(db: sqlite3.Connection, *, paths: list[tuple[str, int]]) -> None:
    db.executemany("UPDATE clips SET path = ? WHERE id = ?", paths)


def log_path(file: Path) -> Path:
    """Where SQLite keeps the write-ahead log of a project."""
    return file.with_name(file.name + "-wal")


def _log_of(db: sqlite3.Connection, file: Path) -> os.stat_result | None:
    """Which file the log is that a connection writes to; None where the file system allows none."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return None
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only reading opens it
    return log_path(file).stat()


class ProjectStore:
    """An open project file.

    Attributes:
        path: the file.
        author: who sits here.
        reader: questions to it; sees what is committed.
    """

    def __init__(self, opened: OpenFile, author: str) -> None:
        self.path = opened.path
        self.author = author
        self._opened = opened
        with speaking(self.path, "open"):
            self.reader = ProjectReader(opened.connect(), self.path)
            self._db = opened.connect(writing=True) if opened.lock is not None else None
            self._log = _log_of(self._db, opened.file) if self._db is not None else None
        self._lock = threading.Lock()

    @staticmethod
    def create(path: Path, *, author: str) -> ProjectStore:
        """Make an empty project and open it.

        Raises:
            ProjectError: something is there already, or the folder cannot be written.
        """
        create_file(path)
        return ProjectStore.open(path, author=author)

    @staticmethod
    def open(path: Path, *, author: str, read_only: bool = False, wait_s: float = BRIEF_S) -> ProjectStore:
        """Open a project; where it may not be written or somebody else writes, it opens read-only and says why.

        Who only writes a row is waited for, at most ``wait_s``.

        Raises:
            ProjectDamagedError: the file is damaged; it was not touched, and its newest whole backup is named.
            ProjectError: no such file, no project, of a newer program.
        """
        return ProjectStore(open_file(path, author=author, read_only=read_only, wait_s=wait_s), author)

    @property
    def why_read_only(self) -> str | None:
        """One line for the person; None where the project may be written."""
        return self._opened.why_read_only

    @property
    def holder(self) -> Holder | None:
        """Who writes, where somebody else does."""
        return self._opened.holder

    def write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do something in one transaction; returns when it is on the disk.

        Raises:
            ProjectError: read-only, disk full, drive gone, file damaged: nothing has changed then.
        """
        with self._lock:
            if self._db is None:
                raise ProjectError(self.why_read_only or f"{self.path} is closed")
            self._check_there()

            def work_and_look(db: sqlite3.Connection) -> None:
                work(db)
                self._check_there()

            with speaking(self.path, "write"):
                committing.transaction(self._db, work_and_look)

    def _check_there(self) -> None:
        # SQLite would go on writing into files that have no name any more.
        if self._is_gone():
            raise ProjectError(
                f"cannot write {self.path}: the file is gone or was replaced (is the drive still there?): put it "
                "back and save again, or save under another name"
            )
        if self._is_log_gone():
            raise ProjectError(
                f"cannot write {self.path}: another program has removed or replaced its log ({self.path.name}-wal), "
                "what is written now would be lost: save under another name"
            )

    def _is_gone(self) -> bool:
        try:
            return not os.path.samestat(self._opened.identity, self._opened.file.stat())
        except OSError:
            return True

    def _is_log_gone(self) -> bool:
        try:
            return self._log is not None and not os.path.samestat(self._log, log_path(self._opened.file).stat())
        except OSError:
            return True

    def limit_pages(self, pages: int) -> None:
        """Let the file grow to so many pages of 4 KiB and no further; how tests fill a disk."""
        with self._lock:
            if self._db is not None:
                self._db.execute(f"PRAGMA max_page_count = {pages}")

    def add_clip(self, clip: NewClip) -> Clip:
        """Add a clip to the project.

        Raises:
            ProjectError: it cannot be written.
        """
        numbers: list[int] = []
        self.write(lambda db: numbers.append(committing.insert_clip(db, clip)))
        return next(c for c in self.reader.clips() if c.id == numbers[0])

    def media_path(self, clip: Clip) -> Path:
        """Where a clip's file is looked for."""
        return (self.path.parent / clip.path).resolve()

    def export_copy(self, target: Path) -> None:
        """Write a whole copy of the committed project under another name; this one stays open.

        Paths of media are made relative to the copy's folder.

        Raises:
            ProjectError: the target exists or cannot be written.
        """
        paths = [(portable_path(self.media_path(c), target.parent), c.id) for c in self.reader.clips()]
        adjust = partial(_set_media_paths, paths=paths)
        if self._is_gone() or self._is_log_gone():
            with self.reader.lending() as source:
                copy_project(self._opened.file, target, source=source, adjust=adjust)
        else:
            copy_project(self._opened.file, target, adjust=adjust)

    def back_up(self) -> Path:
        """Make a rotating backup now.

        Raises:
            ProjectError: the folder cannot be written.
        """
        return make_backup(self.path)

    def close(self) -> None:
        """Close connections, then let the lock go; safe to call twice."""
        with self._lock:
            self.reader.close()
            if self._db is not None:
                self._db.close()
                self._db = None
            self._opened.close()
