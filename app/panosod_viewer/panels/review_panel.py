"""Review: how far the clip is, what comes next, accepting and rejecting, notes, and the frames as a list."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QProgressBar,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from panosod_core.annotation.records import FrameState
from panosod_viewer.theme import SPACING_PX, theme_of
from panosod_viewer.tools.review_queue import FrameLine, Progress, Queue, Show
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import ElidedLabel, set_role
from panosod_viewer.widgets.picks_list import PicksList

QUEUES = {
    Queue.KEYFRAMES: "Untouched key frames",
    Queue.DRAFTS: "Drafts",
    Queue.BEST: "What to annotate next",
    Queue.UNSURE: "Where the model is unsure",
    Queue.OFF_SOUND: "Where model and sound disagree",
    Queue.CHANGE: "Where most has changed",
    Queue.NEW: "Unlike what is labelled",
    Queue.RANDOM: "At random",
    Queue.CONFLICTS: "Conflicts with the other project",
}
SHOWN = {
    Show.ALL: "All frames touched",
    Show.DRAFTS: "Drafts",
    Show.MACHINE: "Drafts by machine alone",
    Show.ACCEPTED: "Accepted",
    Show.REJECTED: "Rejected",
    Show.NOTES: "With a note",
    Show.KEYFRAMES: "Untouched key frames",
}
STATES = {
    FrameState.UNTOUCHED: "untouched",
    FrameState.DRAFT: "draft",
    FrameState.ACCEPTED: "accepted",
    FrameState.REJECTED: "rejected",
}
MOST_LOOKED_AT = 1000


class _Lines(QAbstractListModel):
    """The frames of the list; any number."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self.lines: tuple[FrameLine, ...] = ()

    def set_lines(self, lines: Sequence[FrameLine]) -> None:
        if tuple(lines) != self.lines:
            self.beginResetModel()
            self.lines = tuple(lines)
            self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            words = [f"Frame {line.index}", STATES[line.state] + (f" ({line.machine})" if line.machine else "")]
            # The note first: it is what tells one frame from another, and the line may be cut at its end.
            return "   ".join([words[0], *([f"“{line.note}”"] if line.note else []), words[1]])
        if role == Qt.ItemDataRole.ForegroundRole:
            theme = theme_of(self._view.palette())
            colours = {
                FrameState.DRAFT: theme.dim if line.machine else theme.warning,
                FrameState.ACCEPTED: theme.good,
                FrameState.REJECTED: theme.error,
            }
            return QBrush(QColor(colours.get(line.state, theme.text)))
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.note or None
        return None


class ReviewPanel(QWidget):
    """State in, intents out.

    Signals:
        accept_requested (bool), reject_requested (bool): the whole frame (and go on), or (True) the object alone.
        next_requested (int): to the next (+1) or last (-1) of the queue.
        queue_chosen (object): a Queue. every_chosen (int): the keyframe rule. show_chosen (object): a Show.
        note_written (str): of the frame at hand.
        frame_chosen (int): number of a frame in the list.
    """

    accept_requested = Signal(bool)
    reject_requested = Signal(bool)
    next_requested = Signal(int)
    queue_chosen = Signal(object)
    every_chosen = Signal(int)
    show_chosen = Signal(object)
    note_written = Signal(str)
    frame_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Review")
        self._note = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACING_PX, SPACING_PX // 2, SPACING_PX, SPACING_PX)
        column.setSpacing(SPACING_PX // 2)
        heading = QLabel("Review")
        set_role(heading, "heading")
        column.addWidget(heading)
        self._make_progress(column)
        self._make_frame(column)
        self._make_queue(column)
        self._make_list(column)
        self.set_progress(Progress())
        self.set_frame(None)

    # --- state in

    def set_progress(self, progress: Progress) -> None:
        """How far the clip is."""
        done = progress.keyframes - progress.untouched
        self.bar.setRange(0, max(1, progress.keyframes))
        self.bar.setValue(done)
        self.bar.setToolTip(f"{done} of {progress.keyframes} key frames are touched")
        self.counts.setText(
            f"{progress.accepted} accepted · {progress.drafts} drafts · {progress.rejected} rejected · "
            f"{progress.untouched} key frames untouched"
        )
        self.time.setVisible(progress.median_s is not None)
        if progress.median_s is not None:
            self.time.setText(f"A mask takes {progress.median_s:.0f} s of work (median)")

    def set_frame(
        self, line: FrameLine | None, *, can_edit: bool = False, has_object: bool = False, is_locked: bool = False
    ) -> None:
        """The frame at hand; None where there is none."""
        words = "No frame" if line is None else f"Frame {line.index}: {STATES[line.state]}"
        words += f", {line.machine}" if line is not None and line.machine else ""
        self.state.setText(f"{words}, locked" if is_locked else words)
        role = {FrameState.ACCEPTED: "good", FrameState.REJECTED: "error", FrameState.DRAFT: "warning"}
        set_role(self.state, role.get(line.state, "dim") if line is not None else "dim")
        enabled = line is not None and can_edit
        for button in (self.accept, self.reject):
            button.setEnabled(enabled)
        for button in (self.accept_object, self.reject_object):
            button.setEnabled(enabled and has_object)
        self.note.setEnabled(enabled)
        note = "" if line is None else line.note
        if note != self._note or not self.note.hasFocus():
            self._note = note
            self.note.setText(note)

    def set_queue(self, queue: Queue, *, every: int) -> None:
        """What "next" goes to, and the keyframe rule."""
        for widget in (self.queue, self.every):
            widget.blockSignals(True)
        self.queue.setCurrentIndex(list(QUEUES).index(queue))
        self.every.setValue(every)
        for widget in (self.queue, self.every):
            widget.blockSignals(False)

    def set_lines(self, lines: Sequence[FrameLine], *, at: int | None) -> None:
        """The frames of the list, and the one at hand."""
        self._lines.set_lines(lines)
        self.none.setVisible(not lines)
        self.set_current(at)

    def set_current(self, at: int | None) -> None:
        """Mark the frame at hand, where the list holds it."""
        lines = self._lines.lines
        row = -1 if at is None else bisect_left(lines, at, key=lambda line: line.index)
        if not 0 <= row < len(lines) or lines[row].index != at:
            self.list.setCurrentIndex(QModelIndex())
        elif self.list.currentIndex().row() != row:
            self.list.setCurrentIndex(self._lines.index(row, 0))

    # --- making

    def _make_progress(self, column: QVBoxLayout) -> None:
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(6)
        self.bar.setAccessibleName("Key frames touched")
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.time = ElidedLabel(name="Time a mask")
        set_role(self.time, "dim")
        for widget in (self.bar, self.counts, self.time):
            column.addWidget(widget)

    def _make_frame(self, column: QVBoxLayout) -> None:
        self.state = ElidedLabel(name="State of the frame")
        column.addWidget(self.state)
        self.accept = TextButton("Accept, go on")
        self.accept.setToolTip("The masks of this frame are right, and there is nothing else in it")
        self.reject = TextButton("Reject")
        self.reject.setToolTip("The masks of this frame are wrong")
        self.accept_object = TextButton("Accept object")
        self.accept_object.setToolTip("The selected object's mask is right")
        self.reject_object = TextButton("Reject object")
        self.reject_object.setToolTip("The selected object's mask is wrong")
        grid = QGridLayout()
        grid.setSpacing(SPACING_PX // 2)
        for n, button in enumerate((self.accept, self.reject, self.accept_object, self.reject_object)):
            grid.addWidget(button, n // 2, n % 2)
        column.addLayout(grid)
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on this frame")
        self.note.setAccessibleName("Note on this frame")
        column.addWidget(self.note)
        self.accept.clicked.connect(lambda: self.accept_requested.emit(False))
        self.reject.clicked.connect(lambda: self.reject_requested.emit(False))
        self.accept_object.clicked.connect(lambda: self.accept_requested.emit(True))
        self.reject_object.clicked.connect(lambda: self.reject_requested.emit(True))
        self.note.editingFinished.connect(self._note_finished)

    def _make_queue(self, column: QVBoxLayout) -> None:
        line = QHBoxLayout()
        line.setSpacing(SPACING_PX // 2)
        self.queue = QComboBox()
        self.queue.addItems(list(QUEUES.values()))
        self.queue.setAccessibleName("What comes next")
        self.queue.setToolTip("What “next” goes to")
        self.queue.setMinimumContentsLength(10)
        self.next = TextButton("Next")
        self.next.setToolTip("The next of them")
        line.addWidget(self.queue, 1)
        line.addWidget(self.next)
        column.addLayout(line)
        rule = QHBoxLayout()
        label = QLabel("Key frames: every")
        self.every = QSpinBox()
        self.every.setRange(1, MOST_LOOKED_AT)
        self.every.setSuffix(" frames")
        self.every.setToolTip("The data set has every 6th")
        label.setBuddy(self.every)
        rule.addWidget(label)
        rule.addWidget(self.every, 1)
        column.addLayout(rule)
        self.picks = PicksList()
        column.addWidget(self.picks)
        self.next.clicked.connect(lambda: self.next_requested.emit(+1))
        self.queue.currentIndexChanged.connect(lambda n: self.queue_chosen.emit(list(QUEUES)[n]))
        self.every.valueChanged.connect(self.every_chosen)

    def _make_list(self, column: QVBoxLayout) -> None:
        self.show_only = QComboBox()
        self.show_only.addItems(list(SHOWN.values()))
        self.show_only.setAccessibleName("Frames in the list")
        self.list = QListView()
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName("Frames")
        self.list.setMinimumHeight(90)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lines = _Lines(self.list)
        self.list.setModel(self._lines)
        self.none = QLabel("None yet")
        set_role(self.none, "dim")
        column.addWidget(self.show_only)
        column.addWidget(self.none)
        column.addWidget(self.list, 1)
        self.show_only.currentIndexChanged.connect(lambda n: self.show_chosen.emit(list(SHOWN)[n]))
        for signal in (self.list.clicked, self.list.activated):
            signal.connect(lambda index: self.frame_chosen.emit(self._lines.lines[index.row()].index))

    def _note_finished(self) -> None:
        if self.note.text() != self._note:
            self._note = self.note.text()
            self.note_written.emit(self._note)
