"""Playback controls: what is pressed goes out, what is set is shown, and narrow windows keep what matters."""

import itertools
import math

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from panosod_viewer.actions import ACTIONS
from panosod_viewer.panels.transport import VIEW_MODES, TransportBar
from panosod_viewer.playback import SPEEDS, MonotonicClock, Transport
from panosod_viewer.widgets.level_meter import FLOOR_DBFS, LevelMeter
from panosod_viewer.widgets.timecode import timecode


@pytest.fixture
def bar(shown) -> TransportBar:
    return shown(TransportBar(), 1000)


def named(parent: QWidget, name: str) -> QWidget:
    (found,) = [w for w in parent.findChildren(QWidget) if w.accessibleName() == name]
    return found


def click(widget: QWidget, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, modifiers)


@pytest.mark.parametrize(
    ("name", "signal"),
    [("Play", "play_toggled"), ("Mute", "mute_toggled"), ("Full screen", "fullscreen_toggled")],
)
def test_buttons_say_what_is_wished(bar, qtbot, name, signal):
    with qtbot.waitSignal(getattr(bar, signal)):
        click(named(bar, name))


@pytest.mark.parametrize(("name", "direction"), [("One frame back", -1), ("One frame on", 1)])
def test_steps(bar, qtbot, monkeypatch, name, direction):
    with qtbot.waitSignal(bar.step_requested) as one:
        click(named(bar, name))
    assert one.args == [direction]
    monkeypatch.setattr(QApplication, "keyboardModifiers", lambda: Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(bar.step_requested) as ten:
        click(named(bar, name))
    assert ten.args == [10 * direction]


@pytest.mark.parametrize("mode", VIEW_MODES, ids=lambda m: m.id)
def test_a_click_asks_for_a_view_and_what_is_shown_waits_for_the_answer(bar, qtbot, mode):
    bar.set_view_mode("map")
    button = named(bar, mode.name)
    assert button.toolTip() == f"{mode.name} ({mode.key})"
    with qtbot.waitSignal(bar.view_mode_chosen) as asked:
        click(button)
    assert asked.args == [mode.id]
    assert named(bar, "Flat map").isChecked()
    bar.set_view_mode(mode.id)
    assert [m.id for m in VIEW_MODES if named(bar, m.name).isChecked()] == [mode.id]


def test_the_views_are_those_of_the_menu_with_their_keys():
    actions = {spec.id: spec for spec in ACTIONS}
    for mode in VIEW_MODES:
        spec = actions[f"view.{mode.id}"]
        assert (spec.label, spec.keys[0]) == (mode.name, mode.key)


def test_a_flat_clip_has_no_choice_of_views(bar):
    bar.set_has_sphere(False)
    assert not named(bar, "View").isVisible()
    bar.set_has_sphere(True)
    assert named(bar, "View").isVisible()


def test_playing_turns_the_button(bar):
    bar.set_playing(True)
    assert named(bar, "Pause").toolTip() == "Pause (Space)"
    bar.set_playing(False)
    assert named(bar, "Play").toolTip() == "Play (Space)"


def test_every_speed_of_the_menu_is_one_that_clips_play_at(bar, qtbot):
    (menu,) = named(bar, "Speed").findChildren(QMenu)
    transport = Transport(MonotonicClock())
    offered = [action.data() for action in menu.actions()]
    for action in menu.actions():
        with qtbot.waitSignal(bar.speed_requested) as wished:
            action.trigger()
        transport.set_speed(*wished.args)
        assert transport.speed == action.data()
    transport.set_speed(offered[0])
    stepped = [offered[0]] + [transport.set_speed(transport.next_speed(1)) or transport.speed for _ in offered[1:]]
    assert stepped == offered  # L goes through what the menu shows


def test_position(bar):
    bar.set_position(61.2345, 125.0, 1836)
    assert named(bar, "Position").text() == "01:01.234"
    assert named(bar, "Duration").text() == "/ 02:05.000"
    assert named(bar, "Frame number").text() == "frame 1836"
    bar.set_position(61.0, 4000.0, None)
    assert named(bar, "Position").text() == "0:01:01.000"
    assert named(bar, "Frame number").text() == ""
    bar.set_position(None, None, None)
    assert named(bar, "Position").text() == "--:--.---"


def test_speeds(bar, qtbot):
    menu = named(bar, "Speed").menu()
    with qtbot.waitSignal(bar.speed_requested) as wished:
        next(a for a in menu.actions() if a.text() == "0.5×").trigger()
    assert wished.args == [0.5]
    bar.set_speed(2.0)
    assert [a.data() for a in menu.actions() if a.isChecked()] == [2.0]
    bar.set_speed(-1.0)
    assert named(bar, "Speed").full_text == "−1×"
    assert not any(a.isChecked() for a in menu.actions())
    assert 1.0 in SPEEDS


def test_volume_goes_out_once_and_comes_in_silently(bar, qtbot):
    sent: list[float] = []
    bar.volume_changed.connect(sent.append)
    bar.set_volume(0.3, False)
    assert sent == []
    slider = named(bar, "Volume")
    assert slider.value() == 30
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert sent == [pytest.approx(0.35)]
    bar.set_volume(0.3, True)
    assert named(bar, "Unmute").toolTip() == "Unmute (M)"
    assert "muted" in slider.toolTip()


def test_a_wheel_over_the_loudspeaker_turns_the_volume(bar):
    sent: list[float] = []
    bar.volume_changed.connect(sent.append)
    bar.set_volume(0.5, False)
    button = named(bar, "Mute")
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(button, wheel)
    assert sent == [pytest.approx(0.45)]


def test_the_loop_can_be_left(bar, qtbot):
    loop = named(bar, "Loop")
    assert not loop.isVisible()
    bar.set_loop((1.0, 2.5))
    assert loop.isVisible() and loop.full_text == "00:01.000 – 00:02.500"
    with qtbot.waitSignal(bar.loop_cleared):
        click(loop)
    bar.set_loop(None)
    assert not loop.isVisible()


@pytest.mark.parametrize("width", [1400, 900, 600, 420, 320, 240])
def test_narrow_windows_keep_what_matters(shown, width):
    bar = TransportBar()
    bar.set_position(7.0, 20.0, 210)
    bar.set_loop((1, 2))
    shown(bar, width)
    assert bar.width() == width
    visible = [w for w in bar.children() if isinstance(w, QWidget) and w.isVisible()]
    for must in ("Play", "Position", "Mute", "Full screen"):
        assert named(bar, must) in visible
    assert max(w.geometry().right() for w in visible) < width
    for a, b in itertools.pairwise(visible):
        assert a.geometry().right() < b.geometry().left()
    if width >= 1400:
        assert {named(bar, n) for n in ("Volume", "Level meter", "Frame number")} <= set(visible)


def test_without_a_clip_nothing_can_be_played(bar):
    bar.set_enabled(False)
    assert not named(bar, "Play").isEnabled()
    assert named(bar, "Mute").isEnabled()


# -- the meter ----------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_peaks_are_held_and_fall(qtbot):
    clock = Clock()
    meter = LevelMeter(clock=clock)
    qtbot.addWidget(meter)
    meter.set_levels(-6, -20)
    clock.now = 0.9
    meter.set_levels(-50, -50)
    assert meter.peaks_dbfs == (-6, -20)
    clock.now = 1.5
    meter.set_levels(-50, -50)
    assert meter.peaks_dbfs == pytest.approx((-16, -30))
    clock.now = 2.0
    meter.set_levels(-50, -10)
    assert meter.peaks_dbfs == pytest.approx((-26, -10))
    clock.now = 60.0
    meter.set_levels(-math.inf, math.nan)
    assert meter.peaks_dbfs == (FLOOR_DBFS, FLOOR_DBFS)


def test_the_clip_lamp_stays_until_seen(qtbot):
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.set_levels(-1, -1, clipped=True)
    meter.set_levels(-30, -30, clipped=False)
    assert meter.clipped and "too loud" in meter.accessibleDescription()
    with qtbot.waitSignal(meter.clip_cleared):
        click(meter)
    assert not meter.clipped
    meter.set_levels(0, 0, clipped=True)
    QTest.keyClick(meter, Qt.Key.Key_Return)
    assert not meter.clipped


def test_louder_fills_more_of_the_bar(qtbot, theme):
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.resize(meter.sizeHint())

    def lit(level: float) -> int:
        meter.set_levels(level, -math.inf)
        image = meter.grab().toImage()
        silent = LevelMeter()
        qtbot.addWidget(silent)
        silent.resize(meter.sizeHint())
        ground = silent.grab().toImage()
        row = int(image.height() / 2) - 4
        return sum(image.pixel(x, row) != ground.pixel(x, row) for x in range(image.width() - 14))

    widths = [lit(level) for level in (-60, -40, -20, -6, 0)]
    assert widths == sorted(widths) and widths[0] == 0 and widths[-1] > 50


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00.000"),
        (0.3, "00:00.300"),
        (59.9999, "00:59.999"),
        (60, "01:00.000"),
        (3600.5, "1:00:00.500"),
        (-1, "00:00.000"),
        (None, "--:--.---"),
        (math.inf, "--:--.---"),
    ],
)
def test_timecode(seconds, text):
    assert timecode(seconds) == text
