"""Export: format, folder, size, range, states, and what goes along; and while it runs, how far it is."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from panosod_core.annotation.formats.exporting import ExportOptions
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.records import MaskState
from panosod_core.errors import AnnotationError
from panosod_viewer.theme import SPACING_PX
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import set_role

FORMATS = {
    MaskFormat.PAVS10K: "PAVS10K / ASOD60K folders",
    MaskFormat.DAVIS: "DAVIS / YouTube-VOS palette pictures",
    MaskFormat.SAV: "SA-V run lengths",
    MaskFormat.YTVIS: "YouTube-VIS run lengths",
    MaskFormat.COCO: "COCO instances",
    MaskFormat.LABELME: "LabelMe",
    MaskFormat.VIDEO: "Mask video, lossless",
}
WIDTHS = (0, 3840, 2048, 1920, 1024, 960, 480)
"""0: as painted."""
NOTES_SHOWN = 6


class ExportDialog(QDialog):
    """Collects an :class:`ExportOptions` and a folder; writes nothing itself.

    Signals:
        export_requested (object, object): ExportOptions, Path of a folder.
        stop_requested (): abandon the export that runs.
    """

    export_requested = Signal(object, object)
    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export masks")
        self._is_running = False
        self._keyframes = 6
        self.format = QComboBox()
        self.format.addItems(list(FORMATS.values()))
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder")
        self.folder.setMinimumWidth(320)
        browse = TextButton("Choose…")
        browse.clicked.connect(self._choose)
        where = QHBoxLayout()
        where.addWidget(self.folder, 1)
        where.addWidget(browse)
        self.width_px = QComboBox()
        self.width_px.addItems(["As painted", *(f"{w} pixels wide" for w in WIDTHS[1:])])
        self.states = {
            MaskState.DRAFT: QCheckBox("Drafts"),
            MaskState.ACCEPTED: QCheckBox("Accepted"),
            MaskState.REJECTED: QCheckBox("Rejected"),
        }
        states = QHBoxLayout()
        for state, box in self.states.items():
            box.setChecked(state is not MaskState.REJECTED)
            states.addWidget(box)
        states.addStretch()
        self.first, self.last, self.every = QSpinBox(), QSpinBox(), QSpinBox()
        for spin in (self.first, self.last):
            spin.setRange(0, 10_000_000)
        self.every.setRange(1, 1000)
        frames = QHBoxLayout()
        for part in (self.first, QLabel("to"), self.last, QLabel("every"), self.every):
            frames.addWidget(part)
        frames.addStretch()
        self.pictures, self.sound = QCheckBox("Pictures"), QCheckBox("Sound, four channels")
        self.sounding = QCheckBox("Only objects while they sound")
        along = QHBoxLayout()
        along.addWidget(self.pictures)
        along.addWidget(self.sound)
        along.addStretch()
        self.split = QComboBox()
        self.split.addItems(["train", "test"])
        self._fields = QWidget()
        form = QFormLayout(self._fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(SPACING_PX)
        form.addRow("Format", self.format)
        form.addRow("New folder", where)
        form.addRow("Size", self.width_px)
        form.addRow("Masks", states)
        form.addRow("Frames", frames)
        form.addRow("With", along)
        form.addRow("", self.sounding)
        form.addRow("List", self.split)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.go, self.stop = TextButton("Export"), TextButton("Cancel")
        self.go.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.stop)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING_PX)
        column.addWidget(self._fields)
        column.addWidget(self._said)
        column.addWidget(self._bar)
        column.addLayout(buttons)
        self.format.currentIndexChanged.connect(lambda _: self._format_changed())
        self.go.clicked.connect(self._ask)
        self.stop.clicked.connect(self.reject)
        self._format_changed()
        self.set_running(None)

    # --- state in

    def set_project(self, *, folder: Path, frame_count: int, every: int) -> None:
        """Where it would go, how long the clip is, and the keyframe rule (kept where it was changed before)."""
        self.folder.setText(str(folder))
        self.last.setValue(max(0, frame_count - 1))
        self._keyframes = every
        self._format_changed()

    def set_running(self, share: float | None) -> None:
        """How far the export is; None where none runs."""
        self._is_running = share is not None
        self._fields.setEnabled(not self._is_running)
        self.go.setEnabled(not self._is_running)
        self._bar.setVisible(self._is_running)
        if share is not None:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * share))
            self.say("")

    def say(self, text: str) -> None:
        """Why nothing was written."""
        self._said.setText(text)
        set_role(self._said, "error")
        self._said.setVisible(bool(text))

    # --- intents

    def options(self) -> ExportOptions:
        """As the person wants it.

        Raises:
            AnnotationError: it makes no sense; one line.
        """
        states = frozenset(state for state, box in self.states.items() if box.isChecked())
        if not states:
            raise AnnotationError("Choose which masks: drafts, accepted or rejected ones")
        if not self.folder.text().strip():
            raise AnnotationError("Name a folder that is not there yet")
        return ExportOptions(
            self._kind(),
            width=WIDTHS[self.width_px.currentIndex()] or None,
            states=states,
            first=self.first.value(),
            last=self.last.value(),
            every=self.every.value(),
            sounding_only=self.sounding.isChecked(),
            pictures=self.pictures.isChecked(),
            sound=self.sound.isChecked(),
            split=self.split.currentText(),
        )

    def reject(self) -> None:
        """Cancel: the export that runs, or the dialog."""
        if self._is_running:
            self.stop_requested.emit()
        else:
            super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Closing abandons what runs."""
        if self._is_running:
            self.stop_requested.emit()
        super().closeEvent(event)

    def _kind(self) -> MaskFormat:
        return list(FORMATS)[self.format.currentIndex()]

    def _format_changed(self) -> None:
        """What the format's readers expect by default."""
        is_pavs = self._kind() is MaskFormat.PAVS10K
        self.pictures.setChecked(is_pavs)
        self.sound.setChecked(is_pavs)
        self.every.setValue(self._keyframes if is_pavs else 1)
        self.split.setEnabled(is_pavs)

    def _choose(self) -> None:
        start = Path(self.folder.text() or ".").parent
        name = QFileDialog.getExistingDirectory(self, "Folder for the export", str(start))
        if name:
            chosen = Path(name)
            is_free = not any(chosen.iterdir())
            self.folder.setText(str(chosen if is_free else chosen / Path(self.folder.text() or "masks").name))

    def _ask(self) -> None:
        try:
            options = self.options()
        except AnnotationError as error:
            self.say(str(error))
            return
        self.export_requested.emit(options, Path(self.folder.text().strip()).expanduser())


def notes_box(window: QWidget, text: str, notes: Sequence[str]) -> QMessageBox:
    """All that is to be known about an export that is done.

    Args:
        window: over which it is shown.
        text: what was written.
        notes: sentences; where there are many, the first ones are read at once and all of them in the details.
    """
    box = QMessageBox(
        QMessageBox.Icon.Warning, "Exported, with notes", text, QMessageBox.StandardButton.NoButton, window
    )
    close = box.addButton("Close", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(close)
    shown = list(notes[:NOTES_SHOWN])
    if len(notes) > NOTES_SHOWN:
        shown.append(f"And {len(notes) - NOTES_SHOWN} more: see the details.")
        box.setDetailedText("\n".join(notes))
    box.setInformativeText("\n\n".join(shown))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box
