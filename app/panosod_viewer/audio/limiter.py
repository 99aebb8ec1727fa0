"""The end of the chain: volume, a limiter that never lets a sample past full scale, and the meters."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray32 = NDArray[np.float32]

CEILING = 0.98
"""No output sample exceeds it (-0.18 dBFS)."""
LOOKAHEAD_S = 0.001
RELEASE_DB_PER_S = 40.0
METER_BLOCKS = 8
"""Blocks between two looks at the meters."""


class Limiter:
    """A look-ahead peak limiter, both ears by one gain so that it does not move the image.

    The gain is the smallest that any sample of the look-ahead needs, averaged over the look-ahead: it starts to fall
    one millisecond before a peak and has arrived exactly when the peak comes. Below the ceiling it does nothing but
    delay.
    """

    def __init__(self, *, block: int, rate_hz: int) -> None:
        """Prepare for blocks of that size."""
        self.latency = max(1, round(LOOKAHEAD_S * rate_hz))
        """Samples by which the output lags."""
        self._block = block
        # The samples that are held back, then the block: read while the block's own memory is written.
        joined: FloatArray32 = np.zeros((2, self.latency + block), np.float32)
        self._leaving, self._coming = joined[:, :block], joined[:, self.latency :]
        self._first, self._last = joined[:, : self.latency], joined[:, block:]
        self._peaks: FloatArray32 = np.zeros((2, block), np.float32)
        # Gains that the held samples need, and the run-up that the two windows look back on.
        self._need = np.ones(3 * self.latency + block, np.float64)
        self._release = 10 ** (RELEASE_DB_PER_S / 20 / rate_hz)
        self._powers = self._release ** np.arange(block)
        self._gain_end = 1.0
        self._idle = True  # every need is 1, as almost always: there is nothing to compute
        self.reduction_db = 0.0
        """By how much the last block was turned down at most, dB, >= 0."""

    def process(self, ears: FloatArray32) -> None:
        """Limit a block in place: (2, block) float32; what comes out is :attr:`latency` samples late."""
        self._first[...] = self._last
        self._coming[...] = ears
        np.abs(ears, out=self._peaks)
        ears[...] = self._leaving
        if self._idle and np.maximum.reduce(self._peaks, axis=None) <= CEILING:
            return
        self._idle = False
        peak = self._peaks.max(axis=0)
        need, n = self._need, self._block
        need[:-n] = need[n:].copy()
        need[-n:] = 1.0
        np.divide(CEILING, peak, out=need[-n:], where=peak > CEILING)
        if self._gain_end == 1.0 and need.min() == 1.0:
            self._idle, self.reduction_db = True, 0.0
            return
        gain = self._gains(need)
        ears *= gain.astype(np.float32)
        self.reduction_db = float(-20 * np.log10(gain.min()))

    def _gains(self, need: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gains of the samples that leave now, from the needs of those that came."""
        lag, n = self.latency, self._block
        # least[i]: what the samples i .. i + lag need; its average over lag + 1 can only arrive in time.
        least = sliding_window_view(need, lag + 1).min(axis=1)[-(n + lag) :]
        average: NDArray[np.float64] = np.convolve(least, np.full(lag + 1, 1 / (lag + 1)), "valid")
        # Release: the gain climbs by no more than a fixed number of decibels a second.
        average[0] = min(average[0], self._gain_end * self._release)
        gain: NDArray[np.float64] = np.minimum(np.minimum.accumulate(average / self._powers) * self._powers, 1.0)
        self._gain_end = float(gain[-1])
        if self._gain_end > 1 - 1e-6:
            self._gain_end = 1.0
        return gain


@dataclass
class Meter:
    """Peak with decay and mean square with a time constant, for each ear."""

    block: int
    rate_hz: int

    def __post_init__(self) -> None:
        seconds = METER_BLOCKS * self.block / self.rate_hz
        self._fall = 10 ** (-20.0 * seconds / 20)  # 20 dB/s
        self._forget = float(np.exp(-seconds / 0.3))
        self.peak = np.zeros(2)
        self._mean_square = np.zeros(2)
        self._kept: FloatArray32 = np.zeros((2, METER_BLOCKS * self.block), np.float32)
        self._filled = 0

    @property
    def rms(self) -> NDArray[np.float64]:
        """(2,) root mean square over about 0.3 s."""
        return np.sqrt(self._mean_square)

    def update(self, ears: FloatArray32) -> None:
        """Take a block, (2, block). Every eighth one they are looked at together: it costs an eighth."""
        at = self._filled * self.block
        self._kept[:, at : at + self.block] = ears
        self._filled = (self._filled + 1) % METER_BLOCKS
        if self._filled:
            return
        np.maximum(self.peak * self._fall, np.maximum.reduce(np.abs(self._kept), axis=1), out=self.peak)
        square = np.array([ear @ ear for ear in self._kept]) / self._kept.shape[1]
        self._mean_square += (1 - self._forget) * (square - self._mean_square)
