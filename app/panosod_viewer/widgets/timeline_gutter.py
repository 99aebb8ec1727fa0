"""Names and units beside the rows of the time line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from panosod_viewer.theme import Theme, theme_of
from panosod_viewer.widgets.labels import tabular
from panosod_viewer.widgets.time_plots import TimePlots

_GUTTER_PX = 96
_RIGHT = Qt.AlignmentFlag.AlignRight


@dataclass(frozen=True)
class RowLabels:
    """What stands beside a row.

    Attributes:
        names: text, what the row's full height stands for, and colour; one below the other.
        ticks: height within the row, 0 below and 1 above, and text.
    """

    names: Sequence[tuple[str, str, str]]
    ticks: Sequence[tuple[float, str]] = ()


def row_labels(key: str, theme: Theme, *, area_top: float, entropy_top: float) -> RowLabels:
    """Name, units and ticks of a row of the time line.

    Args:
        key: of the row.
        theme: whose colours.
        area_top: share of the sphere that the row's full height stands for.
        entropy_top: bits that it stands for.
    """
    degrees = [(0.75, "+90°"), (0.5, "0°"), (0.25, "−90°")]
    made = {
        "sound": RowLabels([("Sound", "", theme.dim)]),
        "azimuth": RowLabels([("Azimuth", "", theme.dim)], degrees),
        "area": RowLabels([("Salient", f"{100 * area_top:g} %", theme.dim)]),
        "score": RowLabels([("F", "1", theme.accent), ("J", "1", theme.good)]),
        "doubt": RowLabels([("Unsure", f"{entropy_top:g} bit", theme.warning), ("Off sound", "180°", theme.error)]),
        "maps": RowLabels([("Maps", "", theme.dim)]),
        "states": RowLabels([("States", "", theme.dim)]),
    }
    return made[key]


class Gutter(QWidget):
    """Names and units beside the rows."""

    def __init__(self, plots: TimePlots, labels: Callable[[str], RowLabels], parent: QWidget) -> None:
        super().__init__(parent)
        self._plots = plots
        self._labels = labels
        self.setFixedWidth(_GUTTER_PX)
        font = tabular(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.88)
        self.setFont(font)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Each row's names at the left, its ticks at the right."""
        painter = QPainter(self)
        plots = self._plots
        if plots.showing is None:
            return
        dim = QColor(theme_of(self.palette()).dim)
        line = self.fontMetrics().height()
        for row in plots.rows.values():
            if not row.is_shown:
                continue
            rect = plots.row_rect(row.key).translated(QPointF(plots.pos() - self.pos()))
            labels = self._labels(row.key)
            names = labels.names if rect.height() >= line * len(labels.names) * 0.8 else labels.names[:1]
            top = rect.center().y() - line * len(names) / 2
            left, right = (side | Qt.AlignmentFlag.AlignVCenter for side in (Qt.AlignmentFlag.AlignLeft, _RIGHT))
            for number, (text, full, colour) in enumerate(names):
                painter.setPen(QColor(colour))
                place = QRectF(0, top + number * line, self.width() - 2, line)
                painter.drawText(place, left, text)
                painter.drawText(place, right, full)
            if rect.height() < line * max(len(labels.ticks), 1):
                continue
            for share, text in labels.ticks:
                painter.setPen(dim)
                middle = rect.bottom() - share * rect.height()
                middle = min(max(middle, rect.top() + line / 2), rect.bottom() - line / 2)
                place = QRectF(0, middle - line / 2, self.width() - 2, line)
                painter.drawText(place, right, text)
