"""Masks carried along: with the sphere's rotations, over seam and poles, better than flow in the flat picture."""

import math

import cv2
import numpy as np
import pytest

from panosod_core.annotation.propagation.carry import Carried, Carrier
from panosod_core.annotation.propagation.propagate import WorkFrame, _blended, carry_between, carry_on, working_luma
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.brush import cap
from panosod_core.geometry.regions.ring import RingMask
from panosod_core.geometry.regions.turning import turn_about
from panosod_core.geometry.regions.window import Window, facing
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions, pixel_solid_angles
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_config import Place, SceneConfig
from panosod_core.synth.scene_picture import ScenePainter, to_bytes

W, H = 480, 240


def overlap(a, b):
    weights = pixel_solid_angles(a.shape[1], a.shape[0])
    return float(weights @ (a & b).sum(axis=1)) / float(weights @ (a | b).sum(axis=1))


def painted(carried, *, width=W, height=H):
    return np.zeros((height, width), bool) if carried.mask is None else carried.mask.full((height, width))


@pytest.fixture(scope="module")
def moving():
    """Frames and label maps of a scene with moving twins, the first one on the seam."""
    scene = draw_scene(900_002, SceneConfig(duration_s=2.0, objects=(2, 2), twins=2, moving=1.0, place=Place.SEAM))
    pictures = ScenePainter(W, H).render(scene, [0.3 + k / 30 for k in range(13)])
    return [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in to_bytes(pictures.frames)], pictures.labels


@pytest.mark.parametrize("at", [(0.0, 0.0), (math.pi, 0.2), (1.0, math.pi / 2), (-2.0, -1.5)])
def test_a_window_shows_its_direction_upright_and_places_back(at):
    centre = direction(*at)
    window = Window(facing(centre), 1.2, 0.8, W / (2 * math.pi))
    np.testing.assert_allclose(window.R_world_window.T @ window.R_world_window, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(window.centre, centre, atol=1e-12)
    mask = cap(centre, 0.3, width=W, height=H).full((H, W)).astype(np.float32)
    back = window.place(window.look(mask).astype(np.float32), width=W, height=H).full((H, W))
    angles = angle_between(equirect_directions(W, H), centre)
    assert back[angles < 0.29].all() and not back[angles > 0.31].any()


def test_what_stands_still_stays(moving):
    frames, labels = moving
    mask = labels[0] == 1
    carrier = Carrier(frames[0], mask)
    for _ in range(5):
        carried = carrier.step(frames[0])
    assert overlap(painted(carried), mask) > 0.97
    assert carried.confidence > 0.95


def test_the_window_stays_a_rotation_for_thousands_of_frames(moving):
    frames, labels = moving
    small = [cv2.resize(f, (96, 48)) for f in frames]
    carrier = Carrier(small[0], cv2.resize(labels[0], (96, 48), interpolation=cv2.INTER_NEAREST) == 1)
    for n in range(1500):
        carrier.step(small[abs(n % 24 - 12)])
    turn = carrier._window.R_world_window
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)


def test_it_follows_over_the_seam(moving):
    frames, labels = moving
    found = list(carry_on(frames[0], labels[0], [1, 2], [WorkFrame(n, f) for n, f in enumerate(frames[1:], 1)]))
    assert [f.key for f in found] == list(range(1, 13))
    for object_id in (1, 2):
        assert overlap(painted(found[-1].objects[object_id]), labels[-1] == object_id) > 0.9


def test_a_turn_of_the_sphere_changes_nothing(moving):
    """Rolled by whole columns the frames show the same sphere: the masks roll along, but for resampling."""
    frames, labels = moving
    roll = 133
    plain = list(carry_on(frames[0], labels[0], [1], [WorkFrame(n, f) for n, f in enumerate(frames[1:6])]))
    turned = list(
        carry_on(
            np.roll(frames[0], roll, 1),
            np.roll(labels[0], roll, 1),
            [1],
            [WorkFrame(n, np.roll(f, roll, 1)) for n, f in enumerate(frames[1:6])],
        )
    )
    assert overlap(np.roll(painted(plain[-1].objects[1]), roll, 1), painted(turned[-1].objects[1])) > 0.98


def test_it_stops_at_a_barrier_and_when_asked(moving):
    frames, labels = moving
    work = [WorkFrame(n, f) for n, f in enumerate(frames[1:], 1)]
    found = list(carry_on(frames[0], labels[0], [1, 2], work, is_barrier=lambda key, i: (key, i) == (3, 1)))
    assert all(1 in f.objects for f in found[:2]) and all(1 not in f.objects for f in found[2:])
    assert len(found) == 12 and all(2 in f.objects for f in found)
    assert len(list(carry_on(frames[0], labels[0], [1], work, is_barrier=lambda key, i: key == 3))) == 2
    asked = iter([False, False, False, True])
    assert len(list(carry_on(frames[0], labels[0], [1], work, should_stop=lambda: next(asked)))) == 1


def test_objects_stay_disjoint(moving):
    frames, labels = moving
    for frame in carry_on(frames[0], labels[0], [1, 2], [WorkFrame(n, f) for n, f in enumerate(frames[1:5])]):
        assert not (painted(frame.objects[1]) & painted(frame.objects[2])).any()


def test_between_two_known_frames_is_better_in_the_middle_than_either_end_alone_is_bad(moving):
    frames, labels = moving
    inner = [WorkFrame(n, frames[n]) for n in range(1, 12)]
    found = list(carry_between((frames[0], frames[12]), (labels[0], labels[12]), [1, 2], inner))
    assert [f.key for f in found] == list(range(1, 12))
    for frame in found:
        assert overlap(painted(frame.objects[1]), labels[frame.key] == 1) > 0.93


@pytest.mark.parametrize("apart_deg", [4.0, 5.0, 6.0, 8.0, 10.0])
@pytest.mark.parametrize("at", [(0.3, 0.1), (math.pi, -0.4), (1.0, 1.5)])
@pytest.mark.parametrize("nearness", [0.25, 0.5, 0.75])
def test_two_outlines_that_disagree_are_blended_into_a_whole_one(apart_deg, at, nearness):
    width, height, radius = 960, 480, math.radians(3)
    start = direction(*at)
    axis = np.cross(start, [0.6, 0.0, 0.8])
    end = turn_about(axis, math.radians(apart_deg)) @ start
    first, second = (Carried(cap(c, radius, width=width, height=height), 0.9) for c in (start, end))
    found = _blended(first, second, nearness=nearness, width=width, height=height)
    between = cap(turn_about(axis, nearness * math.radians(apart_deg)) @ start, radius, width=width, height=height)
    truth = between.full((height, width))
    assert overlap(found.mask.full((height, width)), truth) > 0.8


def test_two_outlines_unlike_each_other_leave_the_one_that_counts_for_more():
    """A ring and the disc in its hole have their middle in common and no pixel."""
    outer, inner, dot = (cap([1, 0, 0], math.radians(r), width=W, height=H).full((H, W)) for r in (12, 10, 1))
    ring, disc = Carried(RingMask.of(outer & ~inner), 0.9), Carried(RingMask.of(dot), 0.9)
    for nearness, expected in ((0.4, ring), (0.6, disc)):
        found = _blended(ring, disc, nearness=nearness, width=W, height=H)
        assert (found.mask.full((H, W)) == expected.mask.full((H, W))).all()


def test_a_model_settles_the_outline(moving):
    frames, labels = moving
    mask = labels[0] == 1
    loose = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
    truth = (labels[1] == 1).astype(np.float32)
    alone = Carrier(frames[0], loose).step(frames[1])
    guided = Carrier(frames[0], loose).step(frames[1], guide=truth)
    assert overlap(painted(guided), truth > 0) > overlap(painted(alone), truth > 0)


def test_masks_may_be_larger_than_the_working_size(moving):
    frames, labels = moving
    large = cv2.resize(labels[0], (2 * W, 2 * H), interpolation=cv2.INTER_NEAREST)
    (found,) = carry_on(frames[0], large, [1], [WorkFrame(1, frames[1])])
    truth = cv2.resize(labels[1], (2 * W, 2 * H), interpolation=cv2.INTER_NEAREST) == 1
    assert overlap(painted(found.objects[1], width=2 * W, height=2 * H), truth) > 0.94


def test_an_object_that_leaves_is_lost_and_no_longer_carried(moving):
    frames, labels = moving
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (H, W), dtype=np.uint8) for _ in range(20)]
    found = list(carry_on(frames[0], labels[0], [1], [WorkFrame(n, f) for n, f in enumerate(noise)]))
    assert found[-1].objects[1].confidence < 0.5


def test_what_is_not_there_cannot_be_carried(moving):
    frames, labels = moving
    with pytest.raises(AnnotationError, match="paint"):
        list(carry_on(frames[0], labels[0], [9], [WorkFrame(1, frames[1])]))
    with pytest.raises(AnnotationError, match="both"):
        list(carry_between((frames[0], frames[1]), (labels[0], labels[1] * 0), [1], []))
    with pytest.raises(AnnotationError, match="empty"):
        Carrier(frames[0], np.zeros((H, W)))


def test_the_working_size():
    assert working_luma(np.full((960, 1920), 7, np.uint8)).shape == (480, 960)
    assert (working_luma(np.full((96, 192), 7 << 8, np.uint16)) == 7).all()
