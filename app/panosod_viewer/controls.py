"""Joins the controls of the window to what they show and ask for: state down, wishes up."""

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.geometry.picture import Eye, StereoMode
from panosod_core.media.choice import PICTURE_CHOICES, chosen_geometry, sound_choices
from panosod_core.media.info import AudioInfo, ClipInfo, VideoInfo
from panosod_core.media.waveform import WaveformSummary
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.look_controller import LookController
from panosod_viewer.main_window import MainWindow
from panosod_viewer.player import Player
from panosod_viewer.pointer_routing import PointerRouter
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.sound_link import Sounding, SoundLink
from panosod_viewer.state import ViewerState
from panosod_viewer.status_feed import StatusFeed
from panosod_viewer.theme import ThemeChoice
from panosod_viewer.tools.look import is_little_planet
from panosod_viewer.wording import picture_text, sound_text


class Controls(QObject):
    """The page's controls and the checked actions, kept true."""

    def __init__(
        self,
        *,
        window: MainWindow,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        sound: SoundLink,
        look: LookController,
        feed: StatusFeed,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._page = window.page
        self._actions: Mapping[str, QAction] = window.actions_by_id
        self._state = state
        self._player = player
        self._session = session
        self._sound = sound
        self._feed = feed
        self._has_field = False
        self._join_transport(player, state)
        self._join_clip(session)
        self._join_picture(look, state)
        sound.levels_changed.connect(lambda levels: feed.set_sound(levels, has_device=sound.has_device))
        sound.clock_lost.connect(feed.forget_sound)

    def _join_transport(self, player: Player, state: ViewerState) -> None:
        bar, seek = self._page.transport_bar, self._page.seek_bar
        bar.play_toggled.connect(player.toggle)
        bar.step_requested.connect(player.step)
        bar.speed_requested.connect(player.set_speed)
        bar.loop_cleared.connect(lambda: player.set_loop(None))
        bar.volume_changed.connect(lambda volume: state.set_volume(volume, muted=False))
        bar.mute_toggled.connect(lambda: state.set_volume(state.volume, muted=not state.is_muted))
        bar.view_mode_chosen.connect(lambda mode: self._actions[f"view.{mode}"].trigger())
        seek.seek_requested.connect(player.seek)
        seek.loop_requested.connect(player.set_loop)
        player.playing_changed.connect(bar.set_playing)
        player.speed_changed.connect(bar.set_speed)
        player.loop_changed.connect(bar.set_loop)
        player.loop_changed.connect(seek.set_loop)
        player.dropped_changed.connect(self._page.status_line.set_dropped)
        player.position_changed.connect(self._feed.set_position)
        state.volume_changed.connect(self._show_volume)
        self._show_volume(state.volume, state.is_muted)
        self._show_no_clip()

    def _join_clip(self, session: ClipSession) -> None:
        status = self._page.status_line
        status.projection_chosen.connect(session.choose_projection)
        status.sound_chosen.connect(session.choose_sound)
        session.opened.connect(self._show_clip)
        session.closed.connect(self._show_no_clip)
        session.picture_chosen.connect(self._show_picture)
        session.sound_chosen.connect(self._show_sound)
        session.sounding.connect(self._show_sounding)
        session.filters_designed.connect(self._show_decoder)
        session.waveform_grown.connect(self._show_waveform)

    def _join_picture(self, look: LookController, state: ViewerState) -> None:
        self.router = PointerRouter(self._page.view, look)
        look.pointed_at.connect(self._feed.set_pointer)
        state.look_changed.connect(self._feed.set_view)
        state.layout_changed.connect(self._show_layout)
        state.look_changed.connect(lambda _: self._show_view_mode())
        state.held_sound_changed.connect(self._actions["sound.hold"].setChecked)
        state.auto_quality_changed.connect(self._actions["view.auto_quality"].setChecked)
        self._actions["view.auto_quality"].setChecked(state.has_auto_quality)
        self._show_layout(state.wish.layout)

    # --- state down ---

    def _show_sounding(self, sounding: Sounding) -> None:
        # Stereo and mono go to the ears as they are: naming a binaural decoder for them would be untrue.
        self._has_field = sounding.audio is not None and bool(sounding.audio.order)
        self._show_decoder(sounding.filters)

    def _show_decoder(self, filters: BinauralFilters) -> None:
        self._page.status_line.set_decoder(filters.name if self._has_field else "")

    def show_theme(self, choice: ThemeChoice) -> None:
        """Check the colours in force."""
        self._actions[f"view.theme_{choice.value}"].setChecked(True)

    def _show_layout(self, layout: ViewLayout) -> None:
        self._actions[f"view.{layout.value}"].setChecked(True)
        self._show_view_mode()

    def _show_view_mode(self) -> None:
        wish = self._state.wish
        is_planet = wish.layout is ViewLayout.LOOK and is_little_planet(wish.look)
        self._page.transport_bar.set_view_mode("planet" if is_planet else wish.layout.value)

    def _show_volume(self, volume: float, muted: bool) -> None:
        self._page.transport_bar.set_volume(volume, muted)
        self._actions["sound.mute"].setChecked(muted)

    def _show_clip(self, info: ClipInfo) -> None:
        self._page.transport_bar.set_enabled(True)
        self._page.seek_bar.set_duration(info.duration_s)
        self._page.seek_bar.set_waveform(None, None, 0.0)
        fps = info.video.fps if info.video is not None and not info.video.is_vfr else None
        self._page.seek_bar.set_frame_rate(float(fps) if fps is not None else None)
        self._page.status_line.set_dropped(0)
        self._feed.set_position(0.0)
        self._feed.refresh()

    def _show_no_clip(self) -> None:
        self._page.transport_bar.set_enabled(False)
        self._page.seek_bar.set_duration(None)
        self._page.seek_bar.set_waveform(None, None, 0.0)
        self._feed.forget_sound()

    def _show_picture(self, video: VideoInfo | None, choice: str) -> None:
        status = self._page.status_line
        if video is None:
            status.set_has_view(False)
            self._page.transport_bar.set_has_sphere(False)
            status.set_projection("No picture", "")
            status.set_projection_choices((), "")
            return
        geometry = chosen_geometry(video, choice)
        status.set_has_view(geometry.is_spherical)
        self._page.transport_bar.set_has_sphere(geometry.is_spherical)
        eyes = self._actions["view.right_eye"]
        eyes.setEnabled(geometry.stereo is not StereoMode.MONO)
        eyes.setChecked(self._session.eye is Eye.RIGHT)
        status.set_projection(picture_text(geometry), video.source if choice == "auto" else "chosen by you")
        status.set_projection_choices([(i, label, True) for i, label in PICTURE_CHOICES.items()], choice)

    def _show_sound(self, audio: AudioInfo | None, choice: str) -> None:
        status = self._page.status_line
        self._feed.set_has_field(audio is not None and audio.format.is_ambisonic)
        if audio is None:
            status.set_sound("No sound", "", ())
            status.set_sound_choices((), "")
            return
        status.set_sound(sound_text(audio), audio.source, audio.warnings)
        status.set_sound_choices([(i, label, True) for i, label in sound_choices(audio).items()], choice)

    def _show_waveform(self, summary: WaveformSummary) -> None:
        self._page.seek_bar.set_waveform(summary.min, summary.max, summary.duration_s)
