"""The decoders that MagLS is measured against: plain least squares and the virtual loudspeaker cube."""

import numpy as np

from panosod_core.ambisonics.design import DESIGN_LENGTH, LeastSquares, cut, levelled, spectra
from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.format import acn_degrees
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.ambisonics.hrtf import HrtfSet
from panosod_core.geometry.sphere import FloatArray

_SHELF_HZ = 700.0


def least_squares_filters(hrtf: HrtfSet, *, order: int, taps: int = 384) -> BinauralFilters:
    """Complex least squares at all frequencies: time differences right, treble weak to the sides.

    Args:
        hrtf: the head.
        order: 1..3.
        taps: length at the head's rate.
    """
    grid = LeastSquares(order, hrtf.directions)
    return _filters(hrtf, cut(grid.to_taps(grid.solve(spectra(hrtf.responses))), taps)[0], "least squares")


def upright_cube() -> FloatArray:
    """The eight corners of a cube with its faces to the front, the sides and above: (8, 3)."""
    signs = np.array(np.meshgrid([1.0, -1.0], [1.0, -1.0], [1.0, -1.0], indexing="ij")).reshape(3, 8).T
    return signs / 3**0.5


def turned_cube() -> FloatArray:
    """The cube rolled by 45 degrees about the front axis: its corners lie in the horizontal and in the median plane.

    Sets that were measured in these planes only, such as FABIAN's short one, hold them all.
    """
    c = 0.5**0.5
    turned: FloatArray = upright_cube() @ np.array([[1.0, 0.0, 0.0], [0.0, c, c], [0.0, -c, c]])
    return turned


def virtual_cube_filters(
    hrtf: HrtfSet, *, corners: FloatArray | None = None, max_re: bool = False, taps: int = 384
) -> BinauralFilters:
    """First order played over eight virtual loudspeakers, each heard through the response measured nearest to it.

    Args:
        hrtf: the head.
        corners: (8, 3) of a cube; None: the upright one.
        max_re: weight for max-rE above 700 Hz, of equal energy (Gerzon's shelf), instead of basic everywhere.
        taps: length at the head's rate.
    """
    places = upright_cube() if corners is None else corners
    nearest = np.argmax(places @ hrtf.directions.T, axis=1)
    scale = 2 * acn_degrees(1) + 1
    decoder = real_sh(1, places) * scale / len(places)  # basic decoding of a regular layout
    response = np.einsum("lc,lek->cek", decoder, spectra(hrtf.responses[nearest]))
    if max_re:
        frequency = np.fft.rfftfreq(DESIGN_LENGTH, 1 / hrtf.sample_rate_hz)
        high = 0.5 + 0.5 * np.tanh(2.0 * np.log2(np.maximum(frequency, 1.0) / _SHELF_HZ))
        # max-rE of first order weights degree 1 by 1/sqrt(3); the energy 1 + 3/3 = 2 is raised to basic's 1 + 3 = 4.
        gains = 2**0.5 * np.array([1.0, *[3**-0.5] * 3])
        response *= ((1 - high) + gains[:, None] * high)[:, None, :]
    method = "virtual cube, " + (f"max-rE above {_SHELF_HZ:.0f} Hz" if max_re else "basic")
    return _filters(hrtf, cut(np.fft.irfft(response, axis=-1), taps)[0], method)


def _filters(hrtf: HrtfSet, taps: FloatArray, method: str) -> BinauralFilters:
    return BinauralFilters(
        taps=levelled(taps, hrtf.sample_rate_hz),
        order=int(np.sqrt(len(taps))) - 1,
        sample_rate_hz=hrtf.sample_rate_hz,
        name=hrtf.name,
        method=method,
        licence=hrtf.licence,
        citation=hrtf.citation,
    )
