"""Where a clip's sound comes from, from its first sample to its last: a picture of azimuth against time. numpy only.

Everything follows from the 4 x 4 covariance of the first-order channels in each step, so a minute of sound costs a
fraction of a second: the energy map is a quadratic form of it, and so is the map's mean over elevation.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.energy import SILENCE_DB, Beam, beam_weights
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.errors import AmbisonicError
from panosod_core.geometry.sphere import FloatArray, azimuth_elevation, direction, equirect_directions

STEP_S = 0.05
"""Length of a step where nothing else is asked for: about two pictures of a clip."""

AZIMUTHS = 72
"""Rows of the picture where nothing else is asked for: 5 degrees each, a tenth of what a first-order beam resolves."""

_CHANNELS = 4
_XYZ = np.array([3, 1, 2])
"""Where X, Y and Z stand in ACN order."""
_ASCENT = 40
"""Rounds of the climb to the peak: a plane wave needs one, the most diffuse sound moves less than 0.1 degrees after."""
_ELEVATIONS = 48
_LEAST_ROOM = 256


@dataclass(frozen=True, eq=False)
class EnergyTrack:
    """The energy map of every step of a sound, seen from above. Its arrays are read-only and never change again.

    Row i of ``power`` lies at azimuth ``(0.5 - (i + 0.5) / rows) * 2 pi``, as the columns of a picture do: the front is
    in the middle, the left above it.

    Attributes:
        start_s: when the first step begins, on the clip's clock.
        step_s: length of a step.
        power: (azimuths, steps) float32 >= 0, mean power of the beam over all elevations of an azimuth, weighted by
            solid angle; a row's mean over azimuths is the map's mean over the sphere.
        azimuth_rad: (steps,) float32, of the map's peak, (-pi, pi], left positive; nan in silence.
        elevation_rad: (steps,) float32, of the map's peak, up positive; nan in silence.
        level_db: (steps,) float32, RMS of W re full scale; -inf in digital silence.
        diffuseness: (steps,) float32, 0 for one plane wave, 1 for sound from everywhere; nan in silence.
        is_complete: the sound has ended.
    """

    start_s: float
    step_s: float
    power: NDArray[np.float32]
    azimuth_rad: NDArray[np.float32]
    elevation_rad: NDArray[np.float32]
    level_db: NDArray[np.float32]
    diffuseness: NDArray[np.float32]
    is_complete: bool

    def __len__(self) -> int:
        return len(self.level_db)

    @property
    def end_s(self) -> float:
        """Up to where the sound has been heard."""
        return self.start_s + len(self) * self.step_s

    def step_at(self, time_s: float) -> int | None:
        """The step that holds a moment; None outside of what has been heard."""
        index = int(np.floor((time_s - self.start_s) / self.step_s + 1e-9))
        return index if 0 <= index < len(self) else None

    def peak_at(self, time_s: float) -> FloatArray | None:
        """(3,) unit vector towards the loudest direction at a moment; None in silence and outside of the track."""
        index = self.step_at(time_s)
        if index is None or not np.isfinite(self.azimuth_rad[index]):
            return None
        return direction(self.azimuth_rad[index], self.elevation_rad[index])


class EnergyTracker:
    """Makes a track from sound that comes in blocks of any length."""

    def __init__(
        self,
        *,
        sample_rate_hz: int,
        azimuths: int = AZIMUTHS,
        step_s: float = STEP_S,
        start_s: float = 0.0,
        beam: Beam = Beam.MAX_RE,
    ) -> None:
        """Nothing heard yet.

        Args:
            sample_rate_hz: of the blocks.
            azimuths: rows of the picture, >= 4.
            step_s: length of a step; taken to the nearest whole number of samples.
            start_s: time of the first sample on the clip's clock.
            beam: what is steered over the sphere.

        Raises:
            ValueError: a rate or step that is not positive, or fewer than four azimuths.
        """
        if sample_rate_hz <= 0 or not step_s > 0 or azimuths < 4:
            raise ValueError(
                f"expected a positive rate and step and 4 azimuths or more, got {sample_rate_hz}, {step_s}, {azimuths}"
            )
        self._size = max(1, round(step_s * sample_rate_hz))
        self.step_s = self._size / sample_rate_hz
        self.start_s = start_s
        self._weights = beam_weights(1, beam)
        self._ring = _ring_of(azimuths, beam)
        self._directions = equirect_directions(24, 12).reshape(-1, 3)
        self._grid = _power_terms(self._directions, beam).T
        self._rest: NDArray[np.float32] = np.zeros((_CHANNELS, 0), np.float32)
        self._power = np.zeros((_LEAST_ROOM, azimuths), np.float32)
        self._figures = np.zeros((4, _LEAST_ROOM), np.float32)
        self._steps = 0
        self._is_complete = False

    def push(self, block: NDArray[np.floating]) -> None:
        """Take more sound.

        Args:
            block: (C, n) ACN/SN3D, C >= 4 (more are ignored), n >= 0.

        Raises:
            AmbisonicError: fewer than four channels, or samples that are not finite.
            ValueError: the sound has been finished.
        """
        if self._is_complete:
            raise ValueError("sound came after its end was told")
        if block.ndim != 2 or block.shape[0] < _CHANNELS:
            raise AmbisonicError(f"expected sound of at least {_CHANNELS} ambisonic channels, got shape {block.shape}")
        if not np.isfinite(block).all():
            raise AmbisonicError("the sound holds samples that are not numbers: the file is damaged")
        sound = np.concatenate([self._rest, block[:_CHANNELS].astype(np.float32, copy=False)], axis=1)
        steps = sound.shape[1] // self._size
        self._take(sound[:, : steps * self._size].reshape(_CHANNELS, steps, self._size))
        self._rest = sound[:, steps * self._size :].copy()

    def finish(self) -> None:
        """The sound has ended: what is left of it makes one more, shorter step."""
        if not self._is_complete and self._rest.shape[1]:
            self._take(self._rest[:, None, :])
        self._is_complete = True

    def track(self) -> EnergyTrack:
        """What has been heard so far; costs nothing, however long that is."""
        n = self._steps
        power = self._power[:n].T
        azimuth, elevation, level_db, diffuseness = figures = [row[:n] for row in self._figures]
        for each in (power, *figures):
            each.flags.writeable = False
        return EnergyTrack(
            self.start_s, self.step_s, power, azimuth, elevation, level_db, diffuseness, self._is_complete
        )

    def _take(self, steps: NDArray[np.float32]) -> None:
        """Append (4, steps, samples)."""
        count, samples = steps.shape[1:]
        if not count:
            return
        blocks = steps.transpose(1, 0, 2)
        covariance = np.asarray(blocks @ blocks.transpose(0, 2, 1), np.float64) / samples
        if samples > 1:
            mean = blocks.mean(axis=2, dtype=np.float64)
            covariance -= mean[:, :, None] * mean[:, None, :]
        self._make_room(count)
        at = slice(self._steps, self._steps + count)
        rows, columns = np.triu_indices(_CHANNELS)
        triangle = covariance[:, rows, columns]
        self._power[at] = np.maximum(triangle @ self._ring, 0.0)
        self._figures[:, at] = self._figures_of(covariance, triangle)
        self._steps += count

    def _make_room(self, count: int) -> None:
        room = len(self._power)
        if self._steps + count <= room:
            return
        # A new place, never the old one made longer: tracks that were handed out look into the old one.
        more = max(self._steps + count, 2 * room) - room
        self._power = np.concatenate([self._power, np.zeros((more, self._power.shape[1]), np.float32)])
        self._figures = np.concatenate([self._figures, np.zeros((4, more), np.float32)], axis=1)

    def _figures_of(self, covariance: FloatArray, triangle: FloatArray) -> FloatArray:
        """Azimuth, elevation, level and diffuseness of (n, 4, 4): (4, n)."""
        intensity = covariance[:, 0, _XYZ]
        density = np.trace(covariance, axis1=1, axis2=2) / 2
        silent = density < 10 ** (SILENCE_DB / 10)
        safe = np.where(silent, 1.0, density)
        diffuseness = np.clip(1.0 - np.linalg.norm(intensity, axis=1) / safe, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            level_db = 10 * np.log10(covariance[:, 0, 0])
        start = self._directions[np.argmax(triangle @ self._grid, axis=1)]
        peak = _climb(start, covariance, self._weights)
        azimuth, elevation = azimuth_elevation(peak)
        azimuth, elevation, diffuseness = (np.where(silent, np.nan, v) for v in (azimuth, elevation, diffuseness))
        return np.stack([azimuth, elevation, level_db, diffuseness])


def energy_track(
    blocks: Iterable[NDArray[np.floating]],
    *,
    sample_rate_hz: int,
    azimuths: int = AZIMUTHS,
    step_s: float = STEP_S,
    start_s: float = 0.0,
    beam: Beam = Beam.MAX_RE,
) -> Iterator[EnergyTrack]:
    """Follow the sound of a clip from beginning to end; stop iterating to stop the work.

    Args:
        blocks: the sound in pieces of any length, (C, n) ACN/SN3D each, C >= 4.
        sample_rate_hz: of the blocks.
        azimuths: rows of the picture.
        step_s: length of a step.
        start_s: time of the first sample on the clip's clock.
        beam: what is steered over the sphere.

    Yields:
        The track after every block, growing, and once more when the blocks have ended: that one is complete.

    Raises:
        ValueError: an argument out of its range.
        AmbisonicError: fewer than four channels, or samples that are not finite.
    """
    tracker = EnergyTracker(sample_rate_hz=sample_rate_hz, azimuths=azimuths, step_s=step_s, start_s=start_s, beam=beam)
    for block in blocks:
        tracker.push(block)
        yield tracker.track()
    tracker.finish()
    yield tracker.track()


def _ring_of(azimuths: int, beam: Beam) -> FloatArray:
    """(10, azimuths): from the upper triangle of a covariance to the map's mean over elevation at each azimuth."""
    # Gauss nodes over the elevation itself: the cosine of the solid angle is part of the weight.
    nodes, weights = np.polynomial.legendre.leggauss(_ELEVATIONS)
    elevation = nodes * np.pi / 2
    share = weights * np.cos(elevation) * np.pi / 4
    azimuth = (0.5 - (np.arange(azimuths) + 0.5) / azimuths) * 2 * np.pi
    terms = _power_terms(direction(azimuth[:, None], elevation), beam)
    ring: FloatArray = np.einsum("aet,e->ta", terms, share / share.sum())
    return ring


def _power_terms(directions: FloatArray, beam: Beam) -> FloatArray:
    """S + (10,): from the upper triangle of a covariance to the power of the beam that looks there."""
    steering = real_sh(1, directions) * beam_weights(1, beam)[[0, 1, 1, 1]]
    rows, columns = np.triu_indices(_CHANNELS)
    terms: FloatArray = steering[..., rows] * steering[..., columns] * np.where(rows == columns, 1.0, 2.0)
    return terms


def _climb(start: FloatArray, covariance: FloatArray, weights: FloatArray) -> FloatArray:
    """From (n, 3) directions up to the map's peaks: (n, 3) unit vectors, nan where the map has none.

    The map is ``w0^2 C + 2 w0 w1 c.d + w1^2 d.S d`` with S positive semidefinite: convex, so that stepping to the
    normalised gradient never descends (the generalised power method, Journee et al., JMLR 2010).
    """
    linear = weights[0] * weights[1] * covariance[:, 0, _XYZ]
    square = weights[1] ** 2 * covariance[:, _XYZ][:, :, _XYZ]
    scale = np.trace(covariance, axis1=1, axis2=2)
    peak = start
    for _ in range(_ASCENT):
        gradient = linear + np.einsum("nij,nj->ni", square, peak)
        length = np.linalg.norm(gradient, axis=1)
        flat = length <= 1e-9 * scale
        peak = np.where(flat[:, None], np.nan, gradient / np.where(flat, 1.0, length)[:, None])
    return peak
