"""Pictures read, folders matched and judged; nothing dropped in silence."""

import json
from io import StringIO

import numpy as np
import pytest
from PIL import Image

from panosod_core.errors import ConfigError
from panosod_core.metrics.folders import JudgeSettings, evaluate_folders, match_folders
from panosod_core.metrics.measure import measure, measure_sphere
from panosod_core.metrics.options import EmptyTruth, MetricOptions
from panosod_core.metrics.pictures import PictureError, read_map, read_mask, resized_map, resized_mask
from panosod_core.metrics.published import SUBSET_TITLES, TABLE_1, TEST_SUBSETS, Four, subset_of
from panosod_core.metrics.report import csv_text, json_object, markdown_table, text_table
from tests.core.metrics.golden_maps import disc, noise


def picture(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def frame(seed, height=16, width=32):
    truth = disc(height, width, 3 + seed % 8, 5 * seed % width, 3)
    return np.where(truth, 100 + noise(seed, height, width) // 2, 9).astype(np.uint8), truth * np.uint8(255)


@pytest.fixture
def folders(tmp_path):
    """Two subsets, three clips, six frames; (predictions, masks)."""
    pred, gt = tmp_path / "pred", tmp_path / "gt"
    for seed, name in enumerate(["A/x/0", "A/x/1", "A/x/2", "A/y/0", "B/x/0", "B/x/1"]):
        prediction, truth = frame(seed)
        picture(pred / f"{name}.png", prediction)
        picture(gt / f"{name}.png", truth)
    return pred, gt


def evaluated(pred, gt, subsets=None, **settings):
    matching = match_folders(pred, gt)
    chosen = {p.clip: p.clip.split("/")[0] for p in matching.pairs} if subsets is None else subsets
    return evaluate_folders(matching, subsets=chosen, settings=JudgeSettings(**settings))


def test_every_frame_is_judged_where_it_belongs(folders):
    result = evaluated(*folders)
    assert (result.masks, result.flat.everything.frames, result.flat.everything.clips) == (6, 6, 3)
    assert [(s.name, s.frames, s.clips) for s in result.flat.subsets] == [("A", 4, 2), ("B", 2, 1)]
    assert [key.clip for key, _ in result.flat.clips] == ["A/x", "A/y", "B/x"]
    expected = [measure(*frame(seed)).f[0] for seed in range(6)]
    assert result.flat.everything.frame_mean.f == pytest.approx(np.mean(expected), abs=1e-12)
    assert result.flat.subsets[1].frame_mean.f == pytest.approx(np.mean(expected[4:]), abs=1e-12)
    on_sphere = [measure_sphere(*frame(seed)).s[0] for seed in range(6)]
    assert result.sphere.everything.frame_mean.s == pytest.approx(np.mean(on_sphere), abs=1e-12)
    assert not (result.missing or result.extra or result.unreadable or result.resized or result.faint)


def test_two_processes_come_to_the_same(folders):
    matching = match_folders(*folders)
    seen = []
    one, two = (
        evaluate_folders(
            matching, subsets={}, settings=JudgeSettings(), jobs=jobs, progress=lambda *at: seen.append(at)
        )
        for jobs in (1, 2)
    )
    assert json_object(one) == json_object(two)
    assert seen == [(i, 6) for i in range(1, 7)] * 2


def test_missing_extra_and_unreadable_are_named(folders):
    pred, gt = folders
    (pred / "A/x/1.png").unlink()
    (pred / "A/x/2.png").write_bytes(b"no picture")
    (gt / "B/x/0.png").write_bytes((gt / "B/x/0.png").read_bytes()[:60])
    picture(pred / "A/x/77.png", frame(1)[0])
    result = evaluated(pred, gt)
    assert (result.masks, result.flat.everything.frames) == (6, 3)
    assert result.missing == ("A/x/1",) and result.extra == ("A/x/77",)
    assert len(result.unreadable) == 2 and "A/x/2.png" in result.unreadable[0] and "B/x/0.png" in result.unreadable[1]
    black = evaluated(pred, gt, missing_as_black=True)
    assert (black.flat.everything.frames, black.missing) == (5, ("A/x/1",))
    expected = [measure(frame(s)[0] * (s not in (1, 2)), frame(s)[1]).mae[0] for s in (0, 1, 2, 3, 5)]
    assert black.flat.everything.frame_mean.mae == pytest.approx(np.mean(expected), abs=1e-12)


def test_another_suffix_is_the_same_name_and_another_size_is_resized(folders):
    pred, gt = folders
    (pred / "A/y/0.png").unlink()
    small = frame(3)[0][::2, ::2]
    picture(pred / "A/y/0.BMP", small)
    result = evaluated(pred, gt)
    assert (result.resized, result.flat.everything.frames, result.missing) == (1, 6, ())
    of_clip = dict(result.flat.clips)["A", "A/y"].frame_mean
    assert of_clip.f == measure(resized_map(small, 32, 16), frame(3)[1]).f[0]


def test_judged_at_another_size(folders):
    result = evaluated(*folders, size=(16, 8))
    expected = [measure(resized_map(p, 16, 8), resized_mask(t, 16, 8)).s[0] for p, t in map(frame, range(6))]
    assert result.flat.everything.frame_mean.s == pytest.approx(np.mean(expected), abs=1e-12) and result.resized == 0


def test_frames_right_in_the_folder_are_one_clip(tmp_path):
    for seed in range(2):
        prediction, truth = frame(seed)
        picture(tmp_path / "pred" / f"{seed}.png", prediction)
        picture(tmp_path / "gt" / f"{seed}.png", truth)
    result = evaluated(tmp_path / "pred", tmp_path / "gt", subsets={})
    assert [key.clip for key, _ in result.flat.clips] == ["gt"] and result.flat.subsets == ()


def test_masks_of_0_and_1_are_noticed(folders):
    pred, gt = folders
    for path in gt.rglob("*.png"):
        picture(path, (np.asarray(Image.open(path)) > 0).astype(np.uint8))
    result = evaluated(pred, gt)
    assert len(result.faint) == result.flat.everything.empty == 6
    right = evaluated(pred, gt, options=MetricOptions(truth_above=0))
    assert right.faint == () and right.flat.everything.frame_mean.f > 0.5


def test_pictures_that_are_no_panoramas_are_counted(tmp_path):
    picture(tmp_path / "pred/a/0.png", frame(0, 20, 30)[0])
    picture(tmp_path / "gt/a/0.png", frame(0, 20, 30)[1])
    assert evaluated(tmp_path / "pred", tmp_path / "gt").not_panoramas == 1


def test_folders_that_cannot_be_matched(folders, tmp_path):
    pred, gt = folders
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="folder of predictions"):
        match_folders(tmp_path / "none", gt)
    with pytest.raises(ConfigError, match="expected masks"):
        match_folders(pred, tmp_path / "empty")
    with pytest.raises(ConfigError, match="nothing"):
        match_folders(tmp_path / "empty", gt)
    with pytest.raises(ConfigError, match=r"A.x.0\.png, found x/0"):
        match_folders(pred / "A", gt)
    picture(pred / "A/x/0.bmp", frame(0)[0])
    with pytest.raises(ConfigError, match="two files of one name"):
        match_folders(pred, gt)


def test_hidden_files_and_other_files_are_left_alone(folders):
    pred, gt = folders
    (pred / "A/x/._0.png").write_bytes(b"resource fork")
    (gt / "A/x/notes.txt").write_text("none")
    (gt / ".cache").mkdir()
    picture(gt / ".cache/0.png", frame(0)[1])
    assert len(match_folders(pred, gt).pairs) == 6 and match_folders(pred, gt).extra == ()


def test_links_are_followed_but_not_in_circles(folders, tmp_path):
    pred, gt = folders
    (tmp_path / "elsewhere").mkdir()
    (pred / "A/x").rename(tmp_path / "elsewhere/x")
    (pred / "A/x").symlink_to(tmp_path / "elsewhere/x", target_is_directory=True)
    (pred / "B/again").symlink_to(pred, target_is_directory=True)
    matching = match_folders(pred, gt)
    assert matching.missing == () and matching.extra == ()


def test_kinds_of_pictures(tmp_path):
    levels = noise(3, 8, 16)
    grey = np.repeat(levels[..., None], 3, axis=-1)
    path = tmp_path / "a.png"
    for array in (levels, grey, np.dstack([levels, levels // 2]), levels.astype(np.uint16) * 257):
        picture(path, array)
        assert np.array_equal(read_map(path), levels) and np.array_equal(read_mask(path), levels)
    Image.fromarray(levels > 99).save(path)
    assert np.array_equal(read_mask(path), np.where(levels > 99, 255, 0))
    colours = np.zeros((8, 16, 3), np.uint8)
    colours[2, 3], colours[4, 5] = (128, 0, 0), (0, 0, 128)  # VOC's first and fourth colour: dark, but objects
    picture(path, colours)
    assert np.array_equal(read_mask(path), colours.any(axis=-1) * 255)
    indexed = Image.fromarray((levels % 5).astype(np.uint8))
    indexed.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128])
    indexed.save(path, transparency=bytes([0, 255, 255, 255, 255]))
    assert np.array_equal(read_mask(path), np.where(levels % 5, 255, 0))
    picture(tmp_path / "a.tif", levels.astype(np.float32) / 255)
    with pytest.raises(PictureError, match="8-bit grey"):
        read_map(tmp_path / "a.tif")


@pytest.mark.parametrize("keep", [0, 1, 8, 30, 50, 90])
def test_damaged_pictures_say_so(tmp_path, keep):
    path = tmp_path / "a.png"
    picture(path, noise(1, 20, 20))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PictureError, match="Error"):
        read_map(path)


def test_growing_a_map_is_bilinear():
    levels = np.array([[0, 200]], np.uint8)
    assert resized_map(levels, 4, 1).tolist() == [[0, 50, 150, 200]]
    assert resized_mask(levels, 4, 1).tolist() == [[0, 0, 200, 200]]


def test_tables(folders):
    result = evaluated(*folders)
    mean = result.flat.everything.frame_mean
    lines = text_table(result).splitlines()
    assert len(lines) == 1 + 2 * 3 * 2 and len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["All", "flat", "frames", "6"] + [
        f"{v:.4f}" for v in (mean.f, mean.s, mean.e, mean.mae, mean.j, mean.mean_f, mean.max_f, mean.mean_e, mean.max_e)
    ]
    rows = [line.split(",") for line in StringIO(csv_text(result)).read().splitlines()]
    assert rows[0][:5] == ["scope", "subset", "clip", "pixels", "mean_of"] and len(rows) == 1 + 2 * (2 + 4 + 3)
    assert float(rows[1][8]) == mean.f and rows[1][5:8] == ["6", "3", "0"]
    as_json = json.loads(json.dumps(json_object(result), allow_nan=False))
    assert as_json["flat"]["all"]["frame_mean"]["f"] == mean.f and len(as_json["flat"]["all"]["f_curve"]) == 256
    assert as_json["sphere"]["subsets"]["B"]["frames"] == 2 and len(as_json["flat"]["clips"]) == 3


def test_a_subset_of_no_frames_is_null_not_a_number(folders):
    pred, gt = folders
    for path in (gt / "B").rglob("*.png"):
        picture(path, np.zeros((16, 32), np.uint8))
    result = evaluated(pred, gt, options=MetricOptions(empty=EmptyTruth.SKIP))
    as_json = json.loads(json.dumps(json_object(result), allow_nan=False))
    assert as_json["flat"]["subsets"]["B"]["frame_mean"] is None and as_json["empty_masks"] == 2
    assert text_table(result).splitlines()[5].split()[:5] == ["B", "flat", "frames", "0", "-"]
    assert ",,,,,,,,\n" in csv_text(result)


def test_markdown_beside_the_paper(folders):
    result = evaluated(*folders, subsets={"A/x": "Test2", "A/y": "Test2", "B/x": "Test3"})
    lines = markdown_table(result, name="ours").splitlines()
    columns = 1 + 4 * len(SUBSET_TITLES)
    table = [line for line in lines if line.startswith("|")]
    assert all(line.count("|") == columns + 1 for line in table[2:]) and len(table) == 2 + len(TABLE_1) + 1
    cells = [cell.strip() for cell in table[-1].strip("|").split("|")]
    music = result.flat.subsets[0].frame_mean
    assert cells[:9] == ["**ours**", "–", "–", "–", "–"] + [
        f"{v:.3f}".removeprefix("0") for v in (music.f, music.s, music.e, music.mae)
    ]
    assert "| Li et al. 2023 | .355 | .714 | .617 | .037 |" in table[-2]


def test_published_rows_and_subsets():
    assert [len(clips) for clips in TEST_SUBSETS.values()] == [6, 6, 15]
    assert subset_of("_-I-43DzvhxX8_1") == "Test1" and subset_of("some/where/_conversation2") == "Test3"
    assert subset_of("_-Bvu9m__ZX60") == "Test2" and subset_of("_Ellen") is None


@pytest.mark.parametrize("row", [row for row in TABLE_1 if row.note != "the paper"], ids=lambda row: row.method)
def test_the_published_numbers_agree_with_each_other(row):
    """All is the frame mean of the three subsets, whose shares of the frames follow from the other rows."""
    for i, name in enumerate(Four._fields):
        three = [row.misc[i], row.music[i], row.speaking[i]]
        fits = np.dot((0.234, 0.247, 0.518), three) == pytest.approx(row.everything[i], abs=0.0025)
        assert fits != ((row.method, name) in {("COSNet", "s"), ("RTNet", "mae")}), name
        assert fits or row.note
