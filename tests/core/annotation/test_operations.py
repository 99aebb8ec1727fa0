"""Operations on objects and selecting by the picture: what they do, wherever on the sphere, and what they may not."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panosod_core.annotation import operations
from panosod_core.annotation.edits import BY_HAND, Origin, Protection, put_masks
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.operations import Combination, reshape, take_frame, take_mask
from panosod_core.annotation.records import Source
from panosod_core.annotation.selecting import Hints, pixel_at, smart_select, wand
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.brush import cap
from panosod_core.geometry.regions.turning import turn_about
from panosod_core.geometry.sphere import direction, equirect_directions, pixel_solid_angles

W, H = 128, 64
FREE = Protection()


def disc(azimuth_deg, elevation_deg, radius_deg, *, width=W, height=H):
    centre = direction(math.radians(azimuth_deg), math.radians(elevation_deg))
    return cap(centre, math.radians(radius_deg), width=width, height=height).full((height, width))


def scene(*objects):
    labels = np.zeros((H, W), np.uint8)
    for object_id, mask in objects:
        labels[mask] = object_id
    return labels


def solid_angle(mask):
    return float(pixel_solid_angles(mask.shape[1], mask.shape[0]) @ mask.sum(axis=1))


CHANGES = {
    "grow": operations.grow(0.2),
    "shrink": operations.shrink(0.2),
    "vanish": operations.shrink(2.0),
    "smooth": operations.smooth(0.2),
    "largest": operations.keep_largest,
    "holes": operations.without_holes,
    "away": operations.move(turn_about([0.3, 0.5, 1], 2.0)),
    "same": operations.move(np.eye(3)),
}
PLACES = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


def band(first, columns, row, rows):
    """A band that may go over the seam, wider than half the ring, with ragged ends and a hole near one of them."""
    mask = np.zeros((H, W), bool)
    mask[row : row + rows, (first + np.arange(columns)) % W] = True
    mask[row, (first + np.arange(3)) % W] = False
    mask[row + rows // 2, (first + columns - 3) % W] = False
    return mask


BANDS = st.builds(
    band, st.integers(0, W - 1), st.integers(W // 2, round(0.99 * W)), st.integers(0, H - 21), st.integers(2, 20)
)


@given(PLACES)
def test_growing_takes_from_others_unless_they_are_preserved_or_locked(at):
    labels = scene((2, disc(*at, 30)), (1, disc(*at, 15)))
    if not (labels == 1).any():
        return
    bigger = reshape(labels, 1, operations.grow(math.radians(5)), protection=FREE).applied(labels)
    assert (bigger == 1).sum() > (labels == 1).sum()
    assert solid_angle(bigger == 1) == pytest.approx(solid_angle(disc(*at, 20)), rel=0.35)
    kept = reshape(labels, 1, operations.grow(math.radians(5)), protection=FREE, preserve_others=True)
    assert kept.is_empty
    locked = reshape(labels, 1, operations.grow(0.1), protection=Protection(locked=frozenset({2})))
    assert locked.is_empty and locked.refused_px > 0


def test_shrink_smooth_largest_and_holes():
    mask = disc(170, 10, 25) & ~disc(170, 10, 6) | disc(20, 0, 6)
    labels = scene((7, mask))
    smaller = reshape(labels, 7, operations.shrink(math.radians(4)), protection=FREE).applied(labels) == 7
    assert smaller.any() and not (smaller & ~mask).any()
    one = reshape(labels, 7, operations.keep_largest, protection=FREE).applied(labels) == 7
    assert not one[disc(20, 0, 6)].any() and one[disc(170, 10, 25) & ~disc(170, 10, 6)].all()
    full = reshape(labels, 7, operations.without_holes, protection=FREE).applied(labels) == 7
    assert full[disc(170, 10, 6)].all()
    calm = reshape(labels, 7, operations.smooth(math.radians(10)), protection=FREE).applied(labels) == 7
    assert not calm[disc(20, 0, 3)].any()


@given(
    st.one_of(st.builds(disc, st.floats(-180, 180), st.floats(-90, 90), st.just(25)), BANDS),
    PLACES,
    st.booleans(),
    st.sampled_from(sorted(CHANGES)),
)
@example(band(30, 68, 25, 10), (-180.0, 0.0), True, "smooth")
@example(band(30, 68, 25, 10), (-180.0, 0.0), True, "holes")
@example(band(100, 100, 20, 15), (-45.0, 0.0), False, "smooth")
@example(band(0, round(0.99 * W), 20, 15), (0.0, 0.0), False, "shrink")
def test_an_object_is_changed_as_the_whole_frame_would_be(mask, other, preserve, name):
    """Only the box about it is looked at; the edit is that of the whole label map."""
    labels = scene((1, mask), (2, disc(*other, 12)))
    if not (labels == 1).any():
        return
    new = CHANGES[name](RingMask.of(labels == 1), (H, W))
    protection = Protection(locked=frozenset({2})) if preserve else FREE
    taken = np.zeros((H, W), bool) if new is None else new.full((H, W))
    kept = taken & (labels < 2) if preserve else taken
    whole = put_masks(labels, {1: RingMask.of(kept)}, protection=protection, origin=BY_HAND)
    edit = reshape(labels, 1, CHANGES[name], protection=protection, preserve_others=preserve)
    assert (edit.applied(labels) == whole.applied(labels)).all() and edit.refused_px == whole.refused_px
    assert edit.box(W) == whole.box(W)


def test_an_object_moves_over_the_seam_in_one_piece():
    labels = scene((3, disc(165, 5, 12)))
    edit = reshape(labels, 3, operations.move(turn_about([0, 0, 1], math.radians(30))), protection=FREE)
    moved = edit.applied(labels) == 3
    assert solid_angle(moved ^ disc(-165, 5, 12)) < 0.25 * solid_angle(moved)


@pytest.mark.parametrize("how", list(Combination))
def test_combining_is_that_of_sets(how):
    a, b = disc(0, 0, 20), disc(15, 0, 20)
    labels = scene((1, a))
    result = reshape(labels, 1, operations.combine(RingMask.of(b), how), protection=FREE).applied(labels) == 1
    expected = {"replace": b, "union": a | b, "subtract": a & ~b, "intersect": a & b}[how.value]
    assert (result == expected).all()


def test_taking_the_models_mask_whole_in_a_lasso_or_one_part():
    model = disc(0, 0, 10) | disc(90, 0, 10)
    labels = scene((1, disc(-60, 0, 8)))
    whole = take_mask(labels, 1, model, Combination.REPLACE, protection=FREE).applied(labels) == 1
    assert (whole == model).all()
    lasso = RingMask.of(disc(0, 0, 30))
    inside = take_mask(labels, 1, model, Combination.REPLACE, protection=FREE, within=lasso).applied(labels) == 1
    assert (inside == disc(0, 0, 10) | disc(-60, 0, 8)).all()
    row, column = pixel_at(direction(math.pi / 2, 0), width=W, height=H)
    part = take_mask(labels, 2, model, Combination.UNION, protection=FREE, part=(row, column)).applied(labels)
    assert (part == 2)[disc(90, 0, 9)].all() and not (part == 2)[disc(0, 0, 10)].any()
    with pytest.raises(AnnotationError, match="nothing to take"):
        take_mask(labels, 1, model, Combination.UNION, protection=FREE, part=(0, 0))


def test_a_model_never_takes_accepted_pixels_without_consent():
    labels = scene((1, disc(0, 0, 15)))
    accepted = Protection(accepted=frozenset({1}))
    model = Origin(Source.MODEL, model_id="m")
    edit = take_mask(labels, 2, disc(10, 0, 15), Combination.REPLACE, protection=accepted, origin=model)
    assert (edit.applied(labels)[labels == 1] == 1).all() and edit.refused_px > 0
    granted = Origin(Source.MODEL, model_id="m", consent=True)
    edit = take_mask(labels, 2, disc(10, 0, 15), Combination.REPLACE, protection=accepted, origin=granted)
    assert (edit.applied(labels) == 2).sum() == disc(10, 0, 15).sum()


def test_masks_from_a_neighbour_frame():
    other = scene((1, disc(0, 0, 10)), (2, disc(60, 0, 10)))
    labels = scene((1, disc(5, 0, 10)))
    assert (take_frame(labels, other, protection=FREE).applied(labels) == other).all()
    only = take_frame(labels, other, protection=FREE, ids=(2,)).applied(labels)
    assert (only == 2)[disc(60, 0, 10)].all() and (only == 1)[disc(5, 0, 10)].all()
    with pytest.raises(AnnotationError, match="none of these"):
        take_frame(labels, other, protection=FREE, ids=(9,))


def test_filling_needs_a_closed_outline():
    ring = disc(180, 0, 20) & ~disc(180, 0, 12)
    labels = scene((1, ring))
    row, column = pixel_at([-1, 0, 0], width=W, height=H)
    filled = operations.fill(labels, row, column, object_id=1, protection=FREE).applied(labels)
    assert (filled == 1)[disc(180, 0, 20)].all()
    with pytest.raises(AnnotationError, match="outline"):
        operations.fill(labels, H // 2, W // 2, object_id=1, protection=FREE)


def test_deleting_leaves_the_others():
    labels = scene((1, disc(0, 0, 10)), (2, disc(60, 0, 10)))
    assert set(np.unique(operations.delete(labels, 1, protection=FREE).applied(labels))) == {0, 2}


def test_what_is_not_there_cannot_be_changed():
    with pytest.raises(AnnotationError, match="not in this frame"):
        reshape(scene(), 4, operations.keep_largest, protection=FREE)


# --- by the picture

PW, PH = 256, 128


def picture_with(mask, *, seed=0):
    rng = np.random.default_rng(seed)
    background = np.full((PH, PW, 3), (40, 90, 50), np.float64)
    background[mask] = (200, 60, 40)
    return np.clip(background + rng.normal(0, 4, background.shape), 0, 255).astype(np.uint8)


def overlap(a, b):
    return solid_angle(a & b) / solid_angle(a | b)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (180, 0), (40, 88), (-100, -80)])
def test_the_wand_takes_an_area_of_one_colour(azimuth, elevation):
    truth = disc(azimuth, elevation, 20, width=PW, height=PH)
    place = direction(math.radians(azimuth), math.radians(elevation))
    found = wand(picture_with(truth), place, tolerance=20)
    assert overlap(found.full((PH, PW)), truth) > 0.97
    large = wand(picture_with(truth), place, tolerance=20, size=(2 * PH, 2 * PW))
    assert solid_angle(large.full((2 * PH, 2 * PW))) == pytest.approx(solid_angle(truth), rel=0.05)


def test_more_tolerance_takes_more():
    truth = disc(0, 0, 20, width=PW, height=PH)
    sizes = [wand(picture_with(truth), [1, 0, 0], tolerance=t).area_px() for t in (2, 20, 200)]
    assert sizes[0] < sizes[1] < sizes[2] == PW * PH
    with pytest.raises(ValueError, match="negative"):
        wand(picture_with(truth), [1, 0, 0], tolerance=-1)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (179, 10), (40, 85)])
def test_grabcut_finds_the_object_in_a_box_wherever_it_is(azimuth, elevation):
    truth = disc(azimuth, elevation, 18, width=PW, height=PH)
    area = disc(azimuth, elevation, 28, width=PW, height=PH)
    found = smart_select(picture_with(truth), Hints(area=area), size=(PH, PW))
    assert overlap(found.full((PH, PW)), truth) > 0.9


def test_grabcut_by_strokes_obeys_them():
    truth = disc(10, 0, 18, width=PW, height=PH) | disc(-60, 0, 18, width=PW, height=PH)
    inside = [direction(np.radians([5, 15]), np.radians([0, 0]))]
    outside = [direction(np.radians([-25, -25]), np.radians([-20, 20]))]
    hints = Hints(inside=inside, outside=outside, stroke_rad=math.radians(2))
    found = smart_select(picture_with(truth), hints, size=(PH, PW)).full((PH, PW))
    assert overlap(found & disc(10, 0, 25, width=PW, height=PH), disc(10, 0, 18, width=PW, height=PH)) > 0.9
    row, column = pixel_at(inside[0][0], width=PW, height=PH)
    assert found[row, column]
    row, column = pixel_at(outside[0][0], width=PW, height=PH)
    assert not found[row, column]


def test_grabcut_starts_from_a_belief_and_gives_the_same_twice():
    truth = disc(90, 30, 18, width=PW, height=PH)
    hints = Hints(start=disc(93, 28, 14, width=PW, height=PH))
    first = smart_select(picture_with(truth), hints, size=(PH, PW)).full((PH, PW))
    assert overlap(first, truth) > 0.9
    assert (smart_select(picture_with(truth), hints, size=(PH, PW)).full((PH, PW)) == first).all()


def test_grabcut_without_a_hint_says_so():
    with pytest.raises(AnnotationError, match="box around the object"):
        smart_select(picture_with(disc(0, 0, 10, width=PW, height=PH)), Hints(), size=(PH, PW))


@given(PLACES)
def test_a_pixel_holds_the_direction_of_its_centre(at):
    place = direction(math.radians(at[0]), math.radians(at[1]))
    row, column = pixel_at(place, width=W, height=H)
    centre = equirect_directions(W, H)[row, column]
    assert math.acos(min(1.0, float(centre @ place))) <= math.pi / H
