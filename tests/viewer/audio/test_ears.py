"""Turning the field, and exchanging what decodes it."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.filters import default_filters
from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.geometry.sphere import direction, rotation
from panosod_viewer.audio.ears import SWITCH_BLOCKS, Ears, FieldRotator

BLOCK = 256


def test_a_resting_head_hears_the_field_turned_the_other_way():
    head = rotation(np.radians(90))
    field = encode_plane_wave(np.ones(BLOCK), direction(0.0, 0.0), order=3)
    out = np.zeros_like(field)
    FieldRotator(3, block=BLOCK).process(field, head, out)
    expected = encode_plane_wave(np.ones(BLOCK), direction(np.radians(-90), 0.0), order=3)
    np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_turn_ramps_from_the_old_matrix_to_the_new_within_one_block(order):
    rng = np.random.default_rng(order)
    field = rng.standard_normal(((order + 1) ** 2, BLOCK)).astype(np.float32)
    poses = [rotation(0.1, 0.2, -0.3), rotation(0.4, -0.1, 0.2)]
    rotator, out = FieldRotator(order, block=BLOCK), np.zeros_like(field)
    rotator.process(field, poses[0], out)
    rotator.process(field, poses[1], out)
    before, after = (sh_rotation(order, pose.T) for pose in poses)
    share = np.arange(1, BLOCK + 1) / BLOCK
    np.testing.assert_allclose(out, (before @ field) * (1 - share) + (after @ field) * share, atol=1e-5)
    rotator.process(field, poses[1], out)
    np.testing.assert_allclose(out, after @ field, atol=1e-5)


def diffuse(order, blocks):
    rng = np.random.default_rng(5)
    field = np.zeros(((order + 1) ** 2, blocks * BLOCK))
    for vector in direction(rng.uniform(-np.pi, np.pi, 60), np.arcsin(rng.uniform(-1, 1, 60))):
        field += encode_plane_wave(0.01 * rng.standard_normal(field.shape[1]), vector, order=order)
    return field.astype(np.float32)


def heard(ears, field, *, switch_at=None, to=None):
    out = np.zeros((2, field.shape[1]), np.float32)
    block = np.zeros((2, BLOCK), np.float32)
    for i in range(field.shape[1] // BLOCK):
        if i == switch_at:
            ears.switch(to)
        piece = field[:, i * BLOCK : (i + 1) * BLOCK]
        ears.process(piece if piece.any() else None, block)
        out[:, i * BLOCK : (i + 1) * BLOCK] = block
    return out


@pytest.mark.parametrize("order", [1, 3])
def test_heads_of_any_level_sound_equally_loud(order):
    filters = default_filters(order)
    loud = replace(filters, taps=(filters.taps * 7).astype(np.float32))
    field = diffuse(order, 60)
    np.testing.assert_allclose(
        heard(Ears(filters, block=BLOCK), field), heard(Ears(loud, block=BLOCK), field), rtol=1e-4, atol=1e-7
    )


def test_exchanging_a_decoder_for_its_like_changes_nothing_and_for_another_neither_jumps_nor_dips(kemar):
    field = diffuse(1, 90)
    still = heard(Ears(kemar, block=BLOCK), field)
    same = heard(Ears(kemar, block=BLOCK), field, switch_at=20, to=kemar)
    np.testing.assert_allclose(same, still, atol=1e-6)
    # The other one: mirrored, and three times as loud in its file.
    other = replace(kemar, taps=(3 * kemar.taps[:, ::-1]).astype(np.float32))
    ears = Ears(kemar, block=BLOCK)
    switched = heard(ears, field, switch_at=20, to=other)
    assert ears.filters is other
    alone = heard(Ears(other, block=BLOCK), field)
    np.testing.assert_array_equal(switched[:, : 20 * BLOCK], still[:, : 20 * BLOCK])
    settled = (20 + SWITCH_BLOCKS + 4) * BLOCK
    np.testing.assert_allclose(switched[:, settled:], alone[:, settled:], atol=1e-6)
    between = switched[:, 20 * BLOCK : settled]
    level = 10 * np.log10(np.mean(between**2) / np.mean(still**2))
    assert abs(level) < 3.0
    assert np.abs(np.diff(between)).max() < 1.5 * np.abs(np.diff(still)).max()


def test_filters_of_another_order_are_a_mistake(kemar):
    with pytest.raises(ValueError, match="order 1"):
        Ears(kemar, block=BLOCK).switch(default_filters(2))


def test_silence_stays_silence_and_sound_returns_complete(kemar):
    field = np.zeros((4, 40 * BLOCK), np.float32)
    field[:, 30 * BLOCK] = 1.0
    field[:, 3 * BLOCK] = 1.0
    out = heard(Ears(kemar, block=BLOCK), field)
    np.testing.assert_allclose(out[:, 30 * BLOCK :], out[:, 3 * BLOCK : 13 * BLOCK], atol=1e-7)
    assert not out[:, 10 * BLOCK : 30 * BLOCK].any()
