"""``panosod data check`` as a library: what is counted, and what a training run would do."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.datasets.check import check_data_set
from panosod_core.datasets.check_files import check_levels, mask_direction
from panosod_core.datasets.findings import MEANING, FindingCounter, Kind, Weight
from panosod_core.datasets.index import Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.order_check import OrderVerdict, normalisation_of, power_ratio
from panosod_core.datasets.pavs10k import FACTS
from panosod_core.datasets.sound_order import NAMED_ORDERS, parse_order
from panosod_core.datasets.sounds import read_channels, sound_of
from panosod_core.datasets.windows import WindowSpec
from panosod_core.geometry.sphere import angle_between, direction
from tests.core.datasets.tiny_sets import (
    SEQUENCES,
    Place,
    disc,
    make_asod,
    make_davsod,
    make_duts,
    make_l3das,
    make_pavsodr,
    noise,
    picture,
    save,
    save_mask,
    sound_from,
    stored,
    write_wav,
)

SPEC = WindowSpec(width=64, height=32)
PLACES = [
    Place(20, 10),
    Place(-80, -30),
    Place(150, 40),
    Place(70, -10),
    Place(-130, 5),
    Place(-20, 60),
    Place(100, -50),
]
MANY = {
    name: ("train", place)
    for name, place in zip([n for n, f in FACTS.items() if f.split is Split.TRAIN], PLACES, strict=False)
}


def check(root, *, full=False, order=None):
    return check_data_set(open_data_set(root, order=order), spec=SPEC, full=full)


def counts(report):
    return {finding.kind: finding.count for finding in report.findings}


def test_a_clean_set(tmp_path):
    report = check(make_asod(tmp_path))
    assert report.is_clean and counts(report) == {Kind.ORDER_UNPROVEN: 1}  # four clips prove no channel order
    assert [(r.split.value, r.subset, r.clips, r.frames, r.masks, r.windows) for r in report.counts] == [
        ("train", None, 2, 16, 16, 16), ("test", None, 2, 16, 16, 16), ("test", "Test1", 1, 8, 8, 8),
        ("test", "Test3", 1, 8, 8, 8),
    ]  # fmt: skip
    assert report.looked_at.headers == 64 and report.looked_at.masks == 12 and report.looked_at.sounds == 4
    assert "learn from 16 windows of 2 train sequences" in report.plan
    assert any("3 s of sound centred on it at 32000 Hz, channels read as acn" in line for line in report.plan)


def test_full_decodes_everything(tmp_path):
    report = check(make_asod(tmp_path), full=True)
    assert report.looked_at.masks == 32 and report.looked_at.pictures == 32 and report.is_full


def test_the_repack_is_checked_alike(tmp_path):
    ours, theirs = check(make_asod(tmp_path / "a")), check(make_pavsodr(tmp_path / "b"))
    assert ours.counts == theirs.counts and counts(ours) == counts(theirs)


def test_what_training_would_leave_out(tmp_path):
    make_asod(tmp_path)
    (tmp_path / "ambisonics_trimmed" / "_Ellen.wav").unlink()
    (tmp_path / "DATA" / "train" / "_-IRG9Z7Y2uS4" / "00000.png").unlink()
    report = check(tmp_path)
    train = report.counts[0]
    assert train.windows == 7 and train.left_out == {"no sound": 8, "no mask": 1}
    assert not report.is_clean and counts(report)[Kind.NO_SOUND] == 1
    assert "learn from 7 windows of 2 train sequences; 1 left out: no mask; 8 left out: no sound" in report.plan


# --- pictures and masks


def test_odd_pictures_and_masks_are_counted(tmp_path):
    make_asod(tmp_path)
    frames, masks = tmp_path / "frame_key" / "_Ellen", tmp_path / "DATA" / "train" / "_Ellen"
    (frames / "00006.png").write_bytes(b"\x89PNG broken")
    save(frames / "00012.png", picture(disc(0, width=60, height=40)))
    save_mask(masks / "00000.png", np.zeros((32, 64), bool))
    save(masks / "00018.png", np.full((32, 64), 77, np.uint8))
    coloured = np.zeros((32, 64, 3), np.uint8)
    coloured[3:9, 3:9] = (128, 0, 0)
    save(masks / "00024.png", coloured)
    (masks / "00030.png").write_bytes((masks / "00036.png").read_bytes()[:60])
    save(masks / "00036.png", np.where(disc(0)[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))  # grey as RGB
    report = check(tmp_path, full=True)
    assert counts(report) == {
        Kind.DAMAGED_IMAGE: 1, Kind.DAMAGED_MASK: 1, Kind.SIZE_DIFFERS: 1, Kind.NOT_TWO_TO_ONE: 1,
        Kind.EMPTY_MASK: 1, Kind.SOFT_MASK: 1, Kind.COLOURED_MASK: 1, Kind.ORDER_UNPROVEN: 1,
    }  # fmt: skip
    by_kind = {finding.kind: finding for finding in report.findings}
    assert by_kind[Kind.DAMAGED_IMAGE].examples == ("_Ellen/00006.png",)
    assert by_kind[Kind.NOT_TWO_TO_ONE].examples == ("_Ellen/00012.png: 60x40",)
    # without decoding all, headers still tell of what is damaged from its first bytes on
    quick = check(tmp_path)
    assert quick.looked_at.masks < report.looked_at.masks and counts(quick)[Kind.DAMAGED_IMAGE] == 1


def test_annotations_that_do_not_fill_their_mask(tmp_path):
    make_pavsodr(tmp_path)
    path = tmp_path / "train.json"
    path.write_text(path.read_text().replace('"counts": [', '"counts": [1, ', 1))
    assert counts(check(tmp_path, full=True))[Kind.DAMAGED_MASK] == 1


def test_stills(tmp_path):
    make_duts(tmp_path)
    (tmp_path / "DUTS-TR" / "DUTS-TR-Image" / "nTR_0.jpg").write_bytes(b"")
    save_mask(tmp_path / "DUTS-TE" / "DUTS-TE-Mask" / "nTE_0.png", disc(0))
    report = check(tmp_path)
    assert counts(report) == {Kind.DAMAGED_IMAGE: 1, Kind.SIZE_DIFFERS: 1, Kind.COUNT_DIFFERS: 2}
    assert report.plan == ("learn from 3 train pictures", "score 2 test pictures")


def test_planar_video_is_not_asked_for_sound(tmp_path):
    report = check(make_davsod(tmp_path))
    assert report.is_clean and counts(report) == {Kind.RATE_ASSUMED: 4, Kind.COUNT_DIFFERS: 3}
    assert [row.windows for row in report.counts] == [4, 4, 8, 4, 4]


# --- sound


@pytest.mark.parametrize("text", ["acn", "fuma", "-y+z+x/sn3d"])
def test_the_channel_order_is_told_from_masks_and_sound(tmp_path, text):
    order = parse_order(text)
    report = check(make_asod(tmp_path, keys=3, sequences=MANY, order=order))
    assert report.evidence.best == order and report.evidence.groups == len(MANY)
    if text == "acn":
        assert report.evidence.verdict is OrderVerdict.AGREES and not counts(report)
    else:
        assert report.evidence.verdict is OrderVerdict.DIFFERS and counts(report)[Kind.CHANNEL_ORDER] == 1
        assert not report.is_clean
        said = check(tmp_path, order=order)
        assert said.evidence.verdict is OrderVerdict.AGREES and said.is_clean


def test_sound_that_has_nothing_to_do_with_the_masks_proves_nothing(tmp_path):
    """Music from anywhere: no order is accused on such evidence."""
    make_asod(tmp_path, keys=3, sequences=MANY)
    rng = np.random.default_rng(1)
    for i, name in enumerate(MANY):
        place = rng.standard_normal(3)
        write_wav(tmp_path / "ambisonics_trimmed" / f"{name}.wav", encode_plane_wave(noise(30000, seed=i), place))
    report = check(tmp_path)
    assert counts(report).get(Kind.ORDER_UNPROVEN) == 1 and Kind.CHANNEL_ORDER not in counts(report)


def odd_sounds(tmp_path, samples):
    make_asod(tmp_path, sequences={"_Ellen": SEQUENCES["_Ellen"]})
    write_wav(tmp_path / "ambisonics_trimmed" / "_Ellen.wav", samples)
    return counts(check(tmp_path))


def test_silent_and_mono_and_headless_sound(tmp_path):
    foa = sound_from(40, 20, duration_s=1.6)
    assert odd_sounds(tmp_path, foa) == {Kind.ORDER_UNPROVEN: 1}
    assert odd_sounds(tmp_path, foa * 0)[Kind.SOUND_SILENT] == 1
    mono = foa.copy()
    mono[1:] = 0
    assert odd_sounds(tmp_path, mono)[Kind.NO_DIRECTION] == 1
    last = foa[[1, 2, 3, 0]].copy()  # W at the end, and here the weakest direction comes first
    last[0] *= 0.3
    assert odd_sounds(tmp_path, last)[Kind.NOT_W_FIRST] == 1
    n3d = stored(foa, NAMED_ORDERS["acn/n3d"])
    assert odd_sounds(tmp_path, n3d)[Kind.NORMALISATION] == 1


def test_ratio_of_levels_holds_for_diffuse_sound_too(tmp_path):
    """Noise from everywhere is no reason to doubt SN3D."""
    rng = np.random.default_rng(2)
    field = sum(encode_plane_wave(noise(76800, seed=i, level=0.02), rng.standard_normal(3)) for i in range(60))
    assert odd_sounds(tmp_path, field) == {Kind.ORDER_UNPROVEN: 1}


def test_real_recordings_show_their_normalisation(testdata):
    """An Eigenmike in ACN/N3D, and a room response in classic B-format (FuMa)."""
    for name, order in (
        ("jsamb_HOA3_rec1_01-08ch.ogg", "acn/n3d"),
        ("jsamb_HOA3_rec3_01-08ch.ogg", "acn/n3d"),
        ("jsamb_room1_bf_rir.wav", "fuma"),
    ):
        path = testdata / "foa" / name
        raw = read_channels(path, range(4), rate_hz=16000)
        right = NAMED_ORDERS[order]
        assert normalisation_of(power_ratio(raw, rate_hz=16000), right.axes) is right.normalisation
        for said, count in ((right, 0), (NAMED_ORDERS["acn"], 1)):
            found = FindingCounter()
            assert check_levels(raw, sound_of(path, order=said), found, rate_hz=16000)
            assert sum(finding.count for finding in found.result()) == count


# --- recordings


def test_recordings(tmp_path):
    report = check(make_l3das(tmp_path))
    assert report.is_clean and not report.findings
    assert report.evidence.verdict is OrderVerdict.AGREES and report.looked_at.sounds == 4
    assert [(r.split.value, r.recordings) for r in report.counts] == [("train", 2), ("val", 2)]


def test_recordings_in_another_order(tmp_path):
    report = check(make_l3das(tmp_path, order=NAMED_ORDERS["fuma"]))
    assert counts(report) == {Kind.CHANNEL_ORDER: 1} and not report.is_clean
    assert "fuma is off by 0 degrees" in report.findings[0].examples[0]
    assert check(tmp_path, order=NAMED_ORDERS["fuma"]).is_clean
    # the axes right and the levels wrong
    assert counts(check(tmp_path, order=NAMED_ORDERS["wxyz"])) == {Kind.NORMALISATION: 1}


def test_odd_recordings(tmp_path):
    make_l3das(tmp_path)
    data = open_data_set(tmp_path)
    labels = [recording.labels for recording in data.recordings]
    labels[0].write_text("nothing\n")
    labels[1].write_text(
        labels[1].read_text() + "z.wav,0,1,Bang,1,0,0\nz.wav,1.9,9,Knock,1,0,0\n" + 4 * "z.wav,1.85,2,Writing,1,0,0\n"
    )
    data.recordings[2].microphones[0].write_bytes(b"RIFF")
    found = counts(check(tmp_path))
    assert found == {
        Kind.LABELS_BAD: 1, Kind.SOUND_UNREADABLE: 1, Kind.UNKNOWN_CLASS: 1, Kind.OUTSIDE_TIME: 1,
        Kind.TOO_MANY_OVERLAPS: 2, Kind.ORDER_AMBIGUOUS: 1,
    }  # fmt: skip


def test_recordings_of_two_channels(tmp_path):
    make_l3das(tmp_path)
    path = open_data_set(tmp_path).recordings[0].microphones[0]
    write_wav(path, np.zeros((2, 64000)), rate_hz=32000)
    assert counts(check(tmp_path))[Kind.TOO_FEW_CHANNELS] == 1


# --- counting


def test_every_kind_has_words():
    assert set(MEANING) == set(Kind)
    for weight, text, action in MEANING.values():
        assert isinstance(weight, Weight) and text and action and "\n" not in text + action


def test_counting():
    counter = FindingCounter()
    for i in range(9):
        counter.add(Kind.EMPTY_MASK, f"m{i}")
    counter.add(Kind.NO_SOUND, "a", detail="first")
    counter.add(Kind.GAPS, "none", count=0)
    other = FindingCounter()
    other.extend(counter.result())
    other.add(Kind.NO_SOUND, "b")
    first, second = other.result()
    assert (first.kind, first.count, first.examples, first.detail) == (Kind.NO_SOUND, 2, ("a", "b"), "first")
    assert (second.kind, second.count, len(second.examples)) == (Kind.EMPTY_MASK, 9, 5)
    assert "first" in first.text and first.weight is Weight.ERROR


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (180, 0), (-179, 30), (90, 85), (45, -89)])
@pytest.mark.parametrize("size", [(64, 32), (512, 256)])
def test_direction_of_a_mask(azimuth, elevation, size):
    mask = np.where(disc(azimuth, elevation, width=size[0], height=size[1]), 255, 0).astype(np.uint8)
    there = direction(np.radians(azimuth), np.radians(elevation))
    assert angle_between(mask_direction(mask), there) < np.radians(200 / size[0])
    assert mask_direction(mask * 0) is None


def test_one_split_of_a_set(tmp_path):
    data = open_data_set(make_asod(tmp_path)).of_split(Split.TEST)
    report = check_data_set(replace(data, findings=()), spec=SPEC)
    assert {row.split for row in report.counts} == {Split.TEST}
