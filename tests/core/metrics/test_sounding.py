import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.metrics.sounding import FrameTruth, SoundingTally, location_error_deg, map_peak, right_choice

HEIGHT, WIDTH = 24, 48


def cap(centre, radius_deg):
    return equirect_directions(WIDTH, HEIGHT) @ centre > np.cos(np.radians(radius_deg))


def truth(azimuths_deg=(60.0, -60.0, 180.0), *, twins=(True, True, False), sounding=(True, False, False)):
    directions = np.stack([direction(np.radians(a), 0.1) for a in azimuths_deg])
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k, centre in enumerate(directions):
        labels[cap(centre, 15.0)] = k + 1
    return FrameTruth(labels, np.array(twins), np.array(sounding), directions)


def lit(who, *ids):
    return np.isin(who.labels, ids).astype(np.float32)


def test_the_look_alike_with_the_brighter_mask_is_chosen():
    who = truth()
    assert right_choice(lit(who, 1), who) == 1.0
    assert right_choice(lit(who, 2), who) == 0.0
    # what is no look-alike may be as bright as it likes
    assert right_choice(lit(who, 1) * 0.2 + lit(who, 3), who) == 1.0


def test_equal_brightness_is_half_a_choice():
    who = truth()
    assert right_choice(np.full((HEIGHT, WIDTH), 0.3), who) == 0.5


@pytest.mark.parametrize("sounding", [(False, False, True), (True, True, False)])
def test_there_must_be_something_to_choose(sounding):
    who = truth(sounding=sounding)
    assert right_choice(lit(who, 1), who) is None


def test_a_look_alike_that_is_not_seen_is_no_choice():
    who = truth()
    who.labels[who.labels == 2] = 0
    assert right_choice(lit(who, 1), who) is None


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match="shape"):
        right_choice(np.zeros((2, 4)), truth())


@given(azimuth=st.floats(-180, 180), elevation=st.floats(-85, 85))
def test_a_peak_is_found_finer_than_the_cells(azimuth, elevation):
    """Cells of 13.8 degrees, as the small model has: a bump of that width is found to a fifth of one, anywhere."""
    centre = direction(np.radians(azimuth), np.radians(elevation))
    surface = np.exp(15.0 * (equirect_directions(26, 13) @ centre - 1))
    assert np.degrees(angle_between(map_peak(surface), centre)) < 3.0


@given(shift=st.integers(0, 25), gain=st.floats(0.01, 100), offset=st.floats(-5, 5))
def test_a_peak_turns_with_the_map_whatever_its_scale(shift, gain, offset):
    centre = direction(0.4, -0.3)
    surface = np.exp(15.0 * (equirect_directions(26, 13) @ centre - 1))
    turned = np.roll(surface, shift, axis=1) * gain + offset
    expected = direction(0.4 - 2 * np.pi * shift / 26, -0.3)
    assert angle_between(map_peak(turned), expected) == pytest.approx(
        float(angle_between(map_peak(surface), centre)), abs=1e-6
    )


def test_the_error_is_to_the_nearest_sound():
    who = truth(sounding=(True, False, True))
    near_third = np.exp(30.0 * (equirect_directions(WIDTH, HEIGHT) @ who.directions[2] - 1))
    error = location_error_deg(near_third, who)
    assert error is not None and error < 2.0
    assert location_error_deg(near_third, truth(sounding=(False, False, False))) is None


def test_a_tally_knows_what_it_has_not_seen():
    tally = SoundingTally()
    assert tally.result().twin_accuracy is None and tally.result().location_median_deg is None
    who = truth()
    tally.add(lit(who, 1), None, who)
    tally.add(lit(who, 2), lit(who, 1), who)
    result = tally.result()
    assert (result.choices, result.twin_accuracy, result.located) == (2, 0.5, 1)
    assert result.location_median_deg is not None and result.location_median_deg < 6.0
