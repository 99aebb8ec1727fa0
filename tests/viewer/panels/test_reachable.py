"""For every panel: each control can be hit, named and reached by keyboard."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QScrollBar,
    QToolButton,
    QWidget,
)

from panosod_viewer.panels.audio_dialog import AudioDialog
from panosod_viewer.panels.finetune_panel import FinetunePanel
from panosod_viewer.panels.help_dialog import HelpDialog
from panosod_viewer.panels.layers_panel import LayersPanel
from panosod_viewer.panels.media_info_dialog import MediaInfoDialog
from panosod_viewer.panels.models_dialog import ModelsDialog
from panosod_viewer.panels.notice import Notice, NoticeBar
from panosod_viewer.panels.seek_bar import SeekBar
from panosod_viewer.panels.status_line import StatusLine
from panosod_viewer.panels.tracker_dialog import TrackerDialog
from panosod_viewer.panels.transport import TransportBar
from panosod_viewer.panels.welcome import WelcomePage
from panosod_viewer.widgets.level_meter import LevelMeter

CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, LevelMeter)


def transport() -> QWidget:
    bar = TransportBar()
    bar.set_loop((1, 2))
    return bar


def seek() -> QWidget:
    bar = SeekBar()
    bar.set_duration(10)
    return bar


def notice() -> QWidget:
    bar = NoticeBar()
    bar.show_notice(Notice("text", actions=(("a", "Do it"),)))
    return bar


def welcome() -> QWidget:
    page = WelcomePage()
    page.set_recent(["/a/b.mp4"])
    return page


def learning() -> QWidget:
    dialog = TrackerDialog()
    dialog.set_pose((0, 0, 0))
    return dialog


def audio() -> QWidget:
    dialog = AudioDialog()
    dialog.set_head_locked(available=True, gain_db=0)
    return dialog


PANELS: dict[str, Callable[[], QWidget]] = {
    "transport": transport,
    "layers": LayersPanel,
    "seek": seek,
    "status": StatusLine,
    "notice": notice,
    "welcome": welcome,
    "tracker": learning,
    "audio": audio,
    "finetune": FinetunePanel,
    "models": ModelsDialog,
    "info": MediaInfoDialog,
    "help": lambda: HelpDialog(()),
}


def controls(panel: QWidget) -> list[QWidget]:
    every = [w for w in [panel, *panel.findChildren(QWidget)] if isinstance(w, CONTROLS) and w.isVisible()]
    return [
        w
        for w in every
        if not isinstance(w, QScrollBar | QHeaderView) and not isinstance(w.parent(), QAbstractSpinBox | QLineEdit)
    ]


@pytest.mark.parametrize("name", PANELS)
def test_every_control_is_big_enough_named_and_reachable(shown, theme, name):
    panel = shown(PANELS[name](), 1000)
    found = controls(panel)
    assert found
    for control in found:
        what = f"{type(control).__name__} {control.objectName()} {control.toolTip()}"
        assert min(control.width(), control.height()) >= 24, what
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface.text(QAccessible.Text.Name), what
        if control.isEnabled():
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, what


@pytest.mark.parametrize("name", PANELS)
def test_tab_goes_round_in_reading_order(shown, theme, name):
    panel = shown(PANELS[name](), 1000)
    wanted = {c for c in controls(panel) if c.isEnabled()}
    chain, widget = [], panel
    while True:
        if widget in wanted and widget not in chain:
            chain.append(widget)
        widget = widget.nextInFocusChain()
        if widget is panel:
            break
    assert set(chain) == wanted
    places = [c.mapTo(panel, c.rect().center()) if c is not panel else c.rect().center() for c in chain]
    rows = [(round(p.y() / 40), p.x()) for p in places]
    assert rows == sorted(rows), [(type(c).__name__, c.accessibleName()) for c in chain]


@pytest.mark.parametrize("name", ["transport", "status", "notice", "welcome"])
def test_enter_presses_what_space_cannot(shown, qtbot, name):
    """In the player's window Space always plays: every button there must hear Enter."""
    panel = shown(PANELS[name](), 1400)
    for button in panel.findChildren(QAbstractButton):
        if not button.isVisible() or not button.isEnabled():
            continue
        menu = button.menu() if isinstance(button, QToolButton) else None
        signal = menu.aboutToShow if menu is not None else button.clicked
        if menu is not None:
            # a menu that opens runs its own event loop: close it from inside
            menu.aboutToShow.connect(lambda menu=menu: QTimer.singleShot(0, menu.close))
        with qtbot.waitSignal(signal):
            QTest.keyClick(button, Qt.Key.Key_Return)
