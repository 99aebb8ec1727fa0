"""What SQLite and the disk complain about, in one clear line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panosod_core.errors import ProjectError


class ProjectDamagedError(ProjectError):
    """A project whose file is damaged. It is never written to; a backup may be at hand.

    Attributes:
        project: the damaged file.
        backup: newest backup that is whole, None where there is none.
    """

    def __init__(self, project: Path, found: str, backup: Path | None) -> None:
        advice = (
            f"its newest whole backup is {backup}"
            if backup is not None
            else "no whole backup lies beside it, so keep the file and recover it with SQLite's own .recover"
        )
        super().__init__(f"{project} is damaged ({found}) and was left as it is; {advice}")
        self.project = project
        self.backup = backup


_WORDS: dict[int, str] = {
    sqlite3.SQLITE_FULL: "the disk (or the limit set for the file) is full: make room and save again",
    sqlite3.SQLITE_READONLY: "it may not be written: check the permissions of the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk does not answer as it should: check that the drive is there and has room",
    sqlite3.SQLITE_BUSY: "another program holds it: close that program and save again",
    sqlite3.SQLITE_LOCKED: "another program holds it: close that program and save again",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the drive is there and the folder may be written to",
    sqlite3.SQLITE_NOTADB: "it is no project, or its beginning is damaged",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: close it and open it again to see the backups",
    sqlite3.SQLITE_TOOBIG: "a mask is too big for the file",
}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; -1 where it gave none."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file itself is broken."""
    return primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def speaking(project: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite and the disk raise into a ProjectError: ``cannot <doing> <project>: <why and what to do>``."""
    try:
        yield
    except sqlite3.Error as e:
        why = _WORDS.get(primary_code(e), f"SQLite says {e}")
        raise ProjectError(f"cannot {doing} {project}: {why}") from e
    except OSError as e:
        raise ProjectError(f"cannot {doing} {project}: {e.strerror or e}") from e
