"""Edits of one label map: what changes, what is refused, what overlaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from panosod_core.annotation.edits import (
    BY_HAND,
    Edit,
    Origin,
    Protection,
    erase,
    guard,
    paint,
    put_labels,
    put_masks,
    relabel,
)
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import Source

SHAPE = (5, 9)
LABELS = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 4))
IDS = st.frozensets(st.integers(1, 4))
PROTECTIONS = st.builds(Protection, IDS, IDS, st.booleans(), st.booleans())
ORIGINS = st.builds(Origin, st.sampled_from(Source), st.none(), st.booleans())


def full(mask: np.ndarray) -> RingMask:
    return RingMask(RingBox(0, 0, mask.shape[1], mask.shape[0]), mask)


def check_consistent(edit: Edit, labels: np.ndarray, wanted: np.ndarray) -> None:
    """Edit, patch and counts say the same."""
    after = edit.applied(labels)
    changed = labels != after
    assert edit.is_empty == (not changed.any())
    assert edit.objects == tuple(sorted({*labels[changed].tolist(), *after[changed].tolist()} - {0}))
    assert edit.refused_px == int((after != wanted).sum())
    back = Edit(edit.origin, tuple(patch.turned() for patch in edit.patches)).applied(after)
    assert (back == labels).all()
    for patch in edit.patches:
        for object_id in patch.objects:
            box, bits = patch.of_object(object_id, labels.shape[1])
            box.check_inside(labels.shape)
            assert (box.read(after == object_id) == bits).all()
            stamped = RingMask.of(labels == object_id)
            stamped = RingMask(box, bits) if stamped is None else stamped.stamped(box, bits, labels.shape[1])
            assert (stamped.full(labels.shape) == (after == object_id)).all()


@given(LABELS, LABELS, PROTECTIONS, ORIGINS)
def test_the_guard_lets_protected_objects_neither_lose_nor_gain(
    before: np.ndarray, wanted: np.ndarray, protection: Protection, origin: Origin
) -> None:
    after = guard(before, wanted, protection, origin)
    assert ((after == before) | (after == wanted)).all()
    free_machine = not origin.source.is_machine or origin.consent
    for object_id in range(1, 5):
        is_shut = object_id in protection.locked or (object_id in protection.accepted and not free_machine)
        if is_shut:
            assert ((before == object_id) == (after == object_id)).all()
    if protection.frame_locked or (protection.frame_accepted and not free_machine):
        assert (after == before).all()
    if protection == Protection():
        assert (after == wanted).all()


@given(LABELS, LABELS, PROTECTIONS, ORIGINS)
def test_putting_a_map(labels: np.ndarray, wanted: np.ndarray, protection: Protection, origin: Origin) -> None:
    edit = put_labels(labels, wanted, protection=protection, origin=origin)
    assert (edit.applied(labels) == guard(labels, wanted, protection, origin)).all()
    check_consistent(edit, labels, wanted)


@given(LABELS, hnp.arrays(np.bool_, SHAPE), st.integers(1, 4), st.booleans(), PROTECTIONS)
def test_painting(
    labels: np.ndarray, region: np.ndarray, object_id: int, preserve: bool, protection: Protection
) -> None:
    edit = paint(labels, full(region), object_id=object_id, protection=protection, preserve_others=preserve)
    taken = region & ((labels == 0) | (labels == object_id)) if preserve else region
    check_consistent(edit, labels, np.where(taken, object_id, labels))


@given(LABELS, hnp.arrays(np.bool_, SHAPE), st.none() | st.integers(1, 4), PROTECTIONS)
def test_erasing(labels: np.ndarray, region: np.ndarray, object_id: int | None, protection: Protection) -> None:
    edit = erase(labels, full(region), object_id=object_id, protection=protection)
    hit = region if object_id is None else region & (labels == object_id)
    check_consistent(edit, labels, np.where(hit, 0, labels))


@given(
    LABELS, st.dictionaries(st.integers(1, 4), st.integers(0, 4), min_size=1), st.none() | hnp.arrays(np.bool_, SHAPE)
)
def test_relabelling(labels: np.ndarray, ids: dict[int, int], region: np.ndarray | None) -> None:
    where = None if region is None else full(region)
    edit = relabel(labels, ids, protection=Protection(), region=where)
    wanted = labels.copy()
    for old, new in ids.items():
        wanted[labels == old] = new
    if region is not None:
        wanted = np.where(region, wanted, labels)
    check_consistent(edit, labels, wanted)


@given(LABELS, hnp.arrays(np.bool_, (3, *SHAPE)), st.permutations([1, 2, 4]), st.none() | hnp.arrays(np.bool_, SHAPE))
def test_the_first_of_the_stated_priority_wins_an_overlap(
    labels: np.ndarray, incoming: np.ndarray, order: list[int], within: np.ndarray | None
) -> None:
    masks = {i: RingMask.of(m) for i, m in zip((1, 2, 4), incoming, strict=True)}
    origin = Origin(Source.IMPORTED)
    region = None if within is None else full(within)
    edit = put_masks(labels, masks, protection=Protection(), origin=origin, priority=order, within=region)
    stack = dict(zip((1, 2, 4), incoming, strict=True))
    wanted = np.where(np.isin(labels, order), np.uint8(0), labels)
    for object_id in reversed(order):
        wanted = np.where(stack[object_id], np.uint8(object_id), wanted)
    if within is not None:
        wanted = np.where(within, wanted, labels)
    check_consistent(edit, labels, wanted)
    owner = np.zeros(SHAPE, np.uint8)
    for object_id in order:
        for winner in order:
            count = int((stack[object_id] & (owner == winner)).sum())
            assert edit.overlaps.get((winner, object_id), 0) == count
        owner[stack[object_id] & (owner == 0)] = object_id


@given(LABELS, hnp.arrays(np.bool_, (2, *SHAPE)))
def test_an_import_fills_background_only(labels: np.ndarray, incoming: np.ndarray) -> None:
    masks = {i: RingMask.of(m) for i, m in zip((1, 2), incoming, strict=True)}
    edit = put_masks(labels, masks, protection=Protection(), origin=Origin(Source.IMPORTED), keep_existing=True)
    after = edit.applied(labels)
    assert (after[labels > 0] == labels[labels > 0]).all()
    free = labels == 0
    assert (after[free] == np.where(incoming[0], 1, np.where(incoming[1], 2, 0))[free]).all()


def test_a_missing_priority_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="priority"):
        put_masks(np.zeros(SHAPE, np.uint8), {1: None, 2: None}, protection=Protection(), origin=BY_HAND, priority=[1])
    with pytest.raises(ValueError, match="254"):
        paint(np.zeros(SHAPE, np.uint8), full(np.ones(SHAPE, bool)), object_id=255, protection=Protection())
