"""Pictures and label maps of a scene: the reference, in numpy.

Things are flat cards that touch the sphere at their centre (gnomonic projection): on the picture they are distorted as
cameras distort them, run over the seam and over the poles. What is inside an outline is decided in float64 by plain
arithmetic, so that all devices agree on it; colours agree within 1/255.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import hashed_uniform
from panosod_core.synth.grid import Float32Array, PixelGrid
from panosod_core.synth.scene import SceneSpec
from panosod_core.synth.scene_things import SceneThing
from panosod_core.synth.surroundings import Canvas, Pictures, paint_background
from panosod_core.synth.textures import Spots, surface_colours

_NEAREST_COSINE = 0.2
"""Cards are drawn up to 78 degrees from their centre at the most."""


@dataclass(frozen=True, eq=False)
class ScenePictures:
    """What a scene looks like.

    Attributes:
        frames: (T, H, W, 3) float32 display colours in [0, 1].
        labels: (T, H, W) uint8: the id of the object in front at each pixel's centre, 0 where there is none.
    """

    frames: Float32Array
    labels: NDArray[np.uint8]


class ScenePainter:
    """Renders scenes at one size."""

    def __init__(self, width: int, height: int) -> None:
        """Prepare the pixels.

        Args:
            width: pixels, at least 8; usually twice the height.
            height: pixels, at least 4.
        """
        if width < 8 or height < 4:
            raise ValueError(f"scenes are at least 8x4 pixels, got {width}x{height}")
        self.canvas = Canvas(PixelGrid(width, height))
        self._pictures = Pictures(width, height)

    def background(self, spec: SceneSpec) -> Float32Array:
        """What stands still: (H * W, 3) float32.

        Raises:
            MediaError: its background picture cannot be read.
        """
        return paint_background(spec.background, self.canvas, pictures=self._pictures)

    def render(
        self, spec: SceneSpec, times_s: Sequence[float], *, background: Float32Array | None = None
    ) -> ScenePictures:
        """Pictures of some times.

        Args:
            spec: the scene.
            times_s: T times on its clock.
            background: what :meth:`background` gave, where it is wanted more than once.

        Raises:
            MediaError: its background picture cannot be read.
        """
        height, width = self.canvas.grid.height, self.canvas.grid.width
        background = self.background(spec) if background is None else background
        frames = np.empty((len(times_s), height * width, 3), np.float32)
        labels = np.zeros((len(times_s), height * width), np.uint8)
        for frame, label, time_s in zip(frames, labels, times_s, strict=True):
            frame[:] = background
            for thing in spec.things:
                self._paint(thing, frame, label, spec=spec, time_s=time_s)
            frame *= np.asarray(spec.camera.gains, np.float32)
            key = grain_key(spec.camera.grain_key, time_s)
            noise = hashed_uniform(key, frame.size).reshape(frame.shape) - np.float32(0.5)
            frame += noise * np.float32(spec.camera.grain * np.sqrt(12.0))
        np.clip(frames, 0.0, 1.0, out=frames)
        shape = (len(times_s), height, width)
        return ScenePictures(frames.reshape(*shape, 3), labels.reshape(shape))

    def _paint(
        self, thing: SceneThing, frame: Float32Array, labels: NDArray[np.uint8], *, spec: SceneSpec, time_s: float
    ) -> None:
        axes = thing.axes_at(time_s)
        near = min(thing.radius_rad + 1.5 * self.canvas.pixel_rad, float(np.arccos(_NEAREST_COSINE)))
        index, _ = self.canvas.grid.within(axes[0], near)
        if not len(index):
            return
        card = card_places(self.canvas.directions[index], axes, turn_rad=thing.turn_at(time_s), radius=thing.radius_rad)
        outline, slope = thing.outline.radius(card.cosine, card.sine)
        labels[index[card.radius <= outline]] = thing.id
        footprint = self.canvas.pixel_rad / (np.tan(thing.radius_rad) * card.depth * card.depth)
        # the outline runs aslant where its radius changes: the way to it is shorter than along the ray
        aslant = np.sqrt(1 + (slope / outline) ** 2)
        cover = np.clip((outline - card.radius) / (aslant * footprint) + 0.5, 0.0, 1.0).astype(np.float32)
        spots = Spots(*(a.astype(np.float32) for a in (card.u, card.v, card.radius, outline, footprint)))
        colours = surface_colours(thing.surface, spots, light=spec.camera.light)
        below = frame[index]
        frame[index] = below + (colours - below) * cover[:, None]


@dataclass(frozen=True, eq=False)
class CardPlaces:
    """Where rays meet a card, (N,) float64 each.

    Attributes:
        u, v: right and up, in the card's radii.
        radius: distance from its centre.
        cosine, sine: of the bearing.
        depth: cosine of the angle between the ray and the card's centre.
    """

    u: FloatArray
    v: FloatArray
    radius: FloatArray
    cosine: FloatArray
    sine: FloatArray
    depth: FloatArray


def card_places(directions: FloatArray, axes: FloatArray, *, turn_rad: float, radius: float) -> CardPlaces:
    """Where rays meet a card.

    Args:
        directions: (N, 3) float64 unit vectors.
        axes: (3, 3), see :meth:`SceneThing.axes_at`.
        turn_rad: how far the card is turned, counter-clockwise.
        radius: its apparent radius, radians.
    """
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    # the order of these operations is kept by every backend, or edges would fall on other pixels
    depth, right, up = (x * a[0] + y * a[1] + z * a[2] for a in axes.tolist())
    c, s = float(np.cos(turn_rad) / np.tan(radius)), float(np.sin(turn_rad) / np.tan(radius))
    u, v = (right * c + up * s) / depth, (up * c - right * s) / depth
    distance = np.sqrt(u * u + v * v)
    safe = np.maximum(distance, 1e-12)
    return CardPlaces(u, v, distance, u / safe, v / safe, depth)


def grain_key(key: int, time_s: float) -> int:
    """The key of a frame's grain: another one for every millisecond."""
    return (key + round(time_s * 1000) * 0x9E3779B1) & 0xFFFFFFFF


def to_bytes(frames: Float32Array) -> NDArray[np.uint8]:
    """Display colours in [0, 1] as bytes."""
    return (np.clip(frames, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
