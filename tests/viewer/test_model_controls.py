"""Which models a run begins with, and what the menu does to them."""

import pytest

from panosod_core.errors import ConfigError
from panosod_viewer import model_controls
from panosod_viewer.arguments import Arguments, parse_arguments
from panosod_viewer.model_controls import first_wish
from panosod_viewer.prediction_wish import PredictionWish
from panosod_viewer.settings import PredictionSettings


@pytest.fixture(params=[True, False])
def has_demo(request, monkeypatch):
    monkeypatch.setattr(model_controls, "has_default_model", lambda: request.param)
    return request.param


def test_the_shipped_model_is_at_work_where_there_is_one(has_demo):
    assert first_wish(Arguments(), PredictionSettings()) == PredictionWish(has_demo, ("",))


def test_the_command_line_wins_over_what_is_remembered(has_demo):
    remembered = PredictionSettings(enabled=False, model="/old.safetensors", device="cpu", stride=4)
    wish = first_wish(Arguments(model="/new.safetensors"), remembered)
    assert wish == PredictionWish(True, ("/new.safetensors",), "cpu", 4)
    assert not first_wish(Arguments(), remembered).is_on
    # Switched on by its key, it is the remembered one again.
    assert first_wish(Arguments(model="none"), remembered) == PredictionWish(False, ("/old.safetensors",), "cpu", 4)


def test_a_second_one_is_compared(has_demo):
    assert first_wish(Arguments(model="/a", model2="/b"), PredictionSettings()).models == ("/a", "/b")


def test_models_on_the_command_line():
    assert parse_arguments(["--model", "a.safetensors", "--model2", "b.safetensors"]).model2 == "b.safetensors"
    with pytest.raises(ConfigError, match="--model2"):
        parse_arguments(["--model", "none", "--model2", "b.safetensors"])


@pytest.mark.parametrize("words", [{"device": "tpu"}, {"stride": -1}, {"stride": 121}])
def test_settings_that_make_no_sense_are_refused(words):
    with pytest.raises(ConfigError, match=r"setting prediction\."):
        PredictionSettings(**words)
