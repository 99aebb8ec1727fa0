"""GLSL files put together: ``#include``, variant defines, and error messages that name file and line. No OpenGL."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import RenderError

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"\s*$')
_LOG_PLACES = (
    re.compile(r"^(?P<file>\d+):(?P<line>\d+)(?:\(\d+\))?:"),  # Mesa: 0:12(5): error
    re.compile(r"^(?P<file>\d+)\((?P<line>\d+)\)\s*:"),  # NVIDIA: 0(12) : error C1008
    re.compile(r"^(?:ERROR|WARNING):\s*(?P<file>\d+):(?P<line>\d+):"),  # Intel, AMD, Apple: ERROR: 0:12:
)


@dataclass(frozen=True)
class ShaderSource:
    """One stage, ready for the compiler.

    Attributes:
        text: the whole source; ``#line`` directives number the files.
        files: file names by number.
    """

    text: str
    files: tuple[str, ...]

    def explained(self, log: str) -> str:
        """A compiler's log with file numbers turned into names: ``ray.glsl:12: ...``."""
        return "\n".join(self._explained_line(line) for line in log.strip("\0\n ").splitlines())

    def _explained_line(self, line: str) -> str:
        for pattern in _LOG_PLACES:
            found = pattern.match(line)
            if found and int(found["file"]) < len(self.files):
                return f"{self.files[int(found['file'])]}:{found['line']}:{line[found.end() :]}"
        return line


def load_shader(path: Path, *, defines: Iterable[str] = ()) -> ShaderSource:
    """Read a GLSL file, resolve its includes (relative to it, each at most once) and add defines after ``#version``.

    Raises:
        RenderError: a file is missing, or the first line is not ``#version``.
    """
    files: list[str] = []
    lines: list[str] = []
    _append(path, lines, files)
    if not lines or not lines[1].startswith("#version"):
        raise RenderError(f"{path}: the first line of a shader must be #version")
    head = [lines[1], *(f"#define {name} 1" for name in sorted(defines)), "#line 2 0"]
    return ShaderSource("\n".join(head + lines[2:]) + "\n", tuple(files))


def _append(path: Path, lines: list[str], files: list[str]) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RenderError(f"shader file {path} cannot be read ({error.strerror}): reinstall panosod") from error
    number = len(files)
    files.append(path.name)
    lines.append(f"#line 1 {number}")
    for index, line in enumerate(text.splitlines(), start=1):
        found = _INCLUDE.match(line)
        if not found:
            lines.append(line)
            continue
        if found[1] not in files:
            _append(path.parent / found[1], lines, files)
        lines.append(f"#line {index + 1} {number}")
