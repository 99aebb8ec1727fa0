"""The track says of every step what the energy map of that step says, wherever blocks and steps begin."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy import Beam, EnergyMap, direction_of_arrival, mean_power, peak_direction
from panosod_core.ambisonics.energy_track import EnergyTracker, energy_track
from panosod_core.errors import AmbisonicError
from panosod_core.geometry.sphere import angle_between, direction

RATE = 8000
RNG = np.random.default_rng(5)
STEPS = 6
STEP = 400
NOISE = 0.1 * RNG.standard_normal((3, STEPS * STEP))
PLACES = [(1, 0, 0), (0.2, -0.9, 0.3), (-0.8, 0.1, -0.6)]
SCENE = sum(encode_plane_wave(n, p) for n, p in zip(NOISE, PLACES, strict=True)).astype(np.float32)


def whole(sound, **more):
    return list(energy_track([sound], sample_rate_hz=RATE, step_s=STEP / RATE, **more))[-1]


def turned(sound, yaw_rad):
    """The field turned left."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    w, y, z, x = sound
    return np.stack([w, s * x + c * y, z, c * x - s * y]).astype(np.float32)


@pytest.mark.parametrize("beam", list(Beam))
def test_a_step_is_the_energy_map_of_that_step_seen_from_above(beam):
    track = whole(SCENE, beam=beam)
    assert track.power.shape == (72, STEPS) and track.is_complete and len(track) == STEPS
    grid = EnergyMap(72, 90, beam=beam)
    elevation = (0.5 - (np.arange(90) + 0.5) / 90) * np.pi
    share = np.cos(elevation) / np.cos(elevation).sum()
    for k in range(STEPS):
        block = SCENE[:, k * STEP : (k + 1) * STEP]
        block = block - block.mean(axis=1, keepdims=True)
        energy = grid.of_block(block)
        np.testing.assert_allclose(track.power[:, k], share @ energy, rtol=2e-3, atol=1e-8)
        assert track.power[:, k].mean() == pytest.approx(mean_power(energy), rel=2e-3)
        arrival = direction_of_arrival(block)
        assert track.level_db[k] == pytest.approx(arrival.level_db, abs=1e-3)
        assert track.diffuseness[k] == pytest.approx(arrival.diffuseness, abs=1e-4)
        peak = track.peak_at((k + 0.5) * STEP / RATE)
        assert np.degrees(angle_between(peak, peak_direction(energy))) < 0.5


@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_one_source_is_found_wherever_it_is(azimuth, elevation, seed):
    where = direction(np.radians(azimuth), np.radians(elevation))
    noise = 0.01 * np.random.default_rng(seed).standard_normal(STEP)
    track = whole(encode_plane_wave(noise, where).astype(np.float32))
    assert np.degrees(angle_between(track.peak_at(0.0), where)) < 0.05
    assert track.diffuseness[0] < 1e-3
    if abs(elevation) < 60:
        row = int(np.argmax(track.power[:, 0]))
        middle = (0.5 - (row + 0.5) / 72) * 360
        assert abs((middle - azimuth + 180) % 360 - 180) <= 2.6


@given(rows=st.integers(-40, 40))
@settings(max_examples=30, deadline=None)
def test_turning_the_sound_left_moves_the_picture_up_around_the_ring(rows):
    yaw = rows * 2 * np.pi / 72
    still, moved = whole(SCENE), whole(turned(SCENE, yaw))
    np.testing.assert_allclose(moved.power, np.roll(still.power, -rows, axis=0), rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(moved.elevation_rad, still.elevation_rad, atol=1e-3)
    turn = moved.azimuth_rad - still.azimuth_rad - yaw
    np.testing.assert_allclose((turn + np.pi) % (2 * np.pi) - np.pi, 0, atol=1e-3)
    np.testing.assert_allclose(moved.diffuseness, still.diffuseness, atol=1e-4)


@given(cuts=st.lists(st.integers(0, SCENE.shape[1]), max_size=8))
@settings(max_examples=40, deadline=None)
def test_how_the_sound_is_cut_into_blocks_changes_nothing(cuts):
    edges = [0, *sorted(cuts), SCENE.shape[1]]
    blocks = [SCENE[:, a:b] for a, b in pairwise(edges)]
    pieces = list(energy_track(blocks, sample_rate_hz=RATE, step_s=STEP / RATE))
    whole_track = whole(SCENE)
    assert [len(p) for p in pieces] == [e // STEP for e in edges[1:]] + [STEPS]
    np.testing.assert_allclose(pieces[-1].power, whole_track.power, rtol=1e-5)
    np.testing.assert_allclose(pieces[-1].azimuth_rad, whole_track.azimuth_rad, atol=1e-5)


def test_what_was_handed_out_stays_as_it_was():
    tracker = EnergyTracker(sample_rate_hz=RATE, step_s=STEP / RATE)
    tracker.push(SCENE)
    early = tracker.track()
    kept = early.power.copy(), early.level_db.copy()
    for _ in range(200):
        tracker.push(2 * SCENE)
    np.testing.assert_array_equal(early.power, kept[0])
    np.testing.assert_array_equal(early.level_db, kept[1])
    assert len(tracker.track()) == 201 * STEPS
    np.testing.assert_array_equal(tracker.track().power[:, :STEPS], kept[0])
    with pytest.raises(ValueError, match="read-only"):
        early.power[0, 0] = 1.0


def test_silence_has_no_direction_and_a_last_piece_is_a_step_of_its_own():
    sound = np.concatenate([np.zeros((4, STEP), np.float32), SCENE[:, : STEP // 3]], axis=1)
    track = whole(sound, start_s=2.0)
    assert len(track) == 2
    assert np.isnan(track.azimuth_rad[0]) and np.isnan(track.diffuseness[0]) and track.level_db[0] == -np.inf
    assert track.peak_at(2.0) is None and track.peak_at(2.0 + STEP / RATE) is not None
    assert track.step_at(1.99) is None and track.step_at(2.0) == 0
    assert track.step_at(track.end_s - 1e-6) == 1 and track.step_at(track.end_s) is None
    assert track.power[:, 0].max() == 0


def test_sound_from_everywhere_alike_has_no_peak():
    sound = np.zeros((4, STEP), np.float32)
    sound[0] = NOISE[0, :STEP]
    track = whole(sound)
    assert track.diffuseness[0] == 1.0 and track.peak_at(0.0) is None
    assert np.ptp(track.power[:, 0]) <= 1e-5 * track.power[:, 0].max()


def test_no_sound_makes_an_empty_track():
    track = list(energy_track([], sample_rate_hz=RATE))
    assert len(track) == 1 and track[0].is_complete and len(track[0]) == 0 and track[0].power.shape == (72, 0)


def test_sound_without_a_field_and_damaged_sound_are_refused():
    with pytest.raises(AmbisonicError, match="at least 4"):
        whole(np.zeros((2, 100), np.float32))
    with pytest.raises(AmbisonicError, match="damaged"):
        whole(np.full((4, 100), np.nan, np.float32))
    with pytest.raises(ValueError, match="azimuths"):
        whole(SCENE, azimuths=3)
