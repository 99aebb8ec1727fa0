"""The first second of a clip: picture first, then its sound, then both run together."""

from PySide6.QtCore import QObject, QTimer

from panosod_viewer.clip_session import ClipSession
from panosod_viewer.playback import Clock, MonotonicClock
from panosod_viewer.player import Player
from panosod_viewer.sound_link import Sounding, SoundLink

SOUND_WAIT_MS = 3000
"""The picture does not wait longer than this for its sound to be ready."""


class Starter(QObject):
    """Opens the sound when the picture is there, and plays when the sound is ready."""

    def __init__(
        self, *, session: ClipSession, player: Player, sound: SoundLink, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._player = player
        self._sound = sound
        self._wants_play = False
        self._has_picture = False
        self._waiting: Sounding | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(SOUND_WAIT_MS)
        self._patience.timeout.connect(self._play_now)
        player.playing_changed.connect(lambda _: self._drop_wish())
        player.stood.connect(self._drop_wish)
        sound.clock_ready.connect(self._clock_ready)
        sound.clock_lost.connect(self._clock_lost)

    def begin(self, *, plays: bool, has_picture: bool) -> None:
        """A clip has been opened.

        Args:
            plays: start it as soon as it can run.
            has_picture: wait for the first one before opening the sound.
        """
        self._wants_play = plays
        self._has_picture = not has_picture
        self._waiting = None

    def sound_wanted(self, sounding: Sounding) -> None:
        """What is to be heard: at the start, or after the person chose another meaning of the channels."""
        if self._has_picture:
            self._open(sounding)
        else:
            self._waiting = sounding

    def picture_painted(self) -> None:
        """The first picture is on the screen."""
        self._has_picture = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._open(waiting)

    def forget(self) -> None:
        """The clip is closed."""
        self._wants_play = False
        self._waiting = None
        self._patience.stop()

    def _open(self, sounding: Sounding) -> None:
        self._sound.open(sounding, position_s=self._player.transport.position_s())
        if self._wants_play:
            self._patience.start()

    def _clock_ready(self, clock: Clock) -> None:
        self._player.set_clock(clock)
        self._play_now()
        self._session.start_waveform()

    def _clock_lost(self) -> None:
        self._player.set_clock(MonotonicClock())

    def _play_now(self) -> None:
        self._patience.stop()
        if self._wants_play:
            self._wants_play = False
            self._player.play()

    def _drop_wish(self) -> None:
        # The person was faster, or a frame of the clip is to be looked at.
        self._wants_play = False
        self._patience.stop()
