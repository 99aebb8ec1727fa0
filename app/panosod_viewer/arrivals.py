"""What the window does when a clip is asked for, comes, cannot come, or goes."""

import math
import os
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from panosod_core.media.info import ClipInfo
from panosod_viewer.arguments import Arguments, is_project
from panosod_viewer.clip_session import CHOOSE_PROJECTION, FLAT_NOTICE, ClipSession, home_view
from panosod_viewer.dialogs import Dialogs
from panosod_viewer.look_controller import LookController
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.picture_link import PictureLink
from panosod_viewer.sound_link import RETRY, SoundLink
from panosod_viewer.starting import Starter
from panosod_viewer.state import ViewerState
from panosod_viewer.workers.opening import ClipOpener

CLIP_NOTICES = (FLAT_NOTICE, "picture.none", "picture.failed", "sound.failed")
"""Keys of the notices that speak of the open clip alone."""


class Arrivals(QObject):
    """Clips come and go.

    Signals:
        refused (str): the clip of the command line cannot be opened; one line.
        project_asked (object): path of a project of annotations that should be opened.
    """

    refused = Signal(str)
    project_asked = Signal(object)

    def __init__(
        self,
        *,
        arguments: Arguments,
        is_from_desktop: bool,
        window: MainWindow,
        state: ViewerState,
        session: ClipSession,
        starter: Starter,
        sound: SoundLink,
        look: LookController,
        picture: PictureLink,
        dialogs: Dialogs,
        memory: Memory,
    ) -> None:
        super().__init__(window)
        self._arguments = arguments
        is_trial = (arguments.exit_after_s, arguments.save_window, arguments.stats) != (None, None, None)
        self._answers_in_window = is_from_desktop and not is_trial
        self._window = window
        self._state = state
        self._session = session
        self._starter = starter
        self._sound = sound
        self._look = look
        self._picture = picture
        self._dialogs = dialogs
        self._memory = memory
        self._command_line_clip: Path | None = None
        session.opened.connect(self._opened)
        session.closed.connect(self._closed)
        session.open_failed.connect(self._failed)
        session.sounding.connect(starter.sound_wanted)
        session.notice.connect(window.notices.show_notice)
        session.notice_over.connect(window.notices.take_back)
        picture.prepared.connect(starter.picture_painted)
        window.file_dropped.connect(self.open)
        window.recent_chosen.connect(self.open)
        window.welcome.file_chosen.connect(self.open)
        window.welcome.open_requested.connect(self.choose)
        window.notices.action_triggered.connect(self._notice_action)

    def adopt(self, opener: ClipOpener) -> None:
        """Take over what the command line names and has begun to open."""
        self._command_line_clip = opener.path
        self._window.set_clip(opener.path)
        self._session.adopt(opener)

    def open(self, path: str) -> None:
        """Open a clip, or a project with its clip, by its path."""
        if is_project(path):
            self.project_asked.emit(Path(path))
        else:
            self._session.open(Path(path))

    def choose(self) -> None:
        """Ask for a clip and open it."""
        path = self._dialogs.choose_clip(self._memory.settings.recent)
        if path is not None:
            self.open(str(path))

    def _opened(self, info: ClipInfo) -> None:
        settings, arguments = self._memory.settings, self._arguments
        is_first = self._command_line_clip is not None
        self._command_line_clip = None
        home = home_view(info, fov_rad=math.radians(settings.view.fov_deg))
        self._look.set_home(home)
        self._look.recentre()
        if is_first:
            angles = {
                f"{name}_rad": math.radians(value)
                for name in ("yaw", "pitch", "roll", "fov")
                if (value := getattr(arguments, f"{name}_deg")) is not None
            }
            self._state.set_look(home.turned(**angles))
        self._sound.set_view(self._state.wish.look)
        self._picture.expect_first()
        plays = arguments.play if is_first and arguments.play is not None else settings.playback.autoplay
        self._starter.begin(plays=plays, has_picture=info.video is not None)
        self._window.set_clip(info.path)
        self._dialogs.clip_changed(info)
        self._window.page.view.setFocus()

    def _closed(self) -> None:
        self._starter.forget()
        self._sound.close_clip()
        self._window.set_clip(None)
        for key in CLIP_NOTICES:
            self._window.notices.take_back(key)
        self._dialogs.clip_changed(None)

    def _failed(self, path: Path, text: str) -> None:
        if path == self._command_line_clip:
            self._command_line_clip = None
            if not self._answers_in_window:
                # Asked for in a terminal or by a script, answered there.
                self.refused.emit(text)
                return
            self._window.set_clip(None)
        self._window.notices.show_notice(Notice(text, Severity.ERROR, key="open"))
        self._memory.change(lambda s: s.without_recent(os.path.abspath(path)))  # noqa: PTH100 - as with_recent has it

    def _notice_action(self, action: str) -> None:
        if action.startswith(CHOOSE_PROJECTION):
            self._session.choose_projection(action.removeprefix(CHOOSE_PROJECTION))
        elif action == RETRY:
            self._sound.restart()
