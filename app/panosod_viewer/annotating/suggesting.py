"""Suggestions for the frames around a corrected one, by the label-guided branch: outlines that a person takes or not.

Never written by itself, and asked for by hand only: on synthetic clips it does not beat masks that are carried along by
the picture's motion (benchmarks/results/label_guided.md).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.annotation.edits import Origin, put_labels
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.records import Source
from panosod_core.inference.suggestions import SuggestedMask, SuggestRequest
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.exchange_words import outline
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.state import ViewerState
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.suggesting import SuggestionsFailed, SuggestionsMade, SuggestionWorker

TAKE, DECLINE, DECLINE_ALL = "suggest.take", "suggest.decline", "suggest.none"
KEY = "suggest"


class Suggesting(QObject):
    """At most one frame is asked about, and its suggestions are gone when they are taken, declined, or out of date.

    Signals:
        notice (object): a Notice.
        notice_over (str): identity of a notice that no longer holds.
    """

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
        make_worker: Callable[..., SuggestionWorker] = SuggestionWorker,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self._session, self._state, self._player = desk, session, state, player
        self._make_worker = make_worker
        self._worker: SuggestionWorker | None = None
        self._asked: SuggestRequest | None = None
        self._masks: dict[int, SuggestedMask] = {}
        self._model_id, self._object = "", 0
        self._has_lines, self._has_been_told = False, False
        self._taken_for = {"picture": "auto", "sound": "auto"}
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        session.picture_chosen.connect(lambda _, choice: self._taken_for.update(picture=choice))
        session.sound_chosen.connect(lambda _, choice: self._taken_for.update(sound=choice))
        desk.clip_changed.connect(lambda _: self.forget())
        player.frame_shown.connect(lambda _: self._show())

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {"review.suggest": self.ask}

    @property
    def waiting(self) -> tuple[int, ...]:
        """Frames with a suggestion that was neither taken nor declined."""
        return tuple(sorted(self._masks))

    def ask(self) -> None:
        """Ask what lies in the frames around this one, from the selected object's mask in it."""
        info, key, selected = self._session.info, self._desk.key, self._desk.selected
        labels = None if key is None else self._desk.labels(key)
        if info is None or key is None or not selected or labels is None or not (labels == selected).any():
            self._say("Select an object that has a mask in this frame first")
            return
        self.forget()
        self._object = selected
        request = SuggestRequest(str(info.path), "", key.index, eye=self._session.eye.value, **self._taken_for)
        self._asked = request
        self._worker = self._make_worker(request, np.asarray(labels == selected), self._mail.post)
        self.notice.emit(Notice("Asking the model about the frames around this one…", key=KEY))

    def act(self, action: str) -> None:
        """A button of one of our notices was pressed."""
        if action == TAKE:
            self.take()
        elif action == DECLINE:
            self.decline()
        elif action == DECLINE_ALL:
            self.forget()

    def take(self) -> None:
        """The suggestion for the frame at hand becomes the object's mask, as a draft."""
        key = self._desk.key
        found = None if key is None else self._masks.get(key.index)
        if key is None or found is None:
            return
        before = self._desk.labels(key)
        clip = self._desk.clip
        if clip is None:
            return
        labels = np.zeros(clip.shape, np.uint8) if before is None else np.array(before)
        labels[labels == self._object] = 0
        labels[found.mask & (labels == 0)] = self._object
        origin = Origin(Source.MODEL, self._model_id)
        start = np.zeros_like(labels) if before is None else before
        edit = put_labels(start, labels, protection=self._desk.protection(), origin=origin)
        self._desk.apply(edit, "Take a suggestion")
        self._drop(key.index)

    def decline(self) -> None:
        """Not this one; the frame stays as it is."""
        key = self._desk.key
        if key is not None:
            self._drop(key.index)

    def forget(self) -> None:
        """Nothing is suggested any more, and nobody is asked."""
        worker, self._worker, self._asked = self._worker, None, None
        if worker is not None:
            worker.close()
        self._masks = {}
        self._draw()
        self.notice_over.emit(KEY)

    def close(self) -> None:
        """End the process."""
        self._mail.attach(None)
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    # --- what comes back

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if letter.request is not self._asked:
                continue  # something else has been asked since
            if isinstance(letter, SuggestionsFailed):
                self._say(f"Nothing is suggested: {letter.text}", Severity.WARNING)
            elif isinstance(letter, SuggestionsMade):
                self._model_id = letter.model_id
                self._masks = {s.index: s for s in letter.masks if s.mask.any()}
                if self._masks:
                    self._player.show_frame(max(self._masks))
                else:
                    self._say("The model sees nothing of it in the frames around")
        self._show()

    def _drop(self, index: int) -> None:
        self._masks.pop(index, None)
        if self._masks:
            self._player.show_frame(max(self._masks))
        self._show()

    # --- showing

    def _show(self) -> None:
        frame = self._player.frame
        found = None if frame is None else self._masks.get(frame.index)
        self._draw(found)
        if found is not None:
            actions = ((TAKE, "Take it"), (DECLINE, "Decline"), (DECLINE_ALL, "Decline all"))
            text = f"A suggestion for this frame ({len(self._masks)} left): nothing is written unless you take it"
            self.notice.emit(Notice(text, Severity.INFO, actions, KEY))
        elif not self._masks and self._has_been_told:
            self.notice_over.emit(KEY)
        self._has_been_told = found is not None

    def _draw(self, found: SuggestedMask | None = None) -> None:
        clip = self._desk.clip
        mask = None if found is None else RingMask.of(found.mask)
        if mask is not None and clip is not None:
            lines = outline(mask, clip.shape, self._state.wish.geometry.R_world_picture)
            self._has_lines = True
            self._state.show_pictures(theirs=lines)
        elif self._has_lines:
            self._has_lines = False
            self._state.show_pictures(theirs=())

    def _say(self, text: str, severity: Severity = Severity.INFO) -> None:
        self.notice.emit(Notice(text, severity, key=KEY, seconds=8.0))
