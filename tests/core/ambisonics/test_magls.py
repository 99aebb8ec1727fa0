from pathlib import Path

import numpy as np
import pytest

from panosod_core.ambisonics.cues import (
    cue_errors,
    interaural_level_db,
    interaural_time_s,
    rendered_responses,
    third_octave_levels_db,
)
from panosod_core.ambisonics.design import (
    DESIGN_LENGTH,
    DIFFUSE_LEVEL_DB,
    LeastSquares,
    cut,
    diffuse_level_db,
    grid_weights,
)
from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.equalise import diffuse_field_equalised
from panosod_core.ambisonics.filters import DEFAULT_FILTERS, default_filters
from panosod_core.ambisonics.format import acn_degrees
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.ambisonics.hrtf import HrtfSet, load_sofa
from panosod_core.ambisonics.magls import magls_filters, magls_responses
from panosod_core.ambisonics.peers import least_squares_filters, turned_cube, upright_cube, virtual_cube_filters
from panosod_core.geometry.sphere import direction
from tests.core.ambisonics.heads import ear_delays_s, grid, synthetic_head

KEMAR = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")


@pytest.fixture(scope="module")
def head():
    return synthetic_head()


@pytest.fixture(scope="module")
def fabian(testdata):
    return load_sofa(testdata / "hrtf" / "fabian_pyfar_hrirs.sofa")


def test_weights_of_a_regular_and_of_a_crowded_grid():
    weights, covered = grid_weights(grid(10.0))
    assert covered == 1.0 and weights.sum() == pytest.approx(1.0)
    d = grid(10.0)
    crowded = np.concatenate([d, d[d[:, 0] > 0.5]])  # doubles in front weigh nothing
    np.testing.assert_allclose(grid_weights(crowded)[0][: len(d)], weights)
    for order in (1, 2, 3):
        y = real_sh(order, d)
        np.testing.assert_allclose(y.T @ (y * weights[:, None]), np.diag(1 / (2 * acn_degrees(order) + 1)), atol=0.01)


def test_gaps_belong_to_nobody():
    weights, covered = grid_weights(grid(10.0, lowest_deg=-40.0))
    assert covered == pytest.approx((1 + np.sin(np.radians(55))) / 2, abs=0.01)
    assert weights.max() < 3 * np.median(weights)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("lowest_deg", [-90.0, -40.0])
def test_least_squares_finds_a_field_that_the_order_can_hold(order, lowest_deg):
    d = grid(10.0, lowest_deg=lowest_deg)
    solver = LeastSquares(order, d, regularisation=1e-9)
    truth = np.random.default_rng(0).standard_normal(((order + 1) ** 2, 2, 5)) + 0j
    np.testing.assert_allclose(solver.solve(solver.evaluate(truth)), truth, atol=1e-5)


def test_a_ring_of_directions_still_gives_a_decoder():
    ring = direction(np.arange(72) * 2 * np.pi / 72, 0.0)
    flat = synthetic_head(directions=ring)
    for order in (1, 2, 3):
        filters = magls_filters(flat, order=order)
        assert np.abs(filters.taps).max() < 3.0
        left = rendered_responses(filters, np.array([[0.0, 1.0, 0.0]]))
        assert interaural_level_db(left, 48000).mean() > 5.0


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("taps", [256, 384, 512])
def test_cutting_keeps_the_energy(head, order, taps):
    responses = magls_responses(head, order=order, cut_hz=1500.0)
    assert responses.shape == ((order + 1) ** 2, 2, DESIGN_LENGTH)
    assert cut(responses, taps)[1] > 0.99
    assert magls_filters(head, order=order, taps=taps).taps.shape[2] == taps


def test_below_the_cut_it_is_least_squares_and_above_magnitudes_are_better(head):
    cut_hz = 1500.0
    magls = np.fft.rfft(magls_responses(head, order=1, cut_hz=cut_hz))
    solver = LeastSquares(1, head.directions)
    target = np.fft.rfft(head.responses, DESIGN_LENGTH)
    plain = solver.solve(target) * solver.scale[:, None, None]
    first = int(np.ceil(cut_hz * DESIGN_LENGTH / 48000))
    np.testing.assert_allclose(magls[..., :first], plain[..., :first], atol=1e-9)
    y = real_sh(1, head.directions)
    band = slice(first, int(14000 * DESIGN_LENGTH / 48000))
    errors = [
        np.mean((np.abs(np.einsum("dc,cek->dek", y, f[..., band])) - np.abs(target[..., band])) ** 2)
        for f in (magls, plain)
    ]
    assert errors[0] < 0.3 * errors[1]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_symmetric_head_gets_symmetric_filters(head, order):
    taps = magls_filters(head, order=order).taps
    acn = np.arange(len(taps))
    degree = acn_degrees(order)
    mirror = np.where(acn - degree * (degree + 1) < 0, -1, 1)[:, None]
    np.testing.assert_allclose(taps[:, 1], taps[:, 0] * mirror, atol=2e-4 * np.abs(taps).max())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_all_decoders_are_equally_loud(head, order):
    for filters in (magls_filters(head, order=order), least_squares_filters(head, order=order)):
        assert diffuse_level_db(filters.taps.astype(float), 48000) == pytest.approx(DIFFUSE_LEVEL_DB, abs=1e-3)
    louder = HrtfSet(head.directions, head.responses * 7.0, 48000, "louder")
    np.testing.assert_allclose(
        magls_filters(louder, order=order).taps, magls_filters(head, order=order).taps, atol=1e-6
    )


def test_the_diffuse_level_is_the_mean_over_all_directions(head):
    filters = magls_filters(head, order=2)
    d = grid(5.0)
    weights, _ = grid_weights(d)
    power = np.abs(np.fft.rfft(rendered_responses(filters, d), 8192)) ** 2
    frequency = np.fft.rfftfreq(8192, 1 / 48000)
    inside = (frequency >= 100) & (frequency <= 10000)
    pink = inside / np.maximum(frequency, 1)
    mean = np.tensordot(weights, power, axes=1).mean(axis=0) @ pink / pink.sum()
    assert 10 * np.log10(mean) == pytest.approx(DIFFUSE_LEVEL_DB, abs=0.05)


def test_rendered_responses_are_what_an_encoded_impulse_gives(head):
    filters = magls_filters(head, order=3)
    d = direction(0.7, -0.2)
    impulse = encode_plane_wave(np.r_[1.0, np.zeros(383)], d, order=3).astype(float)
    made = [
        sum(np.convolve(impulse[c], filters.taps[c, ear].astype(float))[:384] for c in range(16)) for ear in range(2)
    ]
    np.testing.assert_allclose(rendered_responses(filters, d[None])[0], made, atol=1e-6)


def test_cues_of_known_responses():
    d = grid(20.0)
    head = synthetic_head(directions=d)
    true_itd = np.diff(ear_delays_s(d), axis=1)[:, 0]
    np.testing.assert_allclose(interaural_time_s(head.responses, 48000), true_itd, atol=5e-5)
    quiet = head.responses * np.array([1.0, 0.5])[:, None]
    np.testing.assert_allclose(
        interaural_level_db(quiet, 48000) - interaural_level_db(head.responses, 48000), 20 * np.log10(2), atol=1e-9
    )
    impulse = np.zeros(64)
    impulse[5] = 0.5
    levels = third_octave_levels_db(impulse, 48000, low_hz=125, high_hz=16000)
    assert levels.shape == (22,)
    np.testing.assert_allclose(levels, 20 * np.log10(0.5), atol=1e-9)


def test_cubes():
    for cube in (upright_cube(), turned_cube()):
        np.testing.assert_allclose(np.linalg.norm(cube, axis=1), 1.0)
        near = np.sort(cube @ cube.T, axis=1)[:, -4:-1]
        np.testing.assert_allclose(near, 1 / 3, atol=1e-12)  # three neighbours along the edges
    on_planes = np.abs(turned_cube()[:, 1:]).min(axis=1)
    np.testing.assert_allclose(on_planes, 0.0, atol=1e-12)


def test_magls_beats_its_peers_on_fabian(fabian):
    weights, _ = grid_weights(fabian.directions)
    magls = cue_errors(magls_filters(fabian, order=1), fabian, weights)
    peers = [least_squares_filters(fabian, order=1)] + [
        virtual_cube_filters(fabian, corners=corners, max_re=max_re)
        for corners in (upright_cube(), turned_cube())
        for max_re in (False, True)
    ]
    for peer in peers:
        errors = cue_errors(peer, fabian, weights)
        assert magls.ild_horizontal_db < errors.ild_horizontal_db - 1.0, peer.method
        assert magls.ild_sphere_db < errors.ild_sphere_db - 1.0, peer.method
        assert magls.spectral_db < errors.spectral_db - 0.5, peer.method
    # Regression figures, as in benchmarks/results/decoders.md.
    assert magls.ild_horizontal_db < 4.2 and magls.spectral_db < 2.1 and magls.itd_us < 240


def test_more_channels_are_better_on_fabian(fabian):
    weights, _ = grid_weights(fabian.directions)
    first, second, third = (cue_errors(magls_filters(fabian, order=n), fabian, weights) for n in (1, 2, 3))
    for name in ("itd_us", "ild_horizontal_db", "ild_sphere_db", "spectral_db"):
        assert getattr(first, name) > getattr(second, name) > getattr(third, name)


@pytest.mark.skipif(not KEMAR.is_file(), reason="libmysofa1's KEMAR is not installed")
def test_the_embedded_file_is_what_the_committed_design_makes_of_kemar():
    head = diffuse_field_equalised(load_sofa(KEMAR))
    for order in (1, 2, 3):
        np.testing.assert_allclose(magls_filters(head, order=order).taps, default_filters(order).taps, atol=1e-5)
    assert DEFAULT_FILTERS == "kemar_magls.npz"


def diffuse_levels_db(hrtf):
    weights, _ = grid_weights(hrtf.directions)
    power = np.tensordot(weights, np.abs(np.fft.rfft(hrtf.responses, 8192)) ** 2, axes=1).mean(axis=0)
    frequency = np.fft.rfftfreq(8192, 1 / 48000)
    centres = 1000 * 2.0 ** np.arange(-4, 4)
    return np.array([10 * np.log10(power[(frequency > c / 1.2) & (frequency < c * 1.2)].mean()) for c in centres])


def test_equalisation_flattens_the_mean_and_keeps_the_differences(head):
    rng = np.random.default_rng(2)
    colour = np.r_[1.0, rng.standard_normal(12) * 0.25]
    coloured = np.apply_along_axis(lambda h: np.convolve(h, colour), -1, head.responses)
    flat = diffuse_field_equalised(HrtfSet(head.directions, coloured, 48000, "coloured"))
    assert np.ptp(diffuse_levels_db(flat)) < 1.0
    np.testing.assert_allclose(
        interaural_level_db(flat.responses, 48000), interaural_level_db(head.responses, 48000), atol=0.8
    )
    np.testing.assert_allclose(
        interaural_time_s(flat.responses, 48000), interaural_time_s(head.responses, 48000), atol=3e-5
    )


def test_missing_bass_is_given_back(head):
    spectrum = np.fft.rfft(head.responses, 4096)
    frequency = np.fft.rfftfreq(4096, 1 / 48000)
    low_cut = (frequency / 150.0) ** 2 / (1 + (frequency / 150.0) ** 2)  # a small loudspeaker
    thin = HrtfSet(head.directions, np.fft.irfft(spectrum * low_cut)[..., :1024], 48000, "thin")
    assert diffuse_levels_db(thin)[0] < diffuse_levels_db(thin)[4] - 8
    full = diffuse_field_equalised(thin)
    assert np.ptp(diffuse_levels_db(full)) < 2.5


@pytest.mark.parametrize(
    "arguments",
    [{"order": 0}, {"order": 4}, {"order": 1, "taps": 63}, {"order": 1, "taps": 4096}, {"order": 1, "cut_hz": 10.0}],
)
def test_silly_arguments(head, arguments):
    with pytest.raises(ValueError, match=r"order|taps|cut_hz"):
        magls_filters(head, **arguments)
