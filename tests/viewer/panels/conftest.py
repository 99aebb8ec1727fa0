"""What the panels' tests share: a theme that is put back, and the walk over all controls of a panel."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from panosod_viewer.theme import ThemeChoice, ThemeController


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[ThemeController]:
    """A controller; palette, style sheet and colour scheme are put back afterwards."""
    palette, sheet, style = qapp.palette(), qapp.styleSheet(), qapp.style().objectName()
    controller = ThemeController(qapp)
    yield controller
    controller.set_choice(ThemeChoice.AUTO)
    controller.deleteLater()
    qapp.setStyleSheet(sheet)
    qapp.setStyle(style)
    qapp.setPalette(palette)


@pytest.fixture
def shown(qtbot: QtBot) -> Callable[..., QWidget]:
    """Shows a widget at a size and waits until it is there."""

    def show(widget: QWidget, width: int = 800, height: int = 0) -> QWidget:
        qtbot.addWidget(widget)
        widget.resize(width, height or widget.sizeHint().height())
        with qtbot.waitExposed(widget):
            widget.show()
        return widget

    return show
