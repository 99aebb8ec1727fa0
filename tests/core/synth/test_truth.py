import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from panosod_core.errors import MediaError
from panosod_core.geometry.sphere import angle_between
from panosod_core.synth.demo import DemoWorld
from panosod_core.synth.masks import MaskRecorder
from panosod_core.synth.truth import load_truth, masks_path, truth_path, write_truth

WORLD = DemoWorld(width=64, height=32, duration_s=1.0, fps=Fraction(30000, 1001))


@pytest.fixture(scope="module")
def maps():
    return [WORLD.frame(i)[1] for i in range(WORLD.frame_count)]


def recorded(maps):
    recorder = MaskRecorder(64, 32)
    for labels in maps:
        recorder.add(labels)
    return recorder.runs()


@pytest.fixture
def clip(tmp_path, maps):
    path = tmp_path / "world.mp4"
    write_truth(WORLD.truth(), recorded(maps), clip=path)
    return path


@given(st.lists(npst.arrays(np.uint8, (4, 6), elements=st.integers(0, 3)), max_size=5))
def test_runs_give_back_every_map(maps):
    recorder = MaskRecorder(6, 4)
    for labels in maps:
        recorder.add(labels)
    runs = recorder.runs()
    assert len(runs) == len(maps)
    for i, labels in enumerate(maps):
        assert np.array_equal(runs.mask(i), labels)


def test_what_is_written_is_read(clip, maps):
    truth = load_truth(clip)
    header = WORLD.truth()
    assert truth.objects == header.objects
    assert truth.header.fps == Fraction(30000, 1001)
    assert truth.header.sync.marks == header.sync.marks
    for i, labels in enumerate(maps):
        assert np.array_equal(truth.mask(i), labels)
        assert truth.sounding(i) == header.sounding(i)
        for thing in truth.objects:
            assert np.degrees(angle_between(truth.direction(thing.id, i), header.direction(thing.id, i))) < 1e-4


def test_the_truth_can_be_named_by_either_file(clip):
    assert load_truth(truth_path(clip)).header.seed == load_truth(clip).header.seed


def test_the_same_world_gives_the_same_bytes(clip, tmp_path, maps):
    again = tmp_path / "again"
    again.mkdir()
    write_truth(WORLD.truth(), recorded(maps), clip=again / clip.name)
    for beside in (truth_path, masks_path):
        assert beside(clip).read_bytes() == beside(again / clip.name).read_bytes()


def test_json_tells_other_programs_all_of_it(clip):
    data = json.loads(truth_path(clip).read_text(encoding="utf-8"))
    assert (data["format"], data["version"]) == ("panosod-truth", 1)
    assert len(data["directions_deg"]["1"]) == len(data["sounding"]) == data["frame_count"] == WORLD.frame_count
    assert data["masks"] == masks_path(clip).name
    assert data["objects"][0]["look_alikes"] == data["objects"][1]["look_alikes"] == "twins"


@pytest.mark.parametrize("index", [-1, WORLD.frame_count])
def test_frames_that_are_not_there_are_refused(clip, index):
    truth = load_truth(clip)
    for ask in (truth.mask, truth.sounding, lambda i: truth.direction(1, i)):
        with pytest.raises(IndexError):
            ask(index)


def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="uint8 map"):
        MaskRecorder(6, 4).add(np.zeros((6, 4), np.uint8))


def edited(clip, **changes):
    path = truth_path(clip)
    data = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "other"}, "panosod-truth"),
        ({"version": 99}, "version 99"),
        ({"frame_count": 3}, "pairs of azimuth"),
        ({"width": 128}, "build the clip again"),
        ({"objects": []}, "not those of the objects"),
        ({"fps": [30, 0]}, "cannot be read"),
        ({"fps": "x"}, "cannot be read"),
        ({"directions_deg": {"1": [[None, 0]]}}, "cannot be read"),
        ({"objects": [{"id": 1}]}, "cannot be read"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused(clip, changes, says):
    edited(clip, **changes)
    with pytest.raises(MediaError, match=says):
        load_truth(clip)


@pytest.mark.parametrize("beside", [truth_path, masks_path])
def test_a_missing_file_is_named(clip, beside):
    beside(clip).unlink()
    with pytest.raises(MediaError, match=beside(clip).name):
        load_truth(clip)


@pytest.mark.parametrize("beside", [truth_path, masks_path])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe\x00"])
def test_garbage_is_refused(clip, beside, content):
    beside(clip).write_bytes(content)
    with pytest.raises(MediaError, match="cannot be read as the truth"):
        load_truth(clip)


def test_half_a_mask_file_is_refused(clip):
    whole = masks_path(clip).read_bytes()
    masks_path(clip).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cannot be read as the truth"):
        load_truth(clip)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", np.int64(9)),
        ("lengths", np.ones(4, np.uint32)),
        ("first", np.array([0, 2, 4], np.int64)),
        ("first", np.zeros(0, np.int64)),
        ("first", np.array([0, 9, 4, 4], np.int64)),
        ("lengths", np.array([1e9], np.float64)),
    ],
)
def test_mask_files_whose_numbers_do_not_add_up_are_refused(clip, field, value):
    with np.load(masks_path(clip)) as stored:
        data = dict(stored)
    data[field] = value
    np.savez_compressed(masks_path(clip), **data)
    with pytest.raises(MediaError, match="truth"):
        load_truth(clip)
