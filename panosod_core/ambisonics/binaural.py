"""From a sound field to two ears: fixed filters, block by block. numpy only: it runs in the audio callback."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters

FloatArray32 = NDArray[np.float32]


class BinauralDecoder:
    """Overlap-save convolution with the filters of a decoder; equal to direct convolution, and stateful.

    The field is turned into the head's frame *before* (see :func:`~panosod_core.ambisonics.harmonics.sh_rotation`).
    Head-locked channels ("4+2") do not pass through here: the caller adds them to what :meth:`process` returns. Of
    equal level, a head-locked signal is 3 dB louder than the field (``DIFFUSE_LEVEL_DB`` in the module ``design``).

    Output sample n depends on input up to sample n: the decoder itself adds no block of delay, only the onset of the
    filters.
    """

    def __init__(self, filters: BinauralFilters, *, block: int = 256) -> None:
        """Prepare.

        Args:
            filters: what to convolve with.
            block: samples of every call of :meth:`process`, >= 1.

        Raises:
            ValueError: the block is empty.
        """
        if block < 1:
            raise ValueError(f"the block must have at least one sample, got {block}")
        channels, _, taps = filters.taps.shape
        self.filters = filters
        self.block = block
        self._nfft = _fft_length(block + taps - 1)
        bins = self._nfft // 2 + 1
        # float64 for the transform of the filters, so that only the signal's own transform rounds.
        response = np.fft.rfft(filters.taps.astype(np.float64), self._nfft, axis=-1)
        self._response = np.ascontiguousarray(response.transpose(1, 0, 2)).astype(np.complex64)  # (2, C, bins)
        self._history: FloatArray32 = np.zeros((channels, self._nfft), np.float32)
        # Any: numpy's stubs allow only double precision for `out`, numpy itself takes single.
        self._spectrum: NDArray[Any] = np.zeros((channels, bins), np.complex64)
        self._products = np.zeros((2, channels, bins), np.complex64)
        self._ears = np.zeros((2, bins), np.complex64)
        self._time: NDArray[Any] = np.zeros((2, self._nfft), np.float32)

    @property
    def channels(self) -> int:
        """Ambisonic channels of a block."""
        return int(self._history.shape[0])

    def process(self, field: NDArray[Any], out: FloatArray32 | None = None) -> FloatArray32:
        """Decode the next block.

        Args:
            field: (C, block), ACN/SN3D, in the head's frame.
            out: (2, block) float32 to write into, to save the allocation.

        Returns:
            (2, block) float32: left ear, right ear.

        Raises:
            ValueError: the shape is another.
        """
        if field.shape != (self.channels, self.block):
            raise ValueError(f"expected a block of shape {(self.channels, self.block)}, got {field.shape}")
        history = self._history
        history[:, : -self.block] = history[:, self.block :]
        history[:, -self.block :] = field
        np.fft.rfft(history, axis=-1, out=self._spectrum)
        np.multiply(self._response, self._spectrum, out=self._products)
        np.sum(self._products, axis=1, out=self._ears)
        np.fft.irfft(self._ears, self._nfft, axis=-1, out=self._time)
        if out is None:
            return self._time[:, -self.block :].copy()
        out[...] = self._time[:, -self.block :]
        return out

    def reset(self) -> None:
        """Forget the past, as after a seek."""
        self._history[...] = 0.0


def decode(field: NDArray[Any], filters: BinauralFilters) -> FloatArray32:
    """Decode a whole sound field at once, without the tail that rings on after its end.

    Args:
        field: (C, n), ACN/SN3D, in the head's frame.
        filters: of C channels.

    Returns:
        (2, n) float32.
    """
    block = 4096
    decoder = BinauralDecoder(filters, block=block)
    n = field.shape[1]
    padded = np.zeros((field.shape[0], -(-n // block) * block), np.float32)
    padded[:, :n] = field
    out = np.empty((2, padded.shape[1]), np.float32)
    for start in range(0, padded.shape[1], block):
        out[:, start : start + block] = decoder.process(padded[:, start : start + block])
    return out[:, :n]


def _fft_length(least: int) -> int:
    """The smallest even 2^a 3^b that holds ``least`` samples: what numpy's FFT is fast at."""
    best = 2
    while best < least:
        best *= 2
    three = 6
    while three < best:
        length = three
        while length < least:
            length *= 2
        best = min(best, length)
        three *= 3
    return best
