"""The gate advises a candidate only where it is better beyond chance, and nowhere much worse."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.training.finetune_blocks import FEWEST_BLOCKS, blocks_of
from panosod_core.training.finetune_gate import MANY_BLOCKS, MARGIN, Advice, FrameScores, interval, judge
from panosod_core.training.finetune_split import FEWEST_CHECKED, Corrected, FixedSplit, extend_split

gains_of = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


def frames(gains, *, clip="a", before=0.5, name="f", step_s=3.0):
    return [FrameScores(clip, k, k * step_s, {name: before}, {name: before + g}) for k, g in enumerate(gains)]


def test_clearly_better_is_advised():
    verdict = judge(frames([0.1, 0.12, 0.09, 0.11, 0.1, 0.13]), corrected=50)
    assert verdict.advice is Advice.PROMOTE
    assert verdict.overall["f"].gain == pytest.approx(0.1083, abs=1e-3) and verdict.overall["f"].low > 0.09


@pytest.mark.parametrize(("count", "step_s", "blocks"), [(5, 0.04, 1), (6, 0.1, 1), (30, 0.1, 4), (9, 0.3, 3)])
def test_a_moment_is_none_however_many_of_its_frames_were_checked(count, step_s, blocks):
    verdict = judge(frames([0.1 + 0.001 * k for k in range(count)], step_s=step_s), corrected=50)
    assert verdict.advice is Advice.TOO_FEW and f"too close together: {count} frames in {blocks} st" in verdict.reason
    assert verdict.overall["f"].blocks == blocks < FEWEST_BLOCKS
    assert (blocks > 1) or (verdict.overall["f"].low, verdict.overall["f"].high) == (-1, 1)


@pytest.mark.parametrize("count", [5, 6, 8, 12, MANY_BLOCKS - 1])
def test_what_is_no_better_is_seldom_advised(count):
    """Blocks that are shifted together, three frames each: of 400 checks without a gain about ten are lucky."""
    rng, promoted = np.random.default_rng(11), 0
    for trial in range(400):
        shared, own = rng.normal(0, 0.1, count), rng.normal(0, 0.03, (count, 3))
        some = [
            FrameScores("a", 100 * b + k, 5 * b + k / 10, {"f": 0.5}, {"f": 0.5 + shared[b] + own[b, k]})
            for b in range(count)
            for k in range(3)
        ]
        promoted += judge(some, corrected=50, seed=trial).advice is Advice.PROMOTE
    assert promoted / 400 <= 0.05


@given(gains_of)
def test_no_gain_is_never_advised(gains):
    assert judge(frames([-abs(g) for g in gains]), corrected=1000).advice is not Advice.PROMOTE


@given(gains_of, st.integers(0, 19))
def test_too_few_corrected_frames_are_never_advised(gains, corrected):
    assert judge(frames([abs(g) for g in gains]), corrected=corrected).advice is Advice.TOO_FEW


def test_few_checked_frames_or_no_check_set_are_too_few():
    assert judge(frames([0.3] * 4), corrected=100).advice is Advice.TOO_FEW
    found = judge(frames([0.3] * 40), corrected=100, spread=False)
    assert found.advice is Advice.TOO_FEW and "kept for the check" in found.reason
    assert judge([], corrected=100).advice is Advice.TOO_FEW


def test_it_asks_at_once_for_as_many_as_a_check_set_of_its_own_takes():
    content = "a" * 64
    for count, is_enough in ((33, False), (34, True)):
        times_s = tuple(5.0 * k for k in range(count))
        split = extend_split(FixedSplit(), [Corrected(content, "a", times_s)], share=0.1)
        assert (split.held([Corrected(content, "a", times_s)]) >= FEWEST_CHECKED) is is_enough
    for corrected in (5, 12, 19):
        reason = judge(frames(BETTER), corrected=corrected, spread=False).reason
        assert reason == f"{corrected} corrected frames are too few to tell: correct 34 or more"
    for corrected, words in ((20, "34 or more in all"), (33, "34 or more in all"), (34, "more"), (90, "more")):
        assert f": correct {words}, in" in judge(frames(BETTER), corrected=corrected, spread=False).reason


def test_a_clip_that_suffers_is_in_the_way():
    good = frames([0.2] * 20)
    assert judge(good + frames([-MARGIN / 2] * 3, clip="b"), corrected=100).advice is Advice.PROMOTE
    verdict = judge(good + frames([-2 * MARGIN] * 3, clip="b"), corrected=100)
    assert verdict.advice is Advice.KEEP and "worse in b" in verdict.reason
    assert verdict.worst[0][0] == "b" and verdict.by_clip["b"]["f"].gain == pytest.approx(-2 * MARGIN)


def test_a_sure_gain_of_nothing_is_none():
    verdict = judge(frames([0.002] * 20), corrected=100)
    assert verdict.advice is Advice.KEEP and verdict.overall["f"].low > 0 and "matters" in verdict.reason


def test_noise_is_not_better():
    gains = np.random.default_rng(0).normal(0.01, 0.2, 30)
    verdict = judge(frames(gains.tolist()), corrected=200)
    assert verdict.advice is Advice.KEEP and verdict.overall["f"].low < 0 < verdict.overall["f"].high


def test_gain_is_good_for_every_score():
    for name in ("mae", "location_deg"):
        (found,) = judge(frames([-0.1] * 5, name=name), corrected=9).overall.values()
        assert found.gain == pytest.approx(0.1) and found.candidate < found.incumbent


def test_frames_without_a_score_do_not_count_for_it():
    some = [*frames([0.1] * 6), FrameScores("a", 9, 0.9, {"f": 0.5, "location_deg": 10}, {"f": 0.6})]
    verdict = judge(some, corrected=50)
    assert verdict.overall["f"].frames == 7 and "location_deg" not in verdict.overall


@given(gains_of, st.integers(0, 5))
def test_the_interval_holds_the_mean_and_depends_on_the_seed_alone(gains, seed):
    blocks = blocks_of(["a"] * len(gains), [3.0 * (k // 2) for k in range(len(gains))])
    low, high = interval(blocks, gains, within=1.0, seed=seed)
    assert -1 <= low <= np.mean(gains) + 1e-12 and np.mean(gains) - 1e-12 <= high <= 1
    assert (low, high) == interval(blocks, gains, within=1.0, seed=seed)


def test_below_twenty_blocks_it_is_students():
    low, high = interval(np.arange(5), [0.1, 0.2, 0.3, 0.4, 0.5], seed=0)
    reach = 2.7764 * math.sqrt(0.025 / 5)  # of four degrees of freedom
    assert (low, high) == pytest.approx((0.3 - reach, 0.3 + reach), abs=1e-4)


def coverage(sample_of, clips, times_s, trials=200, truth=0.0):
    rng, held = np.random.default_rng(5), 0
    for trial in range(trials):
        low, high = interval(blocks_of(clips, times_s), sample_of(rng).tolist(), seed=trial)
        held += low <= truth <= high
    return held / trials


@pytest.mark.parametrize("count", [5, 10, 40])
def test_the_interval_covers_as_often_as_it_says(count):
    times_s = [5.0 * k for k in range(count)]
    found = coverage(lambda rng: rng.normal(0.1, 0.3, count), ["a"] * count, times_s, trials=300, truth=0.1)
    assert 0.91 <= found <= 0.98


def test_neighbours_that_look_alike_are_not_taken_for_independent():
    """Ten frames a second whose differences are alike for a second or so: one by one, a third would hold the truth."""

    def alike(rng):
        values, noise = np.zeros(240), rng.normal(size=240)
        for k in range(1, 240):
            values[k] = 0.9 * values[k - 1] + noise[k]
        return values

    assert coverage(alike, ["a"] * 240, [k / 10 for k in range(240)]) >= 0.88


def test_clips_that_differ_are_drawn_whole():
    """What is true of eight clips says little of the next one, however many of their frames were checked."""
    clips = [f"c{k // 20}" for k in range(160)]

    def by_clip(rng):
        return np.repeat(rng.normal(size=8), 20) + 0.1 * rng.normal(size=160)

    assert coverage(by_clip, clips, [5.0 * (k % 20) for k in range(160)]) >= 0.91


def test_blocks_are_as_long_as_leaves_enough_of_them():
    assert len(set(blocks_of([f"c{k % 6}" for k in range(30)], [float(k) for k in range(30)]))) == 6
    assert blocks_of(["a"] * 40, [k / 2 for k in range(40)]).tolist() == [k // 6 for k in range(40)]  # 3 s
    assert blocks_of(["b", "a", "b", "a"], [0.1, 0.0, 0.0, 9.0]).tolist() == [2, 0, 2, 1]  # too few, but no shorter


BETTER = [0.1, 0.12, 0.09, 0.11, 0.1, 0.13]


def scenes(gains, before=0.8):
    return [f for k, g in enumerate(gains) for f in frames([g], clip=f"scene {k}", before=before)]


def test_what_has_been_forgotten_is_in_the_way():
    """Better on the check set, where the model in use saw nothing, and worse at all that it could do."""
    falls = (-0.2 + 0.05 * np.random.default_rng(1).normal(size=20)).tolist()
    found = judge(frames(BETTER), corrected=50, base=scenes(falls))
    assert found.advice is Advice.KEEP and "forgotten: on 20 base scenes F 0.800 -> 0.6" in found.reason
    assert found.base["f"].high < -MARGIN and found.to_json()["base"]["f"]["frames"] == 20
    for harmless in ([-MARGIN / 2] * 20, [-0.9, *[0.04] * 19]):  # little; or one scene alone
        assert judge(frames(BETTER), corrected=50, base=scenes(harmless)).advice is Advice.PROMOTE
    few = judge(frames(BETTER), corrected=8, base=scenes(falls))
    assert few.advice is Advice.TOO_FEW and "forgotten" in few.reason


def test_what_nobody_could_ask_stands_first():
    found = judge(frames(BETTER), corrected=50, unasked="/data: no such folder", chosen=True)
    assert found.advice is Advice.PROMOTE and "somewhat optimistic" in found.reason
    assert found.reason.startswith("base scenes could not be asked what was forgotten (/data: no such folder)")
    assert "optimistic" not in judge(frames(BETTER), corrected=50).reason


@pytest.mark.parametrize(("step_s", "moments"), [(0.018, "1 moment"), (0.05, "3 moments"), (0.09, "5 moments")])
def test_a_fall_in_few_moments_of_what_it_was_made_for_is_in_the_way(step_s, moments):
    """Forty frames of one clip of base data: of fewer than five moments no interval lies below 0."""
    base = frames([-0.7 + 0.02 * (k % 3) for k in range(40)], clip="x", before=0.8, step_s=step_s)
    found = judge(frames(BETTER), corrected=50, base=base)
    assert found.advice is Advice.KEEP and "F 0.800 -> 0.12" in found.reason and "; but it " in found.reason
    is_few = found.base["f"].blocks < FEWEST_BLOCKS
    assert is_few == (moments != "5 moments") == (f"40 base frames lie in {moments} only" in found.reason)
    assert is_few == ("it may have forgotten" in found.reason) != ("it has forgotten" in found.reason)


def test_frames_of_one_base_clip_are_one_cluster():
    """Forty frames of two clips, of which one is worse: that may be the clip, but nobody can tell."""
    base = [f for name, g in (("x", -0.2), ("y", 0.0)) for f in frames([g] * 20, clip=name, step_s=0.05)]
    found = judge(frames(BETTER), corrected=50, base=base)
    assert found.advice is Advice.KEEP and "40 base frames lie in 4 moments only" in found.reason
    assert found.base["f"].high > 0


def test_base_frames_in_few_moments_without_a_fall_are_told():
    for gain in (-MARGIN / 2, 0.0, 0.1):
        few = judge(frames(BETTER), corrected=50, base=frames([gain] * 20, clip="x", step_s=0.03))
        assert few.advice is Advice.PROMOTE and "base frames lie in 1 moment only" in few.reason
    assert "moment" not in judge(frames(BETTER), corrected=50, base=scenes([0.0] * 20)).reason


def test_maps_that_are_only_as_decided_as_they_might_be_are_no_learning():
    def controlled(gain):
        return [replace(f, control={"f": f.candidate["f"] - gain}) for f in frames(BETTER)]

    found = judge(controlled(0.0), corrected=50)
    assert found.advice is Advice.KEEP and "as good once its maps are as decided" in found.reason
    assert found.overall["f"].low > 0.09 and found.control["f"].gain == 0
    assert judge(controlled(0.05), corrected=50).advice is Advice.PROMOTE
