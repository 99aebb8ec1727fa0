"""The pixels of an equirectangular picture as directions, and the discs of them that round things cover."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DiscPixels:
    """The N pixels that a disc (spherical cap) touches, one entry a pixel.

    Attributes:
        index: (N,) int64, position in the flattened picture (row * width + column).
        directions: (N, 3) float64 unit vectors of the pixel centres.
        angle: (N,) float64, from the disc's centre, radians.
        coverage: (N,) float32 in [0, 1], share of the pixel inside, from the distance to the edge in pixels.
        inside: (N,) bool, the pixel's centre lies in the disc: exactly the mask.
    """

    index: NDArray[np.int64]
    directions: NDArray[np.float64]
    angle: NDArray[np.float64]
    coverage: Float32Array
    inside: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """The pixel centres of a full equirectangular picture. Immutable.

    Attributes:
        width, height: pixels; any positive numbers.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"PixelGrid needs positive sizes, got {self.width}x{self.height}")

    @cached_property
    def azimuth(self) -> NDArray[np.float64]:
        """(width,) radians, left positive, from +pi at the left edge down to -pi."""
        return (0.5 - (np.arange(self.width) + 0.5) / self.width) * 2 * np.pi

    @cached_property
    def elevation(self) -> NDArray[np.float64]:
        """(height,) radians, up positive, from the top row down."""
        return (0.5 - (np.arange(self.height) + 0.5) / self.height) * np.pi

    @cached_property
    def _cos_sin(self) -> tuple[NDArray[np.float64], ...]:
        return np.cos(self.azimuth), np.sin(self.azimuth), np.cos(self.elevation), np.sin(self.elevation)

    @property
    def pixel_rad(self) -> float:
        """The angle that one pixel spans: the larger of its height and its width on the horizon."""
        return max(np.pi / self.height, 2 * np.pi / self.width)

    def strip(self, first_row: int, end_row: int) -> Float32Array:
        """Directions of the rows first_row..end_row-1: (rows, width, 3) float32."""
        cos_az, sin_az, cos_el, sin_el = self._cos_sin
        rows = slice(first_row, end_row)
        out = np.empty((len(cos_el[rows]), self.width, 3), np.float32)
        out[..., 0] = cos_el[rows, None] * cos_az
        out[..., 1] = cos_el[rows, None] * sin_az
        out[..., 2] = sin_el[rows, None]
        return out

    def within(self, centre: ArrayLike, reach_rad: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The pixels whose centres lie within an angle of a direction, over the seam and over the poles alike.

        Args:
            centre: (3,) unit vector.
            reach_rad: above 0.

        Returns:
            (N,) positions in the flattened picture and (N, 3) unit vectors.
        """
        row, column, _ = self._near(np.asarray(centre, np.float64), reach_rad)
        cos_az, sin_az, cos_el, sin_el = self._cos_sin
        ce = cos_el[row]
        directions = np.stack([ce * cos_az[column], ce * sin_az[column], sin_el[row]], axis=-1)
        return row * np.int64(self.width) + column, directions

    def disc(self, centre: ArrayLike, radius_rad: float) -> DiscPixels:
        """The pixels that a disc on the sphere touches, with what of each it covers.

        Args:
            centre: (3,) unit vector.
            radius_rad: in (0, pi/2).
        """
        if not 0 < radius_rad < np.pi / 2:
            raise ValueError(f"a disc's radius must lie in (0, pi/2), got {radius_rad}")
        c = np.asarray(centre, np.float64)
        row, column, cosine = self._near(c, radius_rad + self.pixel_rad)
        cos_az, sin_az, cos_el, sin_el = self._cos_sin
        ca, sa, ce, se = cos_az[column], sin_az[column], cos_el[row], sin_el[row]
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        # cos(angle) = p . c, so the angle's slope per pixel follows from the east and north vectors at p.
        slope_u = (c[1] * ca - c[0] * sa) * ce * (2 * np.pi / self.width)
        slope_v = (c[2] * ce - se * (c[0] * ca + c[1] * sa)) * (np.pi / self.height)
        slope = np.hypot(slope_u, slope_v) / np.maximum(np.sin(angle), 1e-9)
        depth = (radius_rad - angle) / np.maximum(slope, 1e-9)
        return DiscPixels(
            index=row * np.int64(self.width) + column,
            directions=np.stack([ce * ca, ce * sa, se], axis=-1),
            angle=angle,
            coverage=np.clip(depth + 0.5, 0.0, 1.0).astype(np.float32),
            inside=cosine >= np.cos(radius_rad),
        )

    def _near(
        self, c: NDArray[np.float64], reach: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Row, column and cosine of the angle from c of every pixel nearer than ``reach``: three times (N,)."""
        rows, columns = self._around(c, reach)
        cos_az, sin_az, cos_el, sin_el = self._cos_sin
        along = c[0] * cos_az[columns] + c[1] * sin_az[columns]
        cosine = cos_el[rows, None] * along + c[2] * sin_el[rows, None]
        i, j = np.nonzero(cosine > np.cos(min(reach, np.pi)))
        return rows[i], columns[j], cosine[i, j]

    def _around(self, c: NDArray[np.float64], reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and (wrapped) columns of a box around the disc."""
        elevation = float(np.arctan2(c[2], np.hypot(c[0], c[1])))
        top = int(np.floor((0.5 - (elevation + reach) / np.pi) * self.height))
        bottom = int(np.ceil((0.5 - (elevation - reach) / np.pi) * self.height))
        rows = np.arange(max(top, 0), min(bottom, self.height), dtype=np.int64)
        if abs(elevation) + reach >= np.pi / 2:
            return rows, np.arange(self.width, dtype=np.int64)
        half = float(np.arcsin(min(np.sin(reach) / np.cos(elevation), 1.0))) * self.width / (2 * np.pi)
        middle = (0.5 - float(np.arctan2(c[1], c[0])) / (2 * np.pi)) * self.width
        if 2 * half + 2 >= self.width:
            return rows, np.arange(self.width, dtype=np.int64)
        columns = np.arange(int(np.floor(middle - half)), int(np.ceil(middle + half)) + 1, dtype=np.int64)
        return rows, columns % self.width


def blend(picture: NDArray[np.uint8], index: NDArray[np.int64], colour: ArrayLike, alpha: ArrayLike) -> None:
    """Lay colour over some pixels of a picture, in place.

    Args:
        picture: (H, W, 3) uint8, contiguous.
        index: (N,) positions in the flattened picture, each at most once.
        colour: (N, 3) or (3,), display values in [0, 1].
        alpha: (N,) or a number, in [0, 1].
    """
    flat = picture.reshape(-1, 3)
    opacity = np.broadcast_to(np.asarray(alpha, np.float32), index.shape)[:, None]
    below = flat[index].astype(np.float32)
    mixed = below + (np.asarray(colour, np.float32) * np.float32(255) - below) * opacity
    flat[index] = np.clip(mixed + np.float32(0.5), 0, 255).astype(np.uint8)
