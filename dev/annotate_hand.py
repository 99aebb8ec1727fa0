"""A hand that paints in a real window, and a camera that takes pieces of it: for the pictures of the documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from waiting import rest, until

from panosod_core.geometry.projection import View, directions_to_viewport
from panosod_core.geometry.sphere import direction
from panosod_viewer.annotating.studio import Studio
from panosod_viewer.annotating.toolbox import ToolId
from panosod_viewer.application import Viewer
from panosod_viewer.layers import LayerChoices
from panosod_viewer.resolving import PaneKind, ViewLayout, pane_kinds

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEYS, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
QUALITY = 82
GAP_PX = 6
Places = list[tuple[float, float]]
"""Azimuth and elevation, degrees."""


class Hand:
    """Paints in a viewer and takes pictures of it."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.view = viewer.window.page.view
        self.taken: list[QImage] = []

    @property
    def studio(self) -> Studio:
        """The annotator's parts."""
        return self.viewer.annotator.studio

    # --- waiting

    def until(self, condition: Callable[[], object], *, limit_s: float = 120.0) -> None:
        """Wait."""
        until(condition, limit_s=limit_s)

    def rest(self, seconds: float) -> None:
        """Let the window settle."""
        rest(seconds)

    # --- the window

    def clean(self, index: int) -> None:
        """As if nothing had been painted yet, in a frame of the clip."""
        studio, state = self.studio, self.viewer.state
        studio.painter.take(ToolId.LOOK)
        while studio.desk.document is not None and studio.desk.document.to_undo is not None:
            studio.desk.undo()
        if studio.loupe.is_wanted:
            studio.loupe.toggle()
        state.set_layers(LayerChoices().showing(("annotation",)))
        state.set_layout(ViewLayout.LOOK)
        studio.object_list.set_shown(False)
        self.go(index)
        self.viewer.window.notices.clear()
        self.taken = []

    def go(self, index: int) -> None:
        """Show a frame."""
        player = self.viewer.player
        player.pause()
        player.show_frame(index)
        self.until(lambda: player.frame is not None and player.frame.index == index)
        self.rest(0.2)

    def show(self, *names: str, **choices: object) -> None:
        """Open these eyes and no others."""
        layers = LayerChoices().showing(names)
        self.viewer.state.set_layers(replace(layers, **choices))  # type: ignore[arg-type]  # by name

    def look(self, yaw_deg: float, pitch_deg: float, fov_deg: float) -> None:
        """Turn the view."""
        yaw, pitch, fov = (float(np.radians(a)) for a in (yaw_deg, pitch_deg, fov_deg))
        self.viewer.state.set_look(View(yaw_rad=yaw, pitch_rad=pitch, fov_rad=fov))
        self.rest(0.2)

    def point(self, azimuth_deg: float, elevation_deg: float) -> QPoint:
        """Where a direction is drawn in the first pane."""
        wish = self.viewer.state.wish
        view = wish.map_view if pane_kinds(wish)[0] is PaneKind.MAP else wish.look
        left, top, width, height = self.view.scene.panes[0].rect
        across, down = self.view.width(), self.view.height()
        towards = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
        x, y = directions_to_viewport(view, towards, aspect=width * across / (height * down))
        return QPoint(round((left + float(x) * width) * across), round((top + float(y) * height) * down))

    # --- painting

    def use(self, tool: str, *, radius_deg: float | None = None) -> None:
        """Take a tool."""
        if self.studio.painter.tool_id != tool:
            self.act(f"annotate.{tool}")
        if radius_deg is not None:
            self.studio.painter.set_radius(radius_deg)
        self.studio.object_list.set_shown(self.studio.object_list.dock.isVisible())
        self.rest(0.2)

    def act(self, action: str) -> None:
        """Trigger an action."""
        self.viewer.window.action(action).trigger()
        self.rest(0.2)

    def drag(self, places: Places, *, lifts: bool = True, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        """A stroke."""
        at = [self.point(*place) for place in places]
        self._send(QEvent.Type.MouseButtonPress, at[0], LEFT, LEFT, keys)
        for point in at[1:]:
            self._send(QEvent.Type.MouseMove, point, NONE, LEFT, keys)
        if lifts:
            self.lift(places[-1], keys=keys)
        self.rest(0.3)

    def draw_on(self, places: Places) -> None:
        """The stroke that was not lifted goes on."""
        for place in places:
            self._send(QEvent.Type.MouseMove, self.point(*place), NONE, LEFT, NO_KEYS)
        self.rest(0.3)

    def lift(self, place: tuple[float, float], *, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        """The button goes up."""
        self._send(QEvent.Type.MouseButtonRelease, self.point(*place), LEFT, NONE, keys)
        self.rest(0.3)

    def hover(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Rest the pointer somewhere."""
        self._send(QEvent.Type.MouseMove, self.point(azimuth_deg, elevation_deg), NONE, NONE, NO_KEYS)
        self.rest(0.2)

    def _send(
        self,
        kind: QEvent.Type,
        at: QPoint,
        button: Qt.MouseButton,
        buttons: Qt.MouseButton,
        keys: Qt.KeyboardModifier,
    ) -> None:
        there = QPointF(at)
        QApplication.sendEvent(
            self.view, QMouseEvent(kind, there, QPointF(self.view.mapToGlobal(at)), button, buttons, keys)
        )

    def cut_out(self, azimuth_deg: float, elevation_deg: float, reach_deg: float) -> None:
        """Smart select with a box about a place; what was found is shown, not yet taken."""
        self.use("smart")
        a, e, r = azimuth_deg, elevation_deg, reach_deg
        self.drag([(a + r, e + r), (a, e), (a - r, e - r)])
        self.found()

    def found(self) -> None:
        """Wait for what smart select finds."""
        self.until(lambda: (sketch := self.studio.desk.sketch()) is not None and sketch.is_tentative)
        self.rest(0.3)

    def take(self) -> None:
        """Enter."""
        self.studio.painter.finish()
        self.rest(0.2)

    # --- pictures

    def snap(self, azimuth_deg: float, elevation_deg: float, *, size: tuple[int, int] = (320, 260)) -> None:
        """Take the part of the picture about a direction."""
        image = self.view.grab().toImage()
        box = QRect(QPoint(0, 0), image.rect().size())
        wanted = QRect(0, 0, min(size[0], box.width()), min(size[1], box.height()))
        wanted.moveCenter(self.point(azimuth_deg, elevation_deg))
        wanted.moveLeft(min(max(wanted.left(), 0), box.width() - wanted.width()))
        wanted.moveTop(min(max(wanted.top(), 0), box.height() - wanted.height()))
        self.taken.append(image.copy(wanted))

    def snap_widget(self, widget: QWidget) -> None:
        """Take a part of the window."""
        self.taken.append(widget.grab().toImage())


def save(images: list[QImage], path: Path) -> None:
    """Side by side, as WebP; written beside and renamed."""
    pictures = [_picture(image) for image in images]
    width = sum(p.width for p in pictures) + GAP_PX * (len(pictures) - 1)
    joined = Image.new("RGB", (width, max(p.height for p in pictures)), "white")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    beside = path.with_suffix(".partial")
    joined.save(beside, "WEBP", quality=QUALITY, method=6)
    beside.replace(path)


def _picture(image: QImage) -> Image.Image:
    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return Image.fromarray(rows[:, : 3 * plain.width()].reshape(plain.height(), plain.width(), 3).copy())


def arc(a0: float, e0: float, a1: float, e1: float, steps: int = 24) -> Places:
    """Places from one to another."""
    return [(a0 + (a1 - a0) * i / steps, e0 + (e1 - e0) * i / steps) for i in range(steps + 1)]


def ring(azimuth: float, elevation: float, radius: float, *, turns: float = 1.0, steps: int = 40) -> Places:
    """Places about another."""
    angles = [2 * np.pi * turns * i / steps for i in range(steps + 1)]
    stretch = np.cos(np.radians(elevation))
    return [(azimuth + radius * np.cos(t) / stretch, elevation + radius * np.sin(t)) for t in angles]


def spiral(azimuth: float, elevation: float, reach: float) -> Places:
    """Places that fill a disc."""
    steps = [(reach * i / 60, 0.5 * i) for i in range(61)]
    return [(azimuth + r * np.cos(t), elevation + r * np.sin(t)) for r, t in steps]
