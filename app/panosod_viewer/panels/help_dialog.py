"""F1: every key, by what one wants to do, with a search."""

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.key_caps import KEYS_ROLE, KeyCapDelegate


class ListedAction(Protocol):
    """A row of the application's table of actions, as far as the help needs it."""

    @property
    def id(self) -> str:
        """Unique name."""

    @property
    def group(self) -> str:
        """Heading it stands under."""

    @property
    def text(self) -> str:
        """What it does."""

    @property
    def keys(self) -> Sequence[str]:
        """Key sequences as Qt reads them ("Ctrl+O"), or words for the pointer ("Wheel", "Shift+drag")."""


def native_keys(keys: str) -> str:
    """A key sequence as this system writes it; words that are no keys stay as they are."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) or keys


class HelpDialog(QDialog):
    """All actions with their keys; typing narrows them down.

    Args:
        actions: in the order of the table; groups in order of their first action.
        parent: window that it belongs to.
    """

    def __init__(self, actions: Sequence[ListedAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys and pointer")
        self.setModal(False)
        self.resize(560, 640)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search keys and actions")
        self._search.setAccessibleName("Search")
        self._search.setClearButtonEnabled(True)
        self._search.setMinimumHeight(HIT_PX + 4)
        self._search.textChanged.connect(self._filter)
        self._tree = self._make_tree(actions)
        self._nothing = QLabel("Nothing matches.")
        self._nothing.setProperty("role", "dim")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.hide()
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING_PX)
        layout.addWidget(self._search)
        layout.addWidget(self._nothing)
        layout.addWidget(self._tree)
        self._search.setFocus()

    def visible_ids(self) -> list[str]:
        """Ids of the actions in sight."""
        return [item.data(0, Qt.ItemDataRole.UserRole) for item in self._items() if not item.isHidden()]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Down goes from the search into the list."""
        if event.key() == Qt.Key.Key_Down and self._search.hasFocus():
            self._tree.setFocus()
        else:
            super().keyPressEvent(event)

    def _make_tree(self, actions: Sequence[ListedAction]) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Keys")
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(False)
        tree.setIndentation(SPACING_PX)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setItemDelegate(KeyCapDelegate(tree))
        tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        order = list(dict.fromkeys(a.group for a in actions))
        for group, members in groupby(sorted(actions, key=lambda a: order.index(a.group)), key=lambda a: a.group):
            heading = QTreeWidgetItem(tree, [group])
            font = heading.font(0)
            font.setBold(True)
            heading.setFont(0, font)
            heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
            for action in members:
                keys = [native_keys(k) for k in action.keys]
                item = QTreeWidgetItem(heading, [action.text, "  ".join(keys)])
                item.setData(0, Qt.ItemDataRole.UserRole, action.id)
                item.setData(1, KEYS_ROLE, keys)
        tree.expandAll()
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def _items(self) -> list[QTreeWidgetItem]:
        return [item for group in self._groups() for item in _children(group)]

    def _groups(self) -> list[QTreeWidgetItem]:
        return _children(self._tree.invisibleRootItem())

    def _filter(self, wanted: str) -> None:
        words = wanted.casefold().split()
        for group in self._groups():
            for item in _children(group):
                text = f"{group.text(0)} {item.text(0)} {item.text(1)}".casefold()
                item.setHidden(not all(word in text for word in words))
            group.setHidden(all(item.isHidden() for item in _children(group)))
        self._nothing.setVisible(not self.visible_ids())


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for i in range(item.childCount()) if (child := item.child(i)) is not None]
