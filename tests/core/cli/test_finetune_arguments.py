"""``panosod finetune`` asks for what a job's request has, with the same defaults."""

from dataclasses import fields
from pathlib import Path

from panosod_core.cli.finetune import FinetuneArguments, _request
from panosod_core.training.jobs.request import FinetuneRequest


def test_every_field_of_a_request_is_an_argument_with_its_default():
    defaults = {f.name: f.default for f in fields(FinetuneArguments)}
    for field in fields(FinetuneRequest):
        if field.name not in ("project", "scene"):
            assert defaults[field.name] == field.default, field.name
    assert set(defaults) - {f.name for f in fields(FinetuneRequest)} == {"out", "resume", "detach", "json"}


def test_arguments_become_the_request():
    args = FinetuneArguments(Path("out"), model=Path("m"), engine="ray", address="http://h:1", lr=0.5)
    made = _request(args, Path("p.panosod"))
    assert (made.project, made.model, made.data) == (Path("p.panosod").absolute(), Path("m").absolute(), None)
    assert (made.engine, made.address, made.lr, made.seed) == ("ray", "http://h:1", 0.5, 0)
