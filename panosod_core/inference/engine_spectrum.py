"""The spectrum of a sound window in numpy: :class:`panosod_core.model.features.Spectrum` without torch."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from panosod_core.model.config import ModelConfig


class WindowSpectrum:
    """Short-time Fourier transform of sound windows; the graphs begin behind it, for there it would cost more."""

    def __init__(self, config: ModelConfig) -> None:
        """Sizes from the config."""
        self._size, self._hop = config.fft_size, config.hop
        n = np.arange(config.fft_size)
        taper = 0.54 - 0.46 * np.cos(2 * np.pi * n / config.fft_size)
        self._taper: NDArray[np.float32] = (taper / taper.sum()).astype(np.float32)

    def __call__(self, sound: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Transform.

        Args:
            sound: (C, n); silence beyond both ends.

        Returns:
            Real and imaginary part, (1, C, fft_size / 2, n // hop) each: without the constant bin and the last frame.
        """
        padded = np.pad(sound, ((0, 0), (self._size // 2, self._size // 2)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self._size, axis=1)[:, :: self._hop]
        frames = frames[:, : sound.shape[1] // self._hop]
        bins = scipy.fft.rfft(frames * self._taper)[None, :, :, 1:].transpose(0, 1, 3, 2)
        real: NDArray[np.float32] = np.ascontiguousarray(bins.real)
        imaginary: NDArray[np.float32] = np.ascontiguousarray(bins.imag)
        return real, imaginary
