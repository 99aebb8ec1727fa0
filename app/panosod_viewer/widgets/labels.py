"""Labels for lines that must stay one line: shortened text, digits that do not jump."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QTextLayout
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


def tabular(font: QFont) -> QFont:
    """The font with digits of one width, so that running numbers stand still."""
    steady = QFont(font)
    steady.setFeature(QFont.Tag("tnum"), 1)
    return steady


def set_role(label: QLabel, role: str) -> None:
    """Give a label one of the style sheet's roles: "dim", "title", "heading", "warning", "error", "good"."""
    if label.property("role") != role:
        label.setProperty("role", role)
        label.style().unpolish(label)
        label.style().polish(label)


class ElidedLabel(QLabel):
    """A label of one line that shortens its text where there is not room for it.

    Args:
        text: what it says.
        name: what screen readers call it.
        min_px: how narrow it may become; None: it is never shortened.
        parent: Qt parent.
    """

    def __init__(
        self, text: str = "", *, name: str = "", min_px: int | None = 24, parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self._min_px = min_px
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(tabular(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if name:
            self.setAccessibleName(name)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A few letters."""
        hint = super().sizeHint()
        return hint if self._min_px is None else QSize(min(self._min_px, hint.width()), hint.height())

    def is_elided(self) -> bool:
        """True while part of the text is hidden."""
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the text, shortened at its end."""
        painter = QPainter(self)
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        flags = int(self.alignment()) | int(Qt.TextFlag.TextSingleLine)
        self.style().drawItemText(painter, area, flags, self.palette(), self.isEnabled(), text, self.foregroundRole())


class TwoLineLabel(ElidedLabel):
    """Goes on in a second line where one is too short, and shortens that; always as high as two lines."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """All in one line, with room for two."""
        return QSize(super().sizeHint().width(), self._height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A few letters."""
        return QSize(super().minimumSizeHint().width(), self._height())

    def is_elided(self) -> bool:
        """True while part of the text is hidden."""
        _, second = self._lines()
        return self.fontMetrics().horizontalAdvance(second) > self.contentsRect().width()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw one line or two, in the middle."""
        painter = QPainter(self)
        area, metrics = self.contentsRect(), self.fontMetrics()
        first, second = self._lines()
        shown = [first, metrics.elidedText(second, Qt.TextElideMode.ElideRight, area.width())] if second else [first]
        area.setTop(area.top() + (area.height() - len(shown) * metrics.lineSpacing()) // 2)
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextSingleLine)
        for line in shown:
            self.style().drawItemText(
                painter, area, flags, self.palette(), self.isEnabled(), line, self.foregroundRole()
            )
            area.setTop(area.top() + metrics.lineSpacing())

    def _height(self) -> int:
        margins = self.contentsMargins()
        return 2 * self.fontMetrics().lineSpacing() + margins.top() + margins.bottom()

    def _lines(self) -> tuple[str, str]:
        """What stands in the first line, and all the rest."""
        # A dot between two parts stays with the first one.
        text, width = self.text().replace(" · ", "\u00a0· "), self.contentsRect().width()
        if self.fontMetrics().horizontalAdvance(text) <= width:
            return text, ""
        layout = QTextLayout(text, self.font())
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(width)
        layout.endLayout()
        length = line.textLength()
        return text[:length].rstrip(), text[length:].lstrip()
