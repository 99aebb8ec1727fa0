"""The models of this machine, listed and changed in a thread: files of any size are copied there. No Qt, no torch."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from panosod_core.errors import PanosodError
from panosod_core.inference.library import SHIPPED, ModelLibrary
from panosod_core.resources import demo_model_path
from panosod_viewer.tools.model_cards import ModelCard, cards_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShelfSeen:
    """All models."""

    cards: tuple[ModelCard, ...]


@dataclass(frozen=True)
class ShelfChanged:
    """Something was done.

    Attributes:
        text: what, for people.
        is_default_changed: another model is used where none is named.
    """

    text: str
    is_default_changed: bool = False


@dataclass(frozen=True)
class ShelfRefused:
    """Something cannot be done."""

    text: str


ShelfLetter: TypeAlias = ShelfSeen | ShelfChanged | ShelfRefused


class ModelShelf:
    """Does one thing after the other; after each it lists what is there then. Models are named by their ids."""

    def __init__(self, post: Callable[[ShelfLetter], None]) -> None:
        """Begin.

        Args:
            post: takes the letters, in this thread.
        """
        self._post = post
        self._tasks: queue.SimpleQueue[Callable[[ModelLibrary], ShelfChanged | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="panosod-models", daemon=True)
        self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End after what it is at; False while that lasts."""
        self._tasks.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- wishes, from any thread

    def list(self) -> None:
        """Look at what there is."""
        self._tasks.put(lambda _: None)

    def use(self, model_id: str) -> None:
        """Make a model the default; "" the one that comes with panosod."""

        def use(library: ModelLibrary) -> ShelfChanged:
            record = library.promote(model_id or SHIPPED)
            name = "the model that comes with panosod" if record is None else f"the model {record.name}"
            return ShelfChanged(f"The window now uses {name}", is_default_changed=True)

        self._tasks.put(use)

    def rename(self, model_id: str, name: str) -> None:
        """Give it another name."""
        self._tasks.put(lambda library: ShelfChanged(f"It is named {library.rename(model_id, name).name} now"))

    def delete(self, model_id: str) -> None:
        """Remove it."""
        self._tasks.put(lambda library: ShelfChanged(f"The model {library.delete(model_id).name} is gone"))

    def add(self, source: Path) -> None:
        """Take a model file in."""
        self._tasks.put(lambda library: ShelfChanged(f"Imported as {library.add(source).name}"))

    def export(self, model_id: str, target: Path) -> None:
        """Copy it out, with its record beside it."""
        self._tasks.put(lambda library: ShelfChanged(f"Exported to {library.export(model_id, target)}"))

    # --- in the thread

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                library = ModelLibrary()
                done = task(library)
                if done is not None:
                    self._post(done)
                self._post(ShelfSeen(_cards(library)))
            except PanosodError as error:
                self._post(ShelfRefused(str(error)))
            except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
                _log.exception("looking after models failed")
                self._post(ShelfRefused(f"{type(error).__name__}: {error} (a fault of panosod; see the log)"))


def _cards(library: ModelLibrary) -> tuple[ModelCard, ...]:
    records = library.records()
    shipped: Path | None = None
    try:
        shipped = demo_model_path()
    except FileNotFoundError:
        _log.info("this build carries no model")
    places = {record.model_id: library.path(record) for record in records}
    return cards_of(records, default=library.default_id, places=places, shipped=shipped)
