"""How a decoded picture covers the sphere: stereo packing, cropping, half spheres and pose, as one affine map."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.sphere import FloatArray, direction_to_uv, rotation


class PictureProjection(StrEnum):
    """What the pixels of a clip are, in the words of ``panosod info``."""

    EQUIRECTANGULAR = "equirectangular"
    EQUIRECTANGULAR_180 = "equirectangular-180"
    CUBEMAP = "cubemap"
    MESH = "mesh"
    FLAT = "flat"


class StereoMode(StrEnum):
    """How two eyes share a picture."""

    MONO = "mono"
    TOP_BOTTOM = "top-bottom"
    LEFT_RIGHT = "left-right"


class Eye(StrEnum):
    """Which eye of a stereo clip is shown."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Bounds:
    """Fractions of the full sphere's map cropped from each edge (the `equi` box): 0 all round is the full sphere."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    def __post_init__(self) -> None:
        for name in ("left", "top", "right", "bottom"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"Bounds.{name} must lie in [0, 1), got {getattr(self, name)!r}")
        if self.left + self.right >= 1 or self.top + self.bottom >= 1:
            raise ValueError(f"Bounds leave nothing of the picture: {self}")

    @property
    def is_full(self) -> bool:
        """True when the picture covers the whole sphere."""
        return self == Bounds()


FULL_SPHERE = Bounds()
FRONT_HALF = Bounds(left=0.25, right=0.25)
"""The 180 degree picture: azimuth from +90 to -90 degrees, all elevations."""


@dataclass(frozen=True)
class PictureGeometry:
    """Where on the sphere the texels of one eye lie. Checked at birth; immutable.

    Attributes:
        projection: EQUIRECTANGULAR(_180) go onto the sphere; everything else is drawn flat.
        stereo: packing of the two eyes.
        eye: which one is shown.
        eyes_swapped: the right eye comes first (stereo mode 4, right-left).
        bounds: what of the sphere one eye covers.
        pose_deg: yaw (left +), pitch (up +), roll (clockwise +) of the picture's centre in the world, degrees.
    """

    projection: PictureProjection = PictureProjection.EQUIRECTANGULAR
    stereo: StereoMode = StereoMode.MONO
    eye: Eye = Eye.LEFT
    eyes_swapped: bool = False
    bounds: Bounds = field(default=FULL_SPHERE)
    pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_spherical(self) -> bool:
        """True when the picture belongs on the sphere, False when it is drawn flat."""
        return self.projection in (PictureProjection.EQUIRECTANGULAR, PictureProjection.EQUIRECTANGULAR_180)

    @property
    def eye_rect(self) -> tuple[float, float, float, float]:
        """(u0, v0, u1, v1) of the chosen eye in the decoded picture, fractions, origin top left."""
        second = (self.eye is Eye.RIGHT) != self.eyes_swapped
        if self.stereo is StereoMode.TOP_BOTTOM:
            return (0.0, 0.5, 1.0, 1.0) if second else (0.0, 0.0, 1.0, 0.5)
        if self.stereo is StereoMode.LEFT_RIGHT:
            return (0.5, 0.0, 1.0, 1.0) if second else (0.0, 0.0, 0.5, 1.0)
        return (0.0, 0.0, 1.0, 1.0)

    @property
    def R_world_picture(self) -> FloatArray:  # noqa: N802 - rotations are named by their frames
        """(3, 3): picture vectors to world vectors."""
        yaw, pitch, roll = np.radians(self.pose_deg)
        return rotation(float(yaw), float(pitch), float(roll))

    def directions_to_eye_uv(self, directions: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Coordinates within the chosen eye's picture of world directions.

        Returns:
            u, v: 0..1 inside the picture; outside [0, 1] where the picture does not cover that direction.
        """
        u, v = direction_to_uv(np.asarray(directions, np.float64) @ self.R_world_picture)
        b = self.bounds
        return (u - b.left) / (1 - b.left - b.right), (v - b.top) / (1 - b.top - b.bottom)

    def eye_size(self, width: int, height: int) -> tuple[int, int]:
        """Pixel size of one eye within a decoded picture of width x height."""
        return (
            width // 2 if self.stereo is StereoMode.LEFT_RIGHT else width,
            height // 2 if self.stereo is StereoMode.TOP_BOTTOM else height,
        )
