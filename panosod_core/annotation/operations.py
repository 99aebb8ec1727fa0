"""Operations on one object of a frame that are done at once: grow, shrink, smooth, fill, move, combine, take over.

Each gives an :class:`panosod_core.annotation.edits.Edit`, so protection is decided in one place, and undo is the
document's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.annotation.edits import BY_HAND, Edit, Origin, Protection, paint, put_masks, relabel
from panosod_core.annotation.masks import BoolMask, LabelMap, RingMask, objects_in
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions import morphology
from panosod_core.geometry.regions.parts import fill_holes, largest_part, part_at
from panosod_core.geometry.regions.turning import turned


class Combination(StrEnum):
    """What becomes of an object and another mask."""

    REPLACE = "replace"
    UNION = "union"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"


def reshape(
    labels: LabelMap,
    object_id: int,
    change: Callable[[BoolMask], BoolMask],
    *,
    protection: Protection,
    preserve_others: bool = False,
    origin: Origin = BY_HAND,
) -> Edit:
    """Put a function of an object's mask in its place.

    Args:
        labels: (H, W) label map.
        object_id: whose mask.
        change: (H, W) bool -> (H, W) bool.
        protection: what must not change.
        preserve_others: no other object's pixel is taken.
        origin: who asks.

    Raises:
        AnnotationError: the object is not in this frame.
    """
    mask = labels == object_id
    if not mask.any():
        raise AnnotationError(f"expected an object to change, object {object_id} is not in this frame: paint it first")
    new = change(mask)
    if preserve_others:
        new &= (labels == 0) | mask
    return put_masks(labels, {object_id: RingMask.of(new)}, protection=protection, origin=origin)


def grow(radius_rad: float) -> Callable[[BoolMask], BoolMask]:
    """For :func:`reshape`: all within an angle."""
    return lambda mask: morphology.grow(mask, radius_rad)


def shrink(radius_rad: float) -> Callable[[BoolMask], BoolMask]:
    """For :func:`reshape`: without all that lies within an angle of its outline."""
    return lambda mask: morphology.shrink(mask, radius_rad)


def smooth(radius_rad: float) -> Callable[[BoolMask], BoolMask]:
    """For :func:`reshape`: without bumps and notches smaller than an angle."""
    return lambda mask: morphology.smooth(mask, radius_rad)


def keep_largest(mask: BoolMask) -> BoolMask:
    """For :func:`reshape`: only the part with the largest solid angle."""
    return largest_part(mask)


def without_holes(mask: BoolMask) -> BoolMask:
    """For :func:`reshape`: with all that it surrounds."""
    return fill_holes(mask)


def move(R_new_old: ArrayLike) -> Callable[[BoolMask], BoolMask]:  # noqa: N803 - rotations are named by their frames
    """For :func:`reshape`: turned over the sphere."""
    return lambda mask: turned(mask, R_new_old)


def combine(other: NDArray[np.generic], how: Combination) -> Callable[[BoolMask], BoolMask]:
    """For :func:`reshape`: together with another mask: another object's, a neighbour frame's, the model's.

    Args:
        other: (H, W), not 0 inside.
        how: what to do.
    """
    there = other != 0
    if how is Combination.UNION:
        return lambda mask: mask | there
    if how is Combination.SUBTRACT:
        return lambda mask: mask & ~there
    if how is Combination.INTERSECT:
        return lambda mask: mask & there
    return lambda mask: there.copy()


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
    new = combine(chosen, how)(old)
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
