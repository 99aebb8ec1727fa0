"""What to annotate next, in the window: the list over all clips of the project, going along it, predicting what lacks.

The list is worked out in a thread from what is on the disk, and anew after every stroke that has been written and while
maps come. Without a project there is nothing to go through: the first wish begins one, as the first stroke does.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.annotation.queueing import Pick, Strategy
from panosod_core.errors import PanosodError
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.frame_jump import FrameJump
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.tools.advised import COUNT, PickLine, Place, Walk, place_of
from panosod_viewer.widgets.picks_list import PicksList
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.map_reading import CacheAddress
from panosod_viewer.workers.predicting_clips import ClipsEnded, ClipsPredictor, ClipsProgress
from panosod_viewer.workers.queueing import QueueFailed, QueueQuestion, QueueSeen, QueueThread

KEY = "annotate.advice"
REFRESH_MS = 150
FOLLOW_MS = 2500
"""While maps come, the list is worked out anew this often."""


class Advice(QObject):
    """Joins the list to the desk.

    Signals:
        notice (object): a Notice.
    """

    notice = Signal(object)
    _mail_came = Signal()

    def __init__(
        self,
        view: PicksList,
        *,
        desk: AnnotationDesk,
        player: Player,
        jump: FrameJump,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._view, self._desk, self._player, self._jump = view, desk, player, jump
        self._strategy: Strategy | None = None
        self._address: CacheAddress | None = None
        self._walk = Walk()
        self._seen: QueueSeen | None = None
        self._asked: QueueQuestion | None = None
        self._serial = 0
        self._wants_next = False
        self._lost = ""
        self._predictor: ClipsPredictor | None = None
        self._doing = ""
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self._thread = QueueThread(self._mail.post)
        self._refresh = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._refresh.timeout.connect(self.refresh)
        self._follow = QTimer(self, singleShot=True, interval=FOLLOW_MS)
        self._follow.timeout.connect(self.refresh)
        view.chosen.connect(self._chosen)
        view.predict_requested.connect(self._predict)
        view.stop_requested.connect(self._stop_predicting)
        desk.project_changed.connect(lambda _: self._begin_anew())
        desk.clip_changed.connect(lambda _: self._refresh.start())
        desk.unsaved_changed.connect(self._committed)
        player.frame_shown.connect(lambda _: self._show())
        view.hide()

    @property
    def picks(self) -> tuple[Pick, ...]:
        """What comes next, in order."""
        return self._walk.waiting

    def set_strategy(self, strategy: Strategy | None) -> None:
        """Choose frames by this; None: something else is gone through, the list is put away."""
        self._view.setVisible(strategy is not None)
        if strategy is not self._strategy:
            self._strategy = strategy
            self._begin_anew()

    def set_maps(self, address: CacheAddress | None) -> None:
        """Where the maps of the clip on the screen lie, and whose they are."""
        if address is not None and address != self._address:
            self._address = address
            self._refresh.start()

    def maps_made(self) -> None:
        """There are new maps of the clip on the screen."""
        if self._strategy is not None and not self._follow.isActive():
            self._follow.start()

    def refresh(self) -> None:
        """Work the list out anew."""
        self._refresh.stop()
        document, strategy = self._desk.document, self._strategy
        if document is None or strategy is None:
            self._show()
            return
        # Those that were gone past are left out of what is shown: there must be others behind them.
        count = COUNT + len(self._walk.been)
        self._serial += 1
        self._asked = QueueQuestion(self._serial, document.path.absolute(), strategy, count, address=self._address)
        self._thread.ask(self._asked)
        self._show()

    def go(self, step: int) -> None:
        """To the next (+1), or back to the one before (-1)."""
        # Between two clips of a project the queue goes on from where it went: which one is there is still being read.
        is_between = self._desk.document is not None and not self._desk.is_identified
        if self._strategy is None or not (is_between or self._desk.ensure_project()):
            return
        if step < 0:
            place = self._walk.previous(self._here())
            if place is None:
                self._say("This is where the queue began")
            else:
                self._go_to(place)
            return
        if self._seen is None:
            self._wants_next = True  # as soon as it is known
            self._show()
            return
        self._next()

    def close(self) -> None:
        """End the thread and what predicts."""
        self._refresh.stop()
        self._follow.stop()
        self._mail.attach(None)
        self._thread.close()
        if self._predictor is not None:
            self._predictor.close()

    # --- going

    def _next(self) -> None:
        self._wants_next = False
        place = self._walk.next(self._here())
        if place is None:
            self._say(self._why_none())
            return
        self._go_to(place)

    def _go_to(self, place: Place) -> None:
        document = self._desk.document
        clip = None if document is None else next((c for c in document.clips if c.id == place[0]), None)
        if clip is None:
            return
        pick = next((p for p in self._walk.picks if place_of(p) == place), None)
        if pick is not None:
            self._say(f"Next: {pick.reason}")
        self._jump.go_to(clip, place[1])
        self._show()

    def _chosen(self, pick: Pick) -> None:
        self._walk.went(place_of(pick))
        self._go_to(place_of(pick))

    def _here(self) -> Place | None:
        key, been = self._desk.key, self._walk.been
        if key is not None:
            return key.clip, key.index
        return been[-1] if been else None  # its clip is being opened

    def _why_none(self) -> str:
        lacking = self._lacking()
        return f"Nothing to annotate next: {lacking}" if lacking else "Nothing is left to annotate next"

    # --- showing

    def _begin_anew(self) -> None:
        self._walk.begin()
        self._walk.take(())
        self._seen, self._wants_next, self._lost = None, False, ""
        self.refresh()

    def _show(self) -> None:
        if self._strategy is None:
            return
        here = self._here()
        names = {c.clip: c.path.stem for c in self._seen.clips} if self._seen is not None else {}
        self._view.set_lines([PickLine(p, names.get(p.clip, "?"), place_of(p) == here) for p in self._walk.waiting])
        if self._predictor is not None:
            self._view.set_words(self._doing, predicts=True)
        elif self._desk.document is None:
            self._view.set_words("Next (N) begins a project beside the clip")
        elif self._lost:
            self._view.set_words(self._lost)
        elif self._seen is None:
            self._view.set_words("Looking through the project's clips…")
        else:
            self._view.set_words(self._lacking(), can_predict=bool(self._unpredicted()))

    def _lacking(self) -> str:
        if self._seen is None:
            return ""
        words = []
        clips = [c for c in self._seen.clips if c.without_map and not c.problem]
        if clips:
            frames, all_ = sum(c.without_map for c in clips), sum(c.frames for c in self._seen.clips)
            where = clips[0].path.name if len(clips) == 1 else f"{len(clips)} clips"
            words.append(f"{frames} of {all_} frames have no map near ({where}) and are not looked at.")
        away = [c for c in self._seen.clips if c.problem]
        if away:
            words.append(f"Left out: {', '.join(c.path.name for c in away)} ({away[0].problem}).")
        return " ".join(words)

    def _unpredicted(self) -> list[Path]:
        return [] if self._seen is None else [c.path for c in self._seen.clips if c.without_map and not c.problem]

    def _say(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key=KEY, seconds=6.0))

    # --- predicting

    def _predict(self) -> None:
        from panosod_core.inference.library import model_in_use

        clips = self._unpredicted()
        if not clips or self._predictor is not None:
            return
        folder = self._address.folder if self._address is not None else ""
        try:
            self._predictor = ClipsPredictor(
                clips, self._mail.post, model=model_in_use(), cache=Path(folder) if folder else None
            )
        except PanosodError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key=KEY))
            return
        self._doing = f"Predicting {clips[0].name}…"
        self._show()

    def _stop_predicting(self) -> None:
        self._end_predicting()
        self.refresh()

    def _end_predicting(self) -> None:
        predictor, self._predictor = self._predictor, None
        if predictor is not None:
            predictor.close()

    # --- what the threads have found

    def _committed(self, unsaved: int) -> None:
        if unsaved == 0 and self._strategy is not None:
            self._refresh.start()

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if isinstance(letter, QueueSeen):
                if letter.question == self._asked:
                    self._asked, self._lost = None, ""
                    self._take(letter)
            elif isinstance(letter, QueueFailed):
                if letter.question == self._asked:
                    self._asked, self._wants_next = None, False
                    self._lost = letter.text
                    self._show()
            elif self._predictor is not None:
                self._predicted(letter)

    def _take(self, seen: QueueSeen) -> None:
        self._seen = seen
        self._walk.take(seen.picks)
        if self._wants_next and not self._refresh.isActive():  # else a fuller list is on its way
            self._next()
        self._show()

    def _predicted(self, letter: ClipsProgress | ClipsEnded) -> None:
        if isinstance(letter, ClipsProgress):
            self._doing = f"Predicting {letter.clip.name}: {letter.done} of {letter.total}"
            self.maps_made()
            self._show()
            return
        self._end_predicting()
        if letter.text:
            self.notice.emit(Notice(f"Not all could be predicted: {letter.text}", Severity.WARNING, key=KEY))
        self.refresh()
