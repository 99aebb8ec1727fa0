#!/usr/bin/env python3
"""Makes docs/pictures/{model,timeline,viewer}.jpg: the whole window over the demo clip, with all of the model's maps.

    python dev/with_xvfb.py python dev/window_pictures.py [CLIP] [--only NAME] [--out DIR]

The shipped model looks at every frame first. Nothing of it touches this person's own cache, models or settings.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from waiting import rest, until

from panosod_core.geometry.projection import View, ViewProjection
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import parse_arguments
from panosod_viewer.layers import LayerChoices, LayerId
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
OWN_PLACES = ("PANOSOD_MODELS", "PANOSOD_JOBS", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
QUALITY = 82
SETTLE_S = 4.0
"""For the rows of the time line to be worked out."""


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    at_s: float
    size: tuple[int, int]
    look_deg: tuple[float, float, float]
    arrange: Callable[[Viewer], None]
    has_model: bool = True


def press(viewer: Viewer, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key, in the picture."""
    QTest.keyClick(viewer.window.page.view, key, modifiers)
    QApplication.processEvents()


def twins(viewer: Viewer) -> None:
    """The mask as a contour on the twin that sounds, where the sound comes from, the time line."""
    choices = LayerChoices().showing(("saliency", "location"))
    viewer.state.set_layers(choices.with_layer(LayerId.SALIENCY, opacity=0.3))
    press(viewer, Qt.Key.Key_T, CONTROL)


def time_line(viewer: Viewer) -> None:
    """Mask and time line."""
    viewer.state.set_layers(LayerChoices().showing(("saliency",)))
    press(viewer, Qt.Key.Key_T, CONTROL)


def both_views(viewer: Viewer) -> None:
    """The view and the map, with a loop."""
    viewer.state.set_layers(LayerChoices().showing(()))
    press(viewer, Qt.Key.Key_3, CONTROL)
    shown = viewer.player
    for seconds, key in ((5.6, Qt.Key.Key_I), (8.1, Qt.Key.Key_O), (6.2, None)):
        shown.seek(seconds)
        rest(1.0)
        if key is not None:
            press(viewer, key)


SHOTS = (
    Shot("model", 4.0, (1180, 760), (0.0, 5.0, 112.0), twins),
    Shot("timeline", 8.6, (1180, 600), (-110.0, 0.0, 90.0), time_line),
    Shot("viewer", 6.2, (1180, 560), (35.0, -8.0, 95.0), both_views, has_model=False),
)


def take(shot: Shot, clip: Path, settings: Path, out: Path) -> None:
    """One picture."""
    application = QApplication.instance() or QApplication(["panosod"])
    assert isinstance(application, QApplication)
    words = f"--paused --at {shot.at_s} --device none --theme dark --size {shot.size[0]}x{shot.size[1]}".split()
    words += [] if shot.has_model else ["--model", "none"]
    viewer = Viewer(application, parse_arguments([*words, "--settings", str(settings), str(clip)]))
    opener = ClipOpener(clip, at_s=shot.at_s)
    opener.start()
    viewer.start(opener)
    viewer.window.activateWindow()
    until(lambda: viewer.player.frame is not None and viewer.window.page.view.isValid())
    azimuth, elevation, fov = (float(np.radians(angle)) for angle in shot.look_deg)
    viewer.state.set_look(View(azimuth, elevation, 0.0, fov, ViewProjection.PERSPECTIVE))
    shot.arrange(viewer)
    if shot.has_model:
        until(lambda: viewer.state.wish.pictures.saliency is not None)
    rest(SETTLE_S)
    viewer.window.notices.clear()
    rest(0.5)
    path = out / f"{shot.name}.jpg"
    picture = viewer.window.grab().toImage()
    if not picture.save(str(path), quality=QUALITY):
        raise SystemExit(f"{path} cannot be written")
    print(path, picture.width(), picture.height(), path.stat().st_size // 1024, "KB", flush=True)
    viewer.close()
    rest(0.5)


def main() -> None:
    """Take all pictures, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    install_default_format()
    with tempfile.TemporaryDirectory() as name:
        os.environ.update({place: str(Path(name) / place.lower()) for place in OWN_PLACES})
        # As the window asks: it finds every map in the cache.
        subprocess.run([sys.executable, "-m", "panosod_core.cli.main", "predict", str(options.clip)], check=True)
        for shot in SHOTS:
            if options.only in shot.name:
                take(shot, options.clip, Path(name) / f"{shot.name}.toml", options.out)


if __name__ == "__main__":
    main()
