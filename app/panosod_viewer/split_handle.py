"""The line between two compared sources, taken hold of by the pointer."""

from PySide6.QtCore import QObject, Qt

from panosod_viewer.layers import Comparison
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import Button, PanePoint, PointerInput
from panosod_viewer.state import ViewerState

REACH_PX = 8.0
"""How near the pointer must come to the line, device-independent pixels."""
_MARGIN = 0.02


class SplitHandle(QObject):
    """A taker of the pointer (see :mod:`panosod_viewer.pointer_routing`): drags the line of the split comparison."""

    def __init__(self, state: ViewerState, view: GLView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._view = view
        self._offset = 0.0
        self._has_cursor = False

    def press(self, pointer: PointerInput) -> bool:
        """Take hold where the line is near."""
        if pointer.button is not Button.LEFT or not self._is_near(pointer.point):
            return False
        self._offset = self._state.wish.layers.split - pointer.point.x
        return True

    def move(self, pointer: PointerInput) -> None:
        """Drag it."""
        at = min(max(pointer.point.x + self._offset, _MARGIN), 1 - _MARGIN)
        self._state.change_layers(split=at)

    def release(self, pointer: PointerInput) -> None:
        """Let go: the line stays."""

    def hover(self, pointer: PointerInput) -> None:
        """Show that it can be taken."""
        is_near = self._is_near(pointer.point)
        if is_near and not self._has_cursor:
            self._view.setCursor(Qt.CursorShape.SplitHCursor)
        elif self._has_cursor and not is_near:
            self._view.unsetCursor()
        self._has_cursor = is_near

    def _is_near(self, point: PanePoint) -> bool:
        wish = self._state.wish
        choices = wish.layers
        if choices.comparison is not Comparison.SPLIT or choices.are_hidden or not wish.geometry.is_spherical:
            return False
        panes = self._view.scene.panes
        width = self._view.width() * (panes[point.pane].rect[2] if point.pane < len(panes) else 1.0)
        return abs(point.x - choices.split) * width <= REACH_PX
