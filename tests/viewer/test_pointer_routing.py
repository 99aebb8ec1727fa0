"""Who gets the pointer, and the line of the split comparison."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from panosod_viewer.layers import Comparison, LayerChoices
from panosod_viewer.look_controller import LookController
from panosod_viewer.pointer_routing import PointerRouter
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import Button, PanePoint, PointerInput
from panosod_viewer.split_handle import SplitHandle
from panosod_viewer.state import ViewerState


def pointer(x: float, *, button: Button = Button.LEFT, down: bool = True) -> PointerInput:
    point = PanePoint(pane=0, x=x, y=0.5, aspect=2.0, dip=(400 * x, 100.0))
    return PointerInput(point, button, frozenset({button}) if down else frozenset(), frozenset(), 0.0)


class Taker:
    """Takes presses left of the middle; writes down what it hears."""

    def __init__(self):
        self.heard = []

    def press(self, pointer):
        self.heard.append("press")
        return pointer.point.x < 0.5

    def move(self, pointer):
        self.heard.append("move")

    def release(self, pointer):
        self.heard.append("release")

    def hover(self, pointer):
        self.heard.append("hover")


@pytest.fixture
def parts(qtbot):
    state = ViewerState()
    look = LookController(state)
    view = GLView()
    qtbot.addWidget(view)
    view.resize(400, 200)
    return state, look, view, PointerRouter(view, look)


def test_what_a_tool_takes_the_view_does_not_see(parts) -> None:
    state, _, view, router = parts
    taker = Taker()
    router.add(taker)
    before = state.wish.look
    view.pressed.emit(pointer(0.2))
    view.moved.emit(pointer(0.9))
    view.released.emit(pointer(0.9, down=False))
    assert taker.heard == ["press", "move", "release"] and state.wish.look == before
    view.pressed.emit(pointer(0.7))
    view.moved.emit(pointer(0.9))
    view.released.emit(pointer(0.9, down=False))
    assert taker.heard == ["press", "move", "release", "press"]
    assert state.wish.look.yaw_rad != before.yaw_rad, "what it leaves turns the view"


def test_the_pointer_stays_with_its_taker_until_the_last_button_is_up(parts) -> None:
    _, _, view, router = parts
    first, second = Taker(), Taker()
    router.add(first)
    router.add(second)
    view.pressed.emit(pointer(0.2))
    view.pressed.emit(pointer(0.2, button=Button.RIGHT))
    view.released.emit(pointer(0.2))
    view.moved.emit(pointer(0.3))
    view.released.emit(pointer(0.3, down=False))
    assert second.heard == ["press", "release", "move", "release"] and first.heard == []
    router.remove(second)
    view.hovered.emit(pointer(0.3, button=Button.NONE, down=False))
    assert first.heard == ["hover"] and "hover" not in second.heard


def test_the_split_line_is_dragged_and_nothing_else_is(parts) -> None:
    state, _, view, router = parts
    router.add(SplitHandle(state, view))
    view.pressed.emit(pointer(0.5))
    view.moved.emit(pointer(0.6))
    view.released.emit(pointer(0.6, down=False))
    assert state.wish.layers.split == 0.5, "without a split there is no line"
    look = state.wish.look
    state.set_layers(replace(LayerChoices(), comparison=Comparison.SPLIT))
    view.pressed.emit(pointer(0.515))
    view.moved.emit(pointer(0.715))
    view.released.emit(pointer(0.715, down=False))
    assert state.wish.layers.split == pytest.approx(0.7) and state.wish.look == look
    view.pressed.emit(pointer(0.7))
    view.moved.emit(pointer(5.0))
    view.released.emit(pointer(5.0, down=False))
    assert state.wish.layers.split == pytest.approx(0.98), "it stays in reach"


def test_the_pointer_shows_where_the_line_can_be_taken(parts) -> None:
    state, _, view, router = parts
    router.add(SplitHandle(state, view))
    state.set_layers(replace(LayerChoices(), comparison=Comparison.SPLIT))
    view.hovered.emit(pointer(0.505, button=Button.NONE, down=False))
    assert view.cursor().shape() == Qt.CursorShape.SplitHCursor
    view.hovered.emit(pointer(0.6, button=Button.NONE, down=False))
    assert view.cursor().shape() != Qt.CursorShape.SplitHCursor
