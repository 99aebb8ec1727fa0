"""``panosod finetune`` asks for what a job's request has, with the same defaults."""

from dataclasses import fields
from pathlib import Path

from panosod_core.cli.finetune import FinetuneArguments, _request
from panosod_core.inference.library import ModelLibrary
from panosod_core.resources import demo_model_path
from panosod_core.training.jobs.request import FinetuneRequest


def test_every_field_of_a_request_is_an_argument_with_its_default():
    defaults = {f.name: f.default for f in fields(FinetuneArguments)}
    for field in fields(FinetuneRequest):
        if field.name not in ("project", "scene"):
            assert defaults[field.name] == field.default, field.name
    assert set(defaults) - {f.name for f in fields(FinetuneRequest)} == {"out", "resume", "detach", "json"}


def test_arguments_become_the_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m").touch()
    args = FinetuneArguments(Path("out"), model="m", engine="ray", address="http://h:1", lr=0.5)
    made = _request(args, Path("p.panosod"))
    assert (made.project, made.model, made.data) == (Path("p.panosod").absolute(), Path("m").absolute(), None)
    assert (made.engine, made.address, made.lr, made.seed) == ("ray", "http://h:1", 0.5, 0)


def test_the_model_to_go_on_from_may_be_one_of_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    library = ModelLibrary()
    record = library.add(demo_model_path(), name="walk")
    for word in ("walk", record.model_id[:8]):
        assert _request(FinetuneArguments(Path("out"), model=word), Path("p")).model == library.path(record)
    for word in ("demo", "shipped"):
        assert _request(FinetuneArguments(Path("out"), model=word), Path("p")).model == demo_model_path().absolute()
    assert _request(FinetuneArguments(Path("out")), Path("p")).model is None
