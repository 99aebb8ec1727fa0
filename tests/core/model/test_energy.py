import numpy as np
import pytest
import torch

from panosod_core.ambisonics import energy as reference
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.model.config import EnergyMap
from panosod_core.model.energy import EnergySteering, FieldCovariance
from panosod_core.model.features import Spectrum
from tests.core.model.tiny import noise_from, tiny

KINDS = [EnergyMap.BEAM, EnergyMap.INTENSITY]
SIZE = (13, 26)


def guide(sound, kind, *, bands=1, offsets_s=(0.0,), size=SIZE):
    config = tiny(energy_map=kind, energy_bands=bands)
    covariance = FieldCovariance(config)(Spectrum(config)(torch.from_numpy(sound)[None]))
    return EnergySteering(config)(covariance, size=size, offsets_s=offsets_s)


def peak(one_map):
    cell = one_map.flatten().argmax().item()
    return equirect_directions(SIZE[1], SIZE[0]).reshape(-1, 3)[cell]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angles", [(0, 0), (100, 20), (180, 0), (-60, -50), (0, 85)])
def test_one_source_is_the_peak(kind, angles):
    maps = guide(noise_from(*angles), kind)
    truth = direction(*np.radians(angles))
    cell = np.radians(180 / SIZE[0])
    for one in (maps.frames[0, 0, 0], maps.frames[0, 0, 1], *maps.tokens[0]):
        assert angle_between(peak(one), truth) < cell


def test_the_beam_is_that_of_the_energy_map():
    # Steady: the same spectrum at every moment, so that windowing does not matter. Bins 20 to 60 of 512.
    rng = np.random.default_rng(3)
    t = np.arange(32000) / 32000
    waves = [sum(np.cos(2 * np.pi * 62.5 * k * t + rng.uniform(0, 6)) for k in range(a, 60, 4)) for a in (20, 22)]
    field = sum(np.stack([w, w * d[1], w * d[2], w * d[0]]) for w, d in zip(waves, np.eye(3)[:2], strict=True))
    expected = reference.EnergyMap(SIZE[1], SIZE[0]).of_block(field)
    expected = expected / reference.mean_power(expected) - 1
    got = guide(field.astype(np.float32), EnergyMap.BEAM).frames[0, 0, 1].numpy()
    # The mean over the sphere is exact here and a sum over cells there; the window's edges hear half.
    np.testing.assert_allclose(got, expected, atol=0.03)


def test_the_sharper_map_is_one_at_a_plane_wave_and_little_elsewhere():
    one = guide(noise_from(0, 0), EnergyMap.INTENSITY, size=(31, 61)).frames[0, 0, 1].numpy()
    away = angle_between(equirect_directions(61, 31), np.array([1.0, 0, 0]))
    assert one.max() == pytest.approx(1, abs=0.01)
    assert one[away > np.radians(45)].max() < 0.01


@pytest.mark.parametrize("size", [(4, 8), (8, 16), (13, 26)])
def test_no_source_falls_between_the_cells_of_a_coarse_grid(size):
    half_a_cell = 90 / size[0]
    for angles in ((0, 0), (half_a_cell, half_a_cell), (17, 40)):
        assert guide(noise_from(*angles), EnergyMap.INTENSITY, size=size).frames[0, 0, 1].max() > 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_loudness_does_not_matter_and_silence_is_zero(kind):
    wave = noise_from(70, 10)
    torch.testing.assert_close(guide(wave, kind).frames, guide(0.1 * wave, kind).frames, atol=1e-3, rtol=1e-2)
    silent = guide(0 * wave, kind)
    assert silent.frames.abs().max() == 0 and silent.tokens.abs().max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_frames_follow_a_source_that_jumps(kind):
    left, right = noise_from(90, samples=48000), noise_from(-90, samples=48000)
    maps = guide(np.concatenate([left, right], axis=1), kind, offsets_s=(-0.75, 0.75)).frames[0]
    assert angle_between(peak(maps[0, 0]), direction(np.pi / 2, 0)) < 0.3
    assert angle_between(peak(maps[1, 0]), direction(-np.pi / 2, 0)) < 0.3
    torch.testing.assert_close(maps[0, 1], maps[1, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_bands_tell_sources_of_different_pitch_apart(kind):
    t = np.arange(12800) / 32000
    low, high = np.cos(2 * np.pi * 250 * t), np.cos(2 * np.pi * 6000 * t)
    left, right = direction(np.pi / 2, 0), direction(-np.pi / 2, 0)
    field = sum(s * np.array([1, d[1], d[2], d[0]])[:, None] for s, d in ((low, left), (high, right)))
    maps = guide(field.astype(np.float32), kind, bands=4).frames[0, 0]
    assert maps.shape == (8, *SIZE)
    assert angle_between(peak(maps[0]), left) < 0.3
    assert angle_between(peak(maps[2]), right) < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_turns_with_the_sound(kind):
    still = guide(noise_from(10, 30), kind).frames
    turned = guide(noise_from(10 + 4 * 360 / 26, 30), kind).frames
    torch.testing.assert_close(turned, still.roll(-4, -1), atol=1e-3, rtol=1e-3)
