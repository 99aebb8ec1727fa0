import json

import pytest
import torch

from panosod_core.cli.main import main
from panosod_core.inference.onnx_store import read_export
from panosod_core.model.ablations import with_sound
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.config import Sound
from panosod_core.model.network import build_network
from tests.core.model.tiny import TINY


@pytest.fixture
def model(tmp_path):
    torch.set_num_threads(1)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, build_network(with_sound(TINY, Sound.NONE)))
    return path


def test_graphs_land_in_the_cache_and_are_not_written_twice(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("panosod_core.inference.onnx_store.user_cache_path", lambda *_, **__: tmp_path / "cache")
    assert main(["export-onnx", str(model), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events[:-1]] == ["progress"] * (len(events) - 1)
    result = events[-1]
    assert result["event"] == "result" and result["difference"] < 1e-3 and result["int8"] is None
    export = read_export(next((tmp_path / "cache" / "engines").iterdir()))
    assert str(export.folder) == result["folder"] and export.model_id == result["model_id"]

    written = (export.folder / "export.json").stat().st_mtime_ns
    assert main(["export-onnx", str(model), "--if-missing"]) == 0
    out = capsys.readouterr()
    assert str(export.folder) in out.out and out.err == ""
    assert (export.folder / "export.json").stat().st_mtime_ns == written


def test_what_cannot_be_exported_is_told_in_a_line(tmp_path, capsys, monkeypatch):
    assert main(["export-onnx", str(tmp_path / "none.safetensors")]) == 1
    assert "none.safetensors: no such file" in capsys.readouterr().err
    monkeypatch.setattr("panosod_core.cli.export_onnx.find_spec", lambda name: None if name == "onnx" else object())
    assert main(["export-onnx", str(tmp_path / "none.safetensors")]) == 1
    assert capsys.readouterr().err.endswith(
        "export needs onnx, which is not installed: install panosod's extras `model`, `fast`, `export` "
        "(pip install 'panosod[model,fast,export]', in a checkout pip install -e '.[model,fast,export]')\n"
    )
