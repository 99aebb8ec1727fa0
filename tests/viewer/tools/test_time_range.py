import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_viewer.tools.time_range import MIN_SPAN_S, TimeRange

durations = st.floats(0.01, 1e5)


@st.composite
def ranges(draw):
    duration = draw(durations)
    start = draw(st.floats(0, 0.99)) * duration
    span = draw(st.floats(0.01, 1)) * (duration - start)
    return TimeRange(duration, start, min(start + span, duration))


@given(ranges(), st.floats(0.05, 20), st.floats(0, 1))
def test_zooming_keeps_the_moment_under_the_pointer_unless_an_end_is_in_the_way(was, factor, share):
    about = was.start_s + share * was.span_s
    now = was.zoomed(factor, about_s=about)
    assert 0 <= now.start_s < now.end_s <= now.duration_s == was.duration_s
    wanted = min(max(was.span_s * factor, min(MIN_SPAN_S, was.duration_s)), was.duration_s)
    assert now.span_s == pytest.approx(wanted, rel=1e-6)
    if now.start_s > 0 and now.end_s < now.duration_s:
        assert (about - now.start_s) / now.span_s == pytest.approx(share, abs=1e-6)


@given(ranges(), st.floats(-1e5, 1e5))
def test_panning_keeps_the_length_and_stops_at_the_ends(was, by):
    now = was.panned(by)
    assert now.span_s == pytest.approx(was.span_s, rel=1e-6)
    free = was.start_s + by
    assert now.start_s == pytest.approx(min(max(free, 0), was.duration_s - was.span_s), abs=1e-6 * was.duration_s)


@given(ranges(), st.floats(-10, 2e5))
def test_a_page_shows_the_playhead_and_stays_while_it_does(was, time_s):
    now = was.showing(time_s)
    clamped = min(max(time_s, 0), was.duration_s)
    assert now.start_s - 1e-6 * was.duration_s <= clamped <= now.end_s + 1e-6 * was.duration_s
    assert now.span_s == pytest.approx(was.span_s, rel=1e-6)
    if was.holds(clamped):
        assert now == was


@given(ranges())
def test_fitting_shows_all(was):
    assert was.fitted().is_whole and was.fitted().span_s == was.duration_s
    assert was.zoomed(1e9, about_s=was.start_s).is_whole


@pytest.mark.parametrize("bad", [(0, 0, 0), (1, 0, 2), (1, -0.1, 1), (1, 0.5, 0.5)])
def test_no_stretch_lies_outside_its_clip(bad):
    with pytest.raises(ValueError):
        TimeRange(*bad)
