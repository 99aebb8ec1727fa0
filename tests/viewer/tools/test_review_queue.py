"""Which frames wait, in which order, and how far a clip is."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from panosod_core.annotation.records import FrameKey, FrameRow, FrameState
from panosod_core.annotation.survey import Survey
from panosod_viewer.tools.review_queue import (
    FrameLine,
    Show,
    lines_of,
    next_index,
    progress_of,
    shown,
    stretches,
    untouched_keyframes,
)

STATES = st.sampled_from(list(FrameState))
LINES = st.dictionaries(st.integers(0, 60), st.tuples(STATES, st.sampled_from(["", "propagated", "machine"]))).map(
    lambda found: tuple(FrameLine(i, *found[i]) for i in sorted(found))
)


@given(LINES, st.integers(1, 80), st.integers(1, 9))
def test_every_key_frame_is_either_touched_or_waits(lines, count, every):
    waiting = untouched_keyframes(lines, count=count, every=every)
    touched = {line.index for line in lines if line.state is not FrameState.UNTOUCHED}
    assert set(waiting) | (touched & set(range(0, count, every))) == set(range(0, count, every))
    assert not set(waiting) & touched
    progress = progress_of(lines, Survey(), count=count, every=every)
    assert progress.untouched == len(waiting) and progress.keyframes == len(range(0, count, every))
    assert progress.accepted + progress.drafts + progress.rejected == len(touched)


@given(LINES)
def test_stretches_hold_every_touched_frame_once_and_nothing_else(lines):
    found = stretches(lines)
    covered = [(i, s.state) for s in found for i in range(s.first, s.last + 1)]
    assert covered == [(line.index, line.state) for line in lines if line.state is not FrameState.UNTOUCHED]
    for a, b in itertools.pairwise(found):
        assert a.last + 1 < b.first or (a.state, a.is_machine) != (b.state, b.is_machine)


@given(st.lists(st.integers(0, 50), unique=True).map(sorted), st.integers(0, 50), st.sampled_from([1, -1]))
def test_going_on_visits_all_others_and_comes_around(indices, index, step):
    others = [i for i in indices if i != index]
    at, seen = index, []
    for _ in others:
        at = next_index([*others], at, step=step) if seen else next_index(indices, index, step=step)
        seen.append(at)
    assert sorted(seen) == others
    if not others:
        assert next_index(indices, index, step=step) is None


def test_next_is_the_nearest_ahead_then_the_first():
    assert next_index([3, 9, 20], 9, step=1) == 20 and next_index([3, 9, 20], 20, step=1) == 3
    assert next_index([3, 9, 20], 9, step=-1) == 3 and next_index([3, 9, 20], 1, step=-1) == 20
    assert next_index([4], 4, step=1) is None


def test_the_list_holds_what_was_asked_for():
    lines = (
        FrameLine(0, FrameState.ACCEPTED),
        FrameLine(2, FrameState.DRAFT, "propagated"),
        FrameLine(3, FrameState.DRAFT, note="look"),
        FrameLine(6, FrameState.UNTOUCHED, note="later"),
        FrameLine(9, FrameState.REJECTED, "machine"),
    )
    wanted = {
        Show.ALL: [0, 2, 3, 6, 9],
        Show.DRAFTS: [2, 3],
        Show.MACHINE: [2],
        Show.ACCEPTED: [0],
        Show.REJECTED: [9],
        Show.NOTES: [3, 6],
        Show.KEYFRAMES: [6, 12, 18],
    }
    for show, indices in wanted.items():
        assert [line.index for line in shown(lines, show, count=20, every=6)] == indices
    assert shown(lines, Show.KEYFRAMES, count=20, every=6)[0].note == "later"


def test_a_line_says_who_made_its_masks():
    rows = [FrameRow(n, FrameKey(1, 0, 100 * n, n), FrameState.DRAFT) for n in range(3)]
    lines = lines_of(rows, Survey(frozenset({0, 100}), frozenset({100})))
    assert [line.machine for line in lines] == ["machine", "propagated", ""]
