"""What befalls a run: numbers that diverge, full disks, no memory, damaged files. What was saved stays whole."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from panosod_core.errors import CheckpointError, DatasetError, TrainingError
from panosod_core.model.checkpoint import load_network
from panosod_core.model.weights import read_safetensors
from panosod_core.training import video
from panosod_core.training.config import Stage
from panosod_core.training.data import DataConfig
from panosod_core.training.events import EventLog, read_events
from panosod_core.training.image import train_image
from panosod_core.training.learners import VideoLearner
from panosod_core.training.video import train_video
from tests.core.datasets.tiny_sets import make_asod, make_duts
from tests.core.training.tiny_jobs import Heard, job


@pytest.fixture
def begun(tmp_path):
    """A run with one epoch behind it, to go on with."""
    train_video(job(tmp_path, epochs=1, batch=3))
    return tmp_path


def go_on(out, **changes):
    return train_video(job(out, epochs=2, batch=3, resume=True, **changes))


def digest(path):
    return path.read_bytes()


def test_a_loss_that_is_no_number_stops_the_run_with_the_batch_named_and_saved(begun, monkeypatch):
    state, best = digest(begun / "state.safetensors"), digest(begun / "best.safetensors")
    honest = VideoLearner.forward

    def poisoned(self, batch, step=0):
        parts = honest(self, batch, step)
        return parts._replace(total=parts.total * float("nan"), student=parts.student * float("nan"))

    monkeypatch.setattr(VideoLearner, "forward", poisoned)
    with pytest.raises(
        TrainingError, match=r"step 3: loss nan, student nan.*scene_\d+ frame .*failed-batch-0"
    ) as error:
        go_on(begun)
    assert "\n" not in str(error.value)
    assert digest(begun / "state.safetensors") == state and digest(begun / "best.safetensors") == best
    header, tensors = read_safetensors(begun / "failed-batch-0.safetensors")
    assert header["step"] == "3" and len(json.loads(header["indices"])[0]) == 3
    assert tensors["0.frames"].shape == (3, 3, 3, 32, 64) and tensors["0.foa"].shape[:2] == (3, 4)
    told = next(e for e in read_events(begun) if e["event"] == "diverged")
    assert told["step"] == 3 and len(told["names"]) == 3
    monkeypatch.undo()
    assert go_on(begun).done, "the run goes on from the last save"


def test_a_gradient_that_is_no_number_does_not_reach_the_weights(begun, monkeypatch):
    honest = VideoLearner.forward

    def poisoned(self, batch, step=0):
        parts = honest(self, batch, step)
        # Finite itself, but the slope of a square root at 0 is not.
        zero = (parts.total - parts.total.detach()).abs()
        return parts._replace(total=parts.total + zero.sqrt())

    monkeypatch.setattr(VideoLearner, "forward", poisoned)
    with pytest.raises(TrainingError, match=r"step 3: gradient norm (nan|inf)"):
        go_on(begun)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        MemoryError(),
    ],
)
def test_no_memory_is_a_clear_error(begun, monkeypatch, error):
    def exhausted(self, batch, step=0):
        raise error

    monkeypatch.setattr(VideoLearner, "forward", exhausted)
    with pytest.raises(TrainingError, match=r"out of memory at step 3.*smaller --batch and more --accumulate"):
        go_on(begun)


def test_other_mistakes_are_not_taken_for_memory(begun, monkeypatch):
    def wrong(self, batch, step=0):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(VideoLearner, "forward", wrong)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        go_on(begun)


@pytest.fixture
def small_files():
    """Files may not grow beyond 100 kB, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource", reason="limits of this kind are Unix's")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


def test_a_full_disk_leaves_what_was_saved_whole(begun, small_files):
    kept = {name: digest(begun / name) for name in ("state.safetensors", "last.safetensors", "best.safetensors")}
    with small_files(), pytest.raises(CheckpointError, match=r"last\.safetensors: cannot be written"):
        go_on(begun)
    assert {name: digest(begun / name) for name in kept} == kept
    assert not list(begun.glob("*.part"))
    assert go_on(begun).done


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_events_on_a_full_disk(tmp_path):
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    with (
        EventLog(tmp_path) as log,
        pytest.raises(TrainingError, match=r"events\.jsonl: cannot be written \(No space left on device\).*--resume"),
    ):
        log.tell("step", step=1)


def test_damaged_pictures_are_skipped_and_counted(tmp_path):
    data = make_asod(tmp_path / "data", keys=4)
    victim = sorted((data / "frame_key" / "_Ellen").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:100])
    config = DataConfig(folder=data, check_share=0.0)
    heard = Heard()
    tiny_job = job(tmp_path / "run", data=config, epochs=1, model={"window": 1}, most_damaged=0.5)
    outcome = train_video(tiny_job, listeners=(heard,))
    assert outcome.done
    skipped = heard.of("skipped")
    assert len(skipped) == 1 and victim.name in skipped[0]["reason"]
    assert heard.of("end")[0]["damaged"] == 1


def test_too_many_damaged_pictures_stop_the_run(tmp_path):
    data = make_duts(tmp_path / "data", count=24)
    for path in sorted((data / "DUTS-TR" / "DUTS-TR-Image").iterdir())[:20]:
        path.write_bytes(b"no picture")
    config = DataConfig(folder=data, check_share=0.0)
    with pytest.raises(TrainingError, match=r"11 of \d+ samples could not be read.*panosod data check"):
        train_image(job(tmp_path / "run", Stage.IMAGE, data=config, epochs=1))


def test_a_folder_with_nothing_to_learn_from_is_refused(tmp_path):
    data = make_duts(tmp_path / "data")
    with pytest.raises(DatasetError, match="expected a training part"):
        train_video(job(tmp_path / "run", data=DataConfig(folder=data)))
    with pytest.raises(DatasetError, match="no such folder"):
        train_video(job(tmp_path / "run", data=DataConfig(folder=tmp_path / "none")))


def test_a_damaged_state_is_named(begun):
    path = begun / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"state\.safetensors: not a readable safetensors file"):
        go_on(begun)


def test_early_stop_and_the_best_model(tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.25, 1.0])
    monkeypatch.setattr(video, "checked", lambda *a, **k: {"loss": next(losses)})
    outcome = train_video(job(tmp_path, epochs=5, batch=6, patience=2))
    assert outcome.done and outcome.epochs == 4 and outcome.best == 2.0 and outcome.best_epoch == 2
    network, info = load_network(tmp_path / "best.safetensors")
    assert info.metrics == {"loss": 2.0} and info.provenance["epochs"] == 2
    assert load_network(tmp_path / "last.safetensors")[1].metrics == {"loss": 2.25}
    assert network.config == replace(job(tmp_path).model)
