"""Which object a file's shape is: the same one in every frame, with an id that a label map can hold.

Other programs number tracks, groups or nothing at all. A number holds through the clip; shapes without one are told
apart by their class and their order among those of the class in the frame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from panosod_core.annotation.masks import MAX_OBJECT
from panosod_core.annotation.records import ObjectInfo
from panosod_core.errors import AnnotationError

_LISTED = 5


@dataclass(frozen=True)
class Mark:
    """What a file says about one shape of one frame.

    Attributes:
        label: class or name; "" where it says none.
        track: what is the same for all shapes of an object; None where the file has no numbers.
        number: the id that it would like, None where any will do.
        info: all that is known of the object, where the file says it.
    """

    label: str
    track: Hashable | None = None
    number: int | None = None
    info: ObjectInfo | None = None


@dataclass(frozen=True)
class Identified:
    """Ids for a clip's shapes.

    Attributes:
        ids: a frame's ids in the order of its shapes, frame by frame.
        objects: what they mean, ascending.
        notes: what a person should know about how they were found.
    """

    ids: tuple[tuple[int, ...], ...]
    objects: tuple[ObjectInfo, ...]
    notes: tuple[str, ...]


def tracked(value: object) -> tuple[str, int | None]:
    """A file's track (a number or a text) as a key, and as the id that it would like where it is a whole number.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"a track is a number or a text, got {value!r}")
    text = str(value)
    return text, int(text) if re.fullmatch(r"-?\d{1,18}", text) else None


def identify(frames: Sequence[Sequence[Mark]], *, where: str, known: Sequence[ObjectInfo] = ()) -> Identified:
    """Give every shape the id of its object.

    Numbers from 1 to 254 stay as they are; others, and those that two objects want, become free ones.

    Args:
        frames: the marks of each frame's shapes.
        where: the file, for messages.
        known: objects that the file lists beside its shapes; their ids are nobody else's.

    Raises:
        AnnotationError: there are more than 254 objects.
    """
    keys: list[list[Hashable]] = []
    first: dict[Hashable, tuple[Mark, int]] = {}
    is_ordered = False
    for marks in frames:
        seen: Counter[str] = Counter()
        row: list[Hashable] = []
        for mark in marks:
            if mark.track is None:
                seen[mark.label] += 1
                is_ordered |= seen[mark.label] > 1
            row.append(("order", mark.label, seen[mark.label]) if mark.track is None else ("track", mark.track))
            first.setdefault(row[-1], (mark, seen[mark.label]))
        keys.append(row)
    given: dict[Hashable, int] = {}
    for key, (mark, _) in first.items():
        number = mark.number
        if number is not None and 1 <= number <= MAX_OBJECT and number not in given.values():
            given[key] = number
    taken = {*given.values(), *(info.id for info in known)}
    free = (i for i in range(1, MAX_OBJECT + 1) if i not in taken)
    changed = []
    for key, (mark, _) in first.items():
        if key in given:
            continue
        given[key] = next(free, 0)
        if not given[key]:
            raise AnnotationError(f"{where}: more than {MAX_OBJECT} objects in a clip: a label map cannot hold them")
        if mark.number is not None:
            whose = f" ({mark.label})" if mark.label else ""
            changed.append(f"{mark.number}{whose} is {given[key]}")
    objects = {info.id: info for info in known}
    for key, (mark, place) in first.items():
        objects[given[key]] = _info(mark, place, given[key])
    notes = []
    if changed:
        more = ", …" if len(changed) > _LISTED else ""
        notes.append(f"ids outside 1 to {MAX_OBJECT} or used twice were changed: {', '.join(changed[:_LISTED])}{more}")
    if is_ordered:
        notes.append("objects of one class without numbers were told apart by their order in the frame: check them")
    ids = tuple(tuple(given[key] for key in row) for row in keys)
    return Identified(ids, tuple(o for _, o in sorted(objects.items())), tuple(notes))


def _info(mark: Mark, place: int, object_id: int) -> ObjectInfo:
    if mark.info is not None and mark.info.id == object_id:
        return mark.info
    if not mark.label:
        return ObjectInfo(object_id, f"object {object_id}")
    number = place if mark.track is None else object_id if mark.number is None else mark.number
    is_alone = mark.track is None and place == 1
    return ObjectInfo(object_id, mark.label if is_alone else f"{mark.label} {number}", mark.label)
