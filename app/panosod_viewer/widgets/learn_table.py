"""What a tracker sends, number by number, and what the person says each of them is."""

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from panosod_viewer.theme import HIT_PX
from panosod_viewer.tracker.learn import HeardAddress
from panosod_viewer.tracker.presets import suggest
from panosod_viewer.tracker.route import AngleOrder, AngleUnit, Argument, Route, Slot
from panosod_viewer.widgets.labels import tabular

_NAMES = {
    Slot.YAW: "Yaw",
    Slot.PITCH: "Pitch",
    Slot.ROLL: "Roll",
    Slot.QW: "Quaternion w",
    Slot.QX: "Quaternion x",
    Slot.QY: "Quaternion y",
    Slot.QZ: "Quaternion z",
}


class LearnTable(QTableWidget):
    """One row a number of an address: what it is now, what it has been, what it means.

    Signals:
        assignment_changed(): a meaning was chosen.
    """

    assignment_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self._rows: dict[tuple[str, int], int] = {}
        self.setHorizontalHeaderLabels(["Address", "Now", "Range", "Means"])
        self.setAccessibleName("Heard numbers")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(HIT_PX + 2)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 70), (2, 120), (3, 190)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)

    def forget(self) -> None:
        """Begin with an empty table."""
        self._rows = {}
        self.setRowCount(0)

    def set_heard(self, heard: Sequence[HeardAddress]) -> None:
        """Show what has come; rows stay where they are, so that a choice does not move under the pointer."""
        for each in heard:
            if (each.address, 0) not in self._rows:
                self._add_rows(each)
            for i, value in enumerate(each.values):
                row = self._rows.get((each.address, i))
                if row is not None:
                    self._fill(row, value, each.lowest[i], each.highest[i])

    def routes(self, *, unit: AngleUnit, order: AngleOrder) -> tuple[Route, ...]:
        """The routes that the chosen meanings make; addresses without any are left out.

        Raises:
            ValueError: a meaning given twice to numbers of one address.
        """
        made = []
        for address, keys in groupby(self._rows, key=lambda key: key[0]):
            arguments = [self._argument(self._rows[key]) for key in keys]
            while arguments and arguments[-1].slot is Slot.NONE:
                arguments.pop()
            if arguments:
                made.append(Route(address, tuple(arguments), unit, order))
        return tuple(made)

    def _argument(self, row: int) -> Argument:
        chooser = self.cellWidget(row, 3)
        return Argument.parse(chooser.currentData()) if isinstance(chooser, QComboBox) else Argument(Slot.NONE)

    def _add_rows(self, heard: HeardAddress) -> None:
        guess = suggest(heard.address, len(heard.values))
        for i in range(len(heard.values)):
            row = self.rowCount()
            self.insertRow(row)
            self._rows[heard.address, i] = row
            name = QTableWidgetItem(f"{heard.address}  {i + 1}" if len(heard.values) > 1 else heard.address)
            name.setToolTip(heard.address)
            self.setItem(row, 0, name)
            for column in (1, 2):
                item = QTableWidgetItem()
                item.setFont(tabular(self.font()))
                self.setItem(row, column, item)
            argument = guess.args[i] if guess is not None and i < len(guess.args) else Argument(Slot.NONE)
            self.setCellWidget(row, 3, self._chooser(f"Meaning of {heard.address} {i + 1}", argument))

    def _chooser(self, name: str, argument: Argument) -> QComboBox:
        chooser = QComboBox()
        chooser.setAccessibleName(name)
        chooser.addItem("–", Argument(Slot.NONE).text)
        for slot, label in _NAMES.items():
            chooser.addItem(label, Argument(slot).text)
        for slot, label in _NAMES.items():
            chooser.addItem(f"{label}, reversed", Argument(slot, -1).text)
        chooser.setCurrentIndex(chooser.findData(argument.text))
        chooser.currentIndexChanged.connect(self.assignment_changed)
        return chooser

    def _fill(self, row: int, value: float | None, lowest: float | None, highest: float | None) -> None:
        now, span = self.item(row, 1), self.item(row, 2)
        if now is not None and span is not None:
            now.setText("–" if value is None else f"{value:.2f}")
            span.setText("" if lowest is None or highest is None else f"{lowest:.2f} … {highest:.2f}")
