"""Windows are cut by the clock: which pictures, which samples, which masks."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.datasets.index import Clip, DataSet, Frame, Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.sound_order import NAMED_ORDERS
from panosod_core.datasets.sounds import sound_of
from panosod_core.datasets.windows import (
    WindowMeta,
    WindowSample,
    WindowSpec,
    list_windows,
    load_window,
    window_at,
    window_sound,
)
from panosod_core.errors import DatasetError
from panosod_core.geometry.sphere import angle_between, direction
from tests.core.datasets.tiny_sets import SEQUENCES, disc, make_asod, make_davsod, make_pavsodr, picture, write_wav

SMALL = WindowSpec(width=64, height=32)


def clip_of(rate, numbers, *, sound=None, masked=True):
    rate = Fraction(rate)
    frames = tuple(Frame(n, float(n / rate), Path(f"{n}.png"), Path("m.png") if masked else None) for n in numbers)
    return Clip("clip", Split.TRAIN, None, rate, frames, sound)


@pytest.fixture(scope="module")
def asod(tmp_path_factory):
    return open_data_set(make_asod(tmp_path_factory.mktemp("asod"), keys=20))


# --- which pictures


@pytest.mark.parametrize(
    ("rate", "expected_step"),
    # key frames every 6 frames: 0.1, 0.12, 0.2, 0.24, 0.25 s; 0.2 s is then so many key frames
    [(60, 2), (50, 2), (30, 1), ("30000/1001", 1), (25, 1), (24, 1), ("24000/1001", 1)],
)
def test_neighbours_lie_as_near_to_a_fifth_of_a_second_as_there_are_pictures(rate, expected_step):
    clip = clip_of(rate, range(0, 120, 6))
    for position in range(2, 18):
        window = window_at(clip, position, WindowSpec())
        assert window.members == (position - expected_step, position, position + expected_step)
        assert window.frame_valid == (True, True, True)


def test_all_frames_give_the_exact_step():
    clip = clip_of(30, range(60))
    assert window_at(clip, 30, WindowSpec()).members == (24, 30, 36)
    assert window_at(clip_of(60, range(60)), 30, WindowSpec()).members == (18, 30, 42)


@pytest.mark.parametrize("frames", range(1, 9))
@pytest.mark.parametrize("position", [0, 1, 10, 18, 19])
def test_every_picture_gets_its_window(frames, position):
    """First and last too: the nearest stands in, and is marked."""
    spec = WindowSpec(frames=frames)
    window = window_at(clip_of(30, range(0, 120, 6)), position, spec)
    wanted = [position + i - spec.target for i in range(frames)]
    assert list(window.members) == [min(max(w, 0), 19) for w in wanted]
    assert list(window.frame_valid) == [0 <= w <= 19 for w in wanted]
    assert window.members[window.target] == position and window.frame is window.clip.frames[position]
    assert spec.target == frames // 2


def test_the_offsets_of_the_paper():
    np.testing.assert_allclose(WindowSpec().offsets_s, (-0.2, 0.0, 0.2))
    assert WindowSpec(frames=4).offsets_s == (-0.4, -0.2, 0.0, 0.2) and WindowSpec(frames=1).offsets_s == (0.0,)
    assert WindowSpec().samples == 96000


def test_a_gap_is_not_bridged():
    clip = clip_of(30, [0, 6, 12, 60, 66, 72])
    assert window_at(clip, 2, WindowSpec()).frame_valid == (True, True, False)
    assert window_at(clip, 3, WindowSpec()).members == (3, 3, 4)
    assert window_at(clip, 3, WindowSpec()).frame_valid == (False, True, True)


def test_sparse_pictures_stand_in_for_their_neighbours():
    window = window_at(clip_of(1, range(5)), 2, WindowSpec())
    assert window.members == (2, 2, 2) and window.frame_valid == (False, True, False)


def test_one_picture_is_enough():
    window = window_at(clip_of(30, [7]), 0, WindowSpec())
    assert window.members == (0, 0, 0) and window.frame_valid == (False, True, False)


def test_uneven_times_are_followed():
    frames = tuple(Frame(n, t, Path(f"{n}.png")) for n, t in enumerate([0.0, 0.03, 0.21, 0.22, 0.39, 0.8]))
    clip = Clip("clip", Split.TRAIN, None, Fraction(30), frames)
    assert window_at(clip, 2, WindowSpec()).members == (0, 2, 4)


@pytest.mark.parametrize("bad", [{"frames": 0}, {"frames": 9}, {"step_s": 0.0}, {"rate_hz": -1}, {"width": 0}])
def test_specs_that_cannot_be(bad):
    with pytest.raises(ValueError, match="window"):
        WindowSpec(**bad)


# --- which windows


def test_what_is_left_out_is_counted(asod):
    silent, masked = clip_of(30, range(0, 60, 6)), clip_of(30, range(0, 60, 6), sound=asod.clips[0].sound)
    bare = clip_of(30, range(0, 24, 6), sound=asod.clips[0].sound, masked=False)
    data = DataSet(Layout.ASOD60K, Path(), clips=(silent, masked, bare))
    found = list_windows(data, SMALL)
    assert len(found.windows) == 10 and found.left_out == {"no sound": 10, "no mask": 4}
    everything = list_windows(data, SMALL, need_sound=False, need_mask=False)
    assert len(everything.windows) == 24 and not everything.left_out


# --- what is in them


def test_frames_masks_and_sound_of_a_window(asod):
    clip = next(clip for clip in asod.clips if clip.name == "_Ellen")
    place = SEQUENCES["_Ellen"][1]
    sample = load_window(window_at(clip, 10, SMALL), SMALL)
    assert sample.frames.shape == (3, 3, 32, 64) and sample.frames.dtype == np.float32
    for i, number in enumerate(sample.meta.numbers):
        expected = picture(disc(place.azimuth_deg, place.elevation_deg), number=number)
        np.testing.assert_allclose(sample.frames[i].transpose(1, 2, 0), expected / 255, atol=1e-6)
        np.testing.assert_array_equal(sample.masks[i], disc(place.azimuth_deg, place.elevation_deg))
    assert sample.meta == WindowMeta("_Ellen", None, 2.0, (54, 60, 66), 1, 32000, (64, 32))
    assert sample.frame_valid.all() and sample.mask_valid.all()
    assert sample.foa.shape == (4, 96000) and sample.foa_span == (0, 96000) and sample.has_sound
    heard = direction_of_arrival(sample.foa)
    there = direction(np.radians(place.azimuth_deg), np.radians(place.elevation_deg))
    assert angle_between(direction(heard.azimuth_rad, heard.elevation_rad), there) < np.radians(1)


def test_ends_of_a_clip(asod):
    clip = next(clip for clip in asod.clips if clip.name == "_Ellen")
    first = load_window(window_at(clip, 0, SMALL), SMALL)
    assert first.meta.numbers == (0, 0, 6) and first.frame_valid.tolist() == [False, True, True]
    np.testing.assert_array_equal(first.frames[0], first.frames[1])
    assert first.mask_valid.all() and first.meta.size == (64, 32)
    assert first.foa_span == (48000, 96000) and not first.foa[:, :48000].any()
    last = load_window(window_at(clip, 19, SMALL), SMALL)
    # the clip is 4 s long, its last key frame lies at 3.8 s: 0.2 s of sound follow
    assert last.foa_span == (0, 48000 + 6400) and not last.foa[:, 54400:].any() and last.foa[:, 54000:54400].any()


def test_pictures_without_a_mask_say_so(tmp_path):
    data = open_data_set(make_asod(tmp_path, sequences={"_Ellen": SEQUENCES["_Ellen"]}))
    clip = data.clips[0]
    clip.frames[2].mask.unlink()
    clip = open_data_set(tmp_path).clips[0]
    sample = load_window(window_at(clip, 3, SMALL), SMALL)
    assert sample.mask_valid.tolist() == [False, True, True] and not sample.masks[0].any()


def click_clip(folder, *, rate_hz, clicks_s, duration_s, rate=30):
    """A clip whose W is silent but for clicks, at the times of key frames."""
    samples = np.zeros((4, round(duration_s * rate_hz)))
    for t_s in clicks_s:
        samples[0, round(t_s * rate_hz)] = 0.9
    path = write_wav(folder / "click.wav", samples, rate_hz=rate_hz)
    return clip_of(rate, range(0, 300, 6), sound=sound_of(path))


@pytest.mark.parametrize("rate_hz", [32000, 44100, 48000])
@pytest.mark.parametrize("duration_s", [7.0, 10.0, 14.0])
def test_sound_is_placed_by_the_clock_and_not_in_proportion(tmp_path, rate_hz, duration_s):
    """Pictures of 10 s; sound shorter, equal, longer: a click at 2 s and at 6 s is in the middle of its window."""
    clip = click_clip(tmp_path, rate_hz=rate_hz, clicks_s=(2.0, 6.0), duration_s=duration_s)
    for position in (10, 30):
        piece = window_sound(window_at(clip, position, WindowSpec()), WindowSpec())
        assert int(np.argmax(np.abs(piece.samples[0]))) == 48000
        end = 48000 + round((duration_s - clip.frames[position].time_s) * 32000)
        assert piece.first == 0 and piece.end == pytest.approx(min(end, 96000), abs=1)


def test_ntsc_rates_do_not_drift(tmp_path):
    """At 30000/1001 frame 180 lies at 6.006 s, not at 6 s: 192 samples apart."""
    clip = click_clip(tmp_path, rate_hz=32000, clicks_s=(6.006,), duration_s=10.0, rate="30000/1001")
    piece = window_sound(window_at(clip, 30, WindowSpec()), WindowSpec())
    assert int(np.argmax(piece.samples[0])) == 48000


def test_windows_of_one_clip_agree_where_they_overlap(asod):
    clip = asod.clips[0]
    spec = WindowSpec(width=64, height=32, rate_hz=24000, sound_s=0.5)
    early, late = (window_sound(window_at(clip, p, spec), spec).samples for p in (9, 10))
    shift = round(clip.frames[10].time_s * 24000) - round(clip.frames[9].time_s * 24000)
    np.testing.assert_allclose(early[:, shift:], late[:, : early.shape[1] - shift], atol=2e-6)


@pytest.mark.parametrize("name", ["acn", "fuma", "acn/n3d", "wxyz"])
def test_every_order_comes_out_as_ambix(tmp_path, name):
    sequences = {"_Ellen": SEQUENCES["_Ellen"]}
    make_asod(tmp_path / "plain", sequences=sequences)
    make_asod(tmp_path / name.replace("/", "-"), sequences=sequences, order=NAMED_ORDERS[name])
    plain = open_data_set(tmp_path / "plain").clips[0]
    other = open_data_set(tmp_path / name.replace("/", "-"), order=NAMED_ORDERS[name]).clips[0]
    ours, theirs = (window_sound(window_at(c, 4, SMALL), SMALL).samples for c in (plain, other))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_head_locked_channels_are_left_out(tmp_path):
    make_asod(tmp_path, sequences={"_Ellen": SEQUENCES["_Ellen"]})
    before = window_sound(window_at(open_data_set(tmp_path).clips[0], 4, SMALL), SMALL).samples
    path = tmp_path / "ambisonics_trimmed" / "_Ellen.wav"
    sound = sound_of(path)
    raw = np.random.default_rng(0).standard_normal((2, round(sound.duration_s * 48000))) * 0.3
    four = np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 4).T / 32767
    write_wav(path, np.concatenate([four, raw]))
    after = window_sound(window_at(open_data_set(tmp_path).clips[0], 4, SMALL), SMALL).samples
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_repack_gives_the_same_windows(asod, tmp_path):
    repack = open_data_set(make_pavsodr(tmp_path, keys=20))
    for clip in asod.clips:
        same = next(other for other in repack.clips if other.name == clip.name)
        ours, theirs = (load_window(window_at(c, 7, SMALL), SMALL) for c in (clip, same))
        np.testing.assert_array_equal(ours.frames, theirs.frames)
        np.testing.assert_array_equal(ours.masks, theirs.masks)
        np.testing.assert_array_equal(ours.foa, theirs.foa)
        assert ours.meta == theirs.meta


def test_clips_without_sound_are_silent(tmp_path):
    clip = open_data_set(make_davsod(tmp_path)).clips[0]
    sample = load_window(window_at(clip, 1, SMALL), SMALL)
    assert not sample.has_sound and not sample.foa.any() and sample.foa.shape == (4, 96000)
    assert sample.frames.shape == (3, 3, 32, 64)


def test_damaged_files_are_named(asod, tmp_path):
    data = open_data_set(make_asod(tmp_path, sequences={"_Ellen": SEQUENCES["_Ellen"]}))
    window = window_at(data.clips[0], 4, SMALL)
    image, mask = data.clips[0].frames[4].image, data.clips[0].frames[4].mask
    good = mask.read_bytes()
    mask.write_bytes(good[: len(good) // 2])
    with pytest.raises(DatasetError, match=r"DATA/train/_Ellen/00024\.png: expected a picture, it cannot be read"):
        load_window(window, SMALL)
    mask.write_bytes(good)
    image.unlink()
    with pytest.raises(DatasetError, match=r"frame_key/_Ellen/00024\.png: .*no such file"):
        load_window(window, SMALL)


def test_samples_check_their_shapes():
    def sample(**changes):
        parts = {
            "frames": np.zeros((3, 3, 4, 8), np.float32), "foa": np.zeros((4, 10), np.float32),
            "masks": np.zeros((3, 4, 8), np.float32), "frame_valid": np.ones(3, bool), "mask_valid": np.ones(3, bool),
            "foa_span": (0, 10), "meta": WindowMeta("", None, 0.0, (0, 1, 2), 1, 1, (8, 4)),
        }  # fmt: skip
        return WindowSample(**(parts | changes))

    assert sample().has_sound and not sample(foa_span=(4, 4)).has_sound
    for bad in (
        {"frames": np.zeros((3, 4, 8), np.float32)}, {"masks": np.zeros((2, 4, 8), np.float32)},
        {"foa": np.zeros((3, 10), np.float32)}, {"foa_span": (0, 11)}, {"mask_valid": np.ones(2, bool)},
        {"frames": np.zeros((3, 3, 4, 8), np.float64)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must|outside"):
            sample(**bad)
