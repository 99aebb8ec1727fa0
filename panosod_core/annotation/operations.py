"""Operations on one object of a frame that are done at once: grow, shrink, smooth, fill, move, combine, take over.

Each gives an :class:`panosod_core.annotation.edits.Edit`, so protection is decided in one place, and undo is the
document's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.annotation.edits import BY_HAND, Edit, Origin, Protection, paint, propose, put_masks, relabel
from panosod_core.annotation.masks import BoolMask, LabelMap, RingMask, object_mask, objects_in
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions import morphology
from panosod_core.geometry.regions.parts import filled, largest_of, part_at
from panosod_core.geometry.regions.turning import turned_region

Change: TypeAlias = Callable[[RingMask, tuple[int, int]], RingMask | None]
"""An object's mask and the (H, W) of its sphere -> what it becomes, None for nothing."""


class Combination(StrEnum):
    """What becomes of an object and another mask."""

    REPLACE = "replace"
    UNION = "union"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"


def reshape(
    labels: LabelMap,
    object_id: int,
    change: Change,
    *,
    protection: Protection,
    preserve_others: bool = False,
    origin: Origin = BY_HAND,
) -> Edit:
    """Put a function of an object's mask in its place, at the cost of what the object is large.

    Args:
        labels: (H, W) label map.
        object_id: whose mask.
        change: what becomes of it.
        protection: what must not change.
        preserve_others: no other object's pixel is taken.
        origin: who asks.

    Raises:
        AnnotationError: the object is not in this frame.
    """
    height, width = labels.shape
    old = object_mask(labels, object_id)
    if old is None:
        raise AnnotationError(f"expected an object to change, object {object_id} is not in this frame: paint it first")
    new = change(old, (height, width))
    box = old.box if new is None else old.box.union(new.box, width)
    there = box.read(labels)
    is_own = there == object_id
    taken = np.zeros_like(is_own) if new is None else new.within(box, width)
    if preserve_others:
        taken &= (there == 0) | is_own
    changed = RingMask(box, taken != is_own).trimmed(width)
    if changed is None:
        return Edit(origin)
    # Where only the ends of a wide object change, the smallest box may go through the gap between them, outside `box`.
    before = changed.box.read(labels)
    flipped = np.where(before == object_id, np.uint8(0), np.uint8(object_id))
    wanted = np.where(changed.bits, flipped, before)
    return propose(labels, changed.box, wanted, protection=protection, origin=origin)


def grow(radius_rad: float) -> Change:
    """For :func:`reshape`: all within an angle."""
    return lambda mask, shape: morphology.grown(mask, radius_rad, shape)


def shrink(radius_rad: float) -> Change:
    """For :func:`reshape`: without all that lies within an angle of its outline."""
    return lambda mask, shape: morphology.shrunk(mask, radius_rad, shape)


def smooth(radius_rad: float) -> Change:
    """For :func:`reshape`: without bumps and notches smaller than an angle."""
    return lambda mask, shape: morphology.smoothed(mask, radius_rad, shape)


def keep_largest(mask: RingMask, shape: tuple[int, int]) -> RingMask:
    """For :func:`reshape`: only the part with the largest solid angle."""
    return largest_of(mask, shape)


def without_holes(mask: RingMask, shape: tuple[int, int]) -> RingMask:
    """For :func:`reshape`: with all that it surrounds."""
    return filled(mask, shape)


def move(R_new_old: ArrayLike) -> Change:  # noqa: N803 - rotations are named by their frames
    """For :func:`reshape`: turned over the sphere."""
    return lambda mask, shape: turned_region(mask, R_new_old, width=shape[1], height=shape[0])


def combine(other: RingMask | None, how: Combination) -> Change:
    """For :func:`reshape`: together with another mask: another object's, a neighbour frame's, the model's.

    Args:
        other: the other mask, None where it is empty.
        how: what to do.
    """

    def combining(mask: RingMask, shape: tuple[int, int]) -> RingMask | None:
        if other is None:
            return mask if how in (Combination.UNION, Combination.SUBTRACT) else None
        box = mask.box.union(other.box, shape[1])
        return RingMask(box, _combined(mask.within(box, shape[1]), other.within(box, shape[1]), how))

    return combining


def _combined(mask: BoolMask, other: BoolMask, how: Combination) -> BoolMask:
    if how is Combination.UNION:
        return mask | other
    if how is Combination.SUBTRACT:
        return mask & ~other
    if how is Combination.INTERSECT:
        return mask & other
    return other.copy()


def take_mask(
    labels: LabelMap,
    object_id: int,
    mask: NDArray[np.generic],
    how: Combination,
    *,
    protection: Protection,
    within: RingMask | None = None,
    part: tuple[int, int] | None = None,
    preserve_others: bool = False,
    origin: Origin = BY_HAND,
) -> Edit:
    """Take a mask that comes from elsewhere (the model's, say) for an object that may not be there yet.

    Args:
        labels: (H, W) label map.
        object_id: who gets it.
        mask: (H, W), not 0 inside.
        how: replacing what the object has, or combined with it.
        protection: what must not change.
        within: only this region counts, in what is taken and in what is replaced.
        part: (row, column): only the connected part there.
        preserve_others: no other object's pixel is taken.
        origin: who made the mask. A person who accepts a model's mask by hand is still its user: pass the model's
            origin, and consent where it was given.

    Raises:
        AnnotationError: there is nothing to take.
    """
    shape = (labels.shape[0], labels.shape[1])
    chosen: BoolMask = np.asarray(mask != 0)
    if part is not None:
        chosen = part_at(chosen, *part)
    region = None if within is None else within.full(shape)
    if region is not None:
        chosen = chosen & region
    if not chosen.any() and how in (Combination.REPLACE, Combination.UNION):
        raise AnnotationError("there is nothing to take here: the mask is empty at this place")
    old = labels == object_id
    new = _combined(old, chosen, how)
    if region is not None:
        new = np.where(region, new, old)
    if part is not None and how is Combination.REPLACE:
        new = new | old  # a part is added to what is there; only a whole mask replaces it
    if preserve_others:
        new = new & ((labels == 0) | old)
    return put_masks(labels, {object_id: RingMask.of(new)}, protection=protection, origin=origin)


def take_frame(
    labels: LabelMap,
    other: LabelMap,
    *,
    protection: Protection,
    ids: tuple[int, ...] = (),
    origin: Origin = BY_HAND,
) -> Edit:
    """Take objects' masks from another frame.

    Args:
        labels: (H, W) label map of this frame.
        other: (H, W) label map of that frame.
        protection: what must not change.
        ids: of the objects; empty: all that the other frame holds.
        origin: who asks.

    Raises:
        AnnotationError: the other frame holds none of them.
    """
    wanted = ids or objects_in(other)
    masks: Mapping[int, RingMask | None] = {i: RingMask.of(other == i) for i in wanted}
    if not any(mask is not None for mask in masks.values()):
        raise AnnotationError("that frame holds none of these objects: there is nothing to take")
    return put_masks(labels, masks, protection=protection, origin=origin)


def fill(
    labels: LabelMap,
    row: int,
    column: int,
    *,
    object_id: int,
    protection: Protection,
    preserve_others: bool = False,
    origin: Origin = BY_HAND,
) -> Edit:
    """Give an object the connected area of equal label around a pixel: a hole, or another object's part.

    Raises:
        AnnotationError: it would be half the sphere or more: no outline holds it.
    """
    area = part_at(labels == labels[row, column % labels.shape[1]], row, column)
    region = RingMask.of(area)
    if region is None:
        raise AssertionError("a pixel belongs to its own area")
    if region.area_sr((labels.shape[0], labels.shape[1])) > 2 * np.pi and labels[row, column % labels.shape[1]] == 0:
        raise AnnotationError("there is no closed outline around this place: close it first, then fill")
    return paint(
        labels, region, object_id=object_id, protection=protection, preserve_others=preserve_others, origin=origin
    )


def delete(labels: LabelMap, object_id: int, *, protection: Protection, origin: Origin = BY_HAND) -> Edit:
    """Take an object out of the frame."""
    return relabel(labels, {object_id: 0}, protection=protection, origin=origin)
