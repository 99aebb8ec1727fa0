import numpy as np
import pytest

from panosod_core.synth.draws import Draws, hashed_uniform

GOLDEN_UNIFORMS = [0.8627889222942297, 0.3802022125185305, 0.3485879818737645]
GOLDEN_WHOLE = [8, 3705650204]
GOLDEN_HASHES = [0.5671231746673584, 0.7032278180122375, 0.3805638551712036]


def test_streams_are_told_apart_by_seed_and_name():
    same = [Draws(3, "a").uniforms(4).tolist() for _ in range(2)]
    assert same[0] == same[1]
    others = [Draws(4, "a"), Draws(3, "b"), Draws(3, "a", 1)]
    assert all(other.uniforms(4).tolist() != same[0] for other in others)


def test_one_by_one_or_together_the_numbers_are_the_same():
    one = Draws(1, "x")
    assert [one.unit() for _ in range(8)] == Draws(1, "x").uniforms(8).tolist()


def test_golden_numbers_that_no_machine_may_change():
    assert Draws(0, "golden").uniforms(3).tolist() == pytest.approx(GOLDEN_UNIFORMS, abs=0)
    assert [Draws(0, "golden").integer(0, 9), Draws(0, "golden").key()] == GOLDEN_WHOLE
    assert hashed_uniform(12345, 3).tolist() == pytest.approx(GOLDEN_HASHES, abs=0)


def test_whole_numbers_reach_both_ends_evenly():
    draws = Draws(5, "dice")
    counts = np.bincount([draws.integer(1, 6) for _ in range(6000)], minlength=7)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 1000).max() < 5 * np.sqrt(1000)


def test_shuffles_are_even_permutations_of_all():
    draws = Draws(2, "cards")
    seen = {tuple(draws.shuffled("abc")) for _ in range(200)}
    assert len(seen) == 6


def test_directions_are_even_on_the_sphere():
    draws = Draws(9, "sphere")
    vectors = np.stack([draws.direction() for _ in range(4000)])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    assert np.abs(vectors.mean(axis=0)).max() < 0.05
    assert vectors.T @ vectors / len(vectors) == pytest.approx(np.eye(3) / 3, abs=0.02)


def test_normals_have_mean_0_and_variance_1():
    x = Draws(4, "n").normals(20000)
    assert abs(x.mean()) < 0.03
    assert x.std() == pytest.approx(1.0, abs=0.02)


def test_hashed_noise_is_white_and_even():
    x = hashed_uniform(77, 100_000).astype(np.float64)
    assert x.min() >= 0
    assert x.max() < 1
    assert x.mean() == pytest.approx(0.5, abs=0.005)
    assert x.var() == pytest.approx(1 / 12, abs=0.001)
    centred = x - x.mean()
    for lag in (1, 2, 3, 64, 128):
        assert abs(np.mean(centred[lag:] * centred[:-lag])) / x.var() < 0.02


def test_hashed_noise_starts_anywhere():
    assert hashed_uniform(5, 50)[20:].tolist() == hashed_uniform(5, 30, first=20).tolist()


def test_keys_give_noises_that_have_nothing_in_common():
    a, b = (hashed_uniform(key, 50_000).astype(np.float64) - 0.5 for key in (1, 1 << 28))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02
