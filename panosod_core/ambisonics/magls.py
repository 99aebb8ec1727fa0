"""Magnitude least squares: the binaural decoder panosod uses."""

import numpy as np

from panosod_core.ambisonics.design import DESIGN_LENGTH, ComplexArray, LeastSquares, cut, levelled, spectra
from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.format import MAX_ORDER
from panosod_core.ambisonics.hrtf import HrtfSet
from panosod_core.geometry.sphere import FloatArray

DEFAULT_CUT_HZ = {1: 1500.0, 2: 1500.0, 3: 2000.0}
"""1.5 kHz is where the fine structure's time difference stops counting and, for first order, the knee between time
and level errors. Third order reproduces the field around a head exactly up to about 1.9 kHz (N c / 2 pi r, r = 9 cm):
cutting below that would give something away. Higher cuts cost level and spectrum (docs/decisions, the decoder)."""


def magls_filters(hrtf: HrtfSet, *, order: int, taps: int = 384, cut_hz: float | None = None) -> BinauralFilters:
    """Filters whose magnitudes are right above a frequency where phases no longer matter.

    Schörkhuber, Zaunschirm & Höldrich, "Binaural rendering of Ambisonic signals via magnitude least squares", DAGA
    2018; Zotter & Frank, "Ambisonics", 2019, section 4.11. Below the cut: complex least squares. Above: the target of
    every bin has the measured magnitudes and the phases that the solution of the bin below leads to. Those phases are
    continued (Hold et al., DAGA 2023): turned on by the mean advance from bin to bin below the cut, that is by the
    delay of the head. Unturned, the phases would stand still, which is a delay of zero: the treble would come before
    the bass, half of it wrapped to the far end of the FFT, and be lost when the filters are cut to length.

    Args:
        hrtf: the head, on any grid.
        order: 1..3.
        taps: length at the head's rate, 64..2048; 256 to 512 at 48 kHz keep more than 99 % of the energy.
        cut_hz: where magnitudes take over; None: 1.5 kHz, for third order 2 kHz.

    Returns:
        Filters with a diffuse-field level of -3 dB (see :func:`~panosod_core.ambisonics.design.diffuse_level_db`).

    Raises:
        ValueError: an argument outside its range.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"binaural filters are of order 1..{MAX_ORDER}, got {order}")
    if not 64 <= taps <= DESIGN_LENGTH:
        raise ValueError(f"taps must lie in 64..{DESIGN_LENGTH}, got {taps}")
    cut_at = DEFAULT_CUT_HZ[order] if cut_hz is None else cut_hz
    if not 200.0 <= cut_at <= hrtf.sample_rate_hz / 2:
        raise ValueError(f"cut_hz must lie in 200..{hrtf.sample_rate_hz / 2}, got {cut_at}")
    responses, kept = cut(magls_responses(hrtf, order=order, cut_hz=cut_at), taps)
    return BinauralFilters(
        taps=levelled(responses, hrtf.sample_rate_hz),
        order=order,
        sample_rate_hz=hrtf.sample_rate_hz,
        name=hrtf.name,
        method=f"MagLS {cut_at:.0f} Hz, {taps} taps, {100 * kept:.1f} % of the energy",
        licence=hrtf.licence,
        citation=hrtf.citation,
    )


def magls_responses(hrtf: HrtfSet, *, order: int, cut_hz: float) -> FloatArray:
    """The uncut filters of :func:`magls_filters`: (C, 2, DESIGN_LENGTH), of no particular level."""
    grid = LeastSquares(order, hrtf.directions)
    target = spectra(hrtf.responses)
    solution = grid.solve(target)
    first = int(np.ceil(cut_hz * DESIGN_LENGTH / hrtf.sample_rate_hz))
    advance = _mean_advance(grid.evaluate(solution[..., first // 2 : first]))
    field = grid.evaluate(solution[..., first - 1])
    magnitudes = np.abs(target)
    for k in range(first, target.shape[-1]):
        phases = field / np.maximum(np.abs(field), 1e-30) * advance
        solution[..., k] = grid.solve(magnitudes[..., k] * phases)
        field = grid.evaluate(solution[..., k])
    return grid.to_taps(solution)


def _mean_advance(field: ComplexArray) -> complex:
    """Unit phasor by which a field (D, 2, bins) turns from bin to bin, averaged by energy: the mean delay of both ears.

    One for both ears, so that mirror-symmetric heads get mirror-symmetric filters.
    """
    turn = complex(np.sum(field[..., 1:] * field[..., :-1].conj()))
    return turn / abs(turn)
