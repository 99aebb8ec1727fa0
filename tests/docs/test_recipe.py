"""The page for a lab that has the data: its commands, read out of it and run in order on tiny copies of the layouts."""

import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from panosod_core.cli.main import COMMANDS, main
from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_file import ModelFile
from panosod_core.media.content import content_id
from panosod_core.model.presets import PANOSOD
from panosod_core.model.resnet import ResNet
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.states import JobState
from tests.clips import demo_clip
from tests.core.datasets.tiny_sets import make_asod, make_duts, make_l3das
from tests.core.model.tiny import TINY_PANOSOD
from tests.core.training.corrected import corrected_project

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipe.md"
SMALL = {"height_px": 32, "width_px": 64, "backbone_width": 1.0, "dropout": 0.0}
PROJECT = "walk.panosod"


def commands() -> list[list[str]]:
    """What stands in the blocks of the page, a command a line."""
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]


def network() -> list[str]:
    """``--set`` for the preset's network at a size that a test can afford."""
    wanted, preset = TINY_PANOSOD.to_json() | SMALL, PANOSOD.to_json()
    return ["--set", *(f"{name}={value}" for name, value in wanted.items() if value != preset[name])]


TRAIN = ["--device", "cpu", "--no-tensorboard", "--epochs", "1", "--max-steps", "2", "--batch", "1", *network()]
SMALLER = {
    ("train", "acoustic"): [*TRAIN, "--stretch", "0.8"],
    ("train", "image"): TRAIN,
    ("train", "video"): TRAIN,
    ("finetune",): ["--device", "cpu", "--threads", "1", "--steps", "2", "--windows", "4", "--batch", "1"],
    ("evaluate",): ["--device", "cpu", "--threads", "1"],
    ("predict",): ["--device", "cpu", "--stride", "5"],
}
"""What is added to the page's commands: the size of network, data and budget, and nothing else."""


def smaller(words: list[str]) -> list[str]:
    added = next((more for start, more in SMALLER.items() if tuple(words[: len(start)]) == start), [])
    return [*words, *added]


def test_every_command_of_the_page_is_one():
    found = commands()
    assert len(found) >= 12
    assert all(words[0] in ("panosod", "panosod-viewer") for words in found)
    assert {words[1] for words in found if words[0] == "panosod"} <= set(COMMANDS)
    order = [words[1] if words[0] == "panosod" else "viewer" for words in found]
    steps = ["data", "train", "evaluate", "models", "predict", "viewer", "finetune", "job"]
    assert sorted(steps, key=order.index) == steps, "first command to last"


@pytest.fixture
def lab(tmp_path, monkeypatch) -> Path:
    """A home with tiny copies of the data sets, and a folder to work in with a clip of one's own."""
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir(parents=True)
    make_asod(home / "ASOD60K")
    make_duts(home / "DUTS")
    make_l3das(home / "L3DAS22")
    torch.manual_seed(0)
    torch.save(ResNet(TINY_PANOSOD.backbone).state_dict(), home / "resnet50-0676ba61.pth")
    demo_clip(tmp_path, width=96, height=48, fps=10, duration_s=4.0).rename(work / "walk.mp4")
    for suffix in (".truth.json", ".masks.npz"):
        next(tmp_path.glob(f"*{suffix}")).rename(work / f"walk{suffix}")
    for name in ("CACHE", "DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    torch.set_num_threads(1)
    return work


@pytest.mark.timeout(600)
def test_the_recipe_runs_from_first_command_to_last(lab, capfd):
    home = lab.parent / "home"
    said: dict[str, str] = {}
    for words in commands():
        if words[0] == "panosod-viewer":  # a robot sits there: it paints what truly sounds
            clip = Path(words[1])
            assert not Path(PROJECT).exists()
            corrected_project(Path(PROJECT).absolute(), {clip.absolute(): list(range(40))})
            continue
        line = " ".join(words)
        told = [str(home / w[2:]) if w.startswith("~/") else w for w in smaller(words[1:])]
        code = main(told)
        said[line], errors = capfd.readouterr()
        assert code == 0, f"{line}: {errors}"
    for stage in ("acoustic", "image", "video"):
        assert (lab / "runs" / stage / "best.safetensors").is_file()
    made = ModelFile.read(lab / "runs" / "video" / "best.safetensors")
    assert {"imagenet", "acoustic"} <= set(re.findall(r"imagenet|acoustic", json.dumps(made.provenance)))
    record = JobFolder(lab / "jobs" / "walk-1").read()
    assert record.state is JobState.PROMOTED and record.result["corrected"] == 40
    assert record.result["incumbent"]["model_id"] == made.model_id, "it went on from what the three stages made"
    library = ModelLibrary()
    assert {r.name for r in library.records()} == {"asod60k", "walk"}
    assert library.default_id == made.model_id, "the last command went back"
    first, last = (Path(lab / name / "walk") for name in ("maps", "maps-after"))
    assert sorted(p.name for p in first.rglob("*.png")) == sorted(p.name for p in last.rglob("*.png")) != []
    different = [p for p in first.rglob("*.png") if p.read_bytes() != (last / p.relative_to(first)).read_bytes()]
    assert different, "the promoted model was at work"
    tables = [text for line, text in said.items() if line.startswith("panosod evaluate")]
    assert "ours" in tables[0] and "finetuned" in tables[1] and tables[0] != tables[1]
    assert content_id(lab / "walk.mp4") in (lab / f"{PROJECT}.split.json").read_text()
