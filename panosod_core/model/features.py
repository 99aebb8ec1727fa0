"""What the acoustic encoder is shown: spectrograms of ambisonic sound.

Analysis after the L3DAS baseline: Hamming window of 512 samples every 400 at 32 kHz (12.5 ms), without the constant
bin, frames centred on their time, the last one left out: 3 s are 240 frames of 256 bins. Always in single precision.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from panosod_core.model.config import AcousticInput, ModelConfig, Sound

_LOUDNESS_FLOOR = 1e-8
_LOWEST_MEL_HZ = 50.0


class Spectrum(nn.Module):
    """Short-time Fourier transform of sound; a steady sine of amplitude 1 has magnitude 1/2."""

    window: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Sizes from the config."""
        super().__init__()
        self.fft_size, self.hop = config.fft_size, config.hop
        window = torch.hamming_window(config.fft_size, periodic=True)
        self.register_buffer("window", window / window.sum(), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """(B, C, n) to (B, C, fft_size / 2, n // hop) complex; silence beyond both ends."""
        with torch.autocast(sound.device.type, enabled=False):
            waves = sound.float().flatten(0, 1)
            bins = torch.stft(
                waves,
                self.fft_size,
                self.hop,
                window=self.window.float(),
                center=True,
                pad_mode="constant",
                return_complex=True,
            )
            return torch.unflatten(bins[:, 1:, : waves.shape[-1] // self.hop], 0, sound.shape[:2])


def mel_filters(bands: int, *, fft_size: int, sample_rate_hz: int) -> NDArray[np.float32]:
    """Triangles of unit sum, evenly spaced on the mel scale (2595 log10(1 + f / 700)) from 50 Hz to half the rate.

    A triangle narrower than a bin takes the bin nearest to its peak, so that no band is deaf.

    Returns:
        (bands, fft_size / 2) float32; bin k is (k + 1) * sample_rate_hz / fft_size.
    """
    low, high = (2595 * math.log10(1 + f / 700) for f in (_LOWEST_MEL_HZ, sample_rate_hz / 2))
    corners = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    frequency = (np.arange(fft_size // 2) + 1) * sample_rate_hz / fft_size
    rising = (frequency - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - frequency) / (corners[2:] - corners[1:-1])[:, None]
    filters = np.maximum(np.minimum(rising, falling), 0)
    deaf = filters.sum(axis=1) < 1e-3
    filters[deaf, np.abs(frequency - corners[1:-1, None]).argmin(axis=1)[deaf]] = 1
    normalised: NDArray[np.float32] = (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


class SpectrumInput(nn.Module):
    """Magnitudes, then phases in radians, of every channel (SELDnet)."""

    def __init__(self, config: ModelConfig) -> None:
        """Sizes from the config."""
        super().__init__()
        self.channels = 2 * config.sound_channels
        self.bins = config.fft_size // 2

    def forward(self, spectrum: Tensor) -> Tensor:
        """(B, C, bins, frames) complex to (B, 2 C, bins, frames)."""
        return torch.cat([spectrum.abs(), spectrum.angle()], dim=1)


class IntensityInput(nn.Module):
    """Log-mel power of every channel, and the intensity vector (Y, Z, X) in mel bands.

    The intensity is ``Re(conj(W) [Y, Z, X])`` over the energy density ``(|W|^2 + |Y|^2 + |Z|^2 + |X|^2) / 2`` (SN3D),
    both summed over the band: a plane wave has unit length and points to its source, a diffuse field has none. Power is
    ``1 + log10(power + 1e-8) / 4``: -1 at silence, about 1 at full scale.
    """

    mel: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Sizes from the config."""
        super().__init__()
        self.directional = config.sound is Sound.FOA
        self.channels = config.sound_channels + (3 if self.directional else 0)
        self.bins = config.mel_bands
        filters = mel_filters(config.mel_bands, fft_size=config.fft_size, sample_rate_hz=config.sound_rate_hz)
        self.register_buffer("mel", torch.from_numpy(filters), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        """(B, C, bins, frames) complex to (B, C [+ 3], mel bands, frames)."""
        with torch.autocast(spectrum.device.type, enabled=False):
            mel = self.mel.float()
            power = spectrum.real.square() + spectrum.imag.square()
            loudness = 1 + torch.log10(mel @ power + _LOUDNESS_FLOOR) / 4
            if not self.directional:
                return loudness
            w, yzx = spectrum[:, :1], spectrum[:, 1:4]
            flow = mel @ (w.real * yzx.real + w.imag * yzx.imag)
            density = mel @ (power.sum(1, keepdim=True) / 2)
            return torch.cat([loudness, flow / (density + _LOUDNESS_FLOOR)], dim=1)


def acoustic_input(config: ModelConfig) -> SpectrumInput | IntensityInput:
    """The input layer that the config names."""
    return SpectrumInput(config) if config.acoustic_input is AcousticInput.SPECTRUM else IntensityInput(config)


def band_groups(count: int, *, fft_size: int, sample_rate_hz: int) -> NDArray[np.int64]:
    """To which of ``count`` mel-spaced, gapless groups each bin belongs: (fft_size / 2,) in 0..count-1, rising."""
    low, high = (2595 * math.log10(1 + f / 700) for f in (_LOWEST_MEL_HZ, sample_rate_hz / 2))
    edges = 700 * (10 ** (np.linspace(low, high, count + 1)[1:-1] / 2595) - 1)
    frequency = (np.arange(fft_size // 2) + 1) * sample_rate_hz / fft_size
    return np.searchsorted(edges, frequency, side="right")


def pool_time(x: Tensor, frames: int) -> Tensor:
    """Mean over runs of ``frames`` along the last axis; what is left over at the end is dropped."""
    return torch.unflatten(F.avg_pool1d(x.flatten(0, -2).unsqueeze(1), frames).squeeze(1), 0, x.shape[:-1])
