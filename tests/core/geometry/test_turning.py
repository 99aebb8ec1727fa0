"""Maps turned from one frame to another: things end up where their direction says, there and back."""

import numpy as np
import pytest

from panosod_core.geometry.sphere import angle_between, direction, equirect_directions, rotation
from panosod_core.geometry.turning import SphereTurner

H, W = 104, 208
POSES = [(40.0, 0.0, 0.0), (0.0, 25.0, 0.0), (0.0, 0.0, -35.0), (150.0, -30.0, 20.0), (-170.0, 60.0, 90.0)]


def blob(toward, *, width_rad=0.2):
    """A smooth hill about a direction, 0..255."""
    away = angle_between(equirect_directions(W, H), toward)
    return np.rint(255 * np.exp(-((away / width_rad) ** 2))).astype(np.uint8)


@pytest.mark.parametrize("pose_deg", POSES)
@pytest.mark.parametrize("toward", [(0.0, 0.0), (178.0, 10.0), (60.0, 80.0), (-100.0, -50.0)])
def test_a_hill_of_the_world_lies_where_the_picture_has_that_direction(pose_deg, toward):
    R_world_picture = rotation(*np.radians(pose_deg))
    world = direction(*np.radians(toward))
    turner = SphereTurner(R_world_picture.T)
    expected = blob(R_world_picture.T @ world)
    found = turner.values(blob(world))
    # a steep hill between pixels, and at the poles, where a row has no neighbour beyond
    assert np.abs(found.astype(int) - expected).max() <= 16
    np.testing.assert_array_equal(turner.nearest(blob(world)) >= 128, turner.nearest(blob(world) >= 128))
    there_and_back = SphereTurner(R_world_picture).values(found)
    assert np.abs(there_and_back.astype(int) - blob(world)).max() <= 24


def test_nothing_is_turned_where_both_frames_are_the_same():
    turner, image = SphereTurner(rotation(0.0)), blob(direction(0.3, 0.2))
    assert turner.values(image) is image
    assert turner.nearest(image) is image


def test_a_turn_by_whole_columns_moves_them():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 9, (H, W)).astype(np.int32)
    # the picture's front looks 90 degrees to the left in the world: what is at its front lay a quarter left there
    turner = SphereTurner(rotation(np.pi / 2).T)
    np.testing.assert_array_equal(turner.nearest(labels), np.roll(labels, W // 4, axis=1))
    np.testing.assert_array_equal(turner.values(labels.astype(np.uint8)), np.roll(labels, W // 4, axis=1))
