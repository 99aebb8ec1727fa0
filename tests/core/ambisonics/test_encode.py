import numpy as np
import pytest

from panosod_core.ambisonics.encode import NEAREST_M, encode_plane_wave, encode_point
from panosod_core.ambisonics.harmonics import real_sh, sh_rotation
from panosod_core.geometry.sphere import direction, rotation

SIGNAL = np.random.default_rng(1).standard_normal(500)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_plane_wave_is_the_signal_times_the_harmonics(order):
    d = direction(0.4, -0.3)
    field = encode_plane_wave(SIGNAL, d, order=order)
    assert field.dtype == np.float32 and field.shape == ((order + 1) ** 2, 500)
    np.testing.assert_allclose(field, real_sh(order, d)[:, None] * SIGNAL, atol=1e-6)


def test_length_of_the_direction_does_not_matter():
    np.testing.assert_array_equal(encode_plane_wave(SIGNAL, (3, 4, 0)), encode_plane_wave(SIGNAL, (0.6, 0.8, 0)))


def test_a_moving_source_is_where_it_is_at_every_sample():
    azimuth = np.linspace(0, 2 * np.pi, 500)
    moving = encode_plane_wave(SIGNAL, direction(azimuth, 0.2), order=3)
    for n in (0, 123, 499):
        still = encode_plane_wave(SIGNAL, direction(azimuth[n], 0.2), order=3)
        np.testing.assert_allclose(moving[:, n], still[:, n], atol=1e-6)


def test_encoding_commutes_with_rotation():
    r = rotation(0.3, 0.5, -1.0)
    d = direction(np.linspace(-3, 3, 500), np.linspace(-1, 1, 500))
    turned = sh_rotation(3, r) @ encode_plane_wave(SIGNAL, d, order=3)
    np.testing.assert_allclose(turned, encode_plane_wave(SIGNAL, d @ r.T, order=3), atol=2e-6)


def test_a_point_falls_off_with_its_distance_and_stays_finite():
    at_1, at_2 = (encode_point(SIGNAL, (0, r, 0)) for r in (1.0, 2.0))
    np.testing.assert_allclose(at_1, 2 * at_2, rtol=1e-6)
    np.testing.assert_allclose(encode_point(SIGNAL, (0, 2, 0), reference_m=2.0), at_1, rtol=1e-6)
    nearest = np.abs(encode_point(SIGNAL, (0, 1e-3, 0))).max()
    assert nearest == pytest.approx(np.abs(SIGNAL).max() / NEAREST_M, rel=1e-5)


@pytest.mark.parametrize(
    ("signal", "directions"),
    [
        (np.zeros((2, 3)), (1, 0, 0)),
        (np.zeros(3), (1, 0)),
        (np.zeros(3), np.ones((2, 3))),
        (np.zeros(3), (0, 0, 0)),
        (np.zeros(3), (np.nan, 0, 1)),
        (np.array([0.0, np.inf]), (1, 0, 0)),
    ],
)
def test_silly_arguments(signal, directions):
    with pytest.raises(ValueError, match="must"):
        encode_plane_wave(signal, directions)


def test_a_reference_distance_is_positive():
    with pytest.raises(ValueError, match="reference_m"):
        encode_point(SIGNAL, (1, 0, 0), reference_m=0.0)
