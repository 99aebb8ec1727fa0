"""Rows of plots over one axis of time, in pyqtgraph: pictures, curves, the playhead, and what the pointer does.

It knows nothing of clips: :mod:`panosod_viewer.panels.timeline` puts data in. pyqtgraph's own reactions to the pointer
are off; wheel, drag and click mean here what they mean on the seek bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QGraphicsItem, QGraphicsRectItem, QSizePolicy, QWidget

from panosod_viewer.theme import Theme
from panosod_viewer.tools.time_range import TimeRange
from panosod_viewer.widgets.strip_item import StripItem
from panosod_viewer.widgets.strips import Columns
from panosod_viewer.widgets.timecode import timecode

AXIS_PX = 20
_SPACING_PX = 3
_DRAG_PX = 3
_STEP_ZOOM = 0.8
"""Length of the stretch after one notch of the wheel, relative to before."""
_TICKS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_TICK_PX = 90
"""Least distance of two times on the axis."""

# The hooks that it has for a dying interpreter walk all objects there are; our widgets end with their window.
pg.setConfigOptions(exitCleanup=False)


class TimecodeAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """Times at round distances."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N802, N803 - pyqtgraph's names
        """Round times, at least 90 pixels apart."""
        step = next((s for s in _TICKS_S if s / max(maxVal - minVal, 1e-9) * size >= _TICK_PX), _TICKS_S[-1])
        first, last = int(np.ceil(minVal / step - 1e-9)), int(np.floor(maxVal / step + 1e-9))
        return [(step, [n * step for n in range(first, last + 1)])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802 - pyqtgraph's name
        """Minutes and seconds; milliseconds where ticks are closer than a second."""
        return [timecode(v) if spacing < 1 else timecode(v).rpartition(".")[0] for v in values]


@dataclass(eq=False)
class Row:
    """One row of plots.

    Attributes:
        key: its name in the code.
        box: pyqtgraph's view box.
        strip: its picture.
        over: another one, above what marks the first.
        curves: by name.
        stretch: its share of the height.
        fixed_px: its height where that does not follow the window's; 0 where it does.
        is_shown: False takes it out.
    """

    key: str
    box: pg.ViewBox
    strip: StripItem
    over: StripItem
    curves: dict[str, pg.PlotDataItem]
    stretch: int
    fixed_px: int = 0
    is_shown: bool = True


class TimePlots(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """The rows.

    Signals:
        seek_requested (float, bool): seconds; False while the pointer drags.
        range_changed (): another stretch of time is on the screen.
        hovered (object): seconds under the pointer; None when it has gone.
        laid_out (): rows have moved.
    """

    seek_requested = Signal(float, bool)
    range_changed = Signal()
    hovered = Signal(object)
    laid_out = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, useOpenGL=False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMouseTracking(True)
        self.rows: dict[str, Row] = {}
        self.showing: TimeRange | None = None
        self._position_s = 0.0
        self._hover_s: float | None = None
        self._is_scrubbing = False
        self._pan_from: tuple[float, TimeRange] | None = None
        self._layout = pg.GraphicsLayout(border=None)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(_SPACING_PX)
        self.setCentralItem(self._layout)
        self._axis = TimecodeAxis("bottom")
        self._axis.setHeight(AXIS_PX)
        self._head = QGraphicsRectItem(0, 0, 2, 1)
        self._ghost = QGraphicsRectItem(0, 0, 1, 1)
        for line, depth in ((self._ghost, 90), (self._head, 100)):
            line.setPen(QPen(Qt.PenStyle.NoPen))
            line.setZValue(depth)
            self.scene().addItem(line)
        self._ghost.hide()
        self._head.hide()

    # -- making -----------------------------------------------------------------------------------------------------

    def add_row(
        self, key: str, *, y_range: tuple[float, float] = (0.0, 1.0), stretch: int = 1, fixed_px: int = 0
    ) -> Row:
        """One more row, below the others; call :meth:`finish` after the last."""
        # Bare view boxes: a PlotItem brings axes and menus of its own, 30 ms a row, that nobody would see.
        box = pg.ViewBox(enableMouse=False, enableMenu=False, defaultPadding=0)
        box.setYRange(*y_range, padding=0)
        strip, over = StripItem(y_range), StripItem(y_range)
        over.setZValue(20)
        for item in (strip, over):
            box.addItem(item, ignoreBounds=True)
        row = Row(key, box, strip, over, {}, stretch, fixed_px)
        self.rows[key] = row
        box.sigResized.connect(self._resized)
        return row

    def add_curve(self, row: Row, name: str, *, filled: bool = False) -> pg.PlotDataItem:
        """A curve in a row."""
        curve = pg.PlotDataItem(connect="finite", fillLevel=0.0 if filled else None)
        curve.setDownsampling(auto=True, method="peak")
        curve.setClipToView(True)
        # Painted once, and then laid down again wherever the playhead has been: stroking a long path takes its time.
        curve.curve.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        row.box.addItem(curve, ignoreBounds=True)
        row.curves[name] = curve
        return curve

    def finish(self) -> None:
        """Lay the rows out, as many as are shown, and the axis below them."""
        self._layout.clear()
        shown = [row for row in self.rows.values() if row.is_shown]
        for number, item in enumerate([*(row.box for row in shown), self._axis]):
            self._layout.addItem(item, number, 0)
        self._share_height()

    def _share_height(self) -> None:
        """Give each row its share; Qt's own layout looks at size hints first, of which view boxes have none."""
        shown = [row for row in self.rows.values() if row.is_shown]
        grid = self._layout.layout
        fixed = sum(row.fixed_px for row in shown) + AXIS_PX + _SPACING_PX * len(shown)
        room = max(self.height() - fixed, 0)
        total = sum(row.stretch for row in shown if not row.fixed_px)
        for number, row in enumerate(shown):
            grid.setRowFixedHeight(number, row.fixed_px or max(room * row.stretch // max(total, 1), 4))
        grid.setRowFixedHeight(len(shown), AXIS_PX)
        # At once: by itself it would be laid out after it has been painted as it was.
        grid.activate()
        self._lay_strips()

    def set_row_shown(self, key: str, is_shown: bool) -> None:
        """Take a row out, or put it back."""
        row = self.rows[key]
        if row.is_shown != is_shown:
            row.is_shown = is_shown
            self.finish()

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Recolour ground, axis and lines."""
        self.setBackground(theme.window)
        for row in self.rows.values():
            row.box.setBackgroundColor(theme.base)
        self._axis.setPen(pg.mkPen(theme.border))
        self._axis.setTextPen(pg.mkPen(theme.dim))
        self._axis.setStyle(tickLength=-4, tickTextOffset=2)
        self._axis.setTickFont(self.font())
        self._head.setBrush(QColor(theme.text))
        self._ghost.setBrush(QColor(theme.dim))

    def set_range(self, time_range: TimeRange | None) -> None:
        """Show another stretch; None without a clip."""
        if time_range == self.showing:
            return
        self.showing = time_range
        if time_range is not None:
            for row in self.rows.values():
                row.box.setXRange(time_range.start_s, time_range.end_s, padding=0)
            self._axis.setRange(time_range.start_s, time_range.end_s)
        self._axis.setVisible(time_range is not None)
        self._lay_strips()
        self.range_changed.emit()

    def set_position(self, time_s: float) -> None:
        """Where the clip stands."""
        self._position_s = time_s
        self._place(self._head, time_s)

    @property
    def is_busy(self) -> bool:
        """A hand is on it."""
        return self._is_scrubbing or self._pan_from is not None

    # -- geometry ---------------------------------------------------------------------------------------------------

    def ground(self) -> QRectF:
        """Where time is drawn, in the widget's pixels: all shown rows together."""
        rects = [self.row_rect(row.key) for row in self.rows.values() if row.is_shown]
        if not rects:
            return QRectF()
        return QRectF(rects[0].topLeft(), rects[-1].bottomRight())

    def row_rect(self, key: str) -> QRectF:
        """Where a row is, in the widget's pixels."""
        return QRectF(self.viewportTransform().mapRect(_scene_rect(self.rows[key])))

    def time_at(self, x: float) -> float:
        """Moment under a pixel, within the clip."""
        if self.showing is None:
            return 0.0
        left, width = self._span()
        time_s = self.showing.start_s + (x - left) / width * self.showing.span_s
        return min(max(time_s, 0.0), self.showing.duration_s)

    def x_of(self, time_s: float) -> float:
        """Pixel of a moment."""
        left, width = self._span()
        return left if self.showing is None else left + (time_s - self.showing.start_s) / self.showing.span_s * width

    def _span(self) -> tuple[float, float]:
        shown = next((row for row in self.rows.values() if row.is_shown), None)
        rect = QRectF() if shown is None else _scene_rect(shown)
        return rect.left(), max(rect.width(), 1.0)

    def _place(self, line: QGraphicsRectItem, time_s: float | None) -> None:
        visible = time_s is not None and self.showing is not None and self.showing.holds(time_s)
        if visible and time_s is not None:
            ratio = self.devicePixelRatioF()
            x = round((self.x_of(time_s) - line.rect().width() / 2) * ratio) / ratio
            if line.pos() != QPointF(x, 0):
                line.setPos(x, 0)
        if line.isVisible() != visible:
            line.setVisible(visible)

    def _resized(self, *_: object) -> None:
        self._lay_strips()
        self.laid_out.emit()

    def _lay_strips(self) -> None:
        if self.showing is None:
            return
        ratio = self.devicePixelRatioF()
        for row in self.rows.values():
            rect = _scene_rect(row)
            size = max(1, round(rect.width() * ratio)), max(1, round(rect.height() * ratio))
            for strip in (row.strip, row.over):
                strip.lay_out(Columns(self.showing.start_s, self.showing.end_s, size[0]), size[1])
        bottom = max(self.height() - AXIS_PX, 1)
        for line in (self._head, self._ghost):
            line.setRect(0, 0, line.rect().width(), bottom)
        self._place(self._head, self._position_s)
        self._place(self._ghost, self._hover_s)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Lay out anew."""
        super().resizeEvent(event)
        if hasattr(self, "_head"):
            self._share_height()

    # -- pointer ----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Left seeks and scrubs, the others pan."""
        if self.showing is None:
            event.ignore()
            return
        x = event.position().x()
        if event.button() is Qt.MouseButton.LeftButton:
            self._is_scrubbing = True
            self.seek_requested.emit(self.time_at(x), False)
        elif event.button() in (Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton):
            self._pan_from = (x, self.showing)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Scrub, pan, or tell what is under the pointer."""
        x = event.position().x()
        if self._pan_from is not None:
            from_x, was = self._pan_from
            if abs(x - from_x) >= _DRAG_PX:
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
                self.set_range(was.panned((from_x - x) / self._span()[1] * was.span_s))
        elif self._is_scrubbing:
            self.seek_requested.emit(self.time_at(x), False)
        self._hover(x)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """The last of scrubbing or panning."""
        if event.button() is Qt.MouseButton.LeftButton and self._is_scrubbing:
            self._is_scrubbing = False
            self.seek_requested.emit(self.time_at(event.position().x()), True)
        elif event.button() is not Qt.MouseButton.LeftButton:
            self._pan_from = None
            self.unsetCursor()
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """The whole clip."""
        if self.showing is not None and event.button() is Qt.MouseButton.LeftButton:
            self.set_range(self.showing.fitted())
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom about the pointer; sideways, or with Shift, pan."""
        if self.showing is None:
            event.ignore()
            return
        turn = event.angleDelta()
        sideways = turn.x() if abs(turn.x()) > abs(turn.y()) else 0
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            sideways = sideways or turn.y()
        if sideways:
            self.set_range(self.showing.panned(-sideways / 120 * 0.1 * self.showing.span_s))
        elif turn.y():
            about_s = self.time_at(event.position().x())
            self.set_range(self.showing.zoomed(_STEP_ZOOM ** (turn.y() / 120), about_s=about_s))
        self._hover(event.position().x())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """The pointer has gone."""
        self._hover(None)
        event.accept()

    def _hover(self, x: float | None) -> None:
        self._hover_s = None if x is None or self.showing is None else self.time_at(x)
        self._place(self._ghost, self._hover_s)
        self.hovered.emit(self._hover_s)


def _scene_rect(row: Row) -> QRectF:
    # Not its bounding rectangle, which has room for the pen of a border.
    return QRectF(row.box.mapRectToScene(row.box.rect()))
