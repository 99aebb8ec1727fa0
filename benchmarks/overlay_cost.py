"""What overlays add to a frame: CPU time with each layer against none, frame by frame in turn, in the same run.

    python benchmarks/overlay_cost.py [--size 1280x720] [--frames 120] [--write]

CPU milliseconds of this process (all threads: on a software renderer that is the drawing itself), medians. A picture
of 1920x960 is uploaded for every frame and the view goes once round, so that every layer is seen and not seen as often
as it lies about the sphere. "Alone" is the draw into a framebuffer, "in the window" a painted frame of the widget,
which is what a person waits for. ``--write`` puts the table into the page benchmarks/results/overlay_cost.md, whose
prose stays. Needs Xvfb or a display (QT_QPA_PLATFORM=xcb).
"""

import argparse
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from draw_cost import WAIT, noise_frame
from pages import put_measured, system
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.geometry.sphere import direction, equirect_directions
from panosod_viewer.layers import (
    Comparison,
    LayerChoices,
    LayerId,
    LayerPictures,
    SourceId,
    resolve_layers,
)
from panosod_viewer.overlays import Cap, LabelCanvas, MapImage, Overlays, label_image
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.render.sphere_renderer import SphereRenderer
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.scene import Pane, RenderScene
from panosod_viewer.workers.energy_picture import RANGE_DB, EnergyPainter

RESULTS = Path(__file__).parent / "results" / "overlay_cost.md"
MAP_VIEW = View(fov_rad=2 * np.pi, projection=ViewProjection.EQUIRECT)
OBJECTS_DEG = ((58, 9, 8), (-58, 9, 8), (176, -8, 7), (-2, 26, 7), (100, 38, 9.5), (-107, -6, 9.5))
"""Azimuth, elevation and radius of six discs: where the demo clip's objects lie in its first second."""
Paint = Callable[[RenderScene], None]


def discs(width: int, height: int, which: int = 6) -> np.ndarray:
    d, labels = equirect_directions(width, height), np.zeros((height, width), np.uint8)
    for number, (azimuth, elevation, radius) in enumerate(OBJECTS_DEG[:which], start=1):
        centre = direction(np.radians(azimuth), np.radians(elevation))
        labels[d @ centre > np.cos(np.radians(radius))] = number
    return labels


def blob(width: int, height: int, *, tightness: float, noise: float) -> np.ndarray:
    azimuth, elevation, _ = OBJECTS_DEG[0]
    centre = direction(np.radians(azimuth), np.radians(elevation))
    value = np.exp(-tightness * (1 - equirect_directions(width, height) @ centre))
    value += noise * np.random.default_rng(0).random(value.shape)
    return np.round(255 * np.clip(value, 0, 1)).astype(np.uint8)


def pictures() -> LayerPictures:
    rng = np.random.default_rng(1)
    wave = encode_plane_wave(0.2 * rng.standard_normal(9600), direction(1.0, 0.15))
    energy = EnergyPainter(order=1, R_world_picture=np.eye(3)).painted(wave, time_s=0.0)
    assert energy.levels is not None
    return LayerPictures(
        saliency=MapImage(blob(416, 208, tightness=150.0, noise=0.04)),
        second=MapImage(blob(416, 208, tightness=80.0, noise=0.04)),
        location=MapImage(blob(26, 13, tightness=12.0, noise=0.0)),
        energy=MapImage(energy.levels, energy.peak_db - RANGE_DB, energy.peak_db, "dBFS"),
        truth=label_image(discs(1920, 960)),
        annotation=LabelCanvas(discs(3840, 1920)).image(),
    )


def cases() -> dict[str, Callable[[], Overlays]]:
    made, plain = pictures(), LayerChoices().showing(())
    saliency, truth = plain.showing(("saliency",)), plain.showing(("truth",))
    every = LayerChoices().showing([layer.value for layer in LayerId])
    second = replace(plain, comparison=Comparison.SPLIT, second=SourceId.SECOND)
    fixed = {
        "saliency, soft with contour": resolve_layers(saliency, made),
        "saliency, binary with contour": resolve_layers(replace(saliency, is_binary=True), made),
        "sound location": resolve_layers(plain.showing(("location",)), made),
        "sound energy": resolve_layers(plain.showing(("energy",)), made),
        "ground truth, 6 contours": resolve_layers(truth, made),
        "annotation 3840x1920, 6 tints": resolve_layers(plain.showing(("annotation",)), made),
        "difference model / truth": resolve_layers(replace(plain, comparison=Comparison.DIFFERENCE), made),
        "split line, two models": resolve_layers(second, made),
        "brush outline": Overlays(cursor=Cap((1.0, 0.0, 0.0), 0.1)),
        "saliency and truth": resolve_layers(plain.showing(("saliency", "truth")), made),
        "all at once": resolve_layers(every, made),
    }

    def new_saliency() -> Overlays:
        assert made.saliency is not None
        return resolve_layers(saliency, replace(made, saliency=MapImage(made.saliency.values)))

    def new_truth() -> Overlays:
        assert made.truth is not None
        return resolve_layers(truth, replace(made, truth=label_image(made.truth.labels)))

    def kept(overlays: Overlays) -> Callable[[], Overlays]:
        return lambda: overlays

    still = {name: kept(overlays) for name, overlays in fixed.items()}
    return still | {"saliency, a new map each frame": new_saliency, "truth 1920x960, new each frame": new_truth}


def turned(view: View, index: int, frames: int) -> View:
    return view.turned(yaw_rad=2 * np.pi * index / frames)


def compared(paint: Paint, view: View, frames: int) -> dict[str, tuple[float, float]]:
    """Median CPU ms of (none, with) for each case; the two take turns."""
    frame, found = noise_frame(1920, 960), {}
    number = 0
    for name, overlays in cases().items():
        times: tuple[list[float], list[float]] = ([], [])
        for index in range(-12, frames):
            pane = (Pane(view=turned(view, index, frames if index >= 0 else 12)),)
            for which, shown in enumerate((Overlays(), overlays())):
                number += 1
                scene = RenderScene(replace(frame, index=number), PictureGeometry(), pane, overlays=shown)
                began = time.process_time()
                paint(scene)
                # The first round is for the shader compiler.
                if index >= 0:
                    times[which].append(1000 * (time.process_time() - began))
        # The mean over the turn, as layers lie unevenly about the sphere; of pairs whose none is near its median.
        usual = statistics.median(times[0])
        kept = [i for i, t in enumerate(times[0]) if t < 1.5 * usual]
        without, with_it = (statistics.fmean([side[i] for i in kept]) for side in times)
        found[name] = without, with_it
    return found


def alone(size: tuple[int, int], view: View, frames: int) -> dict[str, tuple[float, float]]:
    from panosod_viewer.render import gl

    with HeadlessContext(*size) as context:
        renderer = SphereRenderer()
        renderer.initialise()

        def paint(scene: RenderScene) -> None:
            renderer.draw(scene, size_px=size, target_fbo=context.fbo)
            gl.glFinish()

        result = compared(paint, view, frames)
        renderer.release()
        print(context.description)
    return result


def in_widget(size: tuple[int, int], view: View, frames: int) -> dict[str, tuple[float, float]]:
    widget, swapped = GLView(), [0]
    widget.frameSwapped.connect(lambda: swapped.__setitem__(0, swapped[0] + 1))
    widget.resize(*size)
    widget.show()

    def paint(scene: RenderScene) -> None:
        before = swapped[0]
        widget.set_scene(scene)
        while swapped[0] == before:
            QCoreApplication.processEvents(WAIT)

    result = compared(paint, view, frames)
    widget.close()
    return result


def table(rows: dict[str, dict[str, tuple[float, float]]]) -> str:
    columns = list(rows)
    lines = ["| layer | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in next(iter(rows.values())):
        cells = [
            f"{none:.1f} → {some:.1f} ({100 * (some / none - 1):+.0f} %)"
            for none, some in (r[name] for r in rows.values())
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    rows = {
        "look, alone": alone((width, height), View(), options.frames),
        "flat map, alone": alone((width, height), MAP_VIEW, options.frames),
    }
    install_default_format()
    application = QApplication.instance() or QApplication([])
    assert application is not None
    rows["look, in the window"] = in_widget((width, height), View(), options.frames)
    told = f"{width}x{height}, {options.frames} pairs of frames a layer, CPU ms a frame: none → with (change)"
    text = f"{told}\n\n{table(rows)}\n"
    print(text)
    if options.write:
        when = f"{datetime.date.today()}, load {os.getloadavg()[1]:.1f} in five minutes"
        machine = f"{system()}, Python {platform.python_version()}, Mesa llvmpipe, {os.cpu_count()} cores, {when}."
        put_measured(RESULTS, f"{text}\n{machine}")


if __name__ == "__main__":
    main()
