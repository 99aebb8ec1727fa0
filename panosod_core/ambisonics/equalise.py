"""Taking the loudspeaker, the room-independent colour and the missing bass out of a measured head."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from panosod_core.ambisonics.design import DESIGN_LENGTH, ComplexArray, grid_weights
from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.hrtf import HrtfSet, load_sofa
from panosod_core.ambisonics.magls import magls_filters
from panosod_core.geometry.sphere import FloatArray

BASS_HZ = 200.0
"""Below this a set that rolls off is replaced by what any head does there: nothing but delay."""
_LIMIT_DB = 20.0
_BASS_MISSING_DB = -4.0


def filters_from_sofa(path: Path, *, order: int) -> tuple[BinauralFilters, tuple[str, ...]]:
    """A decoder from a person's own SOFA file: read, equalised to the diffuse field, MagLS at 48 kHz, levelled.

    Args:
        path: the SOFA file.
        order: 1..3.

    Returns:
        The filters, and doubts about the file worth showing.

    Raises:
        HrtfError: the file cannot be used.
    """
    hrtf = load_sofa(path)
    return magls_filters(diffuse_field_equalised(hrtf), order=order), hrtf.warnings


def diffuse_field_equalised(hrtf: HrtfSet) -> HrtfSet:
    """A set whose mean power over all directions is flat, as headphones for the diffuse field expect.

    One minimum-phase filter for all directions and both ears: differences between directions and ears stay as they
    are. Smoothed to a third of an octave, boost and cut limited to 20 dB. Where the set has no bass (a small
    measuring loudspeaker), what lies below 200 Hz is continued from there: level of 200 Hz, delay alone.
    """
    spectrum = np.fft.rfft(hrtf.responses, DESIGN_LENGTH, axis=-1)
    frequency: FloatArray = np.linspace(0.0, hrtf.sample_rate_hz / 2, DESIGN_LENGTH // 2 + 1)
    weights, _ = grid_weights(hrtf.directions)
    power = np.tensordot(weights, np.abs(spectrum) ** 2, axes=1).mean(axis=0)
    level_db = 10 * np.log10(_smoothed(power, frequency) + 1e-30)
    centre = _mean(level_db, frequency, 300.0, 8000.0)
    bassless = _mean(level_db, frequency, 50.0, 120.0) - _mean(level_db, frequency, 250.0, 600.0) < _BASS_MISSING_DB
    # What is replaced below may be boosted without harm, and must be: the phase at 200 Hz hangs on it.
    limit_db = np.where(bassless & (frequency < BASS_HZ), 3 * _LIMIT_DB, _LIMIT_DB)
    correction_db = np.clip(centre - level_db, -limit_db, limit_db)
    equalised = spectrum * _minimum_phase(correction_db)
    if bassless:
        equalised = _with_bass(equalised, frequency, hrtf.sample_rate_hz)
    times = np.fft.irfft(equalised, DESIGN_LENGTH, axis=-1)[..., : DESIGN_LENGTH // 2]
    return replace(hrtf, responses=times)


def _mean(level_db: FloatArray, frequency: FloatArray, low_hz: float, high_hz: float) -> float:
    return float(level_db[(frequency >= low_hz) & (frequency <= high_hz)].mean())


def _smoothed(power: FloatArray, frequency: FloatArray) -> FloatArray:
    """Mean power of the third octave around each bin."""
    total = np.concatenate([[0.0], np.cumsum(power)])
    low = np.searchsorted(frequency, frequency * 2 ** (-1 / 6))
    high = np.minimum(np.searchsorted(frequency, frequency * 2 ** (1 / 6), side="right"), len(frequency))
    smooth: FloatArray = (total[high] - total[low]) / np.maximum(high - low, 1)
    return smooth


def _minimum_phase(level_db: FloatArray) -> ComplexArray:
    """The minimum-phase response of a magnitude, by the folded cepstrum."""
    length = 2 * (len(level_db) - 1)
    cepstrum = np.fft.irfft(level_db * (np.log(10) / 20), length)
    cepstrum[1 : length // 2] *= 2
    cepstrum[length // 2 + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum))


def _with_bass(spectrum: ComplexArray, frequency: FloatArray, rate_hz: int) -> ComplexArray:
    """Below 200 Hz: the magnitude found there drifting to the common one at 0 Hz, and a phase that is delay alone."""
    edge = int(np.searchsorted(frequency, BASS_HZ))
    magnitude = np.abs(spectrum[..., edge])
    common = float(np.sqrt(np.mean(magnitude**2)))
    delay_s = np.argmax(np.abs(np.fft.irfft(spectrum, axis=-1)), axis=-1) / rate_hz
    # The phase that remains at the edge beside the delay (of treble's peak) is what the sphere adds in the bass.
    rest = np.angle(spectrum[..., edge] * np.exp(2j * np.pi * BASS_HZ * delay_s))
    part = frequency[:edge] / frequency[edge]
    phase = part * rest[..., None] - 2 * np.pi * frequency[:edge] * delay_s[..., None]
    out = np.array(spectrum)
    out[..., :edge] = (common + (magnitude[..., None] - common) * part) * np.exp(1j * phase)
    return out
