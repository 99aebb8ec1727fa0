"""The next frames to annotate as a list: clip and time, and why; and what lacks maps."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLabel, QListView, QVBoxLayout, QWidget

from panosod_viewer.theme import SPACING_PX
from panosod_viewer.tools.advised import PickLine
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import set_role

_LEAST_HEIGHT_PX = 150


class PicksList(QWidget):
    """State in, intents out.

    Signals:
        chosen (object): the Pick that was clicked.
        predict_requested (), stop_requested (): make the maps that are missing; leave off.
    """

    chosen = Signal(object)
    predict_requested = Signal()
    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[PickLine, ...] = ()
        self._predicts = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING_PX // 2)
        self.list = QListView()
        self.list.setAccessibleName("What to annotate next")
        self.list.setMinimumHeight(_LEAST_HEIGHT_PX)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(2)
        self.model = QStandardItemModel(self.list)
        self.list.setModel(self.model)
        self.words = QLabel()
        self.words.setWordWrap(True)
        set_role(self.words, "dim")
        self.predict = TextButton("Predict them")
        self.predict.setToolTip("The model looks at every 6th frame of these clips, in the background")
        line = QHBoxLayout()
        line.addWidget(self.words, 1)
        line.addWidget(self.predict, 0, Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.list)
        column.addLayout(line)
        for signal in (self.list.clicked, self.list.activated):
            signal.connect(self._clicked)
        self.predict.clicked.connect(lambda: (self.stop_requested if self._predicts else self.predict_requested).emit())
        self.set_words("")

    def set_lines(self, lines: Sequence[PickLine]) -> None:
        """The frames, the next one first."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        self.model.clear()
        for rank, line in enumerate(self._lines, start=1):
            text = "\n".join([f"{rank}.  {line.heading}", *line.pick.reason.split("; ")])
            item = QStandardItem(text)
            item.setToolTip(f"{line.heading}\nFrame {line.pick.index}: {line.pick.reason}")
            self.model.appendRow(item)
        here = next((n for n, line in enumerate(self._lines) if line.is_here), None)
        self.list.setCurrentIndex(QModelIndex() if here is None else self.model.index(here, 0))

    def set_words(self, words: str, *, can_predict: bool = False, predicts: bool = False) -> None:
        """What there is to say of it, and whether the button is of use (or stops what runs)."""
        self._predicts = predicts
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.predict.setVisible(can_predict or predicts)
        self.predict.setText("Stop" if predicts else "Predict them")

    def _clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(self._lines[index.row()].pick)
