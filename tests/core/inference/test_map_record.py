"""The numbers of a map: by solid angle, in directions, through eight bits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions
from panosod_core.inference.map_record import (
    MapRecord,
    MapSource,
    MapSummary,
    decode_png,
    encode_png,
    map_record,
    pack_location,
    peak_direction,
    summarise,
    unpack_location,
)


@given(st.floats(0.0, 1.0))
def test_area_of_a_cap_is_its_share_of_the_sphere(z: float) -> None:
    """The share of the sphere above a height z is (1 - z) / 2 (Archimedes), within a row of pixels."""
    saliency = np.where(equirect_directions(180, 90)[..., 2] > z, 255, 0).astype(np.uint8)
    assert summarise(saliency, None).area == pytest.approx((1 - z) / 2, abs=0.01)


def test_entropy_is_one_bit_where_the_model_does_not_know_and_none_where_it_does() -> None:
    halves = summarise(np.full((8, 16), 128, np.uint8), None)
    assert halves.entropy == pytest.approx(1.0, abs=1e-4)
    assert halves.area == pytest.approx(1.0)
    for sure in (0, 255):
        assert summarise(np.full((8, 16), sure, np.uint8), None).entropy == 0.0


@given(st.floats(-math.pi, math.pi), st.floats(-1.2, 1.2))
def test_peak_of_a_smooth_map_lies_within_a_third_of_a_cell(azimuth: float, elevation: float) -> None:
    width, height = 26, 13
    towards = direction(azimuth, elevation)
    location = np.exp(6 * (equirect_directions(width, height) @ towards)).astype(np.float32)
    off = angle_between(direction(*peak_direction(location)), towards)
    assert float(off) < 2 * math.pi / width / 3


@given(hnp.arrays(np.float32, (5, 10), elements=st.floats(-100, 100, width=32)), st.integers(0, 9))
def test_the_peak_turns_with_the_map(location: np.ndarray, columns: int) -> None:
    location[2, 4] = 200  # one peak, so that ties do not matter
    azimuth, elevation = peak_direction(location)
    turned = peak_direction(np.roll(location, columns, axis=1))
    expected = azimuth_elevation(direction(azimuth - columns * 2 * math.pi / 10, elevation))
    assert angle_between(direction(*turned), direction(*expected)) < 1e-6
    assert -math.pi < turned[0] <= math.pi


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_pictures_come_through_png_as_they_are(grey: np.ndarray) -> None:
    assert np.array_equal(decode_png(encode_png(grey)), grey)


def test_what_is_no_grey_png_is_none() -> None:
    assert decode_png(b"") is None
    assert decode_png(b"not a picture") is None
    assert decode_png(encode_png(np.zeros((20, 20), np.uint8))[:30]) is None


@given(hnp.arrays(np.float32, (4, 8), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_location_in_eight_bits_is_off_by_half_a_step(location: np.ndarray) -> None:
    again = unpack_location(pack_location(location))
    assert again is not None
    assert np.abs(again.astype(np.float64) - location).max() <= float(np.ptp(location.astype(float))) / 510 + 0.1


def test_probabilities_become_levels() -> None:
    made = map_record(3, pts=30, time_s=0.1, saliency=np.array([[0.0, 0.5, 1.0, 0.2]]))
    assert made.saliency.tolist() == [[0, 128, 255, 51]]
    assert made.source is MapSource.MODEL
    assert map_record(3, pts=30, time_s=0.1, saliency=made.saliency, carried=2).source is MapSource.FLOW


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    fine = np.zeros((2, 4), np.float32)
    with pytest.raises(ValueError, match="not numbers"):
        map_record(0, pts=0, time_s=0, saliency=np.full((2, 4), bad))
    with pytest.raises(ValueError, match="finite"):
        map_record(0, pts=0, time_s=0, saliency=fine, location=np.full((2, 4), bad))


def test_a_record_must_agree_with_itself() -> None:
    grey = np.zeros((2, 4), np.uint8)
    with pytest.raises(ValueError, match="carried"):
        MapRecord(0, 0, 0.0, grey, None, MapSummary(0, 0), MapSource.MODEL, 1)
    with pytest.raises(ValueError, match="carried"):
        MapRecord(0, 0, 0.0, grey, None, MapSummary(0, 0), MapSource.FLOW, 0)
    with pytest.raises(ValueError, match="negative"):
        MapRecord(-1, 0, 0.0, grey, None, MapSummary(0, 0))
