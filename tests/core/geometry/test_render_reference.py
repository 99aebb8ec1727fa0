"""The reference renderer against what can be said without a renderer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.picture import FRONT_HALF, Bounds, Eye, PictureGeometry, PictureProjection, StereoMode
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.render_reference import (
    EyeCoordinates,
    edge_coverage,
    flat_coordinates,
    flat_extent,
    sample_plane,
    spherical_coordinates,
    texel_range,
)

FULL = PictureGeometry()
angles = st.floats(-3.0, 3.0)
views = st.builds(
    View,
    angles,
    st.floats(-1.5, 1.5),
    angles,
    st.floats(0.2, 5.0),
    st.sampled_from([ViewProjection.PERSPECTIVE, ViewProjection.STEREOGRAPHIC]),
)


def at(u: float, v: float) -> EyeCoordinates:
    return EyeCoordinates(np.array([[u]]), np.array([[v]]), np.ones((1, 1)))


@settings(max_examples=50, deadline=None)
@given(view=views, width=st.integers(2, 12), height=st.integers(2, 12))
def test_coordinates_are_those_of_the_directions(view: View, width: int, height: int) -> None:
    where = spherical_coordinates(view, FULL, width=width, height=height)
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    d = viewport_to_directions(view, x[None], y[:, None], aspect=width / height)
    u, v = FULL.directions_to_eye_uv(d)
    assert where.v == pytest.approx(v)
    assert np.abs((where.u - u + 0.5) % 1 - 0.5).max() < 1e-9
    assert (where.coverage == 1).all()


def test_the_whole_map_at_its_own_size_is_the_picture_itself() -> None:
    plane = np.random.default_rng(0).uniform(size=(16, 32))
    view = View(0.0, 0.0, 0.0, 2 * np.pi, ViewProjection.EQUIRECT)
    where = spherical_coordinates(view, FULL, width=32, height=16)
    assert sample_plane(plane, where, FULL) == pytest.approx(plane)


def test_turning_the_map_rolls_the_picture() -> None:
    plane = np.random.default_rng(0).uniform(size=(16, 32))
    view = View(np.pi / 2, 0.0, 0.0, 2 * np.pi, ViewProjection.EQUIRECT)
    where = spherical_coordinates(view, FULL, width=32, height=16)
    assert sample_plane(plane, where, FULL) == pytest.approx(np.roll(plane, 8, axis=1))


@given(u=st.floats(0, 1), v=st.floats(0, 1))
def test_a_constant_stays_constant_and_a_ramp_stays_a_ramp(u: float, v: float) -> None:
    rows = (np.arange(16)[:, None] + 0.5) / 16 * np.ones((1, 32))
    assert sample_plane(np.full((16, 32), 0.3), at(u, v), FULL) == pytest.approx(0.3)
    assert sample_plane(rows, at(u, v), FULL) == pytest.approx(np.clip(v, 0.5 / 16, 15.5 / 16))


def test_the_ring_closes_only_where_it_is_one() -> None:
    plane = np.zeros((4, 8))
    plane[:, 0] = 1.0
    half = PictureGeometry(PictureProjection.EQUIRECTANGULAR_180, bounds=FRONT_HALF)
    assert sample_plane(plane, at(1.0, 0.5), FULL) == pytest.approx(0.5)
    assert sample_plane(plane, at(1.0, 0.5), half) == pytest.approx(0.0)


@pytest.mark.parametrize("stereo", [StereoMode.TOP_BOTTOM, StereoMode.LEFT_RIGHT])
@pytest.mark.parametrize("eye", Eye)
@given(u=st.floats(0, 1), v=st.floats(0, 1))
def test_the_other_eye_never_bleeds_in(stereo: StereoMode, eye: Eye, u: float, v: float) -> None:
    geometry = PictureGeometry(stereo=stereo, eye=eye)
    plane = np.zeros((8, 16))
    u0, v0, u1, v1 = geometry.eye_rect
    plane[round(v0 * 8) : round(v1 * 8), round(u0 * 16) : round(u1 * 16)] = 1.0
    for site in ((0.5, 0.5), (0.25, 0.5)):
        assert sample_plane(plane, at(u, v), geometry, site=site) == pytest.approx(1.0)


def test_the_site_shifts_by_a_quarter_texel() -> None:
    ramp = np.arange(32.0)[None] * np.ones((4, 1))
    left, centre = (sample_plane(ramp, at(0.5, 0.5), FULL, site=(s, 0.5)) for s in (0.25, 0.5))
    assert left - centre == pytest.approx(0.25)


@given(count=st.integers(2, 4000))
def test_texel_ranges_of_two_eyes_meet(count: int) -> None:
    assert texel_range(0.0, 1.0, count) == (0, count)
    assert texel_range(0.0, 0.5, count)[1] == texel_range(0.5, 1.0, count)[0]


def test_coverage_of_a_half_sphere() -> None:
    half = PictureGeometry(PictureProjection.EQUIRECTANGULAR_180, bounds=FRONT_HALF)
    side = spherical_coordinates(View(np.pi / 2, 0.0, 0.0, 1.0), half, width=100, height=50).coverage
    assert (side[:, :48] == 0).all() and (side[:, 52:] == 1).all()
    assert (spherical_coordinates(View(np.pi, 0.0, 0.0, 1.0), half, width=20, height=10).coverage == 0).all()


def test_an_asymmetric_crop_has_no_false_edge_behind() -> None:
    """Opposite the picture u jumps from one end to the other; nothing may be drawn there."""
    crop = PictureGeometry(bounds=Bounds(left=0.1, right=0.6))
    where = spherical_coordinates(View(0, 0, 0, 2 * np.pi, ViewProjection.EQUIRECT), crop, width=400, height=200)
    assert where.coverage[100].sum() == pytest.approx(0.3 * 400, abs=1)
    assert np.count_nonzero((where.coverage[100] > 0) & (where.coverage[100] < 1)) <= 2


@given(distance=st.floats(-20, 20))
def test_edges_are_one_pixel_wide(distance: float) -> None:
    ramp = np.arange(40.0)[None] - 20 + distance
    soft = edge_coverage(ramp * np.ones((4, 1)))[0]
    assert np.count_nonzero((soft > 1e-9) & (soft < 1 - 1e-9)) <= 1


@given(aspect=st.floats(0.2, 5), viewport=st.floats(0.2, 5), zoom=st.floats(1, 20))
def test_flat_pictures_keep_their_shape_and_fit(aspect: float, viewport: float, zoom: float) -> None:
    across, down = flat_extent(aspect, viewport, zoom)
    assert across * aspect / down == pytest.approx(viewport)
    assert min(across, down) * zoom == pytest.approx(1.0)


def test_flat_centre() -> None:
    where = flat_coordinates(2.0, width=101, height=51, centre_u=0.3, centre_v=0.6, zoom=4.0)
    assert (where.u[25, 50], where.v[25, 50]) == pytest.approx((0.3, 0.6))
