"""Opening and closing a clip: what was found, what the person chose instead, and what of it is remembered."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.ambisonics.filters import default_filters
from panosod_core.geometry.picture import Eye, PictureGeometry, PictureProjection
from panosod_core.geometry.projection import View
from panosod_core.media.choice import PICTURE_CHOICES, chosen_geometry, override_sound, sound_choices
from panosod_core.media.info import AudioInfo, ClipInfo, VideoInfo
from panosod_viewer.memory import Memory
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.playback import MonotonicClock
from panosod_viewer.player import Player
from panosod_viewer.sound_link import Sounding
from panosod_viewer.state import ViewerState
from panosod_viewer.tools import look
from panosod_viewer.wording import flat_notice
from panosod_viewer.workers.decoding import Ended, Failed, Ready, Sought
from panosod_viewer.workers.heads import HeadDesigned, HeadDesigner, HeadFailed
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.opening import ClipOpener, OpenedClip, OpenFailed
from panosod_viewer.workers.waveform import WaveformGrown, WaveformWorker

_log = logging.getLogger(__name__)

FLAT_NOTICE = "picture.flat"
"""Identity of the notice that a clip is shown flat."""
CHOOSE_PROJECTION = "picture.choose:"
"""Beginning of the ids of the notice's buttons that choose a projection."""


@dataclass(frozen=True)
class Overrides:
    """What the command line says instead of file and memory; "" where it says nothing."""

    projection: str = ""
    sound: str = ""


class ClipSession(QObject):
    """At most one clip is open.

    Signals:
        opening (object): Path; nothing is known yet.
        opened (object): the ClipInfo; state and player have it.
        open_failed (object, str): Path and one line.
        closed ().
        picture_chosen (object, str): VideoInfo or None, id of the choice in force.
        sound_chosen (object, str): AudioInfo as played or None, id of the choice in force.
        sounding (object): a Sounding for the audio process.
        waveform_grown (object): a WaveformSummary.
        filters_designed (object): BinauralFilters of the person's own head.
        head_told (object, str, bool): Path of the SOFA file, one line on it, whether it is an error.
        notice (object): a Notice.
        notice_over (str): identity of a notice that no longer holds.
    """

    opening = Signal(object)
    opened = Signal(object)
    open_failed = Signal(object, str)
    closed = Signal()
    picture_chosen = Signal(object, str)
    sound_chosen = Signal(object, str)
    sounding = Signal(object)
    waveform_grown = Signal(object)
    filters_designed = Signal(object)
    head_told = Signal(object, str, bool)
    notice = Signal(object)
    notice_over = Signal(str)
    _mail_came = Signal()

    def __init__(
        self,
        *,
        state: ViewerState,
        player: Player,
        memory: Memory,
        overrides: Overrides | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._player = player
        self._memory = memory
        self._overrides = overrides or Overrides()
        self._pending: ClipOpener | None = None
        self._opener: ClipOpener | None = None
        self._opened: OpenedClip | None = None
        self._audio: AudioInfo | None = None
        self._waveform: WaveformWorker | None = None
        self._sofa: Path | None = None
        self._eye = Eye.LEFT
        self._picture_choice = "auto"
        self._head_mail = Mailbox()
        self._heads = HeadDesigner(self._head_mail.post)
        # Letters come from other threads: the queued connection brings the wake-up into this one.
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._head_mail.attach(self._mail_came.emit)

    @property
    def info(self) -> ClipInfo | None:
        """What the headers of the open clip say."""
        return self._opened.info if self._opened is not None else None

    @property
    def opened_clip(self) -> OpenedClip | None:
        """The open clip with its decode thread."""
        return self._opened

    # --- wishes ---

    def open(self, path: Path, *, at_s: float = 0.0) -> None:
        """Open a clip; the one that is open stays until it is known that this one can be."""
        opener = ClipOpener(path, at_s=at_s)
        opener.start()
        self.adopt(opener)

    def adopt(self, opener: ClipOpener) -> None:
        """Take over a clip whose opening has begun."""
        self._abandon(self._pending)
        self._pending = opener
        self.opening.emit(opener.path)
        opener.mailbox.attach(self._mail_came.emit)

    def close(self) -> None:
        """Close the clip and abandon what is being opened; at most a few seconds where a drive hangs."""
        self._abandon(self._pending)
        self._pending = None
        self._close_clip()

    def _close_clip(self) -> None:
        opener, self._opener = self._opener, None
        waveform, self._waveform = self._waveform, None
        if opener is None:
            return
        self._opened = self._audio = None
        self._player.close()
        self._state.set_frame(None)
        self.closed.emit()
        self._abandon(opener)
        if waveform is not None:
            waveform.close()

    @staticmethod
    def _abandon(opener: ClipOpener | None) -> None:
        if opener is None:
            return
        opener.mailbox.attach(None)
        if not opener.close():
            _log.warning("%s hangs; its thread is left to end with the program", opener.path)

    def end(self) -> None:
        """Close all for good."""
        self.close()
        self._heads.close()

    def choose_projection(self, choice: str) -> None:
        """Take the picture for something else, and remember it for this file."""
        opened = self._opened
        if opened is None or opened.info.video is None:
            return
        self._memory.choose_for(opened.key, opened.info.path, projection=choice)
        self._apply_picture(opened.info.video, choice)

    @property
    def eye(self) -> Eye:
        """Which eye of a stereo clip is shown."""
        return self._eye

    def choose_eye(self, eye: Eye) -> None:
        """Show the other eye of a stereo clip, and remember it for this file."""
        self._eye = eye
        opened = self._opened
        if opened is not None and opened.info.video is not None:
            self._memory.choose_for(opened.key, opened.info.path, eye="" if eye is Eye.LEFT else eye.value)
            self._apply_picture(opened.info.video, self._picture_choice)

    def choose_sound(self, choice: str) -> None:
        """Take the sound for something else, and remember it for this file."""
        opened = self._opened
        if opened is None or opened.info.audio is None:
            return
        self._memory.choose_for(opened.key, opened.info.path, sound=choice)
        self._apply_sound(opened, choice)

    def choose_head(self, path: Path | None) -> None:
        """Listen with a measured head; None for the embedded one."""
        self._sofa = path
        if path is None:
            self.filters_designed.emit(default_filters(self._order()))
        else:
            self._heads.design(path, order=self._order())

    # --- letters ---

    def _read_mail(self) -> None:
        for letter in self._head_mail.take():
            self._handle(letter)
        pending = self._pending
        if pending is not None and pending.mailbox.has_letters:
            self._read_pending(pending)
        opener = self._opener
        if opener is not None:
            for letter in opener.mailbox.take():
                if self._opener is not opener:
                    return  # a letter led to another clip: the rest belongs to nobody
                self._handle(letter)

    def _read_pending(self, pending: ClipOpener) -> None:
        """The first letter of a clip being opened says whether it can be; the rest is read when it has been taken."""
        letter = pending.mailbox.take_first()
        self._pending = None
        if isinstance(letter, OpenFailed):
            self.open_failed.emit(letter.path, letter.text)
        elif isinstance(letter, OpenedClip):
            self._close_clip()
            self._opener = pending
            self._take(letter)

    def _handle(self, letter: object) -> None:
        if isinstance(letter, WaveformGrown):
            self.waveform_grown.emit(letter.summary)
        elif isinstance(letter, HeadDesigned):
            self._head_designed(letter)
        elif isinstance(letter, HeadFailed):
            self._sofa = None
            self.head_told.emit(letter.path, letter.text, True)
            self.notice.emit(Notice(letter.text, Severity.ERROR, key="head"))
        elif isinstance(letter, (Sought, Ready, Ended, Failed)):
            self._player.receive(letter)

    def _take(self, opened: OpenedClip) -> None:
        info = opened.info
        self._opened = opened
        remembered = self._memory.settings.choice_for(opened.key)
        self._eye = Eye.RIGHT if remembered.eye == Eye.RIGHT.value else Eye.LEFT
        self._player.open(
            MonotonicClock(),
            duration_s=info.duration_s,
            queue=opened.queue,
            decoder=opened.decoder,
            first=opened.first,
        )
        if info.video is not None:
            self._apply_picture(info.video, self._overrides.projection or remembered.projection or "auto")
        else:
            self.picture_chosen.emit(None, "auto")
            self.notice.emit(Notice("There is no picture in this file, only sound", key="picture.none"))
        self.opened.emit(info)
        self._apply_sound(opened, self._overrides.sound or remembered.sound or "auto")
        self._memory.change(lambda s: s.with_recent(info.path))

    def _apply_picture(self, video: VideoInfo, choice: str) -> None:
        if choice not in PICTURE_CHOICES:
            choice = "auto"
        self._picture_choice = choice
        geometry = chosen_geometry(video, choice, eye=self._eye)
        self._state.set_geometry(geometry)
        self.picture_chosen.emit(video, choice)
        if not geometry.is_spherical and choice == "auto":
            self.notice.emit(_flat_notice(geometry, video))
        else:
            # Chosen by the person, on the chip or by the notice itself: there is nothing left to offer.
            self.notice_over.emit(FLAT_NOTICE)

    def _apply_sound(self, opened: OpenedClip, choice: str) -> None:
        info = opened.info
        audio = info.audio
        if audio is not None:
            if choice not in sound_choices(audio):
                choice = "auto"
            audio = override_sound(audio, choice)
        self._audio = audio
        self.sound_chosen.emit(audio, choice)
        self.sounding.emit(Sounding(info.path, audio, default_filters(self._order()), info.duration_s, opened.origin_s))
        if self._sofa is not None:
            self._heads.design(self._sofa, order=self._order())

    def start_waveform(self) -> None:
        """Read the clip's waveform; called when the first picture is on the screen, so as not to delay it."""
        opened, opener = self._opened, self._opener
        if opened is None or opener is None or opened.info.audio is None or self._waveform is not None:
            return
        self._waveform = WaveformWorker(
            opened.info.path,
            opened.info.audio,
            opener.mailbox.post,
            duration_s=opened.info.duration_s,
            clock_origin_s=opened.origin_s,
        )
        self._waveform.start()

    def _head_designed(self, letter: HeadDesigned) -> None:
        if letter.filters.order != self._order():
            return  # designed for a sound that is no longer playing; the right one is on its way
        self.filters_designed.emit(letter.filters)
        self.head_told.emit(letter.path, "; ".join(letter.warnings), False)

    def _order(self) -> int:
        """Of the filters: of the sound's order, first for sound without a field (the direction check uses them)."""
        return self._audio.order if self._audio is not None and self._audio.order else 1


def home_view(info: ClipInfo, *, fov_rad: float = math.pi / 2) -> View:
    """Where a clip wants to be looked at first."""
    angles = info.video.initial_view_deg if info.video is not None else (0.0, 0.0, 0.0)
    return look.initial_view(angles, fov_rad=fov_rad)


def _flat_notice(geometry: PictureGeometry, video: VideoInfo) -> Notice:
    offers: tuple[tuple[str, str], ...] = ()
    if geometry.projection is PictureProjection.FLAT:
        wide = video.width > video.height
        ids = ("equirect", "equirect-tb", "180-sbs") if wide else ("equirect-tb", "equirect", "180-sbs")
        offers = tuple((f"{CHOOSE_PROJECTION}{i}", f"Show as {PICTURE_CHOICES[i]}") for i in ids[:2])
    return Notice(flat_notice(geometry.projection), Severity.INFO, offers, FLAT_NOTICE)
