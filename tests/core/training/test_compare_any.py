"""Any two models on the same frames, from a terminal."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch

from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.main import main
from panosod_core.errors import ConfigError, DatasetError
from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.compare_any import compare_on
from panosod_core.training.finetune_split import corrected_frames, settle_split
from tests.core.datasets.tiny_sets import make_asod
from tests.core.training.corrected import MODEL, clip, corrected_project


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    for seed in (1, 2):
        save_checkpoint(folder / f"m{seed}.safetensors", build_network(MODEL, seed=seed))
    return [folder / f"m{seed}.safetensors" for seed in (1, 2)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    return corrected_project(folder / "p.panosod", {clip(folder, 1): [3, 20, 31]})


def compared(models, data, **how):
    first, second = (ModelFile.read(path) for path in models)
    return compare_on(first, second, data, device="cpu", threads=1, **how)


def test_a_project_that_has_no_check_set_is_judged_whole(models, project):
    told = []
    found = compared(models, project, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)] and "all corrected frames" in found.part
    f = found.verdict.overall["f"]
    assert f.frames == 3 and f.gain == pytest.approx(f.candidate - f.incumbent)
    turned = compared(models[::-1], project).verdict.overall
    for name, score in found.verdict.overall.items():
        assert turned[name].incumbent == pytest.approx(score.candidate) and turned[name].gain == pytest.approx(
            -score.gain
        )


def test_a_model_is_as_good_as_itself(models, project):
    same = compared([models[0], models[0]], project).verdict.overall
    assert all(score.gain == score.low == score.high == 0 for score in same.values())


def test_a_check_set_is_kept_to(models, tmp_path):
    project = corrected_project(tmp_path / "p.panosod", {clip(tmp_path, 1): list(range(0, 40, 2))})
    with Snapshot.open(project) as snapshot:
        split = settle_split(project, corrected_frames(snapshot), share=0.12)
    found = compared(models, project)
    checked = sum(len(stretches) for stretches in split.check.values())
    assert checked and found.part == "the check set of the project"
    assert 1 <= found.verdict.overall["mae"].frames <= 3 < 20


def test_a_data_set_is_judged_on_its_test_part(models, tmp_path):
    found = compared(models, make_asod(tmp_path / "ASOD60K"))
    assert found.part == "the test part" and found.verdict.overall["mae"].frames == 16
    assert len(found.verdict.by_clip) == 2


def test_what_cannot_be_compared_is_refused(models, tmp_path, project):
    save_checkpoint(tmp_path / "w.safetensors", build_network(replace(MODEL, width_px=128, height_px=64), seed=0))
    with pytest.raises(ConfigError, match="the same windows"):
        compared([models[0], tmp_path / "w.safetensors"], project)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        compared(models, tmp_path / "empty")


def test_the_command_takes_files_names_and_ids(models, project, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    record = ModelLibrary().add(models[1], name="other")
    words = ["models", "compare", str(models[0])]
    assert main([*words, "other", "--data", str(project), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "all corrected frames" in said and " f " in said and "better by" in said
    assert main([*words, record.model_id[:10], "--data", str(project), "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"f", "s", "e", "mae", "j"} <= set(told["overall"]) and len(told["by_clip"]) == 1
    assert main(words) == 1 and "expected two models" in capsys.readouterr().err
