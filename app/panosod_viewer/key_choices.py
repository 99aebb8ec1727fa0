"""A person's own keys: taken from the settings, changed in a dialog, written back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from panosod_viewer.actions import ACTIONS
from panosod_viewer.key_map import KeyMap
from panosod_viewer.key_tips import key_text
from panosod_viewer.layers import LayerId
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory

if TYPE_CHECKING:
    from panosod_viewer.panels.keys_dialog import KeysDialog


class KeyChoices(QObject):
    """Keeps the actions' keys as the person wants them.

    Signals:
        changed (object): the KeyMap.
    """

    changed = Signal(object)

    def __init__(self, window: MainWindow, memory: Memory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._memory = memory
        self._dialog: KeysDialog | None = None
        self.map = KeyMap(ACTIONS, dict(memory.settings.keys))
        self.map.apply(window.actions_by_id)
        self._name_keys()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do."""
        return {"help.change_keys": self.show}

    def show(self) -> None:
        """Open the dialog."""
        if self._dialog is None:
            from panosod_viewer.panels.keys_dialog import KeysDialog  # late: the first picture need not wait for it

            rows = [(spec.id, spec.group, spec.label) for spec in ACTIONS]
            self._dialog = KeysDialog(rows, self.map.keys, self._window)
            self._dialog.assigned.connect(self.assign)
            self._dialog.restored.connect(self.restore)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def assign(self, action_id: str, key: str) -> bool:
        """Give an action a key; False where it is taken, which is told."""
        return self._answer(action_id, self.map.assign(action_id, key))

    def restore(self, action_id: str) -> bool:
        """Give it its usual keys again; False where one is taken, which is told."""
        return self._answer(action_id, self.map.restore(action_id))

    def _name_keys(self) -> None:
        """Tips that do not follow their action by themselves."""
        keys = {action_id: key_text(action) for action_id, action in self._window.actions_by_id.items()}
        self._window.page.transport_bar.set_keys(keys)
        layers = {layer: keys[f"layers.{layer}"] for layer in LayerId}
        self._window.layers_panel.set_keys(layers, hide_all=keys["layers.hide"])
        self._window.welcome.set_open_key(keys["file.open"])

    def _answer(self, action_id: str, refusal: str) -> bool:
        if not refusal:
            self.map.apply(self._window.actions_by_id)
            self._name_keys()
            self._memory.change(lambda s: replace(s, keys=self.map.chosen))
            self.changed.emit(self.map)
        if self._dialog is not None:
            keys = self.map.keys(action_id)
            done = f"Its key is {keys[0]} now." if keys else "It has no key now."
            hint = f"{refusal}: choose another key, or change that one first."
            self._dialog.tell(hint if refusal else done, is_refusal=bool(refusal))
            self._dialog.show_keys()
        return not refusal
