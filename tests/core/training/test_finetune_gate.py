"""The gate advises a candidate only where it is better beyond chance, and nowhere much worse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.training.finetune_gate import MARGIN, Advice, FrameScores, bootstrap, judge

gains_of = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


def frames(gains, *, clip="a", before=0.5, name="f"):
    return [FrameScores(clip, k, k / 10, {name: before}, {name: before + g}) for k, g in enumerate(gains)]


def test_clearly_better_is_advised():
    verdict = judge(frames([0.1, 0.12, 0.09, 0.11, 0.1, 0.13]), corrected=50)
    assert verdict.advice is Advice.PROMOTE
    assert verdict.overall["f"].gain == pytest.approx(0.1083, abs=1e-3) and verdict.overall["f"].low > 0.09


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
    low, high = bootstrap(["a"] * len(gains), gains, seed=seed)
    assert min(gains) - 1e-12 <= low <= high <= max(gains) + 1e-12
    assert (low, high) == bootstrap(["a"] * len(gains), gains, seed=seed)


def test_the_interval_covers_as_often_as_it_says():
    rng, held = np.random.default_rng(3), 0
    for trial in range(300):
        sample = rng.normal(0.1, 0.3, 40)
        low, high = bootstrap(["a"] * 40, sample.tolist(), seed=trial)
        held += low <= 0.1 <= high
    assert 0.90 <= held / 300 <= 0.98
