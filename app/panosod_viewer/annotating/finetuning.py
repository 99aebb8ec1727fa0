"""Finetuning in the window: the open project's jobs, started, followed, judged by a person.

A job is a process of its own and the truth about it lies in its folder; closing the window ends no job. All files are
read in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Thread

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.training.jobs.folder import CANDIDATE
from panosod_core.training.jobs.states import AT_WORK, JobState
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.frame_jump import FrameJump
from panosod_viewer.annotating.job_ledger import copied_into
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.finetune_panel import FinetunePanel
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.tools.training import LIVE, JobView, StartWish
from panosod_viewer.tools.training_words import advice_words
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.training import (
    JobMade,
    JobSeen,
    JobsSeen,
    MaterialSeen,
    ModelChanged,
    Refused,
    TrainingThread,
    newest,
)

SHOW = "finetune.show"
"""Id of the notice's button that opens the panel."""
KEY = "finetune"
COUNT_MS = 600
_SECONDS = 12.0
_PLOTS = "panosod_viewer.widgets.training_plots"
_ENDED = (JobState.EVALUATED, JobState.FAILED)


class Finetuning(QObject):
    """Joins the panel, the thread that reads jobs, and the project on the desk.

    Attributes:
        panel: the window's panel.

    Signals:
        notice (object): a Notice.
        default_changed (): another model is the default: whoever uses "the default" must load it anew.
        compare_wished (str, str): two model files to lay over the picture; "" is the default model.
        models_wished (): show the models of this machine.
        library_changed (): a model was added, or another one is the default.
    """

    notice = Signal(object)
    default_changed = Signal()
    compare_wished = Signal(str, str)
    models_wished = Signal()
    library_changed = Signal()
    _mail_came = Signal()

    def __init__(
        self,
        *,
        desk: AnnotationDesk,
        window: MainWindow,
        session: ClipSession,
        player: Player,
        make_thread: Callable[[Callable[[object], None]], TrainingThread] = TrainingThread,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self._window = desk, window
        self._jump = FrameJump(desk=desk, session=session, player=player, parent=self)
        self._make_thread = make_thread
        self._thread: TrainingThread | None = None
        self._project: Path | None = None
        self._chosen: Path | None = None
        self._wants_new = False
        self._copied: object = None
        self._job: JobView | None = None
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self._count = QTimer(self, singleShot=True, interval=COUNT_MS)
        self._count.timeout.connect(self._survey)
        self.panel = FinetunePanel(window)
        self._connect()
        self._project_changed()

    @property
    def job(self) -> JobView | None:
        """The job in sight."""
        return self._job

    @property
    def jobs(self) -> TrainingThread:
        """What reads and asks; started now if it is not yet."""
        if self._thread is None:
            self._thread = self._make_thread(self._mail.post)
        return self._thread

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {"finetune.panel": self.show, "finetune.rollback": lambda: self.jobs.roll_back()}

    def show(self) -> None:
        """Open the panel."""
        self.panel.show()
        self.panel.raise_()
        self.panel.activateWindow()

    def act(self, action: str) -> None:
        """A button of one of our notices was pressed."""
        if action == SHOW:
            self.show()

    def close(self) -> None:
        """End the thread and hide the panel; jobs go on."""
        self._count.stop()
        self._mail.attach(None)
        self.panel.close()
        if self._thread is not None:
            self._thread.close()

    # --- joining

    def _connect(self) -> None:
        panel = self.panel
        panel.shown_changed.connect(self._shown)
        panel.start_requested.connect(self._start)
        panel.job_chosen.connect(self._choose)
        panel.stop_requested.connect(lambda: self._of_job(self.jobs.stop))
        panel.cancel_requested.connect(lambda: self._of_job(self.jobs.cancel))
        panel.resume_requested.connect(lambda: self._of_job(self.jobs.resume))
        panel.promote_requested.connect(lambda: self._of_job(self.jobs.promote))
        panel.reject_requested.connect(lambda: self._of_job(self.jobs.reject))
        panel.rollback_requested.connect(lambda: self.jobs.roll_back())
        panel.compare_requested.connect(self._compare)
        panel.models_requested.connect(self.models_wished)
        panel.frame_chosen.connect(self._jump.go)
        self._jump.refused.connect(
            lambda text: self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=_SECONDS))
        )
        self._desk.project_changed.connect(lambda _: self._project_changed())
        self._desk.edited.connect(lambda _: self._count.start())
        self._desk.unsaved_changed.connect(lambda _: self._count.start())

    def _project_changed(self) -> None:
        document = self._desk.document
        project = None if document is None else document.path.absolute()
        if project == self._project:
            return
        self._project = project
        self._wants_new = False
        self._copied = None
        self._look_at(None)
        self.panel.set_material(None, project="" if project is None else project.name)
        self.panel.set_jobs((), chosen=None)
        if project is not None:
            # A quarter of a second of work, which the first curve would have to wait for.
            Thread(target=import_module, args=(_PLOTS,), name="panosod-plots", daemon=True).start()
            self.jobs.list(project)  # a job that a window before this one has started is found again
            self._count.start()

    def _shown(self, shown: bool) -> None:
        if shown:
            self.panel.show_fault("")
            self.jobs.list(self._project)
            self._survey()

    def _survey(self) -> None:
        if self._project is not None and self.panel.isVisible():
            self.jobs.survey(self._project)

    # --- wishes

    def _start(self, wish: StartWish) -> None:
        if self._project is not None:
            self.panel.show_fault("")
            self.panel.start.setEnabled(False)  # until the job is there: one press, one job
            self.jobs.start(self._project, wish)

    def _choose(self, path: Path | None) -> None:
        self._wants_new = path is None
        self.panel.show_fault("")
        self._look_at(path)
        if path is None:
            self._survey()

    def _look_at(self, path: Path | None) -> None:
        self._chosen = path
        self._job = None
        if path is None:
            self.panel.set_job(None)
        if self._thread is not None:
            self._thread.watch(path)

    def _of_job(self, do: Callable[[Path], None]) -> None:
        if self._chosen is not None:
            self.panel.show_fault("")
            do(self._chosen)

    def _compare(self) -> None:
        if self._job is not None:
            # Once it is promoted the new model is the default, and what was before is the other one.
            is_new = self._job.state is JobState.PROMOTED
            before, after = self._job.path / "incumbent.safetensors", self._job.path / CANDIDATE
            # On the left what was before, also where the new one is the default by now.
            left, right = (str(before), "") if is_new else ("", str(after))
            self.compare_wished.emit(left, right)

    def models_changed(self) -> None:
        """The library was changed elsewhere."""
        if self._thread is not None or self.panel.isVisible():
            self.jobs.list(self._project)

    # --- what the thread has seen

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if isinstance(letter, MaterialSeen):
                if letter.material.project == self._project:
                    self.panel.set_material(letter.material)
            elif isinstance(letter, JobsSeen):
                self._jobs_seen(letter)
            elif isinstance(letter, JobSeen):
                self._job_seen(letter.job)
            elif isinstance(letter, JobMade):
                self._wants_new = False
                self._look_at(letter.path)
                self.jobs.list(self._project)
            elif isinstance(letter, ModelChanged):
                self.notice.emit(Notice(letter.text, Severity.INFO, key=KEY, seconds=_SECONDS))
                self.default_changed.emit()
                self.library_changed.emit()
                self.jobs.list(self._project)
            elif isinstance(letter, Refused):
                self._refused(letter.text)

    def _jobs_seen(self, seen: JobsSeen) -> None:
        self.panel.set_models(seen.models)
        if seen.project != self._project:
            return
        found = newest(seen.jobs)
        if self._chosen is None and not self._wants_new and found is not None and found.state in LIVE | set(_ENDED):
            self._look_at(found.path)
        self.panel.set_jobs(seen.jobs, chosen=self._chosen)
        self._copied = copied_into(self._desk.document, seen, before=self._copied)

    def _job_seen(self, job: JobView) -> None:
        if job.path != self._chosen:
            return
        before, self._job = self._job, job
        self.panel.set_job(job)
        if before is not None and before.state is job.state:
            return
        self.jobs.list(self._project)
        was_at_work = before is not None and before.state in LIVE
        if job.state in _ENDED and was_at_work and not self.panel.isVisible():
            text = advice_words(job)[0] if job.state is JobState.EVALUATED else f"It failed: {job.record.message}"
            severity = Severity.INFO if job.state is JobState.EVALUATED else Severity.WARNING
            self.notice.emit(Notice(f"Finetuning: {text}", severity, ((SHOW, "Show"),), key=KEY))
        elif before is None and job.state in AT_WORK and not self.panel.isVisible():
            text = f"A finetuning job of this project is at work: {job.path.name}"
            self.notice.emit(Notice(text, Severity.INFO, ((SHOW, "Show"),), key=KEY, seconds=_SECONDS))

    def _refused(self, text: str) -> None:
        self.panel.show_fault(text)
        if not self.panel.isVisible():
            self.notice.emit(Notice(text, Severity.WARNING, key=KEY))
        self._survey()
