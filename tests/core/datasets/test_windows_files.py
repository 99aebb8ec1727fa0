"""Pictures, masks and run lengths as they are read from files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from panosod_core.datasets.index import RleMask
from panosod_core.datasets.pictures import (
    read_header,
    read_instances,
    read_mask,
    read_picture,
    resized,
    voc_palette,
)
from panosod_core.datasets.rle import counts_to_text, decode_rle, encode_rle, text_to_counts
from panosod_core.datasets.sounds import read_channels, read_sound_header, sound_of
from panosod_core.errors import DatasetError
from panosod_core.geometry.sphere import equirect_directions
from tests.core.datasets.tiny_sets import disc, noise, save, sound_from, write_wav
from tests.core.media.clip_making import make_clip

# --- run lengths


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
@settings(max_examples=100, deadline=None)
def test_runs_read_what_was_written(height, width, seed, density):
    mask = np.random.default_rng(seed).random((height, width)) < density
    counts = encode_rle(mask)
    assert counts[0] == 0 or not mask[0, 0]
    np.testing.assert_array_equal(decode_rle(counts, height=height, width=width), mask)
    assert text_to_counts(counts_to_text(counts)) == counts


@pytest.mark.parametrize(
    ("rule", "text"),
    # texts made by pycocotools 2.0.10
    [
        (lambda x, y: (x - 10) ** 2 + (y - 9) ** 2 < 50, "U21`06L2N2N2O000O20N10001N2N2N4Jn7"),
        (lambda x, y: (x < 3) | (x > 27), "0l1d?0"),
    ],
)
def test_compressed_text_is_cocos(rule, text):
    y, x = np.mgrid[:20, :31]
    assert counts_to_text(encode_rle(rule(x, y))) == text
    np.testing.assert_array_equal(decode_rle(text, height=20, width=31), rule(x, y))


def test_runs_that_cannot_be():
    for runs in ([3, 2], [20, -2], "U21`", "\x00", "0l1d?0~~"):
        with pytest.raises(DatasetError, match="run lengths"):
            decode_rle(runs, height=4, width=4)


def test_union_of_objects():
    left, right = disc(30), disc(-30)
    mask = RleMask(32, 64, (tuple(encode_rle(left)), counts_to_text(encode_rle(right))))
    np.testing.assert_array_equal(read_mask(mask) == 255, left | right)
    assert not read_mask(RleMask(32, 64, ())).any()


# --- masks and pictures


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P"])
def test_masks_of_every_mode(tmp_path, mode):
    mask = disc(20)
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert(mode).save(tmp_path / "m.png")
    assert read_header(tmp_path / "m.png").mode == mode
    read = read_mask(tmp_path / "m.png")
    assert read.dtype == np.uint8 and read.shape == mask.shape
    np.testing.assert_array_equal(read, np.where(mask, 255, 0))


def test_soft_masks_keep_their_greys(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(8, 32)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", grey)), grey)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "c.png", np.repeat(grey[..., None], 3, axis=2))), grey)


def test_sixteen_bit_masks_are_refused(tmp_path):
    Image.fromarray(np.full((4, 8), 40000, np.uint16)).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match="expected a mask of 8 bits"):
        read_mask(tmp_path / "m.png")


def test_instance_colours():
    palette = voc_palette()
    expected = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
    assert [tuple(c) for c in palette[:5].tolist()] == expected and tuple(palette[9]) == (192, 0, 0)
    assert tuple(palette[255]) == (224, 224, 192) and len({tuple(c) for c in palette.tolist()}) == 256


@pytest.mark.parametrize("how", ["colours", "palette", "grey"])
def test_instances_round_trip(tmp_path, how):
    labels = np.random.default_rng(0).integers(0, 10, (16, 32), np.uint8)
    path = tmp_path / "i.png"
    if how == "colours":
        save(path, voc_palette()[labels])
    else:
        image = Image.fromarray(labels, "L")
        if how == "palette":
            image.putpalette(voc_palette().reshape(-1).tolist())
        image.save(path)
    np.testing.assert_array_equal(read_instances(path), labels)
    if how != "grey":
        np.testing.assert_array_equal(read_mask(path) == 255, labels > 0)


def test_colours_of_no_palette_are_refused(tmp_path):
    colours = voc_palette()[np.zeros((4, 8), int)]
    colours[1, 2] = (1, 2, 3)
    with pytest.raises(DatasetError, match=r"VOC palette, got \(1, 2, 3\) in 1 pixels"):
        read_instances(save(tmp_path / "i.png", colours))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"no picture at all"])
def test_what_is_no_picture(tmp_path, content):
    path = tmp_path / "p.png"
    path.write_bytes(content)
    for read in (read_header, read_picture, read_mask, read_instances):
        with pytest.raises(DatasetError, match=r"p\.png: expected a picture") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_a_flipped_byte_is_seen(tmp_path):
    path = save(tmp_path / "p.png", np.random.default_rng(0).integers(0, 255, (40, 80, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="cannot be read"):
        read_picture(path)


# --- sizes


@pytest.mark.parametrize(("width", "height"), [(32, 16), (64, 32), (128, 64), (96, 48), (24, 20), (200, 16)])
def test_resizing_keeps_the_mean_and_the_range(width, height):
    mask = np.where(disc(180, 20, radius_deg=50), 255, 0).astype(np.uint8)
    small = resized(mask, width=width, height=height)
    assert small.shape == (height, width) and small.dtype == np.float32
    assert small.min() >= 0.0 and small.max() <= 1.0
    assert small.mean() == pytest.approx(mask.mean() / 255, abs=0.02)
    picture = np.repeat(mask[..., None], 3, axis=2)
    np.testing.assert_array_equal(resized(picture, width=width, height=height)[..., 1], small)


def test_smaller_is_the_mean_over_the_area():
    picture = np.random.default_rng(0).integers(0, 256, (8, 16), np.uint8)
    expected = picture.reshape(4, 2, 8, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(resized(picture, width=8, height=4), expected, atol=0.51 / 255)


def test_larger_goes_round_the_seam():
    """Rolled and then enlarged is enlarged and then rolled: the seam is no edge. Of a flat picture it is one."""
    picture = (equirect_directions(16, 8)[..., 0] * 100 + 120).astype(np.uint8)
    larger = resized(picture, width=64, height=32)
    rolled = resized(np.roll(picture, 3, axis=1), width=64, height=32)
    np.testing.assert_allclose(rolled, np.roll(larger, 12, axis=1), atol=1e-3)
    flat = resized(np.roll(picture, 3, axis=1), width=64, height=32, ring=False)
    assert np.abs(flat - np.roll(larger, 12, axis=1)).max() > 0.01


# --- sound


def test_channels_as_stored(tmp_path):
    samples = np.stack([noise(2000, seed=i) for i in range(5)])
    path = write_wav(tmp_path / "five.wav", samples, rate_hz=16000)
    read = read_channels(path, range(4), rate_hz=16000)
    assert read.shape == (4, 2000)
    np.testing.assert_allclose(read, np.round(samples[:4] * 32767) / 32768, atol=1e-6)
    part = read_channels(path, range(2, 4), start=500, count=100, rate_hz=16000)
    np.testing.assert_array_equal(part, read[2:4, 500:600])
    assert read_channels(path, range(4), start=5000, count=10, rate_hz=16000).shape[1] == 0


def test_sound_that_cannot_be_used(tmp_path):
    stereo = write_wav(tmp_path / "stereo.wav", sound_from(0, 0, duration_s=0.1)[:2])
    with pytest.raises(DatasetError, match=r"stereo\.wav: expected sound of at least 4 channels .* got 2"):
        sound_of(stereo)
    with pytest.raises(DatasetError, match="expected at least 4 channels of sound, got 2"):
        read_channels(stereo, range(4), rate_hz=48000)
    for content in (b"", b"RIFF" + bytes(100)):
        (tmp_path / "bad.wav").write_bytes(content)
        with pytest.raises(DatasetError, match=r"bad\.wav"):
            read_sound_header(tmp_path / "bad.wav")
    with pytest.raises(DatasetError, match="expected sound, there is none in this file"):
        read_sound_header(make_clip(tmp_path / "silent.mp4"))


def test_a_b_format_file_says_what_it_is(tmp_path):
    path = write_wav(tmp_path / "a.amb", sound_from(0, 0, duration_s=0.1))
    assert sound_of(path).order.name == "fuma"
