#!/usr/bin/env python3
"""Makes docs/pictures/overlays-*.jpg: every layer over the demo clip, from the real window, in both themes.

    python dev/with_xvfb.py python dev/overlay_pictures.py [CLIP] [--only NAME] [--out DIR]

 The pictures named "stand-in" show maps made from the truth file beside the clip, to show
how a layer looks; everything else is what the program itself finds in the clip.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.geometry.sphere import direction, equirect_directions
from panosod_core.synth.truth import DemoTruth, load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import parse_arguments
from panosod_viewer.layers import Comparison, LayerChoices, SourceId
from panosod_viewer.overlays import Cap, LabelCanvas, MapImage, label_image
from panosod_viewer.overlays import Path as Line
from panosod_viewer.palettes import LabelDisplay, LabelLook
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
AT_S, INDEX = 1.0, 30
WIDTH, HEIGHT = 1180, 760
QUALITY = 80
SETTLE_S = 4.0
"""For truth and sound to be read and the waveform to be drawn, on a busy machine too."""


@dataclass(frozen=True)
class Shot:
    """One picture: what is asked of the window before it is taken."""

    name: str
    arrange: Callable[[Viewer, DemoTruth], None]
    look_deg: tuple[float, float, float] = (40.0, 8.0, 95.0)
    has_model: bool = False


def stand_in(truth: DemoTruth, object_id: int, *, spread: float, shift_deg: float = 0.0) -> MapImage:
    """A map that looks like a model's: the truth's object, blurred. For pictures that say so."""
    d = equirect_directions(416, 208)
    centre = truth.direction(object_id, INDEX)
    azimuth = np.arctan2(centre[1], centre[0]) + np.radians(shift_deg)
    moved = direction(azimuth, np.arcsin(centre[2]))
    return MapImage(
        np.round(255 / (1 + np.exp(np.minimum((1 - d @ moved - 0.010) / spread, 50.0)))).astype(np.uint8),
        unit="probability",
    )


def show(viewer: Viewer, names: tuple[str, ...], **choices: object) -> None:
    """Open these eyes and no others."""
    viewer.state.set_layers(replace(LayerChoices().showing(names), **choices))  # type: ignore[arg-type]  # by name


def energy(viewer: Viewer, _truth: DemoTruth) -> None:
    """The energy map of the moment."""
    show(viewer, ("energy",))


def truth_contour(viewer: Viewer, _truth: DemoTruth) -> None:
    """The truth beside the clip, in the view and on the map."""
    show(viewer, ("truth",))
    viewer.state.set_layout(ViewLayout.SPLIT)


def saliency(viewer: Viewer, truth: DemoTruth) -> None:
    """Saliency, soft, with its contour (stand-in)."""
    show(viewer, ("saliency",))
    viewer.state.show_pictures(saliency=stand_in(truth, 1, spread=0.002))


def location(viewer: Viewer, truth: DemoTruth) -> None:
    """A location map with its peak (stand-in)."""
    show(viewer, ("location",))
    d = equirect_directions(26, 13)
    values = np.exp(6 * (d @ truth.direction(1, INDEX) - 1)).astype(np.float32)
    from panosod_core.inference.map_record import map_record

    record = map_record(INDEX, pts=0, time_s=AT_S, saliency=np.zeros((104, 208), np.uint8), location=values)
    viewer.overlays.set_maps(record)


def annotation(viewer: Viewer, truth: DemoTruth) -> None:
    """Objects tinted, one selected, the brush and a polygon."""
    choices = LayerChoices().showing(("annotation",))
    viewer.state.set_layers(choices)
    centre = truth.direction(4, INDEX)
    x, y, z = (float(c) for c in direction(np.arctan2(centre[1], centre[0]) + 0.25, np.arcsin(centre[2]) - 0.25))
    corners = direction(np.radians([45.0, 68.0, 70.0, 50.0]), np.radians([-4.0, -2.0, 22.0, 24.0]))
    viewer.state.show_pictures(
        annotation=LabelCanvas(np.ascontiguousarray(truth.mask(INDEX))).image(),
        annotation_look=LabelLook(selected=frozenset({1})),
        cursor=Cap((x, y, z), float(np.radians(7.0))),
        paths=(Line(corners, is_closed=True, has_points=True),),
    )


def cut_out(viewer: Viewer, truth: DemoTruth) -> None:
    """Only the objects."""
    from panosod_viewer.layers import LayerId

    viewer.state.set_layers(
        LayerChoices().showing(("annotation",)).with_layer(LayerId.ANNOTATION, display=LabelDisplay.CUT_OUT)
    )
    viewer.state.show_pictures(annotation=label_image(np.ascontiguousarray(truth.mask(INDEX))))


def onion(viewer: Viewer, truth: DemoTruth) -> None:
    """The objects a second before and after."""
    show(viewer, ("onion", "annotation"))
    viewer.state.show_pictures(
        annotation=label_image(np.ascontiguousarray(truth.mask(INDEX))),
        onion=tuple(label_image(np.ascontiguousarray(truth.mask(INDEX + step))) for step in (-30, 30)),
    )


def _sounding_only(viewer: Viewer, truth: DemoTruth) -> None:
    """A stand-in five degrees beside the truth, and the truth."""
    viewer.state.show_pictures(
        saliency=stand_in(truth, 1, spread=0.002, shift_deg=5.0),
        truth=label_image(np.ascontiguousarray(truth.mask(INDEX) == 1).astype(np.uint8)),
    )


def difference(viewer: Viewer, truth: DemoTruth) -> None:
    """Hit, miss and false alarm."""
    show(viewer, (), comparison=Comparison.DIFFERENCE)
    _sounding_only(viewer, truth)


def split(viewer: Viewer, truth: DemoTruth) -> None:
    """A line between model and truth."""
    show(viewer, (), comparison=Comparison.SPLIT, split=0.36)
    _sounding_only(viewer, truth)


def side_by_side(viewer: Viewer, truth: DemoTruth) -> None:
    """Model and truth beside each other."""
    show(viewer, (), comparison=Comparison.SIDE_BY_SIDE)
    _sounding_only(viewer, truth)


def second(viewer: Viewer, truth: DemoTruth) -> None:
    """A line between two models."""
    show(viewer, (), comparison=Comparison.SPLIT, second=SourceId.SECOND, split=0.36, is_binary=True)
    viewer.state.show_pictures(
        saliency=stand_in(truth, 1, spread=0.002), second=stand_in(truth, 1, spread=0.002, shift_deg=-6.0)
    )


def model(viewer: Viewer, _truth: DemoTruth) -> None:
    """What the model that comes along makes of the frame, beside the truth."""
    show(viewer, ("saliency", "location", "truth"))
    for _ in range(240):
        if viewer.state.wish.pictures.saliency is not None:
            return
        wait(0.25)
    raise SystemExit("the model gave no map within a minute")


SHOTS = (
    Shot("model", model, has_model=True),
    Shot("energy", energy),
    Shot("truth", truth_contour),
    Shot("saliency-stand-in", saliency),
    Shot("location-stand-in", location),
    Shot("annotation", annotation),
    Shot("cut-out", cut_out),
    Shot("onion", onion),
    Shot("difference-stand-in", difference),
    Shot("split-stand-in", split),
    Shot("side-stand-in", side_by_side),
    Shot("second-stand-in", second),
)


def wait(seconds: float) -> None:
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def taken(clip: Path, shot: Shot, theme: str, settings: Path) -> QImage:
    """One picture of the window in one theme."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    words = f"--paused --at {AT_S} --device none --theme {theme}".split()
    words += [] if shot.has_model else ["--model", "none"]
    arguments = parse_arguments([*words, "--settings", str(settings), str(clip)])
    viewer = Viewer(application, arguments)
    opener = ClipOpener(clip, at_s=AT_S)
    opener.start()
    viewer.window.resize(WIDTH, HEIGHT)
    viewer.start(opener)
    viewer.window.show_layers(True)
    wait(2.5)
    azimuth, elevation, fov = (float(np.radians(angle)) for angle in shot.look_deg)
    viewer.state.set_layout(ViewLayout.LOOK)
    viewer.state.set_look(View(azimuth, elevation, 0.0, fov, ViewProjection.PERSPECTIVE))
    shot.arrange(viewer, load_truth(clip))
    wait(SETTLE_S)
    picture = viewer.window.grab().toImage()
    viewer.close()
    window = viewer.window
    viewer.deleteLater()
    window.deleteLater()
    wait(0.1)
    return picture


def beside(left: QImage, right: QImage) -> QImage:
    """Both themes in one picture."""
    whole = QImage(left.width() + right.width(), max(left.height(), right.height()), QImage.Format.Format_RGB888)
    painter = QPainter(whole)
    painter.drawImage(0, 0, left)
    painter.drawImage(left.width(), 0, right)
    painter.end()
    return whole


def main() -> None:
    """Take all pictures, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args()
    install_default_format()
    application = QApplication(["panosod"])
    settings = ROOT / ".build" / "overlay-pictures.toml"
    for shot in SHOTS:
        if options.only and options.only not in shot.name:
            continue
        settings.unlink(missing_ok=True)
        both = beside(*(taken(options.clip, shot, theme, settings) for theme in ("dark", "light")))
        path = options.out / f"overlays-{shot.name}.jpg"
        if not both.save(str(path), "JPG", QUALITY):
            raise SystemExit(f"{path} cannot be written")
        print(path, both.width(), both.height(), path.stat().st_size // 1024, "KB")
    application.quit()


if __name__ == "__main__":
    main()
