"""Pictures and label maps of a scene: a still backdrop, the shadows and balls of the moment, and the sync plate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.grid import PixelGrid, blend
from panosod_core.synth.paint import ball_colours
from panosod_core.synth.world import SceneObject

BALL_DISTANCE = 2.4
"""How far the balls are, in heights of the eye above the ground: it decides where their shadows fall."""


@dataclass(frozen=True)
class SyncPlate:
    """A small disc that turns white for one frame while a click is heard. No object, so in no mask.

    Attributes:
        direction: (3,) unit vector of its centre, as a tuple.
        radius_rad: its radius.
    """

    direction: tuple[float, float, float]
    radius_rad: float

    def paint_at_rest(self, picture: NDArray[np.uint8], grid: PixelGrid) -> None:
        """Paint the dark plate with its ring into a backdrop."""
        for share, colour, opacity in ((1.0, (0.80, 0.84, 0.84), 0.55), (0.90, (0.10, 0.14, 0.16), 0.92)):
            disc = grid.disc(self.direction, self.radius_rad * share)
            blend(picture, disc.index, colour, disc.coverage * np.float32(opacity))

    def paint_flash(self, picture: NDArray[np.uint8], grid: PixelGrid) -> None:
        """Paint it white, all of it."""
        disc = grid.disc(self.direction, self.radius_rad)
        blend(picture, disc.index, (1.0, 1.0, 1.0), disc.coverage)


def render_frame(
    backdrop: NDArray[np.uint8],
    objects: Sequence[SceneObject],
    *,
    grid: PixelGrid,
    time_s: float,
    plate: SyncPlate | None = None,
    flash: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture with its label map.

    Args:
        backdrop: (H, W, 3) uint8, not changed.
        objects: in painter's order: later ones lie in front.
        grid: the pixels of the backdrop.
        time_s: on the clip's clock.
        plate: the sync plate, if the scene has one.
        flash: whether it flashes in this frame.

    Returns:
        picture (H, W, 3) uint8, and labels (H, W) uint8: the id of the object that is in front at each pixel's
        centre, 0 where there is none.
    """
    if backdrop.shape != (grid.height, grid.width, 3):
        raise ValueError(f"the backdrop has shape {backdrop.shape}, the grid is {grid.width}x{grid.height}")
    picture = backdrop.copy()
    labels = np.zeros((grid.height, grid.width), np.uint8)
    for thing in objects:
        _paint_shadow(picture, grid, thing.direction_at(time_s), thing.radius_rad)
    if plate is not None and flash:
        plate.paint_flash(picture, grid)
    for thing in objects:
        centre = thing.direction_at(time_s)
        disc = grid.disc(centre, thing.radius_rad)
        colours = ball_colours(
            thing.look,
            pixels=disc,
            centre=centre,
            radius_rad=thing.radius_rad,
            R_world_object=thing.R_world_object(time_s),
            pixel_rad=grid.pixel_rad,
        )
        blend(picture, disc.index, colours, disc.coverage)
        labels.reshape(-1)[disc.index[disc.inside]] = thing.id
    return picture, labels


def _paint_shadow(picture: NDArray[np.uint8], grid: PixelGrid, centre: FloatArray, radius_rad: float) -> None:
    """A soft shadow on the ground straight beneath a ball, weaker and wider the higher it floats."""
    x, y, z = BALL_DISTANCE * centre
    height = float(z) + 1.0
    strength = 0.46 * float(np.clip(1.0 - (height - 0.6) / 1.6, 0.0, 1.0))
    if strength <= 0:
        return
    spread = BALL_DISTANCE * float(np.sin(radius_rad)) * (0.75 + 0.45 * max(height, 0.0))
    distance = float(np.sqrt(x * x + y * y + 1.0))
    below = np.array([x, y, -1.0]) / distance
    index, d = grid.within(below, float(np.arctan(2.0 * spread / distance)) + grid.pixel_rad)
    depth = np.maximum(-d[:, 2], 1e-3)
    away2 = (d[:, 0] / depth - x) ** 2 + (d[:, 1] / depth - y) ** 2
    fall = np.clip(1.0 - away2 / (2.0 * spread) ** 2, 0.0, 1.0) ** 2 * np.exp(-away2 / (spread * spread))
    ground = np.clip(-d[:, 2] / grid.pixel_rad, 0.0, 1.0)
    blend(picture, index, (0.055, 0.085, 0.105), (strength * fall * ground).astype(np.float32))
