"""Small files of a job: written beside and renamed, so that a reader sees the old or the new one and never a part."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from panosod_core.errors import TrainingError


def write_json(path: Path, values: Any) -> None:
    """Write values beside their place, make sure of them, and rename.

    Raises:
        TrainingError: it cannot be written (a full disk, a read-only folder).
    """
    text = json.dumps(values, indent=1, allow_nan=False)
    beside: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        beside = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise TrainingError(f"{path}: cannot be written ({error.strerror})") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """What a file says; None where there is none.

    Raises:
        TrainingError: it cannot be read, or is no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise TrainingError(f"{path}: expected JSON ({error}); move the folder away") from error
    if not isinstance(values, dict):
        raise TrainingError(f"{path}: expected a JSON object, got {type(values).__name__}; move the folder away")
    return values


def append_line(path: Path, values: dict[str, Any]) -> None:
    """One event more, in one write: a line is there whole or, after a crash, cut short at the very end.

    What a crash left cut short becomes a line of its own, so that this one can be read.

    Raises:
        TrainingError: it cannot be written.
    """
    line = (json.dumps(values) + "\n").encode()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.lseek(descriptor, 0, os.SEEK_END):
                os.lseek(descriptor, -1, os.SEEK_END)
                line = line if os.read(descriptor, 1) == b"\n" else b"\n" + line
            if os.write(descriptor, line) < len(line):  # the rest did not fit
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror})") from error


def read_lines(path: Path, *, offset: int = 0, most_bytes: int = -1) -> tuple[list[dict[str, Any]], int]:
    """Events from a place in the file on.

    Args:
        path: of the events; not there means none.
        offset: bytes that were read before.
        most_bytes: of one reading; -1: all. A line that is longer than that is skipped.

    Raises:
        TrainingError: it is there and cannot be read.

    Returns:
        The events whose lines are whole, and the offset behind them. What a crash left cut short is skipped.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            read = file.read(most_bytes)
    except FileNotFoundError:
        return [], offset
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    whole = read[: read.rfind(b"\n") + 1]
    if not whole and len(read) == most_bytes:
        return [], offset + len(read)
    events = []
    for line in whole.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            events.append(value)
    return events, offset + len(whole)
