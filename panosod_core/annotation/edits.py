"""Edits of one frame's label map as pure functions: what is there, what shall be, and what may be.

Every function takes a label map and gives an :class:`Edit`; nothing is changed in place. All of them end in
:func:`guard`, the one place that decides which pixels may change:

- a locked object neither loses nor gains a pixel, a locked frame changes nothing, whoever asks;
- for a machine (model, propagation, import, merge) accepted masks and accepted frames are locked too, unless the
  person has consented to just that;
- a person's stroke may change accepted masks: they become drafts again.

Objects of a frame are disjoint because a label map can hold nothing else. Where masks that come in overlap, an order
of priority is stated by the caller, and the overlap is counted in the edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from panosod_core.annotation.masks import (
    BoolMask,
    LabelMap,
    RingBox,
    RingMask,
    check_object_id,
    difference_box,
    objects_in,
)
from panosod_core.annotation.records import Source


@dataclass(frozen=True)
class Protection:
    """What must not change in a frame.

    Attributes:
        locked: objects that are locked, in this frame or through the clip.
        accepted: objects whose mask is accepted.
        frame_locked: the whole frame is locked.
        frame_accepted: the whole frame is accepted: its background, too, is somebody's word.
    """

    locked: frozenset[int] = frozenset()
    accepted: frozenset[int] = frozenset()
    frame_locked: bool = False
    frame_accepted: bool = False

    def held(self, source: Source, *, consent: bool) -> frozenset[int] | None:
        """Objects that this source may not touch; None where it may touch nothing at all."""
        shut = source.is_machine and not consent
        if self.frame_locked or (self.frame_accepted and shut):
            return None
        return self.locked | (self.accepted if shut else frozenset())


@dataclass(frozen=True)
class Origin:
    """Who edits.

    Attributes:
        source: a person, the model, propagation or an import (a merge is an import).
        model_id: which model, where it was one.
        consent: the person has said in so many words that accepted masks may be replaced.
        author: who made the masks, where it was not the person who sits here.
    """

    source: Source = Source.MANUAL
    model_id: str | None = None
    consent: bool = False
    author: str | None = None


BY_HAND = Origin()


@dataclass(frozen=True, eq=False)
class Patch:
    """The pixels that an edit changes, as a rectangle on the ring.

    Attributes:
        box: where.
        before, after: (box.height, box.width) uint8 labels.
    """

    box: RingBox
    before: LabelMap
    after: LabelMap

    @cached_property
    def objects(self) -> tuple[int, ...]:
        """Ids of which pixels are lost or gained, ascending."""
        changed = self.before != self.after
        return tuple(sorted({*objects_in(self.before[changed]), *objects_in(self.after[changed])}))

    def of_object(self, object_id: int, ring_width: int) -> tuple[RingBox, BoolMask]:
        """The part of one object after the edit: an array of its own, no larger than where the object was and is.

        Args:
            object_id: one of :attr:`objects`.
            ring_width: of the label map.
        """
        held = (self.before == object_id) | (self.after == object_id)
        rows, columns = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
        bits = self.after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == object_id
        x, y = (self.box.x + int(columns[0])) % ring_width, self.box.y + int(rows[0])
        return RingBox(x, y, bits.shape[1], bits.shape[0]), bits

    def turned(self) -> Patch:
        """The patch that takes this one back."""
        return Patch(self.box, self.after, self.before)


@dataclass(frozen=True, eq=False)
class Edit:
    """What an operation would change in a frame, and what it was not allowed to.

    Attributes:
        origin: who edits.
        patches: the pixels; boxes that do not meet, and no object in two of them; () where nothing changes.
        refused_px: pixels that were wanted and are protected.
        overlaps: pixels wanted by two incoming masks: (winner, loser) -> count.
    """

    origin: Origin
    patches: tuple[Patch, ...] = ()
    refused_px: int = 0
    overlaps: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not self.patches

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of which pixels are lost or gained, ascending."""
        return tuple(sorted({i for patch in self.patches for i in patch.objects}))

    def box(self, ring_width: int) -> RingBox | None:
        """The box that holds all that changes; None where nothing does."""
        whole: RingBox | None = None
        for patch in self.patches:
            whole = patch.box if whole is None else whole.union(patch.box, ring_width)
        return whole

    def applied(self, labels: LabelMap) -> LabelMap:
        """A new label map with the edit done."""
        result = labels.copy()
        for patch in self.patches:
            patch.box.write(result, patch.after)
        return result


def guard(before: LabelMap, wanted: LabelMap, protection: Protection, origin: Origin) -> LabelMap:
    """What may become of pixels: the one place where protection is decided.

    Args:
        before: labels as they are, any shape.
        wanted: labels as they shall be, same shape.
        protection: what must not change.
        origin: who asks.

    Returns:
        ``wanted`` where it is allowed, ``before`` elsewhere.
    """
    held = protection.held(origin.source, consent=origin.consent)
    if held is None:
        return before.copy()
    if not held:
        return wanted
    is_held = np.zeros(256, np.bool_)
    is_held[sorted(held)] = True
    return np.where(is_held[before] | is_held[wanted], before, wanted)


def propose(labels: LabelMap, box: RingBox, wanted: LabelMap, *, protection: Protection, origin: Origin) -> Edit:
    """The edit that makes a box of a label map what is wanted, as far as allowed.

    Args:
        labels: (H, W) label map.
        box: where.
        wanted: (box.height, box.width) uint8.
        protection: what must not change.
        origin: who asks.
    """
    before = box.read(labels)
    return propose_in(box, before, wanted, ring_width=labels.shape[1], protection=protection, origin=origin)


def propose_in(
    box: RingBox, before: LabelMap, wanted: LabelMap, *, ring_width: int, protection: Protection, origin: Origin
) -> Edit:
    """As :func:`propose`, where only the box is at hand.

    Args:
        box: where.
        before: (box.height, box.width) uint8, as it is.
        wanted: same shape.
        ring_width: of the label map.
        protection: what must not change.
        origin: who asks.
    """
    allowed = guard(before, wanted, protection, origin)
    refused = int(np.count_nonzero(allowed != wanted))
    changed = before != allowed
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return Edit(origin, (), refused)
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    small = before[part]
    x, y = (box.x + int(columns[0])) % ring_width, box.y + int(rows[0])
    patch = Patch(RingBox(x, y, small.shape[1], small.shape[0]), small, allowed[part])
    return Edit(origin, (patch,), refused)


def paint(
    labels: LabelMap,
    region: RingMask,
    *,
    object_id: int,
    protection: Protection,
    preserve_others: bool = False,
    origin: Origin = BY_HAND,
) -> Edit:
    """Give a region to an object.

    Args:
        labels: (H, W) label map.
        region: where.
        object_id: who gets it.
        protection: what must not change.
        preserve_others: only background is taken, no other object's pixels.
        origin: who paints.
    """
    check_object_id(object_id)
    there = region.box.read(labels)
    taken = region.bits & ((there == 0) | (there == object_id)) if preserve_others else region.bits
    wanted = np.where(taken, np.uint8(object_id), there)
    return propose(labels, region.box, wanted, protection=protection, origin=origin)


def erase(
    labels: LabelMap,
    region: RingMask,
    *,
    object_id: int | None,
    protection: Protection,
    origin: Origin = BY_HAND,
) -> Edit:
    """Take a region from one object, or from all where ``object_id`` is None."""
    there = region.box.read(labels)
    hit = region.bits if object_id is None else region.bits & (there == object_id)
    wanted = np.where(hit, np.uint8(0), there)
    return propose(labels, region.box, wanted, protection=protection, origin=origin)


def relabel(
    labels: LabelMap,
    ids: Mapping[int, int],
    *,
    protection: Protection,
    region: RingMask | None = None,
    origin: Origin = BY_HAND,
) -> Edit:
    """Give objects' pixels to other ids (0 = background): merge two, split off a region, delete one.

    Args:
        labels: (H, W) label map.
        ids: old id -> new id.
        protection: what must not change.
        region: only here; None = everywhere.
        origin: who asks.
    """
    table = np.arange(256, dtype=np.uint8)
    for old, new in ids.items():
        check_object_id(old)
        table[old] = new
    if region is None:
        hit = RingMask.of(np.isin(labels, sorted(ids)))
        if hit is None:
            return Edit(origin)
        region = RingMask(hit.box, np.ones_like(hit.bits))
    there = region.box.read(labels)
    wanted = np.where(region.bits, table[there], there)
    return propose(labels, region.box, wanted, protection=protection, origin=origin)


def put_masks(
    labels: LabelMap,
    masks: Mapping[int, RingMask | None],
    *,
    protection: Protection,
    origin: Origin,
    priority: Sequence[int] | None = None,
    keep_existing: bool = False,
    within: RingMask | None = None,
) -> Edit:
    """Replace the masks of some objects by others: from the model, propagation, a file, a neighbour frame.

    Args:
        labels: (H, W) label map.
        masks: new mask of each object named (None = it is absent); objects not named keep theirs where nobody takes it.
        protection: what must not change.
        origin: who made the masks.
        priority: ids, first wins where incoming masks overlap; by default the lower id wins.
        keep_existing: nothing that is there is replaced: only background is filled (an import does this).
        within: only pixels of this region change; None = everywhere.
    """
    order = list(priority) if priority is not None else sorted(masks)
    if sorted(order) != sorted(masks):
        raise ValueError("the priority must name each incoming object once")
    incoming = np.zeros_like(labels)
    overlaps: dict[tuple[int, int], int] = {}
    for object_id in order:
        check_object_id(object_id)
        mask = masks[object_id]
        if mask is None:
            continue
        there = mask.box.read(incoming)
        for winner in objects_in(there[mask.bits]):
            overlaps[winner, object_id] = int(np.count_nonzero(there[mask.bits] == winner))
        there[mask.bits & (there == 0)] = object_id
        mask.box.write(incoming, there)
    if keep_existing:
        wanted = np.where(labels == 0, incoming, labels)
    else:
        named = np.zeros(256, np.bool_)
        named[order] = True
        wanted = np.where(incoming > 0, incoming, np.where(named[labels], np.uint8(0), labels))
    if within is not None:
        inside = within.full((labels.shape[0], labels.shape[1]))
        wanted = np.where(inside, wanted, labels)
    return replace(put_labels(labels, wanted, protection=protection, origin=origin), overlaps=overlaps)


def put_labels(labels: LabelMap, wanted: LabelMap, *, protection: Protection, origin: Origin) -> Edit:
    """Make a whole frame what is wanted, as far as allowed; both (H, W) label maps."""
    if wanted.shape != labels.shape or wanted.dtype != np.uint8:
        raise ValueError(f"expected {labels.shape} uint8, got {wanted.shape} {wanted.dtype}")
    box = difference_box(labels, wanted)
    if box is None:
        return Edit(origin)
    return propose(labels, box, box.read(wanted), protection=protection, origin=origin)
