"""What the surface of a ball shows, and how light falls on it.

Patterns are functions on the ball's own unit sphere. Their edges are as wide as the pixel that looks at them, so that
nothing flickers however small, oblique or near a pole a ball is drawn.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.grid import DiscPixels, Float32Array

Colour: TypeAlias = tuple[float, float, float]
"""Display (sRGB) red, green, blue in [0, 1]."""


class Pattern(StrEnum):
    """The patterns of balls."""

    BANDS = "bands"
    """Rings about the upright axis: the same from all sides and in a mirror."""
    DOTS = "dots"
    SWIRL = "swirl"


@dataclass(frozen=True)
class Look:
    """A surface: a pattern of one colour on another.

    Attributes:
        pattern: which.
        base, mark: colours.
        count: rings (two to a turn), dots, or arms.
        gloss: strength of the highlight, [0, 1].
    """

    pattern: Pattern
    base: Colour
    mark: Colour
    count: int = 7
    gloss: float = 0.35


def square_wave(phase: Float32Array, width: Float32Array) -> Float32Array:
    """A square wave between 0 and 1 of period 2 pi whose edges are ``width`` wide (same unit, above 0), band-limited.

    Where the width passes the period it fades to the mean.
    """
    # The triangle of height pi/2 has slope 1, so the edge is linear in the phase across exactly `width`.
    triangle = np.arcsin(np.sin(phase))
    edge = np.clip(triangle / np.maximum(width, 1e-6), -0.5, 0.5)
    fade = np.clip(2.0 - width / np.float32(np.pi), 0.0, 1.0)
    wave: Float32Array = (0.5 + edge * fade).astype(np.float32)
    return wave


def pattern_weight(look: Look, q: Float32Array, footprint: Float32Array) -> Float32Array:
    """How much of the mark's colour shows.

    Args:
        look: the surface.
        q: (N, 3) unit vectors in the ball's own axes.
        footprint: (N,) radians on the ball that one pixel spans.

    Returns:
        (N,) in [0, 1].
    """
    if look.pattern is Pattern.DOTS:
        nearest = np.max(q @ _even_points(look.count).T, axis=1)
        radius = np.float32(1.05 / np.sqrt(look.count))
        angle = np.arccos(np.clip(nearest, -1.0, 1.0))
        weight: Float32Array = np.clip(0.5 + (radius - angle) / np.maximum(footprint, 1e-4), 0.0, 1.0)
        return weight
    latitude = np.arcsin(np.clip(q[:, 2], -1.0, 1.0))
    if look.pattern is Pattern.BANDS:
        return square_wave(
            latitude * np.float32(look.count) + np.float32(np.pi / 2), footprint * np.float32(look.count)
        )
    longitude = np.arctan2(q[:, 1], q[:, 0])
    around = footprint / np.maximum(np.hypot(q[:, 0], q[:, 1]), np.float32(1e-3))
    twist = np.float32(2.2)
    slope = np.hypot(around, footprint * twist)
    return square_wave(np.float32(look.count) * (longitude + twist * q[:, 2]), slope * np.float32(look.count))


def ball_colours(
    look: Look,
    *,
    pixels: DiscPixels,
    centre: FloatArray,
    radius_rad: float,
    R_world_object: FloatArray,  # noqa: N803 - rotations are named by their frames
    pixel_rad: float,
) -> Float32Array:
    """Colours of a ball at distance 1 with that apparent radius, seen from the sphere's centre: true perspective.

    The key light stands above and a little towards the listener, the same for every azimuth, so that look-alikes
    look alike wherever they are.

    Args:
        look: its surface.
        pixels: the pixels that its outline touches.
        centre: (3,) direction of its centre.
        radius_rad: its apparent radius.
        R_world_object: (3, 3) its own axes to world axes.
        pixel_rad: angle that one pixel spans.

    Returns:
        (N, 3) float32 display colours in [0, 1].
    """
    p = pixels.directions.astype(np.float32)
    c = np.asarray(centre, np.float32)
    size = np.float32(np.sin(radius_rad))
    cosine = np.cos(pixels.angle).astype(np.float32)
    sine2 = np.sin(pixels.angle).astype(np.float32) ** 2
    inward = np.sqrt(np.maximum(size * size - sine2, 0.0))
    normal = (p * (cosine - inward)[:, None] - c) / size
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    facing = np.clip(-np.sum(normal * p, axis=1), 0.0, 1.0)

    footprint = np.float32(1.2 * pixel_rad) / size / np.maximum(facing, 0.08)
    weight = pattern_weight(look, normal @ R_world_object.astype(np.float32), footprint)[:, None]
    albedo = np.asarray(look.base, np.float32) * (1 - weight) + np.asarray(look.mark, np.float32) * weight

    key = np.array([0.0, 0.0, 0.62], np.float32) - np.float32(0.86) * c
    key /= np.linalg.norm(key)
    diffuse = np.clip((normal @ key) * np.float32(0.85) + np.float32(0.15), 0.0, 1.0)
    sky = np.float32(0.5) + np.float32(0.5) * normal[:, 2]
    light = (
        np.float32(0.46) * (1 - sky)[:, None] * np.array([1.0, 0.95, 0.88], np.float32)
        + np.float32(0.46) * sky[:, None] * np.array([0.90, 0.97, 1.06], np.float32)
        + np.float32(0.62) * diffuse[:, None] * np.array([1.04, 1.0, 0.94], np.float32)
    )
    halfway = key - p
    halfway /= np.maximum(np.linalg.norm(halfway, axis=1, keepdims=True), 1e-6)
    shine = np.clip(np.sum(normal * halfway, axis=1), 0.0, 1.0) ** 48 * np.float32(look.gloss)
    rim = (1 - facing) ** 4 * np.float32(0.22)
    colours: Float32Array = np.clip(albedo * light * (1 - rim)[:, None] + (shine + rim * sky)[:, None], 0.0, 1.0)
    return colours.astype(np.float32)


def _even_points(count: int) -> Float32Array:
    """Points spread evenly on the sphere (Fibonacci lattice): (count, 3) float32."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    turn = i * np.pi * (3 - np.sqrt(5.0))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=-1).astype(np.float32)
