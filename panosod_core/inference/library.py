"""The models of this machine: a folder of files with records, one of them the default, and the way back.

    FOLDER/<id>/model.safetensors   never changed
    FOLDER/<id>/record.json         name, parent, what it was made of, scores
    FOLDER/default.json             which is used when none is named, and what was before

No torch: the window lists and chooses models without it. Without a default, the model that comes with panosod is used.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from panosod_core.errors import CheckpointError
from panosod_core.inference.model_file import ModelFile, demo_model

WEIGHTS, RECORD, DEFAULT = "model.safetensors", "record.json", "default.json"
SHIPPED = "shipped"
"""The word for the model that comes with panosod."""
SHIPPED_WORDS = (SHIPPED, "demo")
"""All words for it; no model of a library has such a name."""
VARIABLE = "PANOSOD_MODELS"
"""Environment variable that names another folder."""
_ID_LENGTH = 16
_MOST_HISTORY = 100


@dataclass(frozen=True)
class ModelRecord:
    """What is known of a model.

    Attributes:
        model_id: hash of the weights' file.
        name: for people; theirs to change.
        created_s: seconds since 1970 when it came into the library.
        parent: id of the model that it was trained from, or "".
        snapshot: fingerprint of the project's snapshot that it was trained on, or "".
        seed: of its training, or None.
        config: how it was trained.
        scores: of its evaluation.
    """

    model_id: str
    name: str
    created_s: float
    parent: str = ""
    snapshot: str = ""
    seed: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)


class ModelLibrary:
    """The models below a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Name the folder.

        Args:
            folder: None: that of the variable PANOSOD_MODELS, else the platform's for data of programs.
        """
        named = os.environ.get(VARIABLE)
        own = Path(named) if named else Path(platformdirs.user_data_dir("panosod", appauthor=False)) / "models"
        self.folder = own if folder is None else folder

    def records(self) -> list[ModelRecord]:
        """All models, the oldest first.

        Raises:
            CheckpointError: a record cannot be used.
        """
        found = [self._read(path.parent) for path in self.folder.glob(f"*/{RECORD}")]
        return sorted(found, key=lambda record: (record.created_s, record.model_id))

    def find(self, word: str) -> ModelRecord:
        """The model that a word names: its name, or the beginning of its id.

        Raises:
            CheckpointError: none, or not clear.
        """
        records = self.records()
        named = _named(word, records)
        if len(named) == 1:
            return named[0]
        there = ", ".join(r.name for r in records) or "none"
        raise CheckpointError(f"expected one model of the library, {word!r} names {len(named)}; there are: {there}")

    def path(self, record: ModelRecord) -> Path:
        """Its weights' file."""
        return self._place(record.model_id) / WEIGHTS

    def name_of(self, path: Path) -> str:
        """How the model of a file is called: by its record where the file is of this library, else by the file's name.

        Raises:
            CheckpointError: the record cannot be used.
        """
        place = path.parent
        if path.name == WEIGHTS and place.parent == self.folder and (place / RECORD).is_file():
            return self._read(place).name
        return path.stem

    def add(self, source: Path, *, name: str = "", title: str = "", **known: Any) -> ModelRecord:
        """Take a model in; one that is there already stays as it is.

        Args:
            source: a model file of kind network; copied.
            name: for people.
            title: what it is named after where no name is given, with a number where that is taken; else the file.
            known: further fields of :class:`ModelRecord`.

        Raises:
            CheckpointError: no such model, the name is taken, or the folder cannot be written.
        """
        file = ModelFile.read(source)
        place = self._place(file.model_id)
        if (place / RECORD).is_file():
            return self._read(place)
        chosen = name or self._free(title or source.stem)
        self._check_name(chosen)
        record = ModelRecord(file.model_id, chosen, round(time.time(), 3), **known)
        part: Path | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            shutil.copyfile(source, part / WEIGHTS)
            _sync(part / WEIGHTS)
            _write(part / RECORD, asdict(record))
            part.chmod(0o755)
            part.rename(place)
        except OSError as error:
            raise CheckpointError(f"{self.folder}: cannot be written ({error.strerror})") from error
        finally:
            if part is not None:
                shutil.rmtree(part, ignore_errors=True)
        return record

    def rename(self, word: str, name: str) -> ModelRecord:
        """Give a model another name.

        Raises:
            CheckpointError: no such model, or the name is taken.
        """
        record = self.find(word)
        if name == record.name:
            return record
        self._check_name(name)
        renamed = replace(record, name=name)
        _write(self._place(record.model_id) / RECORD, asdict(renamed))
        return renamed

    def delete(self, word: str) -> ModelRecord:
        """Remove a model; not the default.

        Raises:
            CheckpointError: no such model, it is the default, or it cannot be removed.
        """
        record = self.find(word)
        if record.model_id == self.default_id:
            raise CheckpointError(f"{record.name} is the default: set another one (or {SHIPPED}) first")
        try:
            # Gone under its name at once; then the rest of it.
            gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=self.folder))
            self._place(record.model_id).rename(gone / "model")
            shutil.rmtree(gone)
        except OSError as error:
            raise CheckpointError(f"{record.name}: cannot be removed ({error.strerror})") from error
        return record

    def export(self, word: str, target: Path) -> Path:
        """Copy a model's weights to a file, with its record beside them.

        Raises:
            CheckpointError: no such model, the file is there already, or it cannot be written.
        """
        record = self.find(word)
        if target.exists():
            raise CheckpointError(f"{target} is there already: choose another name")
        part = target.with_name(target.name + ".part")
        try:
            shutil.copyfile(self.path(record), part)
            _sync(part)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CheckpointError(f"{target}: cannot be written ({error.strerror})") from error
        _write(target.with_suffix(".json"), asdict(record))
        return target

    @property
    def default_id(self) -> str | None:
        """Id of the default; None: the model that comes with panosod."""
        history = self._history()
        return history[-1] if history else None

    def promote(self, word: str) -> ModelRecord | None:
        """Make a model the default; :data:`SHIPPED_WORDS` the one that comes with panosod.

        Raises:
            CheckpointError: no such model, or it cannot be written.
        """
        record = None if word in SHIPPED_WORDS else self.find(word)
        chosen = None if record is None else record.model_id
        history = self._history()
        if chosen != (history[-1] if history else None):
            _write(self.folder / DEFAULT, {"history": [*history, chosen][-_MOST_HISTORY:]})
        return record

    def roll_back(self) -> ModelRecord | None:
        """Make the model that was the default before the default again.

        Returns:
            It; None: the one that comes with panosod.

        Raises:
            CheckpointError: there was none before.
        """
        history = self._history()
        if not history:
            raise CheckpointError("there is no model to go back to: the one that comes with panosod is used")
        kept = history[:-1]
        while kept and kept[-1] is not None and not (self._place(kept[-1]) / WEIGHTS).is_file():
            kept = kept[:-1]  # deleted since
        _write(self.folder / DEFAULT, {"history": kept})
        return self._read(self._place(kept[-1])) if kept and kept[-1] is not None else None

    @property
    def default_path(self) -> Path | None:
        """The default's weights; None: the model that comes with panosod.

        Raises:
            CheckpointError: the default is set and its file has gone.
        """
        chosen = self.default_id
        if chosen is None:
            return None
        path = self._place(chosen) / WEIGHTS
        if not path.is_file():
            raise CheckpointError(f"{path}: the default model has gone; run `panosod models rollback`")
        return path

    def _place(self, model_id: str) -> Path:
        return self.folder / model_id[:_ID_LENGTH]

    def _read(self, place: Path) -> ModelRecord:
        path = place / RECORD
        try:
            return ModelRecord(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path}: this record of a model cannot be used ({error}); move it away") from error

    def _history(self) -> list[str | None]:
        path = self.folder / DEFAULT
        try:
            history = json.loads(path.read_text(encoding="utf-8"))["history"]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path}: cannot be used ({error}); move it away") from error
        if not isinstance(history, list) or not all(h is None or isinstance(h, str) for h in history):
            raise CheckpointError(f"{path}: expected a list of ids; move it away")
        return history

    def _free(self, name: str) -> str:
        taken = {record.name for record in self.records()} | set(SHIPPED_WORDS)
        return next(n for n in (name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))) if n not in taken)

    def _check_name(self, name: str) -> None:
        if not name.strip() or name in SHIPPED_WORDS or any(ord(c) < 32 for c in name):
            raise CheckpointError(f"expected a name for a model, got {name!r}")
        if any(record.name == name for record in self.records()):
            raise CheckpointError(f"a model is named {name!r} already: choose another name")


def model_in_use() -> Path:
    """The model that is used where none is named: the library's default, else the one that comes with panosod.

    Raises:
        CheckpointError: neither is there.
    """
    return ModelLibrary().default_path or demo_model()


def find_model(word: str | Path) -> Path:
    """The file of the model that a person names, the same way everywhere.

    Args:
        word: a file that is there; else one of :data:`SHIPPED_WORDS`; else a name, or the beginning of an id, of the
            library.

    Raises:
        CheckpointError: none of these, or not clear.
    """
    path, name = Path(word), str(word)
    if path.is_file():
        return path
    if name in SHIPPED_WORDS:
        return demo_model()
    library = ModelLibrary()
    if not _named(name, library.records()):
        raise CheckpointError(
            f"{name}: no such file, and no model of the library has this name or id; `panosod models` lists them"
        )
    return library.path(library.find(name))


def _named(word: str, records: Sequence[ModelRecord]) -> list[ModelRecord]:
    """Those of a name, else those whose id begins so."""
    named = [r for r in records if r.name == word]
    return named or [r for r in records if len(word) >= 4 and r.model_id.startswith(word)]


def _write(path: Path, values: Mapping[str, Any]) -> None:
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        beside = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(dict(values), indent=1))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written ({error.strerror})") from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
