"""Less work after dropped pictures, slowly more again; and how fast the work goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.inference.duty import CALM_S, LEAST, Duty
from panosod_core.inference.pace import Pace

reports = st.lists(st.tuples(st.floats(0.01, 2.0), st.integers(0, 5), st.booleans()), max_size=60)


@given(reports=reports, worked_s=st.floats(1e-3, 1.0))
def test_the_share_stays_within_its_bounds_and_work_and_rest_keep_to_it(reports, worked_s):
    duty, now_s = Duty(), 0.0
    for wait_s, late, playing in reports:
        now_s += wait_s
        duty.report(late=late, is_playing=playing, now_s=now_s)
        assert LEAST <= duty.share <= 1.0
        assert playing or duty.share == 1.0
        rest_s = duty.rest_s(worked_s)
        assert rest_s >= 0
        if 0 < rest_s < 2.0:
            assert worked_s / (worked_s + rest_s) == pytest.approx(duty.share)


def test_dropped_pictures_cut_once_a_second_and_calm_gives_back():
    duty = Duty()
    duty.report(late=0, is_playing=True, now_s=0.0)
    duty.report(late=2, is_playing=True, now_s=0.1)
    cut = duty.share
    assert cut < 0.7
    duty.report(late=3, is_playing=True, now_s=0.1 + CALM_S / 2)
    assert duty.share == cut
    duty.report(late=1, is_playing=True, now_s=0.2 + CALM_S)
    assert duty.share < cut
    low = duty.share
    for k in range(1, 21):
        duty.report(late=0, is_playing=True, now_s=1.2 + k)
    assert low + 0.5 < duty.share <= 1.0


def test_standing_still_it_may_work_all_the_time_and_the_old_share_holds_when_it_goes_on():
    duty = Duty()
    duty.report(late=0, is_playing=True, now_s=0.0)
    duty.report(late=9, is_playing=True, now_s=1.0)
    share = duty.share
    duty.report(late=0, is_playing=False, now_s=2.0)
    assert duty.share == 1.0
    assert duty.rest_s(1.0) == 0.0
    # The pause itself is no calm that would have to be paid for: nothing was drawn that could have been late.
    duty.report(late=0, is_playing=True, now_s=60.0)
    assert duty.share == share


def test_pace_counts_whole_intervals_unless_the_work_was_interrupted():
    pace = Pace()
    assert pace.made(1.0, since_s=0.5) == 0.5
    assert pace.made(1.5, since_s=1.2) == 0.5
    pace.interrupted()
    assert pace.made(9.0, since_s=8.75) == 0.25


def test_the_rate_is_that_of_the_last_seconds():
    pace = Pace()
    assert pace.rate_hz(0.0) == 0.0
    for k in range(101):
        pace.made(k / 10, since_s=k / 10)
    assert pace.rate_hz(10.0) == pytest.approx(10.0)
    assert pace.rate_hz(20.0) == 0.0


def test_the_longest_abandonment_is_kept():
    pace = Pace()
    for after_s in (0.02, 0.15, 0.01):
        pace.abandoned(after_s)
    assert pace.abandon_s == 0.15
