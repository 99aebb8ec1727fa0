"""F1 lists every action of the table and narrows down by typing."""

from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QTreeWidget

from panosod_viewer.panels.help_dialog import HelpDialog, native_keys


@dataclass(frozen=True)
class Row:
    id: str
    group: str
    text: str
    keys: tuple[str, ...]


ROWS = (
    Row("play", "Playback", "Play or pause", ("Space",)),
    Row("zoom", "Looking", "Zoom about the pointer", ("Wheel", "Ctrl++")),
    Row("step", "Playback", "Ten frames on", ("Shift+Right",)),
    Row("nokey", "Looking", "Invert the drag", ()),
)


@pytest.fixture
def dialog(shown) -> HelpDialog:
    return shown(HelpDialog(ROWS), 500, 400)


def search(dialog: HelpDialog, text: str) -> list[str]:
    field = dialog.findChild(QLineEdit)
    field.clear()
    QTest.keyClicks(field, text)
    return dialog.visible_ids()


def test_every_action_is_listed_in_its_group(dialog):
    assert dialog.visible_ids() == ["play", "step", "zoom", "nokey"]
    tree = dialog.findChild(QTreeWidget)
    assert [tree.topLevelItem(i).text(0) for i in range(tree.topLevelItemCount())] == ["Playback", "Looking"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("zoom", ["zoom"]),
        ("SPACE", ["play"]),
        ("shift right", ["step"]),
        ("looking", ["zoom", "nokey"]),
        ("play", ["play", "step"]),
        ("no such thing", []),
        ("", ["play", "step", "zoom", "nokey"]),
    ],
)
def test_typing_narrows_down(dialog, text, ids):
    assert search(dialog, text) == ids


def test_empty_groups_are_hidden(dialog):
    search(dialog, "zoom")
    tree = dialog.findChild(QTreeWidget)
    assert [tree.topLevelItem(i).isHidden() for i in range(2)] == [True, False]


def test_the_keyboard_reaches_the_list_and_closes(dialog):
    field = dialog.findChild(QLineEdit)
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Down)
    assert dialog.findChild(QTreeWidget).hasFocus() or not dialog.isActiveWindow()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize("words", ["Wheel", "Shift+drag", "Alt+click", "Left drag"])
def test_pointer_words_stay(qapp, words):
    assert native_keys(words) == words


def test_keys_are_written_natively(qapp):
    assert native_keys("Ctrl+O") in ("Ctrl+O", "⌘O")
