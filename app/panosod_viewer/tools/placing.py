"""Moving and turning an object on the sphere."""

from __future__ import annotations

import math

import numpy as np

from panosod_core.annotation.operations import move, reshape
from panosod_core.geometry.regions.morphology import bounding_cap
from panosod_core.geometry.regions.turning import shortest_turn, turn_about
from panosod_core.geometry.sphere import FloatArray
from panosod_viewer.overlays import Direction
from panosod_viewer.tools.tool import Drawn, Easel, Finished, Idle, Touch, done


class Move(Idle):
    """Drags the selected object over the sphere; with Shift it turns about its middle."""

    name = "Move"

    def __init__(self) -> None:
        self._from: Direction | None = None
        self._middle: FloatArray | None = None
        self._last = np.eye(3)

    @property
    def is_busy(self) -> bool:
        """The object is held."""
        return self._from is not None

    def press(self, touch: Touch, easel: Easel) -> None:
        """Take hold of it, wherever it is."""
        around = bounding_cap(easel.labels == easel.object_id)
        if around is None or touch.direction is None:
            return
        self._from, self._middle = touch.direction, around[0]

    def move(self, touch: Touch, easel: Easel) -> None:
        """It follows."""
        if self._from is None or self._middle is None or touch.direction is None:
            return
        turn = self._turn(touch.direction) if touch.added else shortest_turn(self._from, touch.direction)
        easel.sketch.show(
            reshape(
                easel.labels,
                easel.object_id,
                move(turn),
                protection=easel.sketch.protection,
                preserve_others=easel.preserve_others,
            )
        )

    def release(self, touch: Touch, easel: Easel) -> Finished | None:
        """Let go."""
        if self._from is None:
            return None
        self.move(touch, easel)
        self._from = None
        return done(easel, "Move")

    def cancel(self, easel: Easel) -> None:
        """It is where it was."""
        self._from = None
        easel.sketch.cancel()

    def drawn(self, easel: Easel) -> Drawn:
        """How it works."""
        return Drawn(hint="Drag the object over the sphere · Shift turns it about its middle")

    def _turn(self, here: Direction) -> FloatArray:
        """About the object's middle by the angle between the start of the drag and the pointer, seen from there."""
        if self._middle is None or self._from is None:
            raise AssertionError("only while the object is held")
        axis = self._middle
        start, end = (np.asarray(d) - axis * float(np.dot(axis, d)) for d in (self._from, here))
        if min(float(np.linalg.norm(start)), float(np.linalg.norm(end))) < 1e-6:
            return np.eye(3)
        angle = math.atan2(float(np.dot(np.cross(start, end), axis)), float(np.dot(start, end)))
        return turn_about(axis, angle)
