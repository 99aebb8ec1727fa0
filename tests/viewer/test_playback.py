import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_viewer.playback import MAX_SPEED, MIN_SPEED, SPEEDS, MonotonicClock, Seek, Transport
from tests.viewer.pictures import picture


class FakeTime:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def transport(time):
    return Transport(MonotonicClock(time), duration_s=10.0)


def shown(transport, index, fps=25):
    """The picture of the newest seek comes onto the screen."""
    assert transport.shown(picture(index, fps=fps), transport.generation)


def test_the_clock_runs_only_while_playing(time):
    clock = MonotonicClock(time)
    time.s += 5
    assert clock.position_s() == 0
    clock.play()
    time.s += 2
    clock.pause()
    time.s += 3
    assert clock.position_s() == pytest.approx(2)
    clock.play()
    clock.play()
    time.s += 1
    assert clock.position_s() == pytest.approx(3)


@given(st.lists(st.tuples(st.sampled_from(["play", "pause", "speed", "seek"]), st.floats(0.25, 4), st.floats(0, 5))))
def test_the_clock_adds_up_what_it_ran(script):
    time = FakeTime()
    clock = MonotonicClock(time)
    expected, speed, running = 0.0, 1.0, False
    for what, value, wait in script:
        if what == "play":
            clock.play()
            running = True
        elif what == "pause":
            clock.pause()
            running = False
        elif what == "speed":
            clock.set_speed(value)
            speed = value
        else:
            clock.seek(value)
            expected = value
        time.s += wait
        expected += wait * speed * running
        assert clock.position_s() == pytest.approx(expected, abs=1e-9)


def test_a_seek_goes_to_a_time_or_an_index():
    with pytest.raises(ValueError, match="time or to an index"):
        Seek(1)


def test_time_waits_for_the_picture_of_a_seek(transport, time):
    transport.play()
    seek = transport.seek(4.0)
    assert seek == Seek(1, time_s=4.0)
    time.s += 1
    assert transport.position_s() == 4.0
    assert transport.is_waiting
    shown(transport, 100)
    time.s += 0.5
    assert transport.position_s() == pytest.approx(4.5)


def test_a_seek_while_paused_stays_paused(transport, time):
    transport.seek(4.0)
    shown(transport, 100)
    time.s += 1
    assert transport.position_s() == 4.0


def test_a_stale_picture_changes_nothing(transport, time):
    transport.play()
    old = transport.seek(4.0)
    transport.seek(6.0)
    assert not transport.shown(picture(100), old.generation)
    assert transport.is_waiting
    assert transport.position_s() == 6.0


@given(st.floats(-100, 100))
def test_a_seek_stays_inside_the_clip(t):
    transport = Transport(MonotonicClock(FakeTime()), duration_s=10.0)
    assert 0 <= transport.seek(t).time_s <= 10


def test_without_a_duration_a_seek_goes_where_it_was_asked():
    assert Transport(MonotonicClock(FakeTime())).seek(123.0).time_s == 123.0


# --- steps ---


def test_a_step_pauses_and_asks_for_the_exact_index(transport, time):
    transport.seek(1.0)
    shown(transport, 25)
    transport.play()
    seek = transport.step(+1)
    assert (seek.index, seek.time_s) == (26, None)
    assert not transport.is_playing
    shown(transport, 26)
    assert transport.position_s() == pytest.approx(26 / 25)
    time.s += 1
    assert transport.position_s() == pytest.approx(26 / 25)


def test_steps_faster_than_the_screen_add_up(transport):
    transport.seek(1.0)
    shown(transport, 25)
    assert [transport.step(n).index for n in (1, 1, 10, -1)] == [26, 27, 37, 36]


def test_a_step_before_the_first_frame_is_the_first_frame(transport):
    transport.seek(0.0)
    shown(transport, 0)
    assert transport.step(-10).index == 0


def test_a_step_beyond_the_last_frame_lands_on_it_and_counts_from_there(transport):
    transport.seek(9.9)
    shown(transport, 248)
    assert transport.step(+10).index == 258
    shown(transport, 249)
    assert transport.step(-1).index == 248


def test_there_is_nothing_to_step_from_before_the_first_picture(transport):
    assert transport.step(1) is None


@given(st.lists(st.integers(-10, 10), min_size=1, max_size=20))
def test_any_walk_of_steps_ends_at_the_sum(steps):
    transport = Transport(MonotonicClock(FakeTime()), duration_s=100.0)
    transport.seek(40.0)
    shown(transport, 1000)
    for n in steps:
        seek = transport.step(n)
    assert seek.index == 1000 + sum(steps)


def test_playing_on_after_a_step_starts_from_the_stepped_picture(transport, time):
    transport.seek(1.0)
    shown(transport, 25)
    transport.step(+5)
    transport.play()
    time.s += 3
    shown(transport, 30)
    time.s += 0.5
    assert transport.position_s() == pytest.approx(30 / 25 + 0.5)


# --- scrubbing ---


def test_a_scrub_shows_previews_and_ends_exactly(transport, time):
    transport.play()
    first = transport.scrub(3.0, is_final=False)
    assert not first.is_exact
    shown(transport, 70)
    time.s += 1
    assert transport.position_s() == 3.0  # held while the hand is on the bar
    last = transport.scrub(3.3, is_final=True)
    assert last.is_exact
    shown(transport, 82)
    time.s += 1
    assert transport.position_s() == pytest.approx(4.3)


def test_playing_is_remembered_through_a_scrub_but_a_pause_during_it_counts(transport, time):
    transport.play()
    transport.scrub(3.0, is_final=False)
    transport.pause()
    transport.scrub(3.0, is_final=True)
    shown(transport, 75)
    time.s += 1
    assert transport.position_s() == 3.0


# --- speed, loop, end ---


@given(st.floats(-10, 10))
def test_speed_is_clamped(speed):
    transport = Transport(MonotonicClock(FakeTime()))
    transport.set_speed(speed)
    assert MIN_SPEED <= transport.speed <= MAX_SPEED


def test_j_and_l_walk_the_table_of_speeds(transport):
    seen = []
    for _ in SPEEDS:
        transport.set_speed(transport.next_speed(+1))
        seen.append(transport.speed)
    assert seen[:3] == [1.25, 1.5, 2.0]
    assert seen[-1] == MAX_SPEED
    transport.set_speed(0.6)
    assert (transport.next_speed(-1), transport.next_speed(+1)) == (0.5, 0.75)


def test_speed_scales_time(transport, time):
    transport.set_speed(2.0)
    transport.play()
    time.s += 1
    assert transport.position_s() == pytest.approx(2.0)


def test_at_the_end_of_a_loop_the_clock_runs_on_from_its_start_and_the_picture_follows(transport, time):
    transport.set_loop((2.0, 3.0))
    transport.seek(2.0)
    transport.play()
    shown(transport, 50)
    time.s += 0.9
    assert transport.tick(stream_ended=False) is None
    time.s += 0.2
    seek = transport.tick(stream_ended=False)
    assert seek.time_s == pytest.approx(2.1)
    assert not transport.is_waiting  # the sound does not
    time.s += 0.1
    assert transport.position_s() == pytest.approx(2.2)
    assert transport.tick(stream_ended=False) is None
    shown(transport, 52)


def test_a_loop_to_the_very_end_wraps_too(transport, time):
    transport.set_loop((2.0, 50.0))
    assert transport.loop_s == (2.0, 10.0)
    transport.seek(9.5)
    transport.play()
    shown(transport, 237)
    time.s += 1
    assert transport.tick(stream_ended=True).time_s == pytest.approx(2.5)


def test_a_loop_set_behind_the_position_does_not_catch_it(transport, time):
    transport.seek(5.0)
    transport.play()
    shown(transport, 125)
    transport.set_loop((2.0, 3.0))
    time.s += 1
    assert transport.position_s() == pytest.approx(6.0)
    time.s += 5
    assert transport.tick(stream_ended=True).time_s == 2.0  # but the end of the clip leads into it


@given(st.floats(0.1, 3), st.lists(st.floats(0.01, 2), max_size=20))
def test_a_looping_clock_never_leaves_its_range(length, waits):
    time = FakeTime()
    clock = MonotonicClock(time)
    clock.seek(1.0)
    clock.set_loop((1.0, 1.0 + length))
    clock.play()
    total = 0.0
    for wait in waits:
        time.s += wait
        total += wait
        assert 1.0 <= clock.position_s() <= 1.0 + length
        circle = (clock.position_s() - 1.0 - total) / length
        assert circle == pytest.approx(round(circle), abs=1e-6)


@pytest.mark.parametrize("loop", [(2.0, 2.0), (2.0, 2.01), (30.0, 40.0)])
def test_a_loop_too_short_to_hear_is_no_loop(transport, loop):
    transport.set_loop(loop)
    assert transport.loop_s is None


def test_loop_ends_may_come_in_any_order(transport):
    transport.set_loop((5.0, 2.0))
    assert transport.loop_s == (2.0, 5.0)


def test_the_end_stops_and_play_starts_again(transport, time):
    transport.seek(9.0)
    transport.play()
    shown(transport, 225)
    time.s += 2
    assert transport.position_s() == 10.0
    transport.tick(stream_ended=True)
    assert not transport.is_playing
    assert transport.position_s() == 10.0
    assert transport.play().time_s == 0.0
    assert transport.is_playing


def test_a_clip_that_repeats_starts_again_at_its_end(transport, time):
    transport.repeats = True
    transport.seek(9.0)
    transport.play()
    shown(transport, 225)
    time.s += 2
    assert transport.tick(stream_ended=True).time_s == 0.0
    assert transport.is_playing


def test_a_clip_of_unknown_length_stops_when_its_stream_ends(time):
    transport = Transport(MonotonicClock(time))
    transport.play()
    time.s += 5
    transport.tick(stream_ended=False)
    assert transport.is_playing
    transport.tick(stream_ended=True)
    assert not transport.is_playing


def test_a_broken_stream_stands_still_where_it_broke(transport, time):
    transport.play()
    seek = transport.seek(5.0)
    transport.failed(seek.generation - 1)
    assert transport.is_waiting
    transport.failed(seek.generation)
    assert not transport.is_waiting
    time.s += 1
    assert transport.position_s() == 5.0


def test_the_clock_changes_in_flight_without_a_jump(transport, time):
    transport.set_speed(2.0)
    transport.play()
    time.s += 1
    other = MonotonicClock(time)
    transport.set_clock(other)
    assert transport.position_s() == pytest.approx(2.0)
    time.s += 1
    assert transport.position_s() == pytest.approx(4.0)


def test_a_clock_that_comes_while_paused_stays_paused(transport, time):
    transport.seek(3.0)
    shown(transport, 75)
    transport.set_clock(MonotonicClock(time))
    time.s += 1
    assert transport.position_s() == 3.0
