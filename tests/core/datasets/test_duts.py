"""DUTS in both layouts, and DAVSOD."""

import pytest

from panosod_core.datasets.davsod import index_davsod
from panosod_core.datasets.duts import index_duts
from panosod_core.datasets.findings import Kind
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.errors import DatasetError
from tests.core.datasets.tiny_sets import disc, make_davsod, make_duts, make_duts_repack, picture, save, save_mask


def counts(data):
    return {finding.kind: finding.count for finding in data.findings}


def test_published_folders(tmp_path):
    data = open_data_set(make_duts(tmp_path))
    assert data.layout is Layout.DUTS
    assert [(s.name, s.split.value) for s in data.stills] == [
        ("nTR_0", "train"), ("nTR_1", "train"), ("nTR_2", "train"), ("nTE_0", "test"), ("nTE_1", "test"),
    ]  # fmt: skip
    assert all(still.image.stem == still.mask.stem == still.name for still in data.stills)
    assert data.of_split(Split.TEST).splits == (Split.TEST,)
    assert counts(data) == {Kind.COUNT_DIFFERS: 2}


def test_one_part_alone(tmp_path):
    data = open_data_set(make_duts(tmp_path) / "DUTS-TR")
    assert len(data.stills) == 3 and counts(data)[Kind.MISSING_SEQUENCE] == 1


def test_repack(tmp_path):
    data = open_data_set(make_duts_repack(tmp_path))
    assert [(s.name, s.split.value) for s in data.stills] == [("a", "train"), ("b", "train"), ("c", "test")]


def test_repack_without_lists(tmp_path):
    make_duts_repack(tmp_path)
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).unlink()
    data = index_duts(tmp_path)
    assert {s.split for s in data.stills} == {Split.TRAIN} and counts(data)[Kind.NO_LIST] == 1


def test_holes_are_counted(tmp_path):
    make_duts(tmp_path)
    (tmp_path / "DUTS-TR" / "DUTS-TR-Mask" / "nTR_0.png").unlink()
    (tmp_path / "DUTS-TE" / "DUTS-TE-Image" / "nTE_1.jpg").unlink()
    data = index_duts(tmp_path)
    assert [s.name for s in data.stills] == ["nTR_1", "nTR_2", "nTE_0"]
    assert counts(data) == {Kind.MISSING_MASKS: 1, Kind.STRAY_MASKS: 1, Kind.COUNT_DIFFERS: 2}


def test_holes_of_the_repack_are_counted(tmp_path):
    make_duts_repack(tmp_path, train=("a", "b"), test=("b", "c"))
    (tmp_path / "train.txt").write_text("a\nb\nghost\n")
    (tmp_path / "mask" / "a.png").unlink()
    data = index_duts(tmp_path)
    assert [(s.name, s.split.value) for s in data.stills] == [("b", "test"), ("c", "test")]
    found = counts(data)
    assert found == {
        Kind.MISSING_IMAGE: 1, Kind.MISSING_MASKS: 1, Kind.IN_BOTH_SPLITS: 1, Kind.COUNT_DIFFERS: 1,
    }  # fmt: skip


def test_nothing_that_pairs(tmp_path):
    save(tmp_path / "image" / "a.png", picture(disc(0)))
    save_mask(tmp_path / "mask" / "b.png", disc(0))
    with pytest.raises(DatasetError, match="there are no such pairs"):
        open_data_set(tmp_path)


def test_davsod(tmp_path):
    data = open_data_set(make_davsod(tmp_path))
    assert data.layout is Layout.DAVSOD
    assert {clip.name: (clip.split.value, clip.subset) for clip in data.clips} == {
        "select_0001": ("train", None), "select_0002": ("val", None), "select_0003_1": ("test", "Easy"),
        "select_0004": ("test", "Difficult"),
    }  # fmt: skip
    for clip in data.clips:
        assert [frame.number for frame in clip.frames] == [10, 11, 12, 13] and not clip.panoramic
        assert all(frame.mask is not None for frame in clip.frames) and clip.sound is None
    assert counts(data) == {Kind.RATE_ASSUMED: 4, Kind.COUNT_DIFFERS: 3}  # and no complaint about sound


def test_davsod_masks_apart_in_suffix(tmp_path):
    folder = tmp_path / "TestSet" / "Normal-25" / "select_0009"
    save(folder / "Imgs" / "0003.jpg", picture(disc(0)))
    save(folder / "Imgs" / "0004.jpg", picture(disc(0)))
    save_mask(folder / "GT_object_level" / "0003.png", disc(0))
    data = index_davsod(tmp_path)
    assert data.clips[0].subset == "Normal" and counts(data)[Kind.MISSING_MASKS] == 1
    with pytest.raises(DatasetError, match="expected sequences select"):
        index_davsod(folder / "Imgs")
