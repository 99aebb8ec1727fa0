import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.geometry.sphere import angle_between, direction, equirect_directions, pixel_solid_angles
from panosod_core.synth.grid import PixelGrid, blend

WIDTH, HEIGHT = 96, 48
GRID = PixelGrid(WIDTH, HEIGHT)
EVERYWHERE = equirect_directions(WIDTH, HEIGHT)

azimuths = st.floats(-np.pi, np.pi)
elevations = st.floats(-np.pi / 2, np.pi / 2)
radii = st.floats(0.02, 1.4)


@given(azimuths, elevations, radii)
def test_a_disc_is_exactly_the_pixels_whose_centres_lie_in_it(azimuth, elevation, radius):
    centre = direction(azimuth, elevation)
    disc = GRID.disc(centre, radius)
    found = np.zeros(WIDTH * HEIGHT, bool)
    found[disc.index[disc.inside]] = True
    angle = angle_between(EVERYWHERE, centre).reshape(-1)
    undecided = np.abs(angle - radius) < 1e-7
    assert np.array_equal(found[~undecided], (angle <= radius)[~undecided])


@given(azimuths, elevations, radii)
def test_coverage_is_half_or_more_just_inside(azimuth, elevation, radius):
    disc = GRID.disc(direction(azimuth, elevation), radius)
    undecided = np.abs(disc.angle - radius) < 1e-6
    assert np.array_equal((disc.coverage >= 0.5)[~undecided], disc.inside[~undecided])
    assert len(np.unique(disc.index)) == len(disc.index)


@pytest.mark.parametrize("elevation_deg", [0, 40, -75, 90])
def test_coverage_adds_up_to_the_area_of_the_cap(elevation_deg):
    grid = PixelGrid(960, 480)
    radius = np.radians(10)
    disc = grid.disc(direction(3.1, np.radians(elevation_deg)), radius)
    area = np.sum(disc.coverage * pixel_solid_angles(960, 480)[disc.index // 960])
    assert area == pytest.approx(2 * np.pi * (1 - np.cos(radius)), rel=2e-3)


@given(azimuths, elevations, radii)
def test_within_gives_the_directions_of_its_pixels(azimuth, elevation, reach):
    index, directions = GRID.within(direction(azimuth, elevation), reach)
    assert np.allclose(directions, EVERYWHERE.reshape(-1, 3)[index], atol=1e-12)
    assert np.all(angle_between(directions, direction(azimuth, elevation)) <= reach + 1e-7)


def test_strips_put_together_are_the_sphere():
    whole = np.concatenate([GRID.strip(first, first + 16) for first in range(0, HEIGHT, 16)])
    assert np.allclose(whole, EVERYWHERE, atol=1e-6)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.pi / 2])
def test_a_disc_of_no_or_half_the_sphere_is_refused(radius):
    with pytest.raises(ValueError, match="radius"):
        GRID.disc((1.0, 0.0, 0.0), radius)


def test_blend_changes_the_given_pixels_alone():
    picture = np.full((4, 8, 3), 100, np.uint8)
    blend(picture, np.array([5, 17]), (1.0, 0.0, 0.5), np.array([1.0, 0.5]))
    flat = picture.reshape(-1, 3)
    assert flat[5].tolist() == [255, 0, 128]
    assert flat[17].tolist() == [178, 50, 114]
    assert np.all(np.delete(flat, [5, 17], axis=0) == 100)
