"""Flat buttons of the panels: an icon alone, or a chip with text that shortens."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy, QToolButton, QWidget

from panosod_viewer.theme import HIT_PX, theme_of
from panosod_viewer.widgets.icons import ICON_PX, themed_icon


def pressed_by_enter(button: QAbstractButton, event: QKeyEvent) -> bool:
    """Press a focused button for Enter, and say whether that was it.

    Space presses buttons everywhere else, but in this window it plays and pauses, whatever has the focus.
    """
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or event.isAutoRepeat():
        return False
    if isinstance(button, QToolButton) and button.menu() is not None:
        button.showMenu()
    else:
        button.click()
    return True


class PanelButton(QToolButton):
    """What the flat buttons of the panels share: Enter presses, the icon has the theme's colour."""

    def __init__(self, icon: str | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = icon
        self.setProperty("panel", True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter presses."""
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def _paint_icon(self) -> None:
        if self._icon_name is not None:
            self.setIcon(themed_icon(self._icon_name, self.palette()))


class IconButton(PanelButton):
    """A square button with an icon; its name is read by screen readers and shown as tooltip."""

    def __init__(self, icon: str, name: str, *, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(icon, parent)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setMinimumSize(HIT_PX + 2, HIT_PX + 2)
        self.set_name(name, tip=tip)
        self._paint_icon()

    def set_icon(self, icon: str) -> None:
        """Show another icon."""
        if icon != self._icon_name:
            self._icon_name = icon
            self._paint_icon()

    def set_name(self, name: str, *, tip: str = "") -> None:
        """Rename for screen readers and tooltip."""
        self.setAccessibleName(name)
        self.setToolTip(tip or name)


class TextButton(QPushButton):
    """A button with text that Enter presses also where there is no dialog around it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAutoDefault(False)
        self.setMinimumHeight(HIT_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter presses."""
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)


class IconPushButton(TextButton):
    """A button with an icon and text."""

    def __init__(self, icon: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._icon_name = icon
        self._paint_icon()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def _paint_icon(self) -> None:
        self.setIcon(themed_icon(self._icon_name, self.palette(), size_px=16))


class Chip(PanelButton):
    """A button with text, and an icon or none; the text is shortened to the width there is.

    The whole text is in :attr:`full_text`.
    """

    MIN_TEXT_PX = 36

    def __init__(self, icon: str | None, name: str, parent: QWidget | None = None) -> None:
        super().__init__(icon, parent)
        self._text = ""
        self._warns = False
        self.setAccessibleName(name)
        self.setIconSize(QSize(16, 16))
        style = Qt.ToolButtonStyle
        self.setToolButtonStyle(style.ToolButtonTextBesideIcon if icon else style.ToolButtonTextOnly)
        self.setMinimumHeight(HIT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._paint_icon()

    @property
    def full_text(self) -> str:
        """The text, unshortened."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show a text, shortened as needed."""
        if text != self._text:
            self._text = text
            self.setAccessibleDescription(text)
            self._shorten()
            self.updateGeometry()

    def set_icon(self, icon: str, *, warns: bool = False) -> None:
        """Show another icon, in the warning colour where ``warns``."""
        if (icon, warns) != (self._icon_name, self._warns):
            self._icon_name, self._warns = icon, warns
            self._paint_icon()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough for the whole text."""
        return QSize(self._frame_px() + self.fontMetrics().horizontalAdvance(self._text), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough for a few letters."""
        whole = self.fontMetrics().horizontalAdvance(self._text)
        return QSize(self._frame_px() + min(whole, self.MIN_TEXT_PX), HIT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Shorten anew."""
        super().resizeEvent(event)
        self._shorten()

    def _frame_px(self) -> int:
        return 14 if self._icon_name is None else self.iconSize().width() + 18

    def _shorten(self) -> None:
        room = max(0, self.width() - self._frame_px())
        self.setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, room + 1))

    def _paint_icon(self) -> None:
        if self._icon_name is None:
            return
        colour = QColor(theme_of(self.palette()).warning) if self._warns else None
        self.setIcon(themed_icon(self._icon_name, self.palette(), size_px=16, colour=colour))
