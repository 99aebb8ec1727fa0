"""The scores against their definitions, and what must hold whatever the maps are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.metrics.counts import count_maps, cut_around
from panosod_core.metrics.measure import measure, measure_sphere, to_levels
from panosod_core.metrics.options import VARIANTS, EmptyTruth, MetricOptions, Stretch
from tests.core.metrics.golden_maps import disc, golden_cases, noise
from tests.core.metrics.reference import reference_scores

CASES = golden_cases()
FIELDS = ("f", "s", "e", "mae", "j", "f_curve", "e_curve")
SOME_OPTIONS = {
    **VARIANTS,
    "others": MetricOptions(
        beta2=1.0, alpha=0.7, stretch=Stretch.NEVER, strict_e=True, thresholds=255, truth_above=90,
        empty=EmptyTruth.SKIP,
    ),
}  # fmt: skip


def maps(seed, height=12, width=24, batch=1):
    """A prediction with something to do with its mask."""
    rows, columns, radii = noise(seed, 3, batch).astype(int)
    truths = np.stack(
        [disc(height, width, r % height, c % width, 2 + q % 4) for r, c, q in zip(rows, columns, radii, strict=True)]
    )
    grain = noise(seed + 99, batch, height, width).astype(int)
    shown = np.roll(truths, int(rows[0]) % 3, axis=1)
    return np.where(shown, 120 + grain // 2, grain // 3).astype(np.uint8), truths


def assert_same(ours, theirs, *, atol=1e-9, fields=FIELDS):
    for field in fields:
        a, b = (x[field] if isinstance(x, dict) else getattr(x, field)[0] for x in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=field)


@pytest.mark.parametrize("options", SOME_OPTIONS.values(), ids=SOME_OPTIONS.keys())
def test_counts_give_what_the_definitions_give(options):
    turn = list(SOME_OPTIONS.values()).index(options)  # every case is somebody's
    for _, prediction, truth in CASES[turn :: len(SOME_OPTIONS)]:
        assert_same(measure(prediction, truth, options), reference_scores(prediction, truth, options))


def test_weighted_counts_give_what_the_weighted_definitions_give():
    for i, (_, prediction, truth) in enumerate(CASES[:120:3]):
        height, width = truth.shape
        rows = 1.0 + noise(i, height) / 64
        weights = np.repeat((rows / rows.mean())[:, None], width, axis=1)
        ours = measure(prediction, truth, row_weights=rows * 7)
        mask = truth > 128
        cut = np.rint([np.average(index, weights=weights[mask]) for index in np.nonzero(mask)]).astype(int) + 1
        assert_same(ours, reference_scores(prediction, truth, MetricOptions(), weights, cut))


def test_the_sphere_is_solid_angles_and_a_ring():
    for seed in range(20):
        prediction, truth = maps(seed)
        height, width = truth[0].shape
        angles = pixel_solid_angles(width, height)
        weights = np.repeat((angles / angles.mean())[:, None], width, axis=1)
        row, column = cut_around(truth[0], angles)
        turned = [np.roll(m[0], width // 2 - column, axis=1) for m in (prediction, truth)]
        expected = reference_scores(turned[0], turned[1] * np.uint8(255), MetricOptions(), weights, (row, width // 2))
        assert_same(measure_sphere(prediction, truth), expected)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("weight", [1.0, 0.1, 3e7])
def test_equal_weights_are_no_weights(seed, weight):
    prediction, truth = maps(seed)
    assert_same(measure(prediction, truth, row_weights=np.full(12, weight)), measure(prediction, truth), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), turn=st.integers(0, 23))
def test_turning_both_maps_in_yaw_changes_nothing_on_the_sphere(seed, turn):
    prediction, truth = maps(seed)
    turned = measure_sphere(np.roll(prediction, turn, axis=-1), np.roll(truth, turn, axis=-1))
    assert_same(turned, measure_sphere(prediction, truth))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), turn=st.integers(1, 23))
def test_flat_scores_but_s_do_not_depend_on_the_seam_either(seed, turn):
    prediction, truth = maps(seed)
    turned = measure(np.roll(prediction, turn, axis=-1), np.roll(truth, turn, axis=-1))
    assert_same(turned, measure(prediction, truth), fields=[x for x in FIELDS if x != "s"])


def test_flat_s_depends_on_the_seam():
    """Why there is a form that does not: an object on the seam has its flat centroid where it is not."""
    truth = disc(12, 24, 6, 12, 3)
    prediction = np.where(np.roll(truth, 1, axis=1), 255, 0).astype(np.uint8)
    flat, ring = (
        [float(score(np.roll(prediction, k, axis=1), np.roll(truth, k, axis=1)).s[0]) for k in (0, 12)]
        for score in (measure, measure_sphere)
    )
    assert abs(flat[0] - flat[1]) > 0.01 and ring[0] == pytest.approx(ring[1], abs=1e-12)


def test_a_mask_balanced_around_the_ring_is_cut_at_the_front():
    truth = np.zeros((8, 16), bool)
    truth[2] = True
    assert cut_around(truth, None) == (3, 8)


@pytest.mark.parametrize("column", range(16))
def test_the_ring_is_cut_in_the_middle_of_the_object(column):
    truth = np.zeros((8, 16), bool)
    truth[2:4, column], truth[2:4, (column + 1) % 16] = True, True
    assert cut_around(truth, None) == (3, (column + 1) % 16)
    truth[:, (column + 2) % 16] = truth[:, column]
    assert cut_around(truth, None) == (3, (column + 2) % 16)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_ranges_and_mirrors(seed):
    prediction, truth = maps(seed)
    for score in (measure, measure_sphere):
        here = score(prediction, truth)
        for field in FIELDS:
            values = getattr(here, field)
            assert (values >= 0).all() and (values <= 1 + 1 / (truth.size - 1) + 1e-12).all(), field
        for axis in (-1, -2):
            mirrored = score(np.flip(prediction, axis), np.flip(truth, axis))
            assert_same(mirrored, here, fields=[x for x in FIELDS if x != "s"])


def test_the_truth_itself_is_perfect():
    truth = disc(24, 48, 10, 20, 5)
    for score in (measure, measure_sphere):
        perfect = score(truth * np.uint8(255), truth)
        assert perfect.f[0] == perfect.j[0] == 1 and perfect.mae[0] == 0
        assert perfect.s[0] == pytest.approx(1, abs=1e-9)
        # The published divisor N - 1 makes the best E a little more than 1.
        assert perfect.e[0] == pytest.approx(truth.size / (truth.size - 1), abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (3, 2)])
def test_the_smallest_maps_have_finite_scores_on_the_sphere(shape):
    for seed in range(6):
        scores = measure_sphere(noise(seed, *shape), noise(seed + 9, *shape))
        assert all(np.isfinite(getattr(scores, field)).all() for field in FIELDS)


def test_a_batch_is_its_frames():
    prediction, truth = maps(5, batch=6)
    for score in (measure, measure_sphere):
        together = score(prediction, truth)
        assert len(together) == 6 and together.f_curve.shape == (6, 256)
        for i in range(6):
            alone = score(prediction[i], truth[i])
            for field in FIELDS:
                assert np.array_equal(getattr(together, field)[i], getattr(alone, field)[0])


def test_doubling_the_resolution_leaves_shares_alone():
    prediction, truth = maps(11)
    large = [np.repeat(np.repeat(m, 2, axis=-1), 2, axis=-2) for m in (prediction, truth)]
    assert_same(measure(*large), measure(prediction, truth), fields=("f", "mae", "j", "f_curve"))


@pytest.mark.parametrize("elevation_deg", [0, 30, 60, 75])
def test_on_the_sphere_an_error_weighs_its_solid_angle(elevation_deg):
    """A mask of a polar cap that nothing was predicted of: the error is the cap's share of the sphere."""
    height, width = 24, 48
    truth = np.zeros((height, width), bool)
    truth[: round((90 - elevation_deg) / 180 * height)] = True
    mae = measure_sphere(np.zeros((height, width), np.uint8), truth).mae[0]
    assert mae == pytest.approx((1 - np.sin(np.deg2rad(elevation_deg))) / 2, abs=1e-12)
    assert measure(np.zeros((height, width), np.uint8), truth).mae[0] == pytest.approx(truth.mean(), abs=1e-12)


def test_empty_and_full_masks():
    zero, full = np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    n = 64 * 64 / (64 * 64 - 1)
    nothing = measure(zero, zero)
    assert (nothing.f[0], nothing.s[0], nothing.e[0], nothing.mae[0], nothing.j[0]) == (0, 1, 0, 0, 1)
    assert nothing.empty[0] and not measure(zero, full).empty[0]
    assert measure(half, zero).e[0] == pytest.approx(0.5 * n) and measure(half, full).e[0] == pytest.approx(0.5 * n)
    assert measure(half, zero).s[0] == pytest.approx(0.5) and measure(half, full).s[0] == pytest.approx(0.5)
    # Threshold 0 selects everything: the measured oddity of all-black predictions.
    assert measure(zero, half).f[0] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1)) and measure(zero, half).e[
        0
    ] == pytest.approx(0.25 * n)
    formula = MetricOptions(empty=EmptyTruth.FORMULA)
    assert measure(half, zero, formula).e[0] == measure(zero, zero, formula).e[0] == pytest.approx(0.25 * n)


def test_what_the_options_change():
    prediction = np.array([[10, 10, 60, 110]], np.uint8)
    truth = np.array([[0, 0, 0, 255]], np.uint8)
    plain, options = measure(prediction, truth), MetricOptions()
    assert plain.mae[0] == pytest.approx(0.5 / 4)
    assert measure(prediction, truth, replace(options, raw_mae=True)).mae[0] == pytest.approx((80 + 145) / 255 / 4)
    assert measure(prediction, truth, replace(options, stretch=Stretch.NEVER)).mae[0] == pytest.approx(225 / 255 / 4)
    # Raw levels up to 110 are selected; stretched ones up to 255.
    assert (measure(prediction, truth, replace(options, raw_curves=True)).f_curve[0] > 0).sum() == 111
    assert (plain.f_curve[0] > 0).sum() == 256
    assert measure(prediction, truth, replace(options, thresholds=255)).e_curve.shape == (1, 255)
    constant = np.full((1, 4), 77, np.uint8)
    assert measure(constant, truth, replace(options, stretch=Stretch.ALWAYS)).mae[0] == pytest.approx(1 / 4)
    # Half of the map is bright: the threshold is 1, which the bright half equals but does not exceed.
    half = np.array([[0, 0, 255, 255]], np.uint8)
    assert measure(half, half).e[0] == pytest.approx(4 / 3)
    assert measure(half, half, replace(options, strict_e=True)).e[0] == pytest.approx(1 / 3)
    assert measure(prediction, (truth > 0).astype(np.uint8), replace(options, truth_above=0)).f[0] == plain.f[0]


@pytest.mark.parametrize(
    "wrong", [{"beta2": 0.0}, {"alpha": 1.1}, {"thresholds": 100}, {"truth_above": 255}, {"alpha": float("nan")}]
)
def test_options_that_mean_nothing(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MetricOptions(**wrong)


def test_arrays_that_do_not_fit():
    good = np.zeros((4, 8), np.uint8)
    for prediction, truth, words in (
        (good, good[:, :4], "one shape"),
        (good[0], good[0], "one shape"),
        (good[:0], good[:0], "one shape"),
        (good / 255, good, "to_levels"),
        (good, good.astype(float), "bool or uint8"),
    ):
        with pytest.raises(ValueError, match=words):
            measure(prediction, truth)
    for weights in (np.zeros(4), np.array([1, 2, np.inf, 1])):
        with pytest.raises(ValueError, match="row weights"):
            measure(good, good, row_weights=weights)


def test_levels_of_probabilities():
    assert to_levels([0, 0.5 / 255, 0.5, 1]).tolist() == [0, 0, 128, 255]
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_levels(levels / 255), levels) and np.array_equal(
        to_levels(np.float32(levels / 255)), levels
    )
    for wrong in ([-0.1], [1.1], [float("nan")]):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            to_levels(wrong)


@pytest.mark.parametrize("shape", [(300, 601), (512, 512), (401, 999)])
def test_large_maps_are_counted_in_pairs_to_the_same_end(shape):
    """Blocks above a size are counted two pixels at a time, odd sizes and odd addresses included."""
    prediction, truth = noise(1, 2, *shape), noise(2, 2, *shape) > 200
    counts = count_maps(prediction, truth)
    for i in range(2):
        for mask in (False, True):
            expected = np.bincount(prediction[i][truth[i] == mask], minlength=256)
            assert np.array_equal(counts.mass[i, :, int(mask)].sum(axis=0), expected)
    assert counts.pixels.sum() == prediction.size
