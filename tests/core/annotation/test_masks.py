"""Boxes on the ring, masks in them, and COCO's run lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from panosod_core.annotation.masks import (
    RingBox,
    RingMask,
    check_label_map,
    decode,
    difference_box,
    encode,
    label_map,
    object_mask,
    objects_in,
    rle_from_coco,
)
from panosod_core.errors import ProjectError

SHAPES = st.tuples(st.integers(1, 12), st.integers(2, 24))


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """Masks from sparse to full, often across the seam."""
    shape = draw(SHAPES)
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 0.9, 1.0]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    picture = random.random(shape) < density
    if draw(st.booleans()):
        width = draw(st.integers(1, shape[1]))
        picture[:, width:] = False
        picture = np.roll(picture, draw(st.integers(0, shape[1] - 1)), axis=1)
    return picture


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, int]) -> RingBox:
    y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
    return RingBox(x, y, draw(st.integers(1, shape[1])), draw(st.integers(1, shape[0] - y)))


@given(pictures())
def test_run_lengths_are_those_of_pycocotools(picture: np.ndarray) -> None:
    rle = encode(RingMask.of(picture), picture.shape)
    theirs = coco.encode(np.asfortranarray(picture, np.uint8))
    assert rle.counts == theirs["counts"]
    assert rle.area_px == int(picture.sum())
    back = decode(rle)
    assert (back is None) == (not picture.any())
    if back is not None:
        assert (back.full(picture.shape) == picture).all()
    assert rle_from_coco(theirs["counts"], picture.shape) == rle


@given(pictures())
def test_the_box_is_the_smallest_on_the_ring(picture: np.ndarray) -> None:
    mask = RingMask.of(picture)
    if mask is None:
        assert not picture.any()
        return
    assert (mask.full(picture.shape) == picture).all()
    narrowest = min(
        int(np.flatnonzero(np.roll(picture.any(axis=0), -x))[-1]) + 1 for x in np.flatnonzero(picture.any(axis=0))
    )
    assert mask.box.width == narrowest
    rows = np.flatnonzero(picture.any(axis=1))
    assert (mask.box.y, mask.box.height) == (rows[0], rows[-1] - rows[0] + 1)


@given(st.data())
def test_reading_gives_what_was_written_and_touches_nothing_else(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    box = data.draw(boxes(shape))
    picture = data.draw(hnp.arrays(np.uint8, shape))
    values = data.draw(hnp.arrays(np.uint8, (box.height, box.width)))
    before = picture.copy()
    box.write(picture, values)
    assert (box.read(picture) == values).all()
    inside = np.zeros(shape, bool)
    box.write(inside, np.ones_like(values, bool))
    assert inside.sum() == values.size
    assert (picture[~inside] == before[~inside]).all()


@given(st.data())
def test_stamping_replaces_the_pixels_of_a_box(data: st.DataObject) -> None:
    picture = data.draw(pictures())
    mask = RingMask.of(picture)
    if mask is None:
        return
    box = data.draw(boxes(picture.shape))
    bits = data.draw(hnp.arrays(np.bool_, (box.height, box.width)))
    expected = picture.copy()
    box.write(expected, bits)
    width = picture.shape[1]
    stamped = mask.stamped(box, bits, width)
    assert (stamped.full(picture.shape) == expected).all()
    trimmed = stamped.trimmed(width)
    assert (trimmed is None) == (not expected.any())
    if trimmed is not None:
        assert (trimmed.full(picture.shape) == expected).all()
        again = RingMask.of(expected)
        assert again is not None and trimmed.box == again.box


@given(st.data())
def test_a_box_shows_of_a_mask_what_lies_in_it(data: st.DataObject) -> None:
    picture = data.draw(pictures())
    mask = RingMask.of(picture)
    if mask is None:
        return
    box, width = data.draw(boxes(picture.shape)), picture.shape[1]
    shown = box.read(picture)
    assert (mask.read(box, width) == shown).all()
    assert (mask.within(mask.box.union(box, width), width).sum()) == picture.sum()
    around = RingMask(box, np.ones((box.height, box.width), np.bool_)).full(picture.shape)
    mine = RingMask(mask.box, np.ones_like(mask.bits)).full(picture.shape)
    assert mask.box.meets(box, width) == box.meets(mask.box, width) == bool((around & mine).any())


@given(st.data())
def test_a_union_holds_both_boxes(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    a, b = data.draw(boxes(shape)), data.draw(boxes(shape))
    union = a.union(b, shape[1])
    covered = RingMask(union, np.ones((union.height, union.width), bool)).full(shape)
    for box in (a, b):
        assert box.read(covered).all()


@given(hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 4)))
def test_a_label_map_is_its_objects(labels: np.ndarray) -> None:
    masks = {i: object_mask(labels, i) for i in objects_in(labels)}
    assert (label_map(masks, labels.shape) == labels).all()


@settings(max_examples=20)
@given(st.integers(0, 23), st.integers(1, 23))
def test_areas_do_not_depend_on_where_the_seam_lies(start: int, width: int) -> None:
    picture = np.zeros((12, 24), bool)
    picture[3:7, :width] = True
    still, turned = (encode(RingMask.of(p), p.shape) for p in (picture, np.roll(picture, start, axis=1)))
    assert still.area_px == turned.area_px
    assert still.area_sr == pytest.approx(turned.area_sr, rel=1e-12)
    assert still.area_sr == pytest.approx(
        width / 24 * 2 * np.pi * (np.sin(np.pi * (0.5 - 3 / 12)) - np.sin(np.pi * (0.5 - 7 / 12))), rel=1e-6
    )


def test_every_pixel_is_the_whole_sphere() -> None:
    rle = encode(RingMask.of(np.ones((90, 180), bool)), (90, 180))
    assert rle.area_sr == pytest.approx(4 * np.pi, rel=1e-6)


def test_difference_is_none_or_a_box() -> None:
    labels = np.zeros((4, 8), np.uint8)
    other = labels.copy()
    assert difference_box(labels, other) is None
    other[1, 7] = other[2, 0] = 3
    assert difference_box(labels, other) == RingBox(7, 1, 2, 2)


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        check_label_map(np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match="255"):
        check_label_map(np.full((2, 2), 255, np.uint8))
    with pytest.raises(ValueError, match="overlaps"):
        whole = RingMask.of(np.ones((2, 4), bool))
        label_map({1: whole, 2: whole}, (2, 4))
    with pytest.raises(ProjectError, match="do not fill"):
        rle_from_coco(b"d0", (5, 5))
