"""What a painting tool is: pointer and keys in, something drawn on the easel, at last an edit. Pure, no Qt.

Directions are those of the label map (the picture's frame); the window turns them into the world where the clip has a
pose. Tools hold only what belongs to the gesture at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.edits import BY_HAND, Edit, Origin
from panosod_core.annotation.masks import LabelMap
from panosod_viewer.overlays import Cap, Direction, Path
from panosod_viewer.tools.sketch import Sketch

ScreenPoint: TypeAlias = tuple[float, float]
"""Fractions of the pane, x right, y down; only differences and :attr:`Easel.direction_of` give them meaning."""


@dataclass(frozen=True)
class Touch:
    """Where the pointer is.

    Attributes:
        screen: in the pane.
        direction: under it, in the label map's frame; None beside the sphere.
        inverted: Ctrl is held: the tool does the opposite (paint, erase).
        added: Shift is held.
        degrees_per_pixel: of the view in its middle.
        time_s: on any clock.
    """

    screen: ScreenPoint
    direction: Direction | None
    inverted: bool = False
    added: bool = False
    degrees_per_pixel: float = 0.1
    time_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Easel:
    """What a tool works on.

    Attributes:
        sketch: the frame's labels.
        object_id: the selected object, 1..254.
        radius_rad: of the brush.
        preserve_others: other objects' pixels are not taken.
        picture: gives the frame's full sphere, (h, w, 3) RGB, or None where it cannot be had.
        saliency: the model's map of the frame, (h, w) uint8, or None.
        threshold: 0..1, from where on the model's map counts as mask.
        model_id: of the map.
        direction_of: a point of the pane as a direction.
    """

    sketch: Sketch
    object_id: int
    radius_rad: float
    preserve_others: bool = False
    picture: Callable[[], NDArray[np.uint8] | None] = lambda: None
    saliency: NDArray[np.uint8] | None = None
    threshold: float = 0.5
    model_id: str | None = None
    direction_of: Callable[[ScreenPoint], Direction | None] = lambda screen: None

    @property
    def labels(self) -> LabelMap:
        """The document's labels."""
        return self.sketch.labels


@dataclass(frozen=True, eq=False)
class Finished:
    """A gesture has led to an edit.

    Attributes:
        edit: to be done.
        title: what the step is called.
    """

    edit: Edit
    title: str


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a tool shows besides the sketch.

    Attributes:
        cursor: the brush, or None.
        paths: lines.
        hint: one line for the status line, "" for none.
    """

    cursor: Cap | None = None
    paths: tuple[Path, ...] = field(default=())
    hint: str = ""


NOTHING = Drawn()


class Tool(Protocol):
    """A painting tool. One gesture goes from :meth:`press` to the :class:`Finished` that some call gives."""

    name: str
    """As the tool bar says it."""

    @property
    def is_busy(self) -> bool:
        """A gesture is under way: another tool or frame would end it."""
        ...

    def press(self, touch: Touch, easel: Easel) -> Finished | None:
        """The left button goes down."""
        ...

    def move(self, touch: Touch, easel: Easel) -> Finished | None:
        """The pointer moves with the button down."""
        ...

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """The button goes up."""
        ...

    def hover(self, touch: Touch, easel: Easel) -> None:
        """The pointer moves with no button down."""
        ...

    def finish(self, easel: Easel) -> Finished | None:
        """Enter, or a double click."""
        ...

    def step_back(self, easel: Easel) -> None:
        """Backspace within a gesture: take back its last point."""
        ...

    def cancel(self, easel: Easel) -> None:
        """Esc: nothing has happened."""
        ...

    def drawn(self, easel: Easel) -> Drawn:
        """What to show now."""
        ...


class Idle:
    """What most tools do in most calls: nothing."""

    @property
    def is_busy(self) -> bool:
        """No gesture is under way."""
        return False

    def press(self, touch: Touch, easel: Easel) -> Finished | None:
        """Nothing."""
        return None

    def move(self, touch: Touch, easel: Easel) -> Finished | None:
        """Nothing."""
        return None

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """Nothing."""
        return None

    def hover(self, touch: Touch, easel: Easel) -> None:
        """Nothing."""

    def finish(self, easel: Easel) -> Finished | None:
        """Nothing."""
        return None

    def step_back(self, easel: Easel) -> None:
        """Nothing."""

    def cancel(self, easel: Easel) -> None:
        """What is tentative goes."""
        easel.sketch.cancel()

    def drawn(self, easel: Easel) -> Drawn:
        """Nothing."""
        return NOTHING


def done(easel: Easel, title: str, *, origin: Origin = BY_HAND) -> Finished | None:
    """What is tentative as a finished gesture; None where nothing has changed."""
    edit = easel.sketch.take(origin=origin)
    return None if edit is None else Finished(edit, title)
