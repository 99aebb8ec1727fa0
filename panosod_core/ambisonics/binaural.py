"""From a sound field to two ears: fixed filters, block by block. numpy only: it runs in the audio callback."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters

FloatArray32 = NDArray[np.float32]

_STRIP = 8
_SLOTS = 8
"""Blocks after which the memory of the signal begins anew."""
_ONE_THREAD = 1 << 18
"""Multiplications from which OpenBLAS wakes its threads: beside a busy core that would take milliseconds."""


class BinauralDecoder:
    """Convolution with the filters of a decoder as products of matrices; equal to direct convolution, and stateful.

    The field is turned into the head's frame *before* (see :func:`~panosod_core.ambisonics.harmonics.sh_rotation`).
    Head-locked channels ("4+2") do not pass through here: the caller adds them to what :meth:`process` returns. Of
    equal level, a head-locked signal is 3 dB louder than the field (``DIFFUSE_LEVEL_DB`` in the module ``design``).

    Output sample n depends on input up to sample n: the decoder itself adds no block of delay, only the onset of the
    filters.

    A block is cut into strips of 8 samples. Each strip and what the filters remember before it is one row of a matrix;
    the filters, shifted by 0 to 7 samples, are the columns of another. For a few hundred taps this is as much work as
    two Fourier transforms, but a callback wakes into caches that others have filled, and there it takes half the time:
    one product runs through far less code than two transforms do (``docs/decisions/audio-process.md``).
    """

    def __init__(self, filters: BinauralFilters, *, block: int = 256) -> None:
        """Prepare.

        Args:
            filters: what to convolve with; meant for up to about a thousand taps.
            block: samples of every call of :meth:`process`, >= 1.

        Raises:
            ValueError: the block is empty.
        """
        if block < 1:
            raise ValueError(f"the block must have at least one sample, got {block}")
        channels, taps = int(filters.taps.shape[0]), int(filters.taps.shape[2])
        self.filters = filters
        self.block = block
        self._channels = channels
        together = next(n for n in (4, 3, 2, 1) if channels % n == 0)
        groups, width = channels // together, taps - 1 + _STRIP
        rows = _rows_together(together * width, least=-(-block // _STRIP))
        strips = -(-block // (_STRIP * rows)) * rows
        self._past = taps - 1
        self._slot = 0
        self._signal: FloatArray32 = np.zeros(
            (channels, self._past + (_SLOTS - 1) * block + strips * _STRIP), np.float32
        )
        self._windows = [
            _strips_of(self._signal[:, k * block :], groups=groups, strips=strips, width=width) for k in range(_SLOTS)
        ]
        self._strips: FloatArray32 = np.zeros((groups, strips, together, width), np.float32)
        self._rows = self._strips.reshape(groups, strips // rows, rows, together * width)
        self._columns = _shifted(filters.taps).reshape(groups, 1, together * width, 2 * _STRIP)
        self._products: FloatArray32 = np.zeros((groups, strips // rows, rows, 2 * _STRIP), np.float32)
        self._sum = self._products[0] if groups == 1 else np.zeros_like(self._products[0])
        self._by_ear = self._sum.reshape(strips, 2, _STRIP).transpose(1, 0, 2)
        # Only where the strips reach beyond the block.
        self._whole = None if block == strips * _STRIP else np.zeros((2, strips, _STRIP), np.float32)

    @property
    def channels(self) -> int:
        """Ambisonic channels of a block."""
        return self._channels

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
        if field.shape != (self._channels, self.block):
            raise ValueError(f"expected a block of shape {(self._channels, self.block)}, got {field.shape}")
        signal, past = self._signal, self._past
        at = self._slot * self.block + past
        signal[:, at : at + self.block] = field
        self._strips[...] = self._windows[self._slot]
        np.matmul(self._rows, self._columns, out=self._products)
        if len(self._products) > 1:
            np.add.reduce(self._products, axis=0, out=self._sum)
        self._slot += 1
        if self._slot == _SLOTS:
            self._slot = 0
            signal[:, :past] = signal[:, _SLOTS * self.block : _SLOTS * self.block + past]
        if out is None:
            out = np.empty((2, self.block), np.float32)
        if self._whole is None:
            out.reshape(2, -1, _STRIP)[...] = self._by_ear
        else:
            self._whole[...] = self._by_ear
            out[...] = self._whole.reshape(2, -1)[:, : self.block]
        return out

    def reset(self) -> None:
        """Forget the past, as after a seek."""
        self._signal[...] = 0.0


def decode(field: NDArray[Any], filters: BinauralFilters) -> FloatArray32:
    """Decode a whole sound field at once, without the tail that rings on after its end.

    Args:
        field: (C, n), ACN/SN3D, in the head's frame.
        filters: of C channels.

    Returns:
        (2, n) float32.
    """
    block = 1024
    decoder = BinauralDecoder(filters, block=block)
    n = field.shape[1]
    padded = np.zeros((field.shape[0], -(-n // block) * block), np.float32)
    padded[:, :n] = field
    out = np.empty((2, padded.shape[1]), np.float32)
    for start in range(0, padded.shape[1], block):
        out[:, start : start + block] = decoder.process(padded[:, start : start + block])
    return out[:, :n]


def _rows_together(width: int, *, least: int) -> int:
    """How many strips go into one product, a power of two: small enough for one thread, no more than there are."""
    rows = 1
    while 2 * rows * width * 2 * _STRIP <= _ONE_THREAD and rows < least:
        rows *= 2
    return rows


def _strips_of(signal: FloatArray32, *, groups: int, strips: int, width: int) -> FloatArray32:
    """A view (groups, strips, C / groups, width) of ``signal`` (C, n): strip k begins at sample k * _STRIP."""
    channels, n = signal.shape
    windows = sliding_window_view(signal.reshape(groups, channels // groups, n), width, axis=2)
    return windows[:, :, : strips * _STRIP : _STRIP].transpose(0, 2, 1, 3)


def _shifted(taps: NDArray[Any]) -> FloatArray32:
    """(C, taps - 1 + _STRIP, 2 * _STRIP): what each sample of a strip's window gives to each sample of each ear."""
    channels, ears, length = taps.shape
    columns: FloatArray32 = np.zeros((channels, length - 1 + _STRIP, ears, _STRIP), np.float32)
    for shift in range(_STRIP):
        columns[:, shift : shift + length, :, shift] = taps[:, :, ::-1].transpose(0, 2, 1)
    return columns.reshape(channels, -1, ears * _STRIP)
