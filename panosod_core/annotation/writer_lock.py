"""One writer a project: a lock on a file beside it that the system itself lets go when its owner dies."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

from panosod_core.errors import ProjectError

BRIEF = "panosod finetune"
"""The author that writes a row and goes: a job that has ended, and copies itself into its project."""
_NOBODY = "another window"
"""Who has just taken the lock and not written down yet who that is."""
BRIEF_S = 5.0
"""So long one who only writes a row is waited for, where nobody looks at a window meanwhile."""
_AGAIN_S = 0.02


@dataclass(frozen=True)
class Holder:
    """Who has a project open for writing.

    Attributes:
        host: machine.
        pid: process there.
        author: who said they sit there.
        since_ms: milliseconds since 1970.
    """

    host: str
    pid: int
    author: str
    since_ms: int

    @property
    def is_brief(self) -> bool:
        """Whether they may be gone in a moment."""
        return self.author in (BRIEF, _NOBODY)

    def __str__(self) -> str:
        who = f"{self.author} " if self.author else ""
        return f"{who}(process {self.pid} on {self.host})"


def lock_path(project: Path) -> Path:
    """The file whose lock says who writes."""
    return project.with_name(project.name + ".lock")


class WriterLock:
    """A lock that is held until :meth:`release` or the end of the process, however it ends.

    The file's text says who holds it; the text of a dead owner is worth nothing, only the lock counts, so a lock left
    by a crash is simply taken.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @staticmethod
    def take_after_brief(project: Path, *, author: str, wait_s: float = BRIEF_S) -> WriterLock | Holder:
        """The lock, or who has it and is going to keep it: one who only writes a row is waited for, at most so long.

        Raises:
            ProjectError: the lock's file cannot be made (a read-only folder).
        """
        until_s = time.monotonic() + wait_s
        while True:
            found = WriterLock.take(project, author=author)
            if isinstance(found, WriterLock) or not found.is_brief or time.monotonic() > until_s:
                return found
            time.sleep(_AGAIN_S)

    @staticmethod
    def take(project: Path, *, author: str) -> WriterLock | Holder:
        """The lock, or who has it.

        Raises:
            ProjectError: the lock's file cannot be made (a read-only folder).
        """
        path = lock_path(project)
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as e:
                raise ProjectError(
                    f"cannot write beside {project}: {e.strerror or e}; copy the project to a folder that you may "
                    "write to"
                ) from e
            if not _try_lock(descriptor):
                holder = _read_holder(path)
                os.close(descriptor)
                return holder
            if _is_same_file(descriptor, path):
                break
            # Its owner removed the file between our opening and our locking: that lock is nobody's.
            os.close(descriptor)
        me = {"host": socket.gethostname(), "pid": os.getpid(), "author": author, "since_ms": int(time.time() * 1000)}
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(me).encode())
        return WriterLock(path, descriptor)

    def release(self) -> None:
        """Let go, and remove the file."""
        if self._descriptor < 0:
            return
        if sys.platform != "win32":  # while it is still ours, so that nobody else's file is removed
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            # Far beyond the text, because Windows' locks keep others from reading what is locked.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _read_holder(path: Path) -> Holder:
    try:
        values = json.loads(path.read_text())
        return Holder(str(values["host"]), int(values["pid"]), str(values["author"]), int(values["since_ms"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder("unknown", 0, _NOBODY, 0)
