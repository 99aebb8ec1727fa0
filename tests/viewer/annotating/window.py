"""The whole window in this process, and a hand that paints in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.projection import directions_to_viewport
from panosod_core.geometry.sphere import direction
from panosod_viewer.annotating.studio import Studio
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.resolving import PaneKind, pane_kinds, resolve_scene
from panosod_viewer.workers.opening import ClipOpener

PATIENCE_MS = 60_000
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO_KEYS = Qt.KeyboardModifier.NoModifier


class PaintingWindow:
    """A viewer with a clip, and what tests ask of it."""

    def __init__(self, qtbot, settings: Path, **words):
        self.qtbot = qtbot
        words = {"device": "none", "model": "none", "play": False, "size": (480, 270), "settings": settings} | words
        self.viewer = Viewer(QApplication.instance(), Arguments(**words))
        self.is_closed = False

    def open(self, clip: Path) -> PaintingWindow:
        opener = ClipOpener(clip)
        opener.start()
        self.viewer.start(opener)
        window = self.viewer.window
        with self.qtbot.waitExposed(window):
            window.activateWindow()
        self.wait(window.isActiveWindow)
        self.wait(lambda: self.viewer.player.frame is not None and self.view.isValid())
        return self

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    @property
    def view(self):
        return self.viewer.window.page.view

    @property
    def studio(self) -> Studio:
        return self.viewer.annotator.studio

    @property
    def desk(self):
        return self.studio.desk

    def identified(self) -> PaintingWindow:
        """Wait until it is known which clip this is."""
        desk = self.desk
        self.wait(lambda: desk.is_identified)
        return self

    def trigger(self, action: str) -> None:
        self.viewer.window.action(action).trigger()
        self.settle()

    def settle(self) -> None:
        """Let the picture take the room that it has now."""
        QApplication.processEvents()
        aspect = self.view.width() / max(1, self.view.height())
        scene = resolve_scene(self.viewer.state.wish, aspect=aspect)
        self.wait(lambda: self.view.scene.panes == scene.panes)

    def labels(self):
        key = self.desk.key
        labels = None if key is None else self.desk.labels(key)
        return None if labels is None else np.array(labels)

    def point(self, azimuth_deg: float, elevation_deg: float, *, pane: int = 0) -> QPoint:
        """Where a direction of the world is drawn."""
        wish = self.viewer.state.wish
        view = wish.map_view if pane_kinds(wish)[pane] is PaneKind.MAP else wish.look
        left, top, width, height = self.view.scene.panes[pane].rect
        size = self.view.size()
        aspect = width * size.width() / (height * size.height())
        towards = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
        x, y = directions_to_viewport(view, towards, aspect=aspect)
        return QPoint(round((left + float(x) * width) * size.width()), round((top + float(y) * height) * size.height()))

    def stroke(self, points: list[QPoint], button=LEFT, keys=NO_KEYS) -> None:
        """Press, drag through the points, let go: real events of the picture."""
        QTest.mouseMove(self.view, points[0])
        QTest.mousePress(self.view, button, keys, points[0])
        for point in points[1:]:
            move(self.view, point, button, keys)
        QTest.mouseRelease(self.view, button, keys, points[-1])
        self.settle()

    def key(self, key, keys=NO_KEYS) -> None:
        QTest.keyClick(self.view, key, keys)
        self.settle()

    def saved(self) -> None:
        """Wait until everything is on the disk."""
        document = self.desk.document
        assert document is not None
        self.wait(lambda: document.dirty == 0)

    def abandon(self) -> None:
        """Close it, whatever a failed test has left unwritten."""
        if not self.is_closed:
            self.desk.close_project(discard=True)
        self.close()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.viewer.window.close()
            self.viewer.close()
            for timer in self.viewer.findChildren(QTimer):  # what was to be shown a moment later has nowhere to go
                timer.stop()
            self.viewer.window.deleteLater()


def move(view, point: QPoint, button=LEFT, keys=NO_KEYS) -> None:
    """A move with a button down, which QTest.mouseMove does not make."""
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    there = QPointF(point)
    event = QMouseEvent(QEvent.Type.MouseMove, there, view.mapToGlobal(there), Qt.MouseButton.NoButton, button, keys)
    QApplication.sendEvent(view, event)
