"""Reading pictures and masks from disk, and bringing them to the size of the network."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from panosod_core.annotation.formats.palette import voc_palette as voc_palette
from panosod_core.datasets.index import MaskSource, RleMask
from panosod_core.datasets.rle import decode_rle
from panosod_core.errors import DatasetError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
"""What counts as a picture file, in lower case."""

LARGEST_SIDE = 32768
"""Pixels; larger pictures are refused before their memory is asked for."""

_READ_ERRORS = (OSError, UnidentifiedImageError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
# What Pillow raises for damaged files: SyntaxError and EOFError come from its PNG and TIFF readers.


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says of itself.

    Attributes:
        width, height: pixels.
        mode: Pillow's name: "L", "RGB", "P", "1", "RGBA", "I;16", ...
    """

    width: int
    height: int
    mode: str


def read_header(path: Path) -> PictureHeader:
    """Size and mode of a picture, without decoding it.

    Raises:
        DatasetError: the file is missing, no picture, or absurdly large.
    """
    try:
        with Image.open(path) as picture:
            header = PictureHeader(picture.width, picture.height, picture.mode)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    if max(header.width, header.height) > LARGEST_SIDE:
        raise DatasetError(
            f"{path}: expected a picture of at most {LARGEST_SIDE} pixels a side, got {header.width}x{header.height}"
        )
    return header


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8 RGB, whatever its mode.

    Raises:
        DatasetError: it is missing, damaged or cut short.
    """
    return _decoded(path, "RGB")


def read_mask(source: MaskSource) -> NDArray[np.uint8]:
    """An object mask at its own size: (H, W) uint8, 0 background .. 255 object.

    Grey files as they are; files in colours (instance masks) give 255 wherever they are not black, palette files
    wherever the index is not 0.

    Raises:
        DatasetError: it is missing, damaged or cut short.
    """
    if isinstance(source, RleMask):
        return read_runs(source)
    mode = read_header(source).mode
    if mode == "P":
        return np.where(_decoded(source, "P") > 0, np.uint8(255), np.uint8(0))
    if mode in ("RGB", "RGBA"):
        colours = _decoded(source, "RGB")
        if np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 0], colours[..., 2]):
            return np.ascontiguousarray(colours[..., 0])
        return np.where(colours.any(axis=-1), np.uint8(255), np.uint8(0))
    return _decoded(source, "L")


def read_runs(mask: RleMask) -> NDArray[np.uint8]:
    """The union of a mask's objects: (H, W) uint8, 0 or 255.

    Raises:
        DatasetError: its runs do not fill its size.
    """
    union = np.zeros((mask.height, mask.width), np.bool_)
    for runs in mask.objects:
        union |= decode_rle(runs, height=mask.height, width=mask.width)
    return np.where(union, np.uint8(255), np.uint8(0))


def read_instances(path: Path) -> NDArray[np.uint8]:
    """An instance mask: (H, W) uint8, 0 background, else the number of the instance.

    Palette files by their index, files in colours by the VOC palette.

    Raises:
        DatasetError: it cannot be read, or holds a colour that is not of the palette.
    """
    mode = read_header(path).mode
    if mode in ("P", "L", "1"):
        return _decoded(path, "P" if mode == "P" else "L")
    colours = _decoded(path, "RGB").astype(np.int32)
    packed = (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]
    palette = voc_palette().astype(np.int32)
    keys = (palette[:, 0] << 16) | (palette[:, 1] << 8) | palette[:, 2]
    by_key = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys[by_key], packed), 255)
    labels = by_key[place]
    strange = keys[labels] != packed
    if strange.any():
        r, g, b = colours[strange][0].tolist()
        raise DatasetError(
            f"{path}: expected colours of the VOC palette, got ({r}, {g}, {b}) in {strange.sum()} pixels"
        )
    return labels.astype(np.uint8)


def resized(picture: NDArray[np.uint8], *, width: int, height: int, ring: bool = True) -> NDArray[np.float32]:
    """A picture or mask at another size, as float32 in 0..1.

    Smaller: the mean over the area of each new pixel, to 8 bits. Larger: linear between pixel centres; with ``ring``
    the left and right edge are neighbours, as on the sphere.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        width: pixels wanted.
        height: pixels wanted.
        ring: it is a full equirectangular picture.

    Returns:
        (height, width) or (height, width, 3).
    """
    rows, columns = picture.shape[:2]
    if width <= columns and height <= rows:
        small = picture
        if (rows, columns) != (height, width):
            small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return small.astype(np.float32) / np.float32(255)
    values = picture.astype(np.float32) / np.float32(255)
    if not ring:
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    # One column of the other edge on each side, which is cut off again after the enlargement.
    step = width / columns
    u = (np.arange(width, dtype=np.float32) + 0.5) / step + 0.5
    v = (np.arange(height, dtype=np.float32) + 0.5) * rows / height - 0.5
    wrapped = np.concatenate([values[:, -1:], values, values[:, :1]], axis=1)
    where_u, where_v = np.meshgrid(u, v)
    larger = cv2.remap(wrapped, where_u, where_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(larger, np.float32)


def _decoded(path: Path, mode: str) -> NDArray[np.uint8]:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ValueError("Pillow is set to accept truncated pictures: damaged files would go unseen")
    read_header(path)
    try:
        with Image.open(path) as picture:
            if mode == "L" and picture.mode.startswith(("I", "F")):
                raise DatasetError(f"{path}: expected a mask of 8 bits, got Pillow's mode {picture.mode}")
            return np.array(picture if picture.mode == mode else picture.convert(mode), np.uint8)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DatasetError:
    if isinstance(error, FileNotFoundError):
        return DatasetError(f"{path}: expected a picture here, there is no such file")
    first = (str(error) or type(error).__name__).splitlines()[0]
    return DatasetError(f"{path}: expected a picture, it cannot be read ({first}); restore the file or take it away")
