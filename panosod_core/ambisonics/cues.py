"""What a listener localises by, read from impulse responses; and how far a decoder's cues lie from a head's own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.ambisonics.hrtf import HrtfSet
from panosod_core.geometry.sphere import FloatArray

ITD_BAND_HZ = 1500.0
"""Interaural time differences of the fine structure count below this frequency."""
HORIZONTAL_RAD = float(np.radians(2.0))
_ITD_OVERSAMPLING = 16
_ITD_LIMIT_S = 1.2e-3


def rendered_responses(filters: BinauralFilters, directions: FloatArray) -> FloatArray:
    """What a decoder makes of plane waves: (D, 3) directions to (D, 2, T) impulse responses."""
    made: FloatArray = np.einsum("dc,cet->det", real_sh(filters.order, directions), filters.taps.astype(np.float64))
    return made


def interaural_time_s(responses: FloatArray, sample_rate_hz: int) -> FloatArray:
    """Interaural time difference below 1.5 kHz, positive where the left ear leads (source on the left).

    The lag of the greatest cross-correlation of the low-passed ears, on a 16 times finer grid, within +-1.2 ms.

    Args:
        responses: (D, 2, T).
        sample_rate_hz: of the responses.

    Returns:
        (D,) seconds.
    """
    n = 1 << int(np.ceil(np.log2(2 * responses.shape[-1])))
    n = max(n, 1 << int(np.ceil(np.log2(4 * _ITD_LIMIT_S * sample_rate_hz))))
    spectrum = np.fft.rfft(responses, n, axis=-1)
    frequency = np.fft.rfftfreq(n, 1 / sample_rate_hz)
    edge = np.clip((frequency / ITD_BAND_HZ - 0.9) / 0.2, 0.0, 1.0)
    cross = spectrum[:, 1] * spectrum[:, 0].conj() * (0.5 + 0.5 * np.cos(np.pi * edge))
    correlation = np.fft.irfft(cross, n * _ITD_OVERSAMPLING, axis=-1)
    reach = int(_ITD_LIMIT_S * sample_rate_hz * _ITD_OVERSAMPLING)
    lags = np.arange(-reach, reach + 1)
    best: FloatArray = lags[np.argmax(correlation[:, lags], axis=-1)] / (sample_rate_hz * _ITD_OVERSAMPLING)
    return best


def third_octave_levels_db(responses: FloatArray, sample_rate_hz: int, *, low_hz: float, high_hz: float) -> FloatArray:
    """Level in third octaves whose centres (1000 Hz x 2^(k/3)) lie in a range.

    Args:
        responses: S + (T,).
        sample_rate_hz: of the responses.
        low_hz: lowest centre.
        high_hz: highest centre.

    Returns:
        S + (bands,) dB: 0 dB where the mean power gain of the band is 1.
    """
    n = max(1 << int(np.ceil(np.log2(responses.shape[-1]))), 4096)
    power = np.abs(np.fft.rfft(responses, n, axis=-1)) ** 2
    frequency = np.fft.rfftfreq(n, 1 / sample_rate_hz)
    k = np.arange(np.ceil(3 * np.log2(low_hz / 1000) - 1e-9), np.floor(3 * np.log2(high_hz / 1000) + 1e-9) + 1)
    bands = []
    for centre in 1000 * 2 ** (k / 3):
        inside = (frequency >= centre * 2 ** (-1 / 6)) & (frequency < centre * 2 ** (1 / 6))
        bands.append(power[..., inside].mean(axis=-1))
    levels: FloatArray = 10 * np.log10(np.stack(bands, axis=-1) + 1e-30)
    return levels


def interaural_level_db(responses: FloatArray, sample_rate_hz: int) -> FloatArray:
    """Left minus right level in third octaves from 1.5 to 15 kHz: (D, 2, T) to (D, bands) dB."""
    levels = third_octave_levels_db(responses, sample_rate_hz, low_hz=1500, high_hz=15000)
    difference: FloatArray = levels[:, 0] - levels[:, 1]
    return difference


@dataclass(frozen=True)
class CueErrors:
    """Mean absolute errors of a decoder against a head.

    Attributes:
        itd_us: below 1.5 kHz, horizontal directions, microseconds.
        ild_horizontal_db: third octaves 1.5 to 15 kHz, horizontal directions.
        ild_sphere_db: the same over the whole sphere.
        spectral_db: third octaves 125 Hz to 16 kHz of each ear, one gain matched over everything, whole sphere.
        ild_at_left_db: the decoder's mean ILD for the direction nearest to +90 degrees.
        ild_at_left_truth_db: the head's own.
    """

    itd_us: float
    ild_horizontal_db: float
    ild_sphere_db: float
    spectral_db: float
    ild_at_left_db: float
    ild_at_left_truth_db: float


def cue_errors(filters: BinauralFilters, hrtf: HrtfSet, weights: NDArray[np.float64]) -> CueErrors:
    """How far the cues of a decoder lie from those of a head, averaged over the head's own directions.

    Args:
        filters: the decoder, at the rate of the head.
        hrtf: the head.
        weights: (D,) share of the sphere that each direction stands for; the sum is 1.

    Raises:
        ValueError: the rates differ, or the head has no horizontal directions.
    """
    rate = hrtf.sample_rate_hz
    if filters.sample_rate_hz != rate:
        raise ValueError(f"filters at {filters.sample_rate_hz} Hz cannot be compared with a head at {rate} Hz")
    flat = np.abs(np.arcsin(np.clip(hrtf.directions[:, 2], -1, 1))) <= HORIZONTAL_RAD
    if not flat.any():
        raise ValueError("the head has no horizontal directions")
    made = rendered_responses(filters, hrtf.directions)
    itd = np.abs(interaural_time_s(made[flat], rate) - interaural_time_s(hrtf.responses[flat], rate))
    made_ild, true_ild = interaural_level_db(made, rate), interaural_level_db(hrtf.responses, rate)
    ild = np.abs(made_ild - true_ild).mean(axis=-1)
    spectral = third_octave_levels_db(made, rate, low_hz=125, high_hz=16000)
    spectral -= third_octave_levels_db(hrtf.responses, rate, low_hz=125, high_hz=16000)
    spectral -= np.sum(spectral.mean(axis=(1, 2)) * weights)
    left = int(np.argmax(hrtf.directions[:, 1]))
    return CueErrors(
        itd_us=float(itd.mean() * 1e6),
        ild_horizontal_db=float(ild[flat].mean()),
        ild_sphere_db=float(ild @ weights),
        spectral_db=float(np.abs(spectral).mean(axis=(1, 2)) @ weights),
        ild_at_left_db=float(made_ild[left].mean()),
        ild_at_left_truth_db=float(true_ild[left].mean()),
    )
