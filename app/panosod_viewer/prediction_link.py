"""What the model sees, as the window has it: which models are at work, on what, and what to do when one is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from panosod_core.media.frame import VideoFrame
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.prediction_notices import (
    HOW_TO_GET_IT,
    READ_AGAIN,
    RETRY,
    USE_CPU,
    failure_notice,
    not_started,
    unreadable_notice,
)
from panosod_viewer.prediction_wish import PredictionWish, can_predict, model_name
from panosod_viewer.workers.reaping import Reaper

if TYPE_CHECKING:
    # What speaks with the process is loaded when it is started: the first picture does not wait for it.
    from panosod_core.inference.messages import OpenClip, Setup
    from panosod_viewer.prediction_lane import Coverage, Failure, PredictorLane

TELL_S = 0.2
"""While the clip plays, the predictor is told this often where it stands."""
JUMP_S = 0.5
"""It is told at once of a jump further than this."""
COVERAGE_MS = 400


@dataclass(frozen=True)
class _Clip:
    """The open clip and what it is taken for; a change of any of it is another prediction."""

    path: str
    picture: str = "auto"
    eye: str = "left"
    sound: str = "auto"


@dataclass
class _Told:
    """What the predictors have been told last."""

    index: int = -1
    at_s: float = 0.0
    dropped: int = 0
    is_playing: bool = False


@dataclass
class _Lanes:
    """Models at work by number, 0 and 1."""

    by_number: "dict[int, PredictorLane]" = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)


class PredictionLink(QObject):
    """Joins the open clip and the playhead with up to two predictors.

    Nothing is started before the first picture of a clip is on the screen.

    Signals:
        maps_changed (object), second_changed (object): MapRecord of the first, of the second model for the frame in
            sight, or None.
        address_changed (object): CacheAddress of the first model's maps of the clip, or None.
        map_made (int): frame of which the first model has written a map.
        coverage_changed (object): a Coverage of the first model, or None; a few times a second at most.
        status_changed (str): for the status line, "" where there is nothing to say.
        wish_changed (object): the PredictionWish.
        notice (object): a Notice.
        notice_over (str): identity of a notice that no longer holds.
    """

    maps_changed = Signal(object)
    second_changed = Signal(object)
    address_changed = Signal(object)
    map_made = Signal(int)
    coverage_changed = Signal(object)
    status_changed = Signal(str)
    wish_changed = Signal(object)
    notice = Signal(object)
    notice_over = Signal(str)

    def __init__(
        self,
        player: Player,
        wish: PredictionWish,
        *,
        make_lane: "Callable[..., PredictorLane] | None" = None,
        is_installed: Callable[[], bool] = can_predict,
        now: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._player = player
        self._wish = wish
        self._make_lane = make_lane
        self._is_installed = is_installed
        self._now = now
        self._lanes = _Lanes()
        self._on_cpu: set[int] = set()
        self._reaper = Reaper()
        self._clip: _Clip | None = None
        self._is_spherical = True
        self._has_picture = False
        self._generation = 0
        self._told = _Told()
        self._coverage_timer = QTimer(self)
        self._coverage_timer.setSingleShot(True)
        self._coverage_timer.setInterval(COVERAGE_MS)
        self._coverage_timer.timeout.connect(self._tell_coverage)
        # What a clip is taken for may change several times within one event: it is opened once.
        self._reopen = QTimer(self)
        self._reopen.setSingleShot(True)
        self._reopen.setInterval(0)
        self._reopen.timeout.connect(self._open_clip)
        player.frame_shown.connect(self._frame_shown)
        player.playing_changed.connect(lambda _: self._tell_place(at_once=True))
        player.speed_changed.connect(lambda _: self._tell_place(at_once=True))

    @property
    def wish(self) -> PredictionWish:
        """Which models are wanted."""
        return self._wish

    @property
    def coverage(self) -> "Coverage | None":
        """Which frames of the clip the first model has seen."""
        lane = self._lanes.by_number.get(0)
        return lane.coverage if lane is not None else None

    def figures(self) -> dict[str, object] | None:
        """For `--stats`; None while no model is at work."""
        lanes = self._lanes.by_number
        if not lanes:
            return None
        return {("first", "second")[n]: lane.figures() for n, lane in sorted(lanes.items())}

    def pids(self) -> tuple[int, ...]:
        """Of the processes."""
        return tuple(lane.pid for lane in self._lanes.by_number.values() if lane.pid is not None)

    # --- the clip ---

    def set_clip(self, path: str) -> None:
        """A clip was opened; its first picture is still to come."""
        self._clip = _Clip(path)
        self._has_picture = False

    def take_for(
        self,
        *,
        picture: str | None = None,
        eye: str | None = None,
        sound: str | None = None,
        is_spherical: bool | None = None,
    ) -> None:
        """What the clip is taken for has been decided, or changed; None leaves as it was."""
        if is_spherical is not None:
            self._is_spherical = is_spherical
        if self._clip is not None:
            old = self._clip
            self._clip = replace(old, picture=picture or old.picture, eye=eye or old.eye, sound=sound or old.sound)
            if self._has_picture and (self._clip != old or is_spherical is not None):
                self._reopen.start()

    def picture_painted(self) -> None:
        """The first picture of the clip is on the screen: now there is time for the model."""
        self._has_picture = True
        self._open_clip()

    def close_clip(self) -> None:
        """The clip is closed; loaded models stay for the next one."""
        self._clip = None
        self._has_picture = False
        self._reopen.stop()
        for lane in self._lanes.by_number.values():
            lane.close_clip()
        self._tell_coverage()

    def close(self) -> None:
        """End all processes, and wait for it: the window goes."""
        self._clip = None
        for number in tuple(self._lanes.by_number):
            self._end(number)
        self._reaper.join()

    # --- wishes ---

    def set_wish(self, wish: PredictionWish) -> None:
        """Other models, another device, on or off."""
        if wish == self._wish:
            return
        old, self._wish = self._wish, wish
        # Another model, another device, or off and on, is another attempt on what the settings say.
        for number in tuple(self._on_cpu):
            if not wish.is_on or wish.device != old.device or wish.models[number:][:1] != old.models[number:][:1]:
                self._on_cpu.discard(number)
        if replace(wish, stride=old.stride) == old:
            for lane in self._lanes.by_number.values():
                lane.set_stride(wish.stride)
        else:
            for number in tuple(self._lanes.by_number):
                if self._setup(number) != self._lanes.by_number[number].setup:
                    self._end(number)
            self._open_clip(missing_only=True)
        if not wish.is_on:
            self._say()
        self.wish_changed.emit(wish)

    def toggle(self) -> None:
        """On or off."""
        on = not self._wish.is_on
        if on and not self._is_installed():
            self.notice.emit(Notice(HOW_TO_GET_IT, Severity.INFO, key="prediction.missing", seconds=12.0))
            return
        models = self._wish.models or ("",)
        self.set_wish(replace(self._wish, is_on=on, models=models))

    def use_model(self, path: str, *, is_second: bool = False) -> None:
        """Put a model to work, in place of the first or beside it."""
        first = self._wish.models[:1] or ("",)
        models = (*first, path) if is_second else (path, *self._wish.models[1:])
        self.set_wish(replace(self._wish, is_on=True, models=models))

    def reload(self, path: str) -> None:
        """Put a model to work anew: its file is another one now."""
        for number, each in enumerate(self._wish.models):
            if each == path and number in self._lanes.by_number:
                self._begin_anew(number)

    def act(self, action: str) -> None:
        """A button of one of our notices was pressed."""
        if action.startswith(READ_AGAIN):
            lane = self._lanes.by_number.get(int(action.rpartition(":")[2]))
            if lane is not None:
                lane.read_again()
        if action.startswith((RETRY, USE_CPU)):
            number = int(action.rpartition(":")[2])
            if action.startswith(USE_CPU):
                self._on_cpu.add(number)  # of this model, for now: the next start of the window tries the GPU again
            self._begin_anew(number)

    # --- work ---

    def _setup(self, number: int) -> "Setup | None":
        """How a lane is to be set up; None where it is not wanted."""
        from panosod_core.inference.messages import Setup

        wish = self._wish
        if not wish.is_on or number >= len(wish.models):
            return None
        device = "cpu" if number in self._on_cpu else wish.device
        return Setup(model=wish.models[number], device=device, stride=wish.stride, cache=wish.cache)

    def _begin_anew(self, number: int) -> None:
        """Another process for a model; where the clip is the same, its maps stay on the screen meanwhile."""
        lane, setup = self._lanes.by_number.get(number), self._setup(number)
        if lane is None or setup is None or self._clip is None or not (self._has_picture and self._is_spherical):
            self._end(number)
            self._open_clip(missing_only=True)
            return
        self._generation += 1
        try:
            self._lanes.names[number] = model_name(setup.model)
            lane.restart(setup, self._request(self._clip))
        except OSError as error:
            self._failed(number, not_started(error))
            return
        self.notice_over.emit(f"prediction.failed.{number}")
        self._tell_place(at_once=True)

    def _request(self, clip: _Clip) -> "OpenClip":
        from panosod_core.inference.messages import OpenClip

        return OpenClip(self._generation, clip.path, clip.picture, clip.eye, clip.sound)

    def _open_clip(self, *, missing_only: bool = False) -> None:
        clip = self._clip
        if clip is None or not self._has_picture:
            return
        if not self._is_spherical:
            for lane in self._lanes.by_number.values():
                lane.close_clip()
            return
        if self._wish.is_on and not self._is_installed():
            self.status_changed.emit("model: not installed")
            return
        self._generation += 1
        for number in range(2):
            there = self._lanes.by_number.get(number)
            if there is not None and there.pid is None:
                self._end(number)  # its process has died: another clip, or another wish, is another attempt
                there = None
            if there is None and not self._start(number):
                continue
            if there is None or not missing_only:
                self._lanes.by_number[number].open_clip(self._request(clip))
        frame = self._player.frame
        if frame is not None:
            for lane in self._lanes.by_number.values():
                lane.look_at(frame.index)
        self._tell_place(at_once=True)

    def _start(self, number: int) -> bool:
        from panosod_viewer.prediction_lane import PredictorLane

        setup = self._setup(number)
        if setup is None:
            return False
        try:
            lane = (self._make_lane or PredictorLane)(setup, reaper=self._reaper, parent=self)
        except OSError as error:
            self._failed(number, not_started(error))
            return False
        self._lanes.by_number[number] = lane
        self._lanes.names[number] = model_name(setup.model)
        self.notice_over.emit(f"prediction.failed.{number}")
        lane.status_changed.connect(lambda words: self._lane_says(number, words))
        lane.failed.connect(lambda failure: self._failed(number, failure))
        lane.unreadable.connect(
            lambda text: self.notice.emit(unreadable_notice(number, self._lanes.names[number], text))
        )
        lane.refused.connect(
            lambda text: self.notice.emit(Notice(text, Severity.INFO, key=f"prediction.refused.{number}", seconds=10.0))
        )
        if number == 0:
            lane.record_changed.connect(self.maps_changed)
            lane.address_changed.connect(self.address_changed)
            lane.map_made.connect(self._made)
            lane.address_changed.connect(lambda _: self._tell_coverage())
        else:
            lane.record_changed.connect(self.second_changed)
        self._lane_says(number, "loading…")
        return True

    def _end(self, number: int) -> None:
        lane = self._lanes.by_number.pop(number, None)
        self._lanes.words.pop(number, None)
        if lane is not None:
            lane.close()
            lane.deleteLater()
        self._say()

    def _failed(self, number: int, failure: "Failure") -> None:
        """Say it; what the model has made of the clip stays on the screen."""
        name = model_name(self._wish.models[number] if number < len(self._wish.models) else "")
        self.notice.emit(failure_notice(number, name, failure))

    # --- what happens ---

    def _frame_shown(self, frame: VideoFrame) -> None:
        for lane in self._lanes.by_number.values():
            lane.look_at(frame.index)
        self._tell_place()

    def _tell_place(self, *, at_once: bool = False) -> None:
        lanes, frame = self._lanes.by_number, self._player.frame
        if not lanes or frame is None:
            return
        told, transport, now = self._told, self._player.transport, self._now()
        playing = transport.is_playing
        far = JUMP_S / max(frame.duration_s, 1e-3)
        is_due = now - told.at_s >= TELL_S or abs(frame.index - told.index) > far or not playing
        if not (at_once or is_due) or (not at_once and not playing and frame.index == told.index):
            return
        dropped = self._player.counts.dropped
        late = max(0, dropped - told.dropped) if playing and told.is_playing else 0
        self._told = _Told(frame.index, now, dropped, playing)
        for lane in lanes.values():
            lane.move(index=frame.index, is_playing=playing, speed=max(transport.speed, 0.0), late=late)

    def _made(self, index: int) -> None:
        self.map_made.emit(index)
        if not self._coverage_timer.isActive():
            self._coverage_timer.start()

    def _tell_coverage(self) -> None:
        self.coverage_changed.emit(self.coverage)

    def _lane_says(self, number: int, words: str) -> None:
        if number in self._lanes.by_number:
            self._lanes.words[number] = f"{self._lanes.names[number]}: {words}"
            self._say()

    def _say(self) -> None:
        words = self._lanes.words
        self.status_changed.emit(" | ".join(words[n] for n in sorted(words)) if self._wish.is_on else "")
