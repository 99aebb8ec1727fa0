"""``panosod train`` as a person and as a program meet it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from panosod_core.cli.main import main
from panosod_core.cli.train import ProgressLine, event_text, step_text
from panosod_core.cli.train_arguments import AcousticArguments, ImageArguments, VideoArguments
from panosod_core.cli.train_job import changed_model, job_of
from panosod_core.datasets.augment import AugmentConfig
from panosod_core.errors import ConfigError
from panosod_core.model.config import Sound
from panosod_core.model.presets import PAPER, SMALL
from panosod_core.training.config import PAPER_VIDEO, Schedule, Stage, recipe
from panosod_core.training.events import read_events
from tests.core.training.tiny_jobs import words

ROOT = Path(__file__).resolve().parents[3]
FEW = ["--scenes", "2", "--check-scenes", "1", "--epochs", "1"]


def test_nothing_said_is_the_papers_recipe(tmp_path):
    job = job_of(VideoArguments(str(tmp_path), tmp_path / "run"))
    assert job.stage is Stage.VIDEO and job.model == PAPER and job.train == PAPER_VIDEO
    assert job.loss.distill == 5 and job.loss.dice == 1 and job.data.augment.is_off
    assert job.data.folder == tmp_path


def test_what_is_said_goes_before_the_recipe(tmp_path):
    job = job_of(
        ImageArguments(
            "synthetic", tmp_path, preset="small", set=("channels=64",), epochs=3, lr=0.5, schedule="poly",
            freeze_batch_norm="yes", dice=2.0,
        )
    )  # fmt: skip
    ours = recipe("small", Stage.IMAGE)
    assert (job.train.epochs, job.train.lr, job.train.schedule) == (3, 0.5, Schedule.POLY)
    assert job.train.freeze_batch_norm and job.train.clip == ours.clip and job.loss.dice == 2
    assert job.model.channels == 64 and job.model.backbone is SMALL.backbone
    assert job.data.folder is None and job.data.augment == AugmentConfig(yaw=True, left_right=0.5)
    sound = job_of(AcousticArguments("synthetic", tmp_path, direction_weight=3.0, stretch=2.0))
    assert sound.acoustic_loss.direction == 3 and sound.data.stretch_s == 2
    assert not job_of(VideoArguments("synthetic", tmp_path, distill=0.0)).model.teacher
    upside_down = job_of(VideoArguments("synthetic", tmp_path, augment="all", distill_apart=True))
    assert upside_down.data.augment == AugmentConfig(yaw=True, left_right=0.5, up_down=0.5)
    assert (
        upside_down.loss.distill_apart
        and job_of(VideoArguments("synthetic", tmp_path, augment="off", preset="small")).data.augment.is_off
    )


def test_fields_of_the_network_by_name():
    changed = changed_model(PAPER, ["window=2", "sound=mono", "spherical_scale=6.28", "frame_encoding=True"])
    assert (changed.window, changed.sound, changed.spherical_scale) == (2, Sound.MONO, 6.28)
    assert changed.frame_encoding is True
    for text, message in (("window", "a field of the network"), ("windows=2", "unknown field"), ("window=9", "1..4")):
        with pytest.raises(ConfigError, match=message):
            changed_model(PAPER, [text])


def test_events_as_json_lines_and_files(tmp_path, capsys):
    assert main([*words(tmp_path), *FEW, "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == read_events(tmp_path)
    kinds = [e["event"] for e in printed]
    assert kinds == ["start", "step", "check", "saved", "end"]
    step = printed[1]
    assert step["of"] == 1 and step["rate"] == 1e-4 and step["norm"] > 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "config.json", "events.jsonl", "state.safetensors", "best.safetensors", "last.safetensors",
    }  # fmt: skip


def test_mistakes_are_one_line(tmp_path, capsys):
    assert main(["train", "video", str(tmp_path / "none"), "--out", str(tmp_path / "run"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("panosod: ") and "no such folder" in said[-1]


class Terminal:
    def __init__(self, tty):
        self.text, self.tty = "", tty

    def isatty(self):
        return self.tty

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_what_a_person_reads():
    step = {"event": "step", "epoch": 1, "step": 30, "of": 4000, "loss": 0.5, "samples_per_s": 2.0, "eta_s": 3723.2}
    assert step_text(step) == "epoch 2 step 30/4000 loss 0.5000 2.0 samples/s, 1:02:03 to go"
    assert step_text(step | {"eta_s": None}) == "epoch 2 step 30/4000 loss 0.5000"
    check = {"event": "check", "time": 0.0, "step": 9, "epoch": 1, "best": True, "loss": 1.5, "f": 0.25, "s": None}
    assert event_text(check) == "epoch 1 step 9: loss 1.5000 f 0.2500 (best so far)"
    assert event_text(check | {"run": "main"}) == event_text(check), "a job says which of its runs it is"
    for tty in (True, False):
        screen = Terminal(tty)
        line = ProgressLine(screen)
        line(step)
        line({"event": "note", "text": "two\nlines"})
        assert ("step 30" in screen.text) is tty
        assert screen.text.count("\n") == 1 and "two\\nlines" in screen.text


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_saves_and_ends_with_130(tmp_path, number, code):
    many = ["--scenes", "2000", "--check-scenes", "1"]
    command = [sys.executable, "-m", "panosod_core.cli.main", *words(tmp_path / "run"), *many, "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, "--workers", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "step":
                # To the whole group, as a terminal does.
                os.killpg(process.pid, number)
                break
        rest = process.stdout.read()
        complaints = process.stderr.read()
        assert process.wait(60) == code
    assert complaints == ""
    last = json.loads(rest.splitlines()[-1])
    assert last["event"] == "end" and last["how"] == "interrupted"
    assert json.loads(rest.splitlines()[-2])["event"] == "saved"
    done = last["step"]
    assert main([*words(tmp_path / "run"), *many, "--max-steps", str(done + 1), "--resume"]) == 0
    assert [e["event"] for e in read_events(tmp_path / "run")].count("resume") == 1
