"""A second annotator's project beside ours: what differs, and whose mask is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from panosod_core.annotation.merge import Choice
from panosod_viewer.theme import SPACING_PX
from panosod_viewer.widgets.buttons import TextButton

CHOICES = {
    Choice.OURS: "Ours",
    Choice.THEIRS: "Theirs",
    Choice.UNION: "Both together",
    Choice.INTERSECTION: "What both have",
}
_COLUMNS = ("Frame", "Object", "J", "Ours is", "Theirs is", "Keep")


@dataclass(frozen=True)
class ConflictRow:
    """One conflict.

    Attributes:
        index: of the frame.
        name: of the object.
        iou: intersection over union of both masks.
        state: what was decided about ours, "" where we have none.
        theirs: state of theirs, "" where they accepted the frame without one.
        clip: file of the clip it is in, "" where the project has no other.
    """

    index: int
    name: str
    iou: float
    state: str
    theirs: str
    clip: str = ""


class MergeDialog(QDialog):
    """Shows a comparison; changes nothing itself.

    Signals:
        row_chosen (int): show this conflict.
        merge_requested (): do what was chosen.
        left (): the dialog is closed.
    """

    row_chosen = Signal(int)
    merge_requested = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare with another project")
        self.setModal(False)
        self.resize(640, 420)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING_PX)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        column.addWidget(self.summary)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        for n in range(len(_COLUMNS)):
            header.setSectionResizeMode(n, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setAccessibleName("Conflicts")
        self.table.currentCellChanged.connect(self._row_changed)
        column.addWidget(self.table, 1)
        everywhere = QHBoxLayout()
        everywhere.addWidget(QLabel("All conflicts:"))
        self.all_ours, self.all_theirs = TextButton("Ours"), TextButton("Theirs")
        self.all_ours.clicked.connect(lambda: self._set_all(Choice.OURS))
        self.all_theirs.clicked.connect(lambda: self._set_all(Choice.THEIRS))
        everywhere.addWidget(self.all_ours)
        everywhere.addWidget(self.all_theirs)
        everywhere.addStretch()
        column.addLayout(everywhere)
        self.consent = QCheckBox("Change masks that I have accepted, too")
        column.addWidget(self.consent)
        buttons = QHBoxLayout()
        cancel = TextButton("Close")
        cancel.clicked.connect(self.reject)
        self.go = TextButton("Merge")
        self.go.setToolTip("Take over what is new, and what was chosen here, as drafts in one step")
        self.go.clicked.connect(self.merge_requested)
        buttons.addStretch()
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column.addLayout(buttons)
        self.finished.connect(lambda _: self.left.emit())
        self._choices: list[QComboBox] = []

    # --- state in

    def set_comparison(self, summary: str, rows: Sequence[ConflictRow], *, has_work: bool) -> None:
        """What was found."""
        self.summary.setText(summary)
        self.table.setRowCount(0)
        self._choices = []
        self.table.setRowCount(len(rows))
        for n, row in enumerate(rows):
            frame = f"{row.clip}  {row.index}" if row.clip else str(row.index)
            texts = (frame, row.name, f"{row.iou:.2f}", row.state or "absent", row.theirs or "absent")
            for k, text in enumerate(texts):
                self.table.setItem(n, k, QTableWidgetItem(text))
            choice = QComboBox()
            choice.addItems(list(CHOICES.values()))
            choice.setAccessibleName(f"Whose mask of {row.name} in frame {row.index}")
            self.table.setCellWidget(n, len(_COLUMNS) - 1, choice)
            self._choices.append(choice)
        self.go.setEnabled(has_work)

    def choices(self) -> Mapping[int, Choice]:
        """What is kept, by row."""
        return {n: list(CHOICES)[choice.currentIndex()] for n, choice in enumerate(self._choices)}

    def set_choice(self, row: int, choice: Choice) -> None:
        """Keep something else."""
        self._choices[row].setCurrentIndex(list(CHOICES).index(choice))

    def _set_all(self, choice: Choice) -> None:
        for row in range(len(self._choices)):
            self.set_choice(row, choice)

    def _row_changed(self, row: int, _column: int, _old: int, _old_column: int) -> None:
        if row >= 0:
            self.row_chosen.emit(row)
