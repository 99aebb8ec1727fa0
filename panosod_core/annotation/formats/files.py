"""Writing an export: beside its place, then renamed, with the hash of every file; and finding numbered files again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from panosod_core.errors import AnnotationError


def numbered(index: int) -> str:
    """A frame's file name without its ending: five digits."""
    return f"{index:05d}"


def json_bytes(value: object) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def numbered_files(folder: Path, suffix: str = ".png") -> dict[int, Path]:
    """Files whose name is a number (or ends in one), by it, ascending.

    Raises:
        AnnotationError: there is none, or two have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        number = re.search(r"(\d+)$", path.stem)
        if path.suffix.lower() != suffix or number is None:
            continue
        index = int(number.group(1))
        if index in found:
            raise AnnotationError(f"{folder}: {found[index].name} and {path.name} are both frame {index}")
        found[index] = path
    if not found:
        raise AnnotationError(f"{folder}: expected files named by frame number (00000{suffix}), there are none")
    return dict(sorted(found.items()))


def read_json(path: Path) -> Any:
    """A JSON file's content.

    Raises:
        AnnotationError: it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read as JSON: {error}") from error


class FolderWriter:
    """A folder that appears when all of it is written; use it as a context.

    Attributes:
        target: where it will be.
        hashes: name of each file written -> SHA-256.
    """

    def __init__(self, target: Path) -> None:
        """Begin.

        Raises:
            AnnotationError: the target is there already and holds something.
        """
        self.target = target
        self.hashes: dict[str, str] = {}
        self._temporary: Path | None = None
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise AnnotationError(f"{target} is there already and is not an empty folder: choose another name")

    def __enter__(self) -> FolderWriter:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            made = tempfile.mkdtemp(prefix=f".{self.target.name}-", dir=self.target.parent)
        except OSError as error:
            raise AnnotationError(f"{self.target} cannot be written: {error.strerror}") from error
        self._temporary = Path(made)
        self._temporary.chmod(0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        folder, self._temporary = self._temporary, None
        if folder is None:
            return
        if kind is not None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        try:
            if self.target.is_dir():
                self.target.rmdir()
            folder.rename(self.target)
        except OSError as failed:
            shutil.rmtree(folder, ignore_errors=True)
            raise AnnotationError(f"{self.target} cannot be written: {failed.strerror}") from failed

    def write(self, name: str, data: bytes) -> None:
        """Write a file.

        Raises:
            AnnotationError: the disk refuses it.
        """
        path = self.path_of(name)
        try:
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AnnotationError(f"{self.target / name} cannot be written: {error.strerror}") from error
        self.hashes[name] = hashlib.sha256(data).hexdigest()

    def path_of(self, name: str) -> Path:
        """Where a file is to be written for now by somebody else; tell :meth:`wrote` afterwards."""
        if self._temporary is None:
            raise ValueError("a folder is written within its context")
        path = self._temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def wrote(self, name: str) -> None:
        """Take a file's hash that somebody else has written."""
        with self.path_of(name).open("rb") as file:
            self.hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
