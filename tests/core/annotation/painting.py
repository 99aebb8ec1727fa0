"""What the tests of projects share: a small clip, keys of its frames, masks to paint with."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Origin, paint
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey, NewClip, ObjectInfo, Source

SHAPE = (8, 16)
MODEL = Origin(Source.MODEL, model_id="weights-1")
PROPAGATED = Origin(Source.PROPAGATED)
IMPORTED = Origin(Source.IMPORTED)


def a_clip(path: str = "clip.mp4", content: str = "content", shape: tuple[int, int] = SHAPE) -> NewClip:
    return NewClip(path, content, shape[1], shape[0], 0, Fraction(1, 30), 100)


def a_project(path: Path, *, author: str = "ada", objects: int = 3) -> Document:
    """A new project with one clip and some objects."""
    document = Document.create(path, author=author, backup_every_s=None)
    clip = document.add_clip(a_clip())
    for i in range(1, objects + 1):
        document.put_object(clip.id, ObjectInfo(i, f"thing {i}"))
    return document


def key(index: int, *, clip: int = 1) -> FrameKey:
    """Frames three ticks apart, the first at tick 7."""
    return FrameKey(clip, 0, 7 + 3 * index, index)


def rectangle(x: int, y: int, width: int, height: int) -> RingMask:
    return RingMask(RingBox(x, y, width, height), np.ones((height, width), bool))


def stroke(document: Document, where: FrameKey, mask: RingMask, object_id: int, **options: object) -> bool:
    """Paint and say whether anything changed."""
    edit = paint(
        document.labels(where),
        mask,
        object_id=object_id,
        protection=document.protection(where),
        **options,  # type: ignore[arg-type]
    )
    return document.apply(where, edit, title="Paint") is not None


def state_of(document: Document, where: FrameKey) -> tuple[object, ...]:
    """All that undo has to bring back of a frame."""
    row = document.frame(where)
    heads = tuple((i, h.revision, h.state, h.source) for i, h in sorted(document.heads(where).items()))
    about = (row.state.value, row.locked, row.note) if row is not None else ("untouched", False, "")
    return document.labels(where).tobytes(), heads, about, document.locks(where)
