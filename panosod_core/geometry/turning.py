"""A map of the full sphere, seen from another frame: from the upright world to a tilted picture, and back.

What a model sees and hears is upright: a picture with a pose is turned by it before the network looks, as the sound's
field is of the world. So its maps are of the **world**, wherever they are kept. What is drawn over a picture, and what
is marked in it (truth, annotation), is of the **picture's frame**. This is the one place where the two meet.
"""

from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray, direction_to_uv, equirect_directions


class SphereTurner:
    """Turns equirectangular maps of the full sphere; keeps what it has worked out for the size at hand.

    Attributes:
        R_to_from: (3, 3), vectors of the maps' frame to vectors of the frame that is wanted.
    """

    def __init__(self, R_to_from: FloatArray) -> None:  # noqa: N803 - a rotation matrix
        self.R_to_from = np.asarray(R_to_from, np.float64)
        self._places: tuple[tuple[int, int], FloatArray, FloatArray] | None = None

    @cached_property
    def is_level(self) -> bool:
        """Whether both frames are the same, so that nothing is to be turned."""
        return bool(np.allclose(self.R_to_from, np.eye(3), atol=1e-12))

    def values(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A map (H, W) uint8 in the other frame, bilinear; the same array where nothing is to be turned."""
        if self.is_level:
            return image
        height, width = image.shape
        u, v = self._places_for(height, width)
        # One more column on either side closes the ring; rows end at the poles.
        x = (u % 1.0 * width - 0.5 + 1.0).astype(np.float32)
        y = np.clip(v * height - 0.5, 0, height - 1).astype(np.float32)
        ring = cv2.copyMakeBorder(image, 0, 0, 1, 1, cv2.BORDER_WRAP)
        return np.asarray(cv2.remap(ring, x, y, cv2.INTER_LINEAR), np.uint8)

    def nearest(self, labels: NDArray[Any]) -> NDArray[Any]:
        """A map (H, W) of anything in the other frame, nearest neighbour; the same array where nothing turns."""
        if self.is_level:
            return labels
        height, width = labels.shape
        u, v = self._places_for(height, width)
        columns = (u % 1.0 * width).astype(np.intp) % width
        return np.asarray(labels[np.minimum((v * height).astype(np.intp), height - 1), columns])

    def _places_for(self, height: int, width: int) -> tuple[FloatArray, FloatArray]:
        """For each pixel of the wanted map its place in the given one, (H, W) each."""
        if self._places is None or self._places[0] != (height, width):
            # Rows times R is R's transpose times each vector: from the wanted frame back to the given one.
            u, v = direction_to_uv(equirect_directions(width, height) @ self.R_to_from)
            self._places = (height, width), u, v
        return self._places[1], self._places[2]
