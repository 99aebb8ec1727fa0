"""Pictures in the size that a network works in: one function, so that training and inference see the same pixels."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

_Picture: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]


def fit_picture(rgb: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Resize a full equirectangular picture: area averaging down, bilinear up. The whole sphere stays in view.

    Args:
        rgb: (H, W, 3).
        height: rows of the result.
        width: columns.

    Returns:
        (height, width, 3), the input itself where the size fits.

    Raises:
        ValueError: another shape or type.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ValueError(f"expected a picture (H, W, 3) of uint8, got {rgb.shape} of {rgb.dtype}")
    return np.asarray(_resized(rgb, height, width), np.uint8)


def fit_mask(mask: NDArray[np.generic], *, height: int, width: int) -> NDArray[np.float32]:
    """Resize a mask: area averaging down, bilinear up.

    Args:
        mask: (H, W); bool, floating in 0..1, or uint8 with 255 as one.
        height: rows of the result.
        width: columns.

    Returns:
        (height, width) float32 in 0..1.

    Raises:
        ValueError: another shape.
    """
    if mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"expected a mask (H, W), got {mask.shape}")
    values = mask.astype(np.float32) / np.float32(255 if mask.dtype == np.uint8 else 1)
    return np.asarray(np.clip(_resized(values, height, width), 0, 1), np.float32)


def _resized(picture: _Picture, height: int, width: int) -> _Picture:
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: _Picture = cv2.resize(picture, (width, height), interpolation=method)  # type: ignore[assignment]  # as came
    return resized
