"""Sounds that never end: each timbre is a function of length, rate and random state, and starts anywhere.

All are broadband enough to be placed by ear above 2 kHz, and tell themselves apart at once. Levels are equal by RMS
with a crest factor below 15 dB.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from panosod_core.synth.grid import Float32Array

_LARGEST_CREST = 5.0
"""Peaks above this many RMS (14 dB) are rounded off."""


def timbre(name: str, n: int, *, rate_hz: int, rms: float, rng: np.random.Generator) -> Float32Array:
    """A stretch of a timbre.

    Args:
        name: one of :data:`TIMBRES`.
        n: samples, at least 1.
        rate_hz: sample rate.
        rms: root mean square wanted, full scale 1.
        rng: where its accidents come from.

    Returns:
        (n,) float32.

    Raises:
        ValueError: no such timbre.
    """
    if name not in TIMBRES:
        raise ValueError(f"no timbre {name!r}: expected one of {', '.join(TIMBRES)}")
    raw = TIMBRES[name](n, rate_hz, rng)
    raw = raw / max(float(np.sqrt(np.mean(raw**2))), 1e-12)
    # tanh leaves small values as they are and never passes the limit
    rounded = _LARGEST_CREST * np.tanh(raw / _LARGEST_CREST)
    return (rounded * (rms / max(float(np.sqrt(np.mean(rounded**2))), 1e-12))).astype(np.float32)


def shaped_noise(
    n: int, rate_hz: int, rng: np.random.Generator, *, low_hz: float, high_hz: float, tilt_db_octave: float = 0.0
) -> NDArray[np.float64]:
    """Gaussian noise between two frequencies, with a tilt, RMS 1: (n,) float64."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    octaves = np.log2(np.maximum(hz, 1.0) / np.sqrt(low_hz * high_hz))
    # fourth-order flanks: no ringing worth hearing
    gain = 10 ** (tilt_db_octave * octaves / 20) / np.sqrt(
        (1 + (low_hz / np.maximum(hz, 1e-3)) ** 8) * (1 + (hz / high_hz) ** 8)
    )
    noise = np.fft.irfft(spectrum * gain, n)
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12))


def fade(n: int, fade_samples: int) -> Float32Array:
    """An envelope of n samples: raised-cosine flanks of that many samples (at most n / 2), 1 between."""
    length = min(fade_samples, n // 2)
    envelope = np.ones(n, np.float32)
    if length:
        flank = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
        envelope[:length] = flank
        envelope[n - length :] = flank[::-1]
    return envelope


def click(rate_hz: int, *, rng: np.random.Generator) -> Float32Array:
    """A click of 4 ms that starts at its first sample at full strength: (n,) float32, peak 1."""
    n = max(round(0.004 * rate_hz), 8)
    t = np.arange(n) / rate_hz
    body = np.cos(2 * np.pi * 2400 * t) + 0.5 * rng.standard_normal(n)
    wave = body * np.exp(-t / 0.0009) * np.linspace(1, 0, n)
    sharp: Float32Array = (wave / np.max(np.abs(wave))).astype(np.float32)
    return sharp


def _reed(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A bowed fifth with a slow vibrato and some breath."""
    t = np.arange(n) / rate_hz
    vibrato = 0.004 * np.sin(2 * np.pi * 5.1 * t + rng.uniform(0, 2 * np.pi))
    wave = np.zeros(n)
    for root_hz, level in ((196.0, 1.0), (293.66, 0.7)):
        turn = 2 * np.pi * root_hz * (t + np.cumsum(vibrato) / rate_hz)
        for k in range(1, int(min(9000.0, 0.45 * rate_hz) / root_hz)):
            wave += level * k**-0.85 * np.sin(k * turn + rng.uniform(0, 2 * np.pi))
    breath = shaped_noise(n, rate_hz, rng, low_hz=1500, high_hz=9000, tilt_db_octave=-3)
    swell = 1 + 0.25 * np.sin(2 * np.pi * 0.8 * t + rng.uniform(0, 2 * np.pi))
    return np.asarray((wave / np.sqrt(np.mean(wave**2)) + 0.18 * breath) * swell)


def _shaker(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Grains in a gourd: bright noise in steps of an eighth of a second, every other one accented."""
    t = np.arange(n) / rate_hz
    beat = 8.0
    position = np.mod(t * beat, 1.0)
    accent = np.where(np.mod(np.floor(t * beat), 2) == 0, 1.0, 0.62)
    stroke = np.sin(np.pi * np.minimum(position * 6, 1.0) / 2) ** 2 * np.exp(-3.0 * position)
    bright = shaped_noise(n, rate_hz, rng, low_hz=1800, high_hz=min(11000, 0.4 * rate_hz))
    body = shaped_noise(n, rate_hz, rng, low_hz=350, high_hz=1400)
    return np.asarray((bright + 0.55 * body) * (stroke * accent + 0.05))


def _chime(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Struck metal bars: a pentatonic line of overlapping notes with inharmonic partials."""
    scale_hz = 523.25 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    step = max(round(0.16 * rate_hz), 1)
    ring = round(0.9 * rate_hz)
    t = np.arange(ring) / rate_hz
    attack = np.minimum(t / 0.002, 1.0)
    # Notes struck before the beginning still ring at the beginning.
    wave = np.zeros(n + 2 * ring)
    degree = int(rng.integers(len(scale_hz)))
    for start in range(0, n + ring, step):
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(scale_hz) - 1))
        note = np.zeros(ring)
        for ratio, level, decay_s in ((1.0, 1.0, 0.38), (2.76, 0.55, 0.22), (5.40, 0.40, 0.13), (8.93, 0.25, 0.08)):
            hz = scale_hz[degree] * ratio
            if hz < 0.45 * rate_hz:
                note += level * np.sin(2 * np.pi * hz * t) * np.exp(-t / decay_s)
        wave[start : start + ring] += note * attack * rng.uniform(0.75, 1.0)
    return wave[ring : ring + n]


TIMBRES: dict[str, Callable[[int, int, np.random.Generator], NDArray[np.float64]]] = {
    "reed": _reed,
    "shaker": _shaker,
    "chime": _chime,
}
"""The timbres by name."""
