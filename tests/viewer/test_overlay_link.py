"""Layers in the whole window: truth, energy, the model's maps, keys, read-out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.sphere import angle_between, equirect_directions
from panosod_core.inference.map_record import map_record
from panosod_core.synth.truth import load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.layers import Comparison, LayerId
from panosod_viewer.overlays import label_image
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip

pytestmark = pytest.mark.gl
SECONDS = 60_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=2.0)


@pytest.fixture
def opened(qtbot, gl_screen, theme_kept, tmp_path: Path) -> Iterator[Callable[..., Viewer]]:
    """Opens a viewer on a clip, paused at a second, and waits for its picture."""
    viewers = []

    def made(clip: Path, *, at_s: float = 0.6, **words) -> Viewer:
        words = {"device": "none", "model": "none", "play": False, "size": (480, 270)} | words
        viewer = Viewer(QApplication.instance(), Arguments(settings=tmp_path / "s.toml", **words))
        viewers.append(viewer)
        opener = ClipOpener(clip, at_s=at_s)
        opener.start()
        viewer.start(opener)
        qtbot.addWidget(viewer.window)
        with qtbot.waitExposed(viewer.window):
            viewer.window.activateWindow()
        qtbot.waitUntil(lambda: viewer.player.frame is not None, timeout=SECONDS)
        return viewer

    yield made
    for viewer in viewers:
        viewer.close()


@pytest.fixture
def theme_kept(qapp) -> Iterator[None]:
    palette, sheet, style = qapp.palette(), qapp.styleSheet(), qapp.style().objectName()
    yield
    qapp.setStyleSheet(sheet)
    qapp.setStyle(style)
    qapp.setPalette(palette)


def loud_s(clip: Path) -> float:
    """A moment in the middle of one object's sound."""
    truth = load_truth(clip)
    around = range(-4, 5)
    index = next(
        i for i in range(4, 50) if len({truth.sounding(i + k) for k in around}) == 1 and len(truth.sounding(i)) == 1
    )
    return index / float(truth.header.fps) + 0.001


def pictures(viewer: Viewer):
    return viewer.state.wish.pictures


def test_truth_beside_the_clip_follows_the_frame(opened, qtbot, clip: Path) -> None:
    viewer = opened(clip, layers=("truth",))
    truth = load_truth(clip)
    for _ in range(2):
        index = viewer.player.frame.index
        qtbot.waitUntil(
            lambda index=index: (
                pictures(viewer).truth is not None and np.array_equal(pictures(viewer).truth.labels, truth.mask(index))
            ),
            timeout=SECONDS,
        )
        viewer.player.step(1)
        qtbot.waitUntil(lambda index=index: viewer.player.frame.index == index + 1, timeout=SECONDS)
    viewer.session.close()
    assert pictures(viewer).truth is None


def test_energy_is_heard_while_it_is_looked_at_and_peaks_at_what_sounds(opened, qtbot, clip: Path) -> None:
    viewer = opened(clip, at_s=loud_s(clip), layers=())
    assert pictures(viewer).energy is None
    viewer.window.action("layers.energy").trigger()
    qtbot.waitUntil(lambda: pictures(viewer).energy is not None, timeout=SECONDS)
    truth, index = load_truth(clip), viewer.player.frame.index
    (sounding,) = truth.sounding(index)
    toward = np.array(pictures(viewer).energy_mark.direction)
    assert np.degrees(angle_between(toward, truth.direction(sounding, index))) < 10
    assert pictures(viewer).energy.unit == "dBFS" and pictures(viewer).energy_mark.caption is not None


def test_the_models_maps_are_shown_and_taken_away(opened, clip: Path) -> None:
    viewer = opened(clip)
    location = equirect_directions(26, 13)[..., 1].astype(np.float32)  # highest at the left
    record = map_record(
        viewer.player.frame.index, pts=0, time_s=0.6, saliency=np.full((32, 64), 200, np.uint8), location=location
    )
    viewer.overlays.set_maps(record)
    viewer.overlays.set_second_maps(record)
    shown = pictures(viewer)
    assert shown.saliency.values is record.saliency and shown.second is not None
    assert np.degrees(angle_between(np.array(shown.location_mark.direction), [0, 1, 0])) < 8
    assert shown.location.low == pytest.approx(float(location.min()))
    viewer.overlays.set_maps(None)
    viewer.overlays.set_second_maps(None)
    shown = pictures(viewer)
    assert shown.saliency is shown.location is shown.location_mark is shown.second is None


def test_keys(opened, qtbot, clip: Path) -> None:
    viewer = opened(clip)
    qtbot.waitUntil(viewer.window.isActiveWindow, timeout=SECONDS)
    choices = viewer.state.wish.layers
    for layer, key in (
        (LayerId.SALIENCY, Qt.Key.Key_F2),
        (LayerId.TRUTH, Qt.Key.Key_F5),
        (LayerId.ONION, Qt.Key.Key_F7),
    ):
        QTest.keyClick(viewer.window, key)
        assert viewer.state.wish.layers.of(layer).is_shown is not choices.of(layer).is_shown
        assert viewer.window.action(f"layers.{layer}").isChecked() is viewer.state.wish.layers.of(layer).is_shown
    QTest.keyClick(viewer.window, Qt.Key.Key_H)
    assert viewer.state.wish.layers.are_hidden
    QTest.keyClick(viewer.window, Qt.Key.Key_H)
    assert not viewer.state.wish.layers.are_hidden
    seen = [viewer.state.wish.layers.comparison]
    for _ in Comparison:
        QTest.keyClick(viewer.window, Qt.Key.Key_F8)
        seen.append(viewer.state.wish.layers.comparison)
    assert set(seen) == set(Comparison) and seen[0] is seen[-1]
    assert not viewer.window.layers_panel.isVisible()
    QTest.keyClick(viewer.window, Qt.Key.Key_F9)
    assert viewer.window.layers_panel.isVisible()
    viewer.window.set_full_screen(True)
    assert not viewer.window.layers_panel.isVisible(), "full screen is for the picture"
    viewer.window.set_full_screen(False)
    assert viewer.window.layers_panel.isVisible()


def test_what_lies_under_the_pointer_is_read_out(opened, qtbot, clip: Path) -> None:
    viewer = opened(clip, at_s=loud_s(clip), layers=("truth", "energy"))
    qtbot.waitUntil(lambda: None not in (pictures(viewer).truth, pictures(viewer).energy), timeout=SECONDS)
    viewer.overlays.set_maps(
        map_record(
            viewer.player.frame.index, pts=0, time_s=0.6, saliency=np.full((32, 64), 0.8), location=np.zeros((4, 8))
        )
    )
    truth, index = load_truth(clip), viewer.player.frame.index
    (sounding,) = truth.sounding(index)
    x, y, z = truth.direction(sounding, index)
    found = viewer.overlays.read_out(float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arcsin(z))))
    assert found.saliency == pytest.approx(0.8, abs=0.01)
    assert found.object_name == {each.id: each.name for each in truth.objects}[sounding]
    image = pictures(viewer).energy
    assert image.high - 2.5 < found.energy <= image.high + 0.1
    words = viewer.overlays.describe(found.azimuth_deg, found.elevation_deg)
    assert words.startswith("saliency 0.80 · −") and words.endswith(found.object_name)
    # A map that the picture's motion has carried here says so.
    carried = map_record(index, pts=0, time_s=0.6, saliency=np.full((32, 64), 0.8), carried=2)
    viewer.overlays.set_maps(carried)
    words = viewer.overlays.describe(found.azimuth_deg, found.elevation_deg)
    assert words.startswith("saliency 0.80 (carried along) · −")


def test_objects_of_truth_and_annotation_keep_their_own_names(opened, qtbot, clip: Path) -> None:
    viewer = opened(clip, at_s=loud_s(clip), layers=("truth", "annotation"))
    viewer.state.show_pictures(names=((1, "my first"), (2, "my second")))
    qtbot.waitUntil(lambda: pictures(viewer).truth is not None, timeout=SECONDS)
    truth, index = load_truth(clip), viewer.player.frame.index
    (sounding,) = truth.sounding(index)
    x, y, z = truth.direction(sounding, index)
    here = float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arcsin(z)))
    assert viewer.overlays.read_out(*here).object_name == {each.id: each.name for each in truth.objects}[sounding]
    viewer.state.show_pictures(annotation=label_image(np.ones((8, 16), np.uint8)))
    assert viewer.overlays.read_out(*here).object_name == "my first"


def test_masks_of_a_folder(opened, qtbot, clip: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in range(0, 60, 6):
        Image.fromarray(np.full((8, 16), 255, np.uint8)).save(masks / f"{number:05d}.png")
    viewer = opened(clip, layers=("truth",), truth=masks)
    qtbot.waitUntil(lambda: pictures(viewer).truth is not None, timeout=SECONDS)
    assert pictures(viewer).truth.labels.shape == (8, 16)


def test_a_folder_without_masks_is_told(opened, qtbot, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    viewer = opened(clip, layers=("truth",), truth=tmp_path / "empty")
    note = viewer.window.layers_panel.rows[LayerId.TRUTH]._note
    qtbot.waitUntil(lambda: "found none" in note.text(), timeout=SECONDS)
