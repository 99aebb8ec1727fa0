"""ASOD60K in the authors' folders, in the PAVSODR repack, and in panosod's own."""

import itertools
import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from panosod_core.datasets.asod60k import AsodFolders, index_asod60k
from panosod_core.datasets.findings import Kind
from panosod_core.datasets.index import Layout, RleMask, Split
from panosod_core.datasets.manifest import Manifest, SequenceEntry, index_panosod, read_manifest, write_manifest
from panosod_core.datasets.opening import find_root, open_data_set
from panosod_core.datasets.pavs10k import FACTS, KEY_STEP, facts_of, sources_in_both_splits
from panosod_core.datasets.pavsodr import index_pavsodr
from panosod_core.datasets.pictures import read_mask
from panosod_core.datasets.sound_order import NAMED_ORDERS
from panosod_core.errors import DatasetError
from panosod_core.metrics.published import TEST_SUBSETS
from tests.core.datasets.tiny_sets import (
    KEYS,
    RATES,
    SEQUENCES,
    disc,
    make_asod,
    make_pavsodr,
    picture,
    save,
    save_mask,
    sound_from,
    write_lists,
    write_wav,
)
from tests.core.media.clip_making import make_clip


def kinds(data):
    return {finding.kind: finding for finding in data.findings}


@pytest.fixture(scope="module")
def asod(tmp_path_factory):
    return make_asod(tmp_path_factory.mktemp("asod"))


# --- what is published


def test_published_split_and_subsets():
    assert Counter(f.split for f in FACTS.values()) == {Split.TRAIN: 40, Split.TEST: 27}
    assert Counter(f.super_class for f in FACTS.values()) == {"Speaking": 35, "Music": 16, "Miscellanea": 16}
    test = [f for f in FACTS.values() if f.split is Split.TEST]
    assert {s: Counter(f.super_class for f in test if f.subset == s) for s in TEST_SUBSETS} == {
        "Test1": {"Miscellanea": 6}, "Test2": {"Music": 6}, "Test3": {"Speaking": 15},
    }  # fmt: skip
    assert sum(len(names) for names in TEST_SUBSETS.values()) == len(test)
    assert all(f.subset is None for f in FACTS.values() if f.split is Split.TRAIN)


def test_published_rates():
    whole = {round(float(f.rate)) for f in FACTS.values()}
    assert whole == {24, 25, 30, 50, 60} and KEY_STEP == 6
    spacing_s = [KEY_STEP / float(f.rate) for f in FACTS.values()]
    assert 0.0995 < min(spacing_s) < 0.1005 and 0.2495 < max(spacing_s) < 0.2505
    assert facts_of("_-5h95uTtPeck").rate == Fraction(24000, 1001)
    assert facts_of("5h95uTtPeck") is facts_of("_-5h95uTtPeck") and facts_of("a clip of mine") is None


def test_one_source_has_one_rate_but_for_ntsc():
    by_source = {}
    for facts in FACTS.values():
        by_source.setdefault(facts.source, set()).add(round(float(facts.rate)))
    assert all(len(rates) == 1 for rates in by_source.values())
    # the four sources that the official division has in both splits
    assert set(sources_in_both_splits()) == {"72f3ayGhMEA", "Ngj6C_RMK1g", "ey9J7w98wlI", "-SbZ4_ir148"}


# --- the authors' folders


def test_clips_splits_subsets_and_times(asod):
    data = index_asod60k(asod)
    assert data.layout is Layout.ASOD60K and not data.findings
    by_name = {clip.name: clip for clip in data.clips}
    assert {name: clip.split.value for name, clip in by_name.items()} == {n: s for n, (s, _) in SEQUENCES.items()}
    assert {n: c.subset for n, c in by_name.items()} == {
        "_Ellen": None, "_-IRG9Z7Y2uS4": None, "_-72f3ayGhMEA_6": "Test1", "_-5h95uTtPeck": "Test3",
    }  # fmt: skip
    for name, clip in by_name.items():
        assert [f.number for f in clip.frames] == [6 * k for k in range(KEYS)]
        np.testing.assert_allclose([f.time_s for f in clip.frames], 6 * np.arange(KEYS) / RATES[name], rtol=1e-12)
        assert all(f.mask is not None and f.mask.name == f.image.name for f in clip.frames)
        assert clip.sound.channels == 4 and clip.sound.order.name == "acn"
    assert data.of_split(Split.TEST).subsets == ("Test1", "Test3") and data.splits == (Split.TRAIN, Split.TEST)


def test_every_folder_can_be_given(asod, tmp_path):
    root = tmp_path / "other"
    for old, new in (("frame_key", "a/frames"), ("DATA", "gt"), ("ambisonics_trimmed", "wav"), ("data", "lists")):
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / new).symlink_to(asod / old)
    data = index_asod60k(root, folders=AsodFolders("a/frames", "gt", "wav", "lists"))
    assert not data.findings and len(data.clips) == 4
    with pytest.raises(DatasetError, match="frame_key: expected a folder with the key frames"):
        index_asod60k(root)


def test_archives_with_a_folder_in_a_folder(asod, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "in").symlink_to(asod)
    assert find_root(tmp_path)[1] is Layout.ASOD60K
    assert len(open_data_set(tmp_path).clips) == 4


def test_no_known_layout(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        open_data_set(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"expected one of the known layouts \(asod60k, pavsodr"):
        open_data_set(tmp_path)


def test_without_lists_the_published_split_is_used(tmp_path):
    make_asod(tmp_path)
    for split in ("train", "test"):
        (tmp_path / "data" / f"PAVS10K_seqs_{split}.txt").unlink()
    data = index_asod60k(tmp_path)
    assert len(data.clips) == 4 and len(data.of_split(Split.TEST).clips) == 2
    found = kinds(data)
    assert found[Kind.NO_LIST].count == 2 and found[Kind.MISSING_SEQUENCE].count == 63


def test_what_is_odd_is_counted(tmp_path):
    make_asod(tmp_path)
    frames, masks = tmp_path / "frame_key", tmp_path / "DATA"
    (masks / "train" / "_Ellen" / "00006.png").unlink()
    (masks / "train" / "_Ellen" / "00012.png").unlink()
    save_mask(masks / "test" / "_-5h95uTtPeck" / "00100.png", disc(0))
    (frames / "_-5h95uTtPeck" / "00018.png").unlink()
    save(frames / "_-72f3ayGhMEA_6" / "00007.png", picture(disc(0)))
    save(frames / "_-72f3ayGhMEA_6" / "cover.png", picture(disc(0)))
    save(frames / "_-72f3ayGhMEA_6" / "00006.jpg", picture(disc(0)))
    save(frames / "_stranger" / "00000.png", picture(disc(0)))
    (frames / "_hollow").mkdir()
    write_lists(tmp_path, SEQUENCES | {"_hollow": ("train", None), "_absent": ("test", None)})
    data = index_asod60k(tmp_path)
    found = {kind: finding.count for kind, finding in kinds(data).items()}
    assert found == {
        Kind.MISSING_MASKS: 2,
        Kind.STRAY_MASKS: 2,  # 00100, and 00018, whose frame is gone
        Kind.GAPS: 1,
        Kind.OFF_KEY_RULE: 1,
        Kind.STRAY_FILES: 2,
        Kind.UNKNOWN_SEQUENCE: 1,
        Kind.NO_FRAMES: 1,
        Kind.MISSING_SEQUENCE: 1,
        Kind.NO_SOUND: 1,
        Kind.RATE_ASSUMED: 1,
    }
    ellen = next(clip for clip in data.clips if clip.name == "_Ellen")
    assert [frame.mask is None for frame in ellen.frames] == [False, True, True] + [False] * 5
    assert "_Ellen: 2" in kinds(data)[Kind.MISSING_MASKS].examples


def test_sound_of_every_kind(tmp_path):
    make_asod(tmp_path)
    folder = tmp_path / "ambisonics_trimmed"
    long = sound_from(0, 0, duration_s=6 * KEYS / 30 + 1)
    write_wav(folder / "_Ellen.wav", np.concatenate([long, long[:2]]))  # 4+2 and too long
    write_wav(folder / "_-IRG9Z7Y2uS4.wav", long[:2])
    write_wav(folder / "_-5h95uTtPeck.wav", sound_from(0, 0, duration_s=0.7))
    (folder / "_-72f3ayGhMEA_6.wav").write_bytes(b"RIFF")
    data = index_asod60k(tmp_path)
    found = {kind: finding.count for kind, finding in kinds(data).items()}
    assert found == {
        Kind.HEAD_LOCKED: 1, Kind.SOUND_LONG: 1, Kind.TOO_FEW_CHANNELS: 1, Kind.SOUND_SHORT: 1,
        Kind.SOUND_UNREADABLE: 1,
    }  # fmt: skip
    by_name = {clip.name: clip.sound for clip in data.clips}
    assert by_name["_-IRG9Z7Y2uS4"] is None and by_name["_-72f3ayGhMEA_6"] is None
    assert by_name["_Ellen"].channels == 6
    assert "+1.00 s, would fit" in kinds(data)[Kind.SOUND_LONG].examples[0]
    five = write_wav(folder / "_Ellen.wav", np.concatenate([long, long[:1]]))
    assert kinds(index_asod60k(tmp_path))[Kind.EXTRA_CHANNELS].examples == (f"{five.name}: 5",)


def test_a_wrong_rate_shows_in_the_length_of_the_sound(tmp_path):
    """Sound as long as the pictures at 25 fps, while 30 is said: the finding names the rate that would fit."""
    make_asod(tmp_path, keys=30)
    write_wav(tmp_path / "ambisonics_trimmed" / "_Ellen.wav", sound_from(0, 0, duration_s=180 / 25))
    finding = kinds(index_asod60k(tmp_path))[Kind.SOUND_LONG]
    assert finding.count == 1 and "would fit 25 fps instead of 30" in finding.examples[0]
    assert Kind.SOUND_LONG not in kinds(index_asod60k(tmp_path, rates={"_Ellen": Fraction(25)}))


def test_the_video_file_tells_the_rate(tmp_path):
    make_asod(tmp_path)
    (tmp_path / "Videos").mkdir()
    make_clip(tmp_path / "Videos" / "_Ellen.mp4")  # 25 fps
    data = index_asod60k(tmp_path)
    clip = next(clip for clip in data.clips if clip.name == "_Ellen")
    assert clip.rate == 25 and clip.frames[1].time_s == pytest.approx(0.24)
    assert kinds(data)[Kind.RATE_DIFFERS].examples == ("_Ellen: 25, stated 30",)


def test_an_unknown_sequence_with_masks_is_taken_and_its_rate_assumed(tmp_path):
    make_asod(tmp_path)
    save(tmp_path / "frame_key" / "mine" / "00000.png", picture(disc(0)))
    save_mask(tmp_path / "DATA" / "test" / "mine" / "00000.png", disc(0))
    data = index_asod60k(tmp_path)
    clip = next(clip for clip in data.clips if clip.name == "mine")
    assert clip.split is Split.TEST and clip.rate == 30 and clip.subset is None
    assert kinds(data)[Kind.RATE_ASSUMED].count == 1


def test_all_frames_instead_of_key_frames(tmp_path):
    """Every frame on disk, masks on key frames only: nothing is odd about that."""
    sequences = {"_Ellen": SEQUENCES["_Ellen"]}
    make_asod(tmp_path, sequences=sequences)
    for number in range(6 * KEYS):
        save(tmp_path / "frame_key" / "_Ellen" / f"{number:05d}.png", picture(disc(0), number=number))
    data = index_asod60k(tmp_path)
    assert not data.findings
    assert [f.number for f in data.clips[0].frames if f.mask is not None] == [6 * k for k in range(KEYS)]


def test_other_splits_than_the_published_one(tmp_path):
    swapped = {name: ("test" if split == "train" else "train", place) for name, (split, place) in SEQUENCES.items()}
    make_asod(tmp_path, sequences=swapped)
    found = kinds(index_asod60k(tmp_path))
    assert found[Kind.SPLIT_DIFFERS].count == 4
    both = tmp_path / "data" / "PAVS10K_seqs_train.txt"
    both.write_text(both.read_text() + "_Ellen\n")
    data = index_asod60k(tmp_path)
    assert kinds(data)[Kind.IN_BOTH_SPLITS].examples == ("_Ellen",)
    assert sum(clip.name == "_Ellen" for clip in data.clips) == 1
    assert next(clip for clip in data.clips if clip.name == "_Ellen").split is Split.TEST


def test_leak_of_the_official_division_is_told(tmp_path):
    both = {name: (FACTS[name].split.value, SEQUENCES["_Ellen"][1]) for name in ("_Ellen", "_Ellen2")}
    make_asod(tmp_path, sequences=both, keys=2)
    assert kinds(index_asod60k(tmp_path))[Kind.SAME_SOURCE].examples == ("-SbZ4_ir148",)


# --- the PAVSODR repack


def test_repack_is_the_same_clips(asod, tmp_path):
    repack = index_pavsodr(make_pavsodr(tmp_path))
    assert repack.layout is Layout.PAVSODR and not repack.findings
    original = {clip.name: clip for clip in index_asod60k(asod).clips}
    assert {clip.name for clip in repack.clips} == set(original)
    for clip in repack.clips:
        same = original[clip.name]
        assert (clip.split, clip.subset, clip.rate, clip.title) == (same.split, same.subset, same.rate, same.title)
        assert [(f.number, f.time_s) for f in clip.frames] == [(f.number, f.time_s) for f in same.frames]
        for ours, theirs in zip(clip.frames, same.frames, strict=True):
            np.testing.assert_array_equal(read_mask(ours.mask), read_mask(theirs.mask))
    assert any(isinstance(f.mask, RleMask) for clip in repack.clips for f in clip.frames)


def test_repack_that_kept_the_source_numbers(tmp_path):
    make_pavsodr(tmp_path)
    for folder in (
        tmp_path / "test" / "JPEGImages" / "_-5h95uTtPeck",
        tmp_path / "test" / "Annotations" / "_-5h95uTtPeck",
    ):
        for path in sorted(folder.iterdir(), reverse=True):
            path.rename(folder / f"{6 * int(path.stem):05d}.png")
    clip = next(clip for clip in index_pavsodr(tmp_path).clips if clip.name == "_-5h95uTtPeck")
    assert [frame.number for frame in clip.frames] == [6 * k for k in range(KEYS)]
    assert all(frame.mask is not None for frame in clip.frames)


def test_repack_names_that_sort_differently_as_text(tmp_path):
    """Unpadded names: frame 10 comes after frame 9, and each gets the mask of its own place in the file."""
    make_pavsodr(tmp_path, keys=11)
    folder = tmp_path / "train" / "JPEGImages" / "_Ellen"
    for path in folder.iterdir():
        path.rename(folder / f"{int(path.stem)}.png")
    data = json.loads((tmp_path / "train.json").read_text())
    data["videos"][0]["file_names"] = [f"_Ellen/{k}.png" for k in range(11)]
    for annotation in data["annotations"]:
        if annotation["video_id"] == 0:
            annotation["segmentations"] = [s if k == 10 else None for k, s in enumerate(annotation["segmentations"])]
    (tmp_path / "train.json").write_text(json.dumps(data))
    index = index_pavsodr(tmp_path)
    clip = next(clip for clip in index.clips if clip.name == "_Ellen")
    assert [bool(read_mask(frame.mask).any()) for frame in clip.frames] == [False] * 10 + [True]
    assert kinds(index)[Kind.UNSORTED_NAMES].examples == ("_Ellen",)


def test_repack_annotations_that_cannot_be_understood(tmp_path):
    make_pavsodr(tmp_path)
    path = tmp_path / "train.json"
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        annotation["segmentations"][0] = [[0, 0, 5, 0, 5, 5]]  # a polygon
        annotation["segmentations"][1] = {"size": [3, 4], "counts": [12]}
    data["videos"][0]["file_names"][-1] = "_Ellen/99999.png"
    path.write_text(json.dumps(data))
    found = kinds(index_pavsodr(tmp_path))
    assert found[Kind.BAD_ANNOTATION].count == 2 * len(data["annotations"])
    assert found[Kind.MISSING_IMAGE].examples == ("_Ellen/99999.png",) and found[Kind.MISSING_MASKS].count == 1
    path.write_text('{"videos": [{"id": 0}]}')
    with pytest.raises(DatasetError, match=r"train\.json: expected videos and annotations in YouTube-VIS style"):
        index_pavsodr(tmp_path)


def test_empty_repack(tmp_path):
    (tmp_path / "train" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(DatasetError, match="expected key frames in"):
        open_data_set(tmp_path)


# --- panosod's own folder


def own_manifest(**changes):
    entries = {
        "one": SequenceEntry(Split.TRAIN, Fraction(30000, 1001), title="first"),
        "two": SequenceEntry(Split.VALIDATION, Fraction(30), subset="hard", times_s={0: 0.0, 6: 0.25, 12: 0.4}),
    }
    return Manifest(**({"name": "mine", "sequences": entries, "sound_order": NAMED_ORDERS["fuma"]} | changes))


def make_own(root, manifest):
    for name, entry in manifest.sequences.items():
        for number in (0, 6, 12):
            save(root / "frame_key" / name / f"{number:05d}.png", picture(disc(0), number=number))
            save_mask(root / "DATA" / entry.split.value / name / f"{number:05d}.png", disc(0))
        write_wav(root / "ambisonics_trimmed" / f"{name}.wav", sound_from(0, 0, duration_s=0.6))
    write_manifest(root, manifest)
    return root


def test_own_folder(tmp_path):
    data = open_data_set(make_own(tmp_path, own_manifest()))
    assert data.layout is Layout.PANOSOD and not data.findings
    one, two = data.clips
    assert one.rate == Fraction(30000, 1001) and one.title == "first" and one.sound.order.name == "fuma"
    assert (two.split, two.subset) == (Split.VALIDATION, "hard")
    assert [frame.time_s for frame in two.frames] == [0.0, 0.25, 0.4]  # not evenly spaced: by its own clock
    assert open_data_set(tmp_path, order=NAMED_ORDERS["acn"]).clips[0].sound.order.name == "acn"


def test_manifest_round_trip_is_byte_for_byte(tmp_path):
    path = write_manifest(tmp_path, own_manifest())
    first = path.read_bytes()
    assert read_manifest(tmp_path) == own_manifest()
    write_manifest(tmp_path, read_manifest(tmp_path))
    assert path.read_bytes() == first and [p.name for p in tmp_path.iterdir()] == ["dataset.json"]


def test_own_folder_also_reads_as_the_authors_layout(tmp_path):
    """Theirs can be read by anyone who reads ASOD60K: the folders are the same."""
    make_own(tmp_path, own_manifest(sequences={"_Ellen": SequenceEntry(Split.TRAIN, Fraction(30))}))
    clip = index_asod60k(tmp_path).clips[0]
    ours = index_panosod(tmp_path, order=NAMED_ORDERS["acn"]).clips[0]
    assert (clip.name, clip.split, clip.rate, clip.frames) == (ours.name, ours.split, ours.rate, ours.frames)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, 'expected "format"'),
        ({"version": 2}, "version 2"),
        ({"key_step": 0}, "key_step"),
        ({"key_step": True}, "key_step"),
        ({"sound_order": "xxz"}, "channel order"),
        ({"sequences": {"../up": {"split": "train", "rate": [30, 1]}}}, "no name of a folder"),
        ({"sequences": {"a": {"split": "fun", "rate": [30, 1]}}}, "fun"),
        ({"sequences": {"a": {"split": "train", "rate": [30, 0]}}}, "Fraction"),
        ({"sequences": {"a": {"split": "train", "rate": [-1, 1]}}}, "rate"),
        ({"sequences": {"a": {"split": "train"}}}, "rate"),
        ({"sequences": {"a": {"split": "train", "rate": [1, 1], "times_s": {"0": 1, "1": 1}}}}, "do not rise"),
        ({"sequences": {"a": {"split": "train", "rate": [1, 1], "times_s": {"0": float("nan")}}}}, "do not rise"),
        ({"sequences": []}, "cannot be understood"),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path, change, words):
    path = write_manifest(tmp_path, own_manifest())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=words):
        open_data_set(tmp_path)


def test_manifest_that_is_no_json(tmp_path):
    for text in ("", "[" * 100_000, "\udcff"):
        (tmp_path / "dataset.json").write_text(text, errors="surrogateescape")
        with pytest.raises(DatasetError, match=r"dataset\.json: expected"):
            open_data_set(tmp_path)
    with pytest.raises(DatasetError, match="there is none"):
        read_manifest(tmp_path / "elsewhere")


def test_own_folder_with_holes(tmp_path):
    make_own(tmp_path, own_manifest())
    extra = {**own_manifest().sequences, "gone": SequenceEntry(Split.TEST, Fraction(30))}
    write_manifest(tmp_path, own_manifest(sequences=extra))
    save(tmp_path / "frame_key" / "stranger" / "00000.png", picture(disc(0)))
    found = kinds(open_data_set(tmp_path))
    assert {kind: f.examples for kind, f in found.items()} == {
        Kind.MISSING_SEQUENCE: ("gone",), Kind.UNKNOWN_SEQUENCE: ("stranger",),
    }  # fmt: skip


def test_times_for_some_pictures_only_are_refused(tmp_path):
    entry = SequenceEntry(Split.TRAIN, Fraction(30), times_s={0: 0.0, 12: 0.4})
    with pytest.raises(DatasetError, match="expected times_s of one to hold every picture or none, it lacks 6"):
        open_data_set(make_own(tmp_path, own_manifest(sequences={"one": entry})))


def test_frames_of_a_clip_are_in_order(asod):
    for clip in index_asod60k(asod).clips:
        assert all(a.time_s < b.time_s for a, b in itertools.pairwise(clip.frames))
