import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from panosod_core.geometry.projection import (
    View,
    ViewProjection,
    directions_to_viewport,
    viewport_to_directions,
    viewport_to_view_rays,
)
from panosod_core.geometry.sphere import azimuth_elevation, direction
from panosod_viewer.scene import FlatView
from panosod_viewer.tools import look

WIDTH, HEIGHT = 1280, 720
ASPECT = WIDTH / HEIGHT

angles = st.floats(-math.pi, math.pi)
pitches = st.floats(-math.pi / 2, math.pi / 2)
points = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
sphere_views = st.builds(
    View,
    yaw_rad=angles,
    pitch_rad=pitches,
    roll_rad=st.one_of(st.just(0.0), angles),
    fov_rad=st.floats(math.radians(5), math.radians(320)),
    projection=st.sampled_from([ViewProjection.PERSPECTIVE, ViewProjection.STEREOGRAPHIC]),
)


def miss_px(view, d, x, y, aspect=ASPECT, width=WIDTH):
    """Distance on the screen between where a direction is drawn and where the pointer is."""
    px, py = directions_to_viewport(view, d, aspect=aspect)
    return float(np.hypot((px - x) * width, (py - y) * width / aspect))


def other_pitch(view, x, y):
    """The second pitch that puts the pointer at the same elevation: across the pole from the view's own."""
    ray = viewport_to_view_rays(view, x, y, aspect=ASPECT)
    phase = math.atan2(math.sin(view.roll_rad) * ray[1] + math.cos(view.roll_rad) * ray[2], ray[0])
    return math.remainder(math.pi - 2 * phase - view.pitch_rad, 2 * math.pi)


@given(sphere_views, points, angles, pitches)
def test_a_drag_that_can_be_reached_keeps_the_grabbed_direction_under_the_pointer(view, end, yaw, pitch):
    # Every view (yaw, pitch) with the same roll and fov is a reachable goal: drag to what it shows at the end point.
    # Only a goal across the pole, where a hand slips, is left out.
    goal = view.turned(yaw_rad=yaw, pitch_rad=pitch)
    other = other_pitch(goal, *end)
    assume(abs(view.pitch_rad) < math.radians(89))
    assume(abs(other) < math.pi / 2 - 1e-6 or abs(other - view.pitch_rad) > abs(pitch - view.pitch_rad))
    d = viewport_to_directions(goal, *end, aspect=ASPECT)
    held = look.Grab(*(float(a) for a in azimuth_elevation(d)))
    moved, still_held = look.drag(view, held, *end, aspect=ASPECT)
    assert still_held == held
    # Right at a pole of the picture, one float64 ulp of z is already 1e-8 rad of pitch (asin is steep there).
    assert miss_px(moved, d, *end) <= 0.01
    kept = view.turned()
    assert (moved.fov_rad, moved.roll_rad, moved.projection) == (kept.fov_rad, kept.roll_rad, kept.projection)


@given(sphere_views, st.lists(points, min_size=2, max_size=4))
def test_along_any_path_the_hand_holds_on_or_stops_at_a_pole_and_never_jumps(view, corners):
    view = view.turned(pitch_rad=view.pitch_rad * 0.9)
    at = np.array(corners[0])
    held = look.grab(view, *at, aspect=ASPECT)
    for corner in corners[1:]:
        n = 1 + int(np.hypot(*((np.array(corner) - at) * (WIDTH, HEIGHT))) / 8)
        for x, y in np.linspace(at, corner, n + 1)[1:]:
            moved, now_held = look.drag(view, held, x, y, aspect=ASPECT)
            if now_held == held:
                assert miss_px(moved, direction(held.azimuth_rad, held.elevation_rad), x, y) <= 0.01
            else:
                # slipped: at a pole, or at the highest (lowest) that this point of the pane can ever see
                ray = viewport_to_view_rays(view, x, y, aspect=ASPECT)
                qz = math.sin(view.roll_rad) * ray[1] + math.cos(view.roll_rad) * ray[2]
                highest = math.asin(min(1.0, math.hypot(ray[0], qz)))
                assert abs(moved.pitch_rad) > math.pi / 2 - 1e-6 or abs(held.elevation_rad) > highest - 1e-6
            view, held = moved, now_held
        at = np.array(corner)


@given(sphere_views, points)
def test_a_click_without_moving_leaves_the_view(view, point):
    held = look.grab(view, *point, aspect=ASPECT)
    same, _ = look.drag(view, held, *point, aspect=ASPECT)
    np.testing.assert_allclose(same.R_world_view[:, 0] @ view.R_world_view[:, 0], 1.0, atol=1e-7)


def test_a_drag_to_the_right_turns_the_view_left_and_down_turns_it_up():
    view = View()
    held = look.grab(view, 0.5, 0.5, aspect=ASPECT)
    assert look.drag(view, held, 0.6, 0.5, aspect=ASPECT)[0].yaw_rad > 0
    assert look.drag(view, held, 0.5, 0.6, aspect=ASPECT)[0].pitch_rad > 0


@pytest.mark.parametrize("fov_deg", [60, 90, 140, 260])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_drag_over_the_pole_stops_there_without_a_jump_and_comes_back_at_once(fov_deg, sign):
    view = View(pitch_rad=sign * math.radians(80), fov_rad=math.radians(fov_deg))
    path = 0.5 + sign * (np.linspace(0.2, 0.98, 600) - 0.5)
    held = look.grab(view, 0.52, path[0], aspect=ASPECT)
    steps = []
    for y in path[1:]:
        moved, held = look.drag(view, held, 0.52, float(y), aspect=ASPECT)
        cos_turned = (np.trace(view.R_world_view.T @ moved.R_world_view) - 1) / 2
        steps.append(math.degrees(math.acos(min(1.0, max(-1.0, cos_turned)))))
        view = moved
    assert max(steps) < 12
    assert view.pitch_rad == pytest.approx(sign * math.pi / 2)
    back, _ = look.drag(view, held, 0.52, float(path[-1]) - sign * 0.05, aspect=ASPECT)
    assert abs(back.pitch_rad) < math.pi / 2 - 0.01


def test_circling_the_little_planet_turns_it_like_a_record():
    view = look.little_planet(View())
    # a hand on the horizon, once round the middle of the pane
    ring = [(0.5 + 0.2 * math.cos(a), 0.5 + 0.2 * ASPECT * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 91)]
    held = look.grab(view, *ring[0], aspect=ASPECT)
    turned = 0.0
    for x, y in ring[1:]:
        moved, held = look.drag(view, held, x, y, aspect=ASPECT)
        turned += math.remainder(moved.yaw_rad - view.yaw_rad, 2 * math.pi)
        view = moved
        assert view.pitch_rad == pytest.approx(-math.pi / 2, abs=1e-3)
    assert abs(turned) == pytest.approx(2 * math.pi, abs=1e-2)


@given(sphere_views, points, st.floats(-12, 12))
def test_the_wheel_keeps_what_lies_under_the_pointer(view, point, steps):
    d = viewport_to_directions(view, *point, aspect=ASPECT)
    zoomed = look.zoom(view, steps, *point, aspect=ASPECT)
    expected = view.fov_rad * look.ZOOM_PER_STEP**-steps
    assert zoomed.fov_rad == pytest.approx(min(math.radians(320), max(math.radians(5), expected)))
    # Reachable unless the pole would have to move past straight up or down.
    assume(abs(zoomed.pitch_rad) < math.pi / 2 - 1e-6)
    ray = viewport_to_view_rays(zoomed, *point, aspect=ASPECT)
    roll = zoomed.roll_rad
    q_z = math.sin(roll) * ray[1] + math.cos(roll) * ray[2]
    assume(abs(d[2]) < math.hypot(ray[0], q_z) - 1e-6)
    assert miss_px(zoomed, d, *point) <= 0.01


def test_wheel_up_zooms_in():
    assert look.zoom(View(), 1, 0.5, 0.5, aspect=ASPECT).fov_rad < View().fov_rad


# --- the flat map ----------------------------------------------------------------------------------------------------

map_views = st.builds(
    View,
    yaw_rad=angles,
    pitch_rad=st.just(0.0),
    fov_rad=st.floats(math.radians(20), 2 * math.pi),
    projection=st.just(ViewProjection.EQUIRECT),
)


@given(map_views, points, points)
def test_the_map_follows_the_pointer_sideways_and_stops_at_its_borders(view, start, end):
    held = look.grab(view, *start, aspect=ASPECT)
    moved, _ = look.drag(view, held, *end, aspect=ASPECT)
    turn = moved.yaw_rad + (0.5 - end[0]) * moved.fov_rad - held.azimuth_rad
    assert math.remainder(turn, 2 * math.pi) == pytest.approx(0, abs=1e-9)
    half = moved.fov_rad / ASPECT / 2
    if half >= math.pi / 2:
        assert moved.pitch_rad == 0
    else:
        assert abs(moved.pitch_rad) + half <= math.pi / 2 + 1e-9
        if abs(moved.pitch_rad) + half < math.pi / 2 - 1e-9:
            assert moved.pitch_rad + (0.5 - end[1]) * 2 * half == pytest.approx(held.elevation_rad)


@given(map_views, points, st.floats(-20, 20))
def test_zooming_the_map_keeps_the_azimuth_under_the_pointer_and_never_shows_more_than_the_whole(view, point, steps):
    held = look.grab(view, *point, aspect=ASPECT)
    zoomed = look.zoom(view, steps, *point, aspect=ASPECT)
    assert math.radians(20) - 1e-9 <= zoomed.fov_rad <= 2 * math.pi + 1e-9
    after = look.grab(zoomed, *point, aspect=ASPECT)
    assert math.remainder(after.azimuth_rad - held.azimuth_rad, 2 * math.pi) == pytest.approx(0, abs=1e-9)


# --- keys and presets ------------------------------------------------------------------------------------------------


def test_keys_turn_by_a_share_of_the_field_of_view_and_stop_at_the_poles():
    view = View(fov_rad=math.radians(60))
    assert look.turn(view, left=0.1).yaw_rad == pytest.approx(math.radians(6))
    assert look.turn(view, up=0.1).pitch_rad == pytest.approx(math.radians(6))
    assert look.turn(view, up=5).pitch_rad == pytest.approx(math.pi / 2)
    assert look.roll(view, clockwise_rad=0.1).roll_rad == pytest.approx(0.1)


def test_the_flat_map_does_not_lean():
    view = View(projection=ViewProjection.EQUIRECT)
    assert look.roll(view, clockwise_rad=0.1) == view


def test_the_initial_view_comes_from_the_metadata():
    view = look.initial_view((30.0, -10.0, 5.0))
    assert np.degrees([view.yaw_rad, view.pitch_rad, view.roll_rad]) == pytest.approx([30, -10, 5])
    assert look.initial_view((0.0, 120.0, 0.0)).pitch_rad == pytest.approx(math.pi / 2)


def test_the_little_planet_has_the_ground_in_its_middle_and_the_horizon_in_sight():
    view = look.little_planet(View(yaw_rad=0.7))
    assert view.yaw_rad == 0.7
    np.testing.assert_allclose(viewport_to_directions(view, 0.5, 0.5, aspect=ASPECT), [0, 0, -1], atol=1e-9)
    horizon = direction(np.linspace(-3, 3, 24), np.zeros(24))
    _, y = directions_to_viewport(view, horizon, aspect=ASPECT)
    assert ((y > 0) & (y < 1)).all()


@given(angles, st.floats(-1.5, 1.5))
def test_look_at_brings_a_direction_to_the_middle(azimuth, elevation):
    view = look.look_at(View(), azimuth, elevation)
    x, y = directions_to_viewport(view, direction(azimuth, elevation), aspect=ASPECT)
    assert (float(x), float(y)) == (pytest.approx(0.5), pytest.approx(0.5))


def test_beside_the_map_there_is_no_direction():
    view = View(fov_rad=2 * math.pi, projection=ViewProjection.EQUIRECT)
    assert look.direction_at(view, 0.5, 0.01, aspect=1.0) is None
    assert look.direction_at(view, 0.5, 0.5, aspect=1.0) == pytest.approx((1, 0, 0))


# --- flat clips ------------------------------------------------------------------------------------------------------


@given(points, points, st.floats(1, 32), st.floats(0.4, 3), st.floats(0.4, 3))
def test_a_flat_picture_follows_the_pointer_until_its_border(start, end, zoom, aspect, picture_aspect):
    kw = {"aspect": aspect, "picture_aspect": picture_aspect}
    flat = FlatView(zoom=zoom)
    held = look.flat_uv(flat, *start, **kw)
    moved = look.drag_flat(flat, held, *end, **kw)
    for axis, span in enumerate(look.flat_span(moved, **kw)):
        centre = (moved.centre_u, moved.centre_v)[axis]
        if span >= 1:
            assert centre == 0.5
        elif span / 2 + 1e-9 < centre < 1 - span / 2 - 1e-9:
            assert look.flat_uv(moved, *end, **kw)[axis] == pytest.approx(held[axis])
        else:
            assert centre == pytest.approx(span / 2) or centre == pytest.approx(1 - span / 2)


def test_zoom_1_shows_the_whole_flat_picture():
    for aspect, picture_aspect in ((2.0, 1.0), (1.0, 2.0), (1.5, 1.5)):
        span = look.flat_span(FlatView(), aspect=aspect, picture_aspect=picture_aspect)
        assert min(span) == pytest.approx(1.0)
        # square pixels: the shown piece has the pane's shape
        assert span[0] * picture_aspect / span[1] == pytest.approx(aspect)


@given(points, st.floats(0, 20))
def test_zooming_a_flat_picture_keeps_the_point_under_the_pointer(point, steps):
    kw = {"aspect": 1.5, "picture_aspect": 1.5}
    flat = FlatView()
    held = look.flat_uv(flat, *point, **kw)
    zoomed = look.zoom_flat(flat, steps, *point, **kw)
    assert look.flat_uv(zoomed, *point, **kw) == pytest.approx(held)
    assert look.zoom_flat(zoomed, -100, *point, **kw) == FlatView()
