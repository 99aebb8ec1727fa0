"""Brush and eraser: a spherical cap that is dragged along great circles."""

from __future__ import annotations

from panosod_core.geometry.regions.brush import cap, segment
from panosod_core.geometry.sphere import angle_between
from panosod_viewer.overlays import Cap, Direction
from panosod_viewer.tools.tool import NOTHING, Drawn, Easel, Finished, Idle, Touch, done

MIN_RADIUS_DEG, MAX_RADIUS_DEG = 0.25, 60.0
SIZE_STEP = 1.2
_FARTHEST = 2.5
"""Radians between two positions of the pointer: further apart it has jumped (from pane to pane, over the back)."""


class Brush(Idle):
    """Paints the selected object, or erases it; Ctrl turns one into the other."""

    def __init__(self, *, erases: bool = False) -> None:
        """``erases``: the tool is the eraser."""
        self.name = "Eraser" if erases else "Brush"
        self._erases = erases
        self._last: Direction | None = None
        self._at: Direction | None = None
        self._is_erasing = False
        self._is_down = False

    @property
    def is_busy(self) -> bool:
        """A stroke is being drawn."""
        return self._is_down

    def press(self, touch: Touch, easel: Easel) -> None:
        """A stroke begins."""
        self._is_down = True
        self._is_erasing = self._erases != touch.inverted
        self._last = None
        self._go_to(touch, easel)

    def move(self, touch: Touch, easel: Easel) -> None:
        """It goes on."""
        self._go_to(touch, easel)

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """It is done."""
        self._go_to(touch, easel)
        self._is_down, self._last = False, None
        return done(easel, "Erase" if self._is_erasing else "Paint")

    def hover(self, touch: Touch, easel: Easel) -> None:
        """The cursor follows."""
        self._at = touch.direction
        self._is_erasing = self._erases != touch.inverted

    def cancel(self, easel: Easel) -> None:
        """The stroke never was."""
        self._is_down, self._last = False, None
        easel.sketch.cancel()

    def drawn(self, easel: Easel) -> Drawn:
        """The brush's true outline."""
        if self._at is None:
            return NOTHING
        return Drawn(cursor=Cap(self._at, easel.radius_rad, is_dashed=self._is_erasing))

    def _go_to(self, touch: Touch, easel: Easel) -> None:
        self._at = here = touch.direction
        if here is None:
            self._last = None
            return
        height, width = easel.sketch.shape
        last = self._last
        if last is None or float(angle_between(last, here)) > _FARTHEST:
            region = cap(here, easel.radius_rad, width=width, height=height)
        else:
            region = segment(last, here, easel.radius_rad, width=width, height=height)
        self._last = here
        if region is None:
            return
        if self._is_erasing:
            easel.sketch.paint(region, 0, over=easel.object_id)
        else:
            easel.sketch.paint(region, easel.object_id, preserve_others=easel.preserve_others)


def resized(radius_deg: float, steps: float) -> float:
    """A brush's radius some steps larger (or smaller), within what is allowed."""
    return float(min(max(radius_deg * SIZE_STEP**steps, MIN_RADIUS_DEG), MAX_RADIUS_DEG))
