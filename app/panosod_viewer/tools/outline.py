"""Lasso and polygon: outlines of great-circle arcs, to paint or erase, or to take what the model sees inside."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from panosod_core.annotation.edits import Origin
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.operations import Combination, take_mask
from panosod_core.annotation.records import Source
from panosod_core.geometry.regions.polygon import polygon
from panosod_core.geometry.sphere import angle_between
from panosod_viewer.overlays import Direction, Path
from panosod_viewer.tools.model_mask import model_mask
from panosod_viewer.tools.tool import NOTHING, Drawn, Easel, Finished, Idle, Touch, done

_NEAR_PX = 12.0
"""Pixels of the screen within which a click closes a polygon."""


class Purpose(StrEnum):
    """What becomes of the area."""

    PAINT = "paint"
    MODEL = "model"
    """The model's mask inside it is taken."""


class _Outline(Idle):
    """What both share: corners, and what becomes of the area."""

    def __init__(self, name: str, purpose: Purpose) -> None:
        self.name = name
        self._purpose = purpose
        self._points: list[Direction] = []
        self._is_erasing = False

    @property
    def is_busy(self) -> bool:
        """An outline has been begun."""
        return bool(self._points)

    def cancel(self, easel: Easel) -> None:
        """Forget the outline."""
        self._points = []
        easel.sketch.cancel()

    def _close(self, easel: Easel) -> Finished | None:
        points, self._points = np.asarray(self._points, np.float64), []
        if len(points) < 3:
            return None
        height, width = easel.sketch.shape
        region = RingMask.of(polygon(points, width=width, height=height))
        if region is None:
            return None
        if self._purpose is Purpose.MODEL:
            return self._take_model(region, easel)
        if self._is_erasing:
            easel.sketch.paint(region, 0, over=easel.object_id)
            return done(easel, f"{self.name}: erase")
        easel.sketch.paint(region, easel.object_id, preserve_others=easel.preserve_others)
        return done(easel, self.name)

    def _take_model(self, region: RingMask, easel: Easel) -> Finished | None:
        edit = take_mask(
            easel.labels,
            easel.object_id,
            model_mask(easel),
            Combination.SUBTRACT if self._is_erasing else Combination.REPLACE,
            protection=easel.sketch.protection,
            within=region,
            preserve_others=easel.preserve_others,
            origin=Origin(Source.MODEL, model_id=easel.model_id),
        )
        return None if edit.is_empty else Finished(edit, "Take the model's mask")


class Lasso(_Outline):
    """A line drawn by hand around an area."""

    def __init__(self, purpose: Purpose = Purpose.PAINT) -> None:
        """``purpose``: what becomes of the area."""
        super().__init__("Lasso" if purpose is Purpose.PAINT else "Model in a lasso", purpose)

    def press(self, touch: Touch, easel: Easel) -> None:
        """The line begins."""
        self._is_erasing = touch.inverted
        self._points = [] if touch.direction is None else [touch.direction]

    def move(self, touch: Touch, easel: Easel) -> None:
        """It goes on, a corner at every few pixels of the screen."""
        here = touch.direction
        if here is None:
            return
        least = np.radians(touch.degrees_per_pixel) * 1.5
        if not self._points or float(angle_between(self._points[-1], here)) >= least:
            self._points.append(here)

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """It is closed."""
        self.move(touch, easel)
        return self._close(easel)

    def drawn(self, easel: Easel) -> Drawn:
        """The line so far."""
        if len(self._points) < 2:
            return NOTHING
        return Drawn(paths=(Path(np.asarray(self._points), is_closed=True, is_dashed=self._is_erasing),))


class Polygon(_Outline):
    """Corners clicked one by one; a click on the first, a double click or Enter closes it."""

    def __init__(self, purpose: Purpose = Purpose.PAINT) -> None:
        """``purpose``: what becomes of the area."""
        super().__init__("Polygon", purpose)
        self._at: Direction | None = None

    def press(self, touch: Touch, easel: Easel) -> Finished | None:
        """A corner, or the end where it is the first one again."""
        here = touch.direction
        if here is None:
            return None
        self._at = here
        if not self._points:
            self._is_erasing = touch.inverted
        near = np.radians(touch.degrees_per_pixel) * _NEAR_PX
        if len(self._points) >= 3 and float(angle_between(self._points[0], here)) <= near:
            return self._close(easel)
        if not self._points or float(angle_between(self._points[-1], here)) > 1e-6:
            self._points.append(here)
        return None

    def hover(self, touch: Touch, easel: Easel) -> None:
        """The next edge follows the pointer."""
        self._at = touch.direction

    def move(self, touch: Touch, easel: Easel) -> None:
        """The last corner is dragged."""
        if touch.direction is not None and self._points:
            self._at = self._points[-1] = touch.direction

    def finish(self, easel: Easel) -> Finished | None:
        """Close it."""
        return self._close(easel)

    def step_back(self, easel: Easel) -> None:
        """Without its last corner."""
        if self._points:
            self._points.pop()

    def drawn(self, easel: Easel) -> Drawn:
        """Its edges and corners, and the one to come."""
        if not self._points:
            return NOTHING
        points = [*self._points, self._at] if self._at is not None else list(self._points)
        is_closed = len(self._points) >= 3
        path = Path(np.asarray(points), is_closed=is_closed, has_points=True, is_dashed=self._is_erasing)
        hint = "Click the first corner or press Enter to close · Backspace takes one back · Esc cancels"
        return Drawn(paths=(path,), hint=hint)
