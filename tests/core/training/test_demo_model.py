"""The recipe of the shipped model, at a size that a test can afford."""

import json
import signal
from dataclasses import replace

import pytest
import torch

from panosod_core.datasets.demo_windows import MixedWindows
from panosod_core.errors import CheckpointError, ConfigError, TrainingError
from panosod_core.model.checkpoint import load_network, read_info
from panosod_core.model.network import build_network
from panosod_core.model.presets import SMALL
from panosod_core.training import demo_model
from panosod_core.training.config import TrainConfig
from panosod_core.training.data import DataConfig, window_sources
from panosod_core.training.demo_model import (
    MODEL,
    DemoStage,
    begin_as_student,
    demo_stages,
    main,
    prepared_start,
    train_demo_model,
)
from panosod_core.training.losses import LossConfig
from panosod_core.training.start import hold_back
from tests.core.model.tiny import TINY_PANOSOD
from tests.core.training.tiny_jobs import DATA, Heard

SMALLER = replace(TINY_PANOSOD, height_px=32, width_px=64, teacher=False)
RECIPE = TrainConfig(epochs=1, batch=2, lr=1e-3)
STAGES = (
    DemoStage("1", SMALLER, RECIPE, DATA),
    DemoStage(
        "2",
        replace(TINY_PANOSOD, teacher=True),
        replace(RECIPE, parts=("teacher",), ema=0.5),
        DATA,
        LossConfig(distill=1.0, distill_warmup_steps=1 << 39),
        sharpen=2.0,
        teacher_from_student=True,
    ),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo-model")
    heard = Heard()
    return out, train_demo_model(out, stages=STAGES, listeners=[heard]), heard


def test_the_finished_file_holds_everything(trained):
    out, path, heard = trained
    assert path == out / MODEL
    network, info = load_network(path)  # strictly
    assert network.teacher is not None and network.config == replace(TINY_PANOSOD, teacher=True)
    stages = info.provenance["stages"]
    assert [stage["stage"] for stage in stages] == ["1", "2"] and "f" in stages[0]["metrics"]
    assert stages[0]["settings"]["data"]["seed"] == 0 and stages[1]["start"]["model"] == "2.start.safetensors"
    assert str(out) not in json.dumps(info.provenance), "paths of a machine have no place in the file"
    assert len(heard.of("end")) == 2


def test_the_last_stage_teaches_the_teacher_alone(trained):
    out, _, heard = trained
    before, after = load_network(out / "1" / "best.safetensors")[0], load_network(out / "2" / "last.safetensors")[0]
    told = after.state_dict()
    assert all(
        torch.equal(tensor * (2.0 if name.startswith("decoder.head.") else 1.0), told[name])
        for name, tensor in before.state_dict().items()
    )
    born = load_network(out / "2.start.safetensors")[0].state_dict()
    moved = [name for name in born if name.startswith("teacher.") and not torch.equal(born[name], told[name])]
    assert len(moved) > 10
    steps = heard.of("step")
    assert all(event["distill"] == 0 for event in steps) and steps[-1]["teacher"] > 0


def test_a_stage_that_is_done_is_not_done_again(trained):
    out, path, _ = trained
    before, said = load_network(path)
    heard = Heard()
    again, says = load_network(train_demo_model(out, stages=STAGES, listeners=[heard]))
    assert not heard.of("step") and says == said
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), before.parameters(), strict=True))


def test_a_stage_may_begin_with_sharper_maps(tmp_path, trained):
    out, _, _ = trained
    before = out / "1" / "best.safetensors"
    after = prepared_start(replace(STAGES[0], sharpen=3.0), before, tmp_path / "sharp.safetensors")
    frames, sound = torch.rand(1, 3, 3, 32, 64), 0.1 * torch.randn(1, 4, SMALLER.sound_samples)
    with torch.inference_mode():
        soft, sharp = (load_network(path)[0](frames, sound).student for path in (before, after))
    assert torch.allclose(sharp.logits, 3 * soft.logits, atol=1e-4) and torch.equal(sharp.location, soft.location)
    assert read_info(after).provenance["logits_multiplied_by"] == 3.0
    assert prepared_start(STAGES[0], before, tmp_path / "none.safetensors") == before


def test_a_teacher_without_a_mask_begins_as_its_student():
    network = build_network(STAGES[1].model, seed=2).eval()
    frames, sound = torch.rand(1, 3, 3, 64, 128), 0.1 * torch.randn(1, 4, SMALLER.sound_samples)
    masks, nothing = torch.zeros(1, 3, 1, 64, 128), torch.zeros(1, 3, dtype=torch.bool)
    with torch.inference_mode():
        before = network(frames, sound, masks, nothing)
        begin_as_student(network)
        after = network(frames, sound, masks, nothing)
        told = network(frames, sound, masks + 1, ~nothing)
    assert not torch.allclose(before.teacher.logits, before.student.logits, atol=1e-3)
    assert torch.allclose(after.teacher.logits, after.student.logits, atol=1e-5)
    assert not torch.allclose(told.teacher.logits, after.teacher.logits, atol=1e-3), "it sees the mask"
    with pytest.raises(ValueError, match="teacher"):
        begin_as_student(build_network(SMALLER))


def test_a_stop_is_told_and_gone_on_from(tmp_path):
    """As Ctrl-C does it: the run's own handler is called by the signal."""

    class Pressed(Heard):
        def __call__(self, event):
            super().__call__(event)
            if event["event"] == "step" and event["step"] == 1:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingError, match="goes on from there"):
        train_demo_model(tmp_path, stages=STAGES[:1], listeners=[Pressed()])
    assert not (tmp_path / MODEL).exists()
    assert train_demo_model(tmp_path, stages=STAGES[:1]).is_file()


def test_too_large_a_file_is_refused(tmp_path, monkeypatch, trained):
    out, _, _ = trained
    monkeypatch.setattr(demo_model, "MOST_BYTES", 1000)
    with pytest.raises(TrainingError, match="at most 1000"):
        demo_model.pack(out / "2" / "last.safetensors", tmp_path / MODEL, stages=[{"seconds": 1.0}])


def test_a_stage_that_cannot_start_is_one_line(tmp_path, monkeypatch, capsys):
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setattr(demo_model, "demo_stages", lambda: STAGES)
    assert main([str(file)]) == 1
    err = capsys.readouterr().err
    assert "cannot be made" in err and err.count("\n") == 1


def test_the_recipe_ends_as_preset_small_and_never_learns_from_the_shown_clip():
    stages = demo_stages()
    assert stages[-1].model == SMALL and stages[-1].train.parts == ("teacher",)
    assert all(stage.train.seed == 0 and stage.data.folder is None for stage in stages)
    assert len({stage.data.seed for stage in stages}) == len(stages)
    for stage in stages[1:]:
        assert stage.data.demo_share > 0
        sources = window_sources(stage.data, stage.model, stage.train, torch.device("cpu"))
        assert isinstance(sources.train.samples, MixedWindows)


def test_parts_that_are_not_there_are_named():
    with pytest.raises(ConfigError, match="no part tutor"):
        hold_back(build_network(SMALLER), learning=("tutor",))
    with pytest.raises(ConfigError, match="demo_share"):
        DataConfig(demo_share=2.0)


def test_the_header_can_be_read_without_weights(trained):
    _, path, _ = trained
    assert read_info(path).provenance["what"].startswith("demonstration")
    with pytest.raises(CheckpointError):
        read_info(path.with_name("missing.safetensors"))
