"""A row that leaves out its least important widgets where there is not room for all."""

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLayout, QSizePolicy, QWidget

from panosod_viewer.theme import SPACING_PX


class FittingRow(QWidget):
    """Widgets from left to right, each with a rank: 0 always stays, the highest rank goes first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ranks: dict[QWidget, int] = {}
        self._wanted: dict[QWidget, bool] = {}
        self._comfort: dict[QWidget, int | None] = {}
        self._row = QHBoxLayout(self)
        # The row itself says how narrow it may be, also where it is a window of its own.
        self._row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._row.setContentsMargins(SPACING_PX, SPACING_PX // 2, SPACING_PX, SPACING_PX // 2)
        self._row.setSpacing(SPACING_PX // 2)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def add(self, widget: QWidget, *, rank: int = 0, stretch: int = 0, comfort_px: int | None = None) -> None:
        """Append a widget.

        Args:
            widget: becomes a child of the row.
            rank: 0 always stays.
            stretch: share of what is left.
            comfort_px: less important widgets give way before this one becomes narrower than that; its natural width
                where None.
        """
        self._comfort[widget] = comfort_px
        self._ranks[widget] = rank
        self._wanted[widget] = True
        self._row.addWidget(widget, stretch)

    def add_gap(self, width_px: int = SPACING_PX) -> None:
        """Append a fixed distance."""
        self._row.addSpacing(width_px)

    def add_stretch(self, stretch: int = 1) -> None:
        """Append a distance that takes what is left."""
        self._row.addStretch(stretch)

    def set_wanted(self, widget: QWidget, wanted: bool) -> None:
        """Show the widget where there is room (True) or not at all."""
        if self._wanted[widget] != wanted:
            self._wanted[widget] = wanted
            self.refit()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for everything that is wanted."""
        return QSize(self._needed(10**9), self._height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for rank 0."""
        return QSize(self._needed(0, tight=True), self._height())

    def refit(self) -> None:
        """Decide anew what is shown."""
        ranks = sorted({r for w, r in self._ranks.items() if self._wanted[w]}, reverse=True)
        limit = next((r for r in ranks if self._needed(r) <= self.width()), 0)
        for widget, rank in self._ranks.items():
            show = self._wanted[widget] and rank <= limit
            if widget.isVisibleTo(self) != show:
                widget.setVisible(show)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit to the new width."""
        super().resizeEvent(event)
        self.refit()

    def event(self, event: QEvent) -> bool:
        """Fit again when a widget has become wider or narrower."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.refit()
        return done

    def _needed(self, rank: int, *, tight: bool = False) -> int:
        """Width that the widgets up to a rank need, at ease or, ``tight``, at their very least."""
        margins = self._row.contentsMargins()
        width, gaps = margins.left() + margins.right(), -1
        for i in range(self._row.count()):
            item = self._row.itemAt(i)
            if item is None:
                continue
            widget = item.widget()
            if widget is None:
                width += item.minimumSize().width()
            elif self._wanted[widget] and self._ranks[widget] <= rank:
                width += self._width(widget, tight=tight)
            else:
                continue
            gaps += 1
        return width + self._row.spacing() * max(0, gaps)

    def _width(self, widget: QWidget, *, tight: bool) -> int:
        least = max(widget.minimumSizeHint().width(), widget.minimumWidth())
        if tight:
            return least
        natural = min(widget.sizeHint().width(), widget.maximumWidth())
        comfort = self._comfort[widget]
        return max(least, natural if comfort is None else min(natural, comfort))

    def _height(self) -> int:
        margins = self._row.contentsMargins()
        inner = max((max(w.sizeHint().height(), w.minimumHeight()) for w in self._ranks), default=0)
        return inner + margins.top() + margins.bottom()
