"""Prediction on a local two-worker Ray cluster, one worker killed half-way: nothing lost, nothing written twice."""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from panosod_core.errors import ConfigError
from panosod_core.inference import distributed
from panosod_core.inference.cache import MapRecord, PredictionCache
from panosod_core.inference.clip_feed import AS_FOUND, plan_clip
from panosod_core.inference.clip_job import ClipJob, Event
from panosod_core.inference.distributed import PackedMap, RangeResult, RangeTask, predict_range, ranges, run_on_ray
from panosod_core.inference.map_record import map_record
from panosod_core.inference.model_choice import ModelChoice, choose_model
from panosod_core.inference.pool import run_here
from panosod_core.inference.predict import FrameRange, key_of
from tests.core.inference.predicting import FRAMES, model_file, moving_clip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    return choose_model(model_file(tmp_path_factory.mktemp("model")), device="cpu", threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("clip"))


def children() -> set[int]:
    """Processes that descend from this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    fresh = {os.getpid()}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes by /proc")
def test_a_worker_killed_half_way_loses_nothing_and_nothing_is_written_twice(
    clip: Path, model: ModelChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    before = children()
    monkeypatch.setattr(distributed, "RANGE_FRAMES", 6)
    monkeypatch.setattr(distributed, "RETRIES", 1)
    job = ClipJob(clip, model, cache_folder=tmp_path / "cache", out=tmp_path / "out")
    deadly = tmp_path / "deadly.mp4"
    deadly.write_bytes(clip.read_bytes() + b"\0\0\0\x08free")
    other = ClipJob(deadly, model, cache_folder=tmp_path / "cache", frames=FrameRange(0, 2))
    log, marker = str(tmp_path / "log"), str(tmp_path / "killed")

    def work(task: RangeTask) -> RangeResult:
        """What a task does, with a diary; the worker of the second range kills itself half-way, once."""
        made = 0
        if task.clip.name == "deadly.mp4":
            os.kill(os.getpid(), signal.SIGKILL)

        def note(record: MapRecord) -> None:
            nonlocal made
            made += 1
            with open(log, "a") as file:  # noqa: PTH123 - goes to the worker by value
                file.write(f"{record.index} {os.getpid()}\n")
            if task.frames.first == 6 and made == 3:
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return
                os.kill(os.getpid(), signal.SIGKILL)

        return predict_range(task, on_map=note)

    events: list[Event] = []
    ends = run_on_ray([job, other], events.append, tasks_at_once=2, work=work)

    assert Path(marker).exists(), "no worker was killed"
    assert [end["event"] for end in ends] == ["done", "failed"], "a clip that kills its workers does not stop others"
    assert "2 workers died" in ends[1]["text"]
    assert (ends[0]["made"], ends[0]["carried"], ends[0]["pictures"]) == (FRAMES, 0, FRAMES)
    # Worked through: every frame once, but for the three that died with their worker.
    times = Counter(int(line.split()[0]) for line in Path(log).read_text().splitlines())
    assert times == {n: 2 if n in (6, 7, 8) else 1 for n in range(FRAMES)}
    assert len({line.split()[1] for line in Path(log).read_text().splitlines()}) >= 2
    # Written: every frame once. Each writing takes a sequence number.
    with PredictionCache(tmp_path / "cache").open(key_of(clip, plan_clip(clip), model.model_id)) as maps:
        notes = maps.newer_than()
        assert sorted(note.index for note in notes) == list(range(FRAMES))
        assert notes[-1].sequence - notes[0].sequence == FRAMES - 1
        found = {index: maps.get(index) for index in range(FRAMES)}
    # They are the maps that one process makes.
    alone = ClipJob(clip, model, cache_folder=tmp_path / "alone")
    assert run_here([alone], lambda event: None)[0]["event"] == "done"
    with PredictionCache(tmp_path / "alone").open(key_of(clip, plan_clip(clip), model.model_id)) as maps:
        for index, record in found.items():
            expected = maps.get(index)
            assert record is not None
            assert expected is not None
            assert abs(record.saliency.astype(int) - expected.saliency).max() <= 1
    # A second run asks for nothing: no cluster is started.
    monkeypatch.setattr(pytest.importorskip("ray"), "init", None)
    again = run_on_ray([job], events.append, tasks_at_once=1)
    assert (again[0]["event"], again[0]["made"], again[0]["pictures"]) == ("done", 0, 0)
    assert children() - before == set(), "a process of Ray stayed behind"


def test_without_ray_a_clear_line(clip: Path, model: ModelChoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"needs Ray, which is not installed: .*pip install \'panosod\[cluster\]\'"):
        run_on_ray([ClipJob(clip, model)], lambda event: None)


def test_a_range_makes_what_is_missing_from_what_it_was_given(clip: Path, model: ModelChoice) -> None:
    frames = FrameRange(8, 16, 4)
    whole = predict_range(RangeTask(clip, AS_FOUND, model, frames, {}))
    assert [m.index for m in whole.maps if m.carried == 0] == [8, 12]
    assert sorted(m.index for m in whole.maps) == list(range(8, 16))
    assert "torch" in whole.engine
    own = tuple(m for m in whole.maps if m.carried == 0)
    rest = predict_range(RangeTask(clip, AS_FOUND, model, frames, {8: 0, 12: 0, 9: 1}, own))
    assert sorted(m.index for m in rest.maps) == [10, 11, 13, 14, 15]
    by_index = {m.index: m for m in whole.maps}
    assert all(m.png == by_index[m.index].png for m in rest.maps)


def test_a_clip_that_cannot_be_read_is_told_not_thrown(tmp_path: Path, model: ModelChoice) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    task = RangeTask(tmp_path / "x.mp4", AS_FOUND, model, FrameRange(0, 4), {})
    assert "not a media file" in predict_range(task).error


@pytest.mark.parametrize("stride", [1, 7, 100])
def test_ranges_cover_all_frames_once_and_begin_on_the_grid(stride: int) -> None:
    pieces = ranges(FrameRange(0, None, stride), 1234, {})
    covered = [n for piece in pieces for n in range(piece.first, piece.end or 0)]
    assert covered == list(range(1234))
    assert all(piece.first % stride == 0 for piece in pieces)
    assert len(pieces) > 3


def test_ranges_that_have_their_maps_are_left_out() -> None:
    known = {n: 0 for n in range(600) if n != 500}
    assert [piece.first for piece in ranges(FrameRange(), 600, known)] == [480]


def test_maps_travel_unchanged() -> None:
    rng = np.random.default_rng(1)
    record = map_record(
        7, pts=70, time_s=0.7, saliency=rng.random((8, 16)), location=rng.random((2, 4)).astype(np.float32), carried=3
    )
    got = PackedMap.of(record).record()
    assert np.array_equal(got.saliency, record.saliency)
    assert np.array_equal(got.location, record.location)
    assert (got.index, got.pts, got.time_s, got.carried, got.summary) == (7, 70, 0.7, 3, record.summary)
