"""Backups beside a project: whole files made while it is open, a few kept, spaced ever wider towards the past."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from panosod_core.annotation.faults import speaking
from panosod_core.annotation.schema import APPLICATION_ID
from panosod_core.errors import ProjectError

KEEP = 8
"""Backups kept of a project."""

_NAME = re.compile(r"^(\d{8}T\d{6}\d{6})Z\.panosod$")
_STAMP = "%Y%m%dT%H%M%S%f"


def backup_folder(project: Path) -> Path:
    """Where the backups of a project lie."""
    return project.with_name(project.name + ".backups")


def backups(project: Path) -> list[Path]:
    """Its backups, newest first."""
    folder = backup_folder(project)
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.match(p.name)), reverse=True)


def time_of(backup: Path) -> datetime:
    """When a backup was made."""
    match = _NAME.match(backup.name)
    if match is None:
        raise ValueError(f"{backup} is no backup")
    return datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)


def superfluous(times: Sequence[datetime], *, keep: int = KEEP) -> list[datetime]:
    """Which backups to give up so that ``keep`` remain, spaced ever wider towards the past.

    The newest and the oldest stay. Of the others goes the one that leaves the smallest hole, measured against its
    age: an hour matters today and not in a month.
    """
    left = sorted(times, reverse=True)
    gone = []
    while len(left) > max(keep, 2):
        newest = left[0]

        def hole(i: int, newest: datetime = newest) -> float:
            return (left[i - 1] - left[i + 1]) / (newest - left[i] + timedelta(minutes=1))

        gone.append(left.pop(min(range(1, len(left) - 1), key=hole)))
    return gone


def make_backup(project: Path, *, keep: int = KEEP) -> Path:
    """Copy a project as it is at this moment, also while somebody writes to it, and give up superfluous copies.

    Only whoever holds the writer's lock makes backups.

    Raises:
        ProjectError: it cannot be read, or its folder not written.
    """
    folder = backup_folder(project)
    with speaking(project, "back up"):
        folder.mkdir(exist_ok=True)
        for part in folder.glob("*.part"):  # of a process that was killed while it made one
            part.unlink(missing_ok=True)
    target = folder / f"{datetime.now(UTC).strftime(_STAMP)}Z.panosod"
    copy_project(project, target)
    by_time = {time_of(p): p for p in backups(project)}
    for stamp in superfluous(list(by_time), keep=keep):
        by_time[stamp].unlink(missing_ok=True)
    return target


def copy_project(
    project: Path,
    target: Path,
    *,
    source: sqlite3.Connection | None = None,
    adjust: Callable[[sqlite3.Connection], None] | None = None,
) -> None:
    """Write a whole copy of a project, with everything that was committed, under another name.

    Goes through SQLite's online backup in one reading transaction, so that a writer is not held up; written beside
    the target and renamed after fsync.

    Args:
        project: the file.
        target: the copy; must not exist.
        source: a connection to read from; by default one is opened.
        adjust: puts something right in the copy before it gets its name.

    Raises:
        ProjectError: the project cannot be read, the target exists or cannot be written.
    """
    if target.exists():
        raise ProjectError(f"{target} exists: choose another name, nothing is overwritten")
    part = target.with_name(target.name + ".part")
    with speaking(target, "write"):
        part.unlink(missing_ok=True)
        reading = source or sqlite3.connect(f"file:{quote(str(project.resolve()))}?mode=ro", uri=True)
        copy = sqlite3.connect(part, isolation_level=None)
        try:
            # Nobody knows the file before it has its name: no journal beside it, and one fsync at the end.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            reading.backup(copy)
            if adjust is not None:
                adjust(copy)
            # The copy is one file: without this, its header would still ask for a -wal file beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        except BaseException:
            copy.close()
            part.unlink(missing_ok=True)
            raise
        finally:
            copy.close()
            if source is None:
                reading.close()
        settle(part, target)


def settle(part: Path, target: Path) -> None:
    """Flush a written file to the disk and give it its name."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    if os.name == "posix":
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_whole(file: Path) -> bool:
    """Whether a file is a project that SQLite finds no fault with."""
    try:
        db = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro&immutable=1", uri=True)
        try:
            ours = db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            return ours and [row[0] for row in db.execute("PRAGMA quick_check(1)")] == ["ok"]
        finally:
            db.close()
    except sqlite3.Error:
        return False


def newest_whole_backup(project: Path) -> Path | None:
    """The newest backup that is undamaged."""
    return next((b for b in backups(project) if is_whole(b)), None)


def recover(project: Path) -> Path:
    """Make a project of the newest whole backup, beside the damaged one, which stays as it is.

    Returns:
        The new project.

    Raises:
        ProjectError: there is no whole backup, or the new file cannot be written.
    """
    backup = newest_whole_backup(project)
    if backup is None:
        raise ProjectError(f"no whole backup of {project} lies in {backup_folder(project)}")
    stamp = time_of(backup).strftime("%Y-%m-%d-%H%M%S")
    target = project.with_name(f"{project.stem}-recovered-{stamp}{project.suffix}")
    for n in range(2, 100):
        if not target.exists():
            break
        target = project.with_name(f"{project.stem}-recovered-{stamp}-{n}{project.suffix}")
    copy_project(backup, target)
    return target
