"""Review in the window: what comes next, accepting and rejecting, notes, states on the time line, progress."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.records import FrameKey, FrameState, MaskState
from panosod_core.annotation.survey import Survey, survey
from panosod_core.errors import PanosodError
from panosod_viewer.annotating.advice import Advice
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.frame_jump import FrameJump
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.panels.review_panel import QUEUES, ReviewPanel
from panosod_viewer.player import Player
from panosod_viewer.timeline_link import TimelineLink
from panosod_viewer.tools.advised import Place
from panosod_viewer.tools.review_queue import (
    ADVISED,
    FrameLine,
    Queue,
    Show,
    lines_of,
    next_index,
    progress_of,
    shown,
    stretches,
    untouched_keyframes,
)
from panosod_viewer.workers.latest import LatestThread
from panosod_viewer.workers.mailbox import Mailbox

if TYPE_CHECKING:
    from panosod_viewer.panels.timeline import StateSpan

_log = logging.getLogger(__name__)

REFRESH_MS = 120
KEY = "annotate.review"
DATASET_EVERY = 6
"""The data set's rule: every sixth frame is annotated."""


@dataclass(frozen=True)
class _Surveyed:
    path: Path
    clip: int
    survey: Survey


class Review(QObject):
    """Joins the panel to the desk.

    Attributes:
        advice: what to annotate next in all clips of the project.

    Signals:
        every_changed (int): the keyframe rule.
        notice (object): a Notice.
    """

    every_changed = Signal(int)
    notice = Signal(object)
    _mail_came = Signal()

    def __init__(
        self,
        panel: ReviewPanel,
        *,
        desk: AnnotationDesk,
        session: ClipSession,
        player: Player,
        timeline: TimelineLink,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._panel, self._desk, self._session = panel, desk, session
        self._player, self._timeline = player, timeline
        self._queue = Queue.KEYFRAMES
        self._show = Show.ALL
        self._every = DATASET_EVERY
        self._conflicts: tuple[Place, ...] = ()
        self._sought: Place | None = None
        """The conflict that is gone to, until a frame is shown."""
        self._survey = Survey()
        self._lines: tuple[FrameLine, ...] = ()
        self._mail = Mailbox()
        self._jump = FrameJump(desk=desk, session=session, player=player, parent=self)
        self._jump.refused.connect(self._say)
        self.advice = Advice(panel.picks, desk=desk, player=player, jump=self._jump, parent=self)
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self._surveyor: LatestThread[tuple[Path, int]] = LatestThread("panosod-survey", self._look_through)
        self._refresh = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._refresh.timeout.connect(self.refresh)
        desk.edited.connect(lambda _: self._refresh.start())
        desk.clip_changed.connect(self._clip_changed)
        desk.frame_changed.connect(self._show_frame)
        desk.selection_changed.connect(lambda _: self._show_frame())
        desk.unsaved_changed.connect(self._committed)
        desk.project_changed.connect(lambda _: self.set_conflicts(()))
        player.frame_shown.connect(lambda _: self._arrived())
        panel.accept_requested.connect(self.accept)
        panel.reject_requested.connect(self.reject)
        panel.next_requested.connect(self.go)
        panel.queue_chosen.connect(self.set_queue)
        panel.every_chosen.connect(self.set_every)
        panel.show_chosen.connect(self._show_only)
        panel.note_written.connect(self.write_note)
        panel.frame_chosen.connect(self.go_to)
        panel.set_queue(self._queue, every=self._every)
        self.advice.notice.connect(self.notice)
        timeline.follow_states(self.spans)
        self._clip_changed(desk.clip)

    # --- wishes

    @property
    def lines(self) -> tuple[FrameLine, ...]:
        """Touched frames, in time."""
        return self._lines

    @property
    def queue(self) -> Queue:
        """What "next" goes to."""
        return self._queue

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {
            "review.next": partial(self.go, +1),
            "review.previous": partial(self.go, -1),
            "review.accept": partial(self.accept, False),
            "review.accept_object": partial(self.accept, True),
            "review.reject": partial(self.reject, False),
            "review.reject_object": partial(self.reject, True),
            "review.note": self.begin_note,
        }

    def set_queue(self, queue: Queue) -> None:
        """Go elsewhere with "next"."""
        self._queue = queue
        self._panel.set_queue(queue, every=self._every)
        self.advice.set_strategy(ADVISED.get(queue))

    def set_every(self, every: int) -> None:
        """Another keyframe rule: every n-th frame."""
        if every != self._every:
            self._every = max(1, every)
            self._panel.set_queue(self._queue, every=self._every)
            self._show_all()
            self.every_changed.emit(self._every)

    def set_conflicts(self, places: Sequence[Place]) -> None:
        """Frames in which another annotator's masks differ, in whatever clips of the project: (clip, number)."""
        self._conflicts, self._sought = tuple(sorted(set(places))), None

    def close(self) -> None:
        """End its thread."""
        self._refresh.stop()
        self._timeline.follow_states(None)
        self._surveyor.close()
        self.advice.close()

    # --- deciding

    def accept(self, object_only: bool = False) -> None:
        """The frame at hand (or the selected object in it) is right; after a frame, go on to the next."""
        if self._decide(MaskState.ACCEPTED, object_only=object_only) and not object_only:
            self.go(+1)

    def reject(self, object_only: bool = False) -> None:
        """The frame at hand (or the selected object in it) is wrong."""
        self._decide(MaskState.REJECTED, object_only=object_only)

    def _decide(self, state: MaskState, *, object_only: bool) -> bool:
        """False where nothing can be decided, which is told."""
        if not self._desk.ensure_project():
            return False
        key, selected = self._desk.key, self._desk.selected
        if key is None:
            return False
        if object_only and not selected:
            self._say("Select an object first")
            return False
        objects = [selected] if object_only else None
        self._desk.act(lambda document: document.decide([key], state, objects=objects))
        self.refresh()
        return True

    def write_note(self, text: str) -> None:
        """Write a note on the frame at hand."""
        if self._desk.ensure_project():
            key = self._desk.key
            if key is not None:
                self._desk.act(lambda document: _noted(document, key, text))
                self.refresh()

    def begin_note(self) -> None:
        """Put the cursor into the note."""
        self._panel.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._panel.note.selectAll()

    # --- going

    def go(self, step: int) -> None:
        """To the next (+1) or last (-1) frame of the queue."""
        self.refresh()
        if self._queue in ADVISED:
            self.advice.go(step)
            return
        if self._queue is Queue.CONFLICTS:
            self._go_to_conflict(step)
            return
        frame = self._player.frame
        if frame is None:
            return
        index = next_index(self._waiting(), frame.index, step=step)
        if index is None:
            self._say(f"{QUEUES[self._queue]}: there is no other frame")
            return
        self.go_to(index)

    def _go_to_conflict(self, step: int) -> None:
        key, document = self._desk.key, self._desk.document
        here = self._sought or ((0, -1) if key is None else (key.clip, key.index))
        place = next_index(self._conflicts, here, step=step)
        if place is None or document is None:
            self._say(f"{QUEUES[Queue.CONFLICTS]}: there is no other frame")
            return
        self._sought = place
        clip = document.clip(place[0])
        if len({number for number, _ in self._conflicts}) > 1:
            of_all = f"{self._conflicts.index(place) + 1} of {len(self._conflicts)}"
            self._say(f"Conflict {of_all}: frame {place[1]} of {Path(clip.path).name}")
        self._jump.go_to(clip, place[1])

    def go_to(self, index: int) -> None:
        """Show a frame of the clip, exactly."""
        if self._player.frame is not None:
            self._player.show_frame(index)

    def _waiting(self) -> list[int]:
        if self._queue is Queue.KEYFRAMES:
            return untouched_keyframes(self._lines, count=self._count(), every=self._every)
        return [line.index for line in self._lines if line.state is FrameState.DRAFT]

    def _say(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=5.0))

    # --- showing

    def refresh(self) -> None:
        """Read the states anew."""
        self._refresh.stop()
        document, clip = self._desk.document, self._desk.clip
        rows = [] if document is None or clip is None else document.frames(clip.id)
        self._lines = lines_of(rows, self._survey)
        self._show_all()

    def spans(self) -> list[StateSpan]:
        """The states for the time line, seconds on the clip's clock."""
        from panosod_viewer.panels.timeline import FrameState as Lane
        from panosod_viewer.panels.timeline import StateSpan

        fps = self._fps()
        lanes = {FrameState.DRAFT: Lane.DRAFT, FrameState.ACCEPTED: Lane.ACCEPTED, FrameState.REJECTED: Lane.REJECTED}
        return [
            StateSpan(s.first / fps, (s.last + 1) / fps, Lane.MACHINE if s.is_machine else lanes[s.state])
            for s in stretches(self._lines)
        ]

    def _show_all(self) -> None:
        count = self._count()
        self._panel.set_progress(progress_of(self._lines, self._survey, count=count, every=self._every))
        frame = self._player.frame
        at = None if frame is None else frame.index
        self._panel.set_lines(shown(self._lines, self._show, count=count, every=self._every), at=at)
        self._timeline.follow_states(self.spans)
        self._show_frame()

    def _show_only(self, show: Show) -> None:
        self._show = show
        self._show_all()

    def _arrived(self) -> None:
        self._sought = None
        self._show_frame()

    def _show_frame(self) -> None:
        frame, desk = self._player.frame, self._desk
        if frame is None:
            self._panel.set_frame(None)
            return
        self._panel.set_current(frame.index)
        row = bisect_left(self._lines, frame.index, key=lambda line: line.index)
        is_touched = row < len(self._lines) and self._lines[row].index == frame.index
        line = self._lines[row] if is_touched else FrameLine(frame.index, FrameState.UNTOUCHED)
        key = desk.key
        has_object = bool(desk.selected and key is not None and desk.document is not None) and (
            desk.document is not None and key is not None and desk.selected in desk.document.heads(key)
        )
        self._panel.set_frame(line, can_edit=desk.can_edit, has_object=has_object, is_locked=desk.is_frame_locked)

    def _count(self) -> int:
        """Frames of the clip, as far as is known."""
        clip, info = self._desk.clip, self._session.info
        if clip is not None and clip.frame_count:
            return clip.frame_count
        if info is None or info.video is None:
            return 0
        if info.video.frame_count:
            return info.video.frame_count
        return 0 if info.duration_s is None else round(info.duration_s * self._fps())

    def _fps(self) -> float:
        info = self._session.info
        video = info.video if info is not None else None
        if video is None:
            return 25.0
        if video.frame_count and info is not None and info.duration_s:
            return float(video.fps) if video.fps and not video.is_vfr else video.frame_count / info.duration_s
        return float(video.fps or 25)

    # --- what the file says

    def _clip_changed(self, _clip: object) -> None:
        self._survey = Survey()
        self._ask_survey()
        self.refresh()

    def _committed(self, unsaved: int) -> None:
        if unsaved == 0:
            self._ask_survey()

    def _ask_survey(self) -> None:
        document, clip = self._desk.document, self._desk.clip
        if document is not None and clip is not None:
            self._surveyor.ask((document.path, clip.id))

    def _look_through(self, question: tuple[Path, int]) -> None:
        """In the thread."""
        path, clip = question
        try:
            self._mail.post(_Surveyed(path, clip, survey(path, clip)))
        except PanosodError as error:
            # Only shades and a median hang on it; whoever edits hears of a file that cannot be read.
            _log.warning("no survey: %s", error)

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            document, clip = self._desk.document, self._desk.clip
            if document is None or clip is None or (letter.path, letter.clip) != (document.path, clip.id):
                continue
            if letter.survey != self._survey:
                self._survey = letter.survey
                self.refresh()


def _noted(document: Document, key: FrameKey, text: str) -> Done | None:
    row = document.frame(key)
    return None if text == (row.note if row is not None else "") else document.set_note(key, text)
