"""The dialog of the models of this machine at work: a thread does what is asked, the window hears what has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.models_dialog import ModelsDialog
from panosod_viewer.tools.model_cards import ModelCard
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.model_shelf import ModelShelf, ShelfChanged, ShelfRefused, ShelfSeen

FILES = "Models (*.safetensors);;All files (*)"


class LibraryLink(QObject):
    """Joins dialog and thread.

    Attributes:
        dialog: made with the window, shown when asked for.

    Signals:
        default_changed (): another model is the default.
        compare_wished (str, str): two model files to lay over the picture; "" is the default one.
    """

    default_changed = Signal()
    compare_wished = Signal(str, str)
    _mail_came = Signal()

    def __init__(self, window: MainWindow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._shelf: ModelShelf | None = None
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self.dialog = ModelsDialog(window)
        dialog = self.dialog
        dialog.shown_changed.connect(lambda shown: self.refresh() if shown else None)
        dialog.use_requested.connect(lambda model: self.shelf.use(model))
        dialog.rename_requested.connect(lambda model, name: self.shelf.rename(model, name))
        dialog.delete_requested.connect(lambda model: self.shelf.delete(model))
        dialog.import_requested.connect(self._import)
        dialog.export_requested.connect(self._export)
        dialog.compare_requested.connect(self._compare)

    @property
    def shelf(self) -> ModelShelf:
        """The thread, started when it is first needed."""
        if self._shelf is None:
            self._shelf = ModelShelf(self._mail.post)
        return self._shelf

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {"finetune.models": self.show}

    def show(self) -> None:
        """Open the dialog."""
        self.dialog.say("")
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def refresh(self) -> None:
        """Look at the library again, where anyone looks."""
        if self.dialog.isVisible():
            self.shelf.list()

    def close(self) -> None:
        """End the thread."""
        self._mail.attach(None)
        self.dialog.close()
        if self._shelf is not None:
            self._shelf.close()

    def _import(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.dialog, "Import a model", str(Path.home()), FILES)
        if name:
            self.shelf.add(Path(name))

    def _export(self, model_id: str) -> None:
        card = self.dialog.chosen[0]
        proposal = Path.home() / f"{card.name.replace('/', '-')}.safetensors"
        # A file that is there is never written over: the library refuses it.
        keep = QFileDialog.Option.DontConfirmOverwrite
        name, _ = QFileDialog.getSaveFileName(self.dialog, "Export the model", str(proposal), FILES, options=keep)
        if name:
            self.shelf.export(model_id, Path(name))

    def _compare(self, first: ModelCard, second: ModelCard) -> None:
        # The default lies on the left and stays the window's model.
        left, right = (second, first) if second.is_default else (first, second)
        self.compare_wished.emit("" if left.is_default else str(left.path), str(right.path))

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if isinstance(letter, ShelfSeen):
                self.dialog.set_cards(letter.cards)
            elif isinstance(letter, ShelfChanged):
                self.dialog.say(letter.text)
                if letter.is_default_changed:
                    self.default_changed.emit()
            elif isinstance(letter, ShelfRefused):
                self.dialog.say(letter.text, is_fault=True)
