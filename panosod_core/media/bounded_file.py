"""Reading a file whose lengths and offsets cannot be trusted."""

from dataclasses import dataclass, field
from typing import BinaryIO

MAX_NOTES = 16


@dataclass
class BoundedFile:
    """An open file that gives out what it has and keeps what was wrong with it.

    Attributes:
        file: opened for reading bytes; its position is moved.
        size: length of the file in bytes.
        problems: what was malformed, in words; the first 16.
    """

    file: BinaryIO
    size: int
    problems: list[str] = field(default_factory=list)

    def read(self, start: int, count: int) -> bytes:
        """At most ``count`` bytes from an offset; fewer at the end of the file, none outside of it."""
        if count <= 0 or not 0 <= start < self.size:
            return b""
        self.file.seek(start)
        return self.file.read(min(count, self.size - start))

    def note(self, text: str) -> None:
        """Keep what was malformed; a broken file could fill the memory with that."""
        if len(self.problems) < MAX_NOTES:
            self.problems.append(text)
