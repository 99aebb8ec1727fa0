"""The picture widget: owns the GL context's life, draws the scene it is given, and reports what pointers do on it."""

import time
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QInputDevice, QMouseEvent, QNativeGestureEvent, QShowEvent, QWheelEvent
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget

from panosod_core.errors import RenderError
from panosod_core.geometry.picture import PictureGeometry
from panosod_viewer.render.pointer import (
    Button,
    Modifier,
    PanePoint,
    PinchInput,
    PointerInput,
    WheelInput,
    locate,
)
from panosod_viewer.render.sphere_renderer import SphereRenderer
from panosod_viewer.scene import RenderScene

_BUTTONS = {
    Qt.MouseButton.LeftButton: Button.LEFT,
    Qt.MouseButton.RightButton: Button.RIGHT,
    Qt.MouseButton.MiddleButton: Button.MIDDLE,
}
_MODIFIERS = {
    Qt.KeyboardModifier.ShiftModifier: Modifier.SHIFT,
    Qt.KeyboardModifier.ControlModifier: Modifier.CTRL,
    Qt.KeyboardModifier.AltModifier: Modifier.ALT,
    Qt.KeyboardModifier.MetaModifier: Modifier.META,
}
_NOTCH = 120.0
"""Qt's angle delta of one classic wheel notch."""


@dataclass(frozen=True)
class PaintTiming:
    """One paint.

    Attributes:
        finished_s: ``time.monotonic()`` when the draw calls had been issued.
        duration_s: time spent in the paint, wall clock.
        frame_index: of the picture drawn, None where there was none.
        uploaded: that picture was new.
    """

    finished_s: float
    duration_s: float
    frame_index: int | None
    uploaded: bool


class GLView(QOpenGLWidget):
    """Shows a :class:`RenderScene`. Redraws when given another scene, and never by itself.

    Signals carry plain values of :mod:`panosod_viewer.render.pointer`; what they mean is the application's affair.

    Signals:
        pressed, moved, released, double_clicked, hovered (PointerInput): ``moved`` while a button is down.
        pointer_left (): the pointer has left the widget.
        wheel_turned (WheelInput), pinched (PinchInput).
        frame_painted (PaintTiming): after each paint.
        renderer_ready (str): a context is there; version and renderer.
        render_failed (str): OpenGL is missing, too old or broke; what to tell the person. Nothing is drawn any more.
    """

    pressed = Signal(object)
    moved = Signal(object)
    released = Signal(object)
    double_clicked = Signal(object)
    hovered = Signal(object)
    pointer_left = Signal()
    wheel_turned = Signal(object)
    pinched = Signal(object)
    frame_painted = Signal(object)
    renderer_ready = Signal(str)
    render_failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._renderer = SphereRenderer()
        self._scene = RenderScene(frame=None, geometry=PictureGeometry())
        self._held_pane: int | None = None
        self._failure: str | None = None
        self._watched: QObject | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.setMinimumSize(160, 90)

    @property
    def scene(self) -> RenderScene:
        """What is shown."""
        return self._scene

    @property
    def failure(self) -> str | None:
        """Why nothing can be drawn, or None."""
        return self._failure

    @property
    def renderer_description(self) -> str:
        """OpenGL version and renderer, "" before the first paint."""
        return self._renderer.description

    def set_scene(self, scene: RenderScene) -> None:
        """Show another scene at the next paint; the same scene again costs nothing."""
        if scene != self._scene:
            self._scene = scene
            self.update()

    def prepare(self, scene: RenderScene) -> None:
        """Compile what a scene like this will need, unseen; what is shown stays."""
        if self._failure is not None or not self.isValid():
            return
        self.makeCurrent()
        try:
            self._renderer.prepare(scene, size_px=self.framebuffer_size_px(), pixel_ratio=self.devicePixelRatioF())
        except RenderError as error:
            self._fail(str(error))
        finally:
            self.doneCurrent()

    def framebuffer_size_px(self) -> tuple[int, int]:
        """Size in physical pixels."""
        ratio = self.devicePixelRatioF()
        return max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)

    # --- GL ---

    def initializeGL(self) -> None:  # noqa: N802 - Qt's name
        """Called by Qt for every new context: the first, and again after re-parenting to another window."""
        context = self.context()
        if context is not self._watched:
            context.aboutToBeDestroyed.connect(self._release)
            self._watched = context
        try:
            self._renderer.initialise()
        except RenderError as error:
            self._fail(str(error))
            return
        self.renderer_ready.emit(self._renderer.description)

    def paintGL(self) -> None:  # noqa: N802 - Qt's name
        """Draw the scene into Qt's framebuffer."""
        if self._failure is not None:
            return
        start = time.monotonic()
        try:
            uploaded = self._renderer.draw(
                self._scene,
                size_px=self.framebuffer_size_px(),
                target_fbo=self.defaultFramebufferObject(),
                pixel_ratio=self.devicePixelRatioF(),
            )
        except RenderError as error:
            self._fail(str(error))
            return
        now = time.monotonic()
        index = self._scene.frame.index if self._scene.frame is not None else None
        self.frame_painted.emit(PaintTiming(now, now - start, index, uploaded))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Notice when Qt could make no context at all: it then never calls initializeGL."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._check_context)

    def _check_context(self) -> None:
        if self.isVisible() and not self.isValid() and self._failure is None:
            self._fail(
                "OpenGL 3.3 is needed, but this display gives none. Update the graphics driver, or install Mesa "
                "(libgl1-mesa-dri)."
            )

    def _fail(self, text: str) -> None:
        self._failure = text
        self.render_failed.emit(text)

    def _release(self) -> None:
        """The context is about to go: give back what lives in it."""
        self.makeCurrent()
        self._renderer.release()
        self.doneCurrent()
        self._watched = None

    # --- pointers ---

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``pressed``; the pane is held until the last button is up."""
        point = self._point(event.position())
        if point is not None:
            if self._held_pane is None:
                self._held_pane = point.pane
                point = self._point(event.position()) or point
            self.pressed.emit(_pointer_input(event, point))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``double_clicked`` in place of the second ``pressed``."""
        point = self._point(event.position())
        if point is not None:
            self._held_pane = point.pane
            self.double_clicked.emit(_pointer_input(event, point))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``moved`` during a drag, else ``hovered``."""
        point = self._point(event.position())
        if point is not None:
            signal = self.moved if self._held_pane is not None else self.hovered
            signal.emit(_pointer_input(event, point))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``released``."""
        point = self._point(event.position())
        if not event.buttons():
            self._held_pane = None
        if point is not None:
            self.released.emit(_pointer_input(event, point))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``pointer_left``."""
        super().leaveEvent(event)
        self.pointer_left.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Emit ``wheel_turned``."""
        point = self._point(event.position())
        if point is None:
            return
        angle, pixel = event.angleDelta(), event.pixelDelta()
        phase = event.phase()
        is_touchpad = event.device().type() == QInputDevice.DeviceType.TouchPad or phase != Qt.ScrollPhase.NoScrollPhase
        has_pixels = is_touchpad and not pixel.isNull()
        self.wheel_turned.emit(
            WheelInput(
                point=point,
                steps=(angle.x() / _NOTCH, angle.y() / _NOTCH),
                pixels=(float(pixel.x()), float(pixel.y())) if has_pixels else None,
                is_touchpad=is_touchpad,
                is_momentum=phase == Qt.ScrollPhase.ScrollMomentum,
                modifiers=_modifiers(event.modifiers()),
            )
        )
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Emit ``pinched`` for touchpad gestures; everything else goes its usual way."""
        if isinstance(event, QNativeGestureEvent) and self._native_gesture(event):
            return True
        return super().event(event)

    def _native_gesture(self, event: QNativeGestureEvent) -> bool:
        kind = event.gestureType()
        point = self._point(event.position())
        if point is None:
            return False
        if kind == Qt.NativeGestureType.ZoomNativeGesture:
            self.pinched.emit(PinchInput(point, max(1.0 + event.value(), 0.1), 0.0))
            return True
        if kind == Qt.NativeGestureType.RotateNativeGesture:
            # Qt counts degrees, clockwise positive since 6.2's unification of platforms
            self.pinched.emit(PinchInput(point, 1.0, event.value() * 3.141592653589793 / 180.0))
            return True
        return False

    def _point(self, position: QPointF) -> PanePoint | None:
        rects = tuple(pane.rect for pane in self._scene.panes)
        size = (float(self.width()), float(self.height()))
        return locate(rects, (position.x(), position.y()), size, held_pane=self._held_pane)


def _pointer_input(event: QMouseEvent, point: PanePoint) -> PointerInput:
    return PointerInput(
        point=point,
        button=_BUTTONS.get(event.button(), Button.NONE),
        buttons=frozenset(ours for theirs, ours in _BUTTONS.items() if event.buttons() & theirs),
        modifiers=_modifiers(event.modifiers()),
        time_s=event.timestamp() / 1000.0,
    )


def _modifiers(flags: Qt.KeyboardModifier) -> frozenset[Modifier]:
    return frozenset(ours for theirs, ours in _MODIFIERS.items() if flags & theirs)
