"""What is checked is never learnt from: not now, not in any later job, whatever is corrected in between."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.datasets.index import Split
from panosod_core.errors import TrainingError
from panosod_core.training.finetune_blocks import blocks_of
from panosod_core.training.finetune_folds import folds
from panosod_core.training.finetune_split import (
    ENOUGH,
    GUARD_S,
    LEAST_SHARE,
    MOST_SHARE,
    Corrected,
    FixedSplit,
    extend_split,
    is_spread,
    settle_split,
    split_path,
)
from panosod_core.training.finetune_stretches import WHOLE, Stretch

SHARE = 0.12


def clip(name: str, frames) -> Corrected:
    return Corrected(name, f"{name}.mp4", tuple(sorted(frames)))


times = st.sets(st.integers(0, 400).map(lambda n: n / 10), min_size=1, max_size=40)
projects = st.lists(times, min_size=1, max_size=5).map(lambda sets: [clip(f"c{k}", t) for k, t in enumerate(sets)])


def parts(split: FixedSplit, corrected) -> dict[Split | None, set[tuple[str, float]]]:
    found: dict[Split | None, set[tuple[str, float]]] = {Split.TRAIN: set(), Split.VALIDATION: set(), None: set()}
    for c in corrected:
        for t in c.times_s:
            found[split.part_of(c.content_id, t)].add((c.content_id, t))
    return found


@given(projects)
def test_check_and_training_lie_a_guard_apart(corrected):
    found = parts(extend_split(FixedSplit(), corrected, share=SHARE), corrected)
    for name, checked in found[Split.VALIDATION]:
        assert all(abs(t - checked) >= GUARD_S for c, t in found[Split.TRAIN] if c == name)


@given(projects)
def test_the_check_set_has_its_share_and_leaves_something_to_learn_from(corrected):
    split = extend_split(FixedSplit(), corrected, share=SHARE)
    found, total = parts(split, corrected), sum(len(c.times_s) for c in corrected)
    if total < ENOUGH:
        assert split == FixedSplit()
    else:
        assert len(found[Split.VALIDATION]) <= max(1, MOST_SHARE * total)
        assert found[Split.TRAIN] and found[Split.VALIDATION]


@given(st.lists(projects, min_size=2, max_size=5))
def test_nothing_ever_changes_sides(stages):
    """Job after job on a growing project: no frame that was learnt from is ever checked, nor the other way round."""
    split, learnt, checked = FixedSplit(), set(), set()
    known: dict[str, set[float]] = {}
    for stage in stages:
        for c in stage:
            known.setdefault(c.content_id, set()).update(c.times_s)
        corrected = [clip(name, t) for name, t in known.items()]
        split = extend_split(split, corrected, share=SHARE)
        found = parts(split, corrected)
        assert not learnt & found[Split.VALIDATION] and not checked & found[Split.TRAIN]
        learnt |= found[Split.TRAIN]
        checked |= found[Split.VALIDATION]
        split = split.having_learnt(corrected)


@given(projects)
def test_a_split_is_read_as_it_was_written(corrected):
    split = extend_split(FixedSplit(), corrected, share=SHARE).having_learnt(corrected)
    again = FixedSplit.from_json(split.to_json(), source=split_path)
    assert again == split


@given(projects)
def test_folds_check_every_frame_at_most_once_and_learn_from_none_of_their_own(corrected):
    seen: list[tuple[str, float]] = []
    for fold in folds(corrected, fixed=FixedSplit()):
        found = parts(fold, corrected)
        assert found[Split.TRAIN]
        seen += found[Split.VALIDATION]
        for name, checked in found[Split.VALIDATION]:
            assert all(abs(t - checked) >= GUARD_S for c, t in found[Split.TRAIN] if c == name)
    assert len(seen) == len(set(seen))


@given(st.sets(st.integers(0, 5).map(lambda n: n / 10), min_size=5, max_size=6), st.floats(0, 40))
def test_frames_within_half_a_second_are_all_checked_with_a_smaller_gap(crowd, far):
    corrected = [clip("a", crowd)]
    found = folds(corrected, fixed=FixedSplit())
    assert sum(fold.held(corrected) for fold in found) == len(crowd)
    for fold in found:
        learnt, checked = (parts(fold, corrected)[split] for split in (Split.TRAIN, Split.VALIDATION))
        assert learnt and (fold.guard_s == GUARD_S or 2 * len(learnt) >= len(crowd) - len(checked))
        assert all(abs(t - c) >= fold.guard_s > 0 for _, t in learnt for _, c in checked)
    kept = FixedSplit({"a": (Stretch(far, far),)})  # whose own guard stays as wide as it was
    for fold in folds(corrected, fixed=kept):
        assert all(abs(t - far) >= GUARD_S for _, t in parts(fold, corrected)[Split.TRAIN])


def test_a_small_clip_is_checked_whole():
    corrected = [clip("a", range(30)), clip("b", (0, 1, 2))]
    split = extend_split(FixedSplit(), corrected, share=SHARE)
    assert list(split.check) == ["b"] and split.check["b"][0].is_whole
    assert split.part_of("b", 1e9) is Split.VALIDATION


def test_a_single_clip_is_checked_in_stretches_with_guards():
    corrected = [clip("a", [k / 5 for k in range(40)])]
    split = extend_split(FixedSplit(), corrected, share=SHARE)
    found = parts(split, corrected)
    assert len(found[Split.VALIDATION]) == 5 and len(found[Split.TRAIN]) >= 20, "half of it stays to be learnt from"
    assert all(s.end_s - s.start_s <= 0.41 for s in split.check["a"])
    assert LEAST_SHARE <= len(found[Split.VALIDATION]) / 40 <= MOST_SHARE


def test_after_jobs_without_a_check_set_only_new_frames_are_checked():
    old = [clip("a", [k * 1.0 for k in range(12)])]
    split = FixedSplit().having_learnt(old)
    grown = [clip("a", [k * 1.0 for k in range(30)])]
    stretches = extend_split(split, grown, share=SHARE).check["a"]
    assert stretches and all(stretch.start_s >= 12 for stretch in stretches)
    assert extend_split(split.having_learnt(grown), grown, share=SHARE).check == {}


def test_the_split_is_kept_beside_the_project(tmp_path):
    project = tmp_path / "p.panosod"
    corrected = [clip("a", range(25))]
    first = settle_split(project, corrected, share=SHARE)
    assert settle_split(project, [clip("a", range(27))], share=0.15) == first
    split_path(project).write_text('{"version": 1, "check": 3}')
    with pytest.raises(TrainingError, match="never been learnt from"):
        settle_split(project, corrected, share=SHARE)
    split_path(project).write_text('{"version": 2}')
    with pytest.raises(TrainingError, match="newer"):
        settle_split(project, corrected, share=SHARE)


def test_times_before_and_after_all():
    split = extend_split(FixedSplit(), [clip("a", range(25))], share=SHARE)
    assert split.part_of("a", math.inf) is Split.TRAIN and split.part_of("other", 3.0) is Split.TRAIN


def test_what_was_learnt_in_a_small_first_job_gives_no_share():
    """The first job learnt from all of a clip; what comes after it, in another one, is checked as much as may be."""
    first = clip("a", [float(k) for k in range(19)])
    split = FixedSplit().having_learnt([first])
    for count, limit in ((20, 5), (50, 10)):
        corrected = [first, clip("b", [float(k) for k in range(count)])]
        found = extend_split(split, corrected, share=SHARE)
        assert 5 <= found.held(corrected) <= limit and found.held([first]) == 0
    step = [first, clip("b", [float(k) for k in range(20)])]
    split = extend_split(split, step, share=SHARE).having_learnt(step)
    grown = [first, clip("b", [float(k) for k in range(50)])]
    assert 5 <= extend_split(split, grown, share=SHARE).held(grown) <= 10


@pytest.mark.parametrize("step", [0.1, 0.2])
def test_a_share_that_a_clip_cannot_give_is_the_next_ones(step):
    """Every other frame of the longest clip was learnt from: no stretch of it is new."""
    old = clip("a", [2 * k * step for k in range(30)])
    split = FixedSplit().having_learnt([old])
    corrected = [clip("a", [k * step for k in range(60)]), clip("b", [float(k) for k in range(12)]), clip("c", (0, 9))]
    assert extend_split(split, corrected, share=SHARE).held(corrected) >= 5


def blocks(split: FixedSplit, corrected) -> int:
    held = sorted(parts(split, corrected)[Split.VALIDATION])
    return len(set(blocks_of([c for c, _ in held], [t for _, t in held])))


def test_a_check_set_is_spread_over_time_where_that_leaves_enough():
    far = [clip("a", [0.5 * k for k in range(40)])]
    split = extend_split(FixedSplit(), far, share=SHARE)
    assert blocks(split, far) >= 5 and len(parts(split, far)[Split.TRAIN]) >= 20
    bursts = [clip(f"c{n}", [0.1 * k for k in range(20)]) for n in range(2)]
    split = extend_split(FixedSplit(), bursts, share=SHARE)
    assert blocks(split, bursts) < 5, "two seconds of two clips cannot be spread"
    grown = [*bursts, *(clip(f"d{n}", [0.1 * k for k in range(20)]) for n in range(6))]
    split = extend_split(split.having_learnt(bursts), grown, share=SHARE)
    assert blocks(split, grown) >= 5, "it grows as soon as it can"
    assert extend_split(split.having_learnt(grown), grown, share=SHARE).check == split.check


SECONDS_20 = clip("b", [5 + 0.5 * k for k in range(40)])


@pytest.mark.parametrize(
    ("corrected", "share"),
    [
        # two small clips would fit the share
        ([clip("a", (0.1, 0.2, 0.3)), SECONDS_20, clip("c", (0.0, 0.2, 0.4))], 0.15),
        # five frames, by their part: four and one
        ([SECONDS_20, clip("c", [20.0 + k for k in range(10)])], 0.1),
        # two seconds hold as many frames as nineteen
        (
            [clip("a", [0.1 * k for k in range(20)]), clip("b", [20.0 + k for k in range(20)]), clip("c", (0, 9.0))],
            0.15,
        ),
    ],
)
def test_a_check_set_is_spread_where_one_clip_alone_can_give_that(corrected, share):
    split = extend_split(FixedSplit(), corrected, share=share)
    assert is_spread(split, corrected) and blocks(split, corrected) >= 5
    total = sum(len(c.times_s) for c in corrected)
    assert split.held(corrected) <= MOST_SHARE * total and len(parts(split, corrected)[Split.TRAIN]) >= total / 2


def test_small_clips_are_checked_whole_where_nothing_lies_in_more_blocks():
    corrected = [clip("a", [0.01 * k for k in range(40)]), clip("b", (0.0, 0.1, 0.2)), clip("c", (0.0, 0.1, 0.2))]
    split = extend_split(FixedSplit(), corrected, share=SHARE)
    assert set(split.check) == {"b", "c"} and not is_spread(split, corrected)


def test_a_check_set_in_one_moment_grows_by_what_it_lacks_at_once():
    burst = clip("a", [0.1 * k for k in range(5)])
    split = FixedSplit({"a": (WHOLE,)}).having_learnt([SECONDS_20])
    corrected = [burst, SECONDS_20, clip("d", [float(k) for k in range(20)])]
    grown = extend_split(split, corrected, share=0.05)
    assert is_spread(grown, corrected) and grown.held(corrected) == 9


def test_frames_a_guard_away_from_what_jobs_have_learnt_from_are_checked_first():
    old = clip("a", [0.5 * k for k in range(20)])
    split = FixedSplit().having_learnt([old])
    between = {t + 0.1 for t in old.times_s}
    corrected = [clip("a", {*old.times_s, *between, *(20 + 0.5 * k for k in range(20))})]
    found = extend_split(split, corrected, share=SHARE)
    checked = {t for _, t in parts(found, corrected)[Split.VALIDATION]}
    assert is_spread(found, corrected)
    assert min(abs(t - learnt) for t in checked for learnt in old.times_s) >= GUARD_S
    corrected = [clip("a", {*old.times_s, *between})]
    found = extend_split(split, corrected, share=SHARE)
    assert 5 <= found.held(corrected) <= 6 and not set(old.times_s) & {
        t for _, t in parts(found, corrected)[Split.VALIDATION]
    }, "nothing lies farther away: closer ones are taken"
