"""The project that is open: opening, closing and saving it under other names, edits of it, the store thread's answers.

There is no "save": an edit is on the disk a moment later; if it cannot be, that is said, and tried again when asked.
The store thread's answers come back through queued signals.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.annotation.backups import recover
from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.faults import ProjectDamagedError
from panosod_core.annotation.writer_lock import WriterLock
from panosod_core.errors import PanosodError
from panosod_viewer.panels.notice import Notice, Severity

RETRY = "annotate.retry"
"""Id of the notice's button that writes again what could not be written."""
NOT_SAVED = "annotate.not_saved"
NOT_BACKED_UP = "annotate.not_backed_up"
SAVE_AS = "annotate.save_as"
"""Id of the button that writes the project elsewhere."""
GIVE_UP = "annotate.give_up"
"""Id of the button that closes the window without what could not be written."""
OPEN_BACKUP = "annotate.backup:"
"""Start of the id of the button that makes a project of a damaged one's backup; the damaged file's path follows."""

WAIT_S = 0.3
"""The window stands still at most so long for one who only writes a row into the project; then it is only looked at,"""
AGAIN_MS, TRIES = 1000, 5
"""and tried again so often whether it may be written now."""


class ProjectAtHand(QObject):
    """At most one project is open. Whoever inherits says what is laid down before and taken up after.

    Signals:
        project_changed (object): the Document, or None.
        unsaved_changed (int): steps that are not on the disk.
        notice (object), notice_over (str).
    """

    project_changed = Signal(object)
    unsaved_changed = Signal(int)
    notice = Signal(object)
    notice_over = Signal(str)
    _committed = Signal(int)
    _failed = Signal(str)
    _backed_up = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._is_leaving = False
        self._tries = 0
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._try_again)
        queued = Qt.ConnectionType.QueuedConnection
        self._committed.connect(self._note_committed, queued)
        self._failed.connect(self._note_failed, queued)
        self._backed_up.connect(self._note_backup, queued)

    @property
    def document(self) -> Document | None:
        """The open project."""
        return self._document

    # --- for whoever inherits

    def _lay_down(self) -> None:
        """What is tentative is dropped."""

    def _opened(self) -> None:
        """Another project is open."""

    def _closing(self) -> None:
        """The project is about to be closed, if it can be."""

    def _closed(self) -> None:
        """None is open."""

    def _follow(self, done: Done) -> None:
        """The document has changed."""

    def _may_reopen(self) -> bool:
        """Whether nobody would mind if the project were closed and opened again now."""
        return True

    # --- opening and closing

    def open_project(self, path: Path) -> bool:
        """Open a project instead of the one that is open; False where it cannot be, which is told."""
        if self._document is not None and self._document.path.resolve() == path.resolve():
            return True
        return self._open(path)

    def _open(self, path: Path) -> bool:
        return self._take(
            lambda: Document.open(
                path,
                author=_author(),
                on_committed=self._on_committed,
                on_error=self._on_error,
                on_backup=self._on_backup,
                soon=_soon,
                wait_s=WAIT_S,
            )
        )

    def create_project(self, path: Path) -> bool:
        """Make a new project and open it; False where it cannot be, which is told."""
        return self._take(
            lambda: Document.create(
                path,
                author=_author(),
                on_committed=self._on_committed,
                on_error=self._on_error,
                on_backup=self._on_backup,
                soon=_soon,
            )
        )

    def _take(self, opening: Callable[[], Document]) -> bool:
        try:
            document = opening()
        except ProjectDamagedError as error:
            actions = ((f"{OPEN_BACKUP}{error.project}", "Open the backup"),) if error.backup is not None else ()
            self.notice.emit(Notice(str(error), Severity.ERROR, actions, key="annotate.project"))
            return False
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.ERROR, key="annotate.project"))
            return False
        if not self.close_project():
            document.close()
            return False
        self._document = document
        self._tell_looking_only(document)
        holder = document.store.holder
        if holder is not None and holder.is_brief:
            self._tries = TRIES
            self._again.start(AGAIN_MS)
        self.project_changed.emit(document)
        self._opened()
        return True

    def _tell_looking_only(self, document: Document) -> None:
        if document.why_read_only is not None:
            text = f"{document.path.name} is open for looking only: {document.why_read_only}"
            actions = ((RETRY, "Try again"),) if document.store.holder is not None else ()
            self.notice.emit(Notice(text, Severity.WARNING, actions, key="annotate.project"))

    def _try_again(self) -> None:
        """Who only writes a row may have gone by now."""
        document = self._document
        if document is None:
            return
        self._tries -= 1
        if not (self._may_reopen() and self._open_to_write(document)) and self._tries > 0:
            self._again.start(AGAIN_MS)

    def _open_to_write(self, document: Document) -> bool:
        """Open a project again that somebody else wrote; False while they still do."""
        path = document.path
        try:
            found = WriterLock.take(path, author=_author())
        except PanosodError:  # it cannot be written for another reason now
            return False
        if not isinstance(found, WriterLock):
            return False
        found.release()
        self.notice_over.emit("annotate.project")
        return self._open(path)

    def recover(self, damaged: Path) -> bool:
        """Make a project of a damaged one's newest whole backup, beside it, and open that; False is told."""
        made: list[Path] = []
        return self._try(lambda: made.append(recover(damaged))) and self.open_project(made[0])

    def close_project(self, *, discard: bool = False, is_leaving: bool = False) -> bool:
        """Close the project; False where strokes cannot be written, which is told, and it stays open.

        Args:
            discard: give up what cannot be written.
            is_leaving: the window is about to close: the notice has a way to close it all the same.
        """
        document = self._document
        if document is None:
            return True
        self._closing()
        try:
            document.close(discard=discard)
        except PanosodError as error:
            self._note_failed(str(error), is_leaving=is_leaving)
            return False
        self._document, self._is_leaving = None, False
        self._again.stop()
        self.notice_over.emit(NOT_BACKED_UP)
        self._closed()
        self.project_changed.emit(None)
        return True

    def save_as(self, path: Path) -> bool:
        """Go on under another name."""
        return self._try(lambda: self._document.save_as(path) if self._document is not None else None)

    def export_copy(self, path: Path) -> bool:
        """Write the project as it is under another name; this one stays open."""
        return self._try(lambda: self._document.export_copy(path) if self._document is not None else None)

    def retry(self) -> None:
        """Write again what could not be written; or open to write what somebody else was writing."""
        document = self._document
        if document is None:
            return
        if document.store.holder is None:
            document.retry()
        elif not self._open_to_write(document):
            self._tell_looking_only(document)

    def _try(self, doing: Callable[[], object]) -> bool:
        try:
            doing()
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.ERROR, key="annotate.project"))
            return False
        return True

    # --- edits

    def act(self, doing: Callable[[Document], Done | None]) -> bool:
        """Do anything that the document can; what cannot be is told. False where nothing has changed."""
        document = self._document
        if document is None:
            return False
        self._lay_down()
        try:
            done = doing(document)
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return False
        if done is None:
            return False
        self._follow(done)
        return True

    # --- the store thread's answers

    def _on_committed(self, sequence: int) -> None:
        self._committed.emit(sequence)

    def _on_error(self, error: PanosodError) -> None:
        self._failed.emit(str(error))

    def _on_backup(self, error: PanosodError | None) -> None:
        self._backed_up.emit("" if error is None else str(error))

    def _note_backup(self, failure: str) -> None:
        if failure and self._document is not None:
            self.notice.emit(Notice(failure, Severity.WARNING, key=NOT_BACKED_UP))
        else:
            self.notice_over.emit(NOT_BACKED_UP)

    def _note_committed(self, _sequence: int) -> None:
        document = self._document
        if document is None:
            return
        if document.dirty == 0:
            self._is_leaving = False
            self.notice_over.emit(NOT_SAVED)
        self.unsaved_changed.emit(document.dirty)

    def _note_failed(self, text: str, *, is_leaving: bool = False) -> None:
        waiting = 0 if self._document is None else self._document.dirty
        strokes = "1 stroke waits" if waiting == 1 else f"{waiting} strokes wait"
        words = f"{text} ({strokes}, nothing is lost)" if waiting else text
        actions = [(RETRY, "Try again"), (SAVE_AS, "Save as…")]
        # Once somebody wanted to leave, failing again must not take the way out from them.
        self._is_leaving = self._is_leaving or is_leaving
        if self._is_leaving:
            actions.append((GIVE_UP, "Give up and close"))
        self.notice.emit(Notice(words, Severity.ERROR, tuple(actions), NOT_SAVED))


def _soon(doing: Callable[[], None]) -> None:
    """After the event at hand: until then the store thread keeps out of the way."""
    QTimer.singleShot(1, doing)  # not 0: where the window never comes to rest, such timers wait for ever


def _author() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"
