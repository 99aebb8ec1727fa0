import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.geometry.projection import View
from panosod_viewer.tools.coasting import FRICTION_S, Coast, Throw


def thrown(speed_rad_s, *, rest_s=0.0):
    throw = Throw()
    for k in range(20):
        throw.follow(View(yaw_rad=speed_rad_s * k * 0.01), k * 0.01)
    return throw.let_go(0.19 + rest_s)


def test_the_view_coasts_at_the_speed_of_the_hand():
    assert thrown(2.0).yaw_rad_s == pytest.approx(2.0)


@pytest.mark.parametrize("coast", [thrown(0.001), thrown(2.0, rest_s=0.2), Throw().let_go(1.0)])
def test_a_hand_that_rested_throws_nothing(coast):
    assert coast is None


def test_a_throw_across_the_back_goes_the_short_way():
    throw = Throw()
    throw.follow(View(yaw_rad=3.1), 0.0)
    throw.follow(View(yaw_rad=-3.1), 0.05)
    assert throw.let_go(0.05).yaw_rad_s == pytest.approx((2 * math.pi - 6.2) / 0.05)


@given(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=50))
def test_the_way_does_not_depend_on_how_often_it_is_asked(steps):
    view, coast = View(), Coast(1.0, 0.0)
    for dt in steps:
        view, coast = coast.after(view, dt)
    once, _ = Coast(1.0, 0.0).after(View(), sum(steps))
    assert view.yaw_rad == pytest.approx(once.yaw_rad)


def test_it_comes_to_rest_and_stops_at_the_pole():
    view, coast = View(pitch_rad=1.4), Coast(0.0, 5.0)
    for _ in range(300):
        view, coast = coast.after(view, 0.016)
    assert coast.is_over
    assert view.pitch_rad == pytest.approx(math.pi / 2)
    far, _ = Coast(1.0, 0.0).after(View(), 100.0)
    assert far.yaw_rad == pytest.approx(FRICTION_S)
