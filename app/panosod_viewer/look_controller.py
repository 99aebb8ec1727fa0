"""Pointer and keys on the picture: asks the look tool for the new view and tells the state."""

import math

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal

from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import azimuth_elevation
from panosod_viewer.render.pointer import Button, Modifier, PanePoint, PinchInput, PointerInput, WheelInput
from panosod_viewer.resolving import WHOLE_MAP, PaneKind, ViewLayout, pane_kinds
from panosod_viewer.scene import FlatView
from panosod_viewer.state import ViewerState
from panosod_viewer.tools import look
from panosod_viewer.tools.coasting import Coast, Throw

TURN_BY = 1 / 12
"""Of the field of view, for one press of a turning key."""
ROLL_BY_RAD = math.radians(5)
COAST_MS = 16
PIXELS_PER_STEP = 60.0
"""How far two fingers move on a touchpad for what one notch of a wheel does."""


class LookController(QObject):
    """The look tool at work.

    Signals:
        burst_requested (tuple): sound a burst from this direction of the world, (x, y, z).
        fullscreen_toggled ().
        pointed_at (object): (azimuth, elevation) in degrees under the pointer, or None.
    """

    burst_requested = Signal(object)
    fullscreen_toggled = Signal()
    pointed_at = Signal(object)

    def __init__(self, state: ViewerState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._home = View()
        self._held: look.Grab | None = None
        self._held_uv: tuple[float, float] | None = None
        self.is_drag_inverted = False
        self.has_inertia = False
        self._throw = Throw()
        self._coast: Coast | None = None
        self._coasting = QTimer(self)
        self._coasting.setInterval(COAST_MS)
        self._coasting.setTimerType(Qt.TimerType.PreciseTimer)
        self._coasting.timeout.connect(self._coast_on)
        self._since_coast = QElapsedTimer()

    def set_home(self, view: View) -> None:
        """Where "recentre" goes: what the clip's metadata asks for."""
        self._home = view

    # --- pointer ---

    def press(self, pointer: PointerInput) -> None:
        """Take hold, or sound a burst."""
        point = pointer.point
        self._coasting.stop()
        if pointer.button is Button.LEFT and Modifier.ALT in pointer.modifiers:
            self.sound_burst_at(point)
            return
        kind = self._kind(point)
        if kind is PaneKind.FLAT:
            self._held_uv = look.flat_uv(
                self._state.wish.flat, point.x, point.y, aspect=point.aspect, picture_aspect=self._picture_aspect()
            )
        elif kind is not None:
            self._held = look.grab(self._view_of(kind), point.x, point.y, aspect=point.aspect)

    def move(self, pointer: PointerInput) -> None:
        """Drag what is held."""
        point = pointer.point
        kind = self._kind(point)
        if kind is PaneKind.FLAT and self._held_uv is not None:
            self._state.set_flat(
                look.drag_flat(
                    self._state.wish.flat,
                    self._held_uv,
                    point.x,
                    point.y,
                    aspect=point.aspect,
                    picture_aspect=self._picture_aspect(),
                )
            )
        elif kind in (PaneKind.LOOK, PaneKind.MAP) and self._held is not None:
            self._drag(kind, point)
            if kind is PaneKind.LOOK and self.has_inertia:
                self._throw.follow(self._state.wish.look, pointer.time_s)
        self.hover(pointer)

    def _drag(self, kind: PaneKind, point: PanePoint) -> None:
        view = self._view_of(kind)
        if self.is_drag_inverted and kind is PaneKind.LOOK:
            # The head turns instead: mirror the pull and hold anew what the pointer has come to.
            assert self._held is not None
            pulled, _ = look.drag(view, self._held, point.x, point.y, aspect=point.aspect)
            mirrored = view.turned(
                yaw_rad=2 * view.yaw_rad - pulled.yaw_rad, pitch_rad=2 * view.pitch_rad - pulled.pitch_rad
            )
            self._held = look.grab(mirrored, point.x, point.y, aspect=point.aspect)
            self._set_view(kind, mirrored)
            return
        assert self._held is not None
        view, self._held = look.drag(view, self._held, point.x, point.y, aspect=point.aspect)
        self._set_view(kind, view)

    def release(self, pointer: PointerInput) -> None:
        """Let go when the last button is up."""
        if not pointer.buttons:
            if self._held is not None and self.has_inertia:
                self._coast = self._throw.let_go(pointer.time_s)
                if self._coast is not None:
                    self._since_coast.start()
                    self._coasting.start()
            self._held = None
            self._held_uv = None

    def _coast_on(self) -> None:
        coast = self._coast
        if coast is None or coast.is_over:
            self._coasting.stop()
            return
        view, self._coast = coast.after(self._state.wish.look, self._since_coast.restart() / 1000.0)
        self._state.set_look(view)

    def double_click(self, pointer: PointerInput) -> None:
        """Full screen; on the flat map beside a view: look there."""
        if pointer.button is not Button.LEFT:
            return
        point = pointer.point
        if self._kind(point) is PaneKind.MAP and self._state.wish.layout is ViewLayout.SPLIT:
            direction = self.direction_at(point)
            if direction is not None:
                azimuth, elevation = azimuth_elevation(direction)
                self._state.set_look(look.look_at(self._state.wish.look, float(azimuth), float(elevation)))
            return
        self.fullscreen_toggled.emit()

    def hover(self, pointer: PointerInput) -> None:
        """Tell the direction under the pointer."""
        direction = self.direction_at(pointer.point)
        if direction is None:
            self.pointed_at.emit(None)
            return
        azimuth, elevation = azimuth_elevation(direction)
        self.pointed_at.emit((math.degrees(float(azimuth)), math.degrees(float(elevation))))

    def leave(self) -> None:
        """The pointer has left the picture."""
        self.pointed_at.emit(None)

    def wheel(self, wheel: WheelInput) -> None:
        """Zoom about the pointer."""
        if wheel.is_momentum:
            return  # a zoom that goes on after the fingers have left is nobody's wish
        steps = wheel.pixels[1] / PIXELS_PER_STEP if wheel.pixels is not None else wheel.steps[1]
        self._zoom(wheel.point, steps)

    def pinch(self, pinch: PinchInput) -> None:
        """Zoom about the fingers and lean with them."""
        self._zoom(pinch.point, math.log(pinch.scale) / math.log(look.ZOOM_PER_STEP))
        if pinch.turn_rad and self._kind(pinch.point) is PaneKind.LOOK:
            # The picture follows the fingers, so the camera leans the other way.
            self._state.set_look(look.roll(self._state.wish.look, clockwise_rad=-pinch.turn_rad))

    def _zoom(self, point: PanePoint, steps: float) -> None:
        kind = self._kind(point)
        if not steps or kind is None:
            return
        if kind is PaneKind.FLAT:
            aspect = self._picture_aspect()
            flat = look.zoom_flat(
                self._state.wish.flat, steps, point.x, point.y, aspect=point.aspect, picture_aspect=aspect
            )
            self._state.set_flat(flat)
            if self._held_uv is not None:
                self._held_uv = look.flat_uv(flat, point.x, point.y, aspect=point.aspect, picture_aspect=aspect)
            return
        view = look.zoom(self._view_of(kind), steps, point.x, point.y, aspect=point.aspect)
        self._set_view(kind, view)
        if self._held is not None:
            self._held = look.grab(view, point.x, point.y, aspect=point.aspect)

    # --- keys ---

    def turn(self, *, left: int = 0, up: int = 0) -> None:
        """Turn by a key's step: the view, the map where it is alone, or a flat clip."""
        wish = self._state.wish
        if not wish.geometry.is_spherical:
            step = TURN_BY / wish.flat.zoom
            held = (wish.flat.centre_u - left * step, wish.flat.centre_v - up * step)
            self._state.set_flat(
                look.drag_flat(wish.flat, held, 0.5, 0.5, aspect=1.0, picture_aspect=self._picture_aspect())
            )
        elif wish.layout is ViewLayout.MAP:
            self._state.set_map_view(
                wish.map_view.turned(yaw_rad=wish.map_view.yaw_rad + left * TURN_BY * wish.map_view.fov_rad)
            )
        else:
            self._state.set_look(look.turn(wish.look, left=left * TURN_BY, up=up * TURN_BY))

    def lean(self, clockwise: int) -> None:
        """Lean by a key's step."""
        self._state.set_look(look.roll(self._state.wish.look, clockwise_rad=clockwise * ROLL_BY_RAD))

    def zoom(self, steps: float) -> None:
        """Zoom about the middle."""
        self._zoom(PanePoint(pane=0, x=0.5, y=0.5, aspect=16 / 9, dip=(0.0, 0.0)), steps)

    def reset_zoom(self) -> None:
        """The field of view of the start."""
        wish = self._state.wish
        if not wish.geometry.is_spherical:
            self._state.set_flat(FlatView())
        elif wish.layout is ViewLayout.MAP:
            self._state.set_map_view(WHOLE_MAP)
        else:
            self._state.set_look(wish.look.turned(fov_rad=self._home.fov_rad))

    def recentre(self) -> None:
        """Look where the clip wants to be looked at first."""
        self._coasting.stop()
        self._state.set_look(self._home)
        self._state.set_map_view(WHOLE_MAP)
        self._state.set_flat(FlatView())

    def look_around(self) -> None:
        """Stand in the middle again: without the map, and down from the little planet, keeping the bearing."""
        self._state.set_layout(ViewLayout.LOOK)
        view = self._state.wish.look
        if look.is_little_planet(view):
            self._state.set_look(view.turned(pitch_rad=self._home.pitch_rad, fov_rad=self._home.fov_rad))

    def little_planet(self) -> None:
        """Look down from high above."""
        self._state.set_layout(ViewLayout.LOOK)
        self._state.set_look(look.little_planet(self._state.wish.look))

    # --- directions ---

    def sound_burst_at(self, point: PanePoint) -> None:
        """A burst from exactly what is drawn there."""
        direction = self.direction_at(point)
        if direction is not None:
            self.burst_requested.emit(direction)

    def sound_burst_ahead(self) -> None:
        """A burst from the middle of the view."""
        d = self._state.wish.look.R_world_view[:, 0]
        self.burst_requested.emit((float(d[0]), float(d[1]), float(d[2])))

    def direction_at(self, point: PanePoint) -> tuple[float, float, float] | None:
        """Direction of the world under a point; None on flat clips and beside the map."""
        kind = self._kind(point)
        if kind not in (PaneKind.LOOK, PaneKind.MAP):
            return None
        return look.direction_at(self._view_of(kind), point.x, point.y, aspect=point.aspect)

    def _kind(self, point: PanePoint) -> PaneKind | None:
        kinds = pane_kinds(self._state.wish)
        return kinds[point.pane] if 0 <= point.pane < len(kinds) else None

    def _view_of(self, kind: PaneKind) -> View:
        return self._state.wish.map_view if kind is PaneKind.MAP else self._state.wish.look

    def _set_view(self, kind: PaneKind, view: View) -> None:
        if kind is PaneKind.MAP:
            self._state.set_map_view(view)
        else:
            self._state.set_look(view)

    def _picture_aspect(self) -> float:
        wish = self._state.wish
        if wish.frame is None:
            return 16 / 9
        width, height = wish.geometry.eye_size(wish.frame.width, wish.frame.height)
        return width / max(1, height)
