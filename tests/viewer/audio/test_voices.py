"""The held loop closes without a seam; the burst comes from where it should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.geometry.sphere import direction
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.voices import Burst, HoldLoop, pink_burst

NOTHING = np.zeros((1, 0), np.float32)


def looped(hold, n, channels=1):
    out = np.zeros((channels, n), np.float32)
    for i in range(0, n, 250):
        hold.add_to(out[:, i : i + 250], 1.0)
    return out


@given(length=st.integers(2, 15_000))
@settings(max_examples=40, deadline=None)
def test_it_holds_the_end_of_what_was_played(length):
    hold = HoldLoop(rate_hz=RATE_HZ)
    past = np.arange(1, length + 1, dtype=np.float32)[None]
    hold.capture(past, NOTHING)
    held = min(length, hold.length + hold.fade)
    fade = min(hold.fade, held // 2)
    middle = looped(hold, 250 * (1 + held // 250))[0, : held - 2 * fade]
    np.testing.assert_array_equal(middle, past[0, length - held + fade : length - fade])


def test_the_loop_has_no_seam_and_keeps_its_level():
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.standard_normal(RATE_HZ))
    spectrum[np.fft.rfftfreq(RATE_HZ, 1 / RATE_HZ) > 2000] = 0
    noise = np.fft.irfft(spectrum).astype(np.float32)
    hold = HoldLoop(rate_hz=RATE_HZ)
    hold.capture(noise[None], NOTHING)
    # Rounds of 200 ms exactly; ten of them.
    out = looped(hold, 2 * RATE_HZ)[0]
    np.testing.assert_array_equal(out[:9600], out[9600:19200])
    assert np.abs(np.diff(out)).max() <= 1.3 * np.abs(np.diff(noise)).max()
    seam = out[9600 - 960 : 9600]
    assert 0.5 < np.mean(seam**2) / np.mean(noise**2) < 2.0


def test_at_the_clips_beginning_what_lies_ahead_is_held():
    hold = HoldLoop(rate_hz=RATE_HZ)
    ahead = np.random.default_rng(1).standard_normal((1, 9600)).astype(np.float32)
    hold.capture(NOTHING, ahead)
    np.testing.assert_array_equal(looped(hold, 9600)[0, :7000], ahead[0, 960 : 960 + 7000])
    hold.capture(NOTHING, NOTHING)
    assert not looped(hold, 1000).any()


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("azimuth_deg", "elevation_deg"), [(0, 0), (90, 0), (-135, 30), (10, -80)])
def test_a_burst_comes_from_its_direction_whole(order, azimuth_deg, elevation_deg):
    signal = pink_burst(RATE_HZ)
    vector = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    burst = Burst(signal, 3 * vector, order)
    field = np.zeros(((order + 1) ** 2, 16_000), np.float32)
    for i in range(0, 16_000, 250):
        assert burst.over == (i >= len(signal))
        burst.add_to(field[:, i : i + 250])
    np.testing.assert_allclose(field[0, : len(signal)], signal, atol=1e-7)
    assert not field[:, len(signal) :].any()
    arrival = direction_of_arrival(field[:4])
    assert np.degrees(arrival.elevation_rad) == pytest.approx(elevation_deg, abs=0.1)
    assert np.degrees(arrival.azimuth_rad) == pytest.approx(azimuth_deg, abs=0.5)


def test_the_burst_is_always_the_same_and_neither_clips_nor_clicks():
    signal = pink_burst(RATE_HZ)
    np.testing.assert_array_equal(signal, pink_burst(RATE_HZ))
    assert 0.1 < np.abs(signal).max() < 0.7
    assert max(abs(signal[0]), abs(signal[-1])) < 1e-3


@pytest.mark.parametrize("bad", [[0, 0, 0], [np.nan, 0, 1], [1, 0]])
def test_no_direction_is_a_mistake(bad):
    with pytest.raises(ValueError, match="direction"):
        Burst(pink_burst(RATE_HZ), np.array(bad, float), 1)
