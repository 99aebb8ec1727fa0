"""The way of the samples from a source to the callback: none lost, none doubled, each at its clip time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_viewer.audio.feed import LOOP_FADE_S, Course, Silence, SoundFeed
from panosod_viewer.audio.ring import RATE_HZ, Run, SampleRing
from tests.viewer.audio.conftest import ArraySource, filled_ring


def everything(ring: SampleRing) -> np.ndarray:
    return np.concatenate([ring.take(1000) for _ in range(-(-ring.available // 1000))], axis=1)


@given(steps=st.lists(st.integers(-40, 40), max_size=60), capacity=st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_a_ring_gives_out_what_was_put_in_and_in_order(steps, capacity):
    ring = SampleRing(2, capacity=capacity, ticket=1, position_s=0.0)
    written, got = 0, []
    for step in steps:
        if step > 0:
            n = min(step, ring.space)
            ring.write(np.arange(written, written + n, dtype=np.float32)[None].repeat(2, axis=0))
            written += n
        else:
            before = ring.available
            taken = ring.take(-step)
            assert taken.shape[1] == min(-step, before)
            got += taken[1].tolist()
            # Also across the end of the memory, and however much has been written since.
            np.testing.assert_array_equal(ring.past(30)[0], got[-30:])
            np.testing.assert_array_equal(ring.ahead(30)[1], np.arange(len(got), min(written, len(got) + 30)))
        assert ring.available + ring.space == capacity
    assert got == list(range(len(got)))
    assert written - len(got) == ring.available


def test_a_ring_refuses_more_than_it_holds():
    ring = SampleRing(1, capacity=4, ticket=1, position_s=0.0)
    with pytest.raises(ValueError, match="room for 4"):
        ring.write(np.zeros((1, 5), np.float32))


def test_looking_ahead_takes_nothing_and_the_preroll_is_the_past():
    preroll = np.array([[-2, -1, 0]], np.float32)
    ring = SampleRing(1, capacity=4, ticket=1, position_s=0.0, preroll=preroll)
    ring.write(np.array([[1, 2, 3]], np.float32))
    assert ring.ahead(2).tolist() == [[1, 2]]
    assert ring.available == 3
    assert ring.locate().position_s == 0.0
    assert ring.take(2).tolist() == [[1, 2]]
    assert ring.past(4).tolist() == [[-1, 0, 1, 2]]
    assert ring.locate().position_s == pytest.approx(2 / RATE_HZ)


def test_what_has_been_taken_is_not_overwritten_for_a_fifth_of_a_second():
    ring = SampleRing(1, capacity=1000, ticket=1, position_s=0.0)
    ring.write(np.ones((1, 256), np.float32))
    view = ring.take(256)
    for _ in range(30):
        ring.write(np.full((1, 300), 2, np.float32))
        ring.take(300)
    assert (view == 1).all()


def test_a_run_begins_at_its_sample_and_not_before():
    ring = SampleRing(1, capacity=100, ticket=1, position_s=2.0)
    ring.add_run(Run(10, 1.0, 1.0, 2.0 + 10 / RATE_HZ, 1))
    ring.write(np.zeros((1, 20), np.float32))
    ring.take(9)
    assert ring.locate().position_s == pytest.approx(2.0 + 9 / RATE_HZ)
    ring.take(1)
    where = ring.locate()
    assert (where.position_s, where.run.serial) == (1.0, 1)


@pytest.mark.parametrize("start_s", [0.0, 0.1, 0.5, 1.0])
def test_the_feed_begins_at_the_very_sample_and_ends_with_silence_at_the_clips_end(start_s):
    samples = np.arange(RATE_HZ, dtype=np.float32)[None] + 1
    ring = filled_ring(ArraySource(samples), Course(start_s), end_s=1.25, ticket=1)
    preroll = ring.past(RATE_HZ)
    got = everything(ring)
    first = round(start_s * RATE_HZ)
    expected = np.concatenate([samples[:, first:], np.zeros((1, RATE_HZ // 4), np.float32)], axis=1)
    np.testing.assert_array_equal(got, expected)
    assert ring.ended
    before = min(first, round(0.22 * RATE_HZ))
    np.testing.assert_array_equal(preroll, samples[:, first - before : first])


def test_the_clips_end_cuts_longer_sound():
    ring = filled_ring(ArraySource(np.ones((1, RATE_HZ))), end_s=0.5, ticket=1)
    assert ring.available == RATE_HZ // 2


def test_a_loop_goes_round_with_a_short_fade_and_tells_its_clip_time():
    ramp = np.arange(RATE_HZ, dtype=np.float32)[None]
    feed = SoundFeed(ArraySource(ramp), Course(0.4, loop_s=(0.25, 0.5)), end_s=1.0)
    ring = feed.open_ring(ticket=1, capacity=RATE_HZ)
    feed.fill(ring, at_most=RATE_HZ * 9 // 10)
    fade = round(LOOP_FADE_S * RATE_HZ)
    begin, stop = RATE_HZ // 4, RATE_HZ // 2
    for k in range(ring.available):
        where = ring.locate()
        out = ring.take(1)
        clip = round(where.position_s * RATE_HZ)
        turns, offset = divmod(k - (stop - round(0.4 * RATE_HZ)), stop - begin)
        expected = begin + offset if turns >= 0 else round(0.4 * RATE_HZ) + k
        assert clip == expected
        if turns < 0 or offset >= fade:
            assert out[0, 0] == clip
        else:
            # Between the beginning and what would have come after the end.
            assert clip < out[0, 0] <= stop + offset or offset == fade - 1
    assert ring.locate().run.entered_from_s == pytest.approx(0.5)


def test_a_loop_begun_behind_its_end_plays_on_to_the_clips_end():
    ring = filled_ring(ArraySource(np.ones((1, RATE_HZ))), Course(0.6, loop_s=(0.2, 0.5)), end_s=1.0, ticket=1)
    assert ring.available == round(0.4 * RATE_HZ)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.75, 1.5, 2.0, 4.0])
def test_at_another_speed_the_clip_takes_the_time_it_should_and_says_where_it_is(speed):
    ring = filled_ring(ArraySource(np.ones((4, RATE_HZ))), Course(0.0, speed), end_s=1.0, ticket=1)
    assert ring.available == pytest.approx(RATE_HZ / speed, abs=1)
    ring.take(4800)
    assert ring.locate().position_s == pytest.approx(0.1 * speed)


@pytest.mark.parametrize(("speed", "start_s", "lasts_s"), [(-1.0, 0.5, 0.5), (-2.0, 1.0, 0.5), (8.0, 0.0, 0.125)])
def test_speeds_that_nothing_can_be_heard_at_run_silently(speed, start_s, lasts_s):
    ring = filled_ring(ArraySource(np.ones((1, RATE_HZ))), Course(start_s, speed), end_s=1.0, ticket=1)
    assert ring.available == round(lasts_s * RATE_HZ)
    assert not everything(ring).any()
    assert ring.locate().position_s == pytest.approx(0.0 if speed < 0 else 1.0)


def test_silence_fills_the_clip():
    ring = filled_ring(Silence(), end_s=0.5, ticket=1)
    assert ring.available == RATE_HZ // 2
    assert not everything(ring).any()
