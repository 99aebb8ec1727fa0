"""The time line's wiring: made when it is first wanted, fed while it is open, and the jumps to the frames in doubt."""

import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.ambisonics.energy_track import EnergyTrack
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.info import AudioInfo, ClipInfo
from panosod_core.media.waveform import WaveformSummary
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.memory import Memory
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.player_page import PlayerPage
from panosod_viewer.resolving import PaneKind, pane_kinds, resolve_scene
from panosod_viewer.state import ViewerState
from panosod_viewer.timeline_jumps import DoubtJumps
from panosod_viewer.tools.azimuth_span import azimuth_span
from panosod_viewer.tools.doubt import Doubt
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.salient_truth import SalientTruth

if TYPE_CHECKING:
    # At run time these are imported when the time line is first opened: the start does not wait for them.
    from panosod_core.inference.cache import CacheKey, PredictionCache
    from panosod_core.inference.tracks import Tracks
    from panosod_viewer.panels.timeline import TimelinePanel
    from panosod_viewer.widgets.frame_states import StateSpan
    from panosod_viewer.workers.hearing import HearingFailed, HearingGrown, HearingWorker
    from panosod_viewer.workers.series import Known, SeriesFailed, SeriesGrown, SeriesWorker, TruthOf

_MODULES = tuple(f"panosod_viewer.{name}" for name in ("panels.timeline", "workers.series", "workers.hearing"))
NO_FIELD = "No directions in this sound"
NO_SOUND = "No sound"
NO_MAPS = "No maps yet"


class TimelineLink(QObject):
    """Keeps the panel true. Without it, that is until somebody opens it, nothing of this is worked out.

    Signals:
        shown_changed (bool): the panel is open.
        notice (object): a Notice.
    """

    shown_changed = Signal(bool)
    notice = Signal(object)
    _mail_came = Signal()
    _loaded = Signal(str)

    def __init__(
        self,
        *,
        page: PlayerPage,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        memory: Memory,
        truth_folder: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._page, self._state, self._player, self._session = page, state, player, session
        self._memory = memory
        self._truth_folder = truth_folder
        self._panel: TimelinePanel | None = None
        self._is_wanted = False
        self._is_loading = False
        self._is_started = False
        self._audio: AudioInfo | None = None
        self._wave: WaveformSummary | None = None
        self._track: EnergyTrack | None = None
        self._tracks: Tracks | None = None
        self._truth_of: TruthOf | None = None
        self._maps: tuple[PredictionCache, CacheKey] | None = None
        self._states: Callable[[], Sequence[StateSpan]] | None = None
        self._hearing: HearingWorker | None = None
        self._series: SeriesWorker | None = None
        self._hearing_mail, self._series_mail = Mailbox(), Mailbox()
        self._jumps = DoubtJumps(player, self)
        self._jumps.notice.connect(self.notice)
        # Both come from other threads.
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._loaded.connect(self._make, Qt.ConnectionType.QueuedConnection)
        session.opened.connect(self._opened)
        session.closed.connect(self._closed)
        session.waveform_grown.connect(self._wave_grown)
        session.sound_chosen.connect(self._sound_chosen)
        state.geometry_changed.connect(self._geometry_changed)

    # -- wishes -----------------------------------------------------------------------------------------------------

    @property
    def is_shown(self) -> bool:
        """Open, or about to be."""
        return self._is_wanted

    @property
    def panel(self) -> "TimelinePanel | None":
        """The panel, where it has been made."""
        return self._panel

    @property
    def tracks(self) -> "Tracks | None":
        """What the maps say, as far as it has been worked out."""
        return self._tracks

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return {
            "view.timeline": self.toggle,
            "timeline.next_unsure": partial(self.jump, Doubt.UNSURE, +1),
            "timeline.previous_unsure": partial(self.jump, Doubt.UNSURE, -1),
            "timeline.next_off": partial(self.jump, Doubt.OFF_SOUND, +1),
            "timeline.previous_off": partial(self.jump, Doubt.OFF_SOUND, -1),
        }

    def toggle(self) -> None:
        """Open or close it."""
        self.set_shown(not self._is_wanted)

    def set_shown(self, on: bool) -> None:
        """Open it, made in the background the first time, or close it."""
        if on == self._is_wanted:
            return
        self._is_wanted = on
        self.shown_changed.emit(on)
        self._memory.change(lambda s: replace(s, timeline=replace(s.timeline, shown=on)))
        if self._panel is not None:
            self._page.set_timeline_shown(on)
            self._work()
        elif on and self._is_started:
            self._load()
        if not on:
            self._rest()

    def picture_painted(self) -> None:
        """The first picture of the clip is on the screen: from now on nothing here delays it."""
        self._is_started = True
        if self._is_wanted and self._panel is None:
            self._load()
        self._work()

    def follow_maps(self, cache: "PredictionCache | None", key: "CacheKey | None" = None) -> None:
        """Show what these maps say; None for none."""
        self._end_series()
        self._maps = None if cache is None or key is None else (cache, key)
        self._work()

    def follow_states(self, spans: "Callable[[], Sequence[StateSpan]] | None") -> None:
        """Show how far masks are: asked now and whenever the panel shows a clip, never while there is no panel."""
        self._states = spans
        if self._panel is not None:
            self._panel.set_states(() if spans is None else spans())

    def maps_changed(self) -> None:
        """There are new maps; they would be found without this too, half a second later."""
        if self._series is not None:
            self._series.poke()

    def refresh(self, position_s: float) -> None:
        """Where the clip stands and what is looked at: called as often as the other figures are shown."""
        if self._panel is not None and self._is_wanted:
            self._panel.set_position(position_s)
            self._panel.set_view(self._seen())
        if self._series is not None:
            self._series.position_s = position_s

    def jump(self, doubt: Doubt, step: int) -> None:
        """To the frame that is next (+1) or one before (-1) in the order of doubt, and stand still there."""
        self.set_shown(True)
        said = self._jumps.jump(doubt, step, tracks=self._tracks, has_directions=self._track is not None)
        if said and self._panel is not None:
            self._panel.say(said)

    def close(self) -> None:
        """End what works for it."""
        self._rest()

    # -- the panel --------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Import what it is made of in another thread: a third of a second that the picture does not wait for."""
        if not self._is_loading:
            self._is_loading = True
            threading.Thread(target=self._import, name="panosod-timeline-import", daemon=True).start()

    def _import(self) -> None:
        try:
            for module in _MODULES:
                importlib.import_module(module)
        except ImportError as error:
            self._loaded.emit(f"The time line cannot be shown: {error}. Install panosod anew")
            return
        self._loaded.emit("")

    def _make(self, failure: str) -> None:
        self._is_loading = False
        if failure:
            self._is_wanted = False
            self.shown_changed.emit(False)
            self.notice.emit(Notice(failure, Severity.ERROR, key="timeline"))
            return
        from panosod_viewer.panels.timeline import TimelinePanel

        panel = self._panel = TimelinePanel()
        panel.set_chosen_height(self._memory.settings.timeline.height_px)
        panel.seek_requested.connect(self._player.seek)
        panel.height_chosen.connect(self._remember_height)
        self._page.set_timeline(panel)
        self._page.set_timeline_shown(self._is_wanted)
        if self._session.info is not None:
            self._show_clip(self._session.info)
        self._work()

    def _remember_height(self, height_px: int) -> None:
        self._memory.change(lambda s: replace(s, timeline=replace(s.timeline, height_px=height_px)))

    def _show_clip(self, info: ClipInfo) -> None:
        if self._panel is None:
            return
        fps = info.video.fps if info.video is not None and not info.video.is_vfr else None
        self._panel.set_clip(info.duration_s, fps=float(fps) if fps is not None else None)
        self._panel.set_energy(self._track, note=self._sound_note())
        self._panel.set_tracks(self._tracks, note=NO_MAPS)
        if self._wave is not None:
            self._wave_grown(self._wave)
        if self._states is not None:
            self._panel.set_states(self._states())
        self.refresh(self._player.transport.position_s())

    def _sound_note(self) -> str:
        if self._audio is None:
            return NO_SOUND
        return "" if self._has_field() else NO_FIELD

    def _has_field(self) -> bool:
        return self._audio is not None and self._audio.format.is_ambisonic and bool(self._audio.order)

    def _seen(self) -> tuple[float, float] | None:
        wish = self._state.wish
        kinds = pane_kinds(wish)
        if PaneKind.FLAT in kinds:
            return None
        view = self._page.view
        aspect = view.width() / max(1, view.height())
        if PaneKind.LOOK not in kinds:
            return azimuth_span(wish.map_view, aspect=aspect)
        pane = resolve_scene(wish, aspect=aspect).panes[kinds.index(PaneKind.LOOK)]
        return azimuth_span(wish.look, aspect=aspect * pane.rect[2] / pane.rect[3])

    # -- clips ------------------------------------------------------------------------------------------------------

    def _opened(self, info: ClipInfo) -> None:
        self._truth_of = self._salient_truth(info)
        self._is_started = info.video is None
        if self._is_started and self._is_wanted and self._panel is None:
            self._load()
        self._show_clip(info)

    def _closed(self) -> None:
        self._rest()
        self._is_started = False
        self._audio = self._wave = self._track = self._truth_of = self._maps = None
        self._tracks = None
        self._jumps.forget()
        if self._panel is not None:
            self._panel.set_clip(None)

    def _salient_truth(self, info: ClipInfo) -> SalientTruth:
        R_world_picture = self._state.wish.geometry.R_world_picture
        return SalientTruth(info.path, folder=self._truth_folder, R_world_picture=R_world_picture)

    def _geometry_changed(self, _geometry: PictureGeometry) -> None:
        """The picture may stand otherwise now: hold the maps against the truth anew."""
        if self._session.info is not None and self._truth_of is not None:
            self._truth_of = self._salient_truth(self._session.info)
            self._tell_known()

    def _wave_grown(self, summary: WaveformSummary) -> None:
        self._wave = summary
        if self._panel is not None:
            self._panel.set_waveform(summary.min, summary.max, summary.duration_s)

    def _sound_chosen(self, audio: AudioInfo | None, _choice: str) -> None:
        """The channels mean something else now: hear them anew."""
        self._end_hearing()
        self._audio, self._track = audio, None
        if self._panel is not None:
            self._panel.set_energy(None, note=self._sound_note())
        self._tell_known()
        self._work()

    # -- work -------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Begin what is to be worked out and is not yet."""
        if not (self._is_wanted and self._is_started and self._panel is not None):
            return
        opened = self._session.opened_clip
        if opened is not None and self._hearing is None and self._audio is not None and self._has_field():
            from panosod_viewer.workers.hearing import HearingWorker

            self._hearing_mail = Mailbox()
            self._hearing_mail.attach(self._mail_came.emit)
            self._hearing = HearingWorker(
                opened.info.path,
                self._audio,
                self._hearing_mail.post,
                duration_s=opened.info.duration_s,
                clock_origin_s=opened.origin_s,
            )
            self._hearing.start()
        if self._maps is not None and self._series is None:
            from panosod_viewer.workers.series import SeriesWorker

            self._series_mail = Mailbox()
            self._series_mail.attach(self._mail_came.emit)
            self._series = SeriesWorker(*self._maps, self._series_mail.post, known=self._known())
            self._series.position_s = self._player.transport.position_s()
            self._series.start()

    def _rest(self) -> None:
        """Work nothing out; what is known stays."""
        if self._hearing is not None and (self._track is None or not self._track.is_complete):
            self._end_hearing()
        self._end_series(forgets=False)

    def _end_hearing(self) -> None:
        worker, self._hearing = self._hearing, None
        self._hearing_mail.attach(None)
        if worker is not None:
            worker.close()

    def _end_series(self, *, forgets: bool = True) -> None:
        worker, self._series = self._series, None
        self._series_mail.attach(None)
        if worker is not None:
            worker.close()
        if forgets:
            self._tracks = None
            if self._panel is not None:
                self._panel.set_tracks(self._tracks, note=NO_MAPS)

    def _known(self) -> "Known":
        from panosod_viewer.workers.series import Known

        return Known(self._track, self._truth_of)

    def _tell_known(self) -> None:
        if self._series is not None:
            self._series.set_known(self._known())

    def _read_mail(self) -> None:
        if self._hearing is not None:
            for letter in self._hearing_mail.take():
                self._heard(letter)
        if self._series is not None:
            for letter in self._series_mail.take():
                self._read_series(letter)

    def _heard(self, letter: "HearingGrown | HearingFailed") -> None:
        from panosod_viewer.workers.hearing import HearingGrown

        if isinstance(letter, HearingGrown):
            self._track = letter.track
            self._tell_known()
            if self._panel is not None:
                self._panel.set_energy(letter.track)
        elif self._panel is not None and self._track is None:
            self._panel.set_energy(None, note=letter.text)

    def _read_series(self, letter: "SeriesGrown | SeriesFailed") -> None:
        from panosod_viewer.workers.series import SeriesGrown

        if isinstance(letter, SeriesGrown):
            self._tracks = letter.tracks
            if self._panel is not None:
                self._panel.set_tracks(letter.tracks, note=NO_MAPS)
        else:
            self.notice.emit(Notice(letter.text, Severity.WARNING, key="timeline"))
