"""The desk: the project that is open, the clip and frame at hand, the selected object, and every edit that is made.

All parts of the annotator go through it. It owns the :class:`~panosod_core.annotation.document.Document`; the store
thread's answers come back through queued signals. There is no "save": an edit is on the disk a moment later, and if it
cannot be, the desk says so and tries again when asked.
"""

from __future__ import annotations

import getpass
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.backups import recover
from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import Edit, Protection
from panosod_core.annotation.faults import ProjectDamagedError
from panosod_core.annotation.masks import LabelMap
from panosod_core.annotation.records import Clip, FrameKey, ObjectInfo
from panosod_core.annotation.store import SUFFIX
from panosod_core.errors import PanosodError, ProjectError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import ClipInfo, VideoInfo
from panosod_viewer.palettes import object_colours
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.tools.sketch import Sketch
from panosod_viewer.workers.identity import ContentKnown, read_identity
from panosod_viewer.workers.mailbox import Mailbox

_log = logging.getLogger(__name__)

RETRY = "annotate.retry"
"""Id of the notice's button that writes again what could not be written."""
NOT_SAVED = "annotate.not_saved"
SAVE_AS = "annotate.save_as"
"""Id of the button that writes the project elsewhere."""
GIVE_UP = "annotate.give_up"
"""Id of the button that closes the window without what could not be written."""
OPEN_BACKUP = "annotate.backup:"
"""Start of the id of the button that makes a project of a damaged one's backup; the damaged file's path follows."""


class AnnotationDesk(QObject):
    """At most one project is open, and of it at most one clip is on the screen.

    Signals:
        project_changed (object): the Document, or None.
        clip_changed (object): the project's Clip on the screen, or None: not in the project (yet).
        frame_changed (): another frame is at hand, or the labels of this one are others.
        objects_changed (): names, colours, locks, or which there are.
        selection_changed (int): another object is selected; 0 for none.
        edited (object): a Done.
        unsaved_changed (int): steps that are not on the disk.
        frame_wished (object): FrameKey where undo or redo has acted.
        notice (object), notice_over (str).
    """

    project_changed = Signal(object)
    clip_changed = Signal(object)
    frame_changed = Signal()
    objects_changed = Signal()
    selection_changed = Signal(int)
    edited = Signal(object)
    unsaved_changed = Signal(int)
    frame_wished = Signal(object)
    notice = Signal(object)
    notice_over = Signal(str)
    _committed = Signal(int)
    _failed = Signal(str)
    _mail_came = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._info: ClipInfo | None = None
        self._geometry = PictureGeometry()
        self._content_id = ""
        self._clip: Clip | None = None
        self._frame: VideoFrame | None = None
        self._sketch: Sketch | None = None
        self._sketch_key: FrameKey | None = None
        self._selected = 0
        self._mail = Mailbox()
        queued = Qt.ConnectionType.QueuedConnection
        self._committed.connect(self._note_committed, queued)
        self._failed.connect(self._note_failed, queued)
        self._mail_came.connect(self._read_mail, queued)
        self._mail.attach(self._mail_came.emit)

    # --- what is at hand

    @property
    def document(self) -> Document | None:
        """The open project."""
        return self._document

    @property
    def clip(self) -> Clip | None:
        """The clip on the screen, as the project knows it."""
        return self._clip

    @property
    def is_identified(self) -> bool:
        """It is known which clip is on the screen."""
        return bool(self._content_id)

    @property
    def can_edit(self) -> bool:
        """A clip on the sphere is on the screen, and nothing forbids writing."""
        return self._info is not None and self._geometry.is_spherical and self.why_not == ""

    @property
    def why_not(self) -> str:
        """Why nothing can be painted, "" where it can."""
        if self._info is None or self._info.video is None:
            return "Open a clip first"
        if not self._geometry.is_spherical:
            return "This clip is drawn flat: choose its projection first"
        if self._document is not None and self._document.why_read_only is not None:
            return self._document.why_read_only
        return ""

    @property
    def key(self) -> FrameKey | None:
        """The frame on the screen; None before the clip is in the project."""
        if self._clip is None or self._frame is None:
            return None
        return FrameKey(self._clip.id, self._clip.stream, self._frame.pts, self._frame.index)

    @property
    def frame(self) -> VideoFrame | None:
        """The picture on the screen."""
        return self._frame

    @property
    def selected(self) -> int:
        """Id of the selected object; 0 for none."""
        return self._selected

    def objects(self) -> list[ObjectInfo]:
        """The clip's objects by id."""
        if self._document is None or self._clip is None:
            return []
        return self._document.objects(self._clip.id)

    def object_of(self, object_id: int) -> ObjectInfo | None:
        """One of them."""
        return next((o for o in self.objects() if o.id == object_id), None)

    def labels(self, key: FrameKey) -> LabelMap | None:
        """A frame's label map, read-only; None without a project."""
        return None if self._document is None else self._document.labels(key)

    def has_masks(self, key: FrameKey) -> bool:
        """Whether anything is painted in a frame, without drawing it."""
        return self._document is not None and bool(self._document.heads(key))

    def sketch(self) -> Sketch | None:
        """The frame at hand for painting; None where nothing can be shown."""
        key = self.key
        if self._document is None or key is None:
            return None
        if self._sketch is None or self._sketch_key != key:
            self._sketch = Sketch(self._document.labels(key), self._document.protection(key))
            self._sketch_key = key
        return self._sketch

    # --- projects

    def open_project(self, path: Path) -> bool:
        """Open a project instead of the one that is open; False where it cannot be, which is told."""
        if self._document is not None and self._document.path.resolve() == path.resolve():
            return True
        return self._take(
            lambda: Document.open(path, author=_author(), on_committed=self._on_committed, on_error=self._on_error)
        )

    def create_project(self, path: Path) -> bool:
        """Make a new project and open it; False where it cannot be, which is told."""
        return self._take(
            lambda: Document.create(path, author=_author(), on_committed=self._on_committed, on_error=self._on_error)
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
        if document.why_read_only is not None:
            text = f"{document.path.name} is open for looking only: {document.why_read_only}"
            self.notice.emit(Notice(text, Severity.WARNING, key="annotate.project"))
        self.project_changed.emit(document)
        self._find_clip()
        return True

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
        self._drop_sketch()
        try:
            document.close(discard=discard)
        except PanosodError as error:
            self._note_failed(str(error), is_leaving=is_leaving)
            return False
        self._document = None
        self._set_clip(None)
        self.project_changed.emit(None)
        return True

    def save_as(self, path: Path) -> bool:
        """Go on under another name."""
        return self._try(lambda: self._document.save_as(path) if self._document is not None else None)

    def export_copy(self, path: Path) -> bool:
        """Write the project as it is under another name; this one stays open."""
        return self._try(lambda: self._document.export_copy(path) if self._document is not None else None)

    def retry(self) -> None:
        """Write again what could not be written."""
        if self._document is not None:
            self._document.retry()

    def project_beside(self) -> Path | None:
        """Where the project of the clip on the screen lies, or would lie."""
        return None if self._info is None else self._info.path.with_suffix(SUFFIX)

    # --- clip and frame

    def set_clip(self, info: ClipInfo | None, geometry: PictureGeometry) -> None:
        """Another clip is on the screen (or none); its project, where one lies beside it, is opened.

        The project beside the clip that goes is closed; one that was opened by hand stays, for all its clips.
        """
        self._drop_sketch()
        beside = self.project_beside()
        is_another = info is None or self._info is None or info.path != self._info.path
        if self._document is not None and self._document.path == beside and is_another:
            self.close_project()
        self._info, self._geometry, self._frame, self._content_id = info, geometry, None, ""
        self._set_clip(None)
        if info is None or info.video is None:
            return
        path, mail = info.path, self._mail
        read_identity(path, mail.post)

    def set_geometry(self, geometry: PictureGeometry) -> None:
        """The clip is taken for something else."""
        self._geometry = geometry
        self._find_clip()

    def set_frame(self, frame: VideoFrame | None) -> None:
        """Another frame is on the screen; what was tentative on the last one is dropped."""
        if frame is self._frame:
            return
        self._drop_sketch()
        self._frame = frame
        self.frame_changed.emit()

    def ensure_project(self) -> bool:
        """Make sure that there is a project with this clip in it, so that painting can begin; False is told."""
        if self.why_not:
            self.notice.emit(Notice(self.why_not, Severity.INFO, key="annotate.why_not", seconds=5.0))
            return False
        if not self._content_id:
            text = "The clip's identity is still being read; try again in a moment"
            self.notice.emit(Notice(text, Severity.INFO, key="annotate.why_not", seconds=3.0))
            return False
        if self._document is None and not self._begin_project():
            return False
        return self._clip is not None or self._add_clip()

    def _begin_project(self) -> bool:
        path = self.project_beside()
        if path is None:
            return False
        if path.exists():
            return self.open_project(path)
        made = self.create_project(path)
        if made:
            text = f"Masks are kept in {path.name}, beside the clip; every stroke is saved"
            self.notice.emit(Notice(text, Severity.INFO, key="annotate.project", seconds=6.0))
        return made

    def _add_clip(self) -> bool:
        document, info = self._document, self._info
        if document is None or info is None or info.video is None:
            return False
        video = info.video
        size = label_size(video, self._geometry)

        def add() -> None:
            clip = new_clip(
                info.path,
                document.path,
                size=size,
                stream=video.stream_index,
                time_base=video.time_base,
                frame_count=video.frame_count or 0,
            )
            self._set_clip(document.add_clip(clip))

        return self._try(add)

    def _find_clip(self) -> None:
        """Which of the project's clips is on the screen, by content."""
        document, info = self._document, self._info
        if document is None or info is None or info.video is None or not self._content_id:
            self._set_clip(None)
            return
        size = label_size(info.video, self._geometry)
        same = [c for c in document.clips if c.content_id == self._content_id]
        fitting = [c for c in same if c.shape == size] or same
        self._set_clip(fitting[0] if fitting else None)

    def _set_clip(self, clip: Clip | None) -> None:
        changed = clip != self._clip
        self._clip = clip
        self._drop_sketch()
        if changed:
            self.clip_changed.emit(clip)
            self.objects_changed.emit()
        objects = self.objects()
        if self._selected not in [o.id for o in objects]:
            self.select(objects[0].id if objects else 0)
        self.frame_changed.emit()

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if isinstance(letter, ContentKnown) and self._info is not None and letter.path == self._info.path:
                self._content_id = letter.content_id
                beside = self.project_beside()
                if self._document is None and beside is not None and beside.is_file() and letter.content_id:
                    self.open_project(beside)
                else:
                    self._find_clip()

    # --- edits

    def apply(self, edit: Edit, title: str, *, time_spent_s: float = 0.0) -> bool:
        """Do an edit of the frame at hand."""
        key, document = self.key, self._document
        if key is None or document is None:
            return False
        return self.act(lambda d: d.apply(key, edit, title=title, time_spent_s=time_spent_s))

    def act(self, doing: Callable[[Document], Done | None]) -> bool:
        """Do anything that the document can; what cannot be is told. False where nothing has changed."""
        document = self._document
        if document is None:
            return False
        self._cancel_sketch()
        try:
            done = doing(document)
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return False
        if done is None:
            return False
        self._after(done)
        return True

    def undo(self) -> None:
        """Take the last step back, and go where it was."""
        self._move(lambda d: d.undo())

    def redo(self) -> None:
        """Do it again, and go where it was."""
        self._move(lambda d: d.redo())

    def _move(self, moving: Callable[[Document], Done | None]) -> None:
        place = None

        def doing(document: Document) -> Done | None:
            nonlocal place
            done = moving(document)
            place = None if done is None else done.place
            return done

        if self.act(doing) and place is not None and place.frame is not None and place.frame != self.key:
            self.frame_wished.emit(place.frame)

    def _after(self, done: Done) -> None:
        key = self.key
        document = self._document
        if document is None:
            return
        if self._sketch is not None and key is not None and self._sketch_key == key:
            box = done.dirty.get(key)
            protection = document.protection(key)
            if box is not None:
                self._sketch.follow(box, protection)
            else:
                self._sketch.protection = protection
        self.unsaved_changed.emit(document.dirty)
        self.edited.emit(done)
        objects = [o.id for o in self.objects()]
        if self._selected not in objects:
            self.select(objects[0] if objects else 0)
        self.objects_changed.emit()
        self.frame_changed.emit()

    def protection(self) -> Protection:
        """What must not change in the frame at hand."""
        key = self.key
        if self._document is None or key is None:
            return Protection(frame_locked=True)
        return self._document.protection(key)

    # --- objects

    def select(self, object_id: int) -> None:
        """Select an object; 0 for none."""
        if object_id != self._selected:
            self._cancel_sketch()
            self._selected = object_id
            self.selection_changed.emit(object_id)

    def select_next(self, step: int) -> None:
        """The next object of the list, around its ends."""
        ids = [o.id for o in self.objects()]
        if not ids:
            return
        place = ids.index(self._selected) if self._selected in ids else -step
        self.select(ids[(place + step) % len(ids)])

    def add_object(self, *, name: str = "", category: str = "", object_id: int | None = None) -> int:
        """Add an object and select it; its id, or 0 where it cannot be, which is told."""
        if not self.ensure_project() or self._document is None or self._clip is None:
            return 0
        clip = self._clip
        try:
            number = object_id or self._document.free_object_id(clip.id)
        except ProjectError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return 0
        red, green, blue = (int(c) for c in object_colours()[number])
        info = ObjectInfo(number, name or f"Object {number}", category, f"#{red:02x}{green:02x}{blue:02x}")
        if not self.act(lambda d: d.put_object(clip.id, info)):
            return 0
        self.select(number)
        return number

    def change_object(self, object_id: int, **fields: Any) -> bool:
        """Change an object's name, class, colour, rank, lock, eye or intervals."""
        clip, info = self._clip, self.object_of(object_id)
        if clip is None or info is None:
            return False
        try:
            changed = replace(info, **fields)
        except ValueError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return False
        return self.act(lambda d: d.put_object(clip.id, changed))

    # --- the store thread's answers

    def _on_committed(self, sequence: int) -> None:
        self._committed.emit(sequence)

    def _on_error(self, error: PanosodError) -> None:
        self._failed.emit(str(error))

    def _note_committed(self, _sequence: int) -> None:
        document = self._document
        if document is None:
            return
        if document.dirty == 0:
            self.notice_over.emit(NOT_SAVED)
        self.unsaved_changed.emit(document.dirty)

    def _note_failed(self, text: str, *, is_leaving: bool = False) -> None:
        waiting = 0 if self._document is None else self._document.dirty
        strokes = "1 stroke waits" if waiting == 1 else f"{waiting} strokes wait"
        words = f"{text} ({strokes}, nothing is lost)" if waiting else text
        actions = [(RETRY, "Try again"), (SAVE_AS, "Save as…")]
        if is_leaving:
            actions.append((GIVE_UP, "Give up and close"))
        self.notice.emit(Notice(words, Severity.ERROR, tuple(actions), NOT_SAVED))

    def _try(self, doing: Callable[[], object]) -> bool:
        try:
            doing()
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.ERROR, key="annotate.project"))
            return False
        return True

    def _cancel_sketch(self) -> None:
        if self._sketch is not None:
            self._sketch.cancel()

    def _drop_sketch(self) -> None:
        self._cancel_sketch()
        self._sketch = self._sketch_key = None


def label_size(video: VideoInfo, geometry: PictureGeometry) -> tuple[int, int]:
    """(H, W) of label maps: the full sphere at the density of one eye's picture."""
    width, height = geometry.eye_size(video.width, video.height)
    bounds = geometry.bounds
    full_width = round(width / (1 - bounds.left - bounds.right))
    full_height = round(height / (1 - bounds.top - bounds.bottom))
    return max(2, full_height), max(2, full_width)


def _author() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"
