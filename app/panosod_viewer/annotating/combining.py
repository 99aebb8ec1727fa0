"""The masks that the selected object can be combined with in the frame at hand."""

from __future__ import annotations

from panosod_core.annotation.edits import BY_HAND, Origin
from panosod_core.annotation.masks import RingMask, object_mask
from panosod_core.annotation.records import FrameKey, Source
from panosod_core.errors import AnnotationError, ProjectError
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.painter import Painter
from panosod_viewer.tools.combining import OF_ONE_FRAME, Choice, Operand, OperandKind, refusals, refused
from panosod_viewer.tools.model_mask import model_mask
from panosod_viewer.tools.tool import Easel

NO_MAP = "The model has not looked at this frame yet: wait for it, or press P"


class Operands:
    """Looks them up when they are asked for."""

    def __init__(self, desk: AnnotationDesk, painter: Painter) -> None:
        self._desk = desk
        self._painter = painter

    def choices(self) -> list[Choice]:
        """All that there could be, those that are not possible with the reason; [] where no object of it is here."""
        easel, document, key = self._painter.easel(), self._desk.document, self._desk.key
        if easel is None or document is None or key is None or not self._desk.selected:
            return []
        mask = object_mask(easel.labels, easel.object_id)
        if mask is None:
            return []
        here = document.heads(key)
        others = [o for o in self._desk.objects() if o.id != easel.object_id and o.id in here]
        objects = [self._of_object(o.id, o.name, easel) for o in others]
        return objects + [self._of_mask(Operand(kind), mask, easel) for kind in list(OperandKind)[1:]]

    def mask(self, operand: Operand, easel: Easel) -> RingMask:
        """The other mask, of the size of the frame's label map.

        Raises:
            AnnotationError: there is none, or it is empty.
        """
        kind = operand.kind
        if kind is OperandKind.OBJECT:
            found, reason = object_mask(easel.labels, operand.object_id), "That object is not in this frame"
        elif kind is OperandKind.MODEL:
            if easel.saliency is None:
                raise AnnotationError(NO_MAP)
            found, reason = RingMask.of(model_mask(easel)), "The model's mask of this frame is empty"
        else:
            frame = self.frame_of(kind, easel.object_id)
            document = self._desk.document
            found = None if frame is None or document is None else document.mask(frame, easel.object_id)
            reason = f"No frame {kind.value} this one has a mask of it"
        if found is None:
            raise AnnotationError(reason)
        return found

    def frame_of(self, kind: OperandKind, object_id: int) -> FrameKey | None:
        """The nearest frame before or after with a mask of an object.

        Raises:
            ProjectError: a mask cannot be read.
        """
        document, key = self._desk.document, self._desk.key
        if document is None or key is None:
            return None
        keys = [row.key for row in document.frames(key.clip)]
        is_before = kind is OperandKind.BEFORE
        around = [k for k in reversed(keys) if k.pts < key.pts] if is_before else [k for k in keys if k.pts > key.pts]
        return next((k for k in around if document.mask(k, object_id) is not None), None)

    def words(self, operand: Operand, object_id: int) -> str:
        """What a menu and the list of steps call it."""
        if operand.kind is OperandKind.OBJECT:
            info = self._desk.object_of(operand.object_id)
            return f"object {operand.object_id}" if info is None else info.name
        if operand.kind is OperandKind.MODEL:
            return "the model's mask"
        frame = self.frame_of(operand.kind, object_id)
        return f"itself in a frame {operand.kind.value}" if frame is None else f"itself in frame {frame.index}"

    @staticmethod
    def origin(operand: Operand, easel: Easel) -> Origin:
        """Who makes the mask: what comes from the model stays the model's."""
        return Origin(Source.MODEL, model_id=easel.model_id) if operand.kind is OperandKind.MODEL else BY_HAND

    # --- why not

    def _of_object(self, object_id: int, name: str, easel: Easel) -> Choice:
        operand = Operand(OperandKind.OBJECT, object_id)
        is_locked = object_id in easel.sketch.protection.locked
        why = self._guarded(operand, easel) or (f"{name} is locked: unlock it first" if is_locked else "")
        return Choice(operand, f"{object_id}  {name}", refused(why) if why else OF_ONE_FRAME)

    def _of_mask(self, operand: Operand, mask: RingMask, easel: Easel) -> Choice:
        words = ""
        try:
            words = self.words(operand, easel.object_id)
            why = self._guarded(operand, easel)
            if why:
                return Choice(operand, words, refused(why))
            other = self.mask(operand, easel)
        except (AnnotationError, ProjectError) as error:
            return Choice(operand, words or f"itself in a frame {operand.kind.value}", refused(str(error)))
        return Choice(operand, words, refusals(mask, other, ring_width=easel.sketch.shape[1]))

    def _guarded(self, operand: Operand, easel: Easel) -> str:
        """Why the object may not change, "" where it may."""
        guarded = easel.sketch.protection
        if guarded.frame_locked or easel.object_id in guarded.locked:
            return "It is locked: unlock it first"
        held = guarded.held(self.origin(operand, easel).source, consent=False)
        if held is None or easel.object_id in held:
            return "It is accepted: the model changes no mask that a person has accepted"
        return ""
