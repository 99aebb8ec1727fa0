"""In and out: export, import and comparing with another project, with their dialogs; the work is done in threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Edit
from panosod_core.annotation.records import FrameKey
from panosod_core.annotation.store import SUFFIX
from panosod_core.errors import PanosodError
from panosod_viewer.annotating.comparing import KEY, Comparing
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.exchange_words import notes_head, plan_words, sentence
from panosod_viewer.annotating.import_writing import ImportWriting
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.state import ViewerState
from panosod_viewer.workers.exchanging import (
    Compared,
    Imported,
    PlannedImport,
    Task,
    TaskDone,
    TaskFailed,
    TaskPart,
    TaskProgress,
    compare_projects,
    export_project,
    import_masks,
    plan_masks,
)
from panosod_viewer.workers.mailbox import Mailbox

if TYPE_CHECKING:
    # The dialogs are made when they are first wanted.
    from PySide6.QtWidgets import QMessageBox

    from panosod_core.annotation.formats.exporting import ExportOptions
    from panosod_viewer.panels.export_dialog import ExportDialog
    from panosod_viewer.panels.import_dialog import ImportDialog

OPEN_FOLDER = "annotate.open_folder:"
HALF = "exchange.half"
MOST_UNSAVED = 16
"""Frames of an import that may wait for the disk."""
BRIEFLY_S = 0.2
"""So long a thread is waited for that was reading masks; what it still says is not heard."""
FLUSH_S = 5.0
"""Strokes on their way to the disk are waited for at most this long."""


class Exchange(QObject):
    """At most one task runs.

    Attributes:
        comparing: another annotator's project.

    Signals:
        notice (object), notice_over (str).
        import_begins (): whoever else edits by itself is to stop.
    """

    notice = Signal(object)
    notice_over = Signal(str)
    import_begins = Signal()
    _mail_came = Signal()

    def __init__(
        self,
        *,
        desk: AnnotationDesk,
        session: ClipSession,
        state: ViewerState,
        player: Player,
        window: MainWindow,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self._session, self._window = desk, session, window
        self.export_dialog: ExportDialog | None = None
        self.import_dialog: ImportDialog | None = None
        self.notes_box: QMessageBox | None = None
        self.comparing = Comparing(desk=desk, session=session, state=state, player=player, window=window, parent=self)
        self._task: Task | None = None
        self._tasks = 0
        self.every = 6
        """The keyframe rule, proposed for data sets where all that is painted keeps to it."""
        self._planned: PlannedImport | None = None
        self._writing: ImportWriting | None = None
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self.comparing.notice.connect(self.notice)
        desk.project_changed.connect(lambda _: self._project_gone())
        desk.unsaved_changed.connect(lambda _: self._give_room())
        desk.at_work.append(self._is_at_work)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {
            "project.export": self.show_export,
            "project.import": self.show_import,
            "project.compare": self.choose_other,
        }

    def act(self, action: str) -> None:
        """A button of one of our notices was pressed."""
        if action.startswith(OPEN_FOLDER):
            QDesktopServices.openUrl(QUrl.fromLocalFile(action.removeprefix(OPEN_FOLDER)))

    def close(self) -> None:
        """Abandon what runs."""
        self._drop_task()
        self._take_back()
        self.comparing.forget()

    # --- export

    def show_export(self) -> None:
        """Ask what is to be written."""
        from panosod_viewer.panels.export_dialog import ExportDialog

        document, clip = self._desk.document, self._desk.clip
        if document is None or clip is None:
            self._say("There is nothing to export: no project with this clip is open")
            return
        if self.export_dialog is None:
            self.export_dialog = ExportDialog(self._window)
            self.export_dialog.export_requested.connect(self.export)
            self.export_dialog.stop_requested.connect(self._stop_task)
        rows = document.frames(clip.id)
        count = clip.frame_count or (rows[-1].key.index + 1 if rows else 1)
        every = self.every if all(row.key.index % self.every == 0 for row in rows) else 1
        folder = _free(document.path.with_name(f"{document.path.stem} masks"))
        self.export_dialog.set_project(folder=folder, frame_count=count, every=every)
        self.export_dialog.say("")
        self.export_dialog.open()

    def export(self, options: ExportOptions, folder: Path) -> None:
        """Write the project's masks into a folder, in a thread."""
        document = self._flushed()
        if document is None:
            return
        project = document.path
        if self.export_dialog is not None:
            self.export_dialog.set_running(0.0)
        self._begin(export_project(project, folder, options, media=lambda clip: clip_file(project, clip)))

    # --- import

    def show_import(self) -> None:
        """Ask which masks."""
        from panosod_viewer.panels.import_dialog import NO_PLAN, ImportDialog

        if not self._desk.ensure_project():
            return
        if self.import_dialog is None:
            self.import_dialog = ImportDialog(self._window)
            self.import_dialog.plan_requested.connect(self.plan_import)
            self.import_dialog.import_requested.connect(self.apply_import)
            self.import_dialog.rejected.connect(self._stop_task)
        self._planned = None
        self.import_dialog.set_plan(NO_PLAN, is_ready=False)
        self.import_dialog.open()

    def plan_import(self, path: Path, name: str) -> None:
        """See what an import would do, in a thread."""
        self._planned = None
        document, clip, info = self._flushed(), self._desk.clip, self._session.info
        if document is None or clip is None or info is None:
            return
        self._begin(plan_masks(document.path, clip, info.path, path, name=name))

    def apply_import(self) -> None:
        """Do what was planned: drafts, one step; the masks are read again in a thread, meanwhile the dialog stays."""
        self.import_begins.emit()
        document, planned = self._flushed(), self._planned
        if document is None or planned is None or planned.plan is None or self.import_dialog is None:
            return
        self._planned = None
        self.import_dialog.set_writing(0, planned.plan.changed)
        self._begin(import_masks(document.path, planned.plan))
        self._writing = ImportWriting(f"Import {planned.path.name}", planned.path.name, planned.plan.new_objects)

    def _put(self, part: tuple[FrameKey, Edit]) -> None:
        writing = self._writing
        if writing is None:
            return
        self._desk.act(lambda document: writing.put(document, part))
        if writing.failure:  # at once: that all was read may be on its way already
            self._drop_task(timeout_s=BRIEFLY_S)
            self._failed(writing.failure)
            return
        self._give_room()

    def _give_room(self) -> None:
        """Frames that are on the disk, or nearly, make room for others."""
        document, writing = self._desk.document, self._writing
        if self._task is None or document is None or writing is None or document.dirty > MOST_UNSAVED:
            return
        for _ in range(writing.owed):
            self._task.taken()
        writing.owed = 0

    def _take_back(self) -> None:
        """Nothing stays of an import that was not finished, and no redo brings it back."""
        writing, self._writing = self._writing, None
        document = self._desk.document
        if writing is None or writing.step is None or document is None:
            return
        if writing.is_last(document):
            self._desk.act(lambda d: d.undo(for_good=True))
        else:
            text = (
                f"{writing.name} came into {writing.frames} frames only, and something else was done since: they stay"
            )
            self.notice.emit(Notice(text, Severity.WARNING, key=HALF))

    def _imported(self) -> None:
        writing, self._writing = self._writing, None
        if self.import_dialog is not None:
            self.import_dialog.accept()
        if writing is not None and writing.step is not None:
            text = f"Drafts were added to {writing.frames} frames from {writing.name}"
            self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=8.0))

    # --- compare and merge

    def choose_other(self) -> None:
        """Ask for another annotator's project and compare."""
        document = self._desk.document
        if document is None:
            self._say("There is nothing to compare with: no project is open")
            return
        filters = f"Projects (*{SUFFIX});;All files (*)"
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Another annotator's project", str(document.path.parent), filters
        )
        if name:
            self.compare(Path(name))

    def compare(self, other: Path) -> None:
        """Compare with another project, in a thread."""
        document = self._flushed()
        if document is not None:
            self.comparing.forget()
            self.notice.emit(Notice(f"Comparing with {other.name}…", key=KEY))
            self._begin(compare_projects(document.path, other))

    # --- tasks

    def _say(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=6.0))

    def _flushed(self) -> Document | None:
        """The project, with every stroke on the disk."""
        document = self._desk.document
        if document is None:
            self._say("No project is open")
            return None
        try:
            document.flush(FLUSH_S)
        except PanosodError as error:
            dialog, is_planned = self.import_dialog, self._planned is not None
            if dialog is not None and dialog.isVisible():
                text = f"{error}. Nothing was imported: press Import to try again." if is_planned else str(error)
                dialog.set_plan(text, is_ready=is_planned, is_error=True)
            else:
                self.notice.emit(Notice(str(error), Severity.ERROR, key=KEY))
            return None
        return document

    def _begin(self, work: Callable[[Task], object]) -> None:
        self._drop_task()
        self._take_back()
        self._tasks += 1
        self._task = Task(self._tasks, work, self._mail.post)
        self._task.start()

    def _stop_task(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        if self._writing is not None:  # at once: what is done before the thread has noticed would come on top of it
            self._drop_task(timeout_s=BRIEFLY_S)
            self._take_back()

    def _drop_task(self, *, timeout_s: float = 2.0) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.close(timeout_s=timeout_s)

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if self._task is None or letter.number != self._task.number:
                if isinstance(letter, TaskDone) and isinstance(letter.result, Compared):
                    letter.result.theirs.close()
                continue
            if isinstance(letter, TaskPart):
                self._put(letter.part)
                continue
            if isinstance(letter, TaskProgress):
                if self._writing is not None and self.import_dialog is not None:
                    self.import_dialog.set_writing(letter.done, letter.total)
                elif self.export_dialog is not None:
                    self.export_dialog.set_running(letter.done / max(1, letter.total))
                continue
            self._drop_task()
            if isinstance(letter, TaskFailed):
                self._failed(letter.text)
            elif isinstance(letter.result, PlannedImport):
                self._show_plan(letter.result)
            elif isinstance(letter.result, Imported):
                self._imported()
            elif isinstance(letter.result, Compared):
                self.notice_over.emit(KEY)
                self.comparing.show(letter.result)
            else:
                self._exported(letter.result)

    def _failed(self, text: str) -> None:
        self.notice_over.emit(KEY)
        self._take_back()
        if self.export_dialog is not None and self.export_dialog.isVisible():
            self.export_dialog.set_running(None)
            self.export_dialog.say(text or "The export was abandoned; nothing was written")
        elif self.import_dialog is not None and self.import_dialog.isVisible():
            self.import_dialog.set_plan(text, is_ready=False, is_error=True)
        elif text:
            self.notice.emit(Notice(text, Severity.ERROR, key=KEY))

    def _exported(self, done: object) -> None:
        from panosod_core.annotation.formats.exporting import Exported
        from panosod_viewer.panels.export_dialog import notes_box

        if not isinstance(done, Exported):
            raise TypeError(f"expected what an export has made, got {done!r}")
        if self.export_dialog is not None:
            self.export_dialog.set_running(None)
            self.export_dialog.accept()
        text = f"Exported {done.frames} frames, {done.files} files, to {done.target.name}"
        actions = ((f"{OPEN_FOLDER}{done.target}", "Open folder"),)
        if not done.notes:
            self.notice.emit(Notice(text, Severity.INFO, actions, KEY))
            return
        self.notice.emit(Notice(f"{text}. {notes_head(done.notes)}", Severity.WARNING, actions, KEY))
        self.notes_box = notes_box(self._window, text, [sentence(note) for note in done.notes])
        self.notes_box.open()

    def _show_plan(self, planned: PlannedImport) -> None:
        dialog = self.import_dialog
        if dialog is None or not dialog.isVisible():
            return
        dialog.set_sources(planned.names, planned.chosen)
        self._planned = planned
        if planned.plan is None:
            dialog.set_plan(f"There are {len(planned.names)} clips of masks: choose one above.", is_ready=False)
        else:
            dialog.set_plan(plan_words(planned), is_ready=planned.plan.changed > 0)

    def _is_at_work(self) -> bool:
        dialog = self.comparing.dialog
        return self._task is not None or (dialog is not None and dialog.isVisible())

    def _project_gone(self) -> None:
        if self._task is not None:
            self.notice_over.emit(KEY)
        self._drop_task()
        self._writing = None
        self.comparing.close()
        for dialog in (self.export_dialog, self.import_dialog):
            if dialog is not None:
                dialog.close()


def _free(folder: Path) -> Path:
    """A name beside this one that nothing has yet."""
    n, found = 2, folder
    while found.exists():
        found = folder.with_name(f"{folder.name} {n}")
        n += 1
    return found
