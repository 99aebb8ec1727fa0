"""The empty state: open, recent, demo, drop."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProgressBar, QPushButton

from panosod_viewer.panels.welcome import RecentList, WelcomePage


@pytest.fixture
def page(shown) -> WelcomePage:
    return shown(WelcomePage(), 800, 600)


def button(page: WelcomePage, text: str) -> QPushButton:
    (found,) = [b for b in page.findChildren(QPushButton) if b.text() == text]
    return found


def test_open_and_demo(page, qtbot):
    with qtbot.waitSignal(page.open_requested):
        QTest.mouseClick(button(page, "Open…"), Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(page.demo_requested):
        QTest.mouseClick(button(page, "Build and open the demo clip"), Qt.MouseButton.LeftButton)


def test_building_the_demo_can_be_cancelled(page, qtbot):
    progress = page.findChild(QProgressBar)
    assert not progress.isVisible()
    where = button(page, "Open…").geometry()
    page.set_demo_progress(0.4)
    assert progress.isVisible() and progress.value() == 400
    assert button(page, "Open…").geometry() == where  # nothing jumps
    assert not button(page, "Open…").isEnabled()
    with qtbot.waitSignal(page.demo_cancelled):
        QTest.mouseClick(button(page, "Cancel building the demo clip"), Qt.MouseButton.LeftButton)
    page.set_demo_progress(None)
    assert button(page, "Open…").isEnabled()


def test_recent_files_by_pointer_and_keys(page, qtbot):
    recent = page.findChild(RecentList)
    assert not recent.isVisible()
    page.set_recent(["/a/one.mp4", "/b/two.mp4"])
    assert recent.isVisible() and recent.count() == 2
    with qtbot.waitSignal(page.file_chosen) as chosen:
        place = recent.visualItemRect(recent.item(1)).center()
        QTest.mouseClick(recent.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert chosen.args == ["/b/two.mp4"]
    recent.setCurrentRow(0)
    with qtbot.waitSignal(page.file_chosen) as chosen:
        QTest.keyClick(recent, Qt.Key.Key_Return)
    assert chosen.args == ["/a/one.mp4"]
    with qtbot.waitSignal(page.recent_forgotten) as gone:
        QTest.keyClick(recent, Qt.Key.Key_Delete)
    assert gone.args == ["/a/one.mp4"]
    with qtbot.waitSignal(page.recent_forgotten) as gone:
        QTest.mouseClick(button(page, "Clear"), Qt.MouseButton.LeftButton)
    assert gone.args == [""]


def test_a_hovering_file_is_welcomed(page):
    plain = page.grab().toImage()
    page.set_drop_active(True)
    assert page.grab().toImage() != plain
    page.set_drop_active(False)
    assert page.grab().toImage() == plain


@pytest.mark.parametrize(("width", "height"), [(320, 420), (1600, 1000)])
def test_it_fits(shown, width, height):
    page = WelcomePage()
    page.set_recent([f"/folder/of/some/length/{i}/" + "name" * 20 + ".mp4" for i in range(12)])
    shown(page, width, height)
    assert page.width() == width
    for each in page.findChildren(QPushButton):
        left = each.mapTo(page, each.rect().topLeft()).x()
        assert left >= 0 and left + each.width() <= width
