"""Regions on the sphere: against brute force on every pixel, and turned to the seam and the poles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.regions.brush import cap, segment, stroke
from panosod_core.geometry.regions.morphology import bounding_cap, grow, shrink, smooth
from panosod_core.geometry.regions.parts import fill_holes, label_parts, largest_part, part_areas, part_at
from panosod_core.geometry.regions.polygon import polygon
from panosod_core.geometry.regions.ring import RingBox, RingMask
from panosod_core.geometry.regions.turning import shortest_turn, turn_about, turned
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions, pixel_solid_angles, rotation

W, H = 96, 48
DIRECTIONS = equirect_directions(W, H)
ANGLES = st.tuples(st.floats(-math.pi, math.pi), st.floats(-math.pi / 2, math.pi / 2))
RADII = st.floats(0.01, 1.2)


def painted(mask: RingMask | None, *, width: int = W, height: int = H) -> np.ndarray:
    return np.zeros((height, width), bool) if mask is None else mask.full((height, width))


def solid_angle(mask: np.ndarray) -> float:
    return float(pixel_solid_angles(mask.shape[1], mask.shape[0]) @ mask.sum(axis=1))


def close_to(angles: np.ndarray, radius: float) -> np.ndarray:
    """Pixels whose side of a border rounding may decide."""
    return np.abs(angles - radius) < 1e-7


@given(ANGLES, RADII)
def test_cap_is_every_pixel_within_the_angle(at, radius):
    centre = direction(*at)
    angles = angle_between(DIRECTIONS, centre)
    wrong = painted(cap(centre, radius, width=W, height=H)) ^ (angles <= radius)
    assert not (wrong & ~close_to(angles, radius)).any()


@given(ANGLES, ANGLES, RADII)
def test_segment_is_every_pixel_near_the_arc(start, end, radius):
    a, b = direction(*start), direction(*end)
    length = float(angle_between(a, b))
    if length > math.pi - 1e-3:
        return
    normal = np.cross(a, b)
    distance = np.minimum(angle_between(DIRECTIONS, a), angle_between(DIRECTIONS, b))
    if length > 1e-6:
        normal /= np.linalg.norm(normal)
        within = (DIRECTIONS @ np.cross(normal, a) >= 0) & (DIRECTIONS @ np.cross(b, normal) >= 0)
        distance = np.where(within, np.abs(np.arcsin(np.clip(DIRECTIONS @ normal, -1, 1))), distance)
    wrong = painted(segment(a, b, radius, width=W, height=H)) ^ (distance <= radius)
    assert not (wrong & ~close_to(distance, radius)).any()


def test_opposite_ends_have_no_shortest_arc():
    with pytest.raises(ValueError, match="opposite"):
        segment([1, 0, 0], [-1, 0, 0], 0.1, width=W, height=H)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "tolerance"), [(180, 0, 0.01), (77, 85, 0.02), (-140, -85, 0.02)]
)
def test_a_stroke_covers_the_same_solid_angle_everywhere(azimuth_deg, elevation_deg, tolerance):
    width, height = 3840, 1920
    points = direction(np.radians([-8, -3, 2, 9]), np.radians([-4, 3, -2, 5]))
    radius = math.radians(5)

    def area(directions):
        mask = np.zeros((height, width), bool)
        for patch in stroke(directions, radius, width=width, height=height):
            patch.box.write_where(mask, np.ones_like(patch.bits), patch.bits)
        assert label_parts(mask)[1] == 1
        return solid_angle(mask)

    moved = points @ rotation(math.radians(azimuth_deg), math.radians(elevation_deg)).T
    assert area(moved) == pytest.approx(area(points), rel=tolerance)


def test_one_point_is_a_stroke():
    (patch,) = stroke([[1, 0, 0]], 0.2, width=W, height=H)
    assert solid_angle(painted(patch)) == pytest.approx(2 * math.pi * (1 - math.cos(0.2)), rel=0.1)


def test_a_brush_between_pixel_centres_holds_none():
    assert cap(direction(0.0, 0.0), 1e-6, width=W, height=H) is None
    assert stroke([direction(0.0, 0.0)], 1e-6, width=W, height=H) == []


@given(st.lists(ANGLES, min_size=3, max_size=7), st.floats(-math.pi, math.pi))
def test_polygon_turns_with_the_sphere(corners, azimuth):
    """A yaw by whole columns is a roll of the pixels, seam and poles included."""
    vertices = direction(*np.array(corners).T)
    columns = round(azimuth / (2 * math.pi) * W)
    turn = rotation(columns * 2 * math.pi / W)
    area = polygon(vertices, width=W, height=H)
    if abs(solid_angle(area) - 2 * math.pi) < 0.2:
        return  # either side may be called the inside
    rolled = polygon(vertices @ turn.T, width=W, height=H)
    assert (rolled ^ np.roll(area, -columns, axis=1)).sum() <= 2  # centres that lie on an edge but for rounding


@given(ANGLES, st.floats(0.15, 1.2), st.integers(3, 12))
def test_convex_polygon_is_what_lies_left_of_all_its_edges(at, radius, count):
    centre = direction(*at)
    around = np.linspace(0, 2 * math.pi, count, endpoint=False)
    local = np.stack([np.full(count, math.cos(radius)), *(math.sin(radius) * f(around) for f in (np.cos, np.sin))], -1)
    vertices = local @ shortest_turn([1, 0, 0], centre).T
    sides = DIRECTIONS @ np.cross(vertices, np.roll(vertices, -1, axis=0)).T
    wrong = polygon(vertices, width=W, height=H) ^ (sides > 0).all(axis=-1)
    assert not (wrong & (np.abs(sides) > 1e-9).all(axis=-1)).any()


def test_polygon_around_the_pole_and_one_over_the_seam():
    pole = polygon(direction(np.radians([0, 120, -120]), np.radians([60, 60, 60])), width=W, height=H)
    assert pole[0].all() and not pole[H // 2 :].any()
    seam = polygon(direction(np.radians([170, -170, -170, 170]), np.radians([-10, -10, 10, 10])), width=W, height=H)
    assert seam[H // 2, 0] and seam[H // 2, -1] and not seam[:, W // 2].any()
    assert solid_angle(seam) < 0.3


def test_polygon_needs_three_vertices():
    with pytest.raises(ValueError, match="three"):
        polygon([[1, 0, 0], [0, 1, 0]], width=W, height=H)


@given(st.integers(0, 2**32 - 1), st.integers(0, W - 1))
@settings(max_examples=30)
def test_parts_do_not_care_where_the_seam_is(seed, columns):
    mask = np.random.default_rng(seed).random((H, W)) < 0.3
    labels, count = label_parts(mask)
    moved, moved_count = label_parts(np.roll(mask, columns, axis=1))
    assert count == moved_count
    assert ((labels > 0) == mask).all()
    np.testing.assert_allclose(np.sort(part_areas(labels, count)), np.sort(part_areas(moved, count)))


def test_parts_meet_at_the_seam_and_at_the_pole():
    mask = np.zeros((H, W), bool)
    mask[10, 0], mask[11, -1] = True, True
    assert label_parts(mask)[1] == 1
    assert label_parts(mask, diagonal=False)[1] == 2
    mask[0, 3] = mask[0, 60] = True
    assert label_parts(mask)[1] == 2
    assert part_at(mask, 10, 0).sum() == 2 and not part_at(mask, 20, 20).any()
    assert label_parts(np.zeros((H, W)))[1] == 0


def test_largest_part_is_measured_on_the_sphere():
    mask = np.zeros((H, W), bool)
    mask[0:2] = True  # 192 pixels about the pole
    mask[20:29, 40:60] = True  # 180 at the equator
    assert (largest_part(mask) == (np.add.outer(np.arange(H), np.zeros(W)) >= 20) & mask).all()
    assert not largest_part(np.zeros((H, W))).any()


def test_holes_are_filled_over_the_seam():
    ring = painted(cap([-1, 0.02, 0], 0.6, width=W, height=H))
    hole = painted(cap([-1, 0.02, 0], 0.3, width=W, height=H))
    assert (fill_holes(ring & ~hole) == ring).all()
    assert (fill_holes(ring) == ring).all()


@given(ANGLES, st.floats(0.0, 0.5), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_growing_is_every_pixel_near_the_mask(at, radius, seed):
    dots = np.random.default_rng(seed).random((H, W)) < 0.002
    dots |= painted(cap(direction(*at), 0.2, width=W, height=H))
    if not dots.any():
        return
    distance = angle_between(DIRECTIONS[:, :, None], DIRECTIONS[dots][None, None]).min(axis=-1)
    wrong = grow(dots, radius) ^ (distance <= radius)
    assert not (wrong & (np.abs(distance - radius) > 1e-5)).any()


@given(ANGLES, st.floats(0.02, 0.3), st.floats(0.4, 0.9))
@settings(max_examples=30)
def test_shrinking_is_growing_what_is_around(at, radius, size):
    mask = painted(cap(direction(*at), size, width=W, height=H))
    assert (shrink(mask, radius) == ~grow(~mask, radius)).all()
    assert not (shrink(mask, radius) & ~mask).any()
    assert not (mask & ~grow(mask, radius)).any()


@pytest.mark.parametrize("at", [(0.0, 0.0), (math.pi, 0.1), (0.3, math.pi / 2), (2.0, -1.4)])
def test_smoothing_takes_away_bumps_and_keeps_the_cap(at):
    width, height = 256, 128
    mask = painted(cap(direction(*at), 0.6, width=width, height=height), width=width, height=height)
    speck = direction(at[0] + 0.9, at[1] * 0.2)
    rough = mask | painted(cap(speck, 0.03, width=width, height=height), width=width, height=height)
    calm = smooth(rough, 0.12)
    assert solid_angle(calm ^ mask) < 0.05 * solid_angle(mask)
    assert label_parts(calm)[1] == 1
    assert not smooth(np.zeros((H, W)), 0.2).any()


@given(ANGLES, ANGLES)
@settings(max_examples=40)
def test_a_turned_cap_is_the_cap_there(start, end):
    a, b = direction(*start), direction(*end)
    radius, pixel = 0.4, 2 * math.pi / W
    mask = painted(cap(a, radius, width=W, height=H))
    moved = turned(mask, shortest_turn(a, b))
    angles = angle_between(DIRECTIONS, b)
    assert moved[angles < radius - pixel].all()
    assert not moved[angles > radius + pixel].any()


def test_turning_by_columns_is_exact_and_back_again():
    mask = np.random.default_rng(5).random((H, W)) < 0.2
    assert (turned(mask, np.eye(3)) == mask).all()
    quarter = turn_about([0, 0, 1], math.pi / 2)
    assert (turned(mask, quarter) == np.roll(mask, -W // 4, axis=1)).all()
    assert not turned(np.zeros((H, W)), quarter).any()


@given(ANGLES, ANGLES)
def test_shortest_turn_takes_one_to_the_other(start, end):
    a, b = direction(*start), direction(*end)
    turn = shortest_turn(a, b)
    np.testing.assert_allclose(turn @ a, b, atol=1e-6)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)


def test_half_a_turn_between_opposite_directions():
    np.testing.assert_allclose(shortest_turn([0, 0, 1], [0, 0, -1]) @ [0, 0, 1], [0, 0, -1], atol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_boxes_hold_what_they_are_about(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((H, W), bool)
    mask[rng.integers(0, H, 4), (rng.integers(0, 20, 4) + rng.integers(0, W)) % W] = True
    box = RingMask.of(mask).box
    assert box.read(mask).sum() == mask.sum()
    assert box.width <= 20
    back = np.zeros_like(mask)
    box.write(back, box.read(mask))
    assert (back == mask).all()
    kept = np.zeros_like(mask)
    box.write_where(kept, np.ones((box.height, box.width), bool), box.read(mask))
    assert (kept == mask).all()
    other = RingMask.of(np.roll(mask, int(rng.integers(0, W)), axis=1)).box
    both = whole(box.union(other, W)).full((H, W))
    assert both[whole(box).full((H, W))].all() and both[whole(other).full((H, W))].all()


def whole(box):
    return RingMask(box, np.ones((box.height, box.width), bool))


def test_box_of_nothing_and_of_everything():
    assert RingMask.of(np.zeros((H, W), bool)) is None
    assert RingMask.of(np.ones((H, W), bool)).box.width == W
    with pytest.raises(ValueError, match="impossible"):
        RingBox(-1, 0, 2, 2)
    with pytest.raises(ValueError, match="do not fill"):
        RingMask(RingBox(0, 0, 2, 2), np.zeros((3, 2), bool))


def test_bounding_cap_holds_the_mask():
    mask = painted(cap(direction(3.0, 0.2), 0.5, width=W, height=H))
    centre, radius = bounding_cap(mask)
    assert angle_between(DIRECTIONS[mask], centre).max() <= radius + 1e-9
    assert radius < 0.55
    assert bounding_cap(np.zeros((H, W))) is None
    assert bounding_cap(np.ones((H, W)))[1] == math.pi
