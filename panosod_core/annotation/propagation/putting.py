"""What carried masks would change in a frame: an edit that looks no further than the objects reach."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from panosod_core.annotation.edits import Edit, Origin, Protection, propose
from panosod_core.annotation.masks import LabelMap, RingBox, RingMask, check_object_id, object_mask


def put_carried(
    labels: LabelMap,
    masks: Mapping[int, RingMask | None],
    *,
    protection: Protection,
    origin: Origin,
    painted: Collection[int] | None = None,
) -> Edit:
    """Replace the masks of carried objects; they take background and each other's old pixels, nobody else's.

    Args:
        labels: (H, W) label map of the frame.
        masks: disjoint; None where an object was lost: its old mask goes.
        protection: what must not change.
        origin: who carried.
        painted: objects that the frame may hold already, so that others are not looked for; None: any.
    """
    width = labels.shape[1]
    box: RingBox | None = None
    for object_id, mask in masks.items():
        check_object_id(object_id)
        is_there = painted is None or object_id in painted
        old = object_mask(labels, object_id) if is_there else None
        for part in (mask, old):
            if part is not None:
                box = part.box if box is None else box.union(part.box, width)
    if box is None:
        return Edit(origin, None)
    there = box.read(labels)
    named = np.zeros(256, np.bool_)
    named[sorted(masks)] = True
    free = named[there] | (there == 0)
    wanted = np.where(named[there], np.uint8(0), there)
    canvas = np.zeros(labels.shape, np.uint8)  # touched only where masks are, unlike zeros_like
    for object_id, mask in masks.items():
        if mask is not None:
            mask.box.write_where(canvas, np.full(mask.bits.shape, object_id, np.uint8), mask.bits)
    new = box.read(canvas)
    wanted = np.where((new > 0) & free, new, wanted)
    return propose(labels, box, wanted, protection=protection, origin=origin)
