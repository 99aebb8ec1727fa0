"""Words drawn into small pictures that the renderer lays beside a mark."""

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from panosod_viewer.overlays import Caption

_PAD_PX = 5.0
_SIZE_PX = 13


@lru_cache(maxsize=64)
def caption(text: str, *, pixel_ratio: float = 2.0) -> Caption:
    """White words on a dark plate, readable over any picture; the same words are the same picture."""
    font = QFont()
    font.setPixelSize(_SIZE_PX)
    font.setFeature(QFont.Tag("tnum"), 1)
    metrics = QFontMetricsF(font)
    width = int(np.ceil(metrics.horizontalAdvance(text) + 2 * _PAD_PX))
    height = int(np.ceil(metrics.height() + _PAD_PX))
    w, h = round(width * pixel_ratio), round(height * pixel_ratio)
    image = QImage(w, h, QImage.Format.Format_RGBA8888_Premultiplied)
    image.setDevicePixelRatio(pixel_ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 165))
    painter.drawRoundedRect(QRectF(0, 0, width, height), 4.0, 4.0)
    painter.setFont(font)
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(QPointF(_PAD_PX, _PAD_PX / 2 + metrics.ascent()), text)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(h, image.bytesPerLine())
    # a copy: the image takes its memory with it
    return Caption(rows[:, : 4 * w].reshape(h, w, 4).copy(), pixel_ratio)
