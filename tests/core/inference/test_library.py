"""The models of a machine: what is added is found, what is promoted is used, and there is a way back."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
from panosod_core.cli.main import main
from panosod_core.errors import CheckpointError
from panosod_core.inference.library import (
    SHIPPED,
    SHIPPED_WORDS,
    VARIABLE,
    WEIGHTS,
    ModelLibrary,
    find_model,
    model_in_use,
)
from panosod_core.inference.model_choice import choose_model
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.resources import demo_model_path
from tests.core.model.tiny import TINY


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed in range(3):
        save_checkpoint(folder / f"m{seed}.safetensors", build_network(replace(TINY, channels=8), seed=seed))
    return [folder / f"m{seed}.safetensors" for seed in range(3)]


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "library"))
    return ModelLibrary()


def test_what_is_added_is_found_by_name_and_id(library, models):
    assert library.records() == [] and library.default_id is None
    first = library.add(models[0], name="first", parent="p", snapshot="s", seed=7, scores={"f": 1})
    second = library.add(models[1])
    assert library.records() == [first, second] and second.name == "m1"
    assert library.find("first") == first == library.find(first.model_id[:8])
    assert library.path(first).read_bytes() == models[0].read_bytes()
    assert library.add(models[0], name="again") == first, "the same weights are there once"
    for wrong in ("nobody", first.model_id[:3]):
        with pytest.raises(CheckpointError, match="names 0"):
            library.find(wrong)
    with pytest.raises(CheckpointError, match="already"):
        library.add(models[2], name="first")
    assert not list(library.folder.glob(".new-*"))


def test_promoted_is_used_and_rolled_back_is_not(library, models):
    a, b = library.add(models[0], name="a"), library.add(models[1], name="b")
    assert model_in_use() == demo_model_path()
    library.promote("a")
    assert model_in_use() == library.path(a) and choose_model().model_id == a.model_id
    library.promote("b")
    library.promote("b")
    assert library.default_id == b.model_id
    assert library.roll_back() == a and library.default_id == a.model_id
    assert library.roll_back() is None and model_in_use() == demo_model_path()
    with pytest.raises(CheckpointError, match="no model to go back to"):
        library.roll_back()
    library.promote("a")
    assert library.promote(SHIPPED) is None and model_in_use() == demo_model_path()
    assert library.roll_back() == a


def test_rename_delete_export(library, models, tmp_path):
    a = library.add(models[0], name="a")
    library.add(models[1], name="b")
    renamed = library.rename("a", "better")
    assert library.find("better") == renamed == replace(a, name="better")
    for name in ("b", " ", SHIPPED, "a\nb"):
        with pytest.raises(CheckpointError):
            library.rename("better", name)
    library.promote("better")
    with pytest.raises(CheckpointError, match="is the default"):
        library.delete("better")
    out = library.export("better", tmp_path / "out.safetensors")
    assert out.read_bytes() == models[0].read_bytes() and out.with_suffix(".json").is_file()
    with pytest.raises(CheckpointError, match="already"):
        library.export("better", out)
    library.promote("b")
    library.delete("better")
    assert [r.name for r in library.records()] == ["b"]
    assert library.roll_back() is None, "what was deleted is passed over"


def test_damage_is_named(library, models):
    a = library.add(models[0], name="a")
    library.promote("a")
    library.path(a).unlink()
    with pytest.raises(CheckpointError, match="has gone"):
        model_in_use()
    (library.folder / "default.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be used"):
        model_in_use()
    (library.path(a).parent / "record.json").write_text("{")
    with pytest.raises(CheckpointError, match="record"):
        library.records()
    with pytest.raises(CheckpointError):
        library.add(library.folder / "default.json")
    assert WEIGHTS not in [p.name for p in library.folder.iterdir()]


def test_the_command(library, models, capsys):
    assert main(["models", "import", str(models[0]), "mine"]) == 0
    assert main(["models", "default", "mine"]) == 0
    capsys.readouterr()
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "* mine" in out and "  shipped" in out
    assert main(["models", "rollback"]) == 0 and "* shipped" in capsys.readouterr().out
    assert main(["models", "rename", "mine"]) == 1 and "where to" in capsys.readouterr().err
    assert main(["models", "delete", "mine"]) == 0 and library.records() == []


def test_a_model_is_named_by_its_file_a_word_its_name_or_its_id(library, models, tmp_path, monkeypatch):
    a, b = library.add(models[0], name="a"), library.add(models[1], name="b c")
    assert find_model(models[2]) == models[2] and find_model(str(models[2])) == models[2]
    assert find_model("demo") == find_model("shipped") == demo_model_path()
    assert find_model("a") == library.path(a) and find_model("b c") == library.path(b) == find_model(b.model_id[:6])
    assert choose_model("a").model_id == choose_model(models[0]).model_id == a.model_id
    for wrong in ("nobody", "gone.safetensors", "", a.model_id[:3]):
        with pytest.raises(CheckpointError, match=rf"^{wrong}: no such file.*`panosod models` lists them"):
            find_model(wrong)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(models[1].read_bytes())
    assert find_model("a") == Path("a"), "a file comes before a name"
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    assert find_model("a") == library.path(a), "a folder is no model"


def test_the_words_for_the_shipped_model_name_no_other(library, models, tmp_path):
    for word in SHIPPED_WORDS:
        with pytest.raises(CheckpointError, match="expected a name"):
            library.add(models[0], name=word)
    (tmp_path / "demo.safetensors").write_bytes(models[0].read_bytes())
    assert library.add(tmp_path / "demo.safetensors").name == "demo-2"
    library.promote("demo-2")
    assert library.promote("demo") is None and library.default_id is None


def test_every_command_asks_for_a_model_in_the_same_way(library, models, tmp_path, capsys):
    library.add(models[0], name="mine")
    project = tmp_path / "walk.panosod"
    project.write_bytes(b"")
    for words in (
        ["predict", "clip.mp4", "--model", "nobody"],
        ["figure", "clip.mp4", "--model", "nobody"],
        ["queue", str(project), "--model", "nobody"],
        ["evaluate", "--scenes", "1", "--model", "nobody"],
        ["finetune", "--project", str(project), "--out", str(tmp_path / "job"), "--from", "nobody"],
        ["models", "compare", "mine", "nobody", "--data", str(tmp_path)],
        ["export-onnx", "nobody", "--if-missing"],
    ):
        assert main(words) == 1
        said = capsys.readouterr().err
        assert "nobody: no such file" in said and "`panosod models`" in said, words
    assert not (tmp_path / "job").exists()
