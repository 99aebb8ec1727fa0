"""The time line: pixels and moments correspond, scrubbing ends with a final seek, loops come from Shift-drags."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QColor, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from panosod_viewer.panels.seek_bar import SeekBar
from panosod_viewer.theme import DARK, ThemeChoice
from panosod_viewer.widgets.waveform_image import column_extremes, waveform_pixmap

SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def bar(shown) -> SeekBar:
    made = SeekBar()
    made.set_duration(20.0)
    made.set_frame_rate(30.0)
    return shown(made, 416)  # 400 px of line: 50 ms a pixel


class Heard:
    def __init__(self, bar: SeekBar) -> None:
        self.seeks: list[tuple[float, bool]] = []
        self.loops: list[object] = []
        bar.seek_requested.connect(lambda t, final: self.seeks.append((t, final)))
        bar.loop_requested.connect(self.loops.append)


def at(x: int) -> QPoint:
    return QPoint(8 + x, 24)


def test_scrubbing_ends_with_a_final_seek(bar):
    heard = Heard(bar)
    QTest.mousePress(bar, LEFT, NONE, at(100))
    QTest.mouseMove(bar, at(200))
    bar.set_position(1.0)  # what plays meanwhile must not pull the line from under the pointer
    QTest.mouseMove(bar, at(300))
    QTest.mouseRelease(bar, LEFT, NONE, at(300))
    assert heard.seeks[0] == (pytest.approx(5.0), False)
    assert heard.seeks[-1] == (pytest.approx(15.0), True)
    assert [final for _, final in heard.seeks].count(True) == 1
    assert heard.loops == []
    bar.set_position(3.0)
    assert bar.value() == 3000


@pytest.mark.parametrize(("x", "expected_s"), [(-100, 0.0), (0, 0.0), (400, 20.0), (900, 20.0)])
def test_seeks_stay_within_the_clip(bar, x, expected_s):
    heard = Heard(bar)
    QTest.mousePress(bar, LEFT, NONE, at(200))
    QTest.mouseMove(bar, at(x))
    QTest.mouseRelease(bar, LEFT, NONE, at(x))
    assert heard.seeks[-1] == (expected_s, True)


@pytest.mark.parametrize(("a", "b"), [(100, 300), (300, 100)])
def test_shift_drag_makes_a_loop(bar, a, b):
    heard = Heard(bar)
    QTest.mousePress(bar, LEFT, SHIFT, at(a))
    QTest.mouseMove(bar, at(200))
    QTest.mouseMove(bar, at(b))
    QTest.mouseRelease(bar, LEFT, SHIFT, at(b))
    assert heard.loops == [(pytest.approx(5.0), pytest.approx(15.0))]
    assert heard.seeks == []


def test_shift_click_stops_looping(bar):
    heard = Heard(bar)
    QTest.mouseClick(bar, LEFT, SHIFT, at(100))
    assert heard.loops == [None]


def test_escape_leaves_a_drag_without_consequence(bar):
    heard = Heard(bar)
    QTest.mousePress(bar, LEFT, SHIFT, at(100))
    QTest.mouseMove(bar, at(200))
    QTest.keyClick(bar, Qt.Key.Key_Escape)
    QTest.mouseRelease(bar, LEFT, SHIFT, at(200))
    assert heard.loops == []


@pytest.mark.parametrize(
    ("key", "expected_s"),
    [
        (Qt.Key.Key_Right, 10 + 1 / 30),
        (Qt.Key.Key_Left, 10 - 1 / 30),
        (Qt.Key.Key_PageUp, 5.0),
        (Qt.Key.Key_PageDown, 15.0),
        (Qt.Key.Key_Home, 0.0),
        (Qt.Key.Key_End, 20.0),
    ],
)
def test_keys(bar, key, expected_s):
    heard = Heard(bar)
    bar.set_position(10.0)
    QTest.keyClick(bar, key)
    assert heard.seeks == [(pytest.approx(expected_s), True)]


def test_an_unknown_duration_cannot_be_sought(shown):
    bar = shown(SeekBar(), 400)
    heard = Heard(bar)
    for duration in (None, 0.0, float("nan"), float("inf")):
        bar.set_duration(duration)
        assert not bar.isEnabled()
        QTest.mouseClick(bar, LEFT, NONE, at(100))
    bar.set_position(3.0)
    bar.grab()
    assert heard.seeks == []


def test_the_bubble_tells_time_and_frame(bar):
    assert bar.bubble_text(1.0) == "00:01.000  frame 30"
    assert bar.bubble_text(10 / 30) == "00:00.333  frame 10"
    bar.set_frame_rate(None)
    assert bar.bubble_text(1.0) == "00:01.000"


def test_the_bubble_comes_and_goes_with_the_pointer(bar, qtbot):
    plain = bar.grab().toImage()
    QTest.mouseMove(bar, at(100))
    qtbot.waitUntil(lambda: bar.grab().toImage() != plain)
    bubble = bar.grab().toImage()
    changed = [x for x in range(plain.width()) if plain.pixel(x, 24) != bubble.pixel(x, 24)]
    assert min(changed) >= 8 + 99  # beside the pointer, not under it
    QApplication.sendEvent(bar, QEvent(QEvent.Type.Leave))
    assert bar.grab().toImage() == plain


def test_the_menu_makes_and_leaves_loops(bar):
    heard = Heard(bar)
    bar.set_loop((4.0, 8.0))
    menu = bar.loop_menu(6.0)
    texts = [a.text() for a in menu.actions()]
    assert texts == ["Loop from 00:06.000", "Loop until 00:06.000", "Stop looping"]
    for action in menu.actions():
        action.trigger()
    assert heard.loops == [(6.0, 8.0), (4.0, 6.0), None]
    bar.set_loop(None)
    last = bar.loop_menu(6.0).actions()
    assert not last[2].isEnabled()
    last[0].trigger()
    assert heard.loops[-1] == (6.0, 20.0)


def test_the_menu_key_opens_it_at_the_position(bar, qtbot):
    bar.set_position(5.0)
    QApplication.sendEvent(bar, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint()))
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert menu.actions()[0].text() == "Loop from 00:05.000"
    menu.close()


def test_screen_readers_see_a_slider(bar):
    bar.set_position(7.0)
    interface = QAccessible.queryAccessibleInterface(bar)
    assert interface.role() == QAccessible.Role.Slider
    assert interface.text(QAccessible.Text.Name) == "Position in the clip"
    assert interface.valueInterface().currentValue() == 7000
    assert interface.valueInterface().maximumValue() == 20000


def test_the_played_part_is_coloured(bar, theme):
    theme.set_choice(ThemeChoice.DARK)
    bar.set_waveform(-np.ones(1000), np.ones(1000), 20.0)
    bar.set_position(10.0)
    image = bar.grab().toImage()
    assert QColor(image.pixel(8 + 100, 24)).name() == DARK.accent
    assert QColor(image.pixel(8 + 300, 24)).name() == DARK.wave


def test_sound_shorter_than_the_picture_fills_its_part(bar, theme):
    theme.set_choice(ThemeChoice.DARK)
    bar.set_waveform(-np.ones(1000), np.ones(1000), 10.0)
    image = bar.grab().toImage()
    assert QColor(image.pixel(8 + 150, 24)).name() == DARK.wave
    assert QColor(image.pixel(8 + 300, 24)).name() == DARK.base


def test_marks_and_loop_are_drawn_where_they_are(bar, theme):
    theme.set_choice(ThemeChoice.DARK)
    bar.set_marks([5.0])
    bar.set_loop((10.0, 15.0))
    image = bar.grab().toImage()
    assert QColor(image.pixel(8 + 100, 40)).name() == DARK.warning
    assert QColor(image.pixel(8 + 200, 10)).name() == DARK.warning
    assert QColor(image.pixel(8 + 250, 10)).name() != DARK.base
    assert QColor(image.pixel(8 + 350, 10)).name() == DARK.base


def test_wrong_waveforms_are_refused(bar):
    with pytest.raises(ValueError, match="equal rows"):
        bar.set_waveform(np.zeros(3), np.zeros(4), 1.0)
    bar.set_waveform(None, None, 0.0)
    bar.set_waveform([], [], 1.0)
    bar.grab()


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=300), st.integers(1, 400))
@settings(max_examples=100, deadline=None)
def test_no_peak_is_lost(values, columns):
    samples = np.array(values, np.float32)
    low, high = column_extremes(samples, samples, columns)
    assert low.shape == high.shape == (columns,)
    assert np.all(low <= high)
    if columns < samples.size:
        assert (low.min(), high.max()) == (samples.min(), samples.max())
    else:
        assert set(low) <= set(samples)


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_waveforms_are_drawn_in_device_pixels(qapp, ratio):
    wave = np.linspace(0, 1, 500, dtype=np.float32)
    pixmap = waveform_pixmap(-wave, wave, share=1.0, size=(100, 40), pixel_ratio=ratio, colour=QColor("#ff0000"))
    image = pixmap.toImage()
    assert (image.width(), image.height()) == (round(100 * ratio), round(40 * ratio))
    alphas = {image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height())}
    assert alphas == {0, 255}  # no smeared edges
    heights = [sum(image.pixelColor(x, y).alpha() > 0 for y in range(image.height())) for x in (0, image.width() - 1)]
    assert heights[0] <= 3 * ratio and heights[1] >= 0.85 * image.height()
