"""A window onto the sphere that looks at one direction: there an object lies at the equator, away from the seam.

The window is a piece of an equirectangular picture of a turned sphere, with the picture's own pixels a radian. In its
middle a pixel covers the same angle to all sides, wherever on the sphere the window looks.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.regions.brush import cap
from panosod_core.geometry.regions.ring import RingMask, column_azimuths, row_elevations
from panosod_core.geometry.sphere import FloatArray, azimuth_elevation, direction

FloatImage = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Window:
    """Where a window looks and how much it shows.

    Attributes:
        R_world_window: (3, 3), takes window directions (x into the window's middle) to world directions.
        width_rad: shown angle of azimuth, at most 2 pi.
        height_rad: shown angle of elevation, at most pi.
        pixels_per_rad: density.
    """

    R_world_window: FloatArray
    width_rad: float
    height_rad: float
    pixels_per_rad: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, at least 8."""
        return (
            max(8, round(self.width_rad * self.pixels_per_rad)),
            max(8, round(self.height_rad * self.pixels_per_rad)),
        )

    @property
    def centre(self) -> FloatArray:
        """Where it looks: (3,)."""
        return np.asarray(self.R_world_window[:, 0])

    def directions(self) -> FloatArray:
        """World directions of its pixels' centres: (h, w, 3)."""
        width, height = self.size
        azimuth = ((width - 1) / 2 - np.arange(width)) / self.pixels_per_rad
        elevation = ((height - 1) / 2 - np.arange(height)) / self.pixels_per_rad
        turned: FloatArray = direction(azimuth[None, :], elevation[:, None]) @ self.R_world_window.T
        return turned

    def look(self, picture: NDArray[np.generic], directions: FloatArray | None = None) -> NDArray[np.generic]:
        """What it shows of an equirectangular picture, bilinear.

        Args:
            picture: (H, W) uint8 or float32.
            directions: of its pixels, where they are known already.

        Returns:
            (h, w) of the picture's type.
        """
        height, width = picture.shape
        azimuth, elevation = azimuth_elevation(self.directions() if directions is None else directions)
        x = ((0.5 - azimuth / (2 * math.pi)) * width - 0.5).astype(np.float32)
        y = np.clip((0.5 - elevation / math.pi) * height - 0.5, 0, height - 1).astype(np.float32)
        # One column more at each side: OpenCV's wrapping border would wrap the rows too.
        ring = np.concatenate([picture[:, -1:], picture, picture[:, :1]], axis=1)
        shown: NDArray[np.generic] = cv2.remap(ring, x + 1, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return shown

    def place(self, soft: FloatImage, *, width: int, height: int) -> RingMask | None:
        """Where a soft mask in the window is at least a half, as pixels of an equirectangular picture.

        Args:
            soft: (h, w) 0..1 in the window.
            width: of the picture, of any size.
            height: of the picture.

        Returns:
            The mask; None where nothing is.
        """
        reach = math.hypot(self.width_rad, self.height_rad) / 2
        around = cap(self.centre, min(math.pi, reach), width=width, height=height)
        if around is None:
            return None
        box = around.box
        azimuths = column_azimuths(width)[(box.x + np.arange(box.width)) % width]
        elevations = row_elevations(height)[box.y : box.y + box.height]
        seen = direction(azimuths[None, :], elevations[:, None]) @ self.R_world_window
        azimuth, elevation = azimuth_elevation(seen)
        columns, rows = self.size
        x = ((columns - 1) / 2 - azimuth * self.pixels_per_rad).astype(np.float32)
        y = ((rows - 1) / 2 - elevation * self.pixels_per_rad).astype(np.float32)
        sampled = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        inside = sampled >= 0.5
        return RingMask(box, inside) if inside.any() else None


def facing(centre: FloatArray) -> FloatArray:
    """A rotation whose window looks at a direction, upright: (3, 3)."""
    azimuth, elevation = (float(a) for a in azimuth_elevation(centre))
    ca, sa, ce, se = math.cos(azimuth), math.sin(azimuth), math.cos(elevation), math.sin(elevation)
    return np.array([[ca * ce, -sa, -ca * se], [sa * ce, ca, -sa * se], [se, 0.0, ce]])
