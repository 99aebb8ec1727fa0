"""Another copy of a clip in the place of its file: its frames are read in a thread, what it lacks is shown, then asked.

The project changes only on "Use this copy".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from panosod_core.annotation.adopting import Adoption, CopyTimes, adopt, check_adoption, plan_adoption
from panosod_core.annotation.document import Document
from panosod_core.annotation.records import Clip
from panosod_core.errors import PanosodError
from panosod_viewer.workers.mailbox import Mailbox

if TYPE_CHECKING:
    from panosod_viewer.workers.exchanging import Task


class CopyAdoption(QObject):
    """One copy at a time; another question drops the one before.

    Signals:
        adopted (object): Path of the copy that is used now.
        refused (str): why a file cannot be.
    """

    adopted = Signal(object)
    refused = Signal(str)
    _mail_came = Signal()

    def __init__(self, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._task: Task | None = None
        self._tasks = 0
        self._wanted: tuple[Document, Clip, Path] | None = None
        self.box: QMessageBox | None = None
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)

    def ask(self, document: Document, clip: Clip, media: Path) -> None:
        """Look into a file and ask whether it shall be the clip's from now on."""
        from panosod_viewer.workers.exchanging import Task  # late: the first picture need not wait for it

        def read(task: Task) -> CopyTimes:
            from panosod_core.annotation.copies import copy_times

            return copy_times(media, should_stop=task.should_stop)

        self.drop()
        self._wanted = document, clip, media
        self._tasks += 1
        self._task = Task(self._tasks, read, self._mail.post)
        self._task.start()

    def drop(self) -> None:
        """Ask no more."""
        task, self._task, self._wanted = self._task, None, None
        if task is not None:
            task.cancel()
        box, self.box = self.box, None
        if box is not None:
            box.close()

    def _read_mail(self) -> None:
        from panosod_viewer.workers.exchanging import TaskDone, TaskFailed

        for letter in self._mail.take():
            if self._task is None or self._wanted is None or letter.number != self._task.number:
                continue
            self._task = None
            if isinstance(letter, TaskFailed):
                self._wanted = None
                self.refused.emit(letter.text)
            elif isinstance(letter, TaskDone):
                self._show(letter.result)

    def _show(self, times: CopyTimes) -> None:
        from panosod_core.annotation.copies import adoption_words

        plan = self._plan(times)
        if plan is None or self._wanted is None:
            return
        _, clip, media = self._wanted
        self.box = box = QMessageBox(self._window)
        box.setWindowTitle("Another copy of the clip")
        box.setIcon(QMessageBox.Icon.Warning if plan.missing else QMessageBox.Icon.Question)
        box.setText(f"{media.name} is not the file that {Path(clip.path).name} was. Use it as another copy of it?")
        box.setInformativeText("\n".join(adoption_words(plan)))
        if plan.missing or plan.moved:
            box.setDetailedText(_list(plan))
        yes = box.addButton("Use this copy", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole))
        yes.clicked.connect(lambda: self._adopt(times))
        box.rejected.connect(self._declined)
        box.finished.connect(box.deleteLater)
        box.open()

    def _declined(self) -> None:
        wanted, self._wanted, self.box = self._wanted, None, None
        if wanted is not None:  # else it was dropped
            _, clip, media = wanted
            self.refused.emit(f"{media.name} is not the file that {Path(clip.path).name} was (its content differs)")

    def _plan(self, times: CopyTimes) -> Adoption | None:
        if self._wanted is None:
            return None
        document, clip, media = self._wanted
        try:
            plan = plan_adoption(document, clip, media, times)
            check_adoption(document, plan)
        except PanosodError as error:
            self._wanted = None
            self.refused.emit(str(error))
            return None
        return plan

    def _adopt(self, times: CopyTimes) -> None:
        """Planned anew: what was painted since the question is in it."""
        self.box = None
        plan = self._plan(times)
        if plan is None or self._wanted is None:
            return
        document, _, media = self._wanted
        self._wanted = None
        try:
            adopt(document, plan)
        except PanosodError as error:
            self.refused.emit(str(error))
        else:
            self.adopted.emit(media)


def _list(plan: Adoption) -> str:
    lines = [f"Frame {key.index}: not in the copy" for key in plan.missing]
    lines += [
        f"Frame {old.index}: number {new.index} in the copy" for old, new in plan.frames if old.index != new.index
    ]
    return "\n".join(lines)
