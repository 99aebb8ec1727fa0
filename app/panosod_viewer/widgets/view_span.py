"""What the view sees around, on a plot of azimuth against time: its edges, and a shade over what it does not see."""

import math

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsRectItem

from panosod_viewer.theme import Theme

_ABOVE = 10
_SHADE_ALPHA = 120


class ViewSpan:
    """Two edges and two pieces of shade, for the whole length of a clip.

    Attributes:
        edges: lines at the left and the right edge.
        outside: what is not seen, in one piece or two.
    """

    def __init__(self, box: pg.ViewBox) -> None:
        """Put them into a plot whose y is degrees, left positive."""
        self.outside = [QGraphicsRectItem() for _ in range(2)]
        self.edges = [pg.InfiniteLine(angle=0) for _ in range(2)]
        for item in (*self.outside, *self.edges):
            item.setZValue(_ABOVE)
            box.addItem(item, ignoreBounds=True)

    def recolour(self, theme: Theme) -> None:
        """Take a theme's colours."""
        shade = QColor(theme.base)
        shade.setAlpha(_SHADE_ALPHA)
        for item in self.outside:
            item.setPen(QColor(0, 0, 0, 0))
            item.setBrush(shade)
        for line in self.edges:
            line.setPen(pg.mkPen(theme.warning, width=1, style=Qt.PenStyle.DashLine))

    def place(self, azimuths_rad: tuple[float, float] | None, *, duration_s: float | None) -> None:
        """Mark what is seen.

        Args:
            azimuths_rad: the azimuth in the view's middle and half of its range; None for all of the ring.
            duration_s: of the clip, None without one.
        """
        visible = duration_s is not None and azimuths_rad is not None and azimuths_rad[1] < math.pi
        for item in (*self.outside, *self.edges):
            item.setVisible(visible)
        if duration_s is None or azimuths_rad is None or not visible:
            return
        middle, half = (math.degrees(v) for v in azimuths_rad)
        left, right = (_wrapped(middle + half), _wrapped(middle - half))
        for line, azimuth in zip(self.edges, (left, right), strict=True):
            line.setPos(azimuth)
        # Around from the left edge over the back to the right edge; in two pieces where the back is not seen.
        pieces = [(left, right), (0.0, 0.0)] if left <= right else [(left, 180.0), (-180.0, right)]
        for item, (low, high) in zip(self.outside, pieces, strict=True):
            item.setRect(QRectF(0, low, duration_s, high - low))


def _wrapped(azimuth_deg: float) -> float:
    return 180.0 - (180.0 - azimuth_deg) % 360.0
