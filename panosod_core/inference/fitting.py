"""From a decoded frame to the picture that a network sees: the full sphere, in its size, R'G'B'. No torch.

Planes are averaged down to the size before they become R'G'B': the same numbers as the other way round, but for
rounding, for a fraction of the work.
"""

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import FULL_SPHERE, PictureGeometry
from panosod_core.geometry.sphere import equirect_directions
from panosod_core.media.color import frame_transform, samples_to_rgb
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import Transfer

_Plane: TypeAlias = NDArray[Any]
"""Of uint8 or uint16, which OpenCV's own types do not tell apart."""


class PictureFitter:
    """Fits the frames of one clip. Not thread-safe (it keeps what it has calculated of the geometry)."""

    def __init__(self, geometry: PictureGeometry, *, height: int, width: int) -> None:
        """Say how the picture covers the sphere.

        Args:
            geometry: of the clip, with the eye that is looked at.
            height: rows of the result.
            width: columns.

        Raises:
            ValueError: a picture that does not belong on the sphere.
        """
        if not geometry.is_spherical:
            raise ValueError(f"a {geometry.projection} picture does not belong on the sphere")
        self._geometry = geometry
        self._height, self._width = height, width
        b = geometry.bounds
        self._eye_height = max(1, round(height * (1 - b.top - b.bottom)))
        self._eye_width = max(1, round(width * (1 - b.left - b.right)))
        self._is_plain = b == FULL_SPHERE and not any(geometry.pose_deg)
        self._maps: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def fit(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(height, width, 3) uint8, contiguous; black where the picture does not cover the sphere."""
        samples = self._samples(frame)
        if frame.transfer is Transfer.SDR:
            rgb = _sdr(samples, frame)
        else:
            top = np.iinfo(samples.dtype).max
            rgb = np.rint(samples_to_rgb(samples / top, frame) * 255).astype(np.uint8)
        return np.ascontiguousarray(rgb if self._is_plain else self._placed(rgb))

    def grey(self, frame: VideoFrame, *, height: int, width: int) -> NDArray[np.uint8]:
        """(height, width) uint8, the full sphere: brightness alone, of any scale, for finding motion."""
        if not self._is_plain:
            return np.asarray(_resized(cv2.cvtColor(self.fit(frame), cv2.COLOR_RGB2GRAY), height, width), np.uint8)
        small = _resized(_cropped(frame.planes[0], (frame.height, frame.width), self._geometry), height, width)
        deep = 0 if small.dtype == np.uint8 else 8 if frame.layout.msb_aligned else frame.layout.bits - 8
        return (small >> deep).astype(np.uint8, copy=False)

    def _samples(self, frame: VideoFrame) -> _Plane:
        size = self._eye_height, self._eye_width
        layout = frame.layout
        luma = _resized(_cropped(frame.planes[0], (frame.height, frame.width), self._geometry), *size)
        if layout.components == "y":
            return cv2.merge((luma, luma, luma))
        sx, sy = layout.chroma_shift
        chroma = -(-frame.height >> sy), -(-frame.width >> sx)
        if layout.components == "y+uv":
            pairs = frame.planes[1][: chroma[0], : 2 * chroma[1]].reshape(*chroma, 2)
            return cv2.merge((luma, *cv2.split(_resized(_cropped(pairs, chroma, self._geometry), *size))))
        rest = [_resized(_cropped(plane, chroma, self._geometry), *size) for plane in frame.planes[1:3]]
        return cv2.merge((luma, *rest))

    def _placed(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn and frame the eye's picture onto the full sphere."""
        if self._maps is None:
            u, v = self._geometry.directions_to_eye_uv(equirect_directions(self._width, self._height))
            inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
            # One more column on either side lets the ring close; rows end at the poles.
            x = np.where(inside, u * self._eye_width - 0.5 + 1, -10.0)
            y = np.where(inside, np.clip(v * self._eye_height - 0.5, 0, self._eye_height - 1), -10.0)
            self._maps = x.astype(np.float32), y.astype(np.float32)
        b = self._geometry.bounds
        border = cv2.BORDER_WRAP if b.left + b.right == 0 else cv2.BORDER_REPLICATE
        ring = cv2.copyMakeBorder(rgb, 0, 0, 1, 1, border)
        return np.asarray(cv2.remap(ring, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)


def _cropped(plane: _Plane, size: tuple[int, int], geometry: PictureGeometry) -> _Plane:
    """The chosen eye's part of a plane, without the decoder's padding."""
    height, width = size
    u0, v0, u1, v1 = geometry.eye_rect
    return plane[round(v0 * height) : round(v1 * height), round(u0 * width) : round(u1 * width)]


def _resized(plane: _Plane, height: int, width: int) -> _Plane:
    # By exact halves first: that is area averaging too, and several times as fast as one step by an odd ratio.
    while plane.shape[0] >= 2 * height and plane.shape[1] >= 2 * width and not (plane.shape[0] | plane.shape[1]) & 1:
        plane = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
    if plane.shape[:2] == (height, width):
        return np.ascontiguousarray(plane)
    shrinks = plane.shape[0] >= height and plane.shape[1] >= width
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _sdr(samples: _Plane, frame: VideoFrame) -> NDArray[np.uint8]:
    transform = frame_transform(frame)
    top = np.iinfo(samples.dtype).max
    affine = np.concatenate([transform.matrix * (255 / top), transform.offset[:, None] * 255], axis=1)
    if frame.layout.components == "y":
        affine[:, 1:3] = 0.0
    rgb: _Plane = cv2.transform(samples, affine)  # rounds, and keeps to the type's range
    return np.minimum(rgb, 255).astype(np.uint8, copy=False)
