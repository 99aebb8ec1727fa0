"""Label maps as PNG files: with the full VOC palette, or as 0 and 255.

A palette PNG's pixel is the id; its colour is for people. The palette is always written whole: with a short one Pillow
packs fewer bits and large ids come back as others. Reading never goes by colour.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from panosod_core.annotation.masks import LabelMap
from panosod_core.errors import AnnotationError

VOID = 255
"""DAVIS's "not decided"; read as background."""


def voc_palette() -> NDArray[np.uint8]:
    """The colours of PASCAL VOC: (256, 3). Bit k of the id goes to bit 7 - k / 3 of red, green, blue in turn."""
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def palette_png(labels: LabelMap) -> bytes:
    """A label map as a palette PNG, index = id."""
    image = Image.frombytes("P", (labels.shape[1], labels.shape[0]), np.ascontiguousarray(labels).tobytes())
    image.putpalette(voc_palette().tobytes())
    return _png(image)


def binary_png(mask: NDArray[np.bool_]) -> bytes:
    """A mask as a grey 8-bit PNG of 0 and 255."""
    return _png(Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=6)
    return file.getvalue()


def read_labels(path: Path) -> LabelMap:
    """A label map from a palette or grey PNG: the pixels' values, 255 as background.

    Args:
        path: the file; a grey one of 0 and 255 alone (a binary mask) is read as object 1.

    Raises:
        AnnotationError: it is no such picture.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode == "1":
                values = np.asarray(image, np.uint8)
            elif mode in ("P", "L"):
                values = np.array(image, np.uint8)
            else:
                raise AnnotationError(
                    f"{path}: expected a picture with a palette or of one grey channel, got {mode}: ids cannot be read "
                    "from colours"
                )
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise AnnotationError(f"{path} cannot be read as a picture of masks: {error}") from error
    if mode == "L" and not np.any((values != 0) & (values != VOID)):
        return np.asarray(values == VOID, np.uint8)
    return np.asarray(np.where(values == VOID, 0, values), np.uint8)
