"""The classes of things in scenes: each has a look and a sound of its own, drawn anew within bounds for every scene.

Classes 0..11 are for training; 12..15 are met only where a config holds textures or timbres out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from panosod_core.synth import outlines
from panosod_core.synth.draws import Draws
from panosod_core.synth.outlines import Outline
from panosod_core.synth.paint import Colour
from panosod_core.synth.textures import Course, Surface, Texture, Wave


@dataclass(frozen=True)
class SceneClass:
    """A class: its name, and how its outline and pattern are drawn."""

    name: str
    outline: Callable[[Draws], Outline]
    texture: Callable[[Draws], Texture]


def draw_surface(draws: Draws, class_id: int) -> tuple[Outline, Surface]:
    """The look of one member of a class."""
    kind = CLASSES[class_id]
    base, mark, accent = draw_palette(draws)
    shape = kind.outline(draws)
    bulge = draws.uniform(0.15, 0.9)
    rim = draws.uniform(0.3, 0.8) if draws.chance(0.35) else 0.0
    return shape, Surface(kind.texture(draws), base, mark, accent, bulge, rim)


def draw_palette(draws: Draws) -> tuple[Colour, Colour, Colour]:
    """Three colours; the first two differ enough in lightness to show a pattern."""
    light = draws.uniform(0.12, 0.95)
    gap = draws.uniform(0.28, 0.6)
    other = light + gap if light < 0.5 else light - gap
    hue = draws.unit()
    near = hue + draws.uniform(-0.12, 0.12) if draws.chance(0.4) else draws.unit()
    return (
        _colour(hue, draws.uniform(0.05, 0.85), light),
        _colour(near, draws.uniform(0.05, 0.85), float(np.clip(other, 0.05, 1.0))),
        _colour(draws.unit(), draws.uniform(0.3, 0.95), draws.uniform(0.3, 1.0)),
    )


def _colour(hue: float, saturation: float, value: float) -> Colour:
    """Display colour of hue (turns), saturation and value."""
    red, green, blue = (
        value * (1 - saturation * float(np.clip(1.5 - 3 * abs((hue + shift) % 1 - 0.5), 0, 1)))
        for shift in (0.0, 1 / 3, 2 / 3)
    )
    return red, green, blue


def _straight(draws: Draws, low: float, high: float, *, soft: float = 0.0) -> Course:
    number, heading = draws.uniform(low, high), draws.uniform(0, np.pi)
    return Course(number * np.cos(heading), number * np.sin(heading), shift=draws.uniform(0, 6.28), soft=soft)


def _stripes(draws: Draws) -> Texture:
    return Texture(_straight(draws, 8, 14))


def _checks(draws: Draws) -> Texture:
    number, heading = draws.uniform(6, 10), draws.uniform(-0.3, 0.3)
    c, s = number * np.cos(heading), number * np.sin(heading)
    return Texture(Course(c, s, shift=draws.uniform(0, 6)), Course(-s, c, shift=draws.uniform(0, 6)), crossed=1.0)


def _rings(draws: Draws) -> Texture:
    return Texture(Course(outward=draws.uniform(11, 19), shift=draws.uniform(0, 6)))


def _camouflage(draws: Draws) -> Texture:
    waves = _random_waves(draws, 4, 8)
    return Texture(
        Course(waved=1.3, shift=draws.uniform(-0.3, 0.3)),
        Course(waved=-2.3, shift=draws.uniform(0.8, 2.0)),
        accent=0.8,
        waves=waves,
    )


def _plaid(draws: Draws) -> Texture:
    number = draws.uniform(7, 11)
    return Texture(
        Course(along_u=number, shift=draws.uniform(0, 6), soft=0.5),
        Course(along_v=number * draws.uniform(0.8, 1.3), shift=draws.uniform(0, 6), soft=0.5),
        accent=0.5,
    )


def _spiral(draws: Draws) -> Texture:
    arms = draws.choice((2, 3, 4))
    return Texture(Course(outward=draws.choice((-1.0, 1.0)) * draws.uniform(7, 11), around=arms))


def _dots(draws: Draws) -> Texture:
    # three waves at 120 degrees make a hexagonal lattice of spots
    number, heading = draws.uniform(8, 13), draws.uniform(0, np.pi)
    waves = tuple(
        (number * float(np.cos(heading + k)), number * float(np.sin(heading + k)), np.pi / 2, 1.0)
        for k in (0.0, 2 * np.pi / 3, 4 * np.pi / 3)
    )
    return Texture(Course(waved=0.8, shift=-0.8 * draws.uniform(0.2, 0.7)), waves=waves)


def _spokes(draws: Draws) -> Texture:
    hub = Course(outward=draws.uniform(3.4, 4.4), shift=np.pi)
    return Texture(Course(around=draws.choice((4, 5, 6, 7))), hub, accent=0.35)


def _zigzags(draws: Draws) -> Texture:
    return Texture(Course(along_v=draws.uniform(10, 15), zigzag=draws.uniform(1.2, 2.0), shift=draws.uniform(0, 6)))


def _marble(draws: Draws) -> Texture:
    course = _straight(draws, 5, 8, soft=1.6)
    waves = _random_waves(draws, 4, 9)
    veined = Course(course.along_u, course.along_v, waved=1.7, shift=course.shift, soft=1.6)
    return Texture(veined, Course(waved=1.0, soft=2.5), accent=0.4, waves=waves)


def _target(draws: Draws) -> Texture:
    sectors = Course(around=2, shift=draws.uniform(0, 6))
    return Texture(Course(outward=draws.uniform(7, 10), shift=np.pi), sectors, crossed=1.0)


def _shade(draws: Draws) -> Texture:
    return Texture(_straight(draws, 2.0, 3.2, soft=2.6), Course(outward=6.5, shift=1.2), accent=0.7)


def _warped_rings(draws: Draws) -> Texture:
    waves = _random_waves(draws, 3, 6)
    return Texture(Course(outward=draws.uniform(9, 14), waved=1.2, shift=draws.uniform(0, 6)), waves=waves)


def _sectored_rings(draws: Draws) -> Texture:
    return Texture(
        Course(outward=draws.uniform(9, 13)), Course(around=draws.choice((5, 6, 8))), crossed=1.0
    )  # a dartboard


def _dotted_stripes(draws: Draws) -> Texture:
    dots = _dots(draws)
    return Texture(_straight(draws, 4, 6), dots.first, accent=1.0, waves=dots.waves)


def _split(draws: Draws) -> Texture:
    # two halves of different shade, with fine lines across one
    course = _straight(draws, 1.1, 1.4)
    lines = Course(-12 * course.along_v, 12 * course.along_u)
    return Texture(course, lines, accent=0.45)


def _random_waves(draws: Draws, low: float, high: float) -> tuple[Wave, ...]:
    waves = []
    for _ in range(5):
        number, heading = draws.uniform(low, high), draws.uniform(0, 2 * np.pi)
        waves.append(
            (number * float(np.cos(heading)), number * float(np.sin(heading)), draws.uniform(0, 2 * np.pi), 0.6)
        )
    return tuple(waves)


CLASSES: Sequence[SceneClass] = (
    SceneClass("drum", outlines.disc, _stripes),
    SceneClass("crate", outlines.box, _checks),
    SceneClass("star", lambda d: outlines.star(d, points=5), _rings),
    SceneClass("beast", outlines.blob, _camouflage),
    SceneClass("person", outlines.bust, _plaid),
    SceneClass("shell", outlines.ellipse, _spiral),
    SceneClass("tent", lambda d: outlines.polygon(d, corners=3), _dots),
    SceneClass("fan", lambda d: outlines.flower(d, petals=6), _spokes),
    SceneClass("sign", lambda d: outlines.polygon(d, corners=6), _zigzags),
    SceneClass("ball", outlines.disc, _marble),
    SceneClass("vase", lambda d: outlines.box(d, aspect=(1.5, 1.9)), _target),
    SceneClass("drop", outlines.drop, _shade),
    SceneClass("cloud", outlines.blob, _warped_rings),
    SceneClass("wheel", lambda d: outlines.star(d, points=8, depth=(0.2, 0.3)), _sectored_rings),
    SceneClass("shield", lambda d: outlines.polygon(d, corners=5), _dotted_stripes),
    SceneClass("egg", lambda d: outlines.ellipse(d, flatness=(0.78, 0.9)), _split),
)
"""All classes; a class's number is its place."""
SEEN_CLASSES = tuple(range(12))
HELD_OUT_CLASSES = tuple(range(12, 16))
