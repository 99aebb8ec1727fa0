"""Projects as files: new, open, save as, a copy, close; a clip that is not where the project says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from panosod_core.annotation.adopting import find_media, relink
from panosod_core.annotation.store import SUFFIX
from panosod_core.errors import PanosodError
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.notice import Notice, Severity

FIND_FILE = "annotate.find_file"
"""Id of the notice's button that asks where a clip is."""
FILES = f"Projects (*{SUFFIX});;All files (*)"
ALL_FILES = "All files (*)"


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
        """Open a project, and its first clip where none of its clips is on the screen."""
        if not self._desk.open_project(path):
            return
        document = self._desk.document
        if document is None or self._desk.clip is not None or not document.clips:
            return
        clip = document.clips[0]
        media = find_media(document, clip)
        if media is not None:
            self.clip_wished.emit(media)
            return
        text = f"{path.name} belongs to {document.store.media_path(clip)}, which is not there"
        self.notice.emit(Notice(text, Severity.WARNING, ((FIND_FILE, "Find the file…"),), key="annotate.project"))

    def find_file(self) -> None:
        """Ask where the first clip of the project is; only a file of the same content is taken."""
        document = self._desk.document
        if document is None or not document.clips:
            return
        clip = document.clips[0]
        wanted = document.store.media_path(clip)
        name, _ = QFileDialog.getOpenFileName(self._window, f"Where is {wanted.name}?", self._folder(), ALL_FILES)
        if name:
            self.take_file(Path(name))

    def take_file(self, media: Path) -> bool:
        """Take this file for the project's first clip, if it is the same; the project remembers where it lies."""
        document = self._desk.document
        if document is None or not document.clips:
            return False
        clip = document.clips[0]
        try:
            if document.why_read_only is None:
                relink(document, clip, media)
        except PanosodError as error:
            text = str(error)
            self.notice.emit(Notice(text, Severity.WARNING, ((FIND_FILE, "Find the file…"),), key="annotate.project"))
            return False
        self.clip_wished.emit(media)
        return True

    def save_as(self) -> None:
        """Go on under another name."""
        if not self._has_project():
            return
        path = self._ask_new("Save project as")
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
        number = 2
        while proposal.exists():
            proposal = proposal.with_name(f"{proposal.stem.rpartition(' ')[0] or proposal.stem} {number}{SUFFIX}")
            number += 1
        name, _ = QFileDialog.getSaveFileName(self._window, title, str(proposal), FILES)
        return None if not name else Path(name).with_suffix(SUFFIX)

    def _folder(self) -> str:
        document, beside = self._desk.document, self._desk.project_beside()
        near = document.path if document is not None else beside
        return str(near.parent) if near is not None else str(Path.home())

    def _tell(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key="annotate.project", seconds=5.0))
