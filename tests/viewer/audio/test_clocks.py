"""The clip's clock: smooth where the device's reports jitter, and right before, after and across every jump."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_viewer.audio.clocks import STALE_S, ClockAnchor, DelayLockedLoop, read_clock

PERIOD_S = 256 / 48000


@given(seed=st.integers(0, 1000), jitter_s=st.floats(0.0, 0.01), drift=st.floats(-3e-4, 3e-4))
@settings(max_examples=25, deadline=None)
def test_the_loop_follows_a_drifting_device_through_jitter(seed, jitter_s, drift):
    rng = np.random.default_rng(seed)
    loop = DelayLockedLoop(period_s=PERIOD_S)
    true = np.arange(4000) * PERIOD_S * (1 + drift)
    smoothed = np.array([loop.update(t + jitter_s * rng.uniform(-1, 1)) for t in true])
    error = (smoothed - true)[2500:]
    assert np.abs(error).max() < 0.15 * jitter_s + 1e-3
    steps = np.diff(smoothed)[2500:]
    assert np.abs(steps - PERIOD_S).max() < 0.02 * jitter_s + 1e-5


def test_a_lone_outlier_hardly_moves_it_and_a_lasting_offset_is_followed():
    loop = DelayLockedLoop(period_s=PERIOD_S)
    for k in range(1000):
        loop.update(k * PERIOD_S)
    assert loop.update(1000 * PERIOD_S + 0.05) == pytest.approx(1000 * PERIOD_S, abs=1e-4)
    assert loop.update(1001 * PERIOD_S) == pytest.approx(1001 * PERIOD_S, abs=1e-3)
    for k in range(1002, 1020):
        last = loop.update(k * PERIOD_S + 0.1)
    assert last == pytest.approx(1019 * PERIOD_S + 0.1, abs=1e-3)
    assert loop.update(500.0) == 500.0


RUNNING = ClockAnchor(
    time_s=10.0, position_s=5.0, speed_before=1.0, speed_after=1.0, floor_s=4.9, generation=3.0, playing=1.0
)


@pytest.mark.parametrize(
    ("at_s", "position_s"),
    [(10.0, 5.0), (10.25, 5.25), (9.95, 4.95), (9.8, 4.9), (10.0 + STALE_S, 5.0 + STALE_S), (99.0, 5.0 + STALE_S)],
)
def test_a_running_clock_goes_both_ways_from_its_anchor_but_not_before_its_beginning_nor_far_ahead(at_s, position_s):
    reading = read_clock(RUNNING, at_s)
    assert reading.position_s == pytest.approx(position_s)
    assert (reading.generation, reading.playing) == (3, True)


def test_before_a_loops_jump_has_been_heard_the_clock_is_at_the_loops_end():
    anchor = RUNNING._replace(position_s=2.0, floor_s=2.0, entered_from_s=7.0)
    assert read_clock(anchor, 9.99).position_s == pytest.approx(6.99)
    assert read_clock(anchor, 10.01).position_s == pytest.approx(2.01)


def test_a_loop_is_not_left_where_the_news_of_its_jump_come_late():
    anchor = RUNNING._replace(position_s=6.9, leaves_at_s=7.0)
    assert [read_clock(anchor, at_s).position_s for at_s in (10.05, 10.2, 99.0)] == pytest.approx([6.95, 7.0, 7.0])


def test_on_the_way_to_a_pause_the_clock_still_runs_and_then_stands():
    anchor = RUNNING._replace(speed_after=0.0, playing=0.0)
    assert read_clock(anchor, 9.95).position_s == pytest.approx(4.95)
    assert read_clock(anchor, 10.0).position_s == 5.0
    assert read_clock(anchor, 12.0).position_s == 5.0


def test_after_a_seek_the_clock_waits_at_its_aim():
    anchor = ClockAnchor(time_s=10.0, position_s=2.0, speed_before=0.0, speed_after=1.0, floor_s=2.0, playing=1.0)
    assert read_clock(anchor, 9.0).position_s == 2.0
    assert read_clock(anchor, 10.1).position_s == pytest.approx(2.1)


def test_a_backward_clock_stops_at_its_beginning_too():
    anchor = ClockAnchor(time_s=10.0, position_s=4.0, speed_before=-2.0, speed_after=-2.0, floor_s=4.1, playing=1.0)
    assert read_clock(anchor, 10.1).position_s == pytest.approx(3.8)
    assert read_clock(anchor, 9.9).position_s == pytest.approx(4.1)
    assert math.isnan(anchor.entered_from_s)
