"""A waveform as a picture, one column a device pixel, without smearing."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage, QPixmap


def column_extremes(
    low: NDArray[np.float32], high: NDArray[np.float32], columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest value under each of ``columns`` columns; no peak is lost however many buckets share one.

    Args:
        low: (buckets,) lowest values.
        high: (buckets,) highest values.
        columns: at least 1.

    Returns:
        Two arrays of shape (columns,).
    """
    edges = np.arange(columns + 1) * low.size / columns
    start = np.minimum(edges[:-1].astype(np.int64), low.size - 1)
    if columns >= low.size:
        return low[start], high[start]
    return np.minimum.reduceat(low, start), np.maximum.reduceat(high, start)


def waveform_pixmap(
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    *,
    share: float,
    size: tuple[float, float],
    pixel_ratio: float,
    colour: QColor,
) -> QPixmap:
    """The waveform on a transparent ground.

    Args:
        low: (buckets,) lowest values, -1..1.
        high: (buckets,) highest values; both are drawn relative to their greatest, blown up 8 times at most.
        share: part of the width that the buckets span (sound shorter than the picture: below 1).
        size: width and height, logical pixels.
        pixel_ratio: device pixels per logical pixel.
        colour: of the waveform.
    """
    width, height = (max(1, round(v * pixel_ratio)) for v in size)
    columns = max(1, min(width, round(width * share)))
    used = max(1, round(low.size * min(1.0, 1 / share)))
    bottom, top = column_extremes(np.nan_to_num(low[:used]), np.nan_to_num(high[:used]), columns)
    gain = min(8.0, 1 / max(float(np.max(top)), -float(np.min(bottom)), 1e-6))
    middle, half = (height - 1) / 2, (height / 2 - 2 * pixel_ratio)
    rows = np.arange(height)[:, None]
    first = np.floor(middle - gain * np.clip(top, 0, 1) * half)
    last = np.ceil(middle - gain * np.clip(bottom, -1, 0) * half)
    filled = (rows >= first) & (rows <= last)
    pixels = np.zeros((height, width), np.uint32)
    pixels[:, :columns][filled] = colour.rgba()
    image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32)
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(pixel_ratio)
    return pixmap
