"""Means over frames, clips and subsets."""

import numpy as np
import pytest

from panosod_core.metrics.accumulate import SCORES, ClipKey, MetricAccumulator
from panosod_core.metrics.measure import measure, measure_sphere
from panosod_core.metrics.options import EmptyTruth, MetricOptions
from tests.core.metrics.golden_maps import disc, noise

FRAMES = [("a", "one"), ("a", "one"), ("a", "one"), ("b", "one"), ("b", "two"), ("c", None), ("c", None)]


def frame(seed):
    truth = disc(10, 20, seed % 10, 3 * seed % 20, 3)
    return np.where(truth, 100 + noise(seed, 10, 20) // 2, noise(seed + 50, 10, 20) // 2).astype(np.uint8), truth


@pytest.mark.parametrize("sphere", [False, True])
def test_frame_and_clip_means(sphere):
    collected = MetricAccumulator(sphere=sphere)
    score = measure_sphere if sphere else measure
    scores = {}
    for seed, (clip, subset) in enumerate(FRAMES):
        returned = collected.add(*frame(seed), clip=clip, subset=subset)
        assert returned.f[0] == score(*frame(seed)).f[0]
        scores.setdefault((subset, clip), []).append(returned)
    result = collected.result()
    assert [s.name for s in result.subsets] == ["one", "two"]
    assert [key for key, _ in result.clips] == [
        ClipKey(None, "c"), ClipKey("one", "a"), ClipKey("one", "b"), ClipKey("two", "b"),
    ]  # fmt: skip
    for subset, chosen in ((result.everything, list(scores)), (result.subsets[0], [("one", "a"), ("one", "b")])):
        assert (subset.frames, subset.clips) == (sum(len(scores[k]) for k in chosen), len(chosen))
        for name in SCORES:
            per_clip = [[getattr(s, name)[0] for s in scores[k]] for k in chosen]
            assert getattr(subset.frame_mean, name) == pytest.approx(np.mean(np.concatenate(per_clip)), abs=1e-12)
            assert getattr(subset.clip_mean, name) == pytest.approx(np.mean([np.mean(c) for c in per_clip]), abs=1e-12)
        f_curves = [np.mean([s.f_curve[0] for s in scores[k]], axis=0) for k in chosen]
        np.testing.assert_allclose(subset.clip_mean.f_curve, np.mean(f_curves, axis=0), atol=1e-12)


def test_maximum_and_mean_are_of_the_mean_curve():
    collected = MetricAccumulator()
    curves = [collected.add(*frame(seed), clip="a").e_curve[0] for seed in range(5)]
    means = collected.result().everything.frame_mean
    assert means.max_e == pytest.approx(np.mean(curves, axis=0).max(), abs=1e-12)
    assert means.max_e < np.mean([c.max() for c in curves])
    assert means.mean_e == pytest.approx(np.mean(curves), abs=1e-12)


def test_the_order_of_frames_and_batches_do_not_matter():
    one, other = MetricAccumulator(), MetricAccumulator()
    for seed in range(4):
        one.add(*frame(seed), clip="a")
    maps, truths = (np.stack(x) for x in zip(*[frame(seed) for seed in (2, 3, 1, 0)], strict=True))
    other.add(maps, truths, clip="a")
    for name in SCORES:
        assert getattr(one.result().everything.frame_mean, name) == pytest.approx(
            getattr(other.result().everything.frame_mean, name), abs=1e-12
        )


def test_frames_without_an_object_are_counted_and_can_be_left_out():
    prediction, truth = frame(1)
    for empty, frames in ((EmptyTruth.FRACTION, 2), (EmptyTruth.SKIP, 1)):
        collected = MetricAccumulator(MetricOptions(empty=empty))
        collected.add(prediction, truth, clip="a")
        collected.add(prediction, truth & False, clip="b")
        everything = collected.result().everything
        assert (everything.frames, everything.clips, everything.empty) == (frames, frames, 1)
    assert everything.frame_mean.f == measure(prediction, truth).f[0]


def test_nothing_has_no_mean():
    collected = MetricAccumulator(MetricOptions(empty=EmptyTruth.SKIP))
    assert collected.result().everything.frame_mean is None and collected.result().subsets == ()
    collected.add(*(np.zeros_like(m) for m in frame(1)), clip="a", subset="one")
    result = collected.result()
    assert result.everything.frame_mean is None and result.subsets[0].clip_mean is None
    assert result.subsets[0].empty == 1 and result.subsets[0].clips == 0
