"""The desk: the project that is open, the clip and frame at hand, the selected object, and every edit that is made.

All parts of the annotator go through it. The file is :mod:`panosod_viewer.annotating.project_at_hand`'s, the list of
objects :mod:`panosod_viewer.annotating.objects_at_hand`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import Edit, Protection
from panosod_core.annotation.masks import LabelMap
from panosod_core.annotation.records import Clip, FrameKey
from panosod_core.annotation.store import SUFFIX
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import ClipInfo, VideoInfo
from panosod_viewer.annotating.objects_at_hand import ObjectsAtHand
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.tools.sketch import Sketch
from panosod_viewer.workers.identity import ContentKnown, read_identity
from panosod_viewer.workers.mailbox import Mailbox


class AnnotationDesk(ObjectsAtHand):
    """At most one project is open, and of it at most one clip is on the screen.

    Attributes:
        at_work: asked before the project is closed and opened again by itself; True: that would end something.

    Signals:
        clip_changed (object): the project's Clip on the screen, or None: not in the project (yet).
        frame_changed (): another frame is at hand, or the labels of this one are others.
        edited (object): a Done.
        frame_wished (object): FrameKey where undo or redo has acted.
        opened_beside (): the project beside the clip was opened with it.
    """

    clip_changed = Signal(object)
    frame_changed = Signal()
    edited = Signal(object)
    frame_wished = Signal(object)
    opened_beside = Signal()
    _mail_came = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._info: ClipInfo | None = None
        self._geometry = PictureGeometry()
        self._content_id = ""
        self._kept: Document | None = None
        self._held: Document | None = None
        self._frame: VideoFrame | None = None
        self._sketch: Sketch | None = None
        self._sketch_key: FrameKey | None = None
        self.at_work: list[Callable[[], bool]] = []
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)

    # --- what is at hand

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
    def is_frame_locked(self) -> bool:
        """The frame at hand is locked as a whole."""
        key = self.key
        row = None if self._document is None or key is None else self._document.frame(key)
        return row is not None and row.locked

    @property
    def frame(self) -> VideoFrame | None:
        """The picture on the screen."""
        return self._frame

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

    def project_beside(self) -> Path | None:
        """Where the project of the clip on the screen lies, or would lie."""
        return None if self._info is None else self._info.path.with_suffix(SUFFIX)

    # --- clip and frame

    def set_clip(self, info: ClipInfo | None, geometry: PictureGeometry) -> None:
        """Another clip is on the screen (or none); its project, where one lies beside it, is opened.

        The project beside the clip that goes is closed, unless it holds other clips and the next one is of them; one
        that was opened by hand stays, for all its clips.
        """
        self._drop_sketch()
        beside = self.project_beside()
        is_another = info is None or self._info is None or info.path != self._info.path
        if self._document is not None and self._document.path == beside and is_another:
            if len(self._document.clips) > 1 or self._held is self._document:
                self._kept = self._document
            else:
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

    def clips_changed(self) -> None:
        """The project's clips or where frames stand were written anew: nothing that was read before holds."""
        self._find_clip()

    def hold_project(self) -> None:
        """The clip that is opened next is of the project: it is not closed with the one that goes."""
        self._held = self._document

    def _holds(self, content_id: str) -> bool:
        """The project has this clip."""
        return self._document is not None and content_id in [c.content_id for c in self._document.clips]

    def _set_clip(self, clip: Clip | None) -> None:
        changed = clip != self._clip
        self._clip = clip
        self._drop_sketch()
        if changed:
            self.clip_changed.emit(clip)
            self.objects_changed.emit()
        self._select_one_that_is_there()
        self.frame_changed.emit()

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if isinstance(letter, ContentKnown) and self._info is not None and letter.path == self._info.path:
                self._content_id = letter.content_id
                kept, self._kept, self._held = self._kept, None, None
                if kept is not None and kept is self._document and not self._holds(letter.content_id):
                    self.close_project()
                beside = self.project_beside()
                if self._document is None and beside is not None and beside.is_file() and letter.content_id:
                    if self.open_project(beside):
                        self.opened_beside.emit()
                else:
                    self._find_clip()

    # --- edits

    def apply(self, edit: Edit, title: str, *, time_spent_s: float = 0.0) -> bool:
        """Do an edit of the frame at hand."""
        key, document = self.key, self._document
        if key is None or document is None:
            return False
        return self.act(lambda d: d.apply(key, edit, title=title, time_spent_s=time_spent_s))

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

    def _follow(self, done: Done) -> None:
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
        self._select_one_that_is_there()
        self.objects_changed.emit()
        self.frame_changed.emit()

    def protection(self) -> Protection:
        """What must not change in the frame at hand."""
        key = self.key
        if self._document is None or key is None:
            return Protection(frame_locked=True)
        return self._document.protection(key)

    # --- what the project's part asks for

    def _opened(self) -> None:
        self._find_clip()

    def _closing(self) -> None:
        self._drop_sketch()

    def _closed(self) -> None:
        self._set_clip(None)

    def _may_reopen(self) -> bool:
        is_settled = self._clip is not None and self._held is None and self._kept is None
        is_asked = QApplication.activeModalWidget() is not None
        return is_settled and not is_asked and not any(is_at_work() for is_at_work in self.at_work)

    def _lay_down(self) -> None:
        if self._sketch is not None:
            self._sketch.cancel()

    def _drop_sketch(self) -> None:
        self._lay_down()
        self._sketch = self._sketch_key = None


def label_size(video: VideoInfo, geometry: PictureGeometry) -> tuple[int, int]:
    """(H, W) of label maps: the full sphere at the density of one eye's picture."""
    width, height = geometry.eye_size(video.width, video.height)
    bounds = geometry.bounds
    full_width = round(width / (1 - bounds.left - bounds.right))
    full_height = round(height / (1 - bounds.top - bounds.bottom))
    return max(2, full_height), max(2, full_width)
