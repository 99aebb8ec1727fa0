"""Every layer in the real window, light and dark: pixel for pixel what the renderer draws without a window."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import direction, equirect_directions
from panosod_core.inference.map_record import map_record
from panosod_core.synth.truth import load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.layers import Comparison, LayerChoices
from panosod_viewer.overlays import Cap, LabelCanvas, Overlays, label_image
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.resolving import resolve_scene
from panosod_viewer.scene import RenderScene
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip

pytestmark = pytest.mark.gl
SECONDS = 60_000
LAYERS: dict[str, Callable[[LayerChoices], LayerChoices]] = {
    "saliency": lambda c: c.showing(("saliency",)),
    "saliency, binary, adaptive": lambda c: replace(c.showing(("saliency",)), is_binary=True, threshold=0.3),
    "location": lambda c: c.showing(("location",)),
    "energy": lambda c: c.showing(("energy",)),
    "truth": lambda c: c.showing(("truth",)),
    "annotation": lambda c: c.showing(("annotation",)),
    "onion": lambda c: c.showing(("onion",)),
    "side by side": lambda c: replace(c.showing(()), comparison=Comparison.SIDE_BY_SIDE),
    "difference": lambda c: replace(c.showing(()), comparison=Comparison.DIFFERENCE),
    "split": lambda c: replace(c.showing(()), comparison=Comparison.SPLIT, split=0.4),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=1.0)


@pytest.fixture
def look_kept(qapp: QApplication) -> Iterator[None]:
    palette, sheet, style = qapp.palette(), qapp.styleSheet(), qapp.style().objectName()
    yield
    qapp.setStyleSheet(sheet)
    qapp.setStyle(style)
    qapp.setPalette(palette)


def filled(viewer: Viewer, clip: Path) -> None:
    """Something of everything, known to the last pixel."""
    truth, frame = load_truth(clip), viewer.player.frame
    assert frame is not None
    toward = direction(0.6, 0.1)
    level = equirect_directions(208, 104) @ toward
    record = map_record(
        frame.index,
        pts=0,
        time_s=frame.time_s,
        saliency=np.round(255 / (1 + np.exp((0.97 - level) / 0.01))).astype(np.uint8),
        location=np.exp(8 * (equirect_directions(26, 13) @ toward - 1)).astype(np.float32),
    )
    viewer.overlays.set_maps(record)
    viewer.overlays.set_second_maps(record)
    masks = [np.ascontiguousarray(truth.mask(index)) for index in (2, 12, 22)]
    viewer.state.show_pictures(
        truth=label_image(masks[1]),
        annotation=LabelCanvas(masks[1].copy()).image(),
        onion=(label_image(masks[0]), label_image(masks[2])),
        cursor=Cap((1.0, 0.0, 0.0), 0.2),
        energy=replace(viewer.state.wish.pictures.saliency, unit="dBFS", low=-40.0, high=-20.0),
        energy_mark=viewer.state.wish.pictures.location_mark,
    )


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def drawn(scene: RenderScene, size: tuple[int, int]) -> np.ndarray:
    with HeadlessContext(*size) as context:
        return context.render(scene).astype(int)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_window_shows_every_layer_as_it_is_drawn_without_one(
    qtbot, gl_screen, headless: None, look_kept: None, clip: Path, tmp_path: Path, theme: str
) -> None:
    arguments = Arguments(
        settings=tmp_path / "s.toml", device="none", model="none", play=False, size=(400, 240), theme=theme
    )
    viewer = Viewer(QApplication.instance(), arguments)
    try:
        opener = ClipOpener(clip, at_s=0.4)
        opener.start()
        viewer.start(opener)
        qtbot.addWidget(viewer.window)
        qtbot.waitUntil(lambda: viewer.player.frame is not None, timeout=SECONDS)
        viewer.state.set_look(View(yaw_rad=0.4, pitch_rad=0.05, fov_rad=np.radians(110)))
        view = viewer.window.page.view
        for name, chosen in LAYERS.items():
            viewer.state.set_layers(chosen(LayerChoices()))
            filled(viewer, clip)
            shown = pixels(view.grabFramebuffer())
            size = shown.shape[1], shown.shape[0]
            scene = resolve_scene(viewer.state.wish, aspect=view.width() / view.height())
            bare = drawn(replace(scene, overlays=Overlays()), size)
            # Two contexts of the same software renderer: at most rounding differs.
            difference = np.abs(shown - drawn(scene, size)).max(axis=-1)
            assert (difference > 3).mean() < 0.002, f"{name} in {theme}: {(difference > 3).sum()} pixels differ"
            assert (np.abs(shown - bare).max(axis=-1) > 12).mean() > 0.002, f"{name} in {theme} shows nothing"
    finally:
        viewer.close()
