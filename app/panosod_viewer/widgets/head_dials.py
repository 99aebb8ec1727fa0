"""Three little heads that turn as the tracker says: from above, from the side, from behind."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from panosod_viewer.theme import Theme, theme_of

_NAMES = ("Yaw", "Pitch", "Roll")
_HINTS = ("left +", "up +", "right ear down +")


class HeadDials(QWidget):
    """Yaw seen from above, pitch from the right side, roll from behind; grey while there is no pose."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._angles_deg: tuple[float, float, float] | None = None
        self.setAccessibleName("Head")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_pose(self, angles_deg: tuple[float, float, float] | None) -> None:
        """Yaw (left +), pitch (up +), roll (right ear down +) in degrees, or None."""
        self._angles_deg = angles_deg
        self.setAccessibleDescription("no pose" if angles_deg is None else self._texts())
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Three circles and their captions."""
        return QSize(360, 138)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Three small circles."""
        return QSize(270, 138)

    def _texts(self) -> str:
        angles = self._angles_deg or (0.0, 0.0, 0.0)
        return ", ".join(f"{name} {angle:.0f} degrees" for name, angle in zip(_NAMES, angles, strict=True))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The three views side by side."""
        theme = theme_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        angles = self._angles_deg or (0.0, 0.0, 0.0)
        known = self._angles_deg is not None
        width = self.width() / 3
        for i, angle in enumerate(angles):
            centre = QPointF(width * (i + 0.5), 46)
            # On the screen a left turn seen from above and an upward nose seen from the right side go counter-
            # clockwise; a right ear that sinks, seen from behind, goes clockwise. Qt turns clockwise.
            turn = -angle if i < 2 else angle
            self._dial(painter, theme, centre, i, turn, known)
            caption = QRectF(width * i, 94, width, 20)
            painter.setPen(QColor(theme.text if known else theme.dim))
            text = f"{_NAMES[i]} {angle:+.0f}°".replace("-", "−") if known else _NAMES[i]
            painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, text)
            painter.setPen(QColor(theme.dim))
            painter.drawText(caption.translated(0, 20), Qt.AlignmentFlag.AlignCenter, _HINTS[i])

    @staticmethod
    def _dial(painter: QPainter, theme: Theme, centre: QPointF, view: int, turn_deg: float, known: bool) -> None:
        painter.save()
        painter.translate(centre)
        painter.setPen(QPen(QColor(theme.hover), 2))
        painter.setBrush(QColor(theme.base))
        painter.drawEllipse(QPointF(0, 0), 42, 42)
        for quarter in range(4):
            a = quarter * math.pi / 2
            painter.drawLine(QPointF(42 * math.cos(a), 42 * math.sin(a)), QPointF(37 * math.cos(a), 37 * math.sin(a)))
        painter.rotate(turn_deg)
        painter.setPen(QPen(QColor(theme.accent if known else theme.border), 2))
        painter.setBrush(QColor(theme.raised))
        if view == 0:  # from above: nose up the screen, ears left and right
            painter.drawPolygon(QPolygonF([QPointF(-7, -20), QPointF(7, -20), QPointF(0, -33)]))
            painter.drawRoundedRect(QRectF(-26, -7, 6, 14), 3, 3)
            painter.drawRoundedRect(QRectF(20, -7, 6, 14), 3, 3)
            painter.drawEllipse(QPointF(0, 0), 20, 23)
        elif view == 1:  # from the right side: nose to the right
            painter.drawPolygon(QPolygonF([QPointF(18, -5), QPointF(18, 8), QPointF(31, 5)]))
            painter.drawEllipse(QPointF(0, 0), 21, 24)
            painter.drawRoundedRect(QRectF(-5, -5, 7, 12), 3, 3)
        else:  # from behind: ears left and right
            painter.drawRoundedRect(QRectF(-28, -6, 8, 14), 3, 3)
            painter.drawRoundedRect(QRectF(20, -6, 8, 14), 3, 3)
            painter.drawEllipse(QPointF(0, 0), 21, 25)
        painter.restore()
