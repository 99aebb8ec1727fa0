"""Which key does what, to be changed: an action, the keys pressed for it, and a word where they are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import set_role

Row = tuple[str, str, str]
"""Id, group and text of an action."""


class KeysDialog(QDialog):
    """Asks for changes; whoever built it answers by :meth:`show_keys` and :meth:`tell`.

    Signals:
        assigned (str, str): action id, key sequence ("" for none).
        restored (str): action id: its usual keys again.
    """

    assigned = Signal(str, str)
    restored = Signal(str)

    def __init__(
        self, rows: Sequence[Row], keys_of: Callable[[str], Sequence[str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Change keys")
        self.resize(560, 620)
        self._keys_of = keys_of
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search actions and keys")
        self.search.setAccessibleName("Search")
        self.search.setMinimumHeight(HIT_PX + 4)
        self.search.textChanged.connect(self._filter)
        self.tree = self._make_tree(rows)
        self.edit = QKeySequenceEdit()
        self.edit.setAccessibleName("New key")
        self.edit.setMaximumSequenceLength(1)
        self.edit.setClearButtonEnabled(True)
        self.edit.setMinimumHeight(HIT_PX + 4)
        self.edit.editingFinished.connect(self._assign)
        self.none = TextButton("No key")
        self.none.clicked.connect(lambda: self.assigned.emit(self.current, ""))
        self.usual = TextButton("Usual key")
        self.usual.clicked.connect(lambda: self.restored.emit(self.current))
        self._told = QLabel("Choose an action, then click the field and press its new key.")
        self._told.setWordWrap(True)
        self._told.setMinimumHeight(2 * self._told.fontMetrics().lineSpacing())
        self._told.setAlignment(Qt.AlignmentFlag.AlignTop)
        row = QHBoxLayout()
        row.setSpacing(SPACING_PX)
        row.addWidget(self.edit, 1)
        row.addWidget(self.none)
        row.addWidget(self.usual)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING_PX)
        for part in (self.search, self.tree):
            layout.addWidget(part)
        layout.addLayout(row)
        layout.addWidget(self._told)
        self.tree.currentItemChanged.connect(lambda *_: self._show_current())
        self.show_keys()
        self._show_current()

    @property
    def current(self) -> str:
        """Id of the action that is chosen, "" for none."""
        item = self.tree.currentItem()
        return str(item.data(0, Qt.ItemDataRole.UserRole) or "") if item is not None else ""

    def choose(self, action_id: str) -> None:
        """Choose an action."""
        for item in self._items():
            if item.data(0, Qt.ItemDataRole.UserRole) == action_id:
                self.tree.setCurrentItem(item)

    def show_keys(self) -> None:
        """Write the keys in force beside their actions."""
        for item in self._items():
            keys = self._keys_of(str(item.data(0, Qt.ItemDataRole.UserRole)))
            native = [QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys]
            item.setText(1, "  ".join(native))

    def tell(self, text: str, *, is_refusal: bool) -> None:
        """One line below the field."""
        set_role(self._told, "error" if is_refusal else "dim")
        self._told.setText(text)

    def _assign(self) -> None:
        keys = self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        if keys and self.current and keys not in self._keys_of(self.current):
            self.assigned.emit(self.current, keys)

    def _show_current(self) -> None:
        has_action = bool(self.current)
        for widget in (self.edit, self.none, self.usual):
            widget.setEnabled(has_action)
        keys = self._keys_of(self.current) if has_action else ()
        self.edit.blockSignals(True)
        self.edit.setKeySequence(QKeySequence(keys[0]) if keys else QKeySequence())
        self.edit.blockSignals(False)

    def _make_tree(self, rows: Sequence[Row]) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Actions and their keys")
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setIndentation(SPACING_PX)
        tree.setRootIsDecorated(False)
        groups: dict[str, QTreeWidgetItem] = {}
        for action_id, group, text in rows:
            if group not in groups:
                groups[group] = QTreeWidgetItem(tree, [group])
                groups[group].setFlags(Qt.ItemFlag.ItemIsEnabled)
                font = groups[group].font(0)
                font.setBold(True)
                groups[group].setFont(0, font)
            item = QTreeWidgetItem(groups[group], [text])
            item.setData(0, Qt.ItemDataRole.UserRole, action_id)
        tree.expandAll()
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def _items(self) -> list[QTreeWidgetItem]:
        return [item for group in _children(self.tree.invisibleRootItem()) for item in _children(group)]

    def _filter(self, wanted: str) -> None:
        words = wanted.casefold().split()
        for item in self._items():
            text = f"{item.text(0)} {item.text(1)}".casefold()
            item.setHidden(not all(word in text for word in words))


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for i in range(item.childCount()) if (child := item.child(i)) is not None]
