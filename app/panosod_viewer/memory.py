"""The settings in force: read once, changed by whole frozen values, written a moment after the last change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from panosod_core.errors import PanosodError
from panosod_viewer.settings import FileChoice, Settings
from panosod_viewer.settings_store import SettingsStore

SAVE_AFTER_MS = 800


class Memory(QObject):
    """What is remembered between two starts.

    Signals:
        changed (object): the new :class:`Settings`.
        save_failed (str): the settings could not be written; told once.
    """

    changed = Signal(object)
    save_failed = Signal(str)

    def __init__(self, store: SettingsStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self.settings, self.warnings = store.load()
        self._has_failed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)

    def change(self, change: Callable[[Settings], Settings]) -> None:
        """Replace the settings by what ``change`` makes of them."""
        settings = change(self.settings)
        if settings != self.settings:
            self.settings = settings
            self._timer.start()
            self.changed.emit(settings)

    def choose_for(self, key: str, path: Path, **fields: str) -> None:
        """Remember something that was chosen by hand for one file; "auto" forgets it."""
        known = self.settings.choice_for(key)
        chosen = {name: "" if value == "auto" else value for name, value in fields.items()}
        self.change(lambda s: s.with_choice(key, _with(known, path, chosen)))

    def save(self) -> None:
        """Write now."""
        self._timer.stop()
        try:
            self._store.save(self.settings)
        except (PanosodError, OSError) as error:
            if not self._has_failed:
                self._has_failed = True
                self.save_failed.emit(str(error))


def _with(choice: FileChoice, path: Path, fields: dict[str, str]) -> FileChoice:
    return replace(choice, path=str(path), **fields)
