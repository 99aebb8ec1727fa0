"""Where sound comes from, heard from the ambisonic channels alone: no learning. numpy only."""

from dataclasses import dataclass
from enum import StrEnum
from math import comb

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.format import acn_degrees, channel_count
from panosod_core.ambisonics.harmonics import checked_order, real_sh
from panosod_core.errors import AmbisonicError
from panosod_core.geometry.sphere import (
    FloatArray,
    azimuth_elevation,
    equirect_directions,
    pixel_solid_angles,
)

SILENCE_DB = -100.0
"""RMS level of W re full scale below which a block has no direction: under the last bit of 16-bit sound."""


class Beam(StrEnum):
    """The beam that is steered over the sphere."""

    MAX_RE = "max-re"
    """Narrowest energy spread for the order (Zotter & Frank 2019, 4.3); its side lobes lie below -11 dB."""
    CARDIOID = "cardioid"
    """``((1 + cos t) / 2) ^ order``: wider, no side lobe at all."""


def beam_weights(order: int, beam: Beam) -> FloatArray:
    """Weight of each degree of an axisymmetric beam of unit gain on its axis.

    Returns:
        (order + 1,) float64: the beam's pattern is ``sum over l of weights[l] * P_l(cos t)``.
    """
    degrees = np.arange(checked_order(order) + 1)
    if beam is Beam.CARDIOID:
        weights = np.array([(2 * n + 1) * comb(2 * order + 1, order - n) for n in degrees], np.float64)
    else:
        axis = np.polynomial.legendre.legroots([0] * (order + 1) + [1]).max()
        weights = (2 * degrees + 1) * np.polynomial.legendre.legvander(np.array([axis]), order)[0]
    normalised: FloatArray = weights / weights.sum()
    return normalised


class EnergyMap:
    """Steered response of a block on an equirectangular grid.

    The value of a cell is the mean power of the beam that looks there: a plane wave of RMS level a gives a^2 in its
    own direction. Cells are samples of the beam's pattern at their centres, not integrals: nothing depends on their
    solid angle (see :func:`peak_direction` and :func:`mean_power` for what does).
    """

    def __init__(self, width: int, height: int, *, order: int = 1, beam: Beam = Beam.MAX_RE) -> None:
        """Prepare the steering of every cell.

        Args:
            width: cells around, >= 4.
            height: cells from pole to pole, >= 2.
            order: of the sound that will come, 1..3.
            beam: what is steered.

        Raises:
            ValueError: a size or the order lies outside its range.
        """
        if width < 4 or height < 2:
            raise ValueError(f"an energy map has at least 4 x 2 cells, got {width} x {height}")
        if checked_order(order) < 1:
            raise ValueError("sound of order 0 has no direction")
        self.width, self.height, self.order = width, height, order
        steering = real_sh(order, equirect_directions(width, height).reshape(-1, 3))
        steering *= beam_weights(order, beam)[acn_degrees(order)]
        # b^T S b as one product with the upper triangle of S: off-diagonal entries count twice.
        self._upper = np.triu_indices(channel_count(order))
        twice = np.where(self._upper[0] == self._upper[1], 1.0, 2.0)
        quadratic = steering[:, self._upper[0]] * steering[:, self._upper[1]] * twice
        self._quadratic = np.ascontiguousarray(quadratic, np.float32)

    def of_block(self, field: NDArray[np.floating]) -> NDArray[np.float32]:
        """The map of one block, of any length.

        Args:
            field: (C, n), ACN/SN3D, C >= (order + 1)^2 (more are ignored), n >= 1.

        Returns:
            (height, width) float32 >= 0, mean power; row 0 is the top.

        Raises:
            AmbisonicError: too few channels, no samples, or samples that are not finite.
        """
        needed = channel_count(self.order)
        block = _checked_block(field, needed)[:needed]
        return self.of_covariance(block @ block.T / block.shape[1])

    def of_covariance(self, covariance: NDArray[np.floating]) -> NDArray[np.float32]:
        """The map of a (C, C) covariance of the channels."""
        values = self._quadratic @ covariance[self._upper].astype(np.float32)
        # Rounding may leave a null slightly below zero.
        return np.maximum(values, 0.0).reshape(self.height, self.width)


def mean_power(energy: NDArray[np.floating]) -> float:
    """Mean over the sphere of an equirectangular map, weighted by solid angle."""
    height, width = energy.shape
    return float(energy.sum(axis=1, dtype=np.float64) @ pixel_solid_angles(width, height)) / (4 * np.pi)


def peak_direction(energy: NDArray[np.floating]) -> FloatArray | None:
    """Where a map peaks, finer than its cells, right also at the seam and at the poles.

    A quadratic surface is fitted in the plane that touches the sphere at the highest cell, each cell weighted by its
    solid angle (or the crowded cells of a pole would decide alone).

    Args:
        energy: (height, width), equirectangular.

    Returns:
        (3,) unit vector, or None where the map is flat (silence) or not finite.
    """
    height, width = energy.shape
    values = np.asarray(energy, np.float64)
    top = values.max()
    if not np.isfinite(values).all() or top - values.min() <= 1e-6 * abs(top):
        return None
    directions = equirect_directions(width, height)
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    axis: FloatArray = directions[row, column]
    reach = 2.5 * max(np.pi / height, 2 * np.pi / width)
    near = directions @ axis >= np.cos(min(reach, np.radians(60.0)))
    east = np.cross([0.0, 0.0, 1.0], axis)
    east /= np.linalg.norm(east)
    north = np.cross(axis, east)
    points = directions[near]
    across, up = (points @ east) / (points @ axis), (points @ north) / (points @ axis)
    weight = np.sqrt(np.broadcast_to(pixel_solid_angles(width, height)[:, None], near.shape)[near])
    terms = np.stack([np.ones_like(up), across, up, across**2, across * up, up**2], axis=-1)
    fit = np.linalg.lstsq(terms * weight[:, None], (values[near] / top) * weight, rcond=None)[0]
    curvature = np.array([[2 * fit[3], fit[4]], [fit[4], 2 * fit[5]]])
    if not (np.linalg.eigvalsh(curvature) < 0).all():
        return axis  # a ridge or a saddle: the cell itself is all that can be said
    shift = -np.linalg.solve(curvature, fit[1:3])
    shift *= min(1.0, np.tan(reach) / max(float(np.hypot(*shift)), 1e-12))
    peak = axis + shift[0] * east + shift[1] * north
    found: FloatArray = peak / np.linalg.norm(peak)
    return found


@dataclass(frozen=True)
class Arrival:
    """Where a block of sound comes from.

    Attributes:
        azimuth_rad: (-pi, pi], left positive; nan in silence.
        elevation_rad: [-pi/2, pi/2], up positive; nan in silence.
        level_db: RMS level of W re full scale (1.0), dB; -inf for digital silence.
        diffuseness: 0 for one plane wave, 1 where sound comes from everywhere or cancels; nan in silence.
    """

    azimuth_rad: float
    elevation_rad: float
    level_db: float
    diffuseness: float

    @property
    def is_silent(self) -> bool:
        """True where nothing can be said of the direction."""
        return not np.isfinite(self.azimuth_rad)


def direction_of_arrival(
    foa: NDArray[np.floating], *, sample_rate_hz: float = 48000.0, band_hz: tuple[float, float] | None = None
) -> Arrival:
    """Direction by the mean active intensity, with its diffuseness (Merimaa & Pulkki 2005, Pulkki 2007).

    ``I = <W (X, Y, Z)>``, which with AmbiX signs points to the source; ``E = <W^2 + X^2 + Y^2 + Z^2> / 2``;
    diffuseness is ``1 - |I| / E``.

    Args:
        foa: (C, n), ACN/SN3D; channels after the fourth are ignored; n >= 1.
        sample_rate_hz: needed for ``band_hz`` only.
        band_hz: lower and upper edge of the band to listen in, e.g. to leave out rumble; None: all of it, but the
            mean of the block, which is no sound.

    Returns:
        The arrival; its direction is nan below -100 dBFS.

    Raises:
        AmbisonicError: fewer than four channels, no samples, or samples that are not finite.
        ValueError: an empty band.
    """
    block = _checked_block(foa, 4)[:4]
    n = block.shape[1]
    if band_hz is None:
        centred = block - block.mean(axis=1, keepdims=True) if n > 1 else block
        power = centred @ centred.T / n
    else:
        if not 0 <= band_hz[0] < band_hz[1]:
            raise ValueError(f"band_hz must be a rising pair, got {band_hz}")
        spectrum = np.fft.rfft(block, axis=1)
        frequency = np.fft.rfftfreq(n, 1 / sample_rate_hz)
        spectrum = spectrum[:, (frequency >= band_hz[0]) & (frequency <= band_hz[1])]
        power = 2 * (spectrum @ spectrum.conj().T).real / n**2
    intensity = power[0, [3, 1, 2]]
    density = np.trace(power) / 2
    level_db = 10 * np.log10(power[0, 0]) if power[0, 0] > 0 else -np.inf
    if 10 * np.log10(max(density, 1e-300)) < SILENCE_DB:
        return Arrival(np.nan, np.nan, float(level_db), np.nan)
    azimuth, elevation = azimuth_elevation(intensity)
    diffuseness = 1.0 - float(np.linalg.norm(intensity)) / float(density)
    return Arrival(float(azimuth), float(elevation), float(level_db), float(np.clip(diffuseness, 0.0, 1.0)))


def _checked_block(field: NDArray[np.floating], channels: int) -> FloatArray:
    if field.ndim != 2 or field.shape[0] < channels:
        raise AmbisonicError(f"expected sound of at least {channels} ambisonic channels, got shape {field.shape}")
    if field.shape[1] == 0:
        raise AmbisonicError("expected at least one sample of sound, got none")
    block = np.asarray(field, np.float64)
    if not np.isfinite(block).all():
        raise AmbisonicError("the sound holds samples that are not numbers: the file is damaged")
    return block
