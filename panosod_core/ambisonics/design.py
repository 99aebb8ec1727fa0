"""What all decoder designs share: weights of irregular grids, regularised least squares, cutting to length, level."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.format import acn_degrees
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.geometry.sphere import FloatArray, direction

ComplexArray = NDArray[np.complex128]

DESIGN_LENGTH = 2048
"""FFT length of the designs: filters are solved bin by bin and then cut to their taps."""
REGULARISATION = 0.01
"""-20 dB of what a direction-complete grid gives: costs such a grid 0.09 dB and tames gaps and rings."""
_SPIRAL = 10_000
_CELL_REACH_RAD = float(np.radians(15.0))
DIFFUSE_LEVEL_DB = -3.0
"""Level of every decoder in a diffuse field of 0 dB. Omnitone's filters, which clips for the web were mastered with,
have -2.5 to -3.3 dB by the same measure (benchmarks/results/decoders.md); it leaves room for the ear near a source."""
_LEVEL_BAND_HZ = (100.0, 10_000.0)


def grid_weights(directions: FloatArray) -> tuple[FloatArray, float]:
    """Share of the sphere that each direction of an irregular grid stands for.

    Areas of the cells of nearest neighbours, counted on a dense spiral. What lies farther than 15 degrees from every
    direction belongs to none: else the rim of a gap (below a head, most often) would speak for all of the gap.

    Args:
        directions: (D, 3) unit vectors; doubles are allowed.

    Returns:
        (D,) weights that sum to 1, and the part of the sphere that is covered, 0..1.
    """
    index = np.arange(_SPIRAL) + 0.5
    half = direction(np.pi * (1 + 5**0.5) * index, np.arcsin(1 - 2 * index / _SPIRAL))
    # Each point with its mirror image, so that a mirror-symmetric head gets mirror-symmetric filters.
    spiral = np.concatenate([half, half * [1.0, -1.0, 1.0]])
    count = len(spiral)
    owners = np.empty(count, np.int64)
    nearness = np.empty(count)
    for start in range(0, count, 2000):
        part = slice(start, start + 2000)
        cosines = spiral[part] @ directions.T
        owners[part] = cosines.argmax(axis=1)
        nearness[part] = cosines.max(axis=1)
    near = nearness >= np.cos(_CELL_REACH_RAD)
    area = np.bincount(owners[near], minlength=len(directions)).astype(np.float64)
    return area / area.sum(), float(near.mean())


class LeastSquares:
    """Regularised least squares on harmonics over an irregular grid, factored once for all frequencies."""

    def __init__(self, order: int, directions: FloatArray, *, regularisation: float = REGULARISATION) -> None:
        """Factor.

        Args:
            order: 1..3.
            directions: (D, 3) unit vectors.
            regularisation: added to the diagonal of the Gram matrix, which is the identity for a complete grid.
        """
        weights, self.covered = grid_weights(directions)
        # N3D, in which the Gram matrix of the whole sphere is the identity, makes the regularisation fair.
        self.scale = np.sqrt(2 * acn_degrees(order) + 1)
        self.harmonics = real_sh(order, directions) * self.scale  # (D, C)
        gram = self.harmonics.T @ (self.harmonics * weights[:, None])
        gram[np.diag_indices_from(gram)] += regularisation
        self._solver = np.linalg.solve(gram, (self.harmonics * weights[:, None]).T)  # (C, D)

    def solve(self, target: NDArray[np.complexfloating] | FloatArray) -> ComplexArray:
        """Coefficients in N3D, (C, ...), of a target (D, ...)."""
        return np.tensordot(self._solver, target, axes=1).astype(np.complex128)

    def evaluate(self, coefficients: ComplexArray) -> ComplexArray:
        """Field in the grid's directions, (D, ...), of coefficients in N3D (C, ...)."""
        return np.tensordot(self.harmonics, coefficients, axes=1).astype(np.complex128)

    def to_taps(self, coefficients: ComplexArray) -> FloatArray:
        """Impulse responses for SN3D channels: (C, 2, bins) N3D coefficients to (C, 2, N)."""
        return np.fft.irfft(coefficients * self.scale[:, None, None], axis=-1)


def cut(responses: FloatArray, taps: int) -> tuple[FloatArray, float]:
    """The first taps of long responses, faded at both ends, and the part of their energy that remains.

    Args:
        responses: (C, 2, N), N >= taps.
        taps: length to keep.

    Returns:
        (C, 2, taps) and the share of energy kept, 0..1.
    """
    kept = np.array(responses[..., :taps])
    fade_in, fade_out = min(8, taps // 8), min(32, taps // 4)
    kept[..., :fade_in] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade_in) + 0.5) / fade_in)
    kept[..., -fade_out:] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade_out) + 0.5) / fade_out)
    return kept, float(np.sum(kept**2) / np.sum(responses**2))


def diffuse_level_db(taps: FloatArray, sample_rate_hz: int) -> float:
    """Level at the ears in a diffuse pink field of 0 dB, mean of both ears, 100 Hz to 10 kHz.

    In a diffuse field the SN3D channels are uncorrelated with power 1 / (2l + 1) of W; equivalently, this is the mean
    over all directions of a plane wave's level. A decoder of 0 dB would be as loud, on the whole, as the same mono
    signal played to both ears.

    Args:
        taps: (C, 2, T) for SN3D channels.
        sample_rate_hz: of the taps.
    """
    order = int(np.sqrt(taps.shape[0])) - 1
    power = np.abs(np.fft.rfft(taps, 8192, axis=-1)) ** 2
    per_ear = np.tensordot(1.0 / (2 * acn_degrees(order) + 1), power, axes=1)
    frequency = np.fft.rfftfreq(8192, 1 / sample_rate_hz)
    inside = (frequency >= _LEVEL_BAND_HZ[0]) & (frequency <= _LEVEL_BAND_HZ[1])
    pink = inside / np.maximum(frequency, 1.0)
    return float(10 * np.log10((per_ear.mean(axis=0) @ pink) / pink.sum()))


def levelled(taps: FloatArray, sample_rate_hz: int) -> NDArray[np.float32]:
    """Taps scaled to :data:`DIFFUSE_LEVEL_DB`: the one loudness of all decoders and heads (float32)."""
    gain_db = DIFFUSE_LEVEL_DB - diffuse_level_db(taps, sample_rate_hz)
    return np.asarray(taps * 10 ** (gain_db / 20), np.float32)


def spectra(responses: Sequence[FloatArray] | FloatArray) -> ComplexArray:
    """Transfer functions on the design's bins: (D, 2, T) to (D, 2, DESIGN_LENGTH / 2 + 1)."""
    return np.fft.rfft(np.asarray(responses), DESIGN_LENGTH, axis=-1)
