from itertools import pairwise

import numpy as np
import pytest

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.geometry.sphere import angle_between, direction
from panosod_core.synth.demo import DemoWorld
from panosod_core.synth.sound import SAMPLE_RATE_HZ, Sounding, make_schedule
from panosod_core.synth.timbre import TIMBRES, click, fade, shaped_noise, timbre

RATE = SAMPLE_RATE_HZ


def db(x):
    return 20 * np.log10(max(float(x), 1e-12))


@pytest.mark.parametrize("name", TIMBRES)
@pytest.mark.parametrize("n", [1, 500, 48_000])
def test_timbres_have_the_level_asked_for_and_no_peaks(name, n):
    wave = timbre(name, n, rate_hz=RATE, rms=0.1, rng=np.random.default_rng(3))
    assert wave.shape == (n,)
    assert wave.dtype == np.float32
    if n > 1:
        assert np.sqrt(np.mean(wave**2)) == pytest.approx(0.1, rel=1e-3)
    assert np.max(np.abs(wave)) < 0.56


@pytest.mark.parametrize("name", TIMBRES)
def test_timbres_go_on_without_a_pause_and_can_be_placed_by_ear(name):
    wave = timbre(name, 2 * RATE, rate_hz=RATE, rms=0.1, rng=np.random.default_rng(4))
    loudness = np.sqrt(np.mean(wave.reshape(-1, RATE // 4) ** 2, axis=1))
    assert loudness.min() > 0.03
    power = np.abs(np.fft.rfft(wave)) ** 2
    assert power[2 * 2000 :].sum() > 0.01 * power.sum()


def test_timbres_sound_different():
    spectra = []
    for name in TIMBRES:
        wave = timbre(name, RATE, rate_hz=RATE, rms=0.1, rng=np.random.default_rng(5))
        power = np.abs(np.fft.rfft(wave)[20:16_000]) ** 2
        bands = np.log(np.add.reduceat(power, np.geomspace(1, 15_000, 24).astype(int)))
        spectra.append(bands - bands.mean())
    for i, a in enumerate(spectra):
        for b in spectra[:i]:
            assert np.sqrt(np.mean((a - b) ** 2)) > 1.0


def test_an_unknown_timbre_is_refused():
    with pytest.raises(ValueError, match="expected one of reed"):
        timbre("kazoo", 10, rate_hz=RATE, rms=0.1, rng=np.random.default_rng(0))


def test_a_fade_is_even_and_ends_at_silence():
    envelope = fade(1000, 100)
    assert np.array_equal(envelope, envelope[::-1])
    assert envelope[0] < 1e-3
    assert np.all(envelope[100:900] == 1)
    assert np.max(np.abs(np.diff(envelope))) < 0.02
    assert len(fade(3, 100)) == 3


def test_noise_keeps_to_its_band():
    noise = shaped_noise(RATE, RATE, np.random.default_rng(0), low_hz=1000, high_hz=4000)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[800:5000].sum() > 0.95 * power.sum()


def test_a_click_begins_at_once_and_is_over_soon():
    wave = click(RATE, rng=np.random.default_rng(0))
    assert np.max(np.abs(wave)) == 1
    assert np.max(np.abs(wave[:12])) > 0.5
    assert len(wave) <= 0.005 * RATE


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("duration_s", [1.0, 7.3, 20.0, 61.0])
def test_one_at_a_time_twins_first_and_nobody_twice_running(seed, duration_s):
    schedule = make_schedule(
        [1, 2], [3, 4, 5, 6], duration_s=duration_s, slot_s=2.5, gap_s=0.4, rng=np.random.default_rng(seed)
    )
    for before, after in pairwise(schedule):
        assert after.start_s >= before.end_s + 0.4 - 1e-9
        assert after.object_id != before.object_id
    assert all(s.end_s <= duration_s for s in schedule)
    if duration_s >= 20:
        assert {schedule[0].object_id, schedule[1].object_id} == {1, 2}
        assert {s.object_id for s in schedule} == {1, 2, 3, 4, 5, 6}


def test_seeds_order_the_turns_differently():
    orders = {tuple(s.object_id for s in DemoWorld(seed=seed).schedule) for seed in range(6)}
    assert len(orders) > 3


@pytest.mark.parametrize(("start", "end"), [(-1.0, 1.0), (2.0, 2.0)])
def test_a_sounding_has_a_length(start, end):
    with pytest.raises(ValueError, match="start_s < end_s"):
        Sounding(1, start, end)


@pytest.fixture(scope="module")
def world():
    return DemoWorld(width=64, height=32)


@pytest.fixture(scope="module")
def field(world):
    return world.sound()


def arrivals(world, field, block_s=0.1):
    """Heard and true direction of every block that lies in one object's turn."""
    by_id = {thing.id: thing for thing in world.objects}
    block = round(block_s * RATE)
    for turn in world.schedule:
        first, last = round((turn.start_s + 0.03) * RATE), round((turn.end_s - 0.03) * RATE)
        for start in range(first, last - block, block):
            heard = direction_of_arrival(field[:, start : start + block])
            true = by_id[turn.object_id].direction_at((start + block / 2) / RATE)
            yield turn.object_id, direction(heard.azimuth_rad, heard.elevation_rad), true


def test_the_sound_comes_from_where_the_object_is(world, field):
    errors = [np.degrees(angle_between(heard, true)) for _, heard, true in arrivals(world, field)]
    assert len(errors) > 100
    assert max(errors) < 1.0


def test_swapping_left_and_right_in_the_sound_swaps_the_twins(world, field):
    swapped = field * np.array([1, -1, 1, 1], np.float32)[:, None]
    twins = {thing.id: thing for thing in world.objects if thing.look_alikes == "twins"}
    checked = 0
    for (object_id, heard, _), (_, _, true) in zip(arrivals(world, swapped), arrivals(world, field), strict=True):
        if object_id in twins:
            other = true * [1, -1, 1]
            assert np.degrees(angle_between(heard, other)) < 1.0
            checked += 1
    assert checked > 30


def test_levels_are_sensible(world, field):
    assert db(np.max(np.abs(field))) < -1
    for turn in world.schedule:
        part = field[0, round((turn.start_s + 0.1) * RATE) : round((turn.end_s - 0.1) * RATE)]
        assert -18.5 < db(np.sqrt(np.mean(part**2))) < -12


def test_turns_begin_and_end_without_a_click(world, field):
    """No step at the edges larger than what the sound itself does all the time."""
    for turn in world.schedule:
        start, end = round(turn.start_s * RATE), round(turn.end_s * RATE)
        edges = np.concatenate([field[0, start - 20 : start + 100], field[0, end - 100 : end + 20]])
        inside = field[0, start + 2000 : end - 2000]
        assert np.max(np.abs(np.diff(edges))) < 0.25 * np.max(np.abs(np.diff(inside)))


def test_clicks_stand_alone_in_the_gaps(world, field):
    for mark in world.sync_marks:
        start = round(mark.time_s * RATE)
        before = np.sqrt(np.mean(field[0, start - 2000 : start] ** 2))
        assert np.max(np.abs(field[0, start : start + 100])) > 100 * before
        heard = direction_of_arrival(field[:, start : start + 150])
        plate = world.truth().sync.direction
        assert np.degrees(angle_between(direction(heard.azimuth_rad, heard.elevation_rad), plate)) < 2


def test_the_sound_is_as_long_as_the_pictures(world, field):
    assert field.shape == (4, round(world.frame_count / world.fps * RATE))
    assert field.dtype == np.float32
