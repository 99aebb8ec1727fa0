"""Smart select: a box around the object, or strokes on it and beside it; GrabCut does the rest, elsewhere.

The tool only collects what the person says; a worker cuts out (:func:`panosod_core.annotation.selecting.smart_select`)
and the window shows what came, through :meth:`SmartSelect.show`, until Enter takes it or Esc drops it.
"""

from __future__ import annotations

import math

import numpy as np

from panosod_core.annotation.edits import paint
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.selecting import Hints
from panosod_core.geometry.regions.polygon import polygon
from panosod_core.geometry.sphere import FloatArray
from panosod_viewer.overlays import Direction, Path
from panosod_viewer.tools.tool import Drawn, Easel, Finished, Idle, ScreenPoint, Touch, done

STROKE_RAD = math.radians(1.0)
_SIDE = 12
"""Points a side of the box: in a wide view its sides are curves on the sphere."""
_LEAST_BOX = 0.02


class SmartSelect(Idle):
    """Drag a box first; then strokes correct: plain ones are object, Ctrl ones are not. Enter takes, Esc drops."""

    name = "Smart select"

    def __init__(self) -> None:
        self._corner: ScreenPoint | None = None
        self._at: ScreenPoint = (0.0, 0.0)
        self._box: FloatArray | None = None
        self._strokes: list[tuple[FloatArray, bool]] = []
        """In the order in which they were drawn, true beside the object: the last one is taken back first."""
        self._line: list[Direction] = []
        self._is_outside = False
        self._found: RingMask | None = None
        self.revision = 0
        """Grows with every hint: what was cut out for an older one is stale."""

    @property
    def is_busy(self) -> bool:
        """Something has been said about an object."""
        return self._box is not None or bool(self._inside or self._line) or self._corner is not None

    @property
    def _inside(self) -> list[FloatArray]:
        return [line for line, is_outside in self._strokes if not is_outside]

    @property
    def _outside(self) -> list[FloatArray]:
        return [line for line, is_outside in self._strokes if is_outside]

    def hints(self, easel: Easel) -> Hints | None:
        """What is to be cut out; None before anything was said."""
        if self._box is None and not self._inside:
            return None
        height, width = easel.sketch.shape
        area = None if self._box is None else polygon(self._box, width=width, height=height)
        return Hints(tuple(self._inside), tuple(self._outside), area, stroke_rad=STROKE_RAD)

    def show(self, found: RingMask | None, easel: Easel, *, revision: int) -> None:
        """What the worker found, if nothing was said since."""
        if revision != self.revision or not self.is_busy:
            return
        self._found = found
        easel.sketch.cancel()
        if found is not None:
            easel.sketch.show(
                paint(
                    easel.labels,
                    found,
                    object_id=easel.object_id,
                    protection=easel.sketch.protection,
                    preserve_others=easel.preserve_others,
                )
            )

    def press(self, touch: Touch, easel: Easel) -> None:
        """A box, or a stroke once there is one (or with Shift)."""
        if self._box is None and not touch.inverted and not touch.added and not self._inside:
            self._corner = self._at = touch.screen
            return
        self._is_outside = touch.inverted
        self._line = [] if touch.direction is None else [touch.direction]

    def move(self, touch: Touch, easel: Easel) -> None:
        """It goes on."""
        if self._corner is not None:
            self._at = touch.screen
        elif touch.direction is not None:
            self._line.append(touch.direction)

    def release(self, touch: Touch, easel: Easel) -> None:
        """It is said."""
        self.move(touch, easel)
        if self._corner is not None:
            box = self._outline(easel)
            self._corner = None
            if box is None:
                return
            self._box = box
        elif self._line:
            self._strokes.append((np.asarray(self._line, np.float64), self._is_outside))
            self._line = []
        self.revision += 1

    def finish(self, easel: Easel) -> Finished | None:
        """Take what is shown."""
        finished = done(easel, "Smart select") if self._found is not None else None
        self._forget()
        return finished

    def step_back(self, easel: Easel) -> None:
        """Without the last stroke, at last without the box."""
        if self._strokes:
            self._strokes.pop()
        else:
            self._box = None
        self.revision += 1
        if not self.is_busy:
            self.cancel(easel)

    def cancel(self, easel: Easel) -> None:
        """Nothing was said."""
        self._forget()
        easel.sketch.cancel()

    def drawn(self, easel: Easel) -> Drawn:
        """The box and the strokes."""
        paths = []
        box = self._outline(easel) if self._corner is not None else self._box
        if box is not None:
            paths.append(Path(box, is_closed=True, is_dashed=True))
        paths += [Path(line, rgb=(0.4, 1.0, 0.5), width_px=2.5) for line in self._inside if len(line) > 1]
        paths += [Path(line, rgb=(1.0, 0.4, 0.4), width_px=2.5) for line in self._outside if len(line) > 1]
        if len(self._line) > 1:
            rgb = (1.0, 0.4, 0.4) if self._is_outside else (0.4, 1.0, 0.5)
            paths.append(Path(np.asarray(self._line), rgb=rgb, width_px=2.5))
        return Drawn(paths=tuple(paths), hint=self._hint())

    def _hint(self) -> str:
        if not self.is_busy:
            return "Drag a box around the object (Shift: a stroke on it)"
        return "Strokes add, Ctrl strokes take away · Enter takes it · Backspace takes one back · Esc drops it"

    def _outline(self, easel: Easel) -> FloatArray | None:
        """The box's outline on the sphere, its sides followed point by point; None where it is no box."""
        if self._corner is None:
            return None
        (x0, y0), (x1, y1) = self._corner, self._at
        if min(abs(x1 - x0), abs(y1 - y0)) < _LEAST_BOX:
            return None
        along = np.linspace(0.0, 1.0, _SIDE, endpoint=False)
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        screen = [
            (ax + (bx - ax) * float(t), ay + (by - ay) * float(t))
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
            for t in along
        ]
        seen = [easel.direction_of(point) for point in screen]
        points = [d for d in seen if d is not None]
        return np.asarray(points, np.float64) if len(points) == len(seen) else None

    def _forget(self) -> None:
        self._corner = self._box = self._found = None
        self._strokes, self._line = [], []
        self.revision += 1
