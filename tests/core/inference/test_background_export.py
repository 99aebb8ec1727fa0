"""Graphs are written beside the work where that helps, and nothing runs on after the end."""

import importlib.util
import queue
from pathlib import Path

import pytest

from panosod_core.inference import background_export
from panosod_core.inference.background_export import BackgroundExport
from panosod_core.inference.engine import open_engine
from panosod_core.inference.messages import Exported
from tests.core.inference.predicting import model_file


class Named:
    def __init__(self, description: str) -> None:
        self.description = description


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return model_file(tmp_path_factory.mktemp("model"))


def test_on_a_gpu_there_is_nothing_to_gain(model):
    export = BackgroundExport()
    for description in ("torch, mps, float32", "torch, cuda, bfloat16"):
        assert not export.begin(Named(description), model, on_end=pytest.fail)
    export.close()


def test_a_model_that_was_taken_away_is_no_reason_to_stop_what_is_at_work(tmp_path):
    export = BackgroundExport()
    assert not export.begin(Named("torch, cpu, float32"), tmp_path / "gone.safetensors", on_end=pytest.fail)
    export.close()


def test_what_waits_for_its_time_ends_at_once_and_says_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    export = BackgroundExport()
    began = export.begin(Named("torch, cpu, float32"), model, on_end=pytest.fail, wait_s=3600)
    export.close()
    assert began == all(importlib.util.find_spec(n) is not None for n in ("onnx", "onnxscript", "onnxruntime"))
    assert list(tmp_path.iterdir()) == []


def test_the_next_opening_takes_the_graphs(model, tmp_path, monkeypatch):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Before everyone else it may take its time: with the last priority of all it would wait for a busy machine's end.
    monkeypatch.setattr(background_export, "NICE", 0)
    told: queue.Queue[Exported] = queue.Queue()
    export = BackgroundExport()
    engine = open_engine(model, device="cpu", threads=1)
    assert export.begin(engine, model, on_end=told.put, wait_s=0, with_int8=False)
    done = told.get(timeout=150)
    export.close()
    assert done.text == ""
    assert Path(done.path).is_dir()
    again = open_engine(model, device="cpu", threads=1)
    assert again.description.startswith("ONNX Runtime")
    assert not export.begin(again, model, on_end=told.put, with_int8=False)
    # 8-bit graphs are still missing: the next run makes them
    assert export.begin(again, model, on_end=told.put, wait_s=3600)
    export.close()
    assert told.empty()
