import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy import (
    Beam,
    EnergyMap,
    beam_weights,
    direction_of_arrival,
    mean_power,
    peak_direction,
)
from panosod_core.ambisonics.format import acn_degrees
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.errors import AmbisonicError
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions

NOISE = np.random.default_rng(3).standard_normal(1600) * 0.1
RNG = np.random.default_rng(4)
ANYWHERE = RNG.standard_normal((40, 3))
ANYWHERE /= np.linalg.norm(ANYWHERE, axis=1, keepdims=True)
AWKWARD = direction(np.radians([180, 179.9, -179.9, 0, 37, 0, 10]), np.radians([0, 3, -3, 90, 89, -90, -88.7]))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("beam", list(Beam))
def test_a_beam_has_unit_gain_and_its_side_lobes_are_low(order, beam):
    angle = np.linspace(0, np.pi, 721)
    pattern = np.polynomial.legendre.legval(np.cos(angle), beam_weights(order, beam))
    assert pattern[0] == pytest.approx(1.0)
    if beam is Beam.CARDIOID:
        np.testing.assert_allclose(pattern, ((1 + np.cos(angle)) / 2) ** order, atol=1e-12)
    else:
        side = np.abs(pattern[np.argmax(pattern < 0) :]).max()
        assert 20 * np.log10(side) < -11.0


def test_max_re_of_first_order_is_known():
    # weights of degree 1 relative to 0: 3 / sqrt(3)
    w = beam_weights(1, Beam.MAX_RE)
    assert w[1] / w[0] == pytest.approx(3**0.5)


@pytest.mark.parametrize("size", [(32, 16), (64, 32), (128, 64), (5, 3)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_cells_hold_the_power_of_the_beam_that_looks_there(size, order):
    width, height = size
    field = encode_plane_wave(NOISE, (0.6, 0.0, 0.8), order=order) + encode_plane_wave(
        NOISE[::-1].copy(), (0, -1, 0), order=order
    )
    energy = EnergyMap(width, height, order=order).of_block(field)
    assert energy.shape == (height, width) and energy.dtype == np.float32
    steering = real_sh(order, equirect_directions(width, height)) * beam_weights(order, Beam.MAX_RE)[acn_degrees(order)]
    expected = np.mean((steering @ field) ** 2, axis=-1)
    np.testing.assert_allclose(energy, expected, rtol=1e-3, atol=1e-6 * expected.max())


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("beam", list(Beam))
def test_the_peak_is_finer_than_a_cell_and_right_at_seam_and_poles(order, beam):
    energies = EnergyMap(64, 32, order=order, beam=beam)
    for d in [*ANYWHERE, *AWKWARD]:
        peak = peak_direction(energies.of_block(encode_plane_wave(NOISE, d, order=order)))
        assert np.degrees(angle_between(peak, d)) < 0.2


def test_a_plane_wave_has_its_own_power_at_its_peak():
    energy = EnergyMap(128, 64).of_block(encode_plane_wave(NOISE, (1, 0.01, 0.01)))
    assert energy.max() == pytest.approx(np.mean(NOISE**2), rel=1e-3)


def test_flat_maps_have_no_peak():
    assert peak_direction(np.zeros((16, 32), np.float32)) is None
    assert peak_direction(np.ones((16, 32), np.float32)) is None
    assert peak_direction(np.full((16, 32), np.nan)) is None


def test_a_diffuse_field_looks_the_same_everywhere():
    # A covariance of independent plane waves from everywhere is diagonal, 1 / (2l + 1).
    energies = EnergyMap(32, 16, order=3)
    energy = energies.of_covariance(np.diag(1 / (2 * acn_degrees(3) + 1)))
    np.testing.assert_allclose(energy, energy[0, 0], rtol=1e-5)
    assert mean_power(energy) == pytest.approx(float(energy[0, 0]), rel=1e-5)


def test_the_mean_is_weighted_by_solid_angle():
    field = encode_plane_wave(NOISE, direction(0.3, 1.2))
    fine, coarse = (mean_power(EnergyMap(2 * h, h).of_block(field)) for h in (64, 16))
    pattern_mean = np.sum(beam_weights(1, Beam.MAX_RE) ** 2 / np.array([1, 3])) * np.mean(NOISE**2)
    assert fine == pytest.approx(pattern_mean, rel=2e-3)
    assert coarse == pytest.approx(pattern_mean, rel=2e-2)


@pytest.mark.parametrize("bad", [np.zeros((3, 10)), np.zeros((4, 0)), np.full((4, 10), np.nan), np.zeros(10)])
def test_impossible_sound(bad):
    with pytest.raises(AmbisonicError):
        EnergyMap(32, 16).of_block(bad)
    with pytest.raises(AmbisonicError):
        direction_of_arrival(bad)


@pytest.mark.parametrize(("width", "height", "order"), [(3, 16, 1), (32, 1, 1), (32, 16, 0), (32, 16, 4)])
def test_silly_maps(width, height, order):
    with pytest.raises(ValueError, match=r"cells|order"):
        EnergyMap(width, height, order=order)


@pytest.mark.parametrize("band_hz", [None, (100.0, 8000.0)])
def test_direction_of_one_plane_wave(band_hz):
    for d in [*ANYWHERE, *AWKWARD]:
        arrival = direction_of_arrival(encode_plane_wave(NOISE, d), band_hz=band_hz)
        made = direction(arrival.azimuth_rad, arrival.elevation_rad)
        assert np.degrees(angle_between(made, d)) < 0.01
        assert arrival.diffuseness < 1e-5


def test_angles_and_level_are_those_of_the_conventions():
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(4800) / 48000)
    arrival = direction_of_arrival(encode_plane_wave(tone, direction(np.radians(30), np.radians(-10))))
    assert np.degrees(arrival.azimuth_rad) == pytest.approx(30, abs=1e-3)
    assert np.degrees(arrival.elevation_rad) == pytest.approx(-10, abs=1e-3)
    assert arrival.level_db == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=1e-3)


def test_diffuseness():
    opposite = encode_plane_wave(NOISE, (0, 1, 0)) + encode_plane_wave(RNG.permutation(NOISE), (0, -1, 0))
    assert direction_of_arrival(opposite).diffuseness > 0.9
    everywhere = sum(encode_plane_wave(RNG.standard_normal(4800) * 0.01, d) for d in ANYWHERE)
    assert direction_of_arrival(everywhere).diffuseness > 0.7
    half = encode_plane_wave(NOISE, (1, 0, 0))
    half[0, :] *= 3.0  # a pressure without its velocity
    assert 0.2 < direction_of_arrival(half).diffuseness < 0.8


def test_a_band_leaves_rumble_out():
    t = np.arange(4800) / 48000
    rumble = encode_plane_wave(np.sin(2 * np.pi * 30 * t), (0, -1, 0))
    voice = encode_plane_wave(0.1 * np.sin(2 * np.pi * 1000 * t), (0, 1, 0))
    assert direction_of_arrival(rumble + voice).azimuth_rad < 0
    arrival = direction_of_arrival(rumble + voice, band_hz=(200.0, 8000.0))
    assert np.degrees(arrival.azimuth_rad) == pytest.approx(90, abs=1.0)
    with pytest.raises(ValueError, match="rising"):
        direction_of_arrival(rumble, band_hz=(500.0, 100.0))


def test_an_offset_is_no_sound():
    arrival = direction_of_arrival(encode_plane_wave(NOISE, (0, 1, 0)) + np.array([[0.5], [0], [0], [0.5]], np.float32))
    assert np.degrees(arrival.azimuth_rad) == pytest.approx(90, abs=0.1)


def test_silence_has_no_direction():
    silent = direction_of_arrival(np.zeros((4, 480)))
    assert silent.is_silent and silent.level_db == -np.inf and np.isnan(silent.diffuseness)
    faint = direction_of_arrival(encode_plane_wave(NOISE * 1e-6, (1, 0, 0)))
    assert faint.is_silent and faint.level_db < -100


def test_more_channels_are_ignored_and_the_map_agrees_with_the_intensity():
    d = direction(2.0, 0.4)
    field = encode_plane_wave(NOISE, d, order=3)
    arrival = direction_of_arrival(field)
    azimuth, elevation = azimuth_elevation(peak_direction(EnergyMap(64, 32).of_block(field)))
    assert arrival.azimuth_rad == pytest.approx(float(azimuth), abs=0.005)
    assert arrival.elevation_rad == pytest.approx(float(elevation), abs=0.005)
