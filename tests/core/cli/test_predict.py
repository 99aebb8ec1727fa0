"""``panosod predict``: files, events, resumption, many clips, and one that fails among them."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from panosod_core.cli.main import main
from panosod_core.cli.predict import PredictArguments, find_clips, run
from panosod_core.errors import CheckpointError, ConfigError, PredictionError
from panosod_core.inference import pool
from panosod_core.inference.cache import MapSource, PredictionCache
from panosod_core.inference.clip_feed import plan_clip
from panosod_core.inference.clip_job import ClipJob, Event
from panosod_core.inference.model_choice import choose_model
from panosod_core.inference.overlay_video import CONTOUR_RGB, drawn
from panosod_core.inference.pool import run_pool
from panosod_core.inference.predict import FrameRange, key_of
from panosod_core.inference.prediction_files import ClipFolder
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import SoundFormat
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from tests.core.inference.predicting import FRAMES, HEIGHT, WIDTH, model_file, moving_clip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_file(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("clips"), name="ring.mp4")


@pytest.fixture
def words(model: Path, tmp_path: Path) -> list[str]:
    """Arguments that all runs share."""
    cache, out = str(tmp_path / "cache"), str(tmp_path / "out")
    return ["predict", "--model", str(model), "--device", "cpu", "--jobs", "1", "--cache", cache, "--out", out]


def events(text: str) -> list[Event]:
    return [json.loads(line) for line in text.splitlines()]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def grey(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found


def test_a_clip_becomes_pictures_a_table_and_a_manifest_that_agree_with_the_cache(
    words: list[str], clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(clip), "--stride", "4", "--npz"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "hears W Y Z X of ambix of order 1" in said.err
    assert "6 maps by the model, 18 carried" in said.err
    folder = tmp_path / "out" / "ring"
    names = [f"{n:05d}.png" for n in range(FRAMES)]
    assert sorted(p.name for p in (folder / "saliency").iterdir()) == names
    assert sorted(p.name for p in (folder / "location").iterdir()) == names
    rows = table(folder)
    assert [int(row["index"]) for row in rows] == list(range(FRAMES))
    chosen = choose_model(model)
    with PredictionCache(tmp_path / "cache").open(key_of(clip, plan_clip(clip), chosen.model_id)) as maps:
        archive = np.load(folder / "maps.npz")
        for row in rows:
            record = maps.get(int(row["index"]))
            assert record is not None
            assert record.location is not None
            assert np.array_equal(grey(folder / "saliency" / f"{record.index:05d}.png"), record.saliency)
            levels = grey(folder / "location" / f"{record.index:05d}.png")
            low, high = float(row["location_low"]), float(row["location_high"])
            off = low + levels * (high - low) / 255 - record.location
            assert np.abs(off).max() < 0.01 * (high - low) + 1e-6
            assert row["source"] == record.source == ("model" if record.index % 4 == 0 else "flow")
            assert float(row["area"]) == pytest.approx(record.summary.area, rel=1e-4)
            assert np.radians(float(row["peak_azimuth_deg"])) == pytest.approx(
                record.summary.peak_azimuth_rad, abs=1e-3
            )
            assert np.array_equal(archive["saliency"][record.index], record.saliency)
            assert np.array_equal(archive["location"][record.index], record.location)
        assert archive["carried"].tolist() == [int(row["carried"]) for row in rows]
        assert archive["pts"].tolist() == [int(row["pts"]) for row in rows]
    told = json.loads((folder / "manifest.json").read_text())
    assert told["model_id"] == chosen.model_id
    assert told["fed"]["sound"].startswith("W Y Z X")
    assert (told["stride"], told["frame_count"], told["engines"]) == (4, FRAMES, ["torch, cpu, float32"])
    assert "torch" in told["versions"]


def test_a_second_run_makes_and_writes_nothing_and_never_imports_torch(
    words: list[str], clip: Path, tmp_path: Path
) -> None:
    assert main([*words, str(clip), "--stride", "6"]) == 0
    picture = tmp_path / "out" / "ring" / "saliency" / "00003.png"
    before = picture.stat().st_mtime_ns
    manifest = (tmp_path / "out" / "ring" / "manifest.json").read_text()
    code = f"import sys; from panosod_core.cli.main import main; c = main({[*words, str(clip), '--stride', '6', '--json']!r}); sys.exit(c or 10 * ('torch' in sys.modules))"  # noqa: E501 - one program
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    end = events(done.stdout)[-1]
    assert end == {"event": "end", "done": 1, "failed": 0, "made": 0, "carried": 0}
    assert picture.stat().st_mtime_ns == before
    assert (tmp_path / "out" / "ring" / "manifest.json").read_text() == manifest


def test_a_run_that_was_cut_off_goes_on(words: list[str], clip: Path, tmp_path: Path, capsys) -> None:
    assert main([*words, str(clip), "--frames", "0:10", "--json"]) == 0
    first = events(capsys.readouterr().out)
    assert next(e for e in first if e["event"] == "done")["made"] == 10
    folder = tmp_path / "out" / "ring"
    (folder / "saliency" / "00004.png").unlink()
    assert main([*words, str(clip), "--json"]) == 0
    told = events(capsys.readouterr().out)
    assert told[0]["event"] == "start"
    assert (told[0]["frames"], told[0]["missing"]) == (FRAMES, FRAMES - 10)
    done = next(e for e in told if e["event"] == "done")
    assert (done["made"], done["pictures"]) == (FRAMES - 10, FRAMES - 10 + 1)
    progress = [e["done"] for e in told if e["event"] == "progress"]
    assert progress == sorted(set(progress))
    assert progress[-1] == FRAMES - 10
    assert len(list((folder / "saliency").iterdir())) == FRAMES


def test_a_map_of_the_model_replaces_the_picture_of_one_that_was_carried(
    words: list[str], clip: Path, tmp_path: Path
) -> None:
    assert main([*words, str(clip), "--stride", "6"]) == 0
    folder = tmp_path / "out" / "ring"
    before = grey(folder / "saliency" / "00003.png")
    assert main([*words, str(clip)]) == 0
    assert {row["source"] for row in table(folder)} == {MapSource.MODEL.value}
    assert not np.array_equal(grey(folder / "saliency" / "00003.png"), before)


def test_without_carrying_only_the_grid_is_written(words: list[str], clip: Path, tmp_path: Path) -> None:
    assert main([*words, str(clip), "--stride", "10", "--no-carry"]) == 0
    folder = tmp_path / "out" / "ring"
    assert sorted(p.name for p in (folder / "saliency").iterdir()) == ["00000.png", "00010.png", "00020.png"]


def test_a_folder_of_another_model_is_not_mixed(
    words: list[str], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(clip), "--frames", "0:2"]) == 0
    manifest = tmp_path / "out" / "ring" / "manifest.json"
    told = json.loads(manifest.read_text()) | {"model_id": "another"}
    manifest.write_text(json.dumps(told))
    capsys.readouterr()
    assert main([*words, str(clip), "--frames", "0:2"]) == 1
    assert "holds predictions with another model_id; choose another --out or remove it" in capsys.readouterr().err


def test_one_clip_that_fails_does_not_stop_the_others(
    words: list[str], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"no video at all")
    os.link(clip, folder / "deep" / "b.mp4")
    (folder / "notes.txt").write_text("not a clip")
    assert main([*words, str(folder), str(tmp_path / "gone.mp4"), "--json", "--frames", "0:3"]) == 1
    told = events(capsys.readouterr().out)
    failed = {Path(e["clip"]).name: e["text"] for e in told if e["event"] == "failed"}
    assert "not a media file" in failed["a.mp4"]
    assert "no such file" in failed["gone.mp4"]
    assert told[-1] == {"event": "end", "done": 1, "failed": 2, "made": 3, "carried": 0}
    assert (tmp_path / "out" / "deep" / "b" / "saliency" / "00002.png").is_file()


def test_two_clips_of_one_stem_keep_their_endings_and_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("x/a.mp4", "x/a.webm", "x/b.mp4", "y/a.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(name) for _, name in find_clips([tmp_path / "x"])] == ["a.mp4", "a.webm", "b"]
    with pytest.raises(ConfigError, match=r"2 clips are named a\.mp4"):
        find_clips([tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="expected videos in this folder"):
        find_clips([tmp_path / "empty"])
    with pytest.raises(ConfigError, match="expected clips or folders"):
        find_clips([])


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"stride": 0}, "stride of 1"),
        ({"jobs": 0}, "--jobs of 1"),
        ({"npz": True}, "say where with --out"),
        ({"frames": "7"}, "--frames FIRST:END"),
        ({"frames": "9:3"}, "range of frames"),
        ({"picture": "round"}, "--picture of auto"),
        ({"sound": "loud"}, "--sound of auto"),
        ({"device": "abacus"}, "--device of auto"),
        ({"precision": "int3"}, "--precision of auto"),
        ({"precision": "int8", "compile": True}, "nothing compiles"),
        ({"address": "auto"}, "belongs to --engine ray"),
        ({"cache_limit_gb": -1.0}, "--cache-limit-gb"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(more: dict, why: str, clip: Path, model: Path) -> None:
    with pytest.raises(ConfigError, match=why):
        run(PredictArguments((clip,), model=str(model), **more))


def test_a_model_that_is_none_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"weights?")
    with pytest.raises(CheckpointError, match=r"m\.safetensors"):
        run(PredictArguments((clip,), model=str(tmp_path / "m.safetensors")))


def test_the_overlay_is_the_clip_with_its_sound_and_contours(words: list[str], clip: Path, tmp_path: Path) -> None:
    assert main([*words, str(clip), "--stride", "6", "--frames", "6:18", "--overlay"]) == 0
    info = probe(tmp_path / "out" / "ring" / "overlay.mp4")
    original = probe(clip)
    assert info.video is not None
    assert original.video is not None
    assert info.audio is not None
    assert original.audio is not None
    assert (info.video.width, info.video.height, info.video.frame_count) == (WIDTH, HEIGHT, 12)
    assert info.video.source == "sv3d"
    assert (info.audio.format, info.audio.order) == (SoundFormat.AMBIX, 1)
    with AudioReader(info.path, info.audio) as made, AudioReader(clip, original.audio) as first:
        first.seek(6 / 20)
        assert np.abs(made.read(4800) - first.read(4800)).max() < 1e-3
    with VideoReader(info.path, info.video) as made, VideoReader(clip, original.video) as first:
        drawn_y = made.frame_at(0).planes[0][:HEIGHT, :WIDTH].astype(int)
        bare_y = first.frame_at(6).planes[0][:HEIGHT, :WIDTH].astype(int)
        assert np.abs(drawn_y - bare_y).mean() > 2  # something is drawn
        other_y = first.frame_at(14).planes[0][:HEIGHT, :WIDTH].astype(int)
        assert np.corrcoef(drawn_y.ravel(), bare_y.ravel())[0, 1] > np.corrcoef(drawn_y.ravel(), other_y.ravel())[0, 1]


def test_a_contour_runs_round_the_seam_without_a_line_along_it() -> None:
    saliency = np.zeros((32, 64), np.uint8)
    saliency[10:20, 60:] = 255
    saliency[10:20, :4] = 255
    out = drawn(np.full((128, 256, 3), 100, np.uint8), saliency)
    edge = (out == np.array(CONTOUR_RGB, np.uint8)).all(axis=-1)
    assert edge[:, 0].sum() <= 6  # where it crosses: above and below, no upright line
    assert edge[:, -1].sum() <= 6
    columns = np.flatnonzero(edge.any(axis=0))
    assert columns.min() == 0
    assert 12 <= columns[columns < 128].max() <= 18
    untouched = np.zeros((32, 64), np.uint8)
    assert np.array_equal(drawn(np.full((128, 256, 3), 100, np.uint8), untouched), np.full((128, 256, 3), 100))


def jobs_of(clip: Path, model: Path, tmp_path: Path, *, count: int = 3) -> list[ClipJob]:
    """Copies of one clip that differ in a byte behind their end."""
    chosen = choose_model(model, device="cpu", threads=1)
    jobs = []
    for n in range(count):
        copy = tmp_path / f"copy{n}.mp4"
        copy.write_bytes(clip.read_bytes() + bytes([0, 0, 0, 8, *b"free"]) * n)
        jobs.append(ClipJob(copy, chosen, cache_folder=tmp_path / "cache", frames=FrameRange(0, 4)))
    return jobs


def test_worker_processes_take_clip_after_clip_and_one_that_dies_costs_a_second_try(
    clip: Path, model: Path, tmp_path: Path
) -> None:
    jobs = jobs_of(clip, model, tmp_path)
    told: list[Event] = []
    workers = pool._Pool(jobs, told.append)
    killed = []

    def report(event: Event) -> None:
        told.append(event)
        if event["event"] == "start" and not killed:
            busy = next(w for w in workers._workers if w.place == 0)
            killed.append(busy.process.pid)
            os.kill(busy.process.pid or 0, signal.SIGKILL)

    workers._report = report
    try:
        ends = workers.run(1)
    finally:
        workers.stop()
    assert [end["event"] for end in ends] == ["done"] * 3
    assert [e["event"] for e in told].count("again") == 1
    assert "worker process died" in next(e["text"] for e in told if e["event"] == "again")
    for job in jobs:
        with PredictionCache(tmp_path / "cache").open(
            key_of(job.clip, plan_clip(job.clip), job.model.model_id)
        ) as maps:
            assert maps.indices() == [0, 1, 2, 3]
            notes = maps.newer_than()
            assert notes[-1].sequence - notes[0].sequence == 3  # nothing was written twice


def test_a_clip_that_kills_its_workers_is_given_up(clip: Path, model: Path, tmp_path: Path, monkeypatch) -> None:
    jobs = jobs_of(clip, model, tmp_path, count=1)
    monkeypatch.setattr(pool, "_work", os.abort)
    ends = run_pool(jobs, lambda event: None, workers=1)
    assert ends[0]["event"] == "failed"
    assert "the worker process died" in ends[0]["text"]


def test_a_folder_that_cannot_be_made_is_told_in_a_line(clip: Path, model: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "out"
    blocked.write_text("a file, where the folder should be")
    with pytest.raises(PredictionError, match=r"cannot be made .*choose another --out"):
        ClipFolder(blocked, {"content_id": "a", "model_id": "b", "settings": ""})


def test_files_that_cannot_be_written_are_told_and_the_maps_are_safe(
    words: list[str], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "out" / "ring" / "frames.csv"
    blocked.mkdir(parents=True)
    assert main([*words, str(clip), "--frames", "0:3"]) == 1
    assert "frames.csv: cannot be written" in capsys.readouterr().err
    blocked.rmdir()
    assert main([*words, str(clip), "--frames", "0:3", "--json"]) == 0
    done = next(e for e in events(capsys.readouterr().out) if e["event"] == "done")
    assert (done["made"], done["pictures"]) == (0, 3)


@pytest.mark.parametrize("damaged", [3, 4])
def test_a_damaged_map_is_made_again_and_told(
    words: list[str], clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: int
) -> None:
    """Whether it is the model's own or a carried one."""
    words = [*words, str(clip), "--frames", "0:6", "--stride", "3", "--json"]
    assert main(words) == 0
    with PredictionCache(tmp_path / "cache").open(key_of(clip, plan_clip(clip), choose_model(model).model_id)) as maps:
        path = maps.path
    picture = tmp_path / "out" / "ring" / "saliency" / f"{damaged:05d}.png"
    before = grey(picture)
    picture.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE maps SET saliency = x'0102' WHERE idx = ?", (damaged,))
    capsys.readouterr()
    assert main(words) == 0
    told = events(capsys.readouterr().out)
    assert [e["text"] for e in told if e["event"] == "repaired" and f"frame {damaged} is damaged" in e["text"]]
    done = next(e for e in told if e["event"] == "done")
    assert (done["made"], done["carried"], done["unreadable"]) == ((1, 0, 0) if damaged == 3 else (0, 1, 0))
    assert np.abs(grey(picture).astype(int) - before).max() <= 1
