"""What carried masks would change in a frame: an edit that looks no further than the objects reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from panosod_core.annotation.edits import Edit, Origin, Patch, Protection, propose_in
from panosod_core.annotation.masks import LabelMap, RingBox, RingMask, check_object_id


def put_carried(
    read: Callable[[RingBox], LabelMap],
    masks: Mapping[int, RingMask | None],
    *,
    old: Mapping[int, RingMask | None],
    ring_width: int,
    protection: Protection,
    origin: Origin,
) -> Edit:
    """Replace the masks of carried objects; they take background and each other's old pixels, nobody else's.

    Objects far apart are patches apart: six small ones about a sphere cost what they cost, not the whole picture.

    Args:
        read: gives the labels of a box of the frame.
        masks: disjoint; None where an object was lost: its old mask goes.
        old: masks that these objects have in the frame.
        ring_width: of the frame's label map.
        protection: what must not change.
        origin: who carried.
    """
    boxes: dict[int, RingBox] = {}
    for object_id, mask in masks.items():
        check_object_id(object_id)
        for part in (mask, old.get(object_id)):
            if part is not None:
                has = boxes.get(object_id)
                boxes[object_id] = part.box if has is None else has.union(part.box, ring_width)
    patches: list[Patch] = []
    refused = 0
    for box, ids in _together(boxes, ring_width):
        there = read(box)
        wanted = _wanted(there, box, {i: masks[i] for i in ids}, ring_width)
        edit = propose_in(box, there, wanted, ring_width=ring_width, protection=protection, origin=origin)
        patches += edit.patches
        refused += edit.refused_px
    return Edit(origin, tuple(patches), refused)


def _together(boxes: Mapping[int, RingBox], ring_width: int) -> list[tuple[RingBox, list[int]]]:
    """Boxes that meet as one, with the objects in it."""
    groups: list[tuple[RingBox, list[int]]] = []
    for object_id, own in boxes.items():
        box, ids = own, [object_id]
        while met := next((g for g in groups if g[0].meets(box, ring_width)), None):
            groups.remove(met)
            box, ids = box.union(met[0], ring_width), met[1] + ids
        groups.append((box, ids))
    return groups


def _wanted(there: LabelMap, box: RingBox, masks: Mapping[int, RingMask | None], ring_width: int) -> LabelMap:
    named = np.zeros(256, np.bool_)
    named[sorted(masks)] = True
    is_own = named[there]
    is_free = is_own | (there == 0)
    wanted = np.where(is_own, np.uint8(0), there)
    for object_id, mask in masks.items():
        if mask is not None:
            wanted[mask.within(box, ring_width) & is_free] = object_id
    return wanted
