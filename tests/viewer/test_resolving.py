import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.geometry.picture import PictureGeometry, PictureProjection
from panosod_core.geometry.projection import View
from panosod_viewer.resolving import PaneKind, ViewLayout, Wish, pane_kinds, resolve_scene
from tests.viewer.pictures import picture

FLAT = PictureGeometry(projection=PictureProjection.FLAT)
aspects = st.floats(0.3, 4)
layouts = st.sampled_from(list(ViewLayout))


@given(layouts, aspects)
def test_panes_lie_inside_the_window_and_do_not_overlap(layout, aspect):
    scene = resolve_scene(Wish(layout=layout), aspect=aspect)
    boxes = [(x, y, x + w, y + h) for x, y, w, h in (p.rect for p in scene.panes)]
    for box in boxes:
        assert min(box) >= -1e-9
        assert max(box) <= 1 + 1e-9
        assert box[0] < box[2]
        assert box[1] < box[3]
    if len(boxes) == 2:
        a, b = boxes
        assert a[2] <= b[0] + 1e-9 or a[3] <= b[1] + 1e-9


@given(layouts, aspects)
def test_the_whole_map_fits_its_pane(layout, aspect):
    wish = Wish(layout=layout)
    for kind, pane in zip(pane_kinds(wish), resolve_scene(wish, aspect=aspect).panes, strict=True):
        if kind is PaneKind.MAP:
            pane_aspect = aspect * pane.rect[2] / pane.rect[3]
            assert pane.view.fov_rad / pane_aspect >= math.pi - 1e-9


@given(layouts)
def test_a_flat_clip_has_one_pane_whatever_the_layout(layout):
    wish = Wish(layout=layout, geometry=FLAT)
    assert pane_kinds(wish) == (PaneKind.FLAT,)
    assert len(resolve_scene(wish, aspect=1.5).panes) == 1


def test_the_split_map_shows_the_outline_of_the_view_beside_it():
    look = View(yaw_rad=1.0)
    scene = resolve_scene(Wish(layout=ViewLayout.SPLIT, look=look), aspect=2.0)
    first, second = scene.panes
    assert first.outline is None
    assert second.outline.view == look
    assert second.outline.aspect == pytest.approx(2.0 * first.rect[2] / first.rect[3])


def test_a_narrow_window_stacks_the_panes():
    wide = resolve_scene(Wish(layout=ViewLayout.SPLIT), aspect=1.8).panes
    narrow = resolve_scene(Wish(layout=ViewLayout.SPLIT), aspect=0.8).panes
    assert wide[1].rect[0] >= 0.5
    assert narrow[1].rect[1] >= 0.5


def test_the_scene_carries_what_was_wished():
    frame = picture(3)
    wish = Wish(frame=frame, render_scale=0.5, background_rgb=(0.1, 0.2, 0.3), crosshair=(1.0, 0.0, 0.0))
    scene = resolve_scene(wish, aspect=1.0)
    assert scene.frame is frame
    assert (scene.render_scale, scene.background_rgb) == (0.5, (0.1, 0.2, 0.3))
    assert scene.panes[0].crosshair == (1.0, 0.0, 0.0)
