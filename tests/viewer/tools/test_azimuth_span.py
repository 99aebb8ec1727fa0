import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions, wrap_angle
from panosod_core.geometry.sphere import azimuth_elevation
from panosod_viewer.tools.azimuth_span import azimuth_span

views = st.builds(
    lambda yaw, pitch, roll, fov: View(*np.radians([yaw, pitch, roll, fov]).tolist()),
    st.floats(-400, 400),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(5, 200),
)


@given(view=views, aspect=st.floats(0.4, 3))
@settings(deadline=None)
def test_all_that_is_in_sight_lies_in_the_span(view, aspect):
    span = azimuth_span(view, aspect=aspect)
    if span is None:
        return
    middle, half = span
    assert -np.pi < middle <= np.pi and 0 < half < np.pi
    x, y = np.meshgrid(np.linspace(0, 1, 15), np.linspace(0, 1, 15))
    azimuth, elevation = azimuth_elevation(viewport_to_directions(view, x, y, aspect=aspect))
    off = np.abs((azimuth - middle + np.pi) % (2 * np.pi) - np.pi)
    # Edges curve between the samples, the more the nearer they come to a pole.
    assert np.all(off <= half + 0.02 + 0.2 * (np.abs(elevation) > 1.2))


@given(view=views, aspect=st.floats(0.4, 3), turn=st.floats(-7, 7))
@settings(deadline=None)
def test_turning_the_view_turns_the_span(view, aspect, turn):
    still = azimuth_span(view, aspect=aspect)
    moved = azimuth_span(View(view.yaw_rad + turn, view.pitch_rad, view.roll_rad, view.fov_rad), aspect=aspect)
    assert (still is None) == (moved is None)
    if still is not None and moved is not None:
        assert moved[1] == pytest.approx(still[1], abs=1e-6)
        assert wrap_angle(moved[0] - still[0] - turn) == pytest.approx(0, abs=1e-6)


def test_a_level_view_spans_its_field_of_view():
    middle, half = azimuth_span(View(yaw_rad=3.0, fov_rad=float(np.radians(80))), aspect=1.5)
    assert middle == pytest.approx(3.0)
    assert np.degrees(half) == pytest.approx(40, abs=0.1)


def test_with_a_pole_in_sight_all_of_the_ring_is():
    assert azimuth_span(View(pitch_rad=1.5), aspect=1.0) is None
    whole = View(fov_rad=2 * np.pi, projection=ViewProjection.EQUIRECT)
    assert azimuth_span(whole, aspect=2.0) is None
    part = View(yaw_rad=-3.0, fov_rad=1.0, projection=ViewProjection.EQUIRECT)
    assert azimuth_span(part, aspect=2.0) == pytest.approx((-3.0, 0.5))
