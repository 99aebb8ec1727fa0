"""Reading maps and masks from picture files, as the published tools read them."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from panosod_core.errors import PanosodError
from panosod_core.metrics.counts import LevelMap

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
"""What is taken for a map or a mask, lower case."""

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


class PictureError(PanosodError):
    """A file that is no picture that can be read; the text says why."""


def read_map(path: Path) -> LevelMap:
    """(H, W) uint8 levels of a prediction; colour becomes luminance, 16 bits become 8.

    Raises:
        PictureError: no picture, damaged, or floating point without a scale.
    """
    return _levels(_opened(path))


def read_mask(path: Path) -> LevelMap:
    """(H, W) uint8 levels of a mask.

    A mask in colour (a palette or RGB that is not grey) is taken for one that codes objects by colours, as ASOD60K's
    instance masks and VOC's do: whatever is not black is object, 255. Luminance would lose its dark colours.

    Raises:
        PictureError: as :func:`read_map`.
    """
    picture = _opened(path)
    if picture.mode in ("P", "RGB", "RGBA", "CMYK", "YCbCr"):
        # By way of RGBA: a palette may have transparent entries.
        rgb = np.asarray(picture.convert("RGBA").convert("RGB") if picture.mode == "P" else picture.convert("RGB"))
        if (rgb != rgb[..., :1]).any():
            coloured: LevelMap = np.where(rgb.any(axis=-1), 255, 0).astype(np.uint8)
            return coloured
        return np.ascontiguousarray(rgb[..., 0])
    return _levels(picture)


def resized_map(levels: LevelMap, width: int, height: int) -> LevelMap:
    """A prediction at another size, bilinear: eval-co-sod's resize, and that of most tools where maps grow.

    Shrinking averages over all pixels, as MATLAB's ``imresize`` does and OpenCV's bilinear does not.
    """
    return np.asarray(Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR))


def resized_mask(levels: LevelMap, width: int, height: int) -> LevelMap:
    """A mask at another size, nearest pixel."""
    return np.asarray(Image.fromarray(levels).resize((width, height), Image.Resampling.NEAREST))


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture.copy()
    except _BROKEN as error:
        raise PictureError(f"{type(error).__name__}: {error}") from error


def _levels(picture: Image.Image) -> LevelMap:
    if picture.mode.startswith("I;16"):
        # 65535 / 257 is 255 exactly.
        return np.rint(np.asarray(picture).astype(np.float64) / 257).astype(np.uint8)
    if picture.mode in ("I", "F"):
        raise PictureError(f"levels of mode {picture.mode} have no known scale; save maps as 8-bit grey")
    if picture.mode in ("LA", "P"):
        picture = picture.getchannel("L") if picture.mode == "LA" else picture.convert("RGBA").convert("RGB")
    return np.asarray(picture if picture.mode == "L" else picture.convert("L"))
