"""A colour map as a bar with its ends and unit: legend and chooser in one."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QIcon, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton, QWidget

from panosod_viewer.colour_maps import colour_table
from panosod_viewer.theme import HIT_PX, theme_of
from panosod_viewer.widgets.buttons import PanelButton
from panosod_viewer.widgets.labels import tabular

BAR_PX = 9
_SWATCH = QSize(48, 12)


def colour_image(name: str) -> QImage:
    """A colour map as a picture one pixel high, from low to high."""
    table = colour_table(name)
    image = QImage(table.tobytes(), len(table), 1, 3 * len(table), QImage.Format.Format_RGB888)
    return image.copy()


class ColourBar(PanelButton):
    """Shows a colour map between two numbers; a click offers others.

    Signals:
        chosen (str): name of the colour map that was picked.
    """

    chosen = Signal(str)

    def __init__(self, names: Sequence[str], *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(None, parent)
        self._colours = names[0]
        self._ends = ("", "", "")
        self.setAccessibleName(name)
        self.setToolTip("Colour map; click for others")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(tabular(self.font()))
        menu = QMenu(self)
        group = QActionGroup(menu)
        self._actions = {}
        for each in names:
            swatch = QPixmap.fromImage(colour_image(each).scaled(_SWATCH))
            action = menu.addAction(QIcon(swatch), each.capitalize())
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, picked=each: self.chosen.emit(picked))
            group.addAction(action)
            self._actions[each] = action
        self.setMenu(menu)

    def set_colours(self, name: str) -> None:
        """Show a colour map."""
        self._colours = name
        self._actions[name].setChecked(True)
        self.update()

    def set_ends(self, low: str, unit: str, high: str) -> None:
        """What its ends stand for."""
        self._ends = low, unit, high
        self.setAccessibleDescription(f"{low} to {high} {unit}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line of text below the bar."""
        return QSize(120, max(HIT_PX, BAR_PX + self.fontMetrics().height() + 6))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The bar, and below it what its ends stand for."""
        theme = theme_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        bar = QRect(1, 2, self.width() - 2, BAR_PX)
        painter.drawImage(bar, colour_image(self._colours))
        painter.setPen(theme.accent if self.hasFocus() or self.underMouse() else theme.border)
        painter.drawRect(bar)
        painter.setPen(theme.dim)
        text = QRect(0, BAR_PX + 3, self.width(), self.height() - BAR_PX - 3)
        low, unit, high = self._ends
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, low)
        painter.drawText(text, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, unit)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, high)
