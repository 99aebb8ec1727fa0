"""Impulse responses: their onset, their rate, their delay. numpy only."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray

LEAD_SAMPLES = 32
"""Room kept before the first onset, for the ringing that band limits put ahead of it."""
_ONSET = 0.1
"""Onset: the first sample above -20 dB of the response's peak."""
_BAND_EDGE = 0.93
"""Fraction of the lower Nyquist frequency above which a change of rate fades out, against ringing."""


def onset(responses: FloatArray) -> NDArray[np.int64]:
    """Index of the first sample that reaches -20 dB of its response's peak: S + (T,) to S."""
    size = np.abs(responses)
    first: NDArray[np.int64] = np.argmax(size >= _ONSET * size.max(axis=-1, keepdims=True), axis=-1)
    return first


def resampled(responses: FloatArray, delays: FloatArray, *, rate_hz: int, new_rate_hz: int) -> FloatArray:
    """Responses at another rate and later by a fraction of samples, with the same transfer function.

    Done in the frequency domain: exact inside the band, faded out over the last 7 % below the lower Nyquist frequency.

    Args:
        responses: (D, 2, T).
        delays: (D, 2) samples at the old rate, >= 0.
        rate_hz: old rate.
        new_rate_hz: new rate.

    Returns:
        (D, 2, T') float64, delayed by about :data:`LEAD_SAMPLES` more, which all share.
    """
    lead = LEAD_SAMPLES
    whole = np.array_equal(delays, np.round(delays))
    if rate_hz == new_rate_hz and whole:
        out = np.zeros((*responses.shape[:2], responses.shape[2] + lead + int(delays.max())))
        places = lead + delays.astype(np.int64)[..., None] + np.arange(responses.shape[2])
        np.put_along_axis(out, places, responses, axis=-1)
        return out
    up, down = new_rate_hz // gcd(rate_hz, new_rate_hz), rate_hz // gcd(rate_hz, new_rate_hz)
    needed = responses.shape[2] + int(np.ceil(delays.max())) + 2 * lead
    # An even multiple of both, so that the new length is whole and Nyquist is a bin.
    periods = -(-needed // (2 * down)) * 2
    n_old, n_new = periods * down, periods * up
    spectrum = np.fft.rfft(responses, n_old, axis=-1)
    bins = min(n_old, n_new) // 2 + 1
    turn = 2 * np.pi * np.arange(bins) / n_old
    edge = np.clip((np.arange(bins) / (bins - 1) - _BAND_EDGE) / (1 - _BAND_EDGE), 0.0, 1.0)
    fade = 0.5 + 0.5 * np.cos(np.pi * edge)
    shifted = spectrum[..., :bins] * np.exp(-1j * turn * (delays[..., None] + lead)) * fade
    return np.fft.irfft(shifted, n_new, axis=-1)
