"""Painting with real pointer events in the real window."""

import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from panosod_core.annotation.document import Document
from panosod_core.geometry.projection import View
from panosod_viewer.annotating.toolbox import ToolId
from panosod_viewer.resolving import ViewLayout
from tests.viewer.annotating.window import RIGHT

pytestmark = pytest.mark.gl


def solid_angle_deg2(labels: np.ndarray) -> float:
    height, width = labels.shape
    rows = np.cos((0.5 - (np.arange(height) + 0.5) / height) * math.pi)
    pixel = (2 * math.pi / width) * (math.pi / height) * math.degrees(1) ** 2
    return float(((labels != 0) * rows[:, None]).sum() * pixel)


def cap_deg2(radius_deg: float) -> float:
    return 2 * math.pi * (1 - math.cos(math.radians(radius_deg))) * math.degrees(1) ** 2


def test_a_stroke_across_the_seam_is_saved_undone_redone_and_there_again(painting, clip):
    window = painting().open(clip).identified()
    window.viewer.state.set_look(View(yaw_rad=math.pi))
    window.key(Qt.Key.Key_B)
    assert window.studio.painter.tool_id is ToolId.BRUSH
    window.stroke([window.point(a, 0) for a in (170, 175, 180, 185, 190)])
    painted = window.labels()
    assert painted is not None
    middle = painted.shape[0] // 2
    assert painted[middle, 0] == painted[middle, -1] == 1
    assert not painted[middle, painted.shape[1] // 2]
    window.saved()
    window.trigger("annotate.undo")
    assert not window.labels().any()
    window.trigger("annotate.redo")
    assert np.array_equal(window.labels(), painted)
    window.saved()
    window.close()

    again = painting().open(clip)
    again.wait(lambda: again.desk.key is not None)
    assert np.array_equal(again.labels(), painted)
    again.wait(lambda: again.viewer.state.wish.pictures.annotation is not None)
    assert np.array_equal(again.viewer.state.wish.pictures.annotation.labels, painted)


@pytest.mark.parametrize(
    ("place", "look"),
    [
        ((0, 0), View()),
        ((180, 0), View(yaw_rad=math.pi)),
        ((40, 85), View(pitch_rad=math.radians(80))),
        ((0, -85), View(pitch_rad=math.radians(-85), fov_rad=math.radians(220))),
    ],
)
def test_a_dab_covers_the_same_part_of_the_sphere_wherever_it_is(painting, clip, place, look):
    window = painting().open(clip).identified()
    window.viewer.state.set_look(look)
    window.trigger("annotate.brush")
    window.studio.painter.set_radius(12.0)
    window.stroke([window.point(*place)])
    assert solid_angle_deg2(window.labels()) == pytest.approx(cap_deg2(12.0), rel=0.03)


def test_the_flat_map_is_painted_on_as_well(painting, clip):
    window = painting().open(clip).identified()
    window.viewer.state.set_layout(ViewLayout.SPLIT)
    window.wait(lambda: len(window.view.scene.panes) == 2)
    window.trigger("annotate.brush")
    window.stroke([window.point(-60, 20, pane=1), window.point(-50, 20, pane=1)])
    labels = window.labels()
    height, width = labels.shape
    row, column = (0.5 - 20 / 180) * height, (0.5 + 55 / 360) * width
    assert labels[round(row), round(column)] == 1
    assert not labels[:, : width // 2].any()


def test_other_buttons_and_held_space_turn_the_view(painting, clip):
    window = painting().open(clip).identified()
    window.trigger("annotate.brush")
    before = window.viewer.state.wish.look
    window.stroke([window.point(0, 0), window.point(20, 0)], button=RIGHT)
    turned = window.viewer.state.wish.look
    assert turned != before
    QTest.keyPress(window.view, Qt.Key.Key_Space)
    window.stroke([window.point(0, 0), window.point(20, 0)])
    QTest.keyRelease(window.view, Qt.Key.Key_Space)
    assert window.viewer.state.wish.look != turned
    assert window.desk.document is None
    assert not window.viewer.player.transport.is_playing


def test_a_tap_of_space_plays_and_a_press_of_the_tool_pauses(painting, clip):
    window = painting(repeat=True).open(clip).identified()
    window.trigger("annotate.brush")
    window.key(Qt.Key.Key_Space)
    window.wait(lambda: window.viewer.player.transport.is_playing)
    window.stroke([window.point(0, 0)])
    assert not window.viewer.player.transport.is_playing
    assert window.labels().any()


def test_escape_drops_the_gesture_and_then_the_tool(painting, clip):
    window = painting().open(clip).identified()
    window.trigger("annotate.polygon")
    for place in ((0, 0), (10, 0), (10, 10)):
        window.stroke([window.point(*place)])
    assert window.studio.painter.is_busy
    window.key(Qt.Key.Key_Escape)
    assert not window.studio.painter.is_busy
    assert not window.labels().any()
    window.key(Qt.Key.Key_Escape)
    assert window.studio.painter.tool_id is ToolId.LOOK


def test_a_polygon_is_finished_by_enter_and_steps_back(painting, clip):
    window = painting().open(clip).identified()
    window.trigger("annotate.polygon")
    for place in ((-10, -10), (10, -10), (10, 10), (-10, 10), (30, 20)):
        window.stroke([window.point(*place)])
    window.key(Qt.Key.Key_Backspace)
    window.key(Qt.Key.Key_Return)
    labels = window.labels()
    height, width = labels.shape
    assert labels[height // 2, width // 2] == 1
    assert solid_angle_deg2(labels) == pytest.approx(400, rel=0.1)
    document = window.desk.document
    assert isinstance(document, Document)
    assert document.undo_depth[0] == 2  # the object and the polygon


def test_control_erases(painting, clip):
    window = painting().open(clip).identified()
    window.trigger("annotate.brush")
    window.studio.painter.set_radius(10.0)
    window.stroke([window.point(0, 0)])
    before = int((window.labels() != 0).sum())
    window.studio.painter.set_radius(4.0)
    window.stroke([window.point(0, 0)], keys=Qt.KeyboardModifier.ControlModifier)
    labels = window.labels()
    assert 0 < int((labels != 0).sum()) < before
    assert not labels[labels.shape[0] // 2, labels.shape[1] // 2]
