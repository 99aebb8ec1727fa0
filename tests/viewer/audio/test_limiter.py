"""The limiter never lets a sample past its ceiling, and leaves alone what stays below."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_viewer.audio.limiter import CEILING, Limiter, Meter
from panosod_viewer.audio.ring import RATE_HZ

BLOCK = 256


def limited(samples):
    limiter = Limiter(block=BLOCK, rate_hz=RATE_HZ)
    out = samples.astype(np.float32).copy()
    reductions = []
    for i in range(0, out.shape[1], BLOCK):
        block = out[:, i : i + BLOCK].copy()
        limiter.process(block)
        out[:, i : i + BLOCK] = block
        reductions.append(limiter.reduction_db)
    return out, limiter.latency, reductions


@given(seed=st.integers(0, 10_000), loud=st.floats(0.1, 100), blocks=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_nothing_exceeds_the_ceiling_and_no_image_moves(seed, loud, blocks):
    rng = np.random.default_rng(seed)
    n = blocks * BLOCK
    # Peaks at odd places, both ears of one shape: the ratio of the ears must survive.
    mono = rng.standard_normal(n) * np.where(rng.random(n) < 0.01, loud, 0.05)
    out, _, _ = limited(np.stack([mono, -0.5 * mono]))
    assert np.abs(out).max() <= CEILING * (1 + 1e-5)
    np.testing.assert_allclose(out[1], -0.5 * out[0], atol=1e-6)


def test_below_the_ceiling_it_only_delays():
    samples = np.random.default_rng(1).uniform(-0.97, 0.97, (2, 8 * BLOCK)).astype(np.float32)
    out, lag, reductions = limited(samples)
    np.testing.assert_array_equal(out[:, lag:], samples[:, :-lag])
    assert lag == 48
    assert not any(reductions)


def test_after_a_peak_it_lets_go_without_a_jump():
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE_HZ) / RATE_HZ)
    tone[10_000] = 4.0
    out, lag, reductions = limited(np.stack([tone, tone])[:, : RATE_HZ // BLOCK * BLOCK])
    assert max(reductions) == pytest.approx(20 * np.log10(4.0 / CEILING), abs=0.1)
    assert reductions[-1] == 0.0
    loud = np.abs(tone[: out.shape[1] - lag]) > 0.1
    gain = out[0, lag:][loud] / tone[: out.shape[1] - lag][loud]
    # Down within a millisecond, up at 40 dB/s: never more than a fiftieth at once, where samples follow each other.
    steps = np.abs(np.diff(gain))[np.diff(np.flatnonzero(loud)) == 1]
    assert steps.max() < 0.75 / 48 * 1.5


def test_the_meter_knows_a_sines_peak_and_mean():
    meter = Meter(BLOCK, RATE_HZ)
    n = 2 * RATE_HZ // BLOCK * BLOCK
    tone = (0.5 * np.sin(2 * np.pi * 997 * np.arange(n) / RATE_HZ)).astype(np.float32)
    for i in range(0, n, BLOCK):
        meter.update(np.stack([tone[i : i + BLOCK], np.zeros(BLOCK, np.float32)]))
    assert meter.peak == pytest.approx([0.5, 0.0], abs=0.01)
    assert meter.rms == pytest.approx([0.5 / np.sqrt(2), 0.0], rel=0.01)
    for _ in range(RATE_HZ // BLOCK):
        meter.update(np.zeros((2, BLOCK), np.float32))
    assert meter.peak[0] == pytest.approx(0.05, rel=0.05)  # 20 dB in a second
