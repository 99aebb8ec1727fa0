"""The label map on the easel: what the document holds, and over it what a tool is about to do. No Qt.

A tool paints tentatively; the pixels are on the screen at once, since only rectangles of them are handed on. When it
is done, the difference to the document is one edit; when it is cancelled, nothing has happened.
"""

from __future__ import annotations

import numpy as np

from panosod_core.annotation.edits import BY_HAND, Edit, Origin, Protection, guard, propose
from panosod_core.annotation.masks import LabelMap, RingBox, RingMask
from panosod_viewer.overlays import LabelCanvas, LabelImage


class Sketch:
    """One frame's labels being edited.

    Attributes:
        labels: (H, W) uint8 of the document, a view that follows its edits; not changed here.
        protection: what must not change.
    """

    def __init__(self, labels: LabelMap, protection: Protection) -> None:
        self.labels = labels
        self.protection = protection
        self._canvas = LabelCanvas(np.array(labels, np.uint8, order="C"))
        self._changed: RingBox | None = None
        self._origin = BY_HAND

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def is_tentative(self) -> bool:
        """Something is painted that the document does not hold."""
        return self._changed is not None

    def image(self) -> LabelImage:
        """What is to be drawn."""
        return self._canvas.image()

    def label_at(self, row: int, column: int) -> int:
        """The object under a pixel as it is drawn; 0 for none."""
        return int(self._canvas.labels[row, column % self.shape[1]])

    def paint(self, region: RingMask, value: int, *, over: int | None = None, preserve_others: bool = False) -> None:
        """Paint a region tentatively.

        Args:
            region: where.
            value: object id, 0 erases.
            over: only pixels of this object (an eraser of one object); None: of any.
            preserve_others: only background and the object's own pixels.
        """
        box = region.box
        there = box.read(self._canvas.labels)
        before = box.read(self.labels)
        where = region.bits
        if over is not None:
            where = where & (there == over)
        if preserve_others:
            where = where & ((before == 0) | (before == value))
        wanted = np.where(where, np.uint8(value), there)
        self._put(box, guard(before, wanted, self.protection, self._origin))

    def show(self, edit: Edit | None) -> None:
        """Show an edit of the document's labels instead of what was tentative; None shows the document."""
        self.cancel()
        if edit is not None and not edit.is_empty:
            for patch in edit.patches:
                self._put(patch.box, patch.after)
            self._origin = edit.origin

    def take(self, *, origin: Origin = BY_HAND) -> Edit | None:
        """The edit that makes the document what is drawn; None where they are equal. It stays drawn."""
        box, self._changed = self._changed, None
        self._origin = BY_HAND
        if box is None:
            return None
        edit = propose(self.labels, box, box.read(self._canvas.labels), protection=self.protection, origin=origin)
        return None if edit.is_empty else edit

    def cancel(self) -> None:
        """Draw the document's labels again."""
        box, self._changed = self._changed, None
        self._origin = BY_HAND
        if box is not None:
            box.write(self._canvas.labels, box.read(self.labels))
            self._touch(box)

    def follow(self, box: RingBox | None, protection: Protection) -> None:
        """The document has changed within a box (None: anywhere); what was tentative is dropped."""
        self.protection = protection
        self.cancel()
        if box is None:
            np.copyto(self._canvas.labels, self.labels)
            self._canvas.touch_all()
        else:
            box.write(self._canvas.labels, box.read(self.labels))
            self._touch(box)

    def _put(self, box: RingBox, values: LabelMap) -> None:
        box.write(self._canvas.labels, values)
        self._changed = box if self._changed is None else self._changed.union(box, self.shape[1])
        self._touch(box)

    def _touch(self, box: RingBox) -> None:
        self._canvas.touch((box.x, box.y, box.x + box.width, box.y + box.height))
