"""Where the pointer is on the sphere: the last event of the window, as directions in the label map's frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from panosod_core.geometry.projection import View, viewport_to_directions
from panosod_viewer.overlays import Direction
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import Modifier, PanePoint, PointerInput
from panosod_viewer.resolving import PaneKind, pane_kinds
from panosod_viewer.state import ViewerState
from panosod_viewer.tools.tool import ScreenPoint, Touch


class Pointing:
    """The pointer, and how the panes show the sphere.

    Attributes:
        pointer: the last event over the picture; None where the pointer is elsewhere.
    """

    def __init__(self, *, state: ViewerState, view: GLView) -> None:
        self._state = state
        self._view = view
        self.pointer: PointerInput | None = None

    def is_on_sphere(self, pointer: PointerInput) -> bool:
        """Whether an event lies in a pane that shows the sphere."""
        return self._view_of(pointer.point) is not None

    def press_ctrl(self, on: bool) -> None:
        """Ctrl went down or up while the pointer rests."""
        if self.pointer is not None:
            held = self.pointer.modifiers
            modifiers = held | {Modifier.CTRL} if on else held - {Modifier.CTRL}
            self.pointer = replace(self.pointer, modifiers=frozenset(modifiers))

    def touch(self) -> Touch:
        """The pointer as tools get it."""
        pointer = self.pointer
        if pointer is None:
            return Touch((0.0, 0.0), None)
        point = pointer.point
        return Touch(
            screen=(point.x, point.y),
            direction=self.direction_of((point.x, point.y)),
            inverted=Modifier.CTRL in pointer.modifiers,
            added=Modifier.SHIFT in pointer.modifiers,
            degrees_per_pixel=self._degrees_per_pixel(point),
            time_s=pointer.time_s,
        )

    def direction_of(self, screen: ScreenPoint) -> Direction | None:
        """A point of the pane under the pointer, in the label map's frame; None beside the sphere."""
        if self.pointer is None:
            return None
        view = self._view_of(self.pointer.point)
        if view is None:
            return None
        world = viewport_to_directions(view, screen[0], screen[1], aspect=self.pointer.point.aspect)
        if not np.isfinite(world).all():
            return None
        x, y, z = (float(c) for c in world @ self._state.wish.geometry.R_world_picture)
        return x, y, z

    def _view_of(self, point: PanePoint) -> View | None:
        kinds = pane_kinds(self._state.wish)
        if point.pane >= len(kinds) or kinds[point.pane] is PaneKind.FLAT:
            return None
        return self._state.wish.map_view if kinds[point.pane] is PaneKind.MAP else self._state.wish.look

    def _degrees_per_pixel(self, point: PanePoint) -> float:
        view = self._view_of(point)
        panes = self._view.scene.panes
        width = self._view.width() * (panes[point.pane].rect[2] if point.pane < len(panes) else 1.0)
        return 0.1 if view is None else float(np.degrees(view.fov_rad)) / max(width, 1.0)
