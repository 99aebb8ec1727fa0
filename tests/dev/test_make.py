"""What set-up knows of the tests: every tool that they look for is one that it installs."""

import importlib.util
import re
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
