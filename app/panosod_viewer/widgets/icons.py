"""Line icons drawn in the colour of the text around them, crisp at every pixel ratio."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from panosod_viewer import resources

ICON_PX = 20


@lru_cache(maxsize=64)
def _svg(name: str) -> str:
    return resources.icon(name).read_text(encoding="utf-8")


def icon_pixmap(name: str, colour: QColor, *, size_px: int = ICON_PX, pixel_ratio: float = 1.0) -> QPixmap:
    """One icon in one colour.

    Args:
        name: file name in ``assets/icons`` without ending.
        colour: replaces ``currentColor``.
        size_px: side, logical pixels.
        pixel_ratio: device pixels per logical pixel.

    Raises:
        FileNotFoundError: no such icon (a broken install).
    """
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour.name()).encode()))
    side = round(size_px * pixel_ratio)
    pixmap = QPixmap(QSize(side, side))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    pixmap.setDevicePixelRatio(pixel_ratio)
    return pixmap


def themed_icon(name: str, palette: QPalette, *, size_px: int = ICON_PX, colour: QColor | None = None) -> QIcon:
    """An icon in the palette's button text colour (or another), with its disabled look, for 1x, 2x and 3x screens."""
    icon = QIcon()
    on = colour or palette.color(QPalette.ColorGroup.Active, QPalette.ColorRole.ButtonText)
    off = palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    for ratio in (1.0, 2.0, 3.0):
        icon.addPixmap(icon_pixmap(name, on, size_px=size_px, pixel_ratio=ratio), QIcon.Mode.Normal)
        icon.addPixmap(icon_pixmap(name, off, size_px=size_px, pixel_ratio=ratio), QIcon.Mode.Disabled)
    return icon
