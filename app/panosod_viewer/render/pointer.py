"""What pointers do on the picture, as plain values: no Qt, no OpenGL, no meaning yet."""

from dataclasses import dataclass
from enum import StrEnum


class Button(StrEnum):
    """A mouse button; NONE in hover and move events that no button caused."""

    NONE = "none"
    LEFT = "left"
    RIGHT = "right"
    MIDDLE = "middle"


class Modifier(StrEnum):
    """A modifier key held down (on macOS CTRL is Command, as Qt has it)."""

    SHIFT = "shift"
    CTRL = "ctrl"
    ALT = "alt"
    META = "meta"


@dataclass(frozen=True)
class PanePoint:
    """A point of a pane.

    Attributes:
        pane: index into ``RenderScene.panes``. During a drag it stays the one where the drag began.
        x, y: 0..1 within the pane, origin top left; beyond 0..1 where a drag has left the pane.
        aspect: width / height of the pane as drawn, for the functions of ``geometry.projection``.
        dip: position within the whole widget, device-independent pixels.
    """

    pane: int
    x: float
    y: float
    aspect: float
    dip: tuple[float, float]


@dataclass(frozen=True)
class PointerInput:
    """A press, move, release, double click or hover.

    Attributes:
        point: where.
        button: which button caused it.
        buttons: all that are down now.
        modifiers: keys held.
        time_s: the window system's time stamp, seconds on an arbitrary clock.
    """

    point: PanePoint
    button: Button
    buttons: frozenset[Button]
    modifiers: frozenset[Modifier]
    time_s: float


@dataclass(frozen=True)
class WheelInput:
    """A wheel turned, or two fingers moved on a touchpad.

    Attributes:
        point: where.
        steps: (right, up) in notches of a classic wheel; fractions on fine wheels and touchpads.
        pixels: (right, down) that content should move, device-independent pixels, from touchpads that tell; else None.
        is_touchpad: fingers rather than a wheel.
        is_momentum: the touchpad's own after-run, no finger down.
        modifiers: keys held.
    """

    point: PanePoint
    steps: tuple[float, float]
    pixels: tuple[float, float] | None
    is_touchpad: bool
    is_momentum: bool
    modifiers: frozenset[Modifier]


@dataclass(frozen=True)
class PinchInput:
    """Two fingers spread or turned.

    Attributes:
        point: where.
        scale: factor since the last event; above 1 when the fingers spread.
        turn_rad: turn since the last event, clockwise positive.
    """

    point: PanePoint
    scale: float
    turn_rad: float


def locate(
    rects: tuple[tuple[float, float, float, float], ...],
    dip: tuple[float, float],
    size_dip: tuple[float, float],
    *,
    held_pane: int | None = None,
) -> PanePoint | None:
    """Which pane a point of the widget lies in, and where.

    Args:
        rects: of the panes, fractions (see ``scene.Pane``); later ones lie on top.
        dip: the point, device-independent pixels.
        size_dip: of the widget.
        held_pane: measure in this pane wherever the point is (drags).

    Returns:
        None outside all panes.
    """
    fx, fy = dip[0] / max(size_dip[0], 1.0), dip[1] / max(size_dip[1], 1.0)
    candidates = range(len(rects) - 1, -1, -1) if held_pane is None else [held_pane]
    for index in candidates:
        if not 0 <= index < len(rects):
            continue
        left, top, width, height = rects[index]
        if width <= 0 or height <= 0:
            continue
        x, y = (fx - left) / width, (fy - top) / height
        if held_pane is not None or (0 <= x <= 1 and 0 <= y <= 1):
            aspect = (width * size_dip[0]) / max(height * size_dip[1], 1e-9)
            return PanePoint(index, x, y, aspect, dip)
    return None
