"""What the actions of the Object menu do to the selected object and the frame at hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal

from panosod_core.annotation.edits import Edit, Origin
from panosod_core.annotation.operations import (
    Change,
    Combination,
    combine,
    delete,
    grow,
    keep_largest,
    reshape,
    shrink,
    smooth,
    take_frame,
    take_mask,
    without_holes,
)
from panosod_core.annotation.records import FrameKey, Source
from panosod_core.errors import AnnotationError, ProjectError
from panosod_viewer.annotating.combining import Operands
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.painter import REFUSED, Painter
from panosod_viewer.annotating.showing import neighbours
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.tools.combining import COMBINATIONS, Operand, OperandKind
from panosod_viewer.tools.model_mask import model_mask
from panosod_viewer.tools.tool import Easel

STEP_RAD = math.radians(0.5)
WIDE_STEP_RAD = math.radians(2.0)


class ObjectCommands(QObject):
    """Each is one step of undo; what cannot be done is told.

    Attributes:
        operands: what the selected object can be combined with.

    Signals:
        notice (object): a Notice.
    """

    notice = Signal(object)

    def __init__(self, desk: AnnotationDesk, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._painter = painter
        self.operands = Operands(desk, painter)

    def by_id(self) -> dict[str, Callable[[], object]]:
        """By the ids of their actions."""
        return {
            "annotate.grow": partial(self._reshape, grow(STEP_RAD), "Grow by 0.5°"),
            "annotate.grow_more": partial(self._reshape, grow(WIDE_STEP_RAD), "Grow by 2°"),
            "annotate.shrink": partial(self._reshape, shrink(STEP_RAD), "Shrink by 0.5°"),
            "annotate.shrink_more": partial(self._reshape, shrink(WIDE_STEP_RAD), "Shrink by 2°"),
            "annotate.smooth": partial(self._reshape, smooth(STEP_RAD), "Smooth by 0.5°"),
            "annotate.smooth_more": partial(self._reshape, smooth(WIDE_STEP_RAD), "Smooth by 2°"),
            "annotate.fill_holes": partial(self._reshape, without_holes, "Fill holes"),
            "annotate.keep_largest": partial(self._reshape, keep_largest, "Keep the largest part"),
            "annotate.delete": self.delete_here,
            "annotate.model_whole": self.take_model,
            "annotate.from_previous": lambda: self.take_neighbour(before=True),
            "annotate.from_next": lambda: self.take_neighbour(before=False),
            "annotate.lock": self.toggle_lock,
            "annotate.lock_frame": self.toggle_frame_lock,
            "annotate.delete_object": self.delete_object,
        }

    # --- the selected object in the frame at hand

    def delete_here(self) -> None:
        """Take it out of the frame."""
        self._edit(
            lambda e: delete(e.labels, e.object_id, protection=e.sketch.protection),
            "Delete from the frame",
            takes_out=True,
        )

    def take_model(self) -> None:
        """The model's whole mask becomes the object."""
        if not self._desk.ensure_project() or not (self._desk.selected or self._desk.add_object()):
            return

        def taking(easel: Easel) -> Edit:
            return take_mask(
                easel.labels,
                easel.object_id,
                model_mask(easel),
                Combination.REPLACE,
                protection=easel.sketch.protection,
                preserve_others=easel.preserve_others,
                origin=Origin(Source.MODEL, model_id=easel.model_id),
            )

        self._edit(taking, "Take the model's mask")

    def combine_with(self, operand: Operand, how: Combination) -> None:
        """Together with another mask; another object stays as it is but for what goes over."""
        try:
            words = self.operands.words(operand, self._desk.selected)
        except ProjectError as error:
            self._say(str(error))
            return

        def combining(easel: Easel) -> Edit:
            return reshape(
                easel.labels,
                easel.object_id,
                combine(self.operands.mask(operand, easel), how),
                protection=easel.sketch.protection,
                preserve_others=easel.preserve_others and operand.kind is not OperandKind.OBJECT,
                origin=self.operands.origin(operand, easel),
            )

        self._edit(combining, f"{COMBINATIONS.get(how, how.value.capitalize())} {words}")

    def take_neighbour(self, *, before: bool) -> None:
        """The selected object's mask (all objects', where none is selected) from the nearest annotated frame."""
        key, document = self._desk.key, self._desk.document
        if key is None or document is None:
            self._say("There is no project with this clip yet: paint first")
            return
        other: FrameKey | None = neighbours(document, key)[0 if before else 1]
        if other is None:
            self._say(f"No frame {'before' if before else 'after'} this one has a mask")
            return
        try:
            there = document.labels(other)
        except ProjectError as error:
            self._say(str(error))
            return
        ids = (self._desk.selected,) if self._desk.selected and (there == self._desk.selected).any() else ()
        self._edit(
            lambda e: take_frame(e.labels, there, protection=e.sketch.protection, ids=ids),
            f"Take from frame {other.index}",
        )

    def _reshape(self, change: Change, title: str) -> None:
        def changing(easel: Easel) -> Edit:
            return reshape(
                easel.labels,
                easel.object_id,
                change,
                protection=easel.sketch.protection,
                preserve_others=easel.preserve_others,
            )

        self._edit(changing, title)

    def _edit(self, making: Callable[[Easel], Edit], title: str, *, takes_out: bool = False) -> None:
        """Make an edit and do it; that nothing is left of the object is told unless it was to be taken out."""
        self._painter.cancel()
        easel = self._painter.easel()
        if easel is None or not self._desk.selected:
            self._say("Select an object first")
            return
        was_here = bool((easel.labels == easel.object_id).any())
        try:
            edit = making(easel)
        except (AnnotationError, ProjectError) as error:
            self._say(str(error))
            return
        if edit.is_empty:
            self._say(f"{title}: nothing to change" + self._why_not(easel))
            return
        done = self._desk.apply(edit, title, time_spent_s=self._painter.time_spent_s())
        if done and was_here and not takes_out and not (easel.labels == easel.object_id).any():
            self._say(f"{title}: nothing is left of the object in this frame. Undo brings it back")

    def _why_not(self, easel: Easel) -> str:
        guarded = easel.sketch.protection
        is_locked = guarded.frame_locked or easel.object_id in guarded.locked
        return ", it is locked" if is_locked else ""

    # --- the object itself

    def toggle_lock(self) -> None:
        """Lock it in all frames, or unlock it."""
        info = self._desk.object_of(self._desk.selected)
        if info is None:
            self._say("Select an object first")
            return
        self._desk.change_object(info.id, locked=not info.locked)

    def toggle_frame_lock(self) -> None:
        """Lock the frame at hand, so that no mask in it can change, or unlock it."""
        key = self._desk.key if self._desk.ensure_project() else None
        if key is None:
            return
        on = not self._desk.is_frame_locked
        if self._desk.act(lambda d: d.set_lock(key, locked=on)):
            self._say(f"Frame {key.index} is locked: no mask in it can change" if on else f"Frame {key.index} is free")

    def delete_object(self, object_id: int | None = None) -> None:
        """Delete it with its masks in all frames."""
        clip, number = self._desk.clip, object_id or self._desk.selected
        if clip is None or not number:
            self._say("Select an object first")
            return
        self._desk.act(lambda d: d.delete_object(clip.id, number))

    def select_number(self, number: int) -> None:
        """Select an object by its number."""
        if self._desk.object_of(number) is None:
            self._say(f"There is no object {number}: the list of objects can add one")
            return
        self._desk.select(number)

    def _say(self, text: str) -> None:
        self.notice.emit(Notice(text, Severity.INFO, key=REFUSED, seconds=5.0))
