"""Numbers over time: they turn with the panorama, wrap around its seam, and say nothing where nothing is known."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.inference.map_record import MapSource, map_record
from panosod_core.inference.tracks import (
    AZIMUTHS,
    FrameFigures,
    TrackTable,
    angle_to_mask,
    azimuth_ranges,
    figures_of,
    no_tracks,
    occupied_azimuths,
    ranked_peaks,
    salient_area,
    score_against,
)

H, W = 36, 72
GRID = equirect_directions(W, H)


def cap(azimuth_deg: float, elevation_deg: float, radius_deg: float, *, width: int = W, height: int = H):
    centre = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    return equirect_directions(width, height) @ centre >= np.cos(np.radians(radius_deg))


def record(saliency, index=0, carried=0):
    return map_record(index, pts=index, time_s=index / 10, saliency=saliency, carried=carried)


masks = st.builds(
    lambda a, e, r, b: cap(a, e, r) | cap(b, -e, r / 2),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(3, 60),
    st.floats(-180, 180),
)
anywhere = st.builds(
    lambda a, z: direction(a, np.arcsin(z)), st.floats(-np.pi, np.pi), st.floats(-1, 1, allow_subnormal=False)
)


# --- turning ---


@given(mask=masks, yaw=st.integers(0, W - 1), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_turning_the_panorama_turns_what_has_a_direction_and_nothing_else(mask, yaw, seed):
    rng = np.random.default_rng(seed)
    saliency = np.where(mask, rng.integers(128, 256, mask.shape), rng.integers(0, 128, mask.shape)).astype(np.uint8)
    truth = cap(20, 10, 30)
    turn = 2 * np.pi * yaw / W
    still = figures_of(record(saliency), loudest=direction(0.3, 0.4), truth=truth)
    moved = figures_of(
        record(np.roll(saliency, -yaw, axis=1)), loudest=direction(0.3 + turn, 0.4), truth=np.roll(truth, -yaw, axis=1)
    )
    for name in ("area", "entropy", "disagreement_rad", "f", "j"):
        assert getattr(moved, name) == pytest.approx(getattr(still, name), abs=1e-6, nan_ok=True), name
    np.testing.assert_array_equal(moved.occupied, np.roll(still.occupied, -yaw))


@given(mask=masks, yaw=st.integers(0, AZIMUTHS - 1))
@settings(max_examples=60, deadline=None)
def test_ranges_cover_exactly_what_is_occupied_and_turn_with_it(mask, yaw):
    occupied = np.roll(occupied_azimuths(mask), -yaw)
    ranges = azimuth_ranges(occupied)
    covered = np.zeros(AZIMUTHS, bool)
    middles = (0.5 - (np.arange(AZIMUTHS) + 0.5) / AZIMUTHS) * 2 * np.pi
    for start, end in ranges:
        assert -np.pi - 1e-9 <= start < np.pi and start < end <= start + 2 * np.pi + 1e-9
        inside = (middles - start) % (2 * np.pi) < end - start
        assert not (covered & inside).any()
        covered |= inside
    np.testing.assert_array_equal(covered, occupied)
    assert [r[0] for r in ranges] == sorted(r[0] for r in ranges)


def test_a_stretch_across_the_back_is_one():
    ((start, end),) = azimuth_ranges(occupied_azimuths(cap(180, 0, 20)))
    assert np.degrees([start, end]) == pytest.approx([160, 200], abs=5.1)
    assert azimuth_ranges(np.zeros(8, bool)) == ()
    assert azimuth_ranges(np.ones(8, bool)) == ((-np.pi, np.pi),)
    assert len(azimuth_ranges(occupied_azimuths(cap(180, 0, 20) | cap(0, 0, 20)))) == 2


@pytest.mark.parametrize(("width", "parts"), [(416, 72), (72, 72), (40, 72), (13, 72), (72, 5)])
def test_parts_of_the_ring_are_those_that_pixels_touch(width, parts):
    rng = np.random.default_rng(width)
    for _ in range(20):
        mask = rng.random((4, width)) < 0.05
        expected = [
            any(mask[:, c].any() for c in range(width) if c * parts < (i + 1) * width and (c + 1) * parts > i * width)
            for i in range(parts)
        ]
        np.testing.assert_array_equal(occupied_azimuths(mask, parts=parts), expected)


# --- area, angle, score ---


@given(elevation=st.floats(-90, 90), azimuth=st.floats(-180, 180))
@settings(max_examples=30, deadline=None)
def test_the_area_of_a_cap_is_the_same_anywhere(elevation, azimuth):
    mask = cap(azimuth, elevation, 30, width=416, height=208)
    assert salient_area(mask) == pytest.approx((1 - math.cos(math.radians(30))) / 2, rel=0.02)
    saliency = np.where(mask, 255, 0).astype(np.uint8)
    assert record(saliency).summary.area == pytest.approx(salient_area(mask))


@given(mask=masks, where=anywhere)
@settings(max_examples=100, deadline=None)
def test_the_angle_is_that_of_the_nearest_pixel(mask, where):
    angle = angle_to_mask(where, mask)
    if not mask.any():
        assert math.isnan(angle)
        return
    nearest = angle_between(GRID[mask], where).min()
    assert angle == pytest.approx(nearest, abs=1e-6) or (angle == 0 and nearest < np.radians(3.6))


def test_inside_the_mask_there_is_no_angle_and_across_the_seam_no_detour():
    mask = cap(175, 0, 10)
    assert angle_to_mask(direction(np.pi, 0), mask) == 0
    assert np.degrees(angle_to_mask(direction(np.radians(-160), 0), mask)) == pytest.approx(15, abs=3)
    assert math.isnan(angle_to_mask(direction(0, 0), np.zeros((H, W), bool)))


def test_scores_are_one_for_the_truth_itself_in_any_size():
    truth = cap(-170, 30, 25, width=4 * W, height=4 * H).astype(np.uint8) * 7
    saliency = (cap(-170, 30, 25) * 255).astype(np.uint8)
    f, j = score_against(saliency, truth)
    assert f > 0.97 and j > 0.95
    f, j = score_against((~(saliency > 0) * 255).astype(np.uint8), truth)
    assert f < 0.03 and j < 0.02
    f, j = score_against(np.zeros((H, W), np.uint8), np.zeros((H, W), np.uint8))
    assert math.isnan(f) and j == 1.0


def test_what_is_not_known_is_not_a_number():
    figures = figures_of(record(np.zeros((H, W), np.uint8), carried=2))
    assert figures.source is MapSource.FLOW and figures.area == 0 and not figures.occupied.any()
    assert all(math.isnan(v) for v in (figures.disagreement_rad, figures.f, figures.j))


# --- the table ---


def figure(index, area=0.1):
    return FrameFigures(index, index / 10, MapSource.MODEL, area, 0.2, np.arange(AZIMUTHS) == index % AZIMUTHS)


@given(
    actions=st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.floats(0, 1, width=32)), max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_a_table_is_a_dictionary_in_the_order_of_frames(actions):
    table, model = TrackTable(), {}
    for is_put, index, area in actions:
        if is_put:
            table.put(figure(index, area))
            model[index] = area
        else:
            table.drop(index)
            model.pop(index, None)
    tracks = table.tracks()
    assert tracks.index.tolist() == sorted(model) and len(tracks) == len(table) == len(model)
    assert tracks.area.tolist() == [model[i] for i in sorted(model)]
    np.testing.assert_allclose(tracks.time_s, tracks.index / 10)
    assert all(tracks.occupied[k].argmax() == i % AZIMUTHS for k, i in enumerate(tracks.index))


def test_a_table_grows_and_its_tracks_stay_as_they_were():
    table = TrackTable()
    for index in range(5):
        table.put(figure(index))
    early = table.tracks()
    for index in range(1000):
        table.put(figure(index, 0.5))
    assert len(early) == 5 and np.all(early.area == np.float32(0.1))
    assert len(table.tracks()) == 1000 and np.all(table.tracks().area == 0.5)


def test_the_nearest_frame_is_found_within_reach():
    table = TrackTable()
    for index in (3, 10):
        table.put(figure(index))
    tracks = table.tracks()
    assert tracks.nearest(0.5, reach_s=0.3) == 0
    assert tracks.nearest(0.9, reach_s=0.3) == 1
    assert tracks.nearest(0.65, reach_s=0.3) is None
    assert tracks.nearest(5, reach_s=0.3) is None
    assert no_tracks().nearest(0, reach_s=9) is None and len(no_tracks()) == 0


# --- peaks ---


@given(
    values=st.lists(st.one_of(st.just(math.nan), st.floats(0, 1), st.just(0.5)), max_size=80),
    apart=st.floats(0.05, 2),
)
@settings(max_examples=100, deadline=None)
def test_peaks_are_the_highest_around_and_apart(values, apart):
    times = np.arange(len(values)) / 10
    peaks = ranked_peaks(np.array(values), times, apart_s=apart)
    found = [values[p] for p in peaks]
    assert found == sorted(found, reverse=True)
    for p in peaks:
        assert values[p] > 0
        near = [v for v, t in zip(values, times, strict=True) if abs(t - times[p]) <= apart and not math.isnan(v)]
        assert max(near) == values[p]
    gaps = np.diff(np.sort(times[peaks]))
    assert np.all(gaps > apart)
    assume(any(v > 0 for v in values if not math.isnan(v)))
    assert found[0] == np.nanmax(values)


def test_slopes_and_plateaus_of_nothing_are_no_peaks():
    times = np.arange(100) / 10
    hill = np.exp(-((times - 4) ** 2))
    assert ranked_peaks(hill, times).tolist() == [40]
    assert ranked_peaks(np.zeros(100), times).tolist() == []
    two = hill + 0.5 * np.exp(-((times - 7.5) ** 2) * 4)
    assert ranked_peaks(two, times).tolist() == [40, 75]
