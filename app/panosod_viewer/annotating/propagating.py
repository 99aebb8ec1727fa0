"""Propagation in the window: what to carry where, the masks into the document as they come, one step for undo.

The thread is :mod:`panosod_viewer.workers.propagating`. What may not be written is decided twice: when the job is made,
so that it stops there, and again when masks are put into the document, by the one guard that all edits go through.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.masks import objects_in
from panosod_core.annotation.records import Clip, FrameKey
from panosod_viewer.annotating.carry_rules import edit_of, ended_words, is_known, known_frame, shut_frames
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.state import ViewerState
from panosod_viewer.tools.carrying import CarryState, CarryWish
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.map_reading import CacheAddress
from panosod_viewer.workers.propagating import (
    CarriedTo,
    CarryEnded,
    CarryJob,
    CarryProgress,
    CarryWorker,
    End,
)

APPLY_MS = 80
"""Masks that have come are put into the document this often,"""
APPLY_S = 0.006
"""for about so long at a time: the window goes on meanwhile. One frame at least."""
FOLLOW_S = 0.25
"""The picture follows at most this often."""
NOTICE = "annotate.propagate"


@dataclass
class _Run:
    """The job at work."""

    worker: CarryWorker
    title: str
    step: Done | None = None
    frames: int = 0
    refused_px: int = 0
    is_stopped: bool = False
    why_stopped: str = ""
    ended: CarryEnded | None = None


class Propagation(QObject):
    """At most one propagation runs.

    Signals:
        changed (object): CarryState while one runs, None when it has ended.
        wish_changed (object): the CarryWish.
        notice (object), notice_over (str).
    """

    changed = Signal(object)
    wish_changed = Signal(object)
    notice = Signal(object)
    notice_over = Signal(str)
    _mail_came = Signal()

    def __init__(
        self,
        *,
        desk: AnnotationDesk,
        session: ClipSession,
        state: ViewerState,
        player: Player,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self._session, self._state, self._player = desk, session, state, player
        self._wish = CarryWish()
        self._maps: CacheAddress | None = None
        self._run: _Run | None = None
        self._runs = 0
        self._is_applying = False
        self._followed_at_s = 0.0
        self._waiting: list[CarriedTo] = []
        self._leaving: list[CarryWorker] = []
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self._apply_timer = QTimer(self, singleShot=True)
        self._apply_timer.timeout.connect(self._apply_waiting)
        desk.edited.connect(self._edited)
        desk.project_changed.connect(lambda _: self._abandon())
        desk.clip_changed.connect(lambda _: self._abandon())

    # --- wishes

    @property
    def wish(self) -> CarryWish:
        """How masks are carried."""
        return self._wish

    @property
    def is_running(self) -> bool:
        """Whether masks are being carried."""
        return self._run is not None

    def set_wish(self, wish: CarryWish) -> None:
        """Carry otherwise from now on."""
        if wish != self._wish:
            self._wish = wish
            self.wish_changed.emit(wish)

    def set_maps(self, address: CacheAddress | None) -> None:
        """Where the model's maps of the clip lie."""
        self._maps = address

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {
            "propagate.forward": lambda: self.carry(+1),
            "propagate.back": lambda: self.carry(-1),
            "propagate.to_key": lambda: self.carry_to_key(+1),
            "propagate.to_key_back": lambda: self.carry_to_key(-1),
            "propagate.between": self.carry_between,
            "propagate.stop": self.stop,
        }

    def carry(self, step: int) -> bool:
        """Carry on to the next frames (+1), or back to those before (-1); False is told."""
        at = self._at_hand()
        if at is None:
            return False
        document, clip, key, ids = at
        last = key.index + step * self._wish.frames
        return self._begin(document, clip, key, ids, last=self._within(clip, last))

    def carry_to_key(self, step: int) -> bool:
        """Carry up to the next frame that somebody has painted, else to the next one of the keyframe rule."""
        at = self._at_hand()
        if at is None:
            return False
        document, clip, key, ids = at
        known = known_frame(document, clip, ids, index=key.index, step=step)
        every = self._wish.every
        ruled = (key.index // every + 1) * every if step > 0 else ((key.index - 1) // every) * every
        last = known.index - step if known is not None else self._within(clip, ruled)
        if last == key.index:
            return self._say("The next key frame is the next frame: there is nothing between")
        return self._begin(document, clip, key, ids, last=last)

    def carry_between(self) -> bool:
        """Fill the frames between the painted ones on both sides of the frame at hand."""
        at = self._at_hand(needs_mask=False)
        if at is None:
            return False
        document, clip, key, ids = at
        heads = document.heads(key)
        here = any(is_known(heads.get(i)) for i in ids)
        first = key if here else known_frame(document, clip, ids, index=key.index, step=-1)
        last = known_frame(document, clip, ids, index=key.index, step=+1)
        if first is None or last is None:
            return self._say("Between two frames: paint the object in one before and one after this frame first")
        if last.index - first.index < 2:
            return self._say("There is no frame between the two that are painted")
        return self._begin(document, clip, first, ids, last=last.index - 1, end=last)

    def stop(self, why: str = "") -> None:
        """Stop; what has been carried so far stays, as one step. It is over at once, whatever the thread is at."""
        run = self._run
        if run is not None and not run.is_stopped:
            run.is_stopped, run.why_stopped = True, why
            run.worker.cancel()
            self._leaving.append(run.worker)
            self._finish(run, CarryEnded(run.worker.job.run, End.CANCELLED, "", run.frames))

    def escape(self) -> bool:
        """Stop where one runs; False where none does."""
        is_running = self._run is not None
        self.stop()
        return is_running

    def close(self) -> None:
        """End the thread."""
        self._abandon()

    # --- beginning

    def _say(self, text: str) -> bool:
        self.notice.emit(Notice(text, Severity.INFO, key=NOTICE, seconds=6.0))
        return False

    def _at_hand(self, *, needs_mask: bool = True) -> tuple[Document, Clip, FrameKey, tuple[int, ...]] | None:
        desk = self._desk
        document, clip, key = desk.document, desk.clip, desk.key
        if self._run is not None:
            self._say("Masks are being carried already: stop that first")
            return None
        if desk.why_not:
            self._say(desk.why_not)
            return None
        if document is None or clip is None or key is None:
            self._say("Paint an object first: there is nothing to carry yet")
            return None
        painted = objects_in(document.labels(key))
        wanted = painted if needs_mask else tuple(o.id for o in desk.objects())
        if not self._wish.all_objects and desk.selected:
            wanted = tuple(i for i in wanted if i == desk.selected)
        locked = {o.id for o in desk.objects() if o.locked}
        ids = tuple(i for i in wanted if i not in locked)
        if not ids:
            what = "The objects are locked" if wanted else "The selected object is not painted in this frame"
            self._say(f"{what}: there is nothing to carry" if painted or not needs_mask else "Nothing is painted here")
            return None
        return document, clip, key, ids

    def _within(self, clip: Clip, index: int) -> int:
        last = clip.frame_count - 1 if clip.frame_count else index
        return min(max(index, 0), max(last, 0))

    def _begin(
        self,
        document: Document,
        clip: Clip,
        key: FrameKey,
        ids: tuple[int, ...],
        *,
        last: int,
        end: FrameKey | None = None,
    ) -> bool:
        opened = self._session.opened_clip
        if opened is None or opened.info.video is None:
            return False
        if last == key.index:
            return self._say("The clip ends here: there is no frame to carry to")
        self._player.pause()
        self._runs += 1
        step = 1 if last > key.index else -1
        job = CarryJob(
            path=opened.info.path,
            video=opened.info.video,
            origin_s=opened.origin_s,
            geometry=self._state.wish.geometry,
            start=key,
            labels=document.labels(key).copy(),
            ids=ids,
            last=last,
            shut=shut_frames(document, clip, ids, first=key.index + step, last=last),
            end=None if end is None else (end, document.labels(end).copy()),
            guide=self._maps if self._wish.guided else None,
            run=self._runs,
        )
        names = [o.name for o in document.objects(clip.id) if o.id in ids]
        title = f"Propagate {names[0]}" if len(names) == 1 else f"Propagate {len(ids)} objects"
        self._waiting.clear()
        self._run = _Run(CarryWorker(job, self._mail.post), title)
        self.notice_over.emit(NOTICE)
        self.changed.emit(CarryState(0.0, f"{title}…"))
        self._run.worker.start()
        return True

    # --- while it runs

    def _edited(self, _done: Done) -> None:
        if not self._is_applying:
            self.stop("because something else was edited")

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            run = self._run
            if isinstance(letter, CarryEnded):
                self._see_off(0.0)
            if run is None or letter.run != run.worker.job.run:
                continue
            if isinstance(letter, CarriedTo):
                self._waiting.append(letter)
                if not self._apply_timer.isActive():
                    self._apply_timer.start(APPLY_MS)
            elif isinstance(letter, CarryProgress):
                self.changed.emit(CarryState(letter.share, f"{run.title}…"))
            elif isinstance(letter, CarryEnded):
                run.ended = letter
                self._apply_waiting()

    def _apply_waiting(self) -> None:
        self._apply_timer.stop()
        run = self._run
        if run is None:
            return
        until_s = time.monotonic() + APPLY_S
        last: CarriedTo | None = None
        while self._waiting and not run.is_stopped and (last is None or time.monotonic() < until_s):
            last = self._waiting.pop(0)
            self._put(run, last)
            run.worker.taken()
        if run.is_stopped:
            self._waiting.clear()
        if last is not None and self._run is run:
            total = max(1, run.worker.job.total)
            words = f"Frame {last.key.index}, {last.done} of {total}"
            self.changed.emit(CarryState(min(1.0, last.done / total), words))
            self._follow(last.key)
        if self._waiting:
            self._apply_timer.start(0)
        elif run.ended is not None and self._run is run:
            self._finish(run, run.ended)

    def _put(self, run: _Run, carried: CarriedTo) -> None:
        is_put = False

        def put(document: Document) -> Done | None:
            nonlocal is_put
            edit = edit_of(document, carried)
            done = document.apply_many([(carried.key, edit)], title=run.title, continuing=run.step)
            run.step = run.step or done
            run.refused_px += edit.refused_px
            run.frames += 1
            is_put = True
            return done

        self._is_applying = True
        try:
            self._desk.act(put)
        finally:
            self._is_applying = False
        if not is_put:
            self.stop("because they cannot be written")

    def _follow(self, key: FrameKey) -> None:
        opened, clip = self._session.opened_clip, self._desk.clip
        now = time.monotonic()
        if not self._wish.follows or opened is None or clip is None or now - self._followed_at_s < FOLLOW_S:
            return
        self._followed_at_s = now
        self._go(key, clip, opened.origin_s)

    def _go(self, key: FrameKey, clip: Clip, origin_s: float) -> None:
        # A hair later, so that rounding does not end at the frame before.
        self._player.seek(float(key.pts * clip.time_base) - origin_s + 1e-4)

    def _finish(self, run: _Run, letter: CarryEnded) -> None:
        self._run = None
        self._waiting.clear()
        self._apply_timer.stop()
        if not run.is_stopped:
            run.worker.close(timeout_s=0.5)
        self.changed.emit(None)
        text, severity = ended_words(run.title, run.frames, letter, why_stopped=run.why_stopped)
        if run.refused_px:
            text += f"; {run.refused_px} pixels are protected and stayed"
        self.notice.emit(Notice(text, severity, key=NOTICE, seconds=None if severity is Severity.ERROR else 10.0))

    def _see_off(self, timeout_s: float) -> None:
        """Threads that were stopped, as far as they have ended by now."""
        self._leaving = [worker for worker in self._leaving if not worker.close(timeout_s=timeout_s)]

    def _abandon(self) -> None:
        self._see_off(0.5)
        run, self._run = self._run, None
        self._waiting.clear()
        self._apply_timer.stop()
        if run is not None:
            run.worker.close(timeout_s=0.5)
            self.changed.emit(None)
