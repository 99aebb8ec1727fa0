"""Notices wait for each other, replace their own kind, and never stop anybody."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from panosod_viewer.panels.notice import MAX_WAITING, Notice, NoticeBar, Severity


@pytest.fixture
def bar(shown, qtbot) -> NoticeBar:
    made = NoticeBar()
    qtbot.addWidget(made)
    made.resize(600, 40)
    return made


def test_hidden_until_there_is_something_to_say(bar):
    assert not bar.isVisible() and bar.current is None
    bar.show_notice(Notice("hello"))
    assert bar.isVisible() and bar.current.text == "hello"
    bar.clear()
    assert not bar.isVisible()


def test_they_come_one_after_another(bar, qtbot):
    for text in ("a", "b", "c"):
        bar.show_notice(Notice(text))
    assert (bar.current.text, bar.waiting) == ("a", 2)
    with qtbot.waitSignal(bar.dismissed) as gone:
        QTest.keyClick(bar, Qt.Key.Key_Escape)
    assert gone.args == ["a"]
    assert (bar.current.text, bar.waiting) == ("b", 1)


def test_errors_go_before_what_waits(bar):
    bar.show_notice(Notice("first"))
    bar.show_notice(Notice("second"))
    bar.show_notice(Notice("bad", Severity.ERROR))
    QTest.keyClick(bar, Qt.Key.Key_Escape)
    assert bar.current.text == "bad"


def test_a_newer_notice_of_the_same_key_replaces_the_older(bar):
    bar.show_notice(Notice("device A is gone", key="device"))
    bar.show_notice(Notice("other"))
    bar.show_notice(Notice("device B is gone", key="device"))
    assert (bar.current.text, bar.waiting) == ("device B is gone", 1)
    bar.take_back("device")
    assert (bar.current.text, bar.waiting) == ("other", 0)
    bar.take_back("never said")
    assert bar.current.text == "other"


def test_actions(bar, qtbot):
    bar.show_notice(Notice("shown flat", actions=(("pick", "Choose…"), ("keep", "Keep"))))
    labels = [b.text() for b in bar.findChildren(QPushButton) if b.isVisible()]
    assert labels == ["Choose…", "Keep"]
    with qtbot.waitSignal(bar.action_triggered) as done:
        QTest.mouseClick(bar.findChildren(QPushButton)[1], Qt.MouseButton.LeftButton)
    assert done.args == ["keep"]
    assert bar.current is None


def test_there_is_room_for_three_actions():
    with pytest.raises(ValueError, match="room for 3"):
        Notice("x", actions=(("a", "A"),) * 4)


def test_an_action_may_say_something_new_at_once(bar):
    bar.action_triggered.connect(lambda _: bar.show_notice(Notice("again")))
    bar.show_notice(Notice("x", actions=(("a", "A"),)))
    QTest.mouseClick(bar.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    assert bar.current.text == "again"


def test_a_timed_notice_leaves_by_itself(bar, qtbot):
    bar.show_notice(Notice("brief", seconds=0.01))
    bar.show_notice(Notice("stays"))
    qtbot.waitUntil(lambda: bar.current is not None and bar.current.text == "stays")


def test_the_queue_is_bounded(bar):
    for i in range(100):
        bar.show_notice(Notice(f"{i}"))
    assert bar.waiting == MAX_WAITING - 1
    bar.show_notice(Notice("bad", Severity.ERROR))
    assert bar.waiting == MAX_WAITING - 1


def test_long_texts_are_shortened_with_the_whole_as_tooltip(bar):
    text = "/a/very/long/path" * 20
    bar.show_notice(Notice(text, Severity.WARNING))
    assert bar.minimumSizeHint().width() < 300
    assert any(w.toolTip() == text for w in bar.children() if hasattr(w, "toolTip"))
