"""What one painted frame costs: the draw alone, in a QOpenGLWidget, and in a QOpenGLWindow within a container.

    python benchmarks/draw_cost.py [--size 1280x720] [--frames 150]

Prints CPU milliseconds a frame of this process (all threads; the figure to trust on a shared machine) and wall frames
a second. A new picture is uploaded for every frame. Needs a display, or Xvfb (QT_QPA_PLATFORM=xcb).
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from PySide6.QtCore import QCoreApplication, QEventLoop
from PySide6.QtOpenGL import QOpenGLWindow
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.render.sphere_renderer import SphereRenderer
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.scene import Pane, RenderScene

WAIT = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
"""Sleep until there is something to do: a loop that turns meanwhile would be counted as the cost of drawing."""
PICTURES = {"1920x960": (1920, 960), "3840x1920": (3840, 1920)}


def noise_frame(width: int, height: int) -> VideoFrame:
    rng = np.random.default_rng(0)
    planes = [rng.integers(16, 236, (height >> s, width >> s), dtype=np.uint8) for s in (0, 1, 1)]
    layout = PixelLayout("yuv420p", "yuv", (1, 1), 8)
    return VideoFrame(
        0,
        0,
        Fraction(1, 30),
        0.0,
        1 / 30,
        width,
        height,
        tuple(planes),
        layout,
        Matrix.BT709,
        Range.LIMITED,
        Transfer.SDR,
    )


def scenes(frame: VideoFrame, *, upload: bool, scale: float) -> Callable[[int], RenderScene]:
    def scene(index: int) -> RenderScene:
        shown = replace(frame, index=index) if upload else frame
        return RenderScene(shown, PictureGeometry(), (Pane(view=View(0.01 * index)),), render_scale=scale)

    return scene


def timed(paint: Callable[[int], None], frames: int) -> tuple[float, float]:
    for index in range(10):
        paint(index)
    wall, cpu = time.perf_counter(), time.process_time()
    for index in range(frames):
        paint(index)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1000 * cpu / frames, frames / wall


class Window(QOpenGLWindow):
    """The alternative: a native GL window with the same renderer."""

    def __init__(self) -> None:
        super().__init__()
        self.renderer = SphereRenderer()
        self.scene: RenderScene | None = None
        self.painted = 0

    def initializeGL(self) -> None:  # noqa: N802 - Qt's name
        self.renderer.initialise()

    def paintGL(self) -> None:  # noqa: N802 - Qt's name
        if self.scene is not None:
            self.renderer.draw(
                self.scene, size_px=(self.width(), self.height()), target_fbo=self.defaultFramebufferObject()
            )
        self.painted += 1


def in_widget(size: tuple[int, int], scene: Callable[[int], RenderScene], frames: int) -> tuple[float, float]:
    view = GLView()
    swapped = [0]
    view.frameSwapped.connect(lambda: swapped.__setitem__(0, swapped[0] + 1))
    view.resize(*size)
    view.show()

    def paint(index: int) -> None:
        before = swapped[0]
        view.set_scene(scene(index))
        while swapped[0] == before:
            QCoreApplication.processEvents(WAIT)

    result = timed(paint, frames)
    view.close()
    return result


def in_window(size: tuple[int, int], scene: Callable[[int], RenderScene], frames: int) -> tuple[float, float]:
    window, holder = Window(), QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(QWidget.createWindowContainer(window))
    swapped = [0]
    window.frameSwapped.connect(lambda: swapped.__setitem__(0, swapped[0] + 1))
    holder.resize(*size)
    holder.show()
    while not window.isExposed():
        QCoreApplication.processEvents()

    def paint(index: int) -> None:
        before = swapped[0]
        window.scene = scene(index)
        window.update()
        while swapped[0] == before:
            QCoreApplication.processEvents(WAIT)

    result = timed(paint, frames)
    window.makeCurrent()
    window.renderer.release()
    window.doneCurrent()
    holder.close()
    return result


def alone(size: tuple[int, int], scene: Callable[[int], RenderScene], frames: int) -> tuple[float, float]:
    from panosod_viewer.render import gl

    with HeadlessContext(*size) as context:
        renderer = SphereRenderer()
        renderer.initialise()

        def paint(index: int) -> None:
            renderer.draw(scene(index), size_px=size, target_fbo=context.fbo)
            gl.glFinish()

        result = timed(paint, frames)
        renderer.release()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=150)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    ways = {"draw alone (EGL)": alone, "QOpenGLWidget": in_widget, "QOpenGLWindow in container": in_window}
    rows = {}
    for way, measure in ways.items():
        if way == "QOpenGLWidget":
            install_default_format()
            application = QApplication.instance() or QApplication([])
            assert application is not None
        for name, picture in PICTURES.items():
            for scale in (1.0, 0.5):
                scene = scenes(noise_frame(*picture), upload=True, scale=scale)
                rows[way, name, scale] = measure((width, height), scene, options.frames)
    print(f"{width}x{height}, {options.frames} frames, a new picture each")
    print("| how | picture | render scale | CPU ms/frame | frames/s |\n|---|---|---|---|---|")
    for (way, name, scale), (cpu_ms, fps) in rows.items():
        print(f"| {way} | {name} | {scale:g} | {cpu_ms:.1f} | {fps:.1f} |")


if __name__ == "__main__":
    main()
