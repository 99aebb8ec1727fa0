"""Fill and wand: areas that are bounded by labels, or by colour."""

from __future__ import annotations

from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.operations import fill
from panosod_core.annotation.selecting import pixel_at, wand
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.parts import part_at
from panosod_viewer.overlays import Direction
from panosod_viewer.tools.tool import Drawn, Easel, Finished, Idle, ScreenPoint, Touch, done

_FIRST_TOLERANCE = 8.0
_PER_PANE = 120.0
"""Tolerance (CIE L*a*b*) that a drag across the whole pane adds."""
_MOST = 150.0


class Fill(Idle):
    """Gives the object the closed area under the pointer: a hole, or another object's part; Ctrl empties it."""

    name = "Fill"

    def press(self, touch: Touch, easel: Easel) -> Finished | None:
        """Fill it."""
        if touch.direction is None:
            return None
        height, width = easel.sketch.shape
        row, column = pixel_at(touch.direction, width=width, height=height)
        if touch.inverted:
            return self._empty(row, column, easel)
        edit = fill(
            easel.labels,
            row,
            column,
            object_id=easel.object_id,
            protection=easel.sketch.protection,
            preserve_others=easel.preserve_others,
        )
        return None if edit.is_empty else Finished(edit, "Fill")

    def _empty(self, row: int, column: int, easel: Easel) -> Finished | None:
        region = RingMask.of(part_at(easel.labels == easel.object_id, row, column))
        if region is None:
            return None
        easel.sketch.paint(region, 0, over=easel.object_id)
        return done(easel, "Erase a part")


class Wand(Idle):
    """Selects what has the colour of a place; dragging away from it takes in more. Ctrl erases."""

    name = "Wand"

    def __init__(self) -> None:
        self._seed: Direction | None = None
        self._from: ScreenPoint = (0.0, 0.0)
        self._is_erasing = False
        self.tolerance = _FIRST_TOLERANCE

    @property
    def is_busy(self) -> bool:
        """The button is down."""
        return self._seed is not None

    def press(self, touch: Touch, easel: Easel) -> None:
        """The place is chosen."""
        self._seed, self._from, self._is_erasing = touch.direction, touch.screen, touch.inverted
        self.tolerance = _FIRST_TOLERANCE
        self._preview(easel)

    def move(self, touch: Touch, easel: Easel) -> None:
        """The further away, the more is taken in."""
        away = max(abs(touch.screen[0] - self._from[0]), abs(touch.screen[1] - self._from[1]))
        self.tolerance = min(_FIRST_TOLERANCE + _PER_PANE * away, _MOST)
        self._preview(easel)

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """Take what is shown."""
        self._seed = None
        return done(easel, "Wand: erase" if self._is_erasing else "Wand")

    def cancel(self, easel: Easel) -> None:
        """Nothing was selected."""
        self._seed = None
        easel.sketch.cancel()

    def drawn(self, easel: Easel) -> Drawn:
        """The tolerance."""
        if self._seed is None:
            return Drawn(hint="Press on a colour, drag away to take in more of it · Ctrl erases")
        return Drawn(hint=f"Tolerance {self.tolerance:.0f}")

    def _preview(self, easel: Easel) -> None:
        easel.sketch.cancel()
        if self._seed is None:
            return
        picture = easel.picture()
        if picture is None:
            raise AnnotationError("expected a picture to select by, none is shown yet")
        region = wand(picture, self._seed, tolerance=self.tolerance, size=easel.sketch.shape)
        if self._is_erasing:
            easel.sketch.paint(region, 0, over=easel.object_id)
        else:
            easel.sketch.paint(region, easel.object_id, preserve_others=easel.preserve_others)
