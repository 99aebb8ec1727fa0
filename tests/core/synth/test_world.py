import numpy as np
import pytest

from panosod_core.geometry.sphere import azimuth_elevation, direction
from panosod_core.synth.paint import Look, Pattern
from panosod_core.synth.world import PolePendulum, SceneObject, Still, Sway

TIMES = np.linspace(0, 30, 3001)
LOOK = Look(Pattern.BANDS, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
TRAJECTORIES = [
    Still(0.3, -0.2),
    Sway(np.pi, -0.1, 0.5, 0.1, 9.0, 7.0, 0.4, 1.0),
    PolePendulum(1.7, 1.0, 18.0, 0.2),
]


def ball(**changes):
    values = {
        "id": 7,
        "name": "a",
        "kind": "k",
        "look_alikes": "g",
        "radius_rad": 0.1,
        "trajectory": TRAJECTORIES[1],
        "look": LOOK,
        "timbre": "reed",
    }
    return SceneObject(**(values | changes))


@pytest.mark.parametrize("trajectory", TRAJECTORIES, ids=lambda t: type(t).__name__)
def test_trajectories_are_unit_vectors_without_jumps(trajectory):
    way = trajectory.directions(TIMES)
    assert way.shape == (len(TIMES), 3)
    assert np.allclose(np.linalg.norm(way, axis=1), 1, atol=1e-12)
    assert np.max(np.linalg.norm(np.diff(way, axis=0), axis=1)) < 0.02


@pytest.mark.parametrize("trajectory", TRAJECTORIES, ids=lambda t: type(t).__name__)
def test_a_moment_does_not_depend_on_what_it_is_asked_with(trajectory):
    assert np.array_equal(trajectory.directions([TIMES[1234]])[0], trajectory.directions(TIMES)[1234])


def test_a_sway_about_the_back_crosses_the_seam():
    azimuth, _ = azimuth_elevation(TRAJECTORIES[1].directions(TIMES))
    assert np.any(np.abs(np.diff(azimuth)) > np.pi)


def test_a_pole_pendulum_goes_through_the_zenith():
    way = PolePendulum(0.7, 1.0, 8.0).directions([0.0, 2.0, 4.0])
    assert np.allclose(way[0], direction(0.7, np.pi / 2 - 1.0))
    assert np.allclose(way[1], [0, 0, 1])
    assert np.allclose(way[2], direction(0.7 + np.pi, np.pi / 2 - 1.0))


@pytest.mark.parametrize("faces", [True, False])
def test_an_objects_axes_are_a_rotation(faces):
    R = ball(faces_listener=faces, tilt_rad=0.3, spin_rad_s=0.7).R_world_object(4.2)
    assert np.allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)


def test_one_that_faces_the_listener_shows_its_front():
    thing = ball(faces_listener=True, trajectory=Still(2.0, 0.0))
    assert np.allclose(thing.R_world_object(3.0)[:, 0], -thing.direction_at(3.0))


@pytest.mark.parametrize("changes", [{"id": 0}, {"id": 255}, {"radius_rad": 0.0}, {"radius_rad": 2.0}])
def test_impossible_objects_are_refused(changes):
    with pytest.raises(ValueError, match="must lie in"):
        ball(**changes)


@pytest.mark.parametrize("make", [lambda: Sway(0, 0, 1, 1, 0, 1), lambda: PolePendulum(0, 1, -1)])
def test_periods_of_no_length_are_refused(make):
    with pytest.raises(ValueError, match="period"):
        make()
