"""Regions are changed in the box about them: what comes out is what the whole ring would give, wherever they lie."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.regions.brush import cap
from panosod_core.geometry.regions.morphology import grow, grown, shrink, shrunk, smooth, smoothed
from panosod_core.geometry.regions.parts import filled, label_parts, largest_of, part_areas, part_at
from panosod_core.geometry.regions.ring import RingMask
from panosod_core.geometry.sphere import direction, equirect_directions, pixel_solid_angles

W, H = 60, 30
POINTS = equirect_directions(W, H).reshape(-1, 3)
ANGLES = np.arccos(np.clip(POINTS @ POINTS.T, -1, 1))
WEIGHTS = np.repeat(pixel_solid_angles(W, H), W)


def disc(azimuth_deg, elevation_deg, radius_deg):
    centre = direction(math.radians(azimuth_deg), math.radians(elevation_deg))
    found = cap(centre, math.radians(radius_deg), width=W, height=H)
    return np.zeros((H, W), bool) if found is None else found.full((H, W))


def band(top, bottom):
    rows = np.zeros((H, W), bool)
    rows[top:bottom] = True
    return rows


NAMED = {
    "equator": disc(10, 0, 15),
    "seam": disc(180, 5, 12) & ~disc(180, 5, 5),
    "north pole": disc(40, 88, 14) & ~disc(40, 88, 4),
    "south pole": disc(0, -80, 20),
    "beside the pole": disc(0, 70, 15),
    "both poles": disc(0, 90, 10) | disc(0, -90, 10),
    "half a ring": band(12, 16) & (np.arange(W) > 20),
    "ring": band(12, 16),
    "ring with a gap": band(10, 18) & (np.arange(W) != 3),
    "specks": disc(170, 0, 9) | disc(-100, 40, 6) | disc(-175, 2, 3),
    "one pixel": np.eye(H, W, 5, bool) & band(7, 8),
    "empty": np.zeros((H, W), bool),
    "all but one pixel": ~(np.eye(H, W, 5, bool) & band(7, 8)),
    "full": np.ones((H, W), bool),
}
MASKS = st.one_of(
    st.sampled_from(list(NAMED.values())),
    st.builds(
        lambda a, b: disc(*a) & ~disc(*b),
        st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(3, 60)),
        st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(1, 30)),
    ),
)
RADII = st.floats(0.02, 1.0)


def is_decided(radius):
    """Pixels whose cap rounding does not decide about: no other pixel lies on its border."""
    return (np.abs(ANGLES - radius) > 1e-6).all(axis=1).reshape(H, W)


def wrong(found, expected, radius):
    return (found ^ expected) & is_decided(radius)


def within(mask, radius):
    return (radius >= ANGLES)[:, mask.reshape(-1)].any(axis=1).reshape(H, W)


@given(MASKS, RADII)
@settings(max_examples=60)
def test_growing_and_shrinking_are_those_of_the_whole_ring(mask, radius):
    assert not wrong(grow(mask, radius), within(mask, radius), radius).any()
    assert not wrong(shrink(mask, radius), mask & ~within(~mask, radius), radius).any()


@given(MASKS, RADII)
@settings(max_examples=60)
def test_smoothing_is_that_of_the_whole_ring(mask, radius):
    near = (radius >= ANGLES) * np.cos(np.arcsin(np.clip(POINTS[:, 2], -1, 1)))
    share = near @ mask.reshape(-1) / near.sum(axis=1)
    is_clear = (np.abs(share - 0.5) > 1e-6).reshape(H, W)
    assert not (wrong(smooth(mask, radius), (share >= 0.5).reshape(H, W), radius) & is_clear).any()


@pytest.mark.parametrize("radius", [0.0, 1e-12, 1e-9])
@pytest.mark.parametrize("name", NAMED)
def test_no_radius_changes_nothing(name, radius):
    for change in (grow, shrink, smooth):
        assert (change(NAMED[name], radius) == NAMED[name]).all()


@pytest.mark.parametrize("name", NAMED)
def test_parts_and_holes_are_those_of_the_whole_ring(name):
    check_parts_and_holes(NAMED[name])


@given(MASKS, st.integers(0, W - 1))
@settings(max_examples=60)
def test_parts_and_holes_wherever_the_seam_is(mask, columns):
    check_parts_and_holes(np.roll(mask, columns, axis=1))


def check_parts_and_holes(mask):
    region = RingMask.of(mask)
    if region is None:
        return
    labels, count = label_parts(mask)
    areas = part_areas(labels, count)
    largest = largest_of(region, (H, W)).full((H, W))
    assert label_parts(largest)[1] == 1 and not (largest & ~mask).any()
    assert WEIGHTS @ largest.reshape(-1) == pytest.approx(areas.max())
    row, column = (int(i) for i in np.argwhere(mask)[len(areas) % mask.sum()])
    assert (part_at(mask, row, column) == (labels == labels[row, column])).all()
    assert mask.all() or not part_at(mask, *np.argwhere(~mask)[-1]).any()
    around, holes = label_parts(~mask, diagonal=False)
    left = part_areas(around, holes)
    whole = filled(region, (H, W)).full((H, W))
    assert not (mask & ~whole).any()
    if holes and (np.sort(left)[:-1] < left.max() - 1e-9).all():
        assert (whole == (around != left.argmax() + 1)).all()


def test_a_region_that_vanishes_is_none():
    speck = RingMask.of(NAMED["one pixel"])
    assert shrunk(speck, 0.5, (H, W)) is None and smoothed(speck, 0.5, (H, W)) is None
    assert grown(speck, 0.5, (H, W)).area_px() > 1


def test_the_box_stays_small():
    """The cost goes with it: a small object in a large picture is not the whole ring."""
    region = cap(direction(3.1, 0.3), math.radians(2), width=1024, height=512)
    box = grown(region, math.radians(2), (512, 1024)).box
    assert box.width < 40 and box.height < 40
    assert smoothed(region, math.radians(1), (512, 1024)).box.width < 20


@given(MASKS, st.integers(0, W - 1), st.sampled_from([(60, 120), (40, 80), (30, 60), (56, 112), (12, 24)]))
@settings(max_examples=60)
def test_a_region_in_another_size_is_the_nearest_pixels(mask, columns, size):
    mask = np.roll(mask, columns, axis=1)
    region = RingMask.of(mask)
    if region is None:
        return
    expected = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) != 0
    found = region.scaled((H, W), size)
    assert (np.zeros(size, bool) if found is None else found.full(size)).tolist() == expected.tolist()
