"""The painting tools at work: pointer and keys on the picture become gestures, gestures become edits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.picture import FramePicture
from panosod_viewer.annotating.pointing import Pointing
from panosod_viewer.annotating.toolbox import SIZED, ToolId, make_tools
from panosod_viewer.annotating.work_time import WorkTime
from panosod_viewer.layers import threshold_of
from panosod_viewer.overlays import Cap
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import Button, Modifier, PointerInput, WheelInput
from panosod_viewer.state import ViewerState
from panosod_viewer.tools.brush import resized
from panosod_viewer.tools.cutting_out import SmartSelect
from panosod_viewer.tools.tool import NOTHING, Drawn, Easel, Finished, Tool, Touch
from panosod_viewer.workers.cutting import CutFailed, CutFound, CutMessage, CutQuestion, CuttingWorker
from panosod_viewer.workers.mailbox import Mailbox

REFUSED = "annotate.refused"


class Painter(QObject):
    """Takes the pointer (see :mod:`panosod_viewer.pointer_routing`) while a painting tool is in the hand.

    Signals:
        tool_changed (ToolId): another tool; LOOK for none.
        brush_changed (float): radius, degrees.
        sketched (): the tentative pixels are others.
        hint_changed (str): how the tool works, "" for nothing.
        lifted (): the button is up.
        notice (object): a Notice.
    """

    tool_changed = Signal(object)
    brush_changed = Signal(float)
    sketched = Signal()
    hint_changed = Signal(str)
    lifted = Signal()
    notice = Signal(object)
    _mail_came = Signal()

    def __init__(
        self, desk: AnnotationDesk, *, state: ViewerState, player: Player, view: GLView, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._state = state
        self._player = player
        self._view = view
        self._tools = make_tools()
        self._tool_id = ToolId.LOOK
        self.radius_deg = 3.0
        self.preserves_others = False
        self.is_turning = False
        """Space is held: the left button turns the view."""
        self.maps: Callable[[], tuple[NDArray[np.uint8], str | None] | None] = lambda: None
        """Gives the model's map of the frame on the screen and the model's id."""
        self._picture = FramePicture()
        self._work = WorkTime()
        self._pointing = Pointing(state=state, view=view)
        self._key: FrameKey | None = None
        self._hint = ""
        self._is_down = False
        self._is_passing = False
        self.is_pressed = False
        """The left button is down on the picture."""
        self._asked = -1
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        self._cutter = CuttingWorker(self._mail.post)
        desk.frame_changed.connect(self._frame_changed)
        desk.selection_changed.connect(lambda _: self.cancel())

    def close(self) -> None:
        """Put everything down."""
        self.cancel()
        self._cutter.close()

    # --- the tool in the hand

    @property
    def tool_id(self) -> ToolId:
        """Which it is."""
        return self._tool_id

    @property
    def is_painting(self) -> bool:
        """A painting tool is in the hand."""
        return self._tool_id is not ToolId.LOOK

    @property
    def is_busy(self) -> bool:
        """A gesture is under way."""
        return self.is_painting and (self._is_down or self._tools[self._tool_id].is_busy)

    def take(self, tool: ToolId) -> None:
        """Take another tool; what the last one was at is dropped."""
        if tool is self._tool_id:
            return
        self.cancel()
        self._tool_id = tool
        if tool is ToolId.LOOK:
            self._view.unsetCursor()
        else:
            self._view.setCursor(Qt.CursorShape.CrossCursor)
            self._view.setFocus()
        self.tool_changed.emit(tool)
        self._hover_again()

    def resize(self, steps: float) -> None:
        """A larger brush, or a smaller one."""
        self.set_radius(resized(self.radius_deg, steps))

    def set_radius(self, radius_deg: float) -> None:
        """The brush's radius, degrees."""
        if radius_deg != self.radius_deg:
            self.radius_deg = radius_deg
            self.brush_changed.emit(radius_deg)
            self._show()
            if self._tool_id in SIZED:
                self._say(f"Brush {2 * radius_deg:.3g}° across")

    def set_turning(self, on: bool) -> None:
        """Space is held: the left button turns the view."""
        self.is_turning = on
        if self.is_painting:
            self._view.setCursor(Qt.CursorShape.OpenHandCursor if on else Qt.CursorShape.CrossCursor)
        self._show()

    def set_preserve_others(self, on: bool) -> None:
        """Whether other objects' pixels are left alone."""
        self.preserves_others = on

    # --- pointer

    def press(self, pointer: PointerInput) -> bool:
        """The tool begins, or goes on with its next point."""
        if not self._takes(pointer):
            return False
        self._player.pause()
        self._pointing.pointer, self._is_passing, self.is_pressed = pointer, False, True
        if not self._is_ready():
            self._is_passing = True
            return True
        self._is_down = True
        self._work.acted(time.monotonic())
        self._do(lambda tool, touch, easel: tool.press(touch, easel))
        return True

    def move(self, pointer: PointerInput) -> None:
        """It is dragged."""
        if self._is_passing or not self._is_down:
            return
        self._pointing.pointer = pointer
        self._work.acted(time.monotonic())
        self._do(lambda tool, touch, easel: tool.move(touch, easel))

    def release(self, pointer: PointerInput) -> None:
        """The button is up."""
        if Button.LEFT in pointer.buttons:
            return
        self.is_pressed = False
        if not self._is_passing and self._is_down:
            self._pointing.pointer = pointer
            self._is_down = False
            self._do(lambda tool, touch, easel: tool.release(touch, easel))
        self.lifted.emit()

    def hover(self, pointer: PointerInput) -> None:
        """The cursor follows."""
        self._pointing.pointer = pointer
        if self.is_painting:
            self._hover_again()

    def double_click(self, pointer: PointerInput) -> bool:
        """The end of an outline; for other tools just another press."""
        if self._takes(pointer) and self._tool_id is ToolId.POLYGON and self.is_busy:
            self._is_passing = self.is_pressed = True
            self.finish()
            return True
        return self.press(pointer)

    def wheel(self, wheel: WheelInput) -> bool:
        """With Alt it sizes the brush (Qt turns the wheel sideways then)."""
        if not self.is_painting or Modifier.ALT not in wheel.modifiers:
            return False
        steps = wheel.steps[1] or wheel.steps[0]
        if steps and not wheel.is_momentum:
            self.resize(steps)
        return True

    def leave(self) -> None:
        """No cursor outside the picture."""
        if not self._is_down:
            self._pointing.pointer = None
            self._show()

    def _takes(self, pointer: PointerInput) -> bool:
        is_ours = pointer.button is Button.LEFT and not self.is_turning and Modifier.ALT not in pointer.modifiers
        return self.is_painting and is_ours and self._pointing.is_on_sphere(pointer)

    def _is_ready(self) -> bool:
        if not self._desk.ensure_project():
            return False
        return bool(self._desk.selected or self._desk.add_object())

    # --- keys

    def finish(self) -> None:
        """Enter: the gesture is done."""
        self._do(lambda tool, _touch, easel: tool.finish(easel))

    def step_back(self) -> None:
        """Backspace: without its last point."""
        self._do(lambda tool, _touch, easel: tool.step_back(easel))

    def cancel(self) -> None:
        """Esc: nothing has happened."""
        easel = self._easel()
        if self.is_painting and easel is not None:
            self._tools[self._tool_id].cancel(easel)
        self._is_down = False
        self._show()
        self.sketched.emit()

    def invert(self, on: bool) -> None:
        """Ctrl went down or up while the pointer rests."""
        if self._pointing.pointer is not None and self.is_painting and not self._is_down:
            self._pointing.press_ctrl(on)
            self._hover_again()

    def time_spent_s(self) -> float:
        """Working time since the last edit of this frame."""
        return self._work.take(time.monotonic())

    # --- gestures

    def _do(self, act: Callable[[Tool, Touch, Easel], Finished | None]) -> None:
        """Let the tool do something, carry out what comes of it, and show all."""
        easel = self._easel()
        if not self.is_painting or easel is None:
            return
        tool = self._tools[self._tool_id]
        try:
            finished = act(tool, self._pointing.touch(), easel)
        except AnnotationError as error:
            tool.cancel(easel)
            self._is_down = False
            self.notice.emit(Notice(str(error), Severity.WARNING, key=REFUSED, seconds=8.0))
            finished = None
        if finished is not None:
            self._desk.apply(finished.edit, finished.title, time_spent_s=self._work.take(time.monotonic()))
        elif isinstance(tool, SmartSelect):
            self._cut_out(tool, easel)
        self._show()
        self.sketched.emit()

    def easel(self) -> Easel | None:
        """The frame at hand as tools and commands get it; None where there is nothing to paint on."""
        return self._easel()

    def _easel(self) -> Easel | None:
        sketch = self._desk.sketch()
        if sketch is None:
            return None
        maps = self.maps()
        wish = self._state.wish
        return Easel(
            sketch=sketch,
            object_id=self._desk.selected or 1,
            radius_rad=float(np.radians(self.radius_deg)),
            preserve_others=self.preserves_others,
            picture=lambda: self._picture.of(self._desk.frame, wish.geometry, label_shape=sketch.shape),
            saliency=None if maps is None else maps[0],
            threshold=threshold_of(wish.layers, wish.pictures.saliency),
            model_id=None if maps is None else maps[1],
            direction_of=self._pointing.direction_of,
        )

    # --- showing

    def _hover_again(self) -> None:
        easel = self._easel()
        if self.is_painting and easel is not None:
            self._tools[self._tool_id].hover(self._pointing.touch(), easel)
        self._show()

    def _show(self) -> None:
        drawn = self._drawn()
        R = self._state.wish.geometry.R_world_picture
        cursor = drawn.cursor
        if cursor is not None:
            x, y, z = (float(c) for c in R @ np.asarray(cursor.centre))
            cursor = replace(cursor, centre=(x, y, z))
        paths = tuple(replace(path, points=path.points @ R.T) for path in drawn.paths)
        if paths or cursor != self._state.wish.pictures.cursor or self._state.wish.pictures.paths:
            self._state.show_pictures(cursor=cursor, paths=paths)
        self._say(drawn.hint)

    def _drawn(self) -> Drawn:
        if not self.is_painting or self.is_turning:
            return NOTHING
        easel = self._easel()
        if self._pointing.pointer is None:  # how the tool works can be read, and its whole text be pointed at
            return NOTHING if easel is None else Drawn(hint=self._tools[self._tool_id].drawn(easel).hint)
        if easel is not None:
            return self._tools[self._tool_id].drawn(easel)
        here = self._pointing.touch().direction
        if (
            self._tool_id in SIZED and here is not None
        ):  # before there is a project the brush shows its size all the same
            return Drawn(cursor=Cap(here, float(np.radians(self.radius_deg)), is_dashed=self._tool_id is ToolId.ERASER))
        return NOTHING

    def _say(self, hint: str) -> None:
        if hint != self._hint:
            self._hint = hint
            self.hint_changed.emit(hint)

    def _frame_changed(self) -> None:
        """Another frame (then the gesture is over), or other labels in this one."""
        if self._desk.key != self._key:
            self._key = self._desk.key
            self._is_down = False
            self._work.begin()
            self.cancel()
        else:
            self.sketched.emit()

    # --- smart select

    def _cut_out(self, tool: SmartSelect, easel: Easel) -> None:
        if tool.revision == self._asked:
            return
        self._asked = tool.revision
        hints, picture = tool.hints(easel), easel.picture()
        if hints is not None and picture is not None:
            self._cutter.ask(CutQuestion(tool.revision, picture, hints, easel.sketch.shape))

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            self._handle(letter)

    def _handle(self, letter: CutMessage) -> None:
        tool = self._tools[ToolId.SMART]
        easel = self._easel()
        if not isinstance(tool, SmartSelect) or easel is None or letter.revision != tool.revision:
            return
        if isinstance(letter, CutFound):
            tool.show(letter.found, easel, revision=letter.revision)
            self._show()
            self.sketched.emit()
        elif isinstance(letter, CutFailed):
            self.notice.emit(Notice(letter.text, Severity.INFO, key=REFUSED, seconds=6.0))
