"""All of the annotator, built when it is first wanted: desk, tools, panels, and what the actions do.

Whoever adds a part (review, propagation, in and out) builds it here in a few lines and joins its commands to
:attr:`Studio.commands`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from panosod_core.annotation.records import FrameKey
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.info import ClipInfo
from panosod_viewer.annotating.commands import ObjectCommands
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.held_keys import HeldKeys
from panosod_viewer.annotating.loupe import Loupe
from panosod_viewer.annotating.object_list import ObjectList
from panosod_viewer.annotating.painter import Painter
from panosod_viewer.annotating.project_at_hand import GIVE_UP, OPEN_BACKUP, RETRY, SAVE_AS
from panosod_viewer.annotating.projects import FIND_FILE, ProjectFiles
from panosod_viewer.annotating.showing import MaskShowing
from panosod_viewer.annotating.toolbox import SIZED, ToolId
from panosod_viewer.main_window import MainWindow
from panosod_viewer.panels.notice import Notice
from panosod_viewer.panels.tool_bar import StripButton, ToolStrip
from panosod_viewer.player import Player
from panosod_viewer.pointer_routing import PointerRouter
from panosod_viewer.state import ViewerState

STRIP = (
    StripButton("annotate.look", "look"),
    StripButton("annotate.brush", "tool-brush", starts_section=True),
    StripButton("annotate.eraser", "tool-eraser"),
    StripButton("annotate.lasso", "tool-lasso"),
    StripButton("annotate.polygon", "tool-polygon"),
    StripButton("annotate.fill", "tool-fill"),
    StripButton("annotate.wand", "tool-wand"),
    StripButton("annotate.smart", "tool-smart"),
    StripButton("annotate.move", "tool-move"),
    StripButton("annotate.part", "tool-part"),
    StripButton("annotate.model_lasso", "tool-model-lasso"),
    StripButton("annotate.preserve", "preserve", starts_section=True),
    StripButton("annotate.loupe", "loupe"),
    StripButton("annotate.undo", "undo", starts_section=True),
    StripButton("annotate.redo", "redo"),
)
LEAST_WIDTH_PX = 900
"""In a narrower window the list of objects comes only when it is asked for: the picture needs the room."""


class Studio(QObject):
    """The parts, joined.

    Attributes:
        desk: project, clip and frame at hand, every edit.
        painter: the tool in the hand.
        showing: what is laid over the picture.
        commands: what actions do, by their ids.

    Signals:
        mode_changed (bool): tools and list of objects are shown.
    """

    mode_changed = Signal(bool)

    def __init__(
        self,
        *,
        window: MainWindow,
        state: ViewerState,
        player: Player,
        router: PointerRouter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._state = state
        self._player = player
        self._is_on = False
        self._held_notices: list[Notice] = []
        self._model_id: str | None = None
        view = window.page.view
        self.desk = AnnotationDesk(self)
        self.painter = Painter(self.desk, state=state, player=player, view=view, parent=self)
        self.painter.maps = self._maps
        self.showing = MaskShowing(self.desk, self.painter, state=state, player=player, parent=self)
        self.objects = ObjectCommands(self.desk, self.painter, self)
        self.object_list = ObjectList(self.desk, self.objects, self.showing, window, self)
        self.projects = ProjectFiles(self.desk, window, self)
        self.loupe = Loupe(self.painter, state=state, view=view, parent=self)
        self.escape: Callable[[], bool] = lambda: False
        """Stops what runs by itself; True where there was something."""
        self._keys = HeldKeys(self.painter, view, escape=lambda: self.escape())
        self.strip = ToolStrip(STRIP, window.actions_by_id)
        self.strip.hide()
        window.page.set_strip(self.strip)
        for name in ("next_object", "previous_object"):  # Tab goes through the controls, but not on the picture
            view.addAction(window.action(f"annotate.{name}"))
        router.add_whole(self.painter)
        self._connect()
        self.commands: dict[str, Callable[[], object]] = (
            self._own_commands()
            | self.objects.by_id()
            | self.object_list.by_id()
            | self.projects.by_id()
            | self.loupe.by_id()
        )
        self._tool_changed(ToolId.LOOK)
        self._show_history()

    def close(self) -> None:
        """Put the tools down; the project has been closed by :meth:`may_close`, or what is left is given up."""
        self.painter.close()
        self.desk.close_project(discard=True)

    def may_close(self) -> bool:
        """Write what is left before the window closes; False where it cannot be written, which is told."""
        self.painter.cancel()
        return self.desk.close_project(is_leaving=True)

    def set_model(self, model_id: str | None) -> None:
        """Which model the maps over the picture come from."""
        self._model_id = model_id

    def _maps(self) -> tuple[NDArray[np.uint8], str | None] | None:
        saliency = self._state.wish.pictures.saliency
        return None if saliency is None else (saliency.values, self._model_id)

    # --- the mode

    @property
    def is_on(self) -> bool:
        """Tools and list of objects are shown."""
        return self._is_on

    def set_on(self, on: bool) -> None:
        """Show tools and list of objects, or put them away."""
        if not on:
            self.painter.take(ToolId.LOOK)
        if on != self._is_on:
            self._is_on = on
            self.strip.setVisible(on)
            self.object_list.set_shown(on and self._window.width() >= LEAST_WIDTH_PX)
            self._window.page.transport_bar.set_annotating(on)
            self.mode_changed.emit(on)
        self._window.action("annotate.mode").setChecked(on)

    def take(self, tool: ToolId) -> None:
        """Take a tool; the same again puts it down."""
        self.set_on(True)
        self.painter.take(ToolId.LOOK if tool is self.painter.tool_id else tool)
        self._tool_changed(self.painter.tool_id)

    # --- joining

    def _connect(self) -> None:
        notices = self._window.notices
        for part in (self.desk, self.painter, self.objects, self.object_list, self.projects, self.loupe):
            part.notice.connect(self._tell)
        self.loupe.changed.connect(self._window.action("annotate.loupe").setChecked)
        self.painter.lifted.connect(self._tell_held)
        self.desk.notice_over.connect(notices.take_back)
        notices.action_triggered.connect(self._notice_action)
        self.painter.tool_changed.connect(self._tool_changed)
        self.painter.brush_changed.connect(lambda _: self._show_size())
        self.painter.hint_changed.connect(self._window.page.status_line.set_hint)
        self._keys.space_tapped.connect(self._player.toggle)
        self.desk.frame_wished.connect(self.go_to)
        self.desk.edited.connect(lambda _: self._show_history())
        self.desk.project_changed.connect(lambda _: self._show_history())
        self._player.frame_shown.connect(self.desk.set_frame)
        self._state.geometry_changed.connect(self.desk.set_geometry)

    def set_clip(self, info: ClipInfo | None) -> None:
        """Another clip is on the screen, or none."""
        self.painter.cancel()
        geometry = self._state.wish.geometry if info is not None else PictureGeometry()
        self.desk.set_clip(info, geometry)
        self.desk.set_frame(self._player.frame)

    def go_to(self, key: FrameKey) -> None:
        """Show a frame of the clip at hand."""
        frame = self._player.frame
        if frame is None or self.desk.clip is None or key.clip != self.desk.clip.id:
            return
        # Half a frame into it: the picture that is shown then is this one, however times are rounded.
        at_s = frame.time_s + float((key.pts - frame.pts) * frame.time_base) + frame.duration_s / 2
        self._player.pause()
        self._player.seek(at_s)

    def _own_commands(self) -> dict[str, Callable[[], object]]:
        tools = {f"annotate.{tool}": partial(self.take, tool) for tool in ToolId}
        numbers = {f"annotate.object_{n}": partial(self.objects.select_number, n) for n in range(1, 10)}
        return (
            tools
            | numbers
            | {
                "annotate.mode": lambda: self.set_on(not self._is_on),
                "annotate.larger": partial(self.painter.resize, 1.0),
                "annotate.smaller": partial(self.painter.resize, -1.0),
                "annotate.preserve": self._toggle_preserve,
                "annotate.display": self.showing.next_display,
                "annotate.undo": self._undo,
                "annotate.redo": self._redo,
                "annotate.combine": self.object_list.show_combinations,
                "annotate.add_object": lambda: self.desk.add_object(),
                "annotate.next_object": partial(self._other_object, 1),
                "annotate.previous_object": partial(self._other_object, -1),
            }
        )

    def _undo(self) -> None:
        self.painter.cancel()
        self.desk.undo()

    def _redo(self) -> None:
        self.painter.cancel()
        self.desk.redo()

    def _other_object(self, step: int) -> None:
        if self._is_on and self.desk.objects():
            self.desk.select_next(step)
        elif step > 0:
            self._window.page.view.focusNextChild()
        else:
            self._window.page.view.focusPreviousChild()

    def _toggle_preserve(self) -> None:
        on = not self.painter.preserves_others
        self.painter.set_preserve_others(on)
        self._window.action("annotate.preserve").setChecked(on)

    def _tool_changed(self, tool: ToolId) -> None:
        for each in ToolId:
            self._window.action(f"annotate.{each}").setChecked(each is tool)
        self._show_size()

    def _show_size(self) -> None:
        has_size = self.painter.tool_id in SIZED
        self.strip.set_size(2 * self.painter.radius_deg if has_size else None)

    def _show_history(self) -> None:
        document = self.desk.document
        for name, step in (("undo", document and document.to_undo), ("redo", document and document.to_redo)):
            action = self._window.action(f"annotate.{name}")
            word = name.capitalize()
            action.setText(f"{word} {step.title[:1].lower()}{step.title[1:]}" if step else word)
            action.setEnabled(bool(step))

    def _tell(self, notice: Notice) -> None:
        """A line above the picture moves it: not while something is being drawn."""
        if self.painter.is_pressed:
            self._held_notices.append(notice)
        else:
            self._window.notices.show_notice(notice)

    def _tell_held(self) -> None:
        held, self._held_notices = self._held_notices, []
        for notice in held:
            self._window.notices.show_notice(notice)

    def _notice_action(self, action: str) -> None:
        if action == RETRY:
            self.desk.retry()
        elif action == SAVE_AS:
            self.projects.save_as()
        elif action == GIVE_UP:
            self.desk.close_project(discard=True)
            self._window.close()
        elif action.startswith(OPEN_BACKUP):
            self.desk.recover(Path(action.removeprefix(OPEN_BACKUP)))
        elif action.startswith(FIND_FILE):
            self.projects.find_file()
