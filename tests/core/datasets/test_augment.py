"""Augmentation moves picture and sound together, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy import EnergyMap, direction_of_arrival, mean_power
from panosod_core.datasets.augment import (
    IDENTITY,
    Augmentation,
    AugmentConfig,
    augmented,
    draw_augmentation,
    transformed_directions,
    transformed_picture,
    transformed_sound,
)
from panosod_core.datasets.check_files import mask_direction
from panosod_core.datasets.windows import WindowMeta, WindowSample
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions
from tests.core.datasets.tiny_sets import disc, noise

WIDTH, HEIGHT = 48, 24
META = WindowMeta("clip", None, 1.0, (0, 6, 12), 1, 32000, (WIDTH, HEIGHT))

hows = st.builds(
    lambda pixels, mirrored, flipped: Augmentation(pixels / WIDTH, mirrored, flipped),
    st.integers(0, WIDTH - 1), st.booleans(), st.booleans(),
)  # fmt: skip


def random_field(seed, count=300):
    """Three sources and noise: no symmetry that could hide a mistake."""
    rng = np.random.default_rng(seed)
    field = sum(encode_plane_wave(rng.standard_normal(count), rng.standard_normal(3)) for _ in range(3))
    return (field + 0.1 * rng.standard_normal((4, count))).astype(np.float32)


def window(seed=0):
    rng = np.random.default_rng(seed)
    return WindowSample(
        frames=rng.random((3, 3, HEIGHT, WIDTH), np.float32),
        foa=random_field(seed),
        masks=rng.random((3, HEIGHT, WIDTH), np.float32),
        frame_valid=np.ones(3, bool),
        mask_valid=np.array([False, True, True]),
        foa_span=(5, 290),
        meta=META,
    )


@given(hows, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_energy_map_of_augmented_sound_is_the_augmented_energy_map(how, seed):
    energy = EnergyMap(WIDTH, HEIGHT)
    field = random_field(seed)
    expected = transformed_picture(energy.of_block(field), how)
    np.testing.assert_allclose(energy.of_block(transformed_sound(field, how)), expected, rtol=2e-5, atol=1e-5)


@given(hows, st.floats(-180, 180), st.floats(-85, 85))
@settings(max_examples=60, deadline=None)
def test_a_mask_and_its_sound_stay_in_one_place(how, azimuth, elevation):
    """The disc that sounds: after any augmentation, mask, measured direction and formula agree."""
    place = direction(np.radians(azimuth), np.radians(elevation))
    mask = disc(azimuth, elevation, radius_deg=25, width=WIDTH, height=HEIGHT).astype(np.float32)
    moved_mask = transformed_picture(mask, how)
    heard = direction_of_arrival(transformed_sound(encode_plane_wave(noise(500), place), how))
    expected = transformed_directions(place, how)
    assert angle_between(direction(heard.azimuth_rad, heard.elevation_rad), expected) < np.radians(0.1)
    assert angle_between(mask_direction((moved_mask * 255).astype(np.uint8)), expected) < np.radians(4)
    # exactly: the moved mask is the mask of the moved disc
    grid = equirect_directions(WIDTH, HEIGHT)
    inside = grid @ expected - np.cos(np.radians(25))
    sure = np.abs(inside) > 1e-9
    np.testing.assert_array_equal(moved_mask[sure] > 0, (inside > 0)[sure])


@given(hows, hows)
@settings(max_examples=40, deadline=None)
def test_pixels_are_moved_and_never_changed(first, then):
    picture = np.arange(HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    twice = transformed_picture(transformed_picture(picture, first), then)
    np.testing.assert_array_equal(np.sort(twice, axis=None), picture.reshape(-1))
    # one more turn back home: mirrors undo themselves, a yaw is undone by the rest of the circle
    home = Augmentation((1 - first.turn) % 1.0)
    undone = transformed_picture(transformed_picture(picture, Augmentation(0.0, first.mirrored, first.flipped)),
                                 Augmentation(0.0, first.mirrored, first.flipped))  # fmt: skip
    np.testing.assert_array_equal(undone, picture)
    turned = transformed_picture(picture, Augmentation(first.turn))
    np.testing.assert_array_equal(transformed_picture(turned, home), picture)


@given(hows)
@settings(max_examples=40, deadline=None)
def test_sound_keeps_its_energy_and_w(how):
    field = random_field(7)
    moved = transformed_sound(field, how)
    np.testing.assert_array_equal(moved[0], field[0])
    np.testing.assert_allclose(np.square(moved).sum(axis=0), np.square(field).sum(axis=0), rtol=1e-4)
    energy = EnergyMap(WIDTH, HEIGHT)
    assert mean_power(energy.of_block(moved)) == pytest.approx(mean_power(energy.of_block(field)), rel=1e-4)


def test_signs_once_and_for_all():
    """A source on the left, above: golden values for each of the three."""
    source = encode_plane_wave(np.ones(4), direction(np.radians(90), np.radians(0)))  # Y = 1
    np.testing.assert_allclose(transformed_sound(source, Augmentation(mirrored=True))[:, 0], [1, -1, 0, 0], atol=1e-7)
    up = encode_plane_wave(np.ones(4), (0, 0, 1))
    np.testing.assert_allclose(transformed_sound(up, Augmentation(flipped=True))[:, 0], [1, 0, -1, 0], atol=1e-7)
    # a quarter to the right in the picture: from the left to the front
    np.testing.assert_allclose(transformed_sound(source, Augmentation(turn=0.25))[:, 0], [1, 0, 0, 1], atol=1e-7)
    mask = disc(90, 0, width=WIDTH, height=HEIGHT).astype(np.float32)
    azimuth, _ = azimuth_elevation(
        mask_direction((transformed_picture(mask, Augmentation(0.25)) * 255).astype(np.uint8))
    )
    assert abs(azimuth) < 1e-6


@given(hows)
@settings(max_examples=30, deadline=None)
def test_matrix_is_an_isometry_with_the_right_hand(how):
    matrix = how.matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(-1.0 if how.mirrored != how.flipped else 1.0)


def test_whole_windows():
    sample, how = window(), Augmentation(5 / WIDTH, mirrored=True, flipped=True)
    moved = augmented(sample, how)
    for t in range(3):
        np.testing.assert_array_equal(moved.masks[t], transformed_picture(sample.masks[t], how))
        for c in range(3):
            np.testing.assert_array_equal(moved.frames[t, c], transformed_picture(sample.frames[t, c], how))
    assert moved.foa_span == sample.foa_span and moved.meta == sample.meta
    np.testing.assert_array_equal(moved.mask_valid, sample.mask_valid)
    assert moved.frames.flags["C_CONTIGUOUS"] and moved.frames.dtype == moved.foa.dtype == np.float32
    assert augmented(sample, IDENTITY) is sample


def test_turns_between_pixels_are_refused():
    with pytest.raises(ValueError, match="expected a whole number"):
        augmented(window(), Augmentation(turn=0.5 / WIDTH))
    with pytest.raises(ValueError, match="0 <= turn < 1"):
        Augmentation(turn=1.0)
    with pytest.raises(ValueError, match="4 channels"):
        transformed_sound(np.zeros((9, 4), np.float32), Augmentation(turn=0.5))


def test_draws():
    rng = np.random.default_rng(0)
    everything = AugmentConfig(yaw=True, left_right=0.5, up_down=0.25)
    drawn = [draw_augmentation(everything, rng, width=WIDTH) for _ in range(2000)]
    assert {round(a.turn * WIDTH) for a in drawn} == set(range(WIDTH))
    assert 0.45 < np.mean([a.mirrored for a in drawn]) < 0.55
    assert 0.2 < np.mean([a.flipped for a in drawn]) < 0.3
    assert AugmentConfig().is_off and not everything.is_off
    assert draw_augmentation(AugmentConfig(), rng, width=WIDTH) == IDENTITY
    with pytest.raises(ValueError, match="probabilities"):
        AugmentConfig(left_right=1.5)


def test_a_switch_does_not_shift_the_other_draws():
    def draws(config):
        rng = np.random.default_rng(1)
        return [draw_augmentation(config, rng, width=WIDTH) for _ in range(20)]

    with_yaw, without = draws(AugmentConfig(True, 0.5, 0.5)), draws(AugmentConfig(False, 0.5, 0.5))
    assert [(a.mirrored, a.flipped) for a in with_yaw] == [(a.mirrored, a.flipped) for a in without]
