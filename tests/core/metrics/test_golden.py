"""Equal to PySODMetrics 1.6.2: its stored answers on 329 small maps, and on three real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panosod_core.metrics.counts import cut_flat
from panosod_core.metrics.measure import measure
from panosod_core.metrics.options import MetricOptions, Stretch
from tests.core.metrics.golden_maps import CURVE_SAMPLES, digest, golden_cases

GOLDEN = Path(__file__).with_name("golden.npz")
CASES = golden_cases()
TOLERANCE = 1e-6
OPTIONS = {"stretched_": MetricOptions(), "raw_": MetricOptions(stretch=Stretch.NEVER)}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module", params=OPTIONS)
def both(request, golden):
    """Ours by name, and theirs by the same name."""
    scores = [measure(prediction, truth, OPTIONS[request.param]) for _, prediction, truth in CASES]
    ours = {key: np.array([getattr(s, key)[0] for s in scores]) for key in ("f", "s", "e", "mae", "j")}
    for key in ("f_curve", "e_curve"):
        curves = np.array([getattr(s, key)[0] for s in scores])
        ours |= {f"{key}_mean": curves.mean(axis=1), f"{key}_max": curves.max(axis=1)}
        ours[f"{key}_samples"] = curves[:, list(CURVE_SAMPLES)]
    theirs = {k.removeprefix(request.param): v for k, v in golden.items() if k.startswith(request.param)}
    assert set(theirs) == set(ours)
    return ours, theirs


def where(predicate):
    return np.array([predicate(prediction, truth > 128) for _, prediction, truth in CASES])


def block_is_empty(_prediction, truth):
    row, column = cut_flat(truth, None, plus_one=True)
    return 0 < truth.mean() < 1 and (row == truth.shape[0] or column == truth.shape[1])


def block_is_constant_twice(prediction, truth):
    """Some block's mask and prediction are both constant, the prediction at a level whose mean may be rounded."""
    if truth.all() or not truth.any():
        return False
    row, column = cut_flat(truth, None, plus_one=True)
    blocks = [(r, c) for r in (slice(row), slice(row, None)) for c in (slice(column), slice(column, None))]
    return any(
        np.ptp(prediction[b]) == 0 and np.ptp(truth[b].view(np.uint8)) == 0 and prediction[b].flat[0] not in (0, 255)
        for b in blocks
        if truth[b].size
    )


def test_the_expectations_belong_to_these_maps(golden):
    assert digest(CASES) == str(golden["digest"])
    assert json.loads(str(golden["made_with"]))["pysodmetrics"] == "1.6.2"
    assert len(CASES) >= 200


@pytest.mark.parametrize("key", ["f", "mae", "f_curve_mean", "f_curve_max", "f_curve_samples"])
def test_equal_everywhere(both, key):
    ours, theirs = both
    np.testing.assert_allclose(ours[key], theirs[key], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("key", ["e", "e_curve_mean", "e_curve_max", "e_curve_samples"])
def test_e_is_equal_but_for_a_single_pixel_which_they_divide_by_epsilon(both, key):
    ours, theirs = both
    single = where(lambda p, _: p.size == 1)
    np.testing.assert_allclose(ours[key][~single], theirs[key][~single], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours[key][single], theirs[key][single] * np.spacing(1), rtol=0, atol=TOLERANCE)


def test_s_is_equal_but_where_theirs_is_not_a_number_or_a_rounding_error(both):
    ours, theirs = (scores["s"] for scores in both)
    empty, constant = where(block_is_empty), where(block_is_constant_twice)
    assert np.array_equal(np.isnan(theirs), empty)
    differs = ~np.isclose(ours, theirs, rtol=0, atol=TOLERANCE)
    assert not (differs & ~empty & ~constant).any()
    assert (~empty & ~constant).sum() >= 250
    assert np.isfinite(ours).all() and (ours >= 0).all() and (ours <= 1 + 1e-12).all()


def test_j_is_equal_but_where_both_are_empty(golden):
    ours = np.array([measure(prediction, truth).j[0] for _, prediction, truth in CASES])
    both_empty = where(lambda p, t: not t.any() and p.max() < 128)
    np.testing.assert_allclose(ours[~both_empty], golden["raw_j"][~both_empty], rtol=0, atol=TOLERANCE)
    assert (ours[both_empty] == 1).all() and both_empty.any()


def test_real_maps(testdata):
    folder = testdata / "metrics"
    expected = json.loads((folder / "version_performance.json").read_text())
    numbers = {k: v for release in expected.values() for k, v in release.items()}
    scores = []
    for path in sorted((folder / "preds").iterdir()):
        prediction, truth = (np.asarray(Image.open(p).convert("L")) for p in (path, folder / "masks" / path.name))
        scores.append(measure(prediction, truth))
    assert len(scores) == 3
    f_curve = np.mean([s.f_curve[0] for s in scores], axis=0)
    e_curve = np.mean([s.e_curve[0] for s in scores], axis=0)
    got = {
        "adpFm": np.mean([s.f[0] for s in scores]), "meanFm": f_curve.mean(), "maxFm": f_curve.max(),
        "adpEm": np.mean([s.e[0] for s in scores]), "meanEm": e_curve.mean(), "maxEm": e_curve.max(),
        "Smeasure": np.mean([s.s[0] for s in scores]), "MAE": np.mean([s.mae[0] for s in scores]),
    }  # fmt: skip
    assert got == pytest.approx({k: numbers[k] for k in got}, abs=TOLERANCE, rel=0)
