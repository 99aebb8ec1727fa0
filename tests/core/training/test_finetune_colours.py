"""Scenes in the colours of corrected frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.training.finetune_colours import colours_of, in_colours


def window(seed: int, *, low: float = 0.3, high: float = 0.7) -> torch.Tensor:
    made = torch.rand((1, 3, 3, 12, 24), generator=torch.Generator().manual_seed(seed))
    return low + (high - low) * made


@given(st.integers(0, 99), st.floats(0.05, 0.5), st.floats(0.0, 0.4))
def test_mean_and_spread_become_those_that_are_wanted(seed, gain, veil):
    wanted = colours_of(window(seed, low=veil, high=veil + gain) * torch.tensor([0.6, 0.75, 1.0])[:, None, None])
    frames = window(seed + 100)
    found = colours_of(in_colours(frames, wanted, np.random.default_rng(0)))
    # the same distribution in both: nothing much is cut off
    torch.testing.assert_close(found.mean, wanted.mean, atol=5e-3, rtol=0)
    torch.testing.assert_close(found.spread, wanted.spread, atol=5e-3, rtol=0)


def test_light_that_is_a_gain_and_a_veil_is_taken_back():
    frames = window(3)
    torch.testing.assert_close(
        in_colours(0.2 * frames + 0.5, colours_of(frames), np.random.default_rng(0)), frames, atol=1e-3, rtol=0
    )


def test_a_picture_of_one_colour_and_colours_beyond_the_range_stay_numbers():
    flat = torch.full((1, 1, 3, 4, 8), 0.5)
    wanted = colours_of(window(1))
    found = in_colours(flat, wanted, np.random.default_rng(0))
    assert bool(torch.isfinite(found).all()) and float(found.std()) <= 1.2 * float(wanted.noise.max())
    still = in_colours(flat, replace(wanted, noise=torch.zeros(3)), np.random.default_rng(0))
    assert float(still.std()) == pytest.approx(0.0, abs=0.05)
    bright = in_colours(
        window(2), colours_of(torch.ones(1, 1, 3, 4, 8) * torch.rand(1, 1, 3, 4, 8).round()), np.random.default_rng(0)
    )
    assert float(bright.min()) >= 0 and float(bright.max()) <= 1


def smooth(gain: float = 1.0) -> torch.Tensor:
    """Slow waves with an edge: a picture of things."""
    v, u = torch.meshgrid(torch.linspace(0, 6.28, 60), torch.linspace(0, 12.56, 120), indexing="ij")
    wave = 0.5 + gain * (0.15 * torch.sin(u) * torch.cos(v) + 0.1 * (u > 6))
    return wave.expand(1, 2, 3, 60, 120).contiguous()


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.08])
def test_noise_is_told_from_edges_and_waves(sigma):
    noisy = smooth() + sigma * torch.randn(smooth().shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(colours_of(noisy).noise, torch.full((3,), sigma), atol=3e-3, rtol=0.05)


def test_a_clean_scene_gets_the_noise_of_a_grainy_one_and_keeps_the_spread_that_is_wanted():
    wanted = colours_of(smooth(0.5) + 0.05 * torch.randn(smooth().shape, generator=torch.Generator().manual_seed(1)))
    found = colours_of(in_colours(smooth().flip(-1), wanted, np.random.default_rng(0)))
    torch.testing.assert_close(found.noise, wanted.noise, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.spread, wanted.spread, atol=2e-3, rtol=0)
    assert bool((found.noise > 0.045).all())


def test_noise_that_is_there_is_not_taken_away():
    grainy = smooth() + 0.08 * torch.randn(smooth().shape, generator=torch.Generator().manual_seed(2))
    assert bool((colours_of(in_colours(grainy, colours_of(smooth()), np.random.default_rng(0))).noise > 0.06).all())


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_noise_is_as_alike_in_the_channels_as_that_of_the_corrected_frame(share):
    dice = torch.Generator().manual_seed(3)
    alone, common = torch.randn(smooth().shape, generator=dice), torch.randn((1, 2, 1, 60, 120), generator=dice)
    grainy = smooth() + 0.06 * ((1 - share) ** 0.5 * alone + share**0.5 * common)
    wanted = colours_of(grainy)
    off = wanted.alike[~torch.eye(3, dtype=torch.bool)]
    torch.testing.assert_close(off, torch.full((6,), share), atol=0.03, rtol=0)
    for scene in (smooth().flip(-1), smooth().flip(-1) + 0.01 * torch.randn(smooth().shape, generator=dice)):
        found = colours_of(in_colours(scene, wanted, np.random.default_rng(0)))
        torch.testing.assert_close(found.alike, wanted.alike, atol=0.06, rtol=0)
        torch.testing.assert_close(found.noise, wanted.noise, atol=3e-3, rtol=0)
