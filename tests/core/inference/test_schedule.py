"""Properties of the order of work: nothing twice, nothing forgotten, the frame in sight first, no map too late."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.inference.schedule import AROUND_S, JUMP_S, LONE, Playhead, Schedule, strides

clips = st.fixed_dictionaries(
    {
        "frame_count": st.integers(1, 400),
        "frame_rate_hz": st.sampled_from([10.0, 24.0, 29.97, 30.0, 60.0]),
        "window_step": st.integers(1, 12),
    }
)


def worked_off(schedule: Schedule, *, now_s: float = 0.0, limit: int = 10_000) -> list[int]:
    """All that it asks for while nothing moves."""
    order: list[int] = []
    while (index := schedule.next(now_s)) is not None:
        schedule.finish(index)
        order.append(index)
        assert len(order) <= limit
    return order


@given(clip=clips, at=st.integers(0, 500), playing=st.booleans(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_frame_is_asked_for_once_and_none_that_is_known(clip, at, playing, data):
    known = data.draw(st.sets(st.integers(0, clip["frame_count"] - 1)))
    schedule = Schedule(**clip, known=known)
    schedule.move(Playhead(at, playing))
    assert sorted(worked_off(schedule)) == sorted(set(range(clip["frame_count"])) - known)
    assert schedule.done.all()


@given(clip=clips, at=st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_while_it_stands_the_frame_in_sight_is_first_and_near_ones_before_far_ones(clip, at):
    schedule = Schedule(**clip)
    schedule.move(Playhead(at))
    order = worked_off(schedule)
    at = min(at, clip["frame_count"] - 1)
    assert order[0] == at
    reach = math.ceil(AROUND_S * clip["frame_rate_hz"])
    is_near = [at - reach <= index < at + reach for index in order]
    assert is_near == sorted(is_near, reverse=True)


@given(clip=clips, at=st.integers(0, 500), map_s=st.floats(0.005, 1.0), late_s=st.floats(0.0, 3.0))
@settings(max_examples=60, deadline=None)
def test_while_it_plays_nothing_is_begun_that_would_come_too_late_if_anything_else_is_left(clip, at, map_s, late_s):
    schedule = Schedule(**clip, map_s=map_s)
    schedule.move(Playhead(at, is_playing=True, at_s=5.0))
    index = schedule.next(5.0 + late_s)
    at = min(at, clip["frame_count"] - 1)
    due = at + (late_s + map_s) * clip["frame_rate_hz"]
    assert index is not None
    ahead = range(math.ceil(due), clip["frame_count"])
    if any(n % schedule.stride == 0 for n in ahead):
        assert index >= math.ceil(due) - 1e-6
        assert index % schedule.stride == 0
        assert not any(n % schedule.stride == 0 for n in range(math.ceil(due), index))


@given(
    step=st.integers(1, 16), rate_hz=st.sampled_from([10.0, 25.0, 30.0, 60.0]), seconds=st.floats(1e-4, 3.0),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_the_grid_is_the_finest_that_the_machine_keeps_up_with(step, rate_hz, seconds):
    schedule = Schedule(frame_count=1000, frame_rate_hz=rate_hz, window_step=step)
    schedule.move(Playhead(0, is_playing=True))
    for index in range(40):
        schedule.finish(index, took_s=seconds)
    lone = np.where(np.array(schedule.strides) > step, LONE, 1.0)
    needed = dict(zip(schedule.strides, seconds * rate_hz * lone / schedule.strides, strict=True))
    assert needed[schedule.stride] <= 0.9 + 1e-9 or needed[schedule.stride] == min(needed.values())
    assert all(need > 0.8 - 1e-9 for n, need in needed.items() if n < schedule.stride)


@given(map_s=st.floats(0.01, 0.2), carry_s=st.floats(0.0005, 0.01))
@settings(max_examples=60, deadline=None)
def test_a_grid_is_chosen_by_what_its_own_work_costs_and_one_bad_start_is_got_over(map_s, carry_s):
    """On a wide grid each map takes its neighbours' work and many carried maps along: that says nothing of a finer."""
    schedule = Schedule(frame_count=100_000, frame_rate_hz=30.0, window_step=6)
    schedule.move(Playhead(0, is_playing=True))

    def work(times: int, *, slowness: float = 1.0) -> None:
        for index in range(times):
            n = schedule.stride
            carrying_s = (n - 1) * carry_s * slowness
            own_s = map_s * (LONE if n > 6 else 1.0) * slowness
            schedule.finish(
                index, took_s=own_s + carrying_s, is_lone=n > 6, carried=n - 1, carrying_s=carrying_s
            )  # fmt: skip

    def cost(n: int) -> float:
        return 30.0 / n * (map_s * (LONE if n > 6 else 1.0) + (n - 1) * carry_s)

    work(1, slowness=50.0)
    assert schedule.stride == 6, "the first map of all says nothing"
    work(3, slowness=8.0)
    work(60)
    # The finest that fits, but for the margin that keeps it from swinging.
    fits = [n for n in schedule.strides if cost(n) <= 0.79]
    assert schedule.stride <= (fits[0] if fits else max(schedule.strides))
    if fits:
        assert cost(schedule.stride) <= 0.91


def test_a_speed_at_the_edge_does_not_make_the_grid_swing():
    schedule = Schedule(frame_count=10_000, frame_rate_hz=30.0, window_step=6)
    schedule.move(Playhead(0, is_playing=True))
    seen = []
    for index in range(600):
        schedule.finish(index, took_s=0.056 if index % 2 else 0.060)  # about 0.87 of what every second frame needs
        seen.append(schedule.stride)
    assert len(set(seen[50:])) == 1


@given(step=st.integers(1, 16), rate_hz=st.floats(5.0, 120.0))
def test_the_neighbours_of_a_frame_on_a_grid_lie_on_the_grid(step, rate_hz):
    grids = strides(step, frame_rate_hz=rate_hz)
    assert grids[0] == 1
    assert list(grids) == sorted(set(grids))
    assert all(step % n == 0 or n % step == 0 for n in grids)
    assert grids[-1] <= max(step, 2 * rate_hz)


@given(stride=st.integers(1, 30), count=st.integers(1, 300), playing=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_fixed_grid_is_kept_whatever_the_speed(stride, count, playing):
    schedule = Schedule(frame_count=count, frame_rate_hz=30.0, window_step=6, stride=stride)
    schedule.move(Playhead(0, playing))
    order = []
    while (index := schedule.next(0.0)) is not None:
        schedule.finish(index, took_s=0.5)
        order.append(index)
    assert set(order) == set(range(0, count, stride))


def test_playing_on_is_no_jump_and_a_jump_is_one():
    schedule = Schedule(frame_count=3000, frame_rate_hz=30.0, window_step=6)
    assert schedule.move(Playhead(0, is_playing=True, at_s=0.0))
    assert not schedule.move(Playhead(30, is_playing=True, at_s=1.0))
    assert not schedule.move(Playhead(30 + round(0.9 * JUMP_S * 30), is_playing=True, at_s=1.0))
    assert not schedule.move(Playhead(60, is_playing=False, at_s=1.7))
    assert not schedule.move(Playhead(60, is_playing=True, at_s=9.0))
    assert schedule.move(Playhead(600, is_playing=True, at_s=9.1))
    assert schedule.move(Playhead(300, is_playing=True, at_s=9.2))


def test_while_it_stands_every_other_frame_is_a_jump():
    schedule = Schedule(frame_count=300, frame_rate_hz=30.0, window_step=6)
    schedule.move(Playhead(100))
    assert not schedule.move(Playhead(100))
    assert schedule.move(Playhead(101))
    assert schedule.next(0.0) == 101


@given(jumps=st.lists(st.tuples(st.integers(0, 299), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_wherever_it_jumps_in_the_end_all_is_done_once(jumps):
    schedule = Schedule(frame_count=300, frame_rate_hz=30.0, window_step=6)
    order: list[int] = []
    for at, playing in jumps:
        schedule.move(Playhead(at, playing))
        for _ in range(20):
            index = schedule.next(0.0)
            if index is not None:
                schedule.finish(index, took_s=0.03)
                order.append(index)
    order += worked_off(schedule)
    assert sorted(order) == list(range(300))


def test_nobody_has_told_where_it_stands():
    schedule = Schedule(frame_count=3, frame_rate_hz=30.0, window_step=6)
    assert schedule.next(0.0) is None and not schedule.is_placed
    schedule.move(Playhead(1))
    assert schedule.next(0.0) == 1 and schedule.is_placed


@pytest.mark.parametrize(
    "words",
    [
        {"frame_count": 0, "frame_rate_hz": 30.0, "window_step": 6},
        {"frame_count": 9, "frame_rate_hz": 0.0, "window_step": 6},
        {"frame_count": 9, "frame_rate_hz": math.nan, "window_step": 6},
        {"frame_count": 9, "frame_rate_hz": 30.0, "window_step": 0},
        {"frame_count": 9, "frame_rate_hz": 30.0, "window_step": 6, "stride": -1},
    ],
)
def test_impossible_clips_are_refused(words):
    with pytest.raises(ValueError, match="above 0"):
        Schedule(**words)


def test_what_it_knows_is_a_copy():
    schedule = Schedule(frame_count=5, frame_rate_hz=30.0, window_step=2, known=[1, 7, -1])
    schedule.done[:] = True
    assert np.flatnonzero(schedule.done).tolist() == [1]


@given(clip=clips, at=st.integers(0, 500), playing=st.booleans(), stride=st.integers(0, 5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_map_that_is_lost_is_made_again_once_on_the_grid_or_off_it(clip, at, playing, stride, data):
    schedule = Schedule(**clip, stride=stride)
    schedule.move(Playhead(at, playing))
    before = worked_off(schedule)
    lost = data.draw(st.sets(st.integers(0, clip["frame_count"] - 1)))
    for index in lost:
        schedule.forget(index)
    assert not any(schedule.is_done(index) for index in lost)
    assert sorted(worked_off(schedule)) == sorted(lost)
    schedule.know(lost)
    assert sorted(worked_off(schedule)) == sorted(set(before) - lost)


def test_a_lost_map_off_the_clip_is_nobodys():
    schedule = Schedule(frame_count=4, frame_rate_hz=30.0, window_step=2)
    schedule.move(Playhead(0))
    schedule.forget(4)
    schedule.forget(-1)
    assert sorted(worked_off(schedule)) == [0, 1, 2, 3]
