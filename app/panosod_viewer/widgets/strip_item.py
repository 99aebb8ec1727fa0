"""A picture against time as an item of a plot, with words in its place where there is none."""

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from panosod_viewer.widgets.strips import Columns


class StripItem(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """A picture of the stretch of time on the screen, made anew only when the stretch, its size or its data change."""

    def __init__(self, y_range: tuple[float, float]) -> None:
        super().__init__()
        self._y_range = y_range
        self._columns = Columns(0.0, 1.0, 1)
        self._height = 1
        self._draw: Callable[[Columns, int], QImage] | None = None
        self._image: QImage | None = None
        self._note = ("", "")

    def set_drawing(self, draw: Callable[[Columns, int], QImage] | None) -> None:
        """What makes the picture from columns and a height in device pixels; None for none."""
        self._draw = draw
        self._image = None
        self.update()

    def refresh(self) -> None:
        """Make the picture anew: its colours have changed."""
        self._image = None
        self.update()

    def set_note(self, text: str, colour: str) -> None:
        """Words in the middle of the row: why it is empty; "" for none."""
        if (text, colour) != self._note:
            self._note = (text, colour)
            self.update()

    def lay_out(self, columns: Columns, height: int) -> None:
        """Show another stretch or another size."""
        if (columns, height) != (self._columns, self._height):
            self.prepareGeometryChange()
            self._columns, self._height = columns, height
            self._image = None

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """The stretch, in seconds and the row's own units."""
        low, high = self._y_range
        return QRectF(self._columns.start_s, low, self._columns.end_s - self._columns.start_s, high - low)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Lay the picture onto the stretch."""
        text, colour = self._note
        if self._draw is None and not text:
            return
        if self._draw is not None and self._image is None:
            self._image = self._draw(self._columns, self._height)
        target = painter.worldTransform().mapRect(self.boundingRect())
        painter.save()
        painter.resetTransform()
        if self._image is not None:
            painter.drawImage(target, self._image)
        if text:
            painter.setPen(QColor(colour))
            fit_height(painter, target.height())
            painter.drawText(target, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


def fit_height(painter: QPainter, height: float) -> None:
    """Make the letters smaller where the row is lower than they are."""
    font, needed = painter.font(), painter.fontMetrics().height()
    if 0 < height < needed:
        font.setPixelSize(max(round(painter.fontInfo().pixelSize() * height / needed), 1))
        painter.setFont(font)
