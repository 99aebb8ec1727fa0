"""What sounds beside the clip itself: the loop held while paused, and the burst of the direction check."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.harmonics import real_sh

FloatArray32 = NDArray[np.float32]

HOLD_S = 0.2
HOLD_FADE_S = 0.02
"""The end of the held loop fades into what came before its beginning, so that it closes without a click."""
HOLD_LEAST_S = 0.05
BURST_S = 0.3
BURST_RMS = 10 ** (-20 / 20)


class HoldLoop:
    """The last 200 ms of the undecoded channels, gone round without an end. Turned with the head like anything else."""

    def __init__(self, *, rate_hz: int) -> None:
        """Prepare, with nothing to hold."""
        self.length = round(HOLD_S * rate_hz)
        self.fade = round(HOLD_FADE_S * rate_hz)
        self._least = round(HOLD_LEAST_S * rate_hz)
        self._loop: FloatArray32 | None = None
        self._phase = 0

    def capture(self, past: FloatArray32, ahead: FloatArray32) -> None:
        """Make the loop.

        Args:
            past: (C, n) what was played last.
            ahead: (C, m) what comes next: used where the past is too short, as at the clip's beginning.
        """
        material = past[:, -(self.length + self.fade) :]
        if material.shape[1] < self._least:
            material = np.concatenate([material, ahead[:, : self.length]], axis=1)
        fade = min(self.fade, material.shape[1] // 2)
        if fade == 0:
            self._loop = None
            return
        loop = material[:, fade:].copy()
        phase = np.linspace(0, np.pi / 2, fade, endpoint=False, dtype=np.float32)
        # Equal power: what fades is a fifth of a second apart and so hardly alike.
        loop[:, -fade:] = loop[:, -fade:] * np.cos(phase) + material[:, :fade] * np.sin(phase)
        self._loop, self._phase = loop, 0

    def add_to(self, out: FloatArray32, gain: NDArray[Any] | float) -> None:
        """Add the next block of the loop to ``out`` (C, n), times ``gain`` (a number or (n,))."""
        if self._loop is None:
            return
        n, length = out.shape[1], self._loop.shape[1]
        index = (self._phase + np.arange(n)) % length
        out += self._loop[:, index] * gain
        self._phase = (self._phase + n) % length


def pink_burst(rate_hz: int) -> FloatArray32:
    """The noise of the direction check: pink, 100 Hz to 16 kHz, soft ends, always the same samples.

    Pink noise, because the ear places a sound best that has both low frequencies (time differences) and high ones
    (level differences, the colour of elevation).
    """
    n = round(BURST_S * rate_hz)
    frequency = np.fft.rfftfreq(n, 1 / rate_hz)
    phase = np.random.default_rng(360).uniform(0, 2 * np.pi, len(frequency))
    inside = (frequency >= 100) & (frequency <= 16000)
    noise = np.fft.irfft(np.where(inside, np.exp(1j * phase) / np.sqrt(np.maximum(frequency, 1)), 0), n)
    noise *= BURST_RMS / np.sqrt(np.mean(noise**2))
    rise, fall = round(0.005 * rate_hz), round(0.05 * rate_hz)
    noise[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    noise[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return noise.astype(np.float32)


class Burst:
    """One burst from a direction of the world."""

    def __init__(self, signal: FloatArray32, direction: NDArray[Any], order: int) -> None:
        """Encode ``signal`` (n,) from ``direction`` (3,) of any length, at that order.

        Raises:
            ValueError: the direction has no length or is not finite.
        """
        d = np.asarray(direction, np.float64)
        length = np.linalg.norm(d)
        if d.shape != (3,) or not (np.isfinite(length) and length > 0):
            raise ValueError(f"a direction is 3 finite numbers, not all zero; got {direction}")
        self._gains = real_sh(order, d / length).astype(np.float32)[:, None]
        self._signal = signal
        self._at = 0

    @property
    def over(self) -> bool:
        """True once everything has been played."""
        return self._at >= len(self._signal)

    def add_to(self, field: FloatArray32) -> None:
        """Add the next block to ``field`` (C, n)."""
        piece = self._signal[self._at : self._at + field.shape[1]]
        field[:, : len(piece)] += self._gains * piece
        self._at += field.shape[1]
