"""A second annotator's project beside ours, in the window: its conflicts, going to them, and merging."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from panosod_core.annotation import merge
from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError, PanosodError
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.exchange_words import comparison_words, outline
from panosod_viewer.annotating.frame_jump import FrameJump
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.main_window import MainWindow
from panosod_viewer.overlays import Path as Line
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.state import ViewerState
from panosod_viewer.workers.exchanging import Compared

if TYPE_CHECKING:
    # Made when it is first wanted.
    from panosod_viewer.panels.merge_dialog import MergeDialog

KEY = "annotate.exchange"


@dataclass(frozen=True, eq=False)
class _Theirs:
    """Their mask of the conflict that is looked at, None where they have erased it."""

    key: FrameKey
    object_id: int
    mask: RingMask | None


def _named(item: merge.MergeItem) -> tuple[FrameKey, int, object, float]:
    """What tells a conflict from others, and from itself after a mask of it has changed."""
    return item.key, item.object_id, item.seen, item.iou


class Comparing(QObject):
    """At most one project is compared.

    Signals:
        conflicts_found (object): (clip, number of a frame) of the frames in which masks differ, in all clips.
        compare_wished (object): Path of a project that should be compared with ours anew.
        notice (object): a Notice.
    """

    conflicts_found = Signal(object)
    compare_wished = Signal(object)
    notice = Signal(object)

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
        self._desk, self._state, self._player, self._window = desk, state, player, window
        self._jump = FrameJump(desk=desk, session=session, player=player, parent=self)
        self._jump.refused.connect(self._say)
        self.dialog: MergeDialog | None = None
        self._compared: Compared | None = None
        self._theirs: _Theirs | None = None
        self._has_lines = False
        self._is_selected = False
        self._chosen: dict[tuple[Path, FrameKey, int, object, float], merge.Choice] = {}
        player.frame_shown.connect(lambda _: self._show_theirs())
        desk.clip_changed.connect(self._clip_changed)

    def show(self, compared: Compared) -> None:
        """Show what a comparison has found; it is closed when it is not needed any more."""
        from panosod_viewer.panels.merge_dialog import ConflictRow, MergeDialog

        self.forget()
        self._compared = compared
        if self.dialog is None:
            self.dialog = MergeDialog(self._window)
            self.dialog.row_chosen.connect(self.show_conflict)
            self.dialog.merge_requested.connect(self.merge)
            self.dialog.left.connect(self.forget)
        document = self._desk.document
        clips = [] if document is None else document.clips
        names = {} if document is None else {(c.id, o.id): o.name for c in clips for o in document.objects(c.id)}
        files = {c.id: Path(c.path).name for c in clips} if len(clips) > 1 else {}
        rows = [
            ConflictRow(
                i.key.index,
                names.get((i.key.clip, i.object_id), f"object {i.object_id}"),
                i.iou,
                "" if i.ours_state is None else i.ours_state.value,
                "" if i.theirs is None else i.theirs.state.value,
                files.get(i.key.clip, ""),
            )
            for i in compared.plan.conflicts
        ]
        new = sum(i.finding is merge.Finding.NEW for i in compared.plan.items)
        self.conflicts_found.emit([(i.key.clip, i.key.index) for i in compared.plan.conflicts])
        self.dialog.set_comparison(comparison_words(compared), rows, has_work=bool(rows or new))
        for n, item in enumerate(compared.plan.conflicts):  # chosen before; a mask that has changed since is asked anew
            self.dialog.set_choice(n, self._chosen.get((compared.theirs.path, *_named(item)), merge.Choice.OURS))
        self._chosen = {}
        self.dialog.show()
        self.dialog.raise_()

    def merge(self) -> None:
        """Take over what is new and what was chosen; where ours has changed meanwhile it is compared again."""
        compared, dialog = self._compared, self.dialog
        if compared is None or dialog is None:
            return
        conflicts = compared.plan.conflicts
        chosen = [(conflicts[n], choice) for n, choice in dialog.choices().items()]
        choices = {(item.key, item.object_id): choice for item, choice in chosen}
        consent = dialog.consent.isChecked()
        is_outdated = False

        def merging(document: Document) -> Done | None:
            nonlocal is_outdated
            try:
                return merge.apply(document, compared.theirs, compared.plan, choices=choices, consent=consent)
            except AnnotationError:
                is_outdated = True
                raise

        done = self._desk.act(merging)
        dialog.accept()
        if is_outdated:  # why was told
            self._chosen = {(compared.theirs.path, *_named(item)): choice for item, choice in chosen}
            self.compare_wished.emit(compared.theirs.path)
            return
        text = f"Merged {compared.theirs.path.name}: what was taken over is a draft" if done else "Nothing has changed"
        self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=8.0))
        self.forget()

    def show_conflict(self, row: int) -> None:
        """Go to a conflict, in whatever clip of the project it is, and draw their outline."""
        compared, document = self._compared, self._desk.document
        if compared is None or document is None:
            return
        item = compared.plan.conflicts[row]
        try:
            mask = compared.theirs.mask(item.theirs) if item.theirs is not None else None
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.ERROR, key=KEY))
            return
        self._theirs, self._is_selected = _Theirs(item.key, item.object_id, mask), False
        self._jump.go_to(document.clip(item.key.clip), item.key.index)
        self._show_theirs()

    def forget(self) -> None:
        """Let the other project go."""
        compared, self._compared, self._theirs = self._compared, None, None
        if compared is not None:
            compared.theirs.close()
            self._draw(())

    def outdate(self) -> None:
        """A clip has another copy: what was compared stands at times that are not its any more."""
        if self._compared is None:
            return
        self.close()
        self.conflicts_found.emit([])
        self._say("The comparison was closed, as a clip has another copy now: compare again")

    def close(self) -> None:
        """The project is gone, or the window."""
        self.forget()
        if self.dialog is not None:
            self.dialog.close()

    # --- showing

    def _say(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=6.0))

    def _clip_changed(self, _clip: object) -> None:
        if self._compared is not None:
            self._show_theirs()

    def _show_theirs(self) -> None:
        """Their outline, in the frame that it belongs to."""
        theirs, clip, frame = self._theirs, self._desk.clip, self._player.frame
        if theirs is None:
            return
        is_here = clip is not None and clip.id == theirs.key.clip
        is_now = frame is not None and frame.index == theirs.key.index
        if clip is None or not (is_here and is_now):
            self._draw(())
            return
        R_world_picture = self._state.wish.geometry.R_world_picture
        self._draw(() if theirs.mask is None else outline(theirs.mask, clip.shape, R_world_picture))
        if not self._is_selected:
            self._is_selected = True
            self._desk.select(theirs.object_id)

    def _draw(self, lines: tuple[Line, ...]) -> None:
        if lines or self._has_lines:
            self._has_lines = bool(lines)
            self._state.show_pictures(theirs=lines)
