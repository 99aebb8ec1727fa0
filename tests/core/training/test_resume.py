"""A run that was stopped and goes on is the run that was never stopped, to the last bit (on one thread of a CPU)."""

import json
import signal

import pytest
import torch

from panosod_core.errors import TrainingError
from panosod_core.model.weights import read_safetensors
from panosod_core.training.config import Schedule, Stage
from panosod_core.training.events import read_curve, read_events
from panosod_core.training.video import train_video
from tests.core.training.tiny_jobs import Heard, job

RICH = {
    "model": {"dropout": 0.1},
    "ema": 0.9,
    "clip": 0.5,
    "schedule": Schedule.COSINE,
    "warmup_steps": 2,
    "epochs": 2,
    "accumulate": 2,
    "backbone_lr": 0.1,
    "weight_decay": 0.01,
}


def stop_at(step):
    """A listener that sends this process Ctrl-C once a step has been told."""

    def listen(event):
        if event["event"] == "step" and event["step"] == step:
            # Not os.kill: that may go to any thread, which a busy machine runs later.
            signal.raise_signal(signal.SIGINT)

    return listen


def weights(path):
    return read_safetensors(path)[1]


def same(first, second):
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different, different[:5]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    outcome = train_video(job(out, **RICH))
    assert outcome.done and outcome.steps == 6
    return out


@pytest.mark.parametrize("step", [1, 3, 4], ids=["within an epoch", "at its end", "in the second"])
def test_a_stopped_run_goes_on_with_the_same_curve_and_ends_at_the_same_weights(tmp_path, uninterrupted, step):
    before = signal.getsignal(signal.SIGINT)
    outcome = train_video(job(tmp_path, **RICH), listeners=(stop_at(step),))
    # The signal comes when the step is done and told; the step after it is the last.
    assert not outcome.done and outcome.stopped_by == signal.SIGINT and outcome.steps == step + 1
    assert signal.getsignal(signal.SIGINT) is before
    end = read_events(tmp_path)[-1]
    assert end["event"] == "end" and end["how"] == "interrupted"
    outcome = train_video(job(tmp_path, resume=True, **RICH))
    assert outcome.done and outcome.steps == 6
    for name in ("loss", "student", "teacher", "distill", "norm", "rate"):
        assert read_curve(tmp_path, name) == read_curve(uninterrupted, name)
    same(weights(tmp_path / "state.safetensors"), weights(uninterrupted / "state.safetensors"))
    same(weights(tmp_path / "best.safetensors"), weights(uninterrupted / "best.safetensors"))
    checks = [[e for e in read_events(out) if e["event"] == "check"] for out in (tmp_path, uninterrupted)]
    assert [[e["loss"], e["f"]] for e in checks[0]] == [[e["loss"], e["f"]] for e in checks[1]]


def test_the_dice_depend_on_the_seed(tmp_path, uninterrupted):
    other = dict(RICH, seed=1, epochs=1)
    train_video(job(tmp_path, **other))
    assert read_curve(tmp_path)[1] != read_curve(uninterrupted)[1]


def test_a_run_that_died_goes_on_from_its_last_save(tmp_path, uninterrupted):
    """A crash between two saves: steps after the last save are told twice, and the same."""

    class CrashError(Exception):
        pass

    def crash(event):
        if event["event"] == "step" and event["step"] == 5:
            raise CrashError

    with pytest.raises(CrashError):
        train_video(job(tmp_path, save_every=2, **RICH), listeners=(crash,))
    told = Heard()
    train_video(job(tmp_path, save_every=2, resume=True, **RICH), listeners=(told,))
    assert told.of("resume")[0]["step"] == 4
    steps = [e for e in read_events(tmp_path) if e["event"] == "step"]
    assert [e["step"] for e in steps] == [1, 2, 3, 4, 5, 5, 6]
    assert steps[4]["loss"] == steps[5]["loss"]
    assert read_curve(tmp_path) == read_curve(uninterrupted)


def test_a_folder_with_a_run_is_not_overwritten_and_one_without_is_not_gone_on_with(tmp_path):
    with pytest.raises(TrainingError, match="holds no run to go on with"):
        train_video(job(tmp_path / "none", resume=True))
    train_video(job(tmp_path, max_steps=1))
    with pytest.raises(TrainingError, match="holds a run already"):
        train_video(job(tmp_path, max_steps=1))


def test_other_settings_are_named(tmp_path):
    train_video(job(tmp_path, max_steps=1))
    with pytest.raises(TrainingError, match=r"train\.lr was 0\.001, is 0\.01"):
        train_video(job(tmp_path, max_steps=1, lr=0.01, resume=True))
    with pytest.raises(TrainingError, match=r"model\.window was 3, is 2"):
        train_video(job(tmp_path, max_steps=1, model={"window": 2}, resume=True))
    # More of the same is no other run.
    assert train_video(job(tmp_path, max_steps=3, resume=True)).steps == 3


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    train_video(job(tmp_path, epochs=1, batch=3))
    outcome = train_video(job(tmp_path, epochs=1, batch=3, resume=True))
    assert outcome.done and outcome.steps == 2
    settings = json.loads((tmp_path / "config.json").read_text())
    assert settings["stage"] == Stage.VIDEO.value and settings["train"]["batch"] == 3
