import numpy as np
import pytest
import torch

from panosod_core.geometry.sphere import direction
from panosod_core.model.ablations import with_sound
from panosod_core.model.config import AcousticInput, Sound
from panosod_core.model.features import (
    IntensityInput,
    Spectrum,
    SpectrumInput,
    acoustic_input,
    band_groups,
    mel_filters,
    pool_time,
)
from panosod_core.model.presets import PAPER, preset
from tests.core.model.tiny import noise_from, tiny

INTENSITY = tiny(acoustic_input=AcousticInput.INTENSITY)


def sine(frequency_hz, *, amplitude=1.0, samples=12800, rate_hz=32000):
    t = torch.arange(samples) / rate_hz
    return amplitude * torch.cos(2 * torch.pi * frequency_hz * t)


def test_three_seconds_are_240_frames_of_256_bins():
    spectrum = Spectrum(PAPER)(torch.zeros(2, 4, PAPER.sound_samples))
    assert spectrum.shape == (2, 4, 256, 240)
    assert SpectrumInput(PAPER)(spectrum).shape == (2, 8, 256, 240)
    ours = preset("panosod")
    assert IntensityInput(ours)(spectrum).shape == (2, 7, 64, 240)


def test_a_sine_stands_in_its_bin_with_half_its_amplitude():
    spectrum = Spectrum(PAPER)(sine(62.5 * 40, amplitude=0.5).view(1, 1, -1))
    middle = spectrum[0, 0, :, 5:-5].abs()
    assert (middle.argmax(0) == 39).all(), "bin k is (k + 1) / 512 of the rate: the constant is left out"
    torch.testing.assert_close(middle.amax(0), torch.full_like(middle[0], 0.25), atol=1e-4, rtol=0)


def test_a_frame_is_centred_on_its_time():
    click = torch.zeros(1, 1, 4000)
    click[..., 1600] = 1
    loud = Spectrum(PAPER)(click)[0, 0].abs().sum(0)
    assert loud.argmax().item() == 1600 // 400


def test_magnitudes_come_first_then_phases():
    spectrum = Spectrum(PAPER)(torch.randn(1, 4, 4000))
    shown = SpectrumInput(PAPER)(spectrum)
    torch.testing.assert_close(torch.polar(shown[:, :4], shown[:, 4:]), spectrum, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("bands", "fft_size"), [(32, 512), (64, 512), (128, 512), (64, 1024)])
def test_mel_filters_hear_everything_once(bands, fft_size):
    filters = mel_filters(bands, fft_size=fft_size, sample_rate_hz=32000)
    np.testing.assert_allclose(filters.sum(1), 1, rtol=1e-5)
    assert (filters >= 0).all()
    peaks = (filters * np.arange(fft_size // 2)).sum(1)
    assert (np.diff(peaks) >= 0).all(), "bands rise"
    assert (filters[:, 2 : fft_size // 2 - 2].sum(0) > 0).all(), "no bin is left out"


@pytest.mark.parametrize("angles", [(0, 0), (90, 0), (-135, 40), (20, -80)])
def test_the_intensity_of_a_plane_wave_is_its_direction(angles):
    spectrum = Spectrum(INTENSITY)(torch.from_numpy(noise_from(*angles))[None])
    vector = IntensityInput(INTENSITY)(spectrum)[0, 4:].mean((-2, -1))
    x, y, z = direction(*np.radians(angles))
    np.testing.assert_allclose(vector.numpy(), [y, z, x], atol=1e-3)


def test_a_diffuse_field_has_hardly_any_intensity():
    field = torch.randn(1, 4, 32000, generator=torch.Generator().manual_seed(1)) * 0.1
    vector = IntensityInput(INTENSITY)(Spectrum(INTENSITY)(field))[0, 4:]
    assert vector.mean((-2, -1)).norm() < 0.05


def test_loudness_is_minus_one_at_silence_and_grows_by_a_quarter_each_ten_decibels():
    layer, spectrum = IntensityInput(INTENSITY), Spectrum(INTENSITY)
    silent = layer(spectrum(torch.zeros(1, 4, 12800)))
    assert torch.equal(silent[:, :4], torch.full_like(silent[:, :4], -1.0))
    assert torch.equal(silent[:, 4:], torch.zeros_like(silent[:, 4:]))
    wave = torch.from_numpy(noise_from(30))[None]
    loud, soft = (layer(spectrum(gain * wave))[:, :1] for gain in (1.0, 10**-0.5))
    torch.testing.assert_close(loud - soft, torch.full_like(loud, 0.25), atol=6e-3, rtol=0)


@pytest.mark.parametrize("kind", list(AcousticInput))
def test_mono_is_w_alone(kind):
    mono = with_sound(tiny(acoustic_input=kind), Sound.MONO)
    layer = acoustic_input(mono)
    spectrum = Spectrum(mono)(torch.from_numpy(noise_from(30))[None, :1])
    assert layer(spectrum).shape[1] == layer.channels == (2 if kind is AcousticInput.SPECTRUM else 1)


def test_features_stay_in_single_precision():
    wave = torch.from_numpy(noise_from(30))[None]
    plain = IntensityInput(INTENSITY)(Spectrum(INTENSITY)(wave))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = IntensityInput(INTENSITY)(Spectrum(INTENSITY)(wave))
    assert torch.equal(plain, mixed)


def test_groups_of_bins_are_gapless():
    index = band_groups(8, fft_size=512, sample_rate_hz=32000)
    assert index[0] == 0 and index[-1] == 7 and set(np.diff(index)) <= {0, 1}


def test_pooling_over_time():
    x = torch.arange(20.0).view(2, 1, 10)
    assert torch.equal(pool_time(x, 4), torch.tensor([[[1.5, 5.5]], [[11.5, 15.5]]]))
