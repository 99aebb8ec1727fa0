"""Tips that name the key in force: what a person chose instead of the table's key is shown at once."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


def key_text(action: QAction) -> str:
    """The first key of an action as the system writes it; "" where it has none."""
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)


def with_key(text: str, action: QAction) -> str:
    """A tip with the action's key behind it."""
    key = key_text(action)
    return f"{text} ({key})" if key else text


def follow_keys(tips: Mapping[QWidget, str], actions: Mapping[str, QAction]) -> None:
    """Append to each widget's tip the key of an action, now and whenever it changes.

    Args:
        tips: widgets, whose tips say no key yet, and the ids of their actions.
        actions: the window's, by id; they do not outlive the widgets' window.
    """
    for widget, action_id in tips.items():
        _follow(widget, widget.toolTip(), actions[action_id])


def _follow(widget: QWidget, text: str, action: QAction) -> None:
    def show() -> None:
        widget.setToolTip(with_key(text, action))

    action.changed.connect(show)
    show()
