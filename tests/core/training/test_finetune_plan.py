"""What is kept for the check is learnt from by no run, whatever becomes of the other frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.datasets.index import Split
from panosod_core.errors import TrainingError
from panosod_core.training.finetune_plan import MAIN, runs_of
from panosod_core.training.finetune_split import GUARD_S, Corrected, FixedSplit, extend_split
from panosod_core.training.finetune_stretches import WHOLE, Stretch

SHARE = 0.12
times = st.sets(st.integers(0, 300).map(lambda n: n / 10), max_size=30)
projects = st.lists(times, min_size=1, max_size=4)


def corrected_of(sets) -> list[Corrected]:
    return [Corrected(f"c{k}", "VID.mp4", tuple(sorted(t))) for k, t in enumerate(sets) if t]


def learnt_by(split, corrected):
    return {(c.content_id, t) for c in corrected for t in c.times_s if split.part_of(c.content_id, t) is Split.TRAIN}


@given(projects, st.data())
def test_no_run_learns_from_the_check_set_whatever_is_left(sets, data):
    """Jobs come and go; then a drive is away and frames are rejected, until few are left, or others are added."""
    before = corrected_of(sets)
    fixed = extend_split(FixedSplit(), before, share=SHARE).having_learnt(before)
    kept = [{t for t in some if data.draw(st.booleans())} | data.draw(times) for some in sets]
    after = corrected_of(kept)
    fixed = extend_split(fixed, after, share=SHARE)
    try:
        runs = runs_of(after, fixed)
    except TrainingError:
        assert not fixed.to_learn_from(after)
        return
    checks = [(c, s) for c, found in fixed.check.items() for s in found]
    for split in runs.values():
        for clip, time_s in learnt_by(split, after):
            assert all(c != clip or max(s.start_s - time_s, time_s - s.end_s) >= GUARD_S for c, s in checks)
    main = next(split for plan, split in runs.items() if plan.name == MAIN)
    assert learnt_by(main, after) == learnt_by(fixed, after), "and the candidate learns from all the others"


def test_a_check_set_outlives_the_frames_around_it():
    """Of 30 frames 8 are left, two of which are kept for the check: cross-validation goes on without those."""
    fixed = FixedSplit({"a": (Stretch(10.0, 11.0),)})
    corrected = [Corrected("a", "a.mp4", (1.0, 2.0, 3.0, 9.7, 10.0, 11.0, 20.0, 21.0))]
    runs = runs_of(corrected, fixed)
    assert [plan.name for plan in runs] == ["fold-1", "fold-2", "fold-3", MAIN]
    parts = [{t: split.part_of("a", t) for t in corrected[0].times_s} for split in runs.values()]
    assert all(part[9.7] is part[10.0] is part[11.0] is None for part in parts)
    checked = [t for part in parts for t, split in part.items() if split is Split.VALIDATION]
    assert sorted(checked) == [1.0, 2.0, 3.0, 20.0, 21.0]


def test_nothing_but_the_check_set_is_refused():
    corrected = [Corrected("a", "a.mp4", tuple(float(t) for t in range(8)))]
    with pytest.raises(TrainingError, match="8 that are all kept for the check"):
        runs_of(corrected, FixedSplit({"a": (WHOLE,)}))


@pytest.mark.parametrize(("checked", "names"), [(4, ["fold-1", "fold-2", "fold-3", MAIN]), (5, [MAIN])])
def test_a_check_set_that_decides_nothing_leaves_the_others_to_be_checked_in_turn(checked, names):
    corrected = [Corrected("a", "a.mp4", tuple(float(t) for t in range(30)))]
    runs = runs_of(corrected, FixedSplit({"a": (Stretch(0.0, checked - 1.0),)}))
    assert [plan.name for plan in runs] == names
    assert not any(t < checked for split in runs.values() for _, t in learnt_by(split, corrected))


def test_a_check_set_grows_to_what_can_decide():
    """At 20 frames 15 % are three; from 34 on they are five."""
    few = [Corrected("a", "a.mp4", tuple(float(t) for t in range(20)))]
    early = extend_split(FixedSplit(), few, share=0.12)
    assert early.held(few) < 5
    more = [Corrected("a", "a.mp4", tuple(float(t) for t in range(40)))]
    assert extend_split(early.having_learnt(few), more, share=0.05).held(more) == 5
