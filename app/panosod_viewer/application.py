"""The composition root: builds everything, connects everything, closes everything in reverse."""

import logging
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.picture import Eye
from panosod_core.media.info import ClipInfo
from panosod_viewer import commands
from panosod_viewer.arguments import Arguments
from panosod_viewer.clip_session import CHOOSE_PROJECTION, ClipSession, Overrides, home_view
from panosod_viewer.controls import Controls
from panosod_viewer.demo_maker import DemoMaker
from panosod_viewer.dialogs import Dialogs
from panosod_viewer.head_tracking import HeadTracking
from panosod_viewer.interrupts import Interrupts
from panosod_viewer.look_controller import LookController
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.picture_link import PictureLink
from panosod_viewer.player import Player
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.run_figures import RunFigures
from panosod_viewer.settings import Settings, WindowSettings
from panosod_viewer.settings_store import SettingsStore
from panosod_viewer.sound_link import RETRY, SoundLink
from panosod_viewer.sound_settings import SoundSettings, device_choice
from panosod_viewer.starting import Starter
from panosod_viewer.state import ViewerState
from panosod_viewer.status_feed import StatusFeed
from panosod_viewer.theme import ThemeChoice, ThemeController
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

    def __init__(self, application: QApplication, arguments: Arguments) -> None:
        super().__init__()
        self._arguments = arguments
        self._exit_code = 0
        self._is_closed = False
        self._command_line_clip: Path | None = None
        self.memory = Memory(SettingsStore(arguments.settings), self)
        settings = self.memory.settings
        self.theme = ThemeController(application, ThemeChoice(arguments.theme or settings.appearance.theme))
        self.state = ViewerState(self)
        self.player = Player(self)
        self.sound = SoundLink(device=device_choice(arguments.device or settings.audio.device), parent=self)
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
        self.sound_settings = SoundSettings(self.sound, self.session, self.memory, self)
        self.demo = DemoMaker(self.window.welcome, self)
        self.dialogs = Dialogs(self.window)
        self.figures = RunFigures(
            player=self.player, session=self.session, sound=self.sound, view=self.window.page.view, parent=self
        )
        self.interrupts = Interrupts(self)
        self._burst_mark = QTimer(self)
        self._burst_mark.setSingleShot(True)
        self._burst_mark.setInterval(BURST_MARK_MS)
        self._connect()
        self._apply(settings)

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
            | self._own_commands(),
        )

    def _connect_clip(self) -> None:
        self.session.opened.connect(self._clip_opened)
        self.session.closed.connect(self._clip_closed)
        self.session.open_failed.connect(self._open_failed)
        self.session.sounding.connect(self.starter.sound_wanted)
        self.session.filters_designed.connect(self.sound.set_filters)
        self.session.filters_designed.connect(self.sound_settings.head_in_force)
        self.session.sounding.connect(lambda sounding: self.sound_settings.head_in_force(sounding.filters))
        self.session.notice.connect(self.window.notices.show_notice)
        self.player.frame_shown.connect(self.state.set_frame)
        self.player.failed.connect(self._decoding_failed)
        self.picture.first_painted.connect(self.starter.picture_painted)
        self.picture.ever_painted.connect(self.figures.picture_painted)
        self.demo.made.connect(self._open)
        self.demo.notice.connect(self.window.notices.show_notice)

    def _connect_window(self) -> None:
        window = self.window
        window.closing.connect(self.close)
        window.file_dropped.connect(self._open)
        window.recent_chosen.connect(self._open)
        window.recent_cleared.connect(lambda: self.memory.change(Settings.without_recent))
        window.welcome.open_requested.connect(self._choose_clip)
        window.welcome.file_chosen.connect(self._open)
        window.welcome.recent_forgotten.connect(lambda p: self.memory.change(lambda s: s.without_recent(p or None)))
        window.notices.action_triggered.connect(self._notice_action)
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
            "file.open": self._choose_clip,
            "file.demo": self.demo.start,
            "file.close": self.session.close,
            "file.info": lambda: self.dialogs.show_info(self.session.info),
            "file.save_picture": self._save_picture,
            "file.quit": self.window.close,
            "view.fullscreen": self._toggle_full_screen,
            "view.right_eye": self._other_eye,
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
        self.player.set_repeats(settings.playback.repeat)
        self.window.action("play.repeat").setChecked(settings.playback.repeat)
        self.look.is_drag_inverted = settings.view.invert_drag
        self.picture.set_fixed_scale(arguments.render_scale or settings.view.render_scale or None)
        audio = replace(settings.audio, sofa=str(arguments.hrtf)) if arguments.hrtf else settings.audio
        self.sound_settings.apply(audio)
        tracker = settings.tracker
        if arguments.tracker is not None:
            tracker = replace(tracker, enabled=True, port=arguments.tracker)
        self.tracking.apply(tracker)
        for warning in self.memory.warnings:
            self.window.notices.show_notice(Notice(warning, Severity.WARNING))

    # --- life ---

    def start(self, opener: ClipOpener | None) -> None:
        """Show the window and open what the command line names."""
        arguments = self._arguments
        if arguments.size is not None:
            self.window.set_picture_size(*arguments.size)
        if opener is not None:
            self._command_line_clip = opener.path
            self.window.set_clip(opener.path)
            self.session.adopt(opener)
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
        self._save_trial()
        self._remember()
        self.interrupts.close()
        self.demo.close()
        self.tracking.close()
        self.session.end()
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
                self.figures.now(render_scale=self.state.wish.render_scale).write(arguments.stats)
        except OSError as error:
            self._fail(str(error))

    def _fail(self, text: str) -> None:
        sys.stderr.write(f"panosod-viewer: {text}\n")
        self._exit_code = 1

    def _interrupted(self, number: int) -> None:
        self._exit_code = 128 + number
        self.window.close()

    # --- clips ---

    def _open(self, path: str) -> None:
        self.session.open(Path(path))

    def _choose_clip(self) -> None:
        path = self.dialogs.choose_clip(self.memory.settings.recent)
        if path is not None:
            self.session.open(path)

    def _clip_opened(self, info: ClipInfo) -> None:
        is_first = self._command_line_clip is not None
        self._command_line_clip = None
        arguments = self._arguments
        home = home_view(info, fov_rad=math.radians(self.memory.settings.view.fov_deg))
        self.look.set_home(home)
        self.look.recentre()
        if is_first:
            angles = {
                f"{name}_rad": math.radians(value)
                for name in ("yaw", "pitch", "roll", "fov")
                if (value := getattr(arguments, f"{name}_deg")) is not None
            }
            self.state.set_look(home.turned(**angles))
        self.sound.set_view(self.state.wish.look)
        self.picture.expect_first()
        plays = arguments.play if is_first and arguments.play is not None else self.memory.settings.playback.autoplay
        self.starter.begin(plays=plays, has_picture=info.video is not None)
        self.window.set_clip(info.path)
        self.dialogs.clip_changed(info)
        self.window.page.view.setFocus()

    def _clip_closed(self) -> None:
        self.starter.forget()
        self.sound.close_clip()
        self.window.set_clip(None)
        for key in ("picture.flat", "picture.none", "picture.failed", "sound.failed"):
            self.window.notices.take_back(key)
        self.dialogs.clip_changed(None)

    def _open_failed(self, path: Path, text: str) -> None:
        if path == self._command_line_clip:
            # Asked for in a terminal, answered there.
            self._fail(text)
            self.window.close()
            return
        self.window.notices.show_notice(Notice(text, Severity.ERROR, key="open"))
        self.memory.change(lambda s: s.without_recent(os.path.abspath(path)))  # noqa: PTH100 - as with_recent has it

    def _decoding_failed(self, text: str) -> None:
        if self._arguments.exit_after_s is not None and not self.figures.has_picture:
            self._fail(text)
        self.window.notices.show_notice(Notice(text, Severity.ERROR, key="picture.failed"))

    def _render_failed(self, text: str) -> None:
        self._fail(text)
        self.window.notices.show_notice(Notice(text, Severity.ERROR, key="render"))

    def _notice_action(self, action: str) -> None:
        if action.startswith(CHOOSE_PROJECTION):
            self.session.choose_projection(action.removeprefix(CHOOSE_PROJECTION))
        elif action == RETRY:
            self.sound.restart()

    # --- the rest ---

    def _burst(self, direction: tuple[float, float, float]) -> None:
        self.sound.burst(direction)
        self.state.set_crosshair(direction)
        self._burst_mark.start()

    def _toggle_full_screen(self) -> None:
        self.window.set_full_screen(not self.window.isFullScreen())

    def _leave_full_screen(self) -> None:
        if self.window.isFullScreen():
            self.window.set_full_screen(False)

    def _other_eye(self) -> None:
        self.session.choose_eye(Eye.LEFT if self.session.eye is Eye.RIGHT else Eye.RIGHT)

    def _toggle_repeat(self) -> None:
        on = not self.memory.settings.playback.repeat
        self.memory.change(lambda s: replace(s, playback=replace(s.playback, repeat=on)))
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


def run(arguments: Arguments, *, opener: ClipOpener | None) -> int:
    """Run the window until it is closed.

    Returns:
        The exit code.
    """
    install_default_format()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("panosod")
    application.setDesktopFileName("panosod-viewer")
    sys.excepthook = _crash
    viewer = Viewer(application, arguments)
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
