"""Reading the bytes of a project's file past SQLite, without losing SQLite's locks on it.

POSIX drops every lock that a process has on a file as soon as that process closes *any* descriptor of the file
(https://www.sqlite.org/howtocorrupt.html, 2.2). Whoever opened and closed a project that this process has open through
SQLite would let another program believe that it is alone with the file, and remove the write-ahead log with strokes in
it. So a descriptor of such a file stays open until nothing in this process uses the file any more.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import ClassVar


class RawReading:
    """One use of a project's file by this process: opened before SQLite opens it, closed after SQLite closed it."""

    # Of the process, as the locks are.
    _lock: ClassVar = threading.Lock()
    _uses: ClassVar[dict[tuple[int, int], int]] = {}
    _descriptors: ClassVar[dict[tuple[int, int], int]] = {}

    def __init__(self, file: Path) -> None:
        """Begin to use a file.

        Raises:
            OSError: it is not there.
        """
        self._file = file
        found = file.stat()
        self._key: tuple[int, int] | None = found.st_dev, found.st_ino
        with self._lock:
            self._uses[self._key] = self._uses.get(self._key, 0) + 1

    def _descriptor(self) -> tuple[int, bool]:
        """(a descriptor that is not to be closed, whether it was opened now)."""
        with self._lock:
            if self._key is None:
                raise ValueError(f"{self._file} is closed")
            if self._key in self._descriptors:
                return self._descriptors[self._key], False
            descriptor = os.open(self._file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._descriptors[self._key] = descriptor
            return descriptor, True

    def read_through(self) -> None:
        """Read the file from end to end, so that it lies in memory; nothing where this process did so before.

        Raises:
            OSError: it cannot be read.
        """
        descriptor, is_new = self._descriptor()
        if is_new:
            with open(descriptor, "rb", buffering=0, closefd=False) as stream:
                piece = bytearray(1 << 22)
                while stream.readinto(piece):
                    pass

    def copy_to(self, target: Path) -> None:
        """Copy the file's bytes.

        Raises:
            OSError: it cannot be read, or the target not be written.
        """
        descriptor, _ = self._descriptor()
        with open(descriptor, "rb", buffering=0, closefd=False) as stream, target.open("wb") as copy:
            stream.seek(0)
            shutil.copyfileobj(stream, copy, 1 << 20)

    def close(self) -> None:
        """This use is over; the last one of a file lets its descriptor go. Safe to call twice."""
        with self._lock:
            if self._key is None:
                return
            key, self._key = self._key, None
            self._uses[key] -= 1
            if not self._uses[key]:
                del self._uses[key]
                descriptor = self._descriptors.pop(key, None)
                if descriptor is not None:
                    os.close(descriptor)
