"""Outlines of flat things: closed curves about a centre, as radius over bearing, in a few harmonics.

Everything at the edge is plain arithmetic (no sine, no arc tangent), so that every device finds the same pixels inside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import Draws

ORDER = 12
"""Highest harmonic: corners are as round as that."""
_SAMPLES = 512


@dataclass(frozen=True)
class Outline:
    """``radius(bearing) = mean + sum over k of cosines[k-1] cos(k bearing) + sines[k-1] sin(k bearing)``.

    The bearing is counter-clockwise from the right, as the viewer sees it; the largest radius is 1.

    Attributes:
        mean: above 0.
        cosines, sines: ``ORDER`` numbers each.
    """

    mean: float
    cosines: tuple[float, ...]
    sines: tuple[float, ...]

    @cached_property
    def is_round(self) -> bool:
        """A disc."""
        return not any(self.cosines) and not any(self.sines)

    def radius(self, cosine: FloatArray, sine: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Radius and its slope over the bearing: (N,) each, of (N,) cosines and sines of bearings."""
        total, slope = np.full_like(cosine, self.mean), np.zeros_like(cosine)
        if self.is_round:
            return total, slope
        c, s = cosine, sine
        for k, (a, b) in enumerate(zip(self.cosines, self.sines, strict=True), start=1):
            total = total + (c * a + s * b)
            slope = slope + (c * b - s * a) * float(k)
            c, s = c * cosine - s * sine, s * cosine + c * sine
        return total, slope


def outline_of(radius: Callable[[FloatArray], FloatArray]) -> Outline:
    """The outline nearest to a radius given for every bearing, scaled to a largest radius of 1.

    Args:
        radius: bearings (n,) in radians to radii (n,), above 0.
    """
    bearing = 2 * np.pi * np.arange(_SAMPLES) / _SAMPLES
    spectrum = np.fft.rfft(radius(bearing))[: ORDER + 1] / _SAMPLES
    # Lanczos' factors: a corner is rounded without ringing beside it.
    spectrum = spectrum * np.sinc(np.arange(ORDER + 1) / (ORDER + 1))
    smooth = np.fft.irfft(spectrum * _SAMPLES, _SAMPLES)
    if smooth.min() <= 0:
        raise ValueError("an outline must stay clear of its centre")
    spectrum = np.where(np.abs(spectrum) > 1e-9, spectrum, 0) / smooth.max()
    return Outline(
        float(spectrum[0].real), tuple((2 * spectrum[1:].real).tolist()), tuple((-2 * spectrum[1:].imag).tolist())
    )


def disc(_draws: Draws) -> Outline:
    """A circle."""
    return outline_of(np.ones_like)


def ellipse(draws: Draws, *, flatness: tuple[float, float] = (0.5, 0.75)) -> Outline:
    """An ellipse, wider than high."""
    ratio = draws.within(flatness)
    return outline_of(lambda t: 1 / np.sqrt(np.cos(t) ** 2 + (np.sin(t) / ratio) ** 2))


def box(draws: Draws, *, aspect: tuple[float, float] = (0.8, 1.25)) -> Outline:
    """A rectangle with round corners."""
    ratio = draws.within(aspect)
    return outline_of(lambda t: (np.abs(np.cos(t)) ** 8 + np.abs(np.sin(t) / ratio) ** 8) ** (-1 / 8))


def polygon(draws: Draws, *, corners: int) -> Outline:
    """A regular polygon with its first corner up, give or take."""
    turn = np.pi / 2 + draws.uniform(-0.15, 0.15)
    part = 2 * np.pi / corners
    return outline_of(lambda t: np.cos(part / 2) / np.cos(np.mod(t - turn, part) - part / 2))


def star(draws: Draws, *, points: int, depth: tuple[float, float] = (0.4, 0.55)) -> Outline:
    """A star with a point up."""
    hollow = draws.within(depth)
    return outline_of(lambda t: 1 - hollow * np.abs(np.arccos(np.cos(points * (t - np.pi / 2)))) / np.pi)


def flower(draws: Draws, *, petals: int) -> Outline:
    """A rosette."""
    depth = draws.uniform(0.12, 0.22)
    return outline_of(lambda t: 1 + depth * np.cos(petals * (t - np.pi / 2)))


def blob(draws: Draws) -> Outline:
    """An irregular round thing."""
    size = draws.uniforms(5, 0.03, 0.16) / np.sqrt(np.arange(1, 6))
    phase = draws.uniforms(5, 0, 2 * np.pi)
    return outline_of(lambda t: 1 + np.sum(size * np.cos(np.arange(2, 7) * t[:, None] + phase), axis=1))


def bust(draws: Draws) -> Outline:
    """Head and shoulders, cut off level below."""
    head, body = draws.uniform(0.27, 0.33), draws.uniform(0.66, 0.8)

    def far_side(t: FloatArray, *, height: float, wide: float, high: float) -> FloatArray:
        # where a ray from the centre leaves an ellipse about (0, height); 0 where it misses
        x, y, offset = np.cos(t) / wide, np.sin(t) / high, height / high
        a, b, c = x * x + y * y, -y * offset, offset * offset - 1
        root = b * b - a * c
        return np.where(root > 0, (-b + np.sqrt(np.maximum(root, 0))) / a, 0.0)

    def radius(t: FloatArray) -> FloatArray:
        whole = np.maximum(
            far_side(t, height=0.62, wide=head, high=head * 1.2), far_side(t, height=-0.5, wide=body, high=0.78)
        )
        return np.minimum(whole, np.where(np.sin(t) < -0.05, -0.75 / np.minimum(np.sin(t), -0.05), 15.0))

    return outline_of(radius)


def drop(draws: Draws) -> Outline:
    """Round below, pointed above."""
    point = draws.uniform(0.55, 0.8)
    return outline_of(lambda t: 0.55 + point * np.exp(-((np.arccos(np.sin(t)) / 0.45) ** 2)))
