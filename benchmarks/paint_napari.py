"""The strokes of benchmarks/paint.py on napari's labels layer: the same pixels, the same diameter in pixels.

    python -m venv /tmp/napari && /tmp/napari/bin/pip install 'napari[pyside6]==0.9.2'
    xvfb-run -a /tmp/napari/bin/python benchmarks/paint_napari.py STROKES.json   # prints milliseconds as JSON

Runs in an environment of its own and needs nothing of panosod. STROKES.json: ``size`` [width, height] of the labels,
``canvas`` the same of the picture on the screen, ``diameter_px``, ``strokes`` by place: lists of [x, y], label pixels.

As there, for every move of the pointer: from the event's delivery until the texture of the labels holds the new pixels
(vispy's queue flushed, glFinish), and the painting that follows; at the end of a stroke how long the window is blocked.
napari keeps nothing on the disk.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Bench:
    def __init__(self, size: tuple[int, int], canvas: tuple[int, int], diameter_px: int) -> None:
        width, height = size
        self.viewer = napari.Viewer()
        across = np.linspace(0, 255, width, dtype=np.uint8)
        picture = np.repeat(np.broadcast_to(across, (height, width))[..., None], 3, axis=2)
        self.viewer.add_image(np.ascontiguousarray(picture), rgb=True)
        self.layer = self.viewer.add_labels(np.zeros((height, width), np.uint8))
        self.layer.mode = "paint"
        self.layer.selected_label = 1
        self.layer.brush_size = diameter_px
        self.canvas = self.viewer.window._qt_viewer.canvas  # napari has no public door to its canvas
        self.native = self.canvas.native
        self.native.setFixedSize(*canvas)
        for _ in range(20):
            QApplication.processEvents()
        self.viewer.reset_view()
        self.paint_ms()

    def at(self, x: float, y: float) -> QPointF:
        """Where a label pixel is on the canvas."""
        transform = self.canvas.view.scene.node_transform(self.canvas._scene_canvas.scene)
        there = transform.map([x, y])
        return QPointF(float(there[0] / there[3]), float(there[1] / there[3]))

    def send(self, kind: QEvent.Type, there: QPointF, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        event = QMouseEvent(
            kind, there, self.native.mapToGlobal(there), button, buttons, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(self.native, event)

    def upload(self) -> None:
        scene = self.canvas._scene_canvas
        scene.set_current()
        scene.context.flush_commands()
        gl.glFinish()

    def paint_ms(self) -> float:
        start = time.perf_counter()
        painted = False

        def note(_event: object) -> None:
            nonlocal painted
            painted = True

        scene = self.canvas._scene_canvas
        scene.events.draw.connect(note, position="last")
        self.native.update()
        until(lambda: painted)
        gl.glFinish()
        scene.events.draw.disconnect(note)
        return 1000 * (time.perf_counter() - start)

    def stroke(self, points: list[tuple[float, float]], figures: dict[str, list[float]]) -> None:
        places = [self.at(*point) for point in points]
        self.send(QEvent.Type.MouseMove, places[0], NONE, NONE)
        self.send(QEvent.Type.MouseButtonPress, places[0], LEFT, LEFT)
        self.upload()
        self.paint_ms()
        for there in places[1:]:
            start = time.perf_counter()
            self.send(QEvent.Type.MouseMove, there, NONE, LEFT)
            figures["handling"].append(1000 * (time.perf_counter() - start))
            self.upload()
            figures["to_texture"].append(1000 * (time.perf_counter() - start))
            figures["frame"].append(self.paint_ms())
        start, cpu = time.perf_counter(), time.thread_time()
        self.send(QEvent.Type.MouseButtonRelease, places[-1], LEFT, NONE)
        figures["blocked"].append(1000 * (time.perf_counter() - start))
        figures["blocked_cpu"].append(1000 * (time.thread_time() - cpu))


def until(condition: Callable[[], bool], *, limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        QApplication.processEvents()
        if time.monotonic() > end:
            raise TimeoutError


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("strokes", type=Path)
    arguments = parser.parse_args()
    wanted = json.loads(arguments.strokes.read_text())
    bench = Bench(tuple(wanted["size"]), tuple(wanted["canvas"]), wanted["diameter_px"])
    bare = statistics.median(bench.paint_ms() for _ in range(20))
    names = ("to_texture", "handling", "frame", "blocked", "blocked_cpu")
    found: dict[str, dict[str, list[float]]] = {}
    painted = []
    for place, strokes in wanted["strokes"].items():
        found[place] = {name: [] for name in names}
        for points in strokes:
            bench.layer.data[:] = 0
            bench.stroke(points, found[place])
            painted.append(int(np.count_nonzero(bench.layer.data)))
    if not all(painted):
        sys.exit(f"napari painted nothing in {painted.count(0)} of {len(painted)} strokes")
    versions = {name: version(name) for name in ("napari", "vispy", "PySide6", "numpy")}
    print(json.dumps({"places": found, "bare": bare, "painted_px": painted, "versions": versions}))


if __name__ == "__main__":
    main()
