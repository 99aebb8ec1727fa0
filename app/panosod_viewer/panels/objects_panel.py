"""The list of objects: which there are, which are in this frame, what is known of them, what can be done to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.tools.combining import COMBINATIONS, Choice
from panosod_viewer.widgets.buttons import IconButton
from panosod_viewer.widgets.labels import set_role
from panosod_viewer.widgets.object_model import Column, ObjectModel, ObjectRow

PRESENCES = ("sounding", "silent", "off-screen")


class ObjectsPanel(QWidget):
    """State comes in by setters; wishes go out by signals.

    Signals:
        selected (int): an object was chosen.
        changed (int, str, object): object id, field ("name", "category", "rank", "colour", "hidden", "locked"), value.
        presence_wished (int, str): from this time on it is sounding, silent, off-screen, or ("") not said.
        solo_wished (int): show it alone, or all again.
        add_wished (), delete_wished (int): an object with its masks in all frames.
        merge_wished (int, int): the first becomes part of the second, in all frames.
        split_wished (int): all but its largest part in this frame becomes an object of its own.
        combine_wished (object, object): the selected object with an Operand by a Combination.

    Attributes:
        choices: gives what the selected object can be combined with; asked when a menu opens.
    """

    selected = Signal(int)
    changed = Signal(int, str, object)
    presence_wished = Signal(int, str)
    solo_wished = Signal(int)
    add_wished = Signal()
    delete_wished = Signal(int)
    merge_wished = Signal(int, int)
    split_wished = Signal(int)
    combine_wished = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Objects")
        self.model = ObjectModel()
        self.model.set_palette(self.palette())
        self.model.edited.connect(self.changed)
        self.table = QTableView()
        self._empty = QLabel("No objects yet.\nThe first stroke makes one.")
        self._selected_id = 0
        self.choices: Callable[[], Sequence[Choice]] = lambda: ()
        self._make_table()
        self.add = IconButton("add", "Add an object", tip="Add an object")
        self.add.clicked.connect(self.add_wished)
        self.delete = IconButton("delete", "Delete the object", tip="Delete the object everywhere")
        self.delete.clicked.connect(lambda: self.delete_wished.emit(self._selected_id))
        self.more = IconButton("more", "More", tip="Colour, sound, merge, split, combine")
        self.more.clicked.connect(lambda: self._show_menu(self.more.mapToGlobal(QPoint(0, self.more.height()))))
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in (self.add, self.delete, self.more):
            row.addWidget(button)
        row.addStretch()
        self._count = QLabel()
        set_role(self._count, "dim")
        row.addWidget(self._count)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACING_PX // 2, SPACING_PX // 2, SPACING_PX // 2, SPACING_PX // 2)
        column.setSpacing(SPACING_PX // 2)
        column.addWidget(self._empty, 1)
        column.addWidget(self.table, 1)
        column.addLayout(row)
        self.setMinimumWidth(344)
        self.set_objects((), 0)

    # --- state in

    def set_objects(self, rows: Sequence[ObjectRow], selected: int) -> None:
        """Which there are, and which is selected."""
        self.model.set_rows(rows)
        self._empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
        here = sum(row.is_here for row in rows)
        self._count.setText(f"{here} of {len(rows)} in this frame" if rows else "")
        self._selected_id = selected
        place = self.model.place_of(selected)
        current = self.table.currentIndex()
        if place is None:
            self.table.clearSelection()
        elif not current.isValid() or current.row() != place or not self.table.selectionModel().hasSelection():
            index = self.model.index(place, Column.NAME)
            self.table.selectionModel().blockSignals(True)
            self.table.setCurrentIndex(index)
            self.table.selectionModel().blockSignals(False)
            self.table.viewport().update()
        for button in (self.delete, self.more):
            button.setEnabled(place is not None)

    # --- Qt

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.model.set_palette(self.palette())

    # --- making

    def _make_table(self) -> None:
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        set_role(self._empty, "dim")
        table = self.table
        table.setModel(self.model)
        table.setAccessibleName("Objects of the clip")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        triggers = QAbstractItemView.EditTrigger
        table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(HIT_PX)
        head = table.horizontalHeader()
        head.setMinimumSectionSize(HIT_PX)
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        modes = QHeaderView.ResizeMode
        head.setResizeContentsPrecision(0)  # of the rows in sight, whatever their number
        widths = {Column.EYE: HIT_PX, Column.CATEGORY: 64}
        widths |= {Column.PRESENCE: HIT_PX, Column.LOCK: HIT_PX}
        for column, width in widths.items():
            head.setSectionResizeMode(column, modes.Fixed)
            table.setColumnWidth(column, width)
        head.setSectionResizeMode(Column.NAME, modes.Stretch)
        head.setSectionResizeMode(Column.RANK, modes.ResizeToContents)
        table.clicked.connect(self._clicked)
        table.selectionModel().currentRowChanged.connect(self._current_changed)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(lambda at: self._show_menu(table.viewport().mapToGlobal(at)))

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._selected_id = self.model.rows[current.row()].id
            self.selected.emit(self._selected_id)

    def _clicked(self, index: QModelIndex) -> None:
        row, column = self.model.rows[index.row()], Column(index.column())
        if column is Column.EYE:
            if QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier or row.is_solo:
                self.solo_wished.emit(row.id)
            else:
                self.changed.emit(row.id, "hidden", not row.is_hidden)
        elif column is Column.LOCK:
            self.changed.emit(row.id, "locked", not row.is_locked)
        elif column is Column.PRESENCE:
            order = (*PRESENCES, "")
            self.presence_wished.emit(row.id, order[(order.index(row.presence) + 1) % len(order)])

    # --- the menu

    def _show_menu(self, at: QPoint) -> None:
        place = self.model.place_of(self._selected_id)
        if place is None:
            return
        menu = self.menu_of(self.model.rows[place])
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)

    def show_combinations(self) -> bool:
        """Open the menu of combinations below the list; False where the selected object is not in the frame."""
        choices = self.choices()
        if not choices or self.model.place_of(self._selected_id) is None:
            return False
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_combinations(menu, choices)
        menu.popup(self.more.mapToGlobal(QPoint(0, 0)))
        return True

    def show_merges(self, object_id: int) -> bool:
        """Open the menu of objects that this one can be merged into; False where there is none."""
        place = self.model.place_of(object_id)
        others = [row for row in self.model.rows if row.id != object_id]
        if place is None or not others:
            return False
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addSection(f"Merge {self.model.rows[place].name} into")
        for other in others:
            menu.addAction(_title(other), partial(self.merge_wished.emit, object_id, other.id))
        menu.popup(self.more.mapToGlobal(QPoint(0, 0)))
        return True

    def begin_name(self, object_id: int) -> bool:
        """Put the cursor into its name; False where it is not in the list."""
        return self._edit(object_id, Column.NAME)

    def begin_category(self, object_id: int) -> bool:
        """Put the cursor into its class; False where it is not in the list."""
        return self._edit(object_id, Column.CATEGORY)

    def ask_colour(self, object_id: int) -> bool:
        """Ask for its colour; False where it is not in the list."""
        place = self.model.place_of(object_id)
        if place is not None:
            self._choose_colour(self.model.rows[place])
        return place is not None

    def _add_combinations(self, menu: QMenu, choices: Sequence[Choice]) -> None:
        for how, words in COMBINATIONS.items():
            sub = menu.addMenu(f"{words} (this frame)")
            sub.setEnabled(bool(choices))
            sub.setToolTipsVisible(True)
            for choice in choices:
                action = sub.addAction(_plain(choice.words), partial(self.combine_wished.emit, choice.operand, how))
                why_not = choice.refusals.get(how, "")
                action.setEnabled(not why_not)
                action.setToolTip(why_not)

    def menu_of(self, row: ObjectRow) -> QMenu:
        """What can be done to an object."""
        menu = QMenu(self)
        menu.addAction("Rename", lambda: self._edit(row.id, Column.NAME))
        menu.addAction("Colour…", lambda: self._choose_colour(row))
        menu.addAction("Show all again" if row.is_solo else "Show alone", lambda: self.solo_wished.emit(row.id))
        sound = menu.addMenu("From here on it is")
        for word in PRESENCES:
            action = sound.addAction(word, partial(self.presence_wished.emit, row.id, word))
            action.setCheckable(True)
            action.setChecked(word == row.presence)
        sound.addAction("not said", lambda: self.presence_wished.emit(row.id, ""))
        menu.addSeparator()
        others = [other for other in self.model.rows if other.id != row.id]
        self._add_combinations(menu, self.choices() if row.is_here and row.id == self._selected_id else ())
        menu.addAction("Split its smaller parts off", lambda: self.split_wished.emit(row.id)).setEnabled(row.is_here)
        merge = menu.addMenu("Merge into (all frames)")
        merge.setEnabled(bool(others))
        for other in others:
            merge.addAction(_title(other), partial(self.merge_wished.emit, row.id, other.id))
        menu.addSeparator()
        menu.addAction("Delete everywhere", lambda: self.delete_wished.emit(row.id))
        return menu

    def _edit(self, object_id: int, column: Column) -> bool:
        place = self.model.place_of(object_id)
        if place is None:
            return False
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.table.setCurrentIndex(self.model.index(place, column))
        self.table.edit(self.model.index(place, column))
        return True

    def _choose_colour(self, row: ObjectRow) -> None:
        dialog = QColorDialog(QColor(row.colour), self)
        dialog.setWindowTitle(f"Colour of {row.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour: self.changed.emit(row.id, "colour", colour.name()))
        dialog.open()


def _title(row: ObjectRow) -> str:
    return _plain(f"{row.id}  {row.name}")


def _plain(words: str) -> str:
    return words.replace("&", "&&")
