"""Keys that mean something only while a tool is in the hand: Space, Ctrl, Enter, Backspace, Esc on the picture."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from panosod_viewer.annotating.painter import Painter
from panosod_viewer.annotating.toolbox import ToolId

TAP_MS = 350
"""Space that goes up again sooner, and turned nothing, was a tap."""


class HeldKeys(QObject):
    """Listens to the picture's keys before the window's shortcuts do.

    Signals:
        space_tapped ().
    """

    space_tapped = Signal()

    def __init__(self, painter: Painter, view: QWidget, *, escape: Callable[[], bool]) -> None:
        """``escape`` stops what runs by itself, and says whether anything did."""
        super().__init__(view)
        self._painter = painter
        self._escape = escape
        self._view = view
        self._since = QElapsedTimer()
        self._has_turned = False
        view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take keys that are ours."""
        kind = event.type()
        if kind is QEvent.Type.FocusOut and self._painter.is_turning:
            self._let_space_go()
        elif kind is QEvent.Type.MouseButtonPress:
            self._has_turned = True
        elif isinstance(event, QKeyEvent):
            if kind is QEvent.Type.ShortcutOverride and self._is_ours(event):
                event.accept()
                return True
            if kind is QEvent.Type.KeyPress:
                return self._pressed(event)
            if kind is QEvent.Type.KeyRelease:
                return self._released(event)
        return super().eventFilter(watched, event)

    def _is_ours(self, event: QKeyEvent) -> bool:
        painter, key = self._painter, event.key()
        is_plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not painter.is_painting or not is_plain:
            return False
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace):
            return painter.is_busy
        if key == Qt.Key.Key_Escape:
            return painter.is_busy or not self._view.window().isFullScreen()
        return key == Qt.Key.Key_Space

    def _pressed(self, event: QKeyEvent) -> bool:
        painter, key = self._painter, event.key()
        if key == Qt.Key.Key_Control:
            painter.invert(True)
            return False
        if not self._is_ours(event):
            return False
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._since.start()
                self._has_turned = False
                painter.set_turning(True)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            painter.finish()
        elif key == Qt.Key.Key_Backspace:
            painter.step_back()
        elif painter.is_busy:
            painter.cancel()
        elif not self._escape():
            painter.take(ToolId.LOOK)
        return True

    def _released(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Control:
            self._painter.invert(False)
        if event.key() != Qt.Key.Key_Space or not self._painter.is_turning:
            return False
        if not event.isAutoRepeat():
            was_tap = not self._has_turned and self._since.elapsed() < TAP_MS
            self._let_space_go()
            if was_tap:
                self.space_tapped.emit()
        return True

    def _let_space_go(self) -> None:
        self._painter.set_turning(False)
