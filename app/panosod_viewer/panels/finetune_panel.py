"""Finetuning: what will be learnt from and how, the job while it runs, and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QSpinBox,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from panosod_core.training.jobs.states import AT_WORK, JobState
from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.tools.training import LIVE, JobLine, JobView, Material, ModelLine, StartWish
from panosod_viewer.tools.training_words import CHECK_WORDS, STATE_WORDS, advice_words, pace_words, state_words
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.examples_table import ExamplesTable
from panosod_viewer.widgets.labels import set_role
from panosod_viewer.widgets.material_tree import MaterialTree
from panosod_viewer.widgets.scores_table import ScoresTable

if TYPE_CHECKING:
    from panosod_viewer.widgets.training_plots import TrainingPlots

PRESETS = {
    "whole": "Whole: the backbone learns, too, at half the rate",
    "gentle": "Gentle: the backbone learns at a tenth",
    "frozen": "Frozen: all but the backbone learns",
}
"""The first is what a job has by default."""
RAY = "ray"
DEVICES = {"auto": "A GPU where there is one", "cpu": "The processor", "cuda": "The GPU", RAY: "A Ray cluster"}
_MOST_MINUTES = 7 * 24 * 60
SIZE = (780, 620)


class FinetunePanel(QDialog):
    """State in, intents out; reads no folder and starts nothing itself.

    Args:
        parent: window that it belongs to.

    Signals:
        start_requested (object): a StartWish.
        job_chosen (object): folder of a job, or None for a new one.
        stop_requested (), cancel_requested (), resume_requested (): of the job in sight.
        promote_requested (), reject_requested (), compare_requested (): its candidate.
        rollback_requested (): the model before.
        models_requested (): show the models of this machine.
        frame_chosen (str, int): clip and frame.
        shown_changed (bool): it is on the screen.
    """

    start_requested = Signal(object)
    job_chosen = Signal(object)
    stop_requested = Signal()
    cancel_requested = Signal()
    resume_requested = Signal()
    promote_requested = Signal()
    reject_requested = Signal()
    compare_requested = Signal()
    rollback_requested = Signal()
    models_requested = Signal()
    frame_chosen = Signal(str, int)
    shown_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Finetune")
        self.setModal(False)
        self._job: JobView | None = None
        self._material: Material | None = None
        self._models: tuple[ModelLine, ...] = ()
        self._plots: TrainingPlots | None = None
        column = QVBoxLayout(self)
        column.setSpacing(SPACING_PX)
        column.addLayout(self._make_head())
        self.pages = QStackedWidget()
        self.pages.addWidget(self._make_setup())
        self.pages.addWidget(self._make_job())
        column.addWidget(self.pages, 1)
        self.fault = QLabel()
        self.fault.setWordWrap(True)
        set_role(self.fault, "error")
        self.fault.hide()
        column.addWidget(self.fault)
        self.resize(*SIZE)
        self.set_material(None)
        self.set_jobs((), chosen=None)
        self.set_models((ModelLine("In use", None),))
        self.set_job(None)

    # --- state in

    def set_material(self, material: Material | None, *, project: str = "") -> None:
        """What would be learnt from; None: no project is open, or it is being counted."""
        self._material = material
        self.tree.set_material(material)
        if material is None:
            self.reason.setText(f"Counting {project}…" if project else "Open or make a project first.")
            set_role(self.reason, "dim")
        elif material.why_not:
            self.reason.setText(material.why_not)
            set_role(self.reason, "warning")
        else:
            learn, check = (sum(getattr(c, n) for c in material.clips if not c.is_missing) for n in ("learn", "check"))
            told = f"{learn} frames to learn from, {check} kept for the check, as the project is now."
            self.reason.setText(f"{told} {material.note}".strip())
            set_role(self.reason, "warning" if material.note else "dim")
        self.start.setEnabled(material is not None and not material.why_not)

    def set_models(self, models: Sequence[ModelLine]) -> None:
        """Which models one may begin with; the first is the one in use."""
        if tuple(models) == self._models:
            return
        chosen = self.model.currentData()
        self._models = tuple(models)
        self.model.clear()
        for line in models:
            self.model.addItem(line.name, line.path)
            self.model.setItemData(self.model.count() - 1, line.tip, Qt.ItemDataRole.ToolTipRole)
        self.model.setCurrentIndex(max(0, next((n for n, m in enumerate(models) if m.path == chosen), 0)))

    def set_jobs(self, jobs: Sequence[JobLine], *, chosen: Path | None) -> None:
        """The project's jobs, the newest first, and the one in sight."""
        self.jobs.blockSignals(True)
        self.jobs.clear()
        self.jobs.addItem("New job", None)
        for job in jobs:
            state = "damaged" if job.state is None else STATE_WORDS[job.state]
            self.jobs.addItem(f"{job.path.name} · {state}", job.path)
            self.jobs.setItemData(self.jobs.count() - 1, job.fault or str(job.path), Qt.ItemDataRole.ToolTipRole)
        row = next((n for n in range(self.jobs.count()) if self.jobs.itemData(n) == chosen), 0)
        self.jobs.setCurrentIndex(row)
        self.jobs.blockSignals(False)

    def set_job(self, job: JobView | None) -> None:
        """The job in sight; None: a new one is being described."""
        before, self._job = self._job, job
        self.pages.setCurrentIndex(0 if job is None else 1)
        if job is None:
            return
        words, role = state_words(job)
        self.state.setText(words)
        set_role(self.state, role)
        self._show_pace(job)
        text = "\n".join([*job.notes, *(["", job.log] if job.log else [])])
        if text != self.log.toPlainText():
            at_end = self.log.verticalScrollBar().value() >= self.log.verticalScrollBar().maximum()
            self.log.setPlainText(text)
            if at_end:
                self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())
        self.examples.set_examples(job.examples, is_done=job.state not in LIVE)
        self.tabs.setTabEnabled(self.tabs.indexOf(self.examples), job.examples is not None)
        self._show_scores(job, is_new=before is None or before.path != job.path or before.evaluation is None)
        self.advice.setVisible(job.evaluation is not None)
        words, role = advice_words(job)
        self.advice.setText(words)
        set_role(self.advice, role)
        self._draw()
        self._enable(job)

    def show_fault(self, text: str) -> None:
        """Why something that was asked for was not done; "" takes it back."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))

    @property
    def wish(self) -> StartWish:
        """As the person has put it."""
        made = StartWish(
            self.model.currentData(), list(PRESETS)[self.preset.currentIndex()], float(self.minutes.value())
        )
        place = list(DEVICES)[self.device.currentIndex()]
        if place == RAY:
            return replace(made, engine=RAY, address=self.address.text().strip())
        return replace(made, device=place)

    # --- making

    def _make_head(self) -> QHBoxLayout:
        line = QHBoxLayout()
        label = QLabel("&Job")
        self.jobs = QComboBox()
        self.jobs.setAccessibleName("Job")
        self.jobs.setMinimumHeight(HIT_PX)
        self.jobs.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        label.setBuddy(self.jobs)
        self.rollback = TextButton("Back to the model before")
        self.rollback.setToolTip("Use the model again that was used before the last one was promoted")
        line.addWidget(label)
        line.addWidget(self.jobs, 1)
        line.addWidget(self.rollback)
        self.library = TextButton("Models…")
        self.library.setToolTip("The models of this machine: names, origins, scores, files")
        line.addWidget(self.library)
        self.library.clicked.connect(self.models_requested)
        self.jobs.activated.connect(lambda n: self.job_chosen.emit(self.jobs.itemData(n)))
        self.rollback.clicked.connect(self.rollback_requested)
        return line

    def _make_setup(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        self.tree = MaterialTree()
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        column.addWidget(self.tree, 1)
        column.addWidget(self.reason)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.model, self.preset, self.device = QComboBox(), QComboBox(), QComboBox()
        for box in (self.model, self.preset, self.device):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.preset.addItems(list(PRESETS.values()))
        self.device.addItems(list(DEVICES.values()))
        self.minutes = QSpinBox()
        self.minutes.setRange(1, _MOST_MINUTES)
        self.minutes.setValue(20)
        self.minutes.setSuffix(" min at most")
        rows = (("&Begin with", self.model), ("&What learns", self.preset), ("&Time", self.minutes),
                ("&On", self.device))  # fmt: skip
        for words, widget in rows:
            widget.setMinimumHeight(HIT_PX)
            widget.setAccessibleName(words.replace("&", ""))
            form.addRow(words, widget)
        self.address = QLineEdit(placeholderText="http://HOST:8265, the cluster's dashboard")
        self.address.setMinimumHeight(HIT_PX)
        self.address.setAccessibleName("Address of the cluster")
        form.addRow("&Address", self.address)
        form.setRowVisible(self.address, False)
        self.device.currentIndexChanged.connect(lambda n: form.setRowVisible(self.address, list(DEVICES)[n] == RAY))
        column.addLayout(form)
        self.start = TextButton("Start")
        self.start.setToolTip("Learn from the project as it is now; it goes on when this window is closed")
        line = QHBoxLayout()
        line.addStretch()
        line.addWidget(self.start)
        column.addLayout(line)
        self.start.clicked.connect(lambda: self.start_requested.emit(self.wish))
        return page

    def _make_job(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(6)
        self.bar.setAccessibleName("How far the job is")
        self.pace = QLabel()
        set_role(self.pace, "dim")
        self.advice = QLabel()
        self.advice.setWordWrap(True)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._make_curves(), "Cu&rves")
        self.examples = ExamplesTable()
        self.tabs.addTab(self.examples, "E&xamples")
        self.scores = ScoresTable()
        self.tabs.addTab(self.scores, "C&omparison")
        self.log = QPlainTextEdit(readOnly=True)
        self.log.setMaximumBlockCount(400)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setAccessibleName("Log")
        self.log.setTabChangesFocus(True)
        self.tabs.addTab(self.log, "&Log")
        for widget in (self.state, self.bar, self.pace, self.advice):
            column.addWidget(widget)
        column.addWidget(self.tabs, 1)
        column.addLayout(self._make_buttons())
        self.scores.frame_chosen.connect(self.frame_chosen)
        self.examples.frame_chosen.connect(self.frame_chosen)
        self.tabs.currentChanged.connect(lambda _: self._draw())
        return page

    def _make_curves(self) -> QWidget:
        page = QWidget()
        self._curves = QVBoxLayout(page)
        self._curves.setContentsMargins(0, SPACING_PX // 2, 0, 0)
        self.check = QComboBox()
        self.check.addItems(list(CHECK_WORDS.values()))
        self.check.setAccessibleName("Number of the check set")
        self.check.setMinimumHeight(HIT_PX)
        line = QHBoxLayout()
        line.addStretch()
        line.addWidget(QLabel("Check set"))
        line.addWidget(self.check)
        self._curves.addLayout(line)
        self.check.currentIndexChanged.connect(lambda _: self._draw())
        return page

    def _make_buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.stop, self.cancel, self.resume = TextButton("Stop early"), TextButton("Cancel"), TextButton("Go on")
        self.compare, self.reject_, self.promote = (
            TextButton("Compare in the picture"), TextButton("Reject"), TextButton("Promote"),
        )  # fmt: skip
        tips = {
            self.stop: "End now and keep the best so far; it is judged then",
            self.cancel: "Give up; nothing of it is kept",
            self.resume: "Queue it again; it goes on from what it saved",
            self.compare: "Both models over the picture, side by side",
            self.reject_: "The new model is not wanted",
            self.promote: "The window uses the new model from now on",
        }
        for button, tip in tips.items():
            button.setToolTip(tip)
            line.addWidget(button)
            if button is self.resume:
                line.addStretch()
        signals = (self.stop_requested, self.cancel_requested, self.resume_requested, self.compare_requested,
                   self.reject_requested, self.promote_requested)  # fmt: skip
        for button, signal in zip(tips, signals, strict=True):
            button.clicked.connect(signal)
        return line

    # --- showing

    def _show_pace(self, job: JobView) -> None:
        done, of = job.pace.judged or (job.pace.step, job.pace.of)
        minutes = job.record.request.minutes
        share = done / of if of else 0.0
        if job.pace.judged is None and minutes:
            share = max(share, min(1.0, job.ran_s / (60 * minutes)))
        is_live = job.state in LIVE and (job.state in AT_WORK or job.is_alive)
        self.bar.setVisible(is_live)
        self.bar.setRange(0, 1000 if share else 0)
        self.bar.setValue(round(1000 * share))
        self.pace.setText(pace_words(job))
        self.pace.setVisible(bool(self.pace.text()))

    def _show_scores(self, job: JobView, *, is_new: bool) -> None:
        has_scores = job.evaluation is not None
        self.scores.set_evaluation(job.evaluation)
        self.tabs.setTabEnabled(self.tabs.indexOf(self.scores), has_scores)
        if has_scores and is_new:
            self.tabs.setCurrentWidget(self.scores)

    def _enable(self, job: JobView) -> None:
        works = job.state in AT_WORK and not job.is_orphan
        self.stop.setEnabled(works and job.state is not JobState.STOPPING and not job.wish)
        self.cancel.setEnabled(
            job.state not in (JobState.EVALUATED, JobState.PROMOTED, JobState.REJECTED, JobState.CANCELLED)
            and job.wish != "cancel"
        )
        can_resume = job.state in (JobState.FAILED, JobState.DRAFT) or job.is_orphan
        self.resume.setEnabled(can_resume or (job.state is JobState.STOPPED and not job.is_alive))
        for button in (self.promote, self.reject_):
            button.setEnabled(job.is_decidable)
        self.compare.setEnabled(job.evaluation is not None and job.state is not JobState.CANCELLED)

    def _draw(self) -> None:
        if self._job is None or not self._job.runs or self.tabs.currentIndex() != 0 or not self.isVisible():
            return
        if self._plots is None:
            from panosod_viewer.widgets.training_plots import TrainingPlots

            self._plots = TrainingPlots()
            self._curves.insertWidget(0, self._plots, 1)
        self._plots.set_runs(self._job.runs, shown=list(CHECK_WORDS)[self.check.currentIndex()])

    def setVisible(self, visible: bool) -> None:  # noqa: N802 - Qt's name
        """Tell that it is shown or hidden."""
        super().setVisible(visible)
        self._draw()
        self.shown_changed.emit(visible)
