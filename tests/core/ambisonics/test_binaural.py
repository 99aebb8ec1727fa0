import numpy as np
import pytest
import scipy.signal

from panosod_core.ambisonics.binaural import BinauralDecoder, decode
from panosod_core.ambisonics.cues import interaural_time_s
from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.filters import BinauralFilters, default_filters
from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.geometry.sphere import direction, rotation

RATE_HZ = 48000
NOISE = np.random.default_rng(7).standard_normal(6000) * 0.1
DIRECTIONS_26 = [
    np.array([x, y, z]) / np.linalg.norm([x, y, z])
    for x in (-1, 0, 1)
    for y in (-1, 0, 1)
    for z in (-1, 0, 1)
    if (x, y, z) != (0, 0, 0)
]


def random_filters(order, taps, seed=0):
    rng = np.random.default_rng(seed)
    shape = ((order + 1) ** 2, 2, taps)
    values = rng.standard_normal(shape) * np.exp(-np.arange(taps) / 20) * 0.3
    return BinauralFilters(values.astype(np.float32), order, RATE_HZ, "", "")


def random_field(order, n, seed=1):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, ((order + 1) ** 2, n)).astype(np.float32)


def direct(field, filters):
    """Direct convolution in double precision."""
    out = np.zeros((2, field.shape[1]))
    for c in range(field.shape[0]):
        for ear in range(2):
            out[ear] += np.convolve(field[c].astype(float), filters.taps[c, ear].astype(float))[: field.shape[1]]
    return out


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("block", [1, 7, 64, 256, 1000])
def test_equal_to_direct_convolution(order, block):
    filters = random_filters(order, 96)
    n = -(-700 // block) * block
    field = random_field(order, n)
    decoder = BinauralDecoder(filters, block=block)
    made = np.concatenate([decoder.process(field[:, k : k + block]) for k in range(0, n, block)], axis=1)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, direct(field, filters), atol=1e-6)


@pytest.mark.parametrize("taps", [1, 2, 255, 256, 257, 600])
def test_filters_shorter_equal_and_longer_than_the_block(taps):
    filters = random_filters(1, taps)
    field = random_field(1, 256 * 4)
    decoder = BinauralDecoder(filters, block=256)
    made = np.concatenate([decoder.process(field[:, k : k + 256]) for k in range(0, 1024, 256)], axis=1)
    np.testing.assert_allclose(made, direct(field, filters), atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_embedded_filters_and_the_offline_decoder(order):
    filters = default_filters(order)
    field = random_field(order, 9000)
    np.testing.assert_allclose(decode(field, filters), direct(field, filters), atol=1e-6)


def test_reset_forgets_and_the_output_buffer_is_used():
    filters = random_filters(1, 50)
    field = random_field(1, 256)
    decoder = BinauralDecoder(filters)
    first = decoder.process(field)
    assert not np.array_equal(decoder.process(field), first)
    decoder.reset()
    out = np.empty((2, 256), np.float32)
    assert decoder.process(field, out) is out
    np.testing.assert_array_equal(out, first)
    decoder.process(field * 2)
    np.testing.assert_array_equal(out, first)


def test_silly_arguments():
    with pytest.raises(ValueError, match="block"):
        BinauralDecoder(random_filters(1, 8), block=0)
    decoder = BinauralDecoder(random_filters(1, 8), block=64)
    with pytest.raises(ValueError, match=r"\(4, 64\)"):
        decoder.process(np.zeros((4, 65), np.float32))


def heard(d, order, R_world_head=None, signal=NOISE):
    field = encode_plane_wave(signal, d, order=order)
    if R_world_head is not None:
        field = (sh_rotation(order, R_world_head.T) @ field).astype(np.float32)
    return decode(field, default_filters(order))


def level_difference_db(ears, low_hz=1500.0):
    sos = scipy.signal.butter(4, low_hz, "high", fs=RATE_HZ, output="sos")
    left, right = (np.sum(scipy.signal.sosfilt(sos, ear) ** 2) for ear in ears)
    return 10 * np.log10(left / right)


def time_difference_s(ears):
    return float(interaural_time_s(ears[None].astype(float), RATE_HZ)[0])


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("d", DIRECTIONS_26, ids=lambda d: ",".join(f"{v:+.1f}" for v in d))
def test_the_near_ear_is_louder_and_earlier(d, order):
    ears = heard(d, order)
    ild, itd = level_difference_db(ears), time_difference_s(ears)
    if abs(d[1]) < 1e-9:
        assert abs(ild) < 1.0 and abs(itd) < 30e-6
    else:
        assert np.sign(d[1]) * ild > 3.0
        assert np.sign(d[1]) * itd > 100e-6


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_source_on_the_left(order):
    ears = heard((0, 1, 0), order)
    assert level_difference_db(ears) > 8.0
    assert 350e-6 < time_difference_s(ears) < 900e-6


@pytest.mark.parametrize("order", [1, 2, 3])
def test_turning_head_and_source_together_changes_nothing(order):
    d = direction(0.5, 0.2)
    still = heard(d, order)
    for yaw, pitch, roll in [(1.0, 0.0, 0.0), (-2.5, 0.4, 0.0), (0.3, -0.8, 1.2)]:
        r = rotation(yaw, pitch, roll)
        np.testing.assert_allclose(heard(r @ d, order, r), still, atol=2e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_looking_left_puts_what_was_in_front_at_the_right_ear(order):
    ears = heard((1, 0, 0), order, rotation(np.pi / 2))
    np.testing.assert_allclose(ears, heard((0, -1, 0), order), atol=2e-6)
    assert level_difference_db(ears) < -8.0 and time_difference_s(ears) < 0


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_mirror_image_swaps_the_ears(order):
    left, right = heard((0.6, 0.8, 0), order), heard((0.6, -0.8, 0), order)
    np.testing.assert_allclose(left, right[::-1], atol=1e-4 * np.abs(left).max())
