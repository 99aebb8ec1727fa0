"""Two bars that show how loud left and right are, and a lamp that stays lit once the limiter had to act."""

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from panosod_viewer.theme import HIT_PX, theme_of

FLOOR_DBFS = -60.0
_HOLD_S = 1.0
_FALL_DB_PER_S = 20.0


class LevelMeter(QWidget):
    """A small stereo meter, -60..0 dBFS, with held peaks and a clip lamp that a click puts out.

    Signals:
        clip_cleared(): the person has seen it.
    """

    clip_cleared = Signal()

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._levels = [FLOOR_DBFS, FLOOR_DBFS]
        self._peaks = [FLOOR_DBFS, FLOOR_DBFS]
        self._peak_at_s = [0.0, 0.0]
        self._clipped = False
        self.setAccessibleName("Level meter")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumSize(64, HIT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._describe()

    @property
    def clipped(self) -> bool:
        """True while the lamp is lit."""
        return self._clipped

    @property
    def peaks_dbfs(self) -> tuple[float, float]:
        """The held peaks, left and right."""
        return self._peaks[0], self._peaks[1]

    def set_levels(self, left_dbfs: float, right_dbfs: float, *, clipped: bool = False) -> None:
        """Show levels (dBFS, -inf for silence); ``clipped`` lights the lamp until it is clicked."""
        now = self._clock()
        for i, level in enumerate((left_dbfs, right_dbfs)):
            shown = FLOOR_DBFS if math.isnan(level) else min(max(level, FLOOR_DBFS), 0.0)
            since = max(0.0, now - self._peak_at_s[i] - _HOLD_S)
            fallen = max(FLOOR_DBFS, self._peaks[i] - _FALL_DB_PER_S * since)
            if shown >= fallen:
                self._peaks[i], self._peak_at_s[i] = shown, now
            elif since > 0:
                self._peaks[i], self._peak_at_s[i] = fallen, now - _HOLD_S
            self._levels[i] = shown
        if clipped and not self._clipped:
            self._clipped = True
            self._describe()
        self.update()

    def clear_clip(self) -> None:
        """Put the lamp out."""
        if self._clipped:
            self._clipped = False
            self._describe()
            self.update()
            self.clip_cleared.emit()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Small."""
        return QSize(84, HIT_PX)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Put the lamp out."""
        self.clear_clip()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Put the lamp out by keyboard."""
        if self._clipped and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete):
            self.clear_clip()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Bars, held peaks, lamp."""
        theme = theme_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        lamp = 8.0
        width, bar = self.width() - lamp - 10.0, 5.0
        top = self.height() / 2 - bar - 1.5
        for i in range(2):
            y = top + i * (bar + 3.0)
            self._bar(painter, QRectF(3, y, width, bar), self._levels[i], self._peaks[i])
        painter.setBrush(QColor(theme.error if self._clipped else theme.hover))
        painter.drawRoundedRect(QRectF(self.width() - lamp - 2, top, lamp, 2 * bar + 3), 2, 2)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(theme.accent))
            painter.drawRoundedRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1), 4, 4)

    def _bar(self, painter: QPainter, area: QRectF, level: float, peak: float) -> None:
        theme = theme_of(self.palette())

        def x(dbfs: float) -> float:
            return area.left() + area.width() * (1 - dbfs / FLOOR_DBFS)

        painter.setBrush(QColor(theme.hover))
        painter.drawRoundedRect(area, 1.5, 1.5)
        for low, high, colour in (
            (FLOOR_DBFS, -12.0, theme.good),
            (-12.0, -3.0, theme.warning),
            (-3.0, 0.0, theme.error),
        ):
            if level > low:
                painter.setBrush(QColor(colour))
                painter.drawRect(QRectF(x(low), area.top(), x(min(level, high)) - x(low), area.height()))
        if peak > FLOOR_DBFS:
            painter.setBrush(QColor(theme.text))
            painter.drawRect(QRectF(x(peak) - 1.5, area.top(), 1.5, area.height()))

    def _describe(self) -> None:
        if self._clipped:
            text = "The sound was too loud and has been limited. Click to put the lamp out."
        else:
            text = "Loudness of left and right. The lamp lights when the limiter has to act."
        self.setToolTip(text)
        self.setAccessibleDescription(text)
