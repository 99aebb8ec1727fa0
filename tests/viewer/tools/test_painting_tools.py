"""The painting tools on a sketch: what is shown, what is done, what a cancelled gesture leaves (nothing)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.annotation.edits import Protection
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import Source
from panosod_core.annotation.selecting import smart_select
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.brush import cap, stroke
from panosod_core.geometry.regions.parts import label_parts
from panosod_core.geometry.regions.turning import turn_about
from panosod_core.geometry.sphere import direction, pixel_solid_angles
from panosod_viewer.tools.area import Fill, Wand
from panosod_viewer.tools.brush import Brush, resized
from panosod_viewer.tools.cutting_out import SmartSelect
from panosod_viewer.tools.model_mask import TakePart, model_mask
from panosod_viewer.tools.outline import Lasso, Polygon, Purpose
from panosod_viewer.tools.placing import Move
from panosod_viewer.tools.sketch import Sketch
from panosod_viewer.tools.tool import Easel, Touch

W, H = 192, 96


def disc(azimuth_deg, elevation_deg, radius_deg):
    centre = direction(math.radians(azimuth_deg), math.radians(elevation_deg))
    return cap(centre, math.radians(radius_deg), width=W, height=H).full((H, W))


def toward(azimuth_deg, elevation_deg):
    return tuple(float(c) for c in direction(math.radians(azimuth_deg), math.radians(elevation_deg)))


def screen_of(azimuth_deg, elevation_deg):
    return 0.5 - azimuth_deg / 360, 0.5 - elevation_deg / 180


def direction_of(screen):
    return toward((0.5 - screen[0]) * 360, (0.5 - screen[1]) * 180)


def touch(azimuth_deg, elevation_deg, **more):
    return Touch(screen_of(azimuth_deg, elevation_deg), toward(azimuth_deg, elevation_deg), **more)


def easel(*objects, object_id=1, protection=None, radius_deg=8, **more):
    labels = np.zeros((H, W), np.uint8)
    for number, mask in objects:
        labels[mask] = number
    sketch = Sketch(labels, protection or Protection())
    return Easel(sketch, object_id, math.radians(radius_deg), direction_of=direction_of, **more)


def drawn(work):
    return work.sketch.image().labels


def finish(work, finished):
    """Do what a document does with an edit: change the labels in place, and tell the sketch."""
    edit = finished.edit
    (patch,) = edit.patches
    patch.box.write(work.labels, patch.after)
    work.sketch.follow(patch.box, work.sketch.protection)
    assert (drawn(work) == work.labels).all()
    return work.labels


def stroke_through(tool, work, *places, **more):
    first, *rest = [touch(*p, **more) for p in places]
    assert tool.press(first, work) is None
    for step in rest[:-1]:
        assert tool.move(step, work) is None
    return tool.release(rest[-1], work)


def test_a_stroke_over_the_seam_is_shown_at_once_and_is_one_edit():
    work = easel()
    brush = Brush()
    brush.press(touch(170, 0), work)
    assert brush.is_busy and (drawn(work) == disc(170, 0, 8)).all() and not work.labels.any()
    brush.move(touch(180, 5), work)
    finished = brush.release(touch(-170, 0), work)
    expected = np.zeros((H, W), bool)
    for part in stroke([toward(170, 0), toward(180, 5), toward(-170, 0)], math.radians(8), width=W, height=H):
        expected |= part.full((H, W))
    labels = finish(work, finished)
    assert ((labels == 1) == expected).all() and label_parts(labels)[1] == 1
    assert finished.title == "Paint" and finished.edit.origin.source is Source.MANUAL


def test_the_eraser_takes_only_the_selected_object_and_ctrl_turns_brush_into_it():
    both = (1, disc(0, 0, 20)), (2, disc(40, 0, 20))
    for tool, inverted in ((Brush(erases=True), False), (Brush(), True)):
        work = easel(*both)
        labels = finish(work, stroke_through(tool, work, (0, 0), (40, 0), inverted=inverted))
        assert not (labels == 1)[disc(0, 0, 6)].any() and (labels == 2).sum() == disc(40, 0, 20).sum()
    work = easel(*both)
    assert (finish(work, stroke_through(Brush(erases=True), work, (80, 0), (85, 0), inverted=True)) == 1)[
        disc(82, 0, 5)
    ].all()


def test_preserving_others_and_locks():
    work = easel((2, disc(0, 0, 10)), preserve_others=True)
    labels = finish(work, stroke_through(Brush(), work, (-20, 0), (20, 0)))
    assert (labels == 2).sum() == disc(0, 0, 10).sum() and (labels == 1).any()
    work = easel((2, disc(0, 0, 10)), protection=Protection(locked=frozenset({2})))
    labels = finish(work, stroke_through(Brush(), work, (-20, 0), (20, 0)))
    assert (labels == 2).sum() == disc(0, 0, 10).sum()
    work = easel(protection=Protection(frame_locked=True))
    assert stroke_through(Brush(), work, (0, 0), (5, 0)) is None and not drawn(work).any()


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=2, max_size=5), st.booleans())
def test_a_cancelled_stroke_leaves_nothing(places, erases):
    work = easel((1, disc(0, 0, 30)), (5, disc(120, 40, 30)))
    before = work.labels.copy()
    brush = Brush(erases=erases)
    brush.press(touch(*places[0]), work)
    for place in places[1:]:
        brush.move(touch(*place), work)
    brush.cancel(work)
    assert (drawn(work) == before).all() and not work.sketch.is_tentative and work.sketch.take() is None


def test_the_pointer_may_leave_the_sphere_and_come_back_elsewhere():
    work = easel(radius_deg=3)
    brush = Brush()
    brush.press(touch(0, 0), work)
    brush.move(Touch((2.0, 2.0), None), work)
    finished = brush.release(touch(60, 0), work)
    labels = finish(work, finished)
    assert label_parts(labels)[1] == 2 and not labels[H // 2, W // 2 - 16]


def test_the_cursor_is_the_brush():
    work = easel()
    brush = Brush()
    assert brush.drawn(work).cursor is None
    brush.hover(touch(10, 20, inverted=True), work)
    cursor = brush.drawn(work).cursor
    assert cursor.radius_rad == work.radius_rad and cursor.is_dashed
    np.testing.assert_allclose(cursor.centre, toward(10, 20))
    assert resized(5, 1) == pytest.approx(6) and resized(0.25, -3) == 0.25 and resized(59, 9) == 60


@pytest.mark.parametrize("middle", [(0, 0), (180, 0), (30, 80)])
def test_lasso_and_polygon_fill_their_outline(middle):
    around = [(turn_about(toward(*middle), a) @ rim(middle)).tolist() for a in np.linspace(0, 2 * np.pi, 24)[:-1]]
    truth = disc(*middle, 15)
    work = easel()
    lasso = Lasso()
    lasso.press(Touch((0, 0), tuple(around[0])), work)
    for point in around[1:-1]:
        lasso.move(Touch((0, 0), tuple(point)), work)
        assert lasso.drawn(work).paths[0].is_closed
    labels = finish(work, lasso.release(Touch((0, 0), tuple(around[-1])), work))
    assert mismatch(labels == 1, truth) < 0.2
    work = easel()
    corners = Polygon()
    for point in around:
        assert corners.press(Touch((0, 0), tuple(point)), work) is None
        assert corners.release(Touch((0, 0), tuple(point)), work) is None
    labels = finish(work, corners.press(Touch((0, 0), tuple(around[0])), work))
    assert mismatch(labels == 1, truth) < 0.2 and not corners.is_busy


def rim(middle):
    """A direction 15 degrees from another."""
    axis = np.asarray(toward(*middle))
    side = np.cross(axis, [0, 0, 1] if abs(axis[2]) < 0.9 else [1, 0, 0])
    return turn_about(side, math.radians(15)) @ axis


def mismatch(a, b):
    weights = pixel_solid_angles(W, H)
    return float(weights @ (a ^ b).sum(axis=1)) / float(weights @ b.sum(axis=1))


def test_a_polygon_is_closed_by_enter_shortened_by_backspace_and_dropped_by_escape():
    work = easel()
    tool = Polygon()
    for place in ((-20, -20), (20, -20), (20, 20), (-20, 20), (60, 60)):
        tool.press(touch(*place), work)
    tool.step_back(work)
    assert len(tool.drawn(work).paths[0].points) == 5 and tool.is_busy  # four corners and the pointer
    labels = finish(work, tool.finish(work))
    assert (labels == 1)[disc(0, 0, 15)].all() and not labels[H // 8].any()
    tool.press(touch(0, 0), work)
    tool.cancel(work)
    assert not tool.is_busy and tool.finish(work) is None


def test_a_lasso_with_ctrl_erases_only_the_object():
    work = easel((1, disc(0, 0, 20)), (2, disc(50, 0, 20)))
    square = ((-60, -60), (60, -60), (60, 60), (-60, 60))
    labels = finish(work, stroke_through(Lasso(), work, *square, inverted=True))
    assert not (labels == 1).any() and (labels == 2).sum() == disc(50, 0, 20).sum()


def test_a_click_is_no_lasso():
    work = easel()
    assert stroke_through(Lasso(), work, (0, 0), (0, 0)) is None


def probability(mask):
    return np.where(mask, np.uint8(230), np.uint8(10))


def test_the_models_mask_in_a_lasso_and_by_its_part():
    model = disc(0, 0, 15) | disc(90, 0, 15)
    work = easel(saliency=probability(model), model_id="abc")
    square = ((-30, -30), (30, -30), (30, 30), (-30, 30))
    finished = stroke_through(Lasso(Purpose.MODEL), work, *square)
    assert finished.edit.origin.source is Source.MODEL and finished.edit.origin.model_id == "abc"
    labels = finish(work, finished)
    assert mismatch(labels == 1, disc(0, 0, 15)) < 0.05
    labels = finish(work, TakePart().press(touch(90, 5), work))
    assert mismatch(labels == 1, model) < 0.05
    labels = finish(work, TakePart().press(touch(90, 5, inverted=True), work))
    assert mismatch(labels == 1, disc(0, 0, 15)) < 0.05
    with pytest.raises(AnnotationError, match="none yet"):
        TakePart().press(touch(0, 0), easel())


def test_the_models_map_is_enlarged_around_the_ring():
    small = np.zeros((12, 24), np.uint8)
    small[:, 0] = 200
    work = easel(saliency=small)
    mask = model_mask(work)
    assert mask.shape == (H, W)
    np.testing.assert_array_equal(mask[:, :8], mask[:, 7::-1])  # symmetric about the column's middle
    rolled = easel(saliency=np.roll(small, 7, axis=1))
    np.testing.assert_array_equal(np.roll(mask, 7 * 8, axis=1), model_mask(rolled))


def test_fill_closes_holes_and_ctrl_empties_a_part():
    ring = disc(180, 0, 30) & ~disc(180, 0, 15)
    work = easel((1, ring), (3, disc(0, 0, 10)))
    labels = finish(work, Fill().press(touch(180, 0), work))
    assert (labels == 1)[disc(180, 0, 29)].all()
    with pytest.raises(AnnotationError, match="outline"):
        Fill().press(touch(90, 0), work)
    labels = finish(work, Fill().press(touch(180, 0, inverted=True), work))
    assert not (labels == 1).any() and (labels == 3).any()
    assert Fill().press(touch(180, 0, inverted=True), work) is None


def picture(mask):
    rng = np.random.default_rng(3)
    base = np.where(mask[..., None], (200, 60, 40), (40, 90, 50)) + rng.normal(0, 3, (H, W, 3))
    return np.clip(base, 0, 255).astype(np.uint8)


def test_the_wand_grows_with_the_drag():
    truth = disc(180, 10, 20)
    work = easel(picture=lambda: picture(truth))
    tool = Wand()
    tool.press(touch(180, 10), work)
    first = int((drawn(work) == 1).sum())
    tool.move(Touch((0.2, 0.5), toward(170, 10)), work)
    assert int((drawn(work) == 1).sum()) >= first and tool.tolerance > 8 and "Tolerance" in tool.drawn(work).hint
    labels = finish(work, tool.release(Touch((0.2, 0.5), toward(170, 10)), work))
    assert mismatch(labels == 1, truth) < 0.1
    with pytest.raises(AnnotationError, match="picture"):
        Wand().press(touch(0, 0), easel())


def test_an_object_is_dragged_and_turned():
    work = easel((1, disc(170, 0, 15)))
    tool = Move()
    tool.press(touch(170, 0), work)
    tool.move(touch(180, 0), work)
    assert mismatch(drawn(work) == 1, disc(180, 0, 15)) < 0.15 and (work.labels == 1).sum() == disc(170, 0, 15).sum()
    labels = finish(work, tool.release(touch(-160, 0), work))
    assert mismatch(labels == 1, disc(-160, 0, 15)) < 0.15
    bar = RingMask(RingBox(90, 40, 12, 4), np.ones((4, 12), bool)).full((H, W))
    work = easel((1, bar))
    tool.press(touch(2, 20), work)
    upright = finish(work, tool.release(touch(25, 5, added=True), work)) == 1
    rows, columns = np.nonzero(upright)
    assert np.ptp(rows) > np.ptp(columns)
    assert Move().release(touch(0, 0), easel()) is None


def test_smart_select_asks_and_shows_and_takes():
    truth = disc(140, 5, 15)
    work = easel(picture=lambda: picture(truth))
    tool = SmartSelect()
    assert tool.hints(work) is None
    tool.press(touch(115, 30), work)
    tool.move(touch(165, -20), work)
    assert tool.drawn(work).paths[0].is_dashed
    tool.release(touch(165, -20), work)
    asked = tool.revision
    found = smart_select(picture(truth), tool.hints(work), size=(H, W))
    tool.show(found, work, revision=asked - 1)
    assert not drawn(work).any()
    tool.show(found, work, revision=asked)
    assert (drawn(work) == 1).any() and not work.labels.any()
    labels = finish(work, tool.finish(work))
    assert mismatch(labels == 1, truth) < 0.2 and not tool.is_busy


def test_smart_select_strokes_and_backspace():
    work = easel(picture=lambda: picture(disc(0, 0, 15)))
    tool = SmartSelect()
    tool.press(touch(-5, 0, added=True), work)
    tool.release(touch(5, 0, added=True), work)
    tool.press(touch(40, 0, inverted=True), work)
    tool.release(touch(45, 0, inverted=True), work)
    hints = tool.hints(work)
    assert len(hints.inside) == len(hints.outside) == 1 and hints.area is None
    tool.step_back(work)
    tool.step_back(work)
    assert tool.hints(work) is None and not tool.is_busy
    assert tool.finish(work) is None


@pytest.mark.parametrize("last_is_outside", [True, False])
def test_backspace_takes_back_the_stroke_that_was_drawn_last(last_is_outside):
    work = easel(picture=lambda: picture(disc(0, 0, 15)))
    tool = SmartSelect()
    tool.press(touch(-15, 15), work)
    tool.release(touch(15, -15), work)
    for is_outside in (not last_is_outside, last_is_outside):
        tool.press(touch(0, 0, inverted=is_outside), work)
        tool.release(touch(5, 0, inverted=is_outside), work)
    tool.step_back(work)
    hints = tool.hints(work)
    assert (len(hints.inside), len(hints.outside)) == ((1, 0) if last_is_outside else (0, 1))
    tool.step_back(work)
    hints = tool.hints(work)
    assert not hints.inside and not hints.outside and hints.area is not None
    tool.step_back(work)
    assert tool.hints(work) is None and not tool.is_busy


def test_a_document_that_changes_is_followed():
    work = easel((1, disc(0, 0, 10)))
    work.sketch.paint(RingMask.of(disc(90, 0, 10)), 2)
    work.labels[disc(-90, 0, 10)] = 4
    work.sketch.follow(None, Protection(locked=frozenset({4})))
    assert (drawn(work) == work.labels).all() and not work.sketch.is_tentative
    work.sketch.paint(RingMask.of(disc(-90, 0, 10)), 2)
    assert (drawn(work) == work.labels).all()
