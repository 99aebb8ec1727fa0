"""``panosod evaluate --model``: the command, with an untrained network at a tiny size."""

import csv
import json
import shutil

import pytest

torch = pytest.importorskip("torch")

from panosod_core.cli.evaluate_model import changed_scene  # noqa: E402 - needs torch
from panosod_core.cli.main import main  # noqa: E402 - needs torch
from panosod_core.errors import ConfigError  # noqa: E402 - needs torch
from panosod_core.model.checkpoint import save_checkpoint  # noqa: E402 - needs torch
from panosod_core.model.network import build_network  # noqa: E402 - needs torch
from panosod_core.synth.scene_config import HeldOut, Place, SceneConfig  # noqa: E402 - needs torch
from tests.core.model.tiny import TINY_PANOSOD  # noqa: E402 - needs torch


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(path, build_network(TINY_PANOSOD, seed=1))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    words = ["--size", "64x32", "--duration", "0.5", "--rate", "16000"]
    assert main(["synth", "--scenes", "3", "--test", "2", "--out", str(root), *words]) == 0
    return root


def evaluate(model, *words):
    return main(["evaluate", "--model", str(model), "--device", "cpu", "--threads", "1", *words])


def test_scenes_as_events_and_as_a_table(model, tmp_path, capsys):
    table = tmp_path / "scores.csv"
    assert evaluate(model, "--scenes", "3", "--json", "--csv", str(table)) == 0
    *progress, result = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert progress[-1] == {"event": "progress", "done": 3, "total": 3}
    assert result["event"] == "result" and result["judged"] == 3 and result["size"] == [128, 64]
    assert result["sounding"]["choices"] == 3 and 0 <= result["sounding"]["twin_accuracy"] <= 1
    assert len(result["model_id"]) == 64 and result["flat"]["all"]["frame_mean"]["f"] >= 0
    scores, sounding = table.read_text().split("\n\n")
    assert len(list(csv.DictReader(scores.splitlines()))) == 2 * (2 + 3)
    (row,) = csv.DictReader(sounding.splitlines())
    assert float(row["location_median_deg"]) == result["sounding"]["location_median_deg"]


def test_the_same_scenes_again(model, capsys):
    results = []
    for seed in ("5", "5", "6"):
        assert evaluate(model, "--scenes", "1", "--scene-seed", seed, "--json") == 0
        results.append(json.loads(capsys.readouterr().out.splitlines()[-1])["flat"])
    assert results[0] == results[1] != results[2]


def test_a_data_set_for_a_person(model, data, capsys):
    assert evaluate(model, "--data", str(data)) == 0
    said = capsys.readouterr()
    assert "the test split of" in said.out and "twin accuracy" in said.out and "location map: peak" in said.out
    first = next(line.split() for line in said.out.splitlines() if line.startswith("All"))
    assert first[:4] == ["All", "flat", "frames", "6"]


def test_clips_that_are_missing_are_counted_and_named(model, data, tmp_path, capsys):
    root = tmp_path / "set"
    shutil.copytree(data, root)
    manifest = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps(manifest | {"left_out": {"walk.mp4": "not where it was"}}))
    assert evaluate(model, "--data", str(root)) == 0
    assert "1 clips not judged: walk.mp4: not where it was" in capsys.readouterr().err
    assert evaluate(model, "--data", str(root), "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["clips_missing"] == 1 and "walk.mp4" in said.err


def test_a_row_under_the_published_ones(model, data, capsys):
    assert evaluate(model, "--data", str(data), "--split", "train", "--markdown", "--name", "untrained") == 0
    out = capsys.readouterr().out
    assert "**untrained**" in out and "Li et al. 2023" in out and "twin accuracy" in out


def test_a_model_of_the_library_goes_by_its_name(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    assert main(["models", "import", str(model), "street at night"]) == 0
    capsys.readouterr()
    assert evaluate("street at night", "--scenes", "1", "--markdown") == 0
    assert "**street at night**" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one of --data DIR, --scenes N and --clip FILE"),
        (["--scenes", "-1"], "1 or more"),
        (["--scenes", "1", "--data", "x"], "one of --data DIR"),
        (["--scenes", "1", "--scene", "rooms=0"], "field of a scene"),
        (["--data", "nowhere"], "no such folder"),
        (["a", "b", "--scenes", "1"], "got both"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(model, words, said, capsys):
    assert evaluate(model, *words) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_folders_and_what_is_for_models_do_not_mix(capsys):
    assert main(["evaluate"]) == 1
    assert "expected two folders" in capsys.readouterr().err
    assert main(["evaluate", "a", "b", "--scenes", "2"]) == 1
    assert "--model" in capsys.readouterr().err


def test_fields_of_scenes():
    changed = changed_scene(("room=0", "objects=3,6", "twins=3", "place=poles", "held_out=timbres", "turn_s=2"))
    assert changed == SceneConfig(
        room=0, objects=(3, 6), twins=3, place=Place.POLES, held_out=(HeldOut.TIMBRES,), turn_s=2
    )
    assert changed_scene(("bound_timbres=false",)).bound_timbres is False
    for wrong in ("room", "room=x", "room=1,2", "place=moon"):
        with pytest.raises(ConfigError):
            changed_scene((wrong,))


def test_a_clip_of_balls(model, tmp_path, capsys):
    clip = tmp_path / "balls.mp4"
    assert main(["synth", "--demo", "--out", str(clip), "--size", "128x64", "--fps", "10", "--duration", "2"]) == 0
    capsys.readouterr()
    assert evaluate(model, "--clip", str(clip), "--stride", "4", "--json", "--mirrored") == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["clip"]["judged"] == result["judged"] > 0
    assert set(result["clip"]["by_object"]) <= {"left twin", "right twin"}
    assert evaluate(model, "--clip", str(clip), "--stride", "8", "--scenes", "2") == 1
