"""Another speed changes neither the order of the channels nor the relations between them."""

import numpy as np
import pytest

from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.tempo import Tempo


def stretched(samples, speed):
    tempo = Tempo(samples.shape[0], speed=speed, rate_hz=RATE_HZ)
    pieces = [tempo.push(samples[:, i : i + 1000]) for i in range(0, samples.shape[1], 1000)]
    return np.concatenate([*pieces, tempo.flush()], axis=1)


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 8, 9, 11, 16, 18])
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 4.0])
def test_channels_keep_order_sign_and_ratio(channels, speed):
    rng = np.random.default_rng(channels)
    wave = np.cumsum(rng.standard_normal(RATE_HZ // 2))
    wave = (wave - np.convolve(wave, np.ones(400) / 400, "same")) / 50
    gains = np.linspace(1.0, -0.5, channels)[:, None] + 0.01
    out = stretched((gains * wave).astype(np.float32), speed)
    assert out.shape[1] == pytest.approx(wave.size / speed, rel=0.15)
    np.testing.assert_allclose(out, gains / gains[0] * out[:1], atol=2e-6)


@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0])
def test_a_phase_between_channels_is_kept(speed):
    t = np.arange(RATE_HZ) / RATE_HZ
    pair = np.stack([np.sin(2 * np.pi * 300 * t), np.cos(2 * np.pi * 300 * t)]).astype(np.float32)
    out = stretched(pair, speed)[:, 4800:-4800]
    # A quarter of a period apart, everywhere and always the same one ahead: cos^2 + sin^2 = 1, and the pitch is kept.
    np.testing.assert_allclose(np.sum(out**2, axis=0), 1.0, atol=0.02)
    turned = np.unwrap(np.arctan2(out[0], out[1]))
    assert (turned[-1] - turned[0]) / (2 * np.pi * out.shape[1] / RATE_HZ) == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_click_stays_near_its_time(speed):
    samples = 1e-3 * np.random.default_rng(0).standard_normal((1, 4 * RATE_HZ)).astype(np.float32)
    samples[0, 3 * RATE_HZ] = 1.0
    out = stretched(samples, speed)
    assert np.argmax(np.abs(out)) / RATE_HZ * speed == pytest.approx(3.0, abs=0.06)


def test_a_speed_out_of_range_is_a_mistake():
    with pytest.raises(ValueError, match=r"0\.25"):
        Tempo(2, speed=5.0, rate_hz=RATE_HZ)
