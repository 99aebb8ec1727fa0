"""The time line: waveform, playhead, loop range, marks, and the time under the pointer."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractSlider, QMenu, QSizePolicy, QWidget

from panosod_viewer.playback import SKIP_S
from panosod_viewer.theme import Theme, theme_of
from panosod_viewer.widgets.labels import tabular
from panosod_viewer.widgets.timecode import timecode
from panosod_viewer.widgets.waveform_image import waveform_pixmap

_PAD_PX = 8
"""Left and right of the line, so that its ends can be hit."""
_DRAG_PX = 4
"""Movement from which a Shift-press is a range rather than a click."""


class SeekBar(QAbstractSlider):
    """A slider over the clip's time; screen readers see it as one, in milliseconds.

    Signals:
        seek_requested(float, bool): seconds; False while scrubbing, True for the last of it.
        loop_requested(object): (start_s, end_s), or None to stop looping.
    """

    seek_requested = Signal(float, bool)
    loop_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._duration_s: float | None = None
        self._position_s = 0.0
        self._fps: float | None = None
        self._wave: tuple[NDArray[np.float32], NDArray[np.float32], float] | None = None
        self._pictures: tuple[tuple[object, ...], QPixmap, QPixmap] | None = None
        self._loop: tuple[float, float] | None = None
        self._marks: tuple[float, ...] = ()
        self._hover_x: float | None = None
        self._scrubbing = False
        self._range_from_s: float | None = None
        self._range_moved = False
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setAccessibleName("Position in the clip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.actionTriggered.connect(self._on_action)
        self.set_duration(None)

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_duration(self, duration_s: float | None) -> None:
        """Length of the clip; None or 0 where it is unknown: nothing can be sought then."""
        known = duration_s is not None and math.isfinite(duration_s) and duration_s > 0
        self._duration_s = duration_s if known else None
        self.setEnabled(known)
        self._silently_set(range_ms=round(1000 * (self._duration_s or 0)))
        self.update()

    def set_frame_rate(self, fps: float | None) -> None:
        """Frames per second, for the frame number in the bubble; None where the rate varies or is unknown."""
        self._fps = fps if fps is not None and fps > 0 else None

    def set_position(self, t_s: float) -> None:
        """Where the clip stands. Ignored while the person scrubs: the pointer leads then."""
        if self._scrubbing:
            return
        if self._x(t_s) != self._x(self._position_s):
            self.update()
        self._position_s = t_s
        self._silently_set(value_ms=round(1000 * t_s))

    def set_waveform(self, minimum: ArrayLike | None, maximum: ArrayLike | None, duration_s: float) -> None:
        """Extremes of the sound.

        Args:
            minimum: (buckets,) -1..1, equal steps over ``duration_s``; None for no waveform.
            maximum: of the same shape.
            duration_s: seconds that the buckets span; may differ from the clip's.
        """
        if minimum is None or maximum is None or duration_s <= 0:
            self._wave = None
        else:
            low, high = np.asarray(minimum, np.float32), np.asarray(maximum, np.float32)
            if low.ndim != 1 or low.shape != high.shape:
                raise ValueError(f"waveform: expected two equal rows of buckets, got {low.shape} and {high.shape}")
            self._wave = (low, high, duration_s) if low.size else None
        self._pictures = None
        self.update()

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        """The range that is repeated, seconds."""
        self._loop = loop
        self.update()

    def set_marks(self, marks_s: Sequence[float]) -> None:
        """Moments worth seeing, seconds."""
        self._marks = tuple(marks_s)
        self.update()

    # -- geometry ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A line high enough for a waveform and the bubble."""
        return QSize(400, 48)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as a window may be."""
        return QSize(120, 48)

    def _span(self) -> float:
        return max(1.0, self.width() - 2.0 * _PAD_PX)

    def _x(self, t_s: float) -> float:
        """Widget coordinate of a moment, on whole device pixels."""
        ratio = self.devicePixelRatioF()
        x = _PAD_PX + self._span() * min(max(t_s / self._duration_s, 0.0), 1.0) if self._duration_s else float(_PAD_PX)
        return round(x * ratio) / ratio

    def time_at(self, x: float) -> float:
        """Moment under a widget coordinate, within the clip."""
        return min(max((x - _PAD_PX) / self._span(), 0.0), 1.0) * (self._duration_s or 0.0)

    def bubble_text(self, t_s: float) -> str:
        """What the bubble says of a moment."""
        long = self._duration_s is not None and self._duration_s >= 3600
        text = timecode(t_s, long=long)
        return text if self._fps is None else f"{text}  frame {math.floor(t_s * self._fps + 1e-6)}"

    # -- pointer and keys -------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Seek; with Shift begin a loop range."""
        if event.button() is not Qt.MouseButton.LeftButton or self._duration_s is None:
            event.ignore()
            return
        x = event.position().x()
        self._hover_x = x
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._range_from_s, self._range_moved = self.time_at(x), False
        else:
            self._scrubbing = True
            self.setSliderDown(True)
            self._seek(self.time_at(x), final=False)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Scrub, stretch the range, or move the bubble."""
        x = event.position().x()
        self._hover_x = x
        if self._scrubbing:
            self._seek(self.time_at(x), final=False)
        elif self._range_from_s is not None and abs(x - self._x(self._range_from_s)) >= _DRAG_PX:
            self._range_moved = True
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """End of scrubbing or of the range; a Shift-click without movement stops looping."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        t_s = self.time_at(event.position().x())
        if self._scrubbing:
            self._scrubbing = False
            self.setSliderDown(False)
            self._seek(t_s, final=True)
        elif self._range_from_s is not None:
            a, b = sorted((self._range_from_s, t_s))
            self._range_from_s = None
            self.loop_requested.emit((a, b) if self._range_moved and b > a else None)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the bubble away."""
        super().leaveEvent(event)
        self._hover_x = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows by a frame (a second where the rate is unknown), page keys as everywhere; Escape ends a drag."""
        if event.key() == Qt.Key.Key_Escape and (self._scrubbing or self._range_from_s is not None):
            self._scrubbing, self._range_from_s = False, None
            self.setSliderDown(False)
            self.update()
            return
        frame = 1 / self._fps if self._fps else 1.0
        steps = {
            Qt.Key.Key_Left: -frame,
            Qt.Key.Key_Right: frame,
            Qt.Key.Key_PageDown: SKIP_S,
            Qt.Key.Key_PageUp: -SKIP_S,
            Qt.Key.Key_Home: -math.inf,
            Qt.Key.Key_End: math.inf,
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._duration_s is None:
            event.ignore()
            return
        self._seek(min(max(self._position_s + step, 0.0), self._duration_s), final=True)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """The loop for those who do not drag: from here, until here, none."""
        if self._duration_s is None:
            return
        by_mouse = event.reason() is QContextMenuEvent.Reason.Mouse
        t_s = self.time_at(event.pos().x()) if by_mouse else self._position_s
        menu = self.loop_menu(t_s)
        menu.popup(event.globalPos() if by_mouse else self.mapToGlobal(QPointF(self._x(t_s), 0).toPoint()))

    def loop_menu(self, t_s: float) -> QMenu:
        """The menu of a moment; it deletes itself when closed."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        end = self._duration_s or 0.0
        a, b = self._loop or (0.0, end)
        start_here = (t_s, b if b > t_s else end)
        end_here = (a if a < t_s else 0.0, t_s)
        menu.addAction(f"Loop from {timecode(t_s)}", lambda: self.loop_requested.emit(start_here))
        menu.addAction(f"Loop until {timecode(t_s)}", lambda: self.loop_requested.emit(end_here))
        clear = menu.addAction("Stop looping", lambda: self.loop_requested.emit(None))
        clear.setEnabled(self._loop is not None)
        return menu

    def _seek(self, t_s: float, *, final: bool) -> None:
        self._position_s = t_s
        self._silently_set(value_ms=round(1000 * t_s))
        self.update()
        self.seek_requested.emit(t_s, final)

    def _on_action(self, _action: int) -> None:
        """Steps asked for by assistive technology."""
        if not self._scrubbing:
            self._seek(self.sliderPosition() / 1000, final=True)

    def _silently_set(self, *, range_ms: int | None = None, value_ms: int | None = None) -> None:
        self.blockSignals(True)
        if range_ms is not None:
            self.setRange(0, range_ms)
            self.setSingleStep(1000)
            self.setPageStep(max(1000, range_ms // 10))
        if value_ms is not None:
            self.setValue(value_ms)
        self.blockSignals(False)

    # -- painting ---------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The waveform is drawn for one size."""
        super().resizeEvent(event)
        self._pictures = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Ground, waveform, loop, marks, playhead, bubble."""
        theme = theme_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QRectF(_PAD_PX, 4, self._span(), self.height() - 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.base))
        painter.drawRoundedRect(ground.adjusted(-3, 0, 3, 0), 4, 4)
        head_x = self._x(self._position_s)
        self._paint_wave(painter, theme, ground, head_x)
        self._paint_loop(painter, theme, ground)
        for mark in self._marks:
            painter.fillRect(QRectF(self._x(mark) - 1, ground.bottom() - 8, 2, 8), QColor(theme.warning))
        if self._duration_s is not None:
            self._paint_head(painter, theme, ground, head_x)
            if self._hover_x is not None:
                self._paint_bubble(painter, theme, ground)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRoundedRect(ground.adjusted(-4.5, -0.5, 4.5, 0.5), 4, 4)

    def _paint_wave(self, painter: QPainter, theme: Theme, ground: QRectF, head_x: float) -> None:
        if self._wave is None or self._duration_s is None:
            middle = ground.center().y() - 2
            painter.fillRect(QRectF(ground.left(), middle, ground.width(), 4), QColor(theme.hover))
            painter.fillRect(QRectF(ground.left(), middle, head_x - ground.left(), 4), QColor(theme.accent))
            return
        key = (ground.width(), ground.height(), self.devicePixelRatioF(), theme.name, self._duration_s)
        if self._pictures is None or self._pictures[0] != key:
            low, high, span_s = self._wave
            ahead, played = (
                waveform_pixmap(
                    low,
                    high,
                    share=span_s / self._duration_s,
                    size=(ground.width(), ground.height()),
                    pixel_ratio=self.devicePixelRatioF(),
                    colour=QColor(colour),
                )
                for colour in (theme.wave, theme.accent)
            )
            self._pictures = (key, ahead, played)
        _, ahead, played = self._pictures
        for picture, left, right in ((played, ground.left(), head_x), (ahead, head_x, ground.right())):
            painter.save()
            painter.setClipRect(QRectF(left, ground.top(), max(0.0, right - left), ground.height()))
            painter.drawPixmap(ground.topLeft(), picture)
            painter.restore()

    def _paint_loop(self, painter: QPainter, theme: Theme, ground: QRectF) -> None:
        loop = self._loop
        if self._range_from_s is not None and self._range_moved and self._hover_x is not None:
            a, b = sorted((self._range_from_s, self.time_at(self._hover_x)))
            loop = (a, b)
        if loop is None or self._duration_s is None:
            return
        left, right = self._x(loop[0]), self._x(loop[1])
        shade = QColor(theme.warning)
        shade.setAlpha(46)
        painter.fillRect(QRectF(left, ground.top(), right - left, ground.height()), shade)
        for x in (left, right):
            painter.fillRect(QRectF(x - 1, ground.top(), 2, ground.height()), QColor(theme.warning))

    def _paint_head(self, painter: QPainter, theme: Theme, ground: QRectF, x: float) -> None:
        painter.fillRect(QRectF(x - 1, ground.top() - 3, 2, ground.height() + 6), QColor(theme.text))
        painter.setBrush(QColor(theme.text))
        painter.setPen(Qt.PenStyle.NoPen)
        top = ground.top() - 4
        painter.drawPolygon(QPolygonF([QPointF(x - 5, top), QPointF(x + 5, top), QPointF(x, top + 7)]))

    def _paint_bubble(self, painter: QPainter, theme: Theme, ground: QRectF) -> None:
        x = min(max(self._hover_x or 0.0, ground.left()), ground.right())
        line = QColor(theme.text)
        line.setAlpha(150)
        painter.fillRect(QRectF(x - 0.5, ground.top(), 1, ground.height()), line)
        painter.setFont(tabular(self.font()))
        text = self.bubble_text(self.time_at(x))
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(text) + 14.0, metrics.height() + 4.0
        # Beside the line, so that the moment itself stays in sight; on the other side near the right edge.
        left = x + 7 if x + 7 + width <= self.width() else x - 7 - width
        box = QRectF(max(0.0, left), ground.center().y() - height / 2, width, height)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(theme.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
