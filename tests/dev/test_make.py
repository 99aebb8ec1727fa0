"""What set-up knows of the tests: every tool that they look for is one that it installs."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("panosod_make", REPO / "dev" / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_bare_machine_gets_every_program_that_the_tests_need(make, monkeypatch):
    monkeypatch.setattr(make, "which", lambda tool: None)
    monkeypatch.setattr(make, "has_library", lambda soname: False)
    monkeypatch.setattr(make, "exists", lambda patterns: False)
    installed = set(make.missing_packages("test"))
    looked_for = set()
    for path in sorted((REPO / "tests").rglob("*.py")):
        looked_for |= set(re.findall(r"shutil\.which\(\"([\w-]+)\"\)", path.read_text(encoding="utf-8")))
    assert {"Xvfb", "xdotool"} <= looked_for
    packages = {"Xvfb": "xvfb"}
    assert {packages.get(tool, tool) for tool in looked_for} <= installed


def test_the_measured_head_that_a_test_computes_the_filters_from_is_installed(make, monkeypatch):
    text = (REPO / "tests" / "core" / "ambisonics" / "test_magls.py").read_text(encoding="utf-8")
    (path,) = re.findall(r'KEMAR = Path\("([^"]+)"\)', text)
    assert path in make.KEMAR_PATTERNS
    monkeypatch.setattr(make, "exists", lambda patterns: path not in patterns)
    assert "libmysofa1" in make.missing_packages("test")
    assert "libmysofa1" not in make.missing_packages("run")


def test_the_models_graphs_are_written_once(make, monkeypatch, tmp_path):
    """Again where the model or the locked versions change, or where somebody has emptied the cache; never else."""
    (tmp_path / "assets" / "models").mkdir(parents=True)
    model = tmp_path / "assets" / "models" / "m.safetensors"
    model.write_bytes(b"weights")
    (tmp_path / "constraints.txt").write_text("torch==1")
    graphs = tmp_path / "cache"
    graphs.mkdir()
    (graphs / "export.json").write_text("{}")
    event = json.dumps({"event": "result", "folder": str(graphs)})
    script = tmp_path / "writes.py"
    script.write_text(f"print({event!r})")
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "BUILD", tmp_path)
    begun = []

    class Popen(subprocess.Popen):
        def __init__(self, command, **options):
            begun.append(command)
            super().__init__([sys.executable, str(script)], **options)

    monkeypatch.setattr(make.subprocess, "Popen", Popen)

    def begins():
        before = len(begun)
        make.finish_export(make.start_export())
        return len(begun) > before

    assert begins() and not begins()
    assert begun[0][2:] == ["panosod_core.cli.main", "export-onnx", "--int8", "--if-missing", "--json"]
    model.write_bytes(b"other weights")
    assert begins() and not begins()
    (tmp_path / "constraints.txt").write_text("torch==2")
    assert begins() and not begins()
    (graphs / "export.json").unlink()
    assert begins() and begins()
    (graphs / "export.json").write_text("{}")
    (tmp_path / "export.json").write_text("half a fi")
    assert begins() and not begins()
    model.unlink()
    assert not begins()


def test_a_model_that_cannot_be_prepared_stops_nobody(make, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(make, "BUILD", tmp_path)
    command = [sys.executable, "-c", "import sys; sys.exit('panosod: the disk is full')"]
    make.finish_export(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    assert "the disk is full" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
