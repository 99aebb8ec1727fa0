"""Projects as files: new, open, save as, a copy, close; a clip that is not where the project says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from panosod_core.annotation.adopting import find_media, is_same_clip, relink
from panosod_core.annotation.document import Document
from panosod_core.annotation.records import Clip
from panosod_core.annotation.store import SUFFIX
from panosod_core.errors import PanosodError
from panosod_viewer.annotating.copy_adoption import CopyAdoption
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.notice import Notice, Severity

FIND_FILE = "annotate.find_file"
"""Id of the notice's button that asks where a clip is."""
FILES = f"Projects (*{SUFFIX});;All files (*)"
ALL_FILES = "All files (*)"
FLUSH_S = 5.0
"""Strokes on their way to the disk are waited for at most this long."""
CLOSELY = 16
"""Of more clips than this it is only looked whether they are there, not whether they are the same: it takes long."""


class ProjectFiles(QObject):
    """The project's entries of the File menu.

    Signals:
        notice (object): a Notice.
        clip_wished (object): path of a clip that should be opened.
    """

    notice = Signal(object)
    clip_wished = Signal(object)

    def __init__(self, desk: AnnotationDesk, window: MainWindow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._window = window
        self._asked: int | None = None
        self._found: set[int] = set()
        """Clips that a person has shown; a project that is open for looking only does not remember it."""
        self.copies = CopyAdoption(window, self)
        self.copies.adopted.connect(self._taken)
        self.copies.refused.connect(self._refused)
        desk.project_changed.connect(self._forget)
        desk.opened_beside.connect(self._opened_beside)

    def by_id(self) -> dict[str, Callable[[], object]]:
        """By the ids of their actions."""
        return {
            "project.new": self.new,
            "project.open": self.choose,
            "project.save_as": self.save_as,
            "project.export_copy": self.export_copy,
            "project.close": self._desk.close_project,
        }

    def new(self) -> None:
        """A new project for the clip on the screen, where the person says."""
        path = self._ask_new("New project")
        if path is not None and self._desk.create_project(path):
            self._desk.ensure_project()

    def choose(self) -> None:
        """Ask for a project and open it."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a project", self._folder(), FILES)
        if name:
            self.open(Path(name))

    def open(self, path: Path) -> None:
        """Open a project, and its first clip that is there where none is on the screen; ask for those that are not."""
        if not self._desk.open_project(path):
            return
        document = self._desk.document
        if document is None:
            return
        if self._desk.clip is None:
            media = next((m for c in document.clips if (m := find_media(document, c)) is not None), None)
            if media is not None:
                self.clip_wished.emit(media)
        self._ask_for_missing(document)

    def find_file(self, clip: Clip | None = None) -> None:
        """Ask where a clip of the project is; see :meth:`take_file`."""
        document, clip = self._desk.document, clip or self._clip_asked()
        if document is None or clip is None:
            return
        wanted = document.store.media_path(clip)
        name, _ = QFileDialog.getOpenFileName(self._window, f"Where is {wanted.name}?", self._folder(), ALL_FILES)
        if name:
            self.take_file(Path(name), clip)

    def take_file(self, media: Path, clip: Clip | None = None) -> bool:
        """Take this file for a clip of the project, if it is the same; the project remembers where it lies.

        Another file is looked into as another copy of the recording, and the person is asked; a project that is open
        for looking only takes none.

        Args:
            media: the file.
            clip: of the project; None: the one that was asked for, else its first one.

        Returns:
            Whether it is the clip's file.
        """
        document, clip = self._desk.document, clip or self._clip_asked()
        if document is None or clip is None:
            return False
        self._asked = clip.id
        self.copies.drop()
        name = Path(clip.path).name
        is_same = is_same_clip(clip, media)
        if not is_same and document.why_read_only is not None:
            self._refused(f"{media.name} is not the file that {name} was (its content differs)")
            return False
        if not is_same:
            self._refused(f"{media.name} is not the file that {name} was; looking whether it is another copy…")
            self.copies.ask(document, clip, media)
            return False
        try:
            if document.why_read_only is None:
                relink(document, clip, media)
        except PanosodError as error:
            self._refused(str(error))
            return False
        self._taken(media)
        return True

    def _taken(self, media: Path) -> None:
        """A clip has its file again: it is shown where no other clip of the project is, and the next one asked for."""
        document, asked = self._desk.document, self._asked
        if document is None or asked is None:
            return
        self._asked = None
        self._found.add(asked)
        is_wished = self._desk.clip is None or self._desk.clip.id == asked
        self._desk.clips_changed()
        if is_wished:
            self._desk.hold_project()
            self.clip_wished.emit(media)
        self._tell(f"{media.name} is in its place")
        self._ask_for_missing(document)

    def _opened_beside(self) -> None:
        """The project beside the clip on the screen was opened and does not hold it: is it another copy?"""
        document, beside = self._desk.document, self._desk.project_beside()
        if document is None or beside is None or self._desk.clip is not None:
            return
        stem = Path(beside).stem
        same = [c for c in document.clips if Path(c.path).stem == stem]
        if same and not any(find_media(document, c) for c in same):
            self._ask_for(document, same)

    def _ask_for_missing(self, document: Document) -> None:
        sure = self._found | ({self._desk.clip.id} if self._desk.clip is not None else set())
        clips = [c for c in document.clips if c.id not in sure]
        is_close = len(clips) <= CLOSELY
        self._ask_for(
            document,
            [c for c in clips if (find_media(document, c) is None if is_close else not _is_there(document, c))],
        )

    def _ask_for(self, document: Document, gone: list[Clip]) -> None:
        if not gone:
            return
        self._asked = gone[0].id
        place = document.store.media_path(gone[0])
        why = "which has another content than it had" if place.is_file() else "which is not there"
        more = f"; {len(gone) - 1} more of its clips are missing" if len(gone) > 1 else ""
        self._refused(f"{document.path.name} belongs to {place}, {why}{more}")

    def _clip_asked(self) -> Clip | None:
        document = self._desk.document
        if document is None or not document.clips:
            return None
        return next((c for c in document.clips if c.id == self._asked), document.clips[0])

    def _forget(self, _document: object) -> None:
        self._asked = None
        self._found.clear()
        self.copies.drop()

    def _refused(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.WARNING, ((FIND_FILE, "Find the file…"),), key="annotate.project"))

    def save_as(self) -> None:
        """Go on under another name."""
        if not self._has_project():
            return
        path = self._ask_new("Save project as")
        document = self._desk.document
        if path is not None and document is not None and document.error is None:
            # The old place keeps every stroke until now; where it cannot be written, the new one takes them.
            with suppress(PanosodError):
                document.flush(FLUSH_S)
        if path is not None and self._desk.save_as(path):
            self._tell(f"The project is {path.name} now")

    def export_copy(self) -> None:
        """Write a copy and stay with this one."""
        if not self._has_project():
            return
        path = self._ask_new("Export a copy of the project")
        if path is not None and self._desk.export_copy(path):
            self._tell(f"Saved a copy: {path}")

    def _has_project(self) -> bool:
        if self._desk.document is None:
            self._tell("No project is open: the first stroke begins one beside the clip")
            return False
        return True

    def _ask_new(self, title: str) -> Path | None:
        beside = self._desk.project_beside()
        proposal = Path(self._folder()) / (beside.name if beside is not None else f"annotations{SUFFIX}")
        number, stem = 2, proposal.name.removesuffix(SUFFIX)
        while proposal.exists():
            proposal = proposal.with_name(f"{stem} {number}{SUFFIX}")
            number += 1
        name, _ = QFileDialog.getSaveFileName(self._window, title, str(proposal), FILES)
        return project_name(name) if name else None

    def _folder(self) -> str:
        document, beside = self._desk.document, self._desk.project_beside()
        near = document.path if document is not None else beside
        return str(near.parent) if near is not None else str(Path.home())

    def _tell(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key="annotate.project", seconds=5.0))


def project_name(text: str) -> Path:
    """The path that a person typed, as a project's: what stands behind a dot is part of the name ("take.1")."""
    path = Path(text)
    return path if path.suffix.lower() == SUFFIX else path.with_name(f"{path.name}{SUFFIX}")


def _is_there(document: Document, clip: Clip) -> bool:
    place = document.store.media_path(clip)
    return place.is_file() or (document.path.parent / place.name).is_file()
