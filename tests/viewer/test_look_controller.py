import math
from dataclasses import replace

import numpy as np
import pytest

from panosod_core.geometry.picture import PictureGeometry, PictureProjection
from panosod_core.geometry.projection import View, directions_to_viewport, viewport_to_directions
from panosod_viewer.look_controller import LookController
from panosod_viewer.render.pointer import Button, Modifier, PanePoint, PinchInput, PointerInput, WheelInput
from panosod_viewer.resolving import WHOLE_MAP, ViewLayout
from panosod_viewer.scene import FlatView
from panosod_viewer.state import ViewerState
from panosod_viewer.tools.look import is_little_planet
from tests.viewer.pictures import picture

ASPECT = 16 / 9
FLAT = PictureGeometry(projection=PictureProjection.FLAT)


def at(x, y, pane=0):
    return PanePoint(pane=pane, x=x, y=y, aspect=ASPECT, dip=(0.0, 0.0))


def pointer(x, y, *, pane=0, button=Button.LEFT, down=True, modifiers=()):
    buttons = frozenset({button}) if down else frozenset()
    return PointerInput(at(x, y, pane), button, buttons, frozenset(modifiers), 0.0)


def wheel(x, y, steps=0.0, *, pixels=None, momentum=False):
    return WheelInput(at(x, y), (0.0, steps), pixels, pixels is not None, momentum, frozenset())


class Ear:
    def __init__(self, signal):
        self.heard = []
        signal.connect(lambda *args: self.heard.append(args))


@pytest.fixture
def state(qapp):
    return ViewerState()


@pytest.fixture
def look(state):
    return LookController(state)


def drag(look, start, end, *, steps=10, **kw):
    look.press(pointer(*start, **kw))
    for x, y in np.linspace(start, end, steps + 1)[1:]:
        look.move(pointer(float(x), float(y), **kw))
    look.release(pointer(*end, down=False, **{k: v for k, v in kw.items() if k != "modifiers"}))


@pytest.mark.parametrize("button", [Button.LEFT, Button.RIGHT, Button.MIDDLE])
def test_dragging_keeps_what_was_grabbed_under_the_pointer(look, state, button):
    d = viewport_to_directions(state.wish.look, 0.3, 0.4, aspect=ASPECT)
    drag(look, (0.3, 0.4), (0.6, 0.55), button=button)
    x, y = directions_to_viewport(state.wish.look, d, aspect=ASPECT)
    assert (float(x), float(y)) == (pytest.approx(0.6, abs=1e-6), pytest.approx(0.55, abs=1e-6))


def test_after_letting_go_nothing_is_dragged(look, state):
    drag(look, (0.3, 0.4), (0.6, 0.5))
    before = state.wish.look
    look.move(pointer(0.1, 0.1))
    assert state.wish.look == before


def test_an_inverted_drag_turns_the_other_way_and_as_far(look, state):
    drag(look, (0.5, 0.5), (0.6, 0.5))
    turned = state.wish.look.yaw_rad
    state.set_look(View())
    look.is_drag_inverted = True
    drag(look, (0.5, 0.5), (0.6, 0.5))
    assert state.wish.look.yaw_rad == pytest.approx(-turned, rel=0.05)
    assert turned > 0


def test_inertia_is_off_by_default_and_coasts_when_wanted(look, state, qtbot):
    def flick():
        look.press(pointer(0.3, 0.5))
        for k in range(1, 6):
            look.move(replace(pointer(0.3 + 0.01 * k, 0.5), time_s=0.01 * k))
        look.release(replace(pointer(0.35, 0.5, down=False), time_s=0.05))

    flick()
    assert not look._coasting.isActive()
    look.has_inertia = True
    flick()
    let_go = state.wish.look.yaw_rad
    assert look._coasting.isActive()
    qtbot.waitUntil(lambda: not look._coasting.isActive())
    assert state.wish.look.yaw_rad > let_go + 0.05


def test_the_wheel_zooms_in_about_the_pointer(look, state):
    d = viewport_to_directions(state.wish.look, 0.8, 0.3, aspect=ASPECT)
    look.wheel(wheel(0.8, 0.3, 3))
    assert state.wish.look.fov_rad < math.pi / 2
    x, y = directions_to_viewport(state.wish.look, d, aspect=ASPECT)
    assert (float(x), float(y)) == (pytest.approx(0.8), pytest.approx(0.3))


def test_two_fingers_zoom_smoothly_and_stop_when_lifted(look, state):
    look.wheel(wheel(0.5, 0.5, pixels=(0.0, 6.0)))
    once = state.wish.look.fov_rad
    assert math.pi / 2 > once > math.pi / 2 / 1.05
    look.wheel(wheel(0.5, 0.5, pixels=(0.0, 60.0), momentum=True))
    assert state.wish.look.fov_rad == once


def test_a_pinch_zooms_by_its_scale_and_leans_with_the_fingers(look, state):
    look.pinch(PinchInput(at(0.5, 0.5), 1.25, 0.1))
    assert state.wish.look.fov_rad == pytest.approx(math.pi / 2 / 1.25)
    assert state.wish.look.roll_rad == pytest.approx(-0.1)


def test_zooming_during_a_drag_holds_on_to_the_same_place(look, state):
    look.press(pointer(0.4, 0.4))
    look.move(pointer(0.5, 0.5))
    d = viewport_to_directions(state.wish.look, 0.5, 0.5, aspect=ASPECT)
    look.wheel(wheel(0.5, 0.5, 2))
    look.move(pointer(0.6, 0.5))
    x, y = directions_to_viewport(state.wish.look, d, aspect=ASPECT)
    assert (float(x), float(y)) == (pytest.approx(0.6), pytest.approx(0.5))


def test_alt_click_sounds_a_burst_from_exactly_there_and_drags_nothing(look, state):
    ear = Ear(look.burst_requested)
    drag(look, (0.7, 0.2), (0.2, 0.2), modifiers=[Modifier.ALT])
    expected = viewport_to_directions(View(), 0.7, 0.2, aspect=ASPECT)
    assert len(ear.heard) == 1
    np.testing.assert_allclose(ear.heard[0][0], expected)
    assert state.wish.look == View()


def test_a_burst_ahead_is_in_the_middle_of_the_view(look, state):
    ear = Ear(look.burst_requested)
    state.set_look(View(yaw_rad=math.pi / 2))
    look.sound_burst_ahead()
    np.testing.assert_allclose(ear.heard[0][0], (0, 1, 0), atol=1e-12)


def test_on_the_map_a_drag_pans_the_map_and_not_the_view(look, state):
    state.set_layout(ViewLayout.SPLIT)
    drag(look, (0.5, 0.5), (0.6, 0.5), pane=1)
    assert state.wish.look == View()
    assert state.wish.map_view.yaw_rad == pytest.approx(0.1 * 2 * math.pi)


def test_a_double_click_on_the_map_looks_there(look, state):
    ear = Ear(look.fullscreen_toggled)
    state.set_layout(ViewLayout.SPLIT)
    look.double_click(PointerInput(at(0.25, 0.5, pane=1), Button.LEFT, frozenset(), frozenset(), 0.0))
    assert state.wish.look.yaw_rad == pytest.approx(math.pi / 2)
    assert ear.heard == []


def test_a_double_click_on_the_view_is_full_screen(look):
    ear = Ear(look.fullscreen_toggled)
    look.double_click(pointer(0.5, 0.5))
    look.double_click(pointer(0.5, 0.5, button=Button.RIGHT))
    assert len(ear.heard) == 1


def test_the_direction_under_the_pointer_is_told_in_degrees(look, state):
    ear = Ear(look.pointed_at)
    look.hover(pointer(0.5, 0.5, down=False))
    assert ear.heard[-1][0] == pytest.approx((0, 0), abs=1e-9)
    look.leave()
    assert ear.heard[-1] == (None,)
    state.set_geometry(FLAT)
    look.hover(pointer(0.5, 0.5, down=False))
    assert ear.heard[-1] == (None,)


def test_flat_clips_pan_and_zoom(look, state):
    state.set_geometry(FLAT)
    state.set_frame(picture(0, size=(32, 18)))
    look.wheel(wheel(0.5, 0.5, 8))
    assert state.wish.flat.zoom > 2
    drag(look, (0.5, 0.5), (0.6, 0.5))
    assert state.wish.flat.centre_u < 0.5
    look.turn(left=-1)
    look.recentre()
    assert state.wish.flat == FlatView()
    assert state.wish.look == View()


def test_keys_turn_lean_and_zoom(look, state):
    look.turn(left=1)
    assert state.wish.look.yaw_rad > 0
    look.turn(up=-1)
    assert state.wish.look.pitch_rad < 0
    look.lean(1)
    assert state.wish.look.roll_rad > 0
    look.zoom(2)
    assert state.wish.look.fov_rad < math.pi / 2
    look.reset_zoom()
    assert state.wish.look.fov_rad == pytest.approx(math.pi / 2)
    look.recentre()
    assert state.wish.look == View()


def test_recentre_goes_where_the_clip_wants_it(look, state):
    home = View(yaw_rad=1.0, fov_rad=1.2)
    look.set_home(home)
    look.recentre()
    assert (state.wish.look, state.wish.map_view) == (home, WHOLE_MAP)


def test_looking_around_comes_down_from_the_little_planet_with_the_same_bearing(look, state):
    state.set_look(View(yaw_rad=0.7))
    look.little_planet()
    state.set_layout(ViewLayout.SPLIT)
    look.look_around()
    assert state.wish.layout is ViewLayout.LOOK
    assert not is_little_planet(state.wish.look)
    np.testing.assert_allclose(state.wish.look.R_world_view, View(yaw_rad=0.7).R_world_view, atol=1e-12)
    assert state.wish.look.fov_rad == pytest.approx(math.pi / 2)
    state.set_look(View(yaw_rad=0.7, pitch_rad=-0.3))
    look.look_around()
    assert state.wish.look.pitch_rad == -0.3


def test_the_little_planet_leaves_the_map(look, state):
    state.set_layout(ViewLayout.MAP)
    look.little_planet()
    assert state.wish.layout is ViewLayout.LOOK
    assert state.wish.look.pitch_rad == pytest.approx(-math.pi / 2)


def test_on_the_map_alone_keys_pan_it(look, state):
    state.set_layout(ViewLayout.MAP)
    look.turn(left=1)
    assert state.wish.map_view.yaw_rad > 0
    look.zoom(3)
    look.reset_zoom()
    assert state.wish.map_view == WHOLE_MAP
