"""What flat things show: patterns that are functions of the place on them, and light.

One family of formulas holds all patterns (stripes, checks, rings, spokes, spirals, dots, camouflage, zigzags), so that
whoever draws thousands of them needs one path. Edges are as wide as the pixel that looks at them.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from panosod_core.synth.grid import Float32Array
from panosod_core.synth.paint import Colour, square_wave

MOST_WAVES = 6
ZIGZAG = 6.0
"""Wave number of zigzags, to a radius."""
HUB = 0.03
"""Radius below which spokes melt into one another."""

Wave = tuple[float, float, float, float]
"""Wave numbers to the right and upwards, phase, and size."""


@dataclass(frozen=True)
class Course:
    """A phase over the place (u right, v up, rho outward, theta around): its square wave is a layer of a pattern.

    ``phase = along_u u + along_v v + outward rho + around theta + waved N(u, v) + zigzag asin(sin(ZIGZAG u)) + shift``
    with the texture's own waves N.

    Attributes:
        along_u, along_v, outward, waved, zigzag, shift: radians.
        around: turns of the phase in a turn, a whole number, or there would be a seam.
        soft: width that edges have at least, radians of phase; pi and more make sine-like shades.
    """

    along_u: float = 0.0
    along_v: float = 0.0
    outward: float = 0.0
    around: int = 0
    waved: float = 0.0
    zigzag: float = 0.0
    shift: float = 0.0
    soft: float = 0.0


@dataclass(frozen=True)
class Texture:
    """Two layers over a base colour.

    Attributes:
        first, second: the layers.
        crossed: 0: the mark shows where the first layer is; 1: where exactly one of both is (checks).
        accent: how much of the accent's colour the second layer lays over.
        waves: of N, at most six.
    """

    first: Course
    second: Course = field(default_factory=Course)
    crossed: float = 0.0
    accent: float = 0.0
    waves: tuple[Wave, ...] = ()

    def __post_init__(self) -> None:
        if len(self.waves) > MOST_WAVES:
            raise ValueError(f"a texture has at most {MOST_WAVES} waves, got {len(self.waves)}")

    @cached_property
    def wave_slope(self) -> float:
        """How fast N changes: the root of its mean squared slope, per radius."""
        return float(np.sqrt(sum(size * size * (kx * kx + ky * ky) for kx, ky, _, size in self.waves) / 2))


@dataclass(frozen=True)
class Surface:
    """What a class of things looks like.

    Attributes:
        texture: the pattern.
        base, mark, accent: its colours.
        bulge: 0 for a flat card to 0.95 for nearly a ball.
        rim: how dark the border is, [0, 1].
    """

    texture: Texture
    base: Colour
    mark: Colour
    accent: Colour
    bulge: float = 0.6
    rim: float = 0.0


@dataclass(frozen=True, eq=False)
class Spots:
    """Places on a thing that pixels look at, (N,) float32 each.

    Attributes:
        u, v: right and up in outer radii, as the viewer sees the thing upright.
        radius: distance from the centre.
        outline: radius of the outline at that bearing.
        footprint: what one pixel spans.
    """

    u: Float32Array
    v: Float32Array
    radius: Float32Array
    outline: Float32Array
    footprint: Float32Array


def surface_colours(surface: Surface, spots: Spots, *, light: tuple[float, float, float]) -> Float32Array:
    """Colours of some places on a thing.

    Args:
        surface: what it shows.
        spots: where.
        light: (right, up, towards the viewer), length 1, in the thing's upright frame: the same for all things of a
            scene, so that look-alikes look alike wherever they are.

    Returns:
        (N, 3) float32 display colours, about [0, 1].
    """
    texture = surface.texture
    waves = np.zeros_like(spots.u)
    for kx, ky, phase, size in texture.waves:
        waves += np.float32(size) * np.sin(
            np.float32(kx) * spots.u + np.float32(ky) * spots.v + np.float32(phase), dtype=np.float32
        )
    around = np.arctan2(spots.v, spots.u)
    first = _layer(texture.first, spots, waves, around, texture.wave_slope)
    second = _layer(texture.second, spots, waves, around, texture.wave_slope)
    crossed = np.float32(texture.crossed)
    mark = (first + crossed * (second - 2 * first * second)).astype(np.float32)
    colours = _mixed(np.asarray(surface.base, np.float32), np.asarray(surface.mark, np.float32), mark)
    accent = (np.float32(texture.accent) * second).astype(np.float32)
    colours += (np.asarray(surface.accent, np.float32) - colours) * accent[:, None]
    return colours * _light(surface, spots, light)[:, None]


def _layer(course: Course, spots: Spots, waves: Float32Array, around: Float32Array, wave_slope: float) -> Float32Array:
    phase = (
        np.float32(course.along_u) * spots.u
        + np.float32(course.along_v) * spots.v
        + np.float32(course.outward) * spots.radius
        + np.float32(course.around) * around
        + np.float32(course.waved) * waves
        + np.float32(course.zigzag) * np.arcsin(np.sin(np.float32(ZIGZAG) * spots.u))
        + np.float32(course.shift)
    )
    steady = (
        np.hypot(course.along_u, course.along_v)
        + abs(course.outward)
        + abs(course.waved) * wave_slope
        + abs(course.zigzag) * ZIGZAG
    )
    slope = np.float32(steady) + np.float32(abs(course.around)) / np.maximum(spots.radius, np.float32(HUB))
    return square_wave(phase, np.maximum(spots.footprint * slope, np.float32(course.soft)))


def _mixed(base: Float32Array, mark: Float32Array, weight: Float32Array) -> Float32Array:
    return base + (mark - base) * weight[:, None]


def _light(surface: Surface, spots: Spots, light: tuple[float, float, float]) -> Float32Array:
    """Brightness: a key light on a bulging form, and the border."""
    bend = np.float32(surface.bulge) / np.maximum(spots.outline, np.float32(1e-3))
    across, up = spots.u * bend, spots.v * bend
    towards = np.sqrt(np.maximum(1 - across * across - up * up, np.float32(0.02)))
    key = across * np.float32(light[0]) + up * np.float32(light[1]) + towards * np.float32(light[2])
    share = spots.radius / np.maximum(spots.outline, np.float32(1e-3))
    border = np.clip((share - np.float32(0.84)) / np.float32(0.08), 0, 1) * np.float32(surface.rim)
    brightness = (np.float32(0.42) + np.float32(0.66) * np.maximum(key, 0)) * (1 - border)
    return brightness.astype(np.float32)
