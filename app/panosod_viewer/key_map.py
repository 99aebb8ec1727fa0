"""Which keys the actions have: the table's, and what a person chose instead. A key that is taken is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtGui import QAction, QKeySequence

from panosod_viewer.actions import ActionSpec

SEPARATOR = "; "
"""Between several sequences of one action, as Qt's own lists have it."""
RESERVED = {"Return": "finishes a polygon or a smart selection", "Enter": "finishes a polygon or a smart selection"}
"""Keys that painting tools need for themselves."""


def portable(key: str) -> str:
    """A key sequence in the form that compares and is stored; "" for none."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


class KeyMap:
    """The keys in force. One key means one thing in the whole window."""

    def __init__(self, specs: Iterable[ActionSpec], chosen: Mapping[str, str] | None = None) -> None:
        """Take over what was chosen, as far as it can be.

        Args:
            specs: the table of actions.
            chosen: action id -> sequences separated by "; ", "" for none; unknown ids are left out.
        """
        self._specs = {spec.id: spec for spec in specs}
        self._chosen: dict[str, tuple[str, ...]] = {}
        self.warnings: list[str] = []
        """What of the chosen could not be taken over, one line each."""
        wished = {i: _sequences(text) for i, text in (chosen or {}).items() if i in self._specs}
        # All at once, so that two that have changed places do not stand in each other's way.
        self._chosen = dict(wished)
        for action_id, keys in wished.items():
            refusals = [self.refusal(action_id, key) for key in keys]
            told = next((text for text in refusals if text), "")
            if told:
                del self._chosen[action_id]
                self.warnings.append(f"setting keys.{action_id}: {told}; its usual key is used")

    def keys(self, action_id: str) -> tuple[str, ...]:
        """An action's keys, the first is the one that menus show."""
        if action_id in self._chosen:
            return self._chosen[action_id]
        return tuple(portable(key) for key in self._specs[action_id].keys)

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """What differs from the table, to be stored."""
        return tuple(sorted((i, SEPARATOR.join(keys)) for i, keys in self._chosen.items()))

    def refusal(self, action_id: str, key: str) -> str:
        """Why an action cannot have a key: one line; "" where it can."""
        wanted = portable(key)
        if not wanted:
            return f"{key!r} is no key"
        if wanted in RESERVED:
            return f"{wanted} {RESERVED[wanted]}"
        for other, spec in self._specs.items():
            if other != action_id and wanted in self.keys(other):
                return f"{wanted} is taken by “{spec.label}” ({spec.group})"
        return ""

    def assign(self, action_id: str, key: str) -> str:
        """Give an action one key instead of all that it had, "" for none; a line where it is refused."""
        told = self.refusal(action_id, key) if key else ""
        if not told:
            self._put(action_id, (portable(key),) if key else ())
        return told

    def restore(self, action_id: str) -> str:
        """Give it its usual keys again; a line where one of them is taken by now."""
        usual = tuple(portable(key) for key in self._specs[action_id].keys)
        told = next((text for key in usual if (text := self.refusal(action_id, key))), "")
        if not told:
            self._put(action_id, usual)
        return told

    def apply(self, actions: Mapping[str, QAction]) -> None:
        """Hand the keys to Qt's actions."""
        for action_id in self._specs:
            wanted = [QKeySequence(key) for key in self.keys(action_id)]
            if actions[action_id].shortcuts() != wanted:
                actions[action_id].setShortcuts(wanted)

    def _put(self, action_id: str, keys: tuple[str, ...]) -> None:
        if keys == tuple(portable(key) for key in self._specs[action_id].keys):
            self._chosen.pop(action_id, None)
        else:
            self._chosen[action_id] = keys


def _sequences(text: str) -> tuple[str, ...]:
    return tuple(portable(part) or part for part in text.split(SEPARATOR) if part)
