#!/usr/bin/env python3
"""Makes docs/pictures/annotate-*.jpg: the painting tools at work on the demo clip, in the real window.

    python dev/with_xvfb.py python dev/annotate_pictures.py [CLIP] [--only NAME] [--out DIR] [--theme dark|light]

The pointer's events are those of a hand; what is cut out or selected is what the tools found. Every picture is taken of
a copy of the clip in a folder of its own, so that no project is left beside it. Without ``--theme`` each picture has
the theme that it has in the documentation.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.projection import View, directions_to_viewport
from panosod_core.geometry.sphere import direction
from panosod_viewer.annotating.studio import Studio
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.layers import LayerChoices
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import PaneKind, ViewLayout, pane_kinds
from panosod_viewer.tools.look import little_planet
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
AT_S = 1.0
SIZE = (1000, 560)
QUALITY = 82
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
Places = list[tuple[float, float]]
"""Azimuth and elevation, degrees."""


class Hand:
    """Paints in a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.view = viewer.window.page.view

    @property
    def studio(self) -> Studio:
        """The annotator's parts."""
        return self.viewer.annotator.studio

    def until(self, condition: Callable[[], object], *, limit_s: float = 60.0) -> None:
        """Wait."""
        end = time.monotonic() + limit_s
        while not condition():
            QApplication.processEvents()
            time.sleep(0.005)
            if time.monotonic() > end:
                raise TimeoutError

    def rest(self, seconds: float) -> None:
        """Let the window settle."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

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

    def use(self, tool: str) -> None:
        """Take a tool."""
        self.viewer.window.action(f"annotate.{tool}").trigger()
        self.rest(0.3)

    def drag(self, places: Places, *, lifts: bool = True) -> None:
        """A stroke."""
        at = [self.point(*place) for place in places]
        self._send(QEvent.Type.MouseButtonPress, at[0], LEFT, LEFT)
        for point in at[1:]:
            self._send(QEvent.Type.MouseMove, point, NONE, LEFT)
        if lifts:
            self._send(QEvent.Type.MouseButtonRelease, at[-1], LEFT, NONE)
        self.rest(0.3)

    def hover(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Rest the pointer somewhere."""
        self._send(QEvent.Type.MouseMove, self.point(azimuth_deg, elevation_deg), NONE, NONE)

    def _send(self, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        there = QPointF(at)
        globally = QPointF(self.view.mapToGlobal(at))
        event = QMouseEvent(kind, there, globally, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.view, event)

    def cut_out(self, azimuth_deg: float, elevation_deg: float, reach_deg: float) -> None:
        """Smart select with a box about a place; what was found is shown, not yet taken."""
        self.use("smart") if self.studio.painter.tool_id != "smart" else None
        a, e, r = azimuth_deg, elevation_deg, reach_deg
        sketch = self.studio.desk.sketch()
        self.drag([(a + r, e + r), (a, e), (a - r, e - r)])
        self.until(lambda: (sketch or self.studio.desk.sketch()).is_tentative)  # type: ignore[union-attr]
        self.rest(0.2)


def arc(a0: float, e0: float, a1: float, e1: float, steps: int = 24) -> Places:
    """Places from one to another."""
    return [(a0 + (a1 - a0) * i / steps, e0 + (e1 - e0) * i / steps) for i in range(steps + 1)]


def ring(azimuth: float, elevation: float, radius: float, *, turns: float = 1.0, steps: int = 40) -> Places:
    """Places about another."""
    angles = [2 * np.pi * turns * i / steps for i in range(steps + 1)]
    stretch = np.cos(np.radians(elevation))
    return [(azimuth + radius * np.cos(t) / stretch, elevation + radius * np.sin(t)) for t in angles]


def brush(hand: Hand) -> None:
    """Over the seam."""
    hand.look(178, -2, 80)
    hand.use("brush")
    hand.studio.painter.set_radius(3.0)
    hand.drag([(184 + r * np.cos(t), -8 + r * np.sin(t)) for r, t in spiral(5.0)])
    desk = hand.studio.desk
    desk.change_object(1, name="Ball behind", category="ball", rank=1)
    hand.studio.object_list.set_presence(1, "sounding")
    desk.add_object(name="Sky")
    desk.change_object(2, category="background", locked=True)
    desk.select(1)
    hand.hover(177, 3)


def spiral(reach: float) -> list[tuple[float, float]]:
    """Radius and angle."""
    return [(reach * i / 60, 0.5 * i) for i in range(61)]


def polygon(hand: Hand) -> None:
    """Its next edge follows the pointer."""
    hand.look(58, 9, 70)
    hand.use("polygon")
    for place in ring(58, 9, 9.5, turns=0.72, steps=6):
        hand.drag([place])
    hand.hover(66, 2)


def smart(hand: Hand) -> None:
    """A box, and what was found in it."""
    hand.look(58, 9, 70)
    hand.use("brush")
    hand.studio.desk.add_object(name="Striped ball")
    hand.cut_out(58, 9, 12)


def flat_map(hand: Hand) -> None:
    """Several objects cut out, with the frame before as onion skin."""
    hand.use("brush")
    for number, (azimuth, elevation) in enumerate(((58, 9), (-58, 9), (-107, -6)), start=1):
        hand.look(azimuth, elevation, 70)
        hand.studio.desk.add_object(name=("Left", "Right", "Far")[number - 1])
        hand.cut_out(azimuth, elevation, 12)
        hand.studio.painter.finish()
    frame = hand.viewer.player.frame
    hand.viewer.player.step(40)
    hand.until(lambda: hand.viewer.player.frame is not frame)
    hand.rest(0.5)
    hand.viewer.state.set_layers(LayerChoices().showing(("annotation", "onion")))
    hand.viewer.state.set_layout(ViewLayout.MAP)
    hand.use("brush") if hand.studio.painter.tool_id != "brush" else None
    hand.rest(0.3)
    hand.studio.painter.set_radius(8.0)
    hand.studio.desk.select(1)
    hand.drag(arc(150, 78, 60, 78))
    hand.hover(20, 78)


def planet(hand: Hand) -> None:
    """Painted from above."""
    hand.viewer.state.set_look(little_planet(hand.viewer.state.wish.look))
    hand.rest(0.3)
    hand.use("brush")
    hand.studio.painter.set_radius(9.0)
    hand.drag(arc(-120, -35, 100, -35))
    hand.hover(110, -35)


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    theme: str
    act: Callable[[Hand], None]


SHOTS = (
    Shot("brush", "dark", brush),
    Shot("polygon", "light", polygon),
    Shot("smart", "dark", smart),
    Shot("map", "light", flat_map),
    Shot("planet", "dark", planet),
)


def take(shot: Shot, clip: Path, out: Path, theme: str) -> None:
    """Open a window, paint, save the picture."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "demo.mp4"
        shutil.copy(clip, copy)
        arguments = Arguments(
            device="none", model="none", play=False, size=SIZE, theme=theme, settings=Path(name) / "settings.toml"
        )
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        viewer = Viewer(application, arguments)
        opener = ClipOpener(copy, at_s=AT_S)
        opener.start()
        viewer.start(opener)
        hand = Hand(viewer)
        hand.until(lambda: viewer.player.frame is not None and hand.view.isValid())
        hand.until(lambda: hand.studio.desk.is_identified)
        viewer.state.set_layers(LayerChoices().showing(("annotation",)))
        shot.act(hand)
        viewer.window.notices.take_back("annotate.project")
        hand.rest(1.0)
        image = viewer.window.grab().toImage()
        if not image.save(str(out / f"annotate-{shot.name}.jpg"), "JPEG", QUALITY):
            raise OSError(f"{out} cannot be written")
        viewer.window.close()
        hand.rest(0.2)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--only", choices=[shot.name for shot in SHOTS])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--theme", choices=("dark", "light"))
    arguments = parser.parse_args()
    install_default_format()
    application = QApplication(["pictures"])
    for shot in SHOTS:
        if arguments.only in (None, shot.name):
            take(shot, arguments.clip, arguments.out, arguments.theme or shot.theme)
    application.quit()


if __name__ == "__main__":
    main()
