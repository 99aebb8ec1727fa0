"""Objects, their list, and what commands do to them, in the real window."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QMenu

from panosod_core.annotation.document import Document
from panosod_core.annotation.operations import Combination
from panosod_core.annotation.records import FrameState, Presence
from panosod_core.errors import ProjectError
from panosod_viewer.annotating.painter import REFUSED
from panosod_viewer.annotating.presence import presence_at
from panosod_viewer.tools.combining import Operand, OperandKind
from panosod_viewer.widgets.object_model import HEADS, Column
from tests.viewer.annotating.window import PaintingWindow

pytestmark = pytest.mark.gl


@pytest.fixture
def window(painting, clip) -> PaintingWindow:
    """Two discs of two objects side by side, overlapping a little."""
    made = painting(size=(640, 360)).open(clip).identified()
    made.trigger("annotate.brush")
    made.studio.painter.set_radius(8.0)
    made.stroke([made.point(10, 0)])
    made.desk.add_object()
    made.stroke([made.point(-10, 0)])
    return made


def area(window, object_id: int) -> int:
    return int((window.labels() == object_id).sum())


def test_the_list_shows_which_objects_are_in_this_frame(window):
    window.trigger("annotate.objects")
    window.desk.add_object(name="Nowhere yet")
    studio = window.studio
    window.wait(lambda: len(studio.object_list.panel.model.rows) == 3)
    rows = studio.object_list.panel.model.rows
    assert [(row.id, row.is_here) for row in rows] == [(1, True), (2, True), (3, False)]
    assert rows[2].name == "Nowhere yet"
    window.view.setFocus()
    window.key(Qt.Key.Key_Tab)
    assert window.desk.selected == 1
    window.key(Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert window.desk.selected == 3
    window.key(Qt.Key.Key_2)
    assert window.desk.selected == 2


def test_grow_shrink_delete_and_undo(window):
    before = area(window, 2)
    window.trigger("annotate.grow_more")
    assert area(window, 2) > before
    window.trigger("annotate.undo")
    assert area(window, 2) == before
    window.trigger("annotate.shrink_more")
    assert 0 < area(window, 2) < before
    window.trigger("annotate.delete")
    assert area(window, 2) == 0 < area(window, 1)


def test_a_locked_object_keeps_its_pixels(window):
    window.desk.select(1)
    window.trigger("annotate.lock")
    kept = window.labels() == 1
    window.desk.select(2)
    window.stroke([window.point(a, 0) for a in (-10, 0, 10)])
    assert np.array_equal(window.labels() == 1, kept)
    window.trigger("annotate.delete")
    assert np.array_equal(window.labels() == 1, kept)


def test_preserving_others_is_a_switch(window):
    one = area(window, 1)
    window.trigger("annotate.preserve")
    window.stroke([window.point(a, 0) for a in (-10, 0, 10)])
    assert area(window, 1) == one
    window.trigger("annotate.preserve")
    window.stroke([window.point(a, 0) for a in (-10, 0, 10)])
    assert area(window, 1) < one


def test_uniting_splitting_and_merging(window):
    one, two = area(window, 1), area(window, 2)
    studio = window.studio
    studio.objects.combine_with(Operand(OperandKind.OBJECT, 1), Combination.UNION)
    assert area(window, 2) == one + two
    window.trigger("annotate.undo")
    window.stroke([window.point(-30, 10)])
    studio.object_list.split(2)
    assert len(window.desk.objects()) == 3
    assert window.desk.selected == 3
    total = int((window.labels() != 0).sum())
    document, key = window.desk.document, window.desk.key
    window.desk.act(lambda d: d.accept([key]))
    studio.object_list.merge(3, 1)
    assert document.frame(key).state is FrameState.DRAFT, "nobody has accepted what is there now"
    assert [o.id for o in window.desk.objects()] == [1, 2]
    assert int((window.labels() != 0).sum()) == total
    merged = window.labels()
    window.trigger("annotate.undo")
    assert [o.id for o in window.desk.objects()] == [1, 2, 3], "merging is one step"
    assert document.frame(key).state is FrameState.ACCEPTED
    assert area(window, 3) > 0 and int((window.labels() != 0).sum()) == total
    window.trigger("annotate.redo")
    assert [o.id for o in window.desk.objects()] == [1, 2] and np.array_equal(window.labels(), merged)


def entries(window):
    """What the list offers to combine the selected object with: words -> ways that are not possible, and why."""
    found = {}
    window.trigger("annotate.combine")
    panel = window.studio.object_list.panel
    (menu,) = [m for m in panel.findChildren(QMenu) if m.isVisible() and m.parent() is panel]
    for sub in (a.menu() for a in menu.actions()):
        assert sub.isEnabled() and sub.toolTipsVisible()
        for action in sub.actions():
            assert action.isEnabled() == (action.toolTip() == action.text())  # Qt's own tip, where there is no reason
            found[sub.title().split()[0], action.text()] = "" if action.isEnabled() else action.toolTip()
    menu.close()
    return found


def test_what_would_give_nothing_is_not_offered_and_says_why(window):
    found = entries(window)
    assert found["Unite", "1  Object 1"] == ""
    assert found["Subtract", "1  Object 1"].startswith("Objects of a frame never overlap")
    assert found["Intersect", "1  Object 1"].startswith("Objects of a frame never overlap")
    assert "not looked at this frame" in found["Subtract", "the model's mask"]
    assert found["Subtract", "itself in a frame before"] == "No frame before this one has a mask of it"
    window.desk.change_object(2, locked=True)
    assert "locked" in entries(window)["Unite", "1  Object 1"]


def test_the_models_mask_and_the_frames_around_are_combined_with(window):
    commands, two = window.studio.objects, window.labels() == 2
    height, width = two.shape
    half = np.zeros((height, width), np.uint8)
    half[: height // 2] = 255
    window.studio.painter.maps = lambda: (half, "some-model")
    assert entries(window)["Subtract", "the model's mask"] == ""
    commands.combine_with(Operand(OperandKind.MODEL), Combination.SUBTRACT)
    assert np.array_equal(window.labels() == 2, two & (half == 0)) and area(window, 2)
    window.trigger("annotate.undo")
    window.viewer.player.step(5)
    window.wait(lambda: window.viewer.player.frame.index == 5)
    window.stroke([window.point(-14, 0)])
    mine = window.labels() == 2
    assert entries(window)["Intersect", "itself in frame 0"] == ""
    commands.combine_with(Operand(OperandKind.BEFORE), Combination.INTERSECT)
    assert np.array_equal(window.labels() == 2, mine & two)
    assert entries(window)["Intersect", "itself in frame 0"] == "It lies wholly within: nothing would change"
    assert "nothing would be left" in entries(window)["Subtract", "itself in frame 0"]


def test_a_mask_around_that_cannot_be_read_is_told(window, monkeypatch):
    window.viewer.player.step(5)
    window.wait(lambda: window.viewer.player.frame.index == 5)
    window.stroke([window.point(-14, 0)])
    before = window.labels()
    window.viewer.window.notices.take_back("annotate.project")

    def damaged(*_: object) -> None:
        raise ProjectError("the run lengths of a mask are damaged")

    monkeypatch.setattr(Document, "mask", damaged)
    window.studio.objects.combine_with(Operand(OperandKind.BEFORE), Combination.UNION)
    assert "damaged" in window.viewer.window.notices.current.text
    window.viewer.window.notices.take_back(REFUSED)
    with monkeypatch.context() as patch:
        patch.setattr(Document, "labels", damaged)
        window.studio.objects.take_neighbour(before=True)
    assert "damaged" in window.viewer.window.notices.current.text
    assert np.array_equal(window.labels(), before)


def test_that_nothing_is_left_of_an_object_is_told(window):
    window.viewer.window.notices.take_back("annotate.project")
    window.studio.painter.maps = lambda: (np.full(window.labels().shape, 255, np.uint8), "some-model")
    window.studio.objects.combine_with(Operand(OperandKind.MODEL), Combination.SUBTRACT)
    assert area(window, 2) == 0
    assert "nothing is left of the object" in window.viewer.window.notices.current.text
    window.trigger("annotate.undo")
    for _ in range(5):
        window.trigger("annotate.shrink_more")
    assert area(window, 2) == 0 and "Shrink by 2°: nothing is left" in window.viewer.window.notices.current.text


def test_an_object_sounds_from_here_on(window):
    key = window.desk.key
    window.studio.object_list.set_presence(2, "sounding")
    assert presence_at(window.desk.object_of(2).intervals, key.pts) is Presence.SOUNDING
    assert presence_at(window.desk.object_of(2).intervals, key.pts + 10**6) is Presence.SOUNDING


def test_masks_are_taken_from_the_annotated_frame_before(window):
    first = window.labels()
    window.viewer.player.step(5)
    window.wait(lambda: window.viewer.player.frame.index == 5)
    assert not window.labels().any()
    window.trigger("annotate.from_previous")
    assert np.array_equal(window.labels() == 2, first == 2)
    window.trigger("annotate.undo")
    window.trigger("annotate.undo")
    window.wait(lambda: window.viewer.player.frame.index == 0)


def test_two_hundred_and_fifty_four_objects_are_listed(window):
    window.trigger("annotate.objects")
    window.viewer.window.notices.take_back("annotate.project")
    for _ in range(252):
        window.desk.add_object()
    window.wait(lambda: len(window.studio.object_list.panel.model.rows) == 254)
    assert window.desk.add_object() == 0
    assert "254" in window.viewer.window.notices.current.text


def test_colours_and_hidden_objects_reach_the_picture(window):
    window.desk.change_object(1, colour="#112233", hidden=True)
    look = window.viewer.state.wish.pictures.annotation_look
    assert dict(look.colours)[1] == pytest.approx((0x11 / 255, 0x22 / 255, 0x33 / 255))
    assert look.hidden == {1}
    assert not window.desk.change_object(1, rank=9)


def test_hiding_showing_alone_rank_and_presence_by_key(window):
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    desk, state, window_actions = window.desk, window.viewer.state, window.viewer.window.action
    window.view.setFocus()
    window.key(Qt.Key.Key_H, control)
    assert desk.object_of(2).hidden and state.wish.pictures.annotation_look.hidden == {2}
    assert window_actions("annotate.hide_object").isChecked()
    window.key(Qt.Key.Key_H, control)
    window.key(Qt.Key.Key_S, shift)
    assert state.wish.pictures.annotation_look.solo == {2}
    window.key(Qt.Key.Key_S, shift)
    assert not state.wish.pictures.annotation_look.solo
    ranks = []
    for _ in range(6):
        window.key(Qt.Key.Key_R, shift)
        ranks.append(desk.object_of(2).rank)
    assert ranks == [1, 2, 3, 4, 5, None]
    told = []
    for _ in range(4):
        window.key(Qt.Key.Key_W, shift)
        told.append(presence_at(desk.object_of(2).intervals, desk.key.pts))
    assert told == [Presence.SOUNDING, Presence.SILENT, Presence.OFF_SCREEN, None]


def test_a_locked_frame_keeps_all_its_pixels(window):
    kept = window.labels()
    window.trigger("annotate.lock_frame")
    assert window.desk.is_frame_locked
    window.stroke([window.point(a, 0) for a in (-10, 0, 10)])
    window.trigger("annotate.delete")
    window.studio.object_list.merge(2, 1)
    assert np.array_equal(window.labels(), kept) and len(window.desk.objects()) == 2
    window.trigger("annotate.lock_frame")
    window.trigger("annotate.delete")
    assert area(window, 2) == 0


def test_renaming_and_the_class_are_typed_into_the_list(window):
    panel = window.studio.object_list.panel
    for action, text in (("annotate.rename", "Drummer"), ("annotate.category", "person")):
        window.trigger(action)
        window.wait(lambda: panel.table.state() == QAbstractItemView.State.EditingState)
        editor = panel.table.findChild(QLineEdit)
        editor.setText(text)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        window.wait(lambda: panel.table.findChild(QLineEdit) is None)
    info = window.desk.object_of(2)
    assert (info.name, info.category) == ("Drummer", "person")


def test_no_head_of_the_list_is_cut(window):
    window.trigger("annotate.objects")
    head = window.studio.object_list.panel.table.horizontalHeader()
    for column in Column:
        text = HEADS[column]
        needed = head.sectionSizeFromContents(column).width() if text else 0
        assert head.sectionSize(column) >= needed, text
