"""Carried masks in a frame: what they may change, and that looking at the objects' boxes alone changes nothing else."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from panosod_core.annotation.edits import Origin, Protection, guard, put_masks
from panosod_core.annotation.masks import RingMask, objects_in
from panosod_core.annotation.propagation.putting import put_carried
from panosod_core.annotation.records import Source

SHAPE = (8, 16)
MAPS = arrays(np.uint8, SHAPE, elements=st.integers(0, 5), fill=st.just(0))
CARRIED = st.sets(st.integers(1, 4), min_size=1)
ORIGIN = Origin(Source.PROPAGATED)
FREE = Protection()


def masks_of(wanted, ids):
    return {i: RingMask.of(wanted == i) for i in ids}


def put(labels, masks, protection=FREE):
    return put_carried(
        lambda box: box.read(labels),
        masks,
        old=masks_of(labels, masks),
        ring_width=SHAPE[1],
        protection=protection,
        origin=ORIGIN,
    )


@given(MAPS, MAPS, CARRIED, st.sets(st.integers(1, 5)), st.sets(st.integers(1, 5)), st.booleans(), st.booleans())
def test_no_protected_and_no_foreign_pixel_ever_changes(labels, wanted, ids, locked, accepted, shut, done):
    protection = Protection(frozenset(locked), frozenset(accepted), frame_locked=shut, frame_accepted=done)
    edit = put(labels, masks_of(wanted, ids), protection)
    after = edit.applied(labels)
    held = set(range(6)) if shut or done else locked | accepted
    for i in held - {0}:
        assert np.array_equal(after == i, labels == i)
    for i in set(objects_in(labels)) - ids:
        assert np.array_equal(after == i, labels == i)
    assert np.array_equal(guard(labels, after, protection, ORIGIN), after)


@given(MAPS, MAPS, CARRIED)
def test_where_nothing_is_in_the_way_each_object_has_its_carried_mask(labels, wanted, ids):
    own = np.where(np.isin(labels, sorted(ids)), labels, 0).astype(np.uint8)
    masks = masks_of(wanted, ids)
    edit = put(own, masks)
    assert np.array_equal(edit.applied(own), put_masks(own, masks, protection=Protection(), origin=ORIGIN).applied(own))
    assert edit.refused_px == 0


@given(MAPS, MAPS, CARRIED)
def test_objects_apart_are_patches_apart(labels, wanted, ids):
    edit = put(labels, masks_of(wanted, ids))
    width = SHAPE[1]
    for a, b in itertools.combinations(edit.patches, 2):
        assert not a.box.meets(b.box, width)
        assert not set(a.objects) & set(b.objects)
    box = edit.box(width)
    changed = edit.applied(labels) != labels
    assert (box is None) == (not changed.any())
    if box is not None:
        assert np.count_nonzero(box.read(changed)) == np.count_nonzero(changed)


def test_a_lost_object_leaves_the_frame_and_an_empty_frame_stays_empty():
    labels = np.zeros(SHAPE, np.uint8)
    assert put(labels, {1: None}).is_empty
    labels[2:4, 14:] = 1
    labels[2:4, :2] = 1
    edit = put(labels, {1: None})
    assert not edit.applied(labels).any() and edit.patches[0].box.width == 4
