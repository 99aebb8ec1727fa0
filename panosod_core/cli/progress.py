"""How far a command has come: a line for a person, or one JSON object a line."""

import json
from typing import Protocol, TextIO


class Progress(Protocol):
    """Hears how many of how many frames are done."""

    def show(self, done: int, total: int) -> None:
        """After every frame."""

    def end(self) -> None:
        """All are done."""


class LineProgress:
    """A line for a person that is rewritten in place on a terminal, and left out elsewhere."""

    def __init__(self, out: TextIO) -> None:
        """Write to a stream."""
        self._out = out
        self._percent = -1

    def show(self, done: int, total: int) -> None:
        """Rewrite the line."""
        percent = 100 * done // total
        if percent != self._percent and self._out.isatty():
            self._out.write(f"\rjudging {percent:3d}% ({done}/{total} frames)")
            self._out.flush()
        self._percent = percent

    def end(self) -> None:
        """Take the line away."""
        if self._out.isatty():
            self._out.write("\r\x1b[K")
            self._out.flush()


class JsonProgress:
    """One JSON object a line, at every percent."""

    def __init__(self, out: TextIO) -> None:
        """Write to a stream."""
        self._out = out
        self._percent = -1

    def show(self, done: int, total: int) -> None:
        """Tell, at every percent."""
        percent = 100 * done // total
        if percent != self._percent:
            self._percent = percent
            self._out.write(json.dumps({"event": "progress", "done": done, "total": total}) + "\n")
            self._out.flush()

    def end(self) -> None:
        """Nothing to tidy."""
