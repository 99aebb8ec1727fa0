"""The widget in a real window: what is on the screen, what pointers report, and whether contexts come and go."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from panosod_core.geometry.picture import PictureGeometry
from panosod_viewer.render.gl_view import GLView, PaintTiming
from panosod_viewer.render.pointer import Button, Modifier, PointerInput, WheelInput
from panosod_viewer.scene import Pane, RenderScene
from tests.viewer.pictures import picture

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("gl_screen")]


def scene(level: int, **changes: object) -> RenderScene:
    return RenderScene(frame=picture(level, size=(64, 32)), geometry=PictureGeometry(), **changes)


def grey(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def shown(qtbot: QtBot, view: GLView) -> None:
    qtbot.addWidget(view)
    view.resize(320, 180)
    with qtbot.waitSignal(view.frame_painted):
        view.show()


def send(
    view: GLView, kind: QEvent.Type, at: tuple[int, int], *, button: Qt.MouseButton, buttons: Qt.MouseButton
) -> None:
    local, everywhere = QPointF(*at), QPointF(view.mapToGlobal(QPoint(*at)))
    alt = Qt.KeyboardModifier.AltModifier
    QApplication.sendEvent(view, QMouseEvent(kind, local, everywhere, button, buttons, alt))


def test_draws_what_it_is_given_and_says_so(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    assert view.failure is None
    with qtbot.waitSignal(view.frame_painted) as painted:
        view.set_scene(scene(126))
    timing: PaintTiming = painted.args[0]
    assert timing.frame_index == 126 and timing.uploaded and timing.duration_s > 0
    expected = round((126 - 16) / 219 * 255)
    assert np.abs(grey(view.grabFramebuffer()).astype(int) - expected).max() <= 1


def test_the_same_scene_again_costs_no_paint(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    one = scene(80)
    with qtbot.waitSignal(view.frame_painted):
        view.set_scene(one)
    with qtbot.assertNotEmitted(view.frame_painted, wait=120):
        view.set_scene(RenderScene(frame=one.frame, geometry=PictureGeometry()))


def test_turning_the_view_does_not_upload_the_picture_again(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    first = scene(80)
    with qtbot.waitSignal(view.frame_painted):
        view.set_scene(first)
    with qtbot.waitSignal(view.frame_painted) as painted:
        view.set_scene(RenderScene(first.frame, first.geometry, (Pane(view=Pane().view.turned(yaw_rad=1.0)),)))
    assert not painted.args[0].uploaded


def test_survives_moving_to_another_window(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    view.set_scene(scene(126))
    window = QWidget()
    qtbot.addWidget(window)
    layout = QHBoxLayout(window)
    window.resize(320, 180)
    with qtbot.waitSignal(view.frame_painted):
        layout.addWidget(view)
        window.show()
    assert view.failure is None
    expected = round((126 - 16) / 219 * 255)
    assert np.abs(grey(view.grabFramebuffer()).astype(int) - expected).max() <= 1
    view.setParent(None)  # qtbot closes each of the two by itself


def test_pointers_report_pane_and_place(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    view.set_scene(scene(126, panes=(Pane(rect=(0, 0, 0.5, 1)), Pane(rect=(0.5, 0, 0.5, 1)))))
    got: list[PointerInput] = []
    for signal in (view.pressed, view.moved, view.released, view.hovered):
        signal.connect(got.append)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    send(view, QEvent.Type.MouseButtonPress, (240, 90), button=left, buttons=left)
    send(view, QEvent.Type.MouseMove, (80, 45), button=none, buttons=left)
    send(view, QEvent.Type.MouseButtonRelease, (80, 45), button=left, buttons=none)
    send(view, QEvent.Type.MouseMove, (40, 90), button=none, buttons=none)
    press, move, release, hover = got
    assert press.point.pane == 1 and press.button is Button.LEFT and press.modifiers == {Modifier.ALT}
    assert (press.point.x, press.point.y) == pytest.approx((0.5, 0.5))
    assert press.point.aspect == pytest.approx(160 / 180)
    # a drag stays in the pane where it began
    assert move.point.pane == 1 and move.point.x == pytest.approx(-0.5)
    assert release.point.pane == 1 and release.buttons == frozenset()
    assert hover.point.pane == 0 and hover.point.x == pytest.approx(0.25)


def test_wheel_and_touchpad(qtbot: QtBot) -> None:
    view = GLView()
    shown(qtbot, view)
    got: list[WheelInput] = []
    view.wheel_turned.connect(got.append)
    for phase, pixels in ((Qt.ScrollPhase.NoScrollPhase, QPoint()), (Qt.ScrollPhase.ScrollUpdate, QPoint(3, -7))):
        event = QWheelEvent(
            QPointF(160, 90),
            QPointF(view.mapToGlobal(QPoint(160, 90))),
            pixels,
            QPoint(0, 240),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.ControlModifier,
            phase,
            False,
        )
        QApplication.sendEvent(view, event)
    wheel, touchpad = got
    assert wheel.steps == (0.0, 2.0) and wheel.pixels is None and not wheel.is_touchpad
    assert wheel.modifiers == {Modifier.CTRL}
    assert touchpad.is_touchpad and touchpad.pixels == (3.0, -7.0)
