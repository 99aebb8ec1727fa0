"""Scenes in the colours of corrected frames."""

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
    found = colours_of(in_colours(frames, wanted))
    # the same distribution in both: nothing much is cut off
    torch.testing.assert_close(found.mean, wanted.mean, atol=5e-3, rtol=0)
    torch.testing.assert_close(found.spread, wanted.spread, atol=5e-3, rtol=0)


def test_light_that_is_a_gain_and_a_veil_is_taken_back():
    frames = window(3)
    torch.testing.assert_close(in_colours(0.2 * frames + 0.5, colours_of(frames)), frames, atol=1e-5, rtol=0)


def test_a_picture_of_one_colour_and_colours_beyond_the_range_stay_numbers():
    flat = torch.full((1, 1, 3, 4, 8), 0.5)
    found = in_colours(flat, colours_of(window(1)))
    assert bool(torch.isfinite(found).all()) and float(found.std()) == pytest.approx(0.0, abs=0.05)
    bright = in_colours(window(2), colours_of(torch.ones(1, 1, 3, 4, 8) * torch.rand(1, 1, 3, 4, 8).round()))
    assert float(bright.min()) >= 0 and float(bright.max()) <= 1
