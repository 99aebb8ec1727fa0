"""Tools that look at the picture and at the model, what helps to see, and Esc, in the real window."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from panosod_core.annotation.records import Source
from panosod_core.geometry.sphere import direction_to_uv, equirect_directions
from panosod_viewer.layers import ONION_RGBS, LayerId
from panosod_viewer.overlays import MapImage
from panosod_viewer.palettes import LabelDisplay
from panosod_viewer.widgets.labels import TwoLineLabel
from tests.viewer.annotating.window import PaintingWindow, move

pytestmark = pytest.mark.gl
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def window(painting, clip) -> PaintingWindow:
    return painting(size=(640, 360)).open(clip).identified()


def discs(*azimuths_deg: float, radius_deg: float = 10.0) -> MapImage:
    """A model's map that is sure of discs on the horizon."""
    directions = equirect_directions(160, 80)
    near = np.zeros((80, 160), np.bool_)
    for azimuth in np.radians(azimuths_deg):
        near |= directions @ [np.cos(azimuth), np.sin(azimuth), 0.0] > np.cos(np.radians(radius_deg))
    return MapImage(np.where(near, 230, 10).astype(np.uint8))


def label_at(window, azimuth_deg: float, elevation_deg: float = 0.0) -> int:
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    u, v = direction_to_uv([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    labels = window.labels()
    return int(labels[int(v * labels.shape[0]), int(u * labels.shape[1])])


def sources(window) -> set[Source]:
    return {head.source for head in window.desk.document.heads(window.desk.key).values()}


def test_the_wand_shows_what_it_would_take_and_takes_more_with_the_drag(window):
    window.trigger("annotate.wand")
    at = window.point(5, -5)
    QTest.mousePress(window.view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    sketch = window.desk.sketch()
    assert sketch.is_tentative and not window.labels().any()
    tentative = np.array(sketch.image().labels)
    QTest.mouseRelease(window.view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    window.settle()
    taken = window.labels()
    assert np.array_equal(taken, tentative) and label_at(window, 5, -5) == 1
    window.trigger("annotate.undo")
    window.stroke([at, at + QPoint(60, 0), at + QPoint(120, 0)])
    assert (window.labels() > 0).sum() > (taken > 0).sum()
    assert label_at(window, 5, -5) == 1


def test_the_models_part_its_mask_in_a_lasso_and_the_whole_of_it(window):
    window.trigger("annotate.part")
    window.viewer.state.show_pictures(saliency=discs(25, -25))
    window.stroke([window.point(25, 0)])
    assert label_at(window, 25) == 1 and label_at(window, -25) == 0
    assert sources(window) == {Source.MODEL}
    window.trigger("annotate.undo")
    assert not window.labels().any()

    window.trigger("annotate.model_lasso")
    window.stroke([window.point(a, e) for a, e in ((-25, 20), (-25, -20), (-45, -20), (-45, 20), (-25, 20))])
    assert label_at(window, -30) == 1 and label_at(window, 25) == 0
    assert label_at(window, -20) == 0, "outside the lasso"
    assert label_at(window, -40) == 0, "inside the lasso, but not the model's"
    window.trigger("annotate.undo")

    window.trigger("annotate.model_whole")
    assert label_at(window, 25) == label_at(window, -25) == 1
    assert sources(window) == {Source.MODEL}


def test_the_onion_skin_shows_the_masks_of_the_annotated_frames_around(window):
    window.trigger("annotate.brush")
    state, player = window.viewer.state, window.viewer.player
    shown = {}
    for index, azimuth in ((0, 20), (10, -20)):
        player.show_frame(index)
        window.wait(lambda index=index: player.frame.index == index)
        window.stroke([window.point(azimuth, 0)])
        shown[index] = window.labels()
    player.show_frame(5)
    window.wait(lambda: player.frame.index == 5)
    assert state.wish.pictures.onion == ()
    window.trigger("layers.onion")
    assert state.wish.layers.of(LayerId.ONION).is_shown
    before, after = state.wish.pictures.onion
    assert np.array_equal(before.labels, shown[0]) and np.array_equal(after.labels, shown[10])
    layers = window.view.scene.overlays.sides[0].labels
    lines = [tuple(layer.palette.line[1, :3] / 255) for layer in layers[:2]]
    assert lines == [pytest.approx(rgb, abs=0.01) for rgb in ONION_RGBS]
    player.show_frame(10)
    window.wait(lambda: player.frame.index == 10)
    assert [np.array_equal(image.labels, shown[0]) for image in state.wish.pictures.onion] == [True]


def test_the_loupe_follows_the_pointer_beside_it_and_says_its_zoom(window):
    loupe = window.studio.loupe
    window.key(Qt.Key.Key_Z)
    assert loupe.is_wanted and loupe.view is None, "nothing to enlarge for without a tool"
    window.key(Qt.Key.Key_B)
    for azimuth, elevation in ((0, 0), (40, 15), (-45, -20)):
        at = window.point(azimuth, elevation)
        move(window.view, at, Qt.MouseButton.NoButton)
        window.wait(lambda: loupe.view is not None and loupe.view.isVisible())
        loupe.refresh()
        assert not loupe.view.geometry().contains(at)
        assert window.view.rect().contains(loupe.view.geometry())
    assert loupe.view.words == "8×"
    window.key(Qt.Key.Key_Z, SHIFT)
    assert loupe.view.words == "16×"
    at = window.point(0, 0)
    window.stroke([at])
    loupe.refresh()
    tinted = window.view.grab().toImage().pixelColor(loupe.view.geometry().center() + QPoint(20, 20))
    window.trigger("annotate.undo")
    loupe.refresh()
    plain = window.view.grab().toImage().pixelColor(loupe.view.geometry().center() + QPoint(20, 20))
    assert tinted != plain
    window.key(Qt.Key.Key_Z)
    assert not loupe.view.isVisible()


def test_masks_are_shown_as_tint_outline_and_cut_out_in_turn(window):
    shown = []
    for _ in LabelDisplay:
        shown.append(window.viewer.state.wish.layers.of(LayerId.ANNOTATION).display)
        window.trigger("annotate.display")
    assert set(shown) == set(LabelDisplay)
    assert window.viewer.state.wish.layers.of(LayerId.ANNOTATION).display is shown[0]


def test_escape_stops_a_propagation_before_it_leaves_the_tool(window):
    window.trigger("annotate.brush")
    window.stroke([window.point(0, 0), window.point(15, 0)])
    propagation = window.viewer.annotator.workbench.propagation
    for has_tool in (True, False):
        window.trigger("propagate.forward")
        assert propagation.is_running
        window.key(Qt.Key.Key_Escape)
        window.wait(lambda: not propagation.is_running)
        assert window.studio.painter.is_painting is has_tool
        said = [notice.text for notice in window.viewer.window.notices._waiting]
        assert any("stopped after" in text for text in said), said
        if has_tool:
            window.key(Qt.Key.Key_Escape)
            assert not window.studio.painter.is_painting


def test_how_a_tool_works_stays_to_be_read_when_the_pointer_leaves_the_picture(window):
    window.stroke([window.point(5, -5)])  # looks around: there is no project yet
    window.trigger("annotate.brush")
    window.stroke([window.point(5, -5)])
    window.trigger("annotate.move")
    hint = window.viewer.window.page.status_line.findChild(TwoLineLabel)
    assert "Drag the object" in hint.text()
    window.studio.painter.leave()
    assert "Drag the object" in hint.text() and hint.toolTip() == hint.text()
    assert window.viewer.state.wish.pictures.cursor is None
    window.trigger("annotate.look")
    assert not hint.text()
