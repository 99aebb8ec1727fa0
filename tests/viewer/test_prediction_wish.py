"""Which models there are, how they are called, and that the window does not wait for what runs them."""

import subprocess
import sys

import pytest

from panosod_core.inference.library import ModelLibrary
from panosod_core.resources import demo_model_path
from panosod_viewer import prediction_wish
from panosod_viewer.prediction_wish import can_predict, default_id, has_default_model, model_name


@pytest.fixture(autouse=True)
def own_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))


def test_the_window_is_there_before_anything_of_the_model_is_loaded():
    script = (
        "import sys, panosod_viewer.application; "
        "print([n for n in sys.modules if n in ('torch', 'onnxruntime') or n.startswith('panosod_core.inference.m')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
    before = "torch" in sys.modules
    assert can_predict()
    assert ("torch" in sys.modules) == before


def test_names_of_models():
    assert model_name("") == "demo model"
    assert model_name("/a/b/own-v2.safetensors") == "own-v2"


def test_the_librarys_default_is_called_by_its_name(monkeypatch):
    assert has_default_model()
    assert default_id() == ""
    library = ModelLibrary()
    record = library.add(demo_model_path(), name="street at night")
    assert model_name("") == "demo model"
    library.promote("street at night")
    assert (default_id(), model_name("")) == (record.model_id, "street at night")
    assert model_name(str(library.path(record))) == "street at night"
    for word in ("street at night", record.model_id[:8]):
        assert model_name(word) == "street at night"
    assert [model_name(word) for word in ("demo", "shipped", "nobody")] == ["demo model", "demo model", "nobody"]
    # Even where no model comes along.
    monkeypatch.setattr(prediction_wish, "demo_model_path", missing)
    assert has_default_model()
    library.promote("shipped")
    assert not has_default_model()


def test_a_default_that_has_gone_is_no_accident_of_the_window():
    library = ModelLibrary()
    record = library.add(demo_model_path(), name="gone")
    library.promote("gone")
    library.path(record).unlink()
    assert model_name("") == "the default model"
    (library.folder / "default.json").write_text("{")
    assert default_id() == ""
    assert model_name("") == "the default model"


def missing():
    raise FileNotFoundError
