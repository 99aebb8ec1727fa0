"""The loupe as it lies over the picture: an enlarged picture, the brush's ring, the middle, and its zoom."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

SIDE_PX = 168
"""Device-independent."""
_MARK_PX = 5.0
_DARK, _LIGHT = QColor(0, 0, 0, 200), QColor(255, 255, 255)


class LoupeView(QWidget):
    """Shows what it is given; the pointer goes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Loupe")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedSize(SIDE_PX, SIDE_PX)
        self._image = QImage()
        self._words = ""
        self._ring: tuple[float, bool] | None = None
        self.hide()

    @property
    def words(self) -> str:
        """What it says."""
        return self._words

    def show_picture(self, rgb: NDArray[np.uint8], *, words: str, ring: tuple[float, bool] | None) -> None:
        """Show another picture.

        Args:
            rgb: (side, side, 3) uint8, as many pixels as the screen has here.
            words: the zoom.
            ring: radius of the brush in device-independent pixels and whether it is dashed, or None.
        """
        height, width = rgb.shape[:2]
        data = np.ascontiguousarray(rgb)
        self._image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self._words, self._ring = words, ring
        self.setAccessibleDescription(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw all of it."""
        painter = QPainter(self)
        painter.drawImage(self.rect(), self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        for colour, width in ((_DARK, 3.0), (_LIGHT, 1.5)):
            pen = QPen(colour, width)
            painter.setPen(pen)
            for dx, dy in ((_MARK_PX, 0.0), (0.0, _MARK_PX)):
                painter.drawLine(middle - QPointF(dx, dy), middle + QPointF(dx, dy))
            if self._ring is not None:
                radius, is_dashed = self._ring
                if is_dashed and colour is _LIGHT:
                    pen.setDashPattern([4.0, 3.0])
                    painter.setPen(pen)
                painter.drawEllipse(middle, radius, radius)
        self._draw_words(painter)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, inset in ((_DARK, 0.5), (_LIGHT, 1.5)):
            painter.setPen(QPen(colour, 1.0))
            painter.drawRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset))

    def _draw_words(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        size = painter.fontMetrics().boundingRect(self._words).size()
        pill = QRectF(self.width() - size.width() - 16, self.height() - size.height() - 10, size.width() + 10, 0)
        pill.setHeight(size.height() + 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_DARK)
        painter.drawRoundedRect(pill, 4, 4)
        painter.setPen(_LIGHT)
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, self._words)
