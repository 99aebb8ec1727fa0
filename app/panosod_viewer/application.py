"""The composition root: builds everything, connects everything, closes everything in reverse."""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.picture import Eye
from panosod_viewer import commands
from panosod_viewer.annotator import Annotator
from panosod_viewer.arguments import Arguments, is_project
from panosod_viewer.arrivals import Arrivals
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.clip_session import ClipSession, Overrides
from panosod_viewer.controls import Controls
from panosod_viewer.demo_maker import DemoMaker
from panosod_viewer.dialogs import Dialogs
from panosod_viewer.head_tracking import HeadTracking
from panosod_viewer.interrupts import Interrupts
from panosod_viewer.key_choices import KeyChoices
from panosod_viewer.look_controller import LookController
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.model_controls import ModelControls
from panosod_viewer.overlay_link import OverlayLink
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.picture_link import PictureLink
from panosod_viewer.player import Player
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.run_figures import RunFigures
from panosod_viewer.settings import Settings, WindowSettings
from panosod_viewer.settings_store import SettingsStore
from panosod_viewer.sound_link import SoundLink
from panosod_viewer.sound_settings import SoundSettings
from panosod_viewer.starting import Starter
from panosod_viewer.state import ViewerState
from panosod_viewer.status_feed import StatusFeed
from panosod_viewer.terminal import complain
from panosod_viewer.theme import ThemeChoice, ThemeController
from panosod_viewer.timeline_link import TimelineLink
from panosod_viewer.workers.opening import ClipOpener

_log = logging.getLogger(__name__)

BURST_MARK_MS = 900
"""How long the place of a burst stays marked."""


class Viewer(QObject):
    """The whole program, built once a process.

    Signals:
        ended (int): everything is closed; the exit code.
    """

    ended = Signal(int)

    def __init__(self, application: QApplication, arguments: Arguments, *, is_from_desktop: bool = False) -> None:
        super().__init__()
        self._arguments = arguments
        self._exit_code = 0
        self._is_closed = False
        self.memory = Memory(SettingsStore(arguments.settings), self)
        settings = self.memory.settings
        self.theme = ThemeController(application, ThemeChoice(arguments.theme or settings.appearance.theme))
        self.state = ViewerState(self)
        self.player = Player(self)
        self.sound = SoundLink(device=DeviceChoice.of(arguments.device or settings.audio.device), parent=self)
        self.tracking = HeadTracking(self.sound.set_head, self)
        self.look = LookController(self.state, self)
        self.session = ClipSession(
            state=self.state,
            player=self.player,
            memory=self.memory,
            overrides=Overrides(arguments.projection or "", arguments.sound or ""),
            parent=self,
        )
        self.starter = Starter(session=self.session, player=self.player, sound=self.sound, parent=self)
        self.window = MainWindow()
        self.picture = PictureLink(self.state, self.window.page.view, self.player, self)
        self.feed = StatusFeed(self.window.page, self.player, self)
        self.controls = Controls(
            window=self.window,
            state=self.state,
            player=self.player,
            session=self.session,
            sound=self.sound,
            look=self.look,
            feed=self.feed,
        )
        self.timeline = TimelineLink(
            page=self.window.page,
            state=self.state,
            player=self.player,
            session=self.session,
            memory=self.memory,
            truth_folder=arguments.truth,
            parent=self,
        )
        self.overlays = self._make_overlays()
        self.sound_settings = SoundSettings(self.sound, self.session, self.memory, self)
        self.demo = DemoMaker(self.window.welcome, self)
        self.keys = KeyChoices(self.window, self.memory, self)
        self.dialogs = Dialogs(self.window)
        self.dialogs.keys_of = self.keys.map.keys
        self.arrivals = Arrivals(
            arguments=arguments,
            is_from_desktop=is_from_desktop,
            window=self.window,
            state=self.state,
            session=self.session,
            starter=self.starter,
            sound=self.sound,
            look=self.look,
            picture=self.picture,
            dialogs=self.dialogs,
            memory=self.memory,
        )
        self.figures = RunFigures(
            state=self.state,
            player=self.player,
            session=self.session,
            sound=self.sound,
            view=self.window.page.view,
            parent=self,
        )
        self.model = self._make_model()
        self.annotator = self._make_annotator()
        self.interrupts = Interrupts(self)
        self._burst_mark = QTimer(self, singleShot=True, interval=BURST_MARK_MS)
        self._connect()
        self._apply(settings)

    def _make_overlays(self) -> OverlayLink:
        overlays = OverlayLink(
            state=self.state,
            player=self.player,
            session=self.session,
            window=self.window,
            router=self.controls.router,
            truth_folder=self._arguments.truth,
            parent=self,
        )
        self.feed.describe = overlays.describe
        return overlays

    def _make_model(self) -> ModelControls:
        return ModelControls(
            arguments=self._arguments,
            window=self.window,
            state=self.state,
            player=self.player,
            session=self.session,
            picture=self.picture,
            memory=self.memory,
        )

    def _make_annotator(self) -> Annotator:
        return Annotator(
            window=self.window,
            state=self.state,
            player=self.player,
            session=self.session,
            router=self.controls.router,
            picture=self.picture,
            timeline=self.timeline,
            memory=self.memory,
            parent=self,
        )

    # --- connecting ---

    def _connect(self) -> None:
        self._connect_clip()
        self._connect_window()
        self._connect_sound()
        commands.connect(
            self.window.actions_by_id,
            commands.playing_commands(self.player)
            | commands.looking_commands(self.look, self.state)
            | commands.sound_commands(self.state)
            | commands.theme_commands(self.theme)
            | self.timeline.commands()
            | self.overlays.commands()
            | self.model.commands()
            | self.annotator.commands()
            | self.keys.commands()
            | self._own_commands(),
        )

    def _connect_clip(self) -> None:
        self.session.filters_designed.connect(self.sound.set_filters)
        self.session.filters_designed.connect(self.sound_settings.head_in_force)
        self.session.sounding.connect(lambda sounding: self.sound_settings.head_in_force(sounding.filters))
        self.player.frame_shown.connect(self.state.set_frame)
        self.player.failed.connect(self._decoding_failed)
        self.picture.ever_painted.connect(self.figures.picture_painted)
        self.picture.first_painted.connect(self.timeline.picture_painted)
        self.feed.refreshed.connect(self.timeline.refresh)
        self.timeline.shown_changed.connect(self.window.action("view.timeline").setChecked)
        self.timeline.notice.connect(self.window.notices.show_notice)
        self.demo.made.connect(self.arrivals.open)
        self.arrivals.refused.connect(self._refused)
        self.keys.changed.connect(lambda _: self.dialogs.keys_changed())
        self.arrivals.project_asked.connect(self.annotator.open_project)
        self.figures.write_failed.connect(self._fail)
        self.figures.ask_predictions(self.model.link.figures)
        self.model.link.maps_changed.connect(self.overlays.set_maps)
        self.model.link.second_changed.connect(self.overlays.set_second_maps)
        self.model.link.status_changed.connect(self.overlays.set_model_note)
        self.model.cache_changed.connect(self.timeline.follow_maps)
        self.model.link.address_changed.connect(self.annotator.follow_address)
        self.model.cache_changed.connect(self.annotator.follow_maps)
        self.annotator.model_changed.connect(self.model.use_default)
        self.annotator.compare_wished.connect(self.model.compare)
        self.model.link.map_made.connect(lambda _: self.timeline.maps_changed())
        self.model.link.map_made.connect(lambda _: self.annotator.maps_made())
        self.demo.notice.connect(self.window.notices.show_notice)
        self.overlays.notice.connect(self.window.notices.show_notice)

    def _connect_window(self) -> None:
        window = self.window
        window.closing.connect(self.close)
        window.recent_cleared.connect(lambda: self.memory.change(Settings.without_recent))
        window.welcome.recent_forgotten.connect(lambda p: self.memory.change(lambda s: s.without_recent(p or None)))
        window.page.transport_bar.fullscreen_toggled.connect(self._toggle_full_screen)
        window.page.view.render_failed.connect(self._render_failed)
        self.look.fullscreen_toggled.connect(self._toggle_full_screen)
        self.memory.changed.connect(lambda s: window.set_recent(s.recent))
        self.memory.save_failed.connect(
            lambda text: window.notices.show_notice(Notice(text, Severity.WARNING, key="settings"))
        )
        self.theme.changed.connect(lambda theme: self.state.set_background(theme.scene_rgb))
        self.interrupts.asked_to_end.connect(self._interrupted)

    def _connect_sound(self) -> None:
        self.state.look_changed.connect(self.sound.set_view)
        self.state.volume_changed.connect(self.sound.set_volume)
        self.state.held_sound_changed.connect(self.sound.set_hold)
        self.sound.notice.connect(self.window.notices.show_notice)
        self.sound.notice_over.connect(self.window.notices.take_back)
        self.tracking.notice.connect(self.window.notices.show_notice)
        self.tracking.config_changed.connect(lambda config: self.memory.change(lambda s: replace(s, tracker=config)))
        self.look.burst_requested.connect(self._burst)
        self._burst_mark.timeout.connect(lambda: self.state.set_crosshair(None))

    def _own_commands(self) -> dict[str, Callable[[], object]]:
        return {
            "file.open": self.arrivals.choose,
            "file.demo": self.demo.start,
            "file.close": self.session.close,
            "file.info": lambda: self.dialogs.show_info(self.session.info),
            "file.save_picture": self._save_picture,
            "file.quit": self.window.close,
            "view.fullscreen": self._toggle_full_screen,
            "view.right_eye": self._other_eye,
            "view.inertia": self._toggle_inertia,
            "play.repeat": self._toggle_repeat,
            "view.leave": self._leave_full_screen,
            "sound.device": lambda: self.sound_settings.show(self.window),
            "tracker.dialog": lambda: self.tracking.show_dialog(self.window, tare_key="T"),
            "tracker.tare": self.tracking.tare,
            "help.keys": self.dialogs.show_help,
            "help.about": lambda: self.dialogs.show_about(self.window.page.view.renderer_description),
        }

    def _apply(self, settings: Settings) -> None:
        """Take over what is remembered; the command line wins."""
        arguments = self._arguments
        self.window.set_recent(settings.recent)
        self.window.restore(settings.window.geometry, settings.window.state)
        self.state.set_background(self.theme.theme.scene_rgb)
        self.controls.show_theme(self.theme.choice)
        self.state.set_volume(settings.playback.volume, muted=settings.playback.muted)
        self.sound.set_volume(self.state.volume, self.state.is_muted)
        self.state.set_held_sound(settings.playback.held_sound)
        self.state.set_layout(ViewLayout.SPLIT if settings.view.split else ViewLayout.LOOK)
        self._set_repeats(settings.playback.repeat if arguments.repeat is None else arguments.repeat)
        self.look.has_inertia = settings.view.inertia
        self.window.action("view.inertia").setChecked(settings.view.inertia)
        self.look.is_drag_inverted = settings.view.invert_drag
        self.timeline.set_shown(settings.timeline.shown)
        if arguments.layers is not None:
            self.state.set_layers(self.state.wish.layers.showing(arguments.layers))
        self.picture.set_fixed_scale(arguments.render_scale or settings.view.render_scale or None)
        audio = replace(settings.audio, sofa=str(arguments.hrtf)) if arguments.hrtf else settings.audio
        self.sound_settings.apply(audio)
        tracker = settings.tracker
        if arguments.tracker is not None:
            tracker = replace(tracker, enabled=True, port=arguments.tracker)
        self.tracking.apply(tracker)
        for warning in (*self.memory.warnings, *self.keys.map.warnings):
            self.window.notices.show_notice(Notice(warning, Severity.WARNING))

    # --- life ---

    def start(self, opener: ClipOpener | None) -> None:
        """Show the window and open what the command line names."""
        arguments = self._arguments
        if arguments.bare:
            self.window.set_bare()
        if arguments.stats is not None and arguments.stats_every_s is not None:
            self.figures.write_every(arguments.stats_every_s, arguments.stats)
        if arguments.size is not None:
            self.window.set_picture_size(*arguments.size)
        if opener is not None:
            self.arrivals.adopt(opener)
        elif arguments.clip is not None and is_project(arguments.clip):
            self.annotator.open_project(Path(arguments.clip))
        if arguments.fullscreen:
            self.window.set_full_screen(True)
        else:
            self.window.show()
        if arguments.exit_after_s is not None:
            QTimer.singleShot(round(arguments.exit_after_s * 1000), self, self.window.close)

    def close(self) -> None:
        """Write down what is to be remembered, then end everything, last built first."""
        if self._is_closed:
            return
        self._is_closed = True
        self.feed.close()
        self.figures.close()
        self._save_trial()
        self._remember()
        self.interrupts.close()
        self.demo.close()
        self.annotator.close()
        self.timeline.close()
        self.tracking.close()
        self.model.close()
        self.session.end()
        self.overlays.close()
        self.sound.close()
        self.memory.save()
        self.ended.emit(self._exit_code)

    def _remember(self) -> None:
        geometry, state = self.window.remembered()
        self.memory.change(
            lambda s: replace(
                s,
                appearance=replace(s.appearance, theme=self.theme.choice.value)
                if self._arguments.theme is None
                else s.appearance,
                view=replace(s.view, split=self.state.wish.layout is ViewLayout.SPLIT),
                playback=replace(
                    s.playback,
                    volume=round(self.state.volume, 3),
                    muted=self.state.is_muted,
                    held_sound=self.state.has_held_sound,
                ),
                window=WindowSettings(geometry, state) if self._arguments.size is None else s.window,
            )
        )

    def _save_trial(self) -> None:
        """What `--save-window` and `--stats` ask for."""
        arguments = self._arguments
        try:
            if arguments.save_window is not None and not self.window.grab().save(str(arguments.save_window), "PNG"):
                raise OSError(f"{arguments.save_window} cannot be written")
            if arguments.stats is not None:
                self.figures.now().write(arguments.stats)
        except OSError as error:
            self._fail(str(error))

    def _fail(self, text: str) -> None:
        complain(text)
        self._exit_code = 1

    def _interrupted(self, number: int) -> None:
        self._exit_code = 128 + number
        self.window.close()

    def _refused(self, text: str) -> None:
        self._fail(text)
        self.window.close()

    def _decoding_failed(self, text: str) -> None:
        if self._arguments.exit_after_s is not None and not self.figures.has_picture:
            self._fail(text)
        self.window.notices.show_notice(Notice(text, Severity.ERROR, key="picture.failed"))

    def _render_failed(self, text: str) -> None:
        self._fail(text)
        self.window.notices.show_notice(Notice(text, Severity.ERROR, key="render"))

    # --- the rest ---

    def _burst(self, direction: tuple[float, float, float]) -> None:
        self.sound.burst(direction)
        self.state.set_crosshair(direction)
        self._burst_mark.start()

    def _toggle_full_screen(self) -> None:
        self.window.set_full_screen(not self.window.isFullScreen())

    def _leave_full_screen(self) -> None:
        if not self.annotator.escape() and self.window.isFullScreen():
            self.window.set_full_screen(False)

    def _other_eye(self) -> None:
        self.session.choose_eye(Eye.LEFT if self.session.eye is Eye.RIGHT else Eye.RIGHT)

    def _toggle_inertia(self) -> None:
        on = not self.look.has_inertia
        self.memory.change(lambda s: replace(s, view=replace(s.view, inertia=on)))
        self.look.has_inertia = on
        self.window.action("view.inertia").setChecked(on)

    def _toggle_repeat(self) -> None:
        on = not self.player.repeats
        self.memory.change(lambda s: replace(s, playback=replace(s.playback, repeat=on)))
        self._set_repeats(on)

    def _set_repeats(self, on: bool) -> None:
        self.player.set_repeats(on)
        self.window.action("play.repeat").setChecked(on)

    def _save_picture(self) -> None:
        info = self.session.info
        if info is None:
            return
        path = self.dialogs.choose_picture_file(info.path, self.player.transport.position_s())
        if path is None:
            return
        if self.window.page.view.grabFramebuffer().save(str(path)):
            notice = Notice(f"Saved {path}", key="saved", seconds=5.0)
        else:
            notice = Notice(f"{path} cannot be written: choose another folder", Severity.ERROR, key="saved")
        self.window.notices.show_notice(notice)


def run(arguments: Arguments, *, opener: ClipOpener | None, is_from_desktop: bool = False) -> int:
    """Run the window until it is closed.

    Args:
        arguments: of the command line.
        opener: has begun to open the clip that they name.
        is_from_desktop: nobody reads standard error; what cannot be opened is told in the window.

    Returns:
        The exit code.
    """
    install_default_format()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("panosod")
    application.setDesktopFileName("panosod-viewer")
    sys.excepthook = _crash
    viewer = Viewer(application, arguments, is_from_desktop=is_from_desktop)
    viewer.ended.connect(application.exit)
    try:
        viewer.start(opener)
        code = application.exec()
    finally:
        viewer.close()
        viewer.window.deleteLater()
    return code


def _crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A mistake of ours in a slot: the log has it, the program goes on."""
    _log.critical("a mistake in panosod", exc_info=(kind, error, trace))
