"""Plays a clip's pictures in the GUI thread: looks at the clock, picks what is due, tells what happened.

It wakes when a picture is due or has come, never more often; it draws nothing itself and never waits.
"""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_core.media.frame import VideoFrame
from panosod_viewer.picture_queue import PictureQueue
from panosod_viewer.playback import Clock, MonotonicClock, Seek, Transport
from panosod_viewer.workers.decoding import DecodeMessage, DecodeWorker, Ended, Failed, Ready, Sought

TOLERANCE_S = 0.004
"""A picture is handed over this much before it is due: about the time it takes onto the screen."""
MAX_WAIT_S = 0.05
"""The position moves on, and the end is noticed, at least this often."""


@dataclass
class PictureCounts:
    """What became of the pictures since the clip was opened.

    Attributes:
        shown: handed to the screen while playing.
        dropped: not shown while playing, because they came or were painted too late.
    """

    shown: int = 0
    dropped: int = 0


class Player(QObject):
    """One clip's transport on the screen.

    Signals:
        frame_shown (VideoFrame): show this one.
        stood (): it was asked to stand still, whether it did already or not.
        position_changed (float): clip time, seconds.
        playing_changed (bool), speed_changed (float), loop_changed (object): as the transport has it now.
        dropped_changed (int): count since the clip was opened.
        failed (str): decoding stopped; one line.
    """

    frame_shown = Signal(object)
    stood = Signal()
    position_changed = Signal(float)
    playing_changed = Signal(bool)
    speed_changed = Signal(float)
    loop_changed = Signal(object)
    dropped_changed = Signal(int)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._transport = Transport(MonotonicClock())
        self._queue: PictureQueue | None = None
        self._decoder: DecodeWorker | None = None
        self._frame: VideoFrame | None = None
        self._is_unpainted = False
        self._stream_ended = False
        self._was_playing = False
        self._repeats = False
        self.counts = PictureCounts()

    @property
    def transport(self) -> Transport:
        """Clock and wishes, for looking."""
        return self._transport

    @property
    def frame(self) -> VideoFrame | None:
        """The picture on the screen."""
        return self._frame

    # --- a clip comes and goes ---

    def open(
        self,
        clock: Clock,
        *,
        duration_s: float | None,
        queue: PictureQueue | None,
        decoder: DecodeWorker | None,
        first: Seek,
    ) -> None:
        """Take a clip over, paused, with its first seek under way.

        Args:
            clock: what leads.
            duration_s: None where unknown.
            queue: the decode thread's; None for a clip without a picture.
            decoder: running, and asked for ``first``; None for a clip without a picture.
            first: the seek that it was asked for.
        """
        self.close()
        self._transport = Transport(clock, duration_s=duration_s)
        self._transport.repeats = self._repeats
        self._queue, self._decoder = queue, decoder
        self.counts = PictureCounts()
        if decoder is not None:
            self._transport.begin(first)
        elif first.time_s:
            self._transport.seek(first.time_s)
            self._transport.settled()
        self.loop_changed.emit(None)
        self.speed_changed.emit(1.0)
        self._told()

    def close(self) -> None:
        """Let the clip go; whoever opened its decode thread closes it."""
        self._timer.stop()
        self._transport.pause()
        self._queue = self._decoder = self._frame = None
        self._is_unpainted = self._stream_ended = False
        self._told()

    def set_clock(self, clock: Clock) -> None:
        """Follow another clock from here on."""
        self._transport.set_clock(clock)

    # --- wishes ---

    def toggle(self) -> None:
        """Play, or stand still."""
        if self._transport.is_playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """Play on."""
        self._ask(self._transport.play())

    def pause(self) -> None:
        """Stand still."""
        self._transport.pause()
        self._told()
        self.stood.emit()

    def seek(self, t_s: float, is_final: bool = True) -> None:
        """Go to a time; ``is_final`` False while a hand is on the seek bar."""
        self._ask(self._transport.scrub(t_s, is_final=is_final))
        self.position_changed.emit(self._transport.position_s())

    def skip(self, by_s: float) -> None:
        """Go some seconds on or back."""
        self.seek(self._transport.position_s() + by_s)

    def step(self, frames: int) -> None:
        """Go some frames on or back, exactly, and stand still."""
        if self._decoder is not None:
            self._ask(self._transport.step(frames))
            self.stood.emit()

    def show_frame(self, index: int) -> None:
        """Go to a frame by its number, exactly, and stand still."""
        if self._decoder is not None:
            self._ask(self._transport.show(index))
            self.stood.emit()

    def set_speed(self, speed: float) -> None:
        """Clip seconds a second."""
        self._transport.set_speed(speed)
        self.speed_changed.emit(self._transport.speed)
        self._tick()

    def change_speed(self, direction: int) -> None:
        """Faster (+1) or slower (-1) by one of the usual steps; playing on where it stood."""
        self.set_speed(self._transport.next_speed(direction))

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat a range; None for none."""
        self._transport.set_loop(loop_s)
        self.loop_changed.emit(self._transport.loop_s)

    @property
    def repeats(self) -> bool:
        """Whether the clip starts again at its end."""
        return self._repeats

    def set_repeats(self, on: bool) -> None:
        """Whether the clip starts again at its end; holds for the next clips too."""
        self._repeats = self._transport.repeats = on

    def set_loop_end(self, *, is_start: bool) -> None:
        """Start or end the loop where the clip stands now."""
        position, loop = self._transport.position_s(), self._transport.loop_s
        end = self._transport.duration_s if self._transport.duration_s is not None else position + 3600.0
        if is_start:
            self.set_loop((position, loop[1] if loop is not None and loop[1] > position else end))
        else:
            self.set_loop((loop[0] if loop is not None and loop[0] < position else 0.0, position))

    # --- what happens ---

    def receive(self, message: DecodeMessage) -> None:
        """Take a message of the decode thread, in the GUI thread."""
        if message.generation != self._transport.generation:
            return
        if isinstance(message, Sought):
            self._stream_ended = False
            self._show(message.frame)
            self._transport.shown(message.frame, message.generation)
            self._told()
        elif isinstance(message, Ready):
            self._tick()
        elif isinstance(message, Ended):
            self._stream_ended = True
            if self._transport.duration_s is None:
                self._transport.set_duration(message.end_s)
            self._tick()
        elif isinstance(message, Failed):
            self._transport.failed(message.generation)
            self._told()
            self.failed.emit(message.text)

    def painted(self) -> None:
        """The picture is on the screen."""
        self._is_unpainted = False

    def _ask(self, seek: Seek | None) -> None:
        if seek is not None:
            self._stream_ended = False
            if self._decoder is not None:
                self._decoder.seek(seek)
            else:
                self._transport.settled()
        self._told()

    def _told(self) -> None:
        """Let everyone know what changed, and look at the clock again."""
        playing = self._transport.is_playing
        if self._decoder is not None:
            self._decoder.set_playing(playing)
        if playing != self._was_playing:
            self._was_playing = playing
            self.playing_changed.emit(playing)
        self._tick()

    def _tick(self) -> None:
        self._timer.stop()
        transport = self._transport
        position = transport.position_s()
        self.position_changed.emit(position)
        if not transport.is_playing:
            return
        wait = MAX_WAIT_S
        if self._queue is not None and self._decoder is not None and not transport.is_waiting:
            self._decoder.report_clock(position)
            picked = self._queue.pick(position, tolerance_s=TOLERANCE_S)
            if picked.frame is not None:
                self._show_next(picked.frame)
            if picked.wait_s is not None:
                wait = min(wait, picked.wait_s / transport.speed - TOLERANCE_S)
        is_all_shown = self._stream_ended and (self._queue is None or len(self._queue) == 0)
        seek = transport.tick(stream_ended=is_all_shown)
        if not transport.is_playing and not is_all_shown and self._decoder is not None:
            # The clock was at the end before the last pictures had come: the one that it ends with is asked for.
            seek = transport.seek(transport.duration_s if transport.duration_s is not None else position)
        if seek is not None or not transport.is_playing:
            self._ask(seek)
            return
        self._timer.start(max(1, int(wait * 1000)))

    def _show_next(self, frame: VideoFrame) -> None:
        """Show a picture that follows the one on the screen; what lies between them was dropped."""
        missed = frame.index - self._frame.index - 1 if self._frame is not None else 0
        if self._is_unpainted:
            missed += 1
        self.counts.shown += 1
        if missed > 0:
            self.counts.dropped += missed
            self.counts.shown -= self._is_unpainted
            self.dropped_changed.emit(self.counts.dropped)
        self._transport.shown(frame, self._transport.generation)
        self._show(frame)

    def _show(self, frame: VideoFrame) -> None:
        self._frame = frame
        self._is_unpainted = True
        self.frame_shown.emit(frame)
