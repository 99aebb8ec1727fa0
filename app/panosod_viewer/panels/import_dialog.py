"""Import: choose masks, see what would be done, then do it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from panosod_viewer.theme import SPACING_PX
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import set_role

NO_PLAN = "Choose masks to see what would be done."


class ImportDialog(QDialog):
    """Shows a plan that somebody else makes; changes nothing itself.

    Signals:
        plan_requested (object, str): Path of masks, name of their clip or "".
        import_requested (): do what is shown.
    """

    plan_requested = Signal(object, str)
    import_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import masks")
        self.setMinimumWidth(520)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING_PX)
        intro = QLabel(
            "A folder or JSON file of PAVS10K, DAVIS, SA-V, YouTube-VIS, COCO, LabelMe, or a mask video. Masks come as "
            "drafts, and only where nothing is painted."
        )
        intro.setWordWrap(True)
        set_role(intro, "dim")
        column.addWidget(intro)
        self.path = QLineEdit()
        self.path.setReadOnly(True)
        self.path.setAccessibleName("Masks")
        self.path.setPlaceholderText("No masks chosen")
        folder, file = self._choosers = TextButton("Folder…"), TextButton("File…")
        folder.clicked.connect(self._choose_folder)
        file.clicked.connect(self._choose_file)
        where = QHBoxLayout()
        where.addWidget(self.path, 1)
        where.addWidget(folder)
        where.addWidget(file)
        column.addLayout(where)
        self.source = QComboBox()
        self.source.setAccessibleName("Which of the clips of masks")
        self.source.hide()
        self.source.activated.connect(
            lambda _: self.plan_requested.emit(Path(self.path.text()), self.source.currentText())
        )
        column.addWidget(self.source)
        self.plan = QLabel(NO_PLAN)
        self.plan.setWordWrap(True)
        self.plan.setMinimumHeight(90)
        column.addWidget(self.plan, 1)
        buttons = QHBoxLayout()
        cancel = TextButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.go = TextButton("Import")
        self.go.setEnabled(False)
        self.go.clicked.connect(self.import_requested)
        buttons.addStretch()
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column.addLayout(buttons)

    # --- state in

    def choose(self, path: Path) -> None:
        """Look at these masks."""
        self.path.setText(str(path))
        self.source.hide()
        self.set_plan("Looking at the masks…", is_ready=False)
        self.plan_requested.emit(path, "")

    def set_sources(self, names: Sequence[str], chosen: str) -> None:
        """Which clips of masks lie there."""
        self.source.clear()
        self.source.addItems(list(names))
        self.source.setCurrentIndex(list(names).index(chosen) if chosen in names else -1)
        self.source.setPlaceholderText("Choose which of the clips of masks")
        self.source.setVisible(len(names) > 1)

    def set_plan(self, text: str, *, is_ready: bool, is_error: bool = False) -> None:
        """What would be done, or why nothing can be."""
        self.plan.setText(text)
        set_role(self.plan, "error" if is_error else "")
        self._set_open(True)
        self.go.setEnabled(is_ready)

    def set_writing(self, done: int, total: int) -> None:
        """The plan is being done; it can only be abandoned."""
        self.plan.setText(f"Reading the masks again and writing them: {done} of {total} frames…")
        set_role(self.plan, "")
        self._set_open(False)
        self.go.setEnabled(False)

    def _set_open(self, is_open: bool) -> None:
        for widget in (*self._choosers, self.source):
            widget.setEnabled(is_open)

    # --- intents

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of masks", self.path.text())
        if name:
            self.choose(Path(name))

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "File of masks", self.path.text(), "JSON (*.json);;All files (*)")
        if name:
            self.choose(Path(name))
