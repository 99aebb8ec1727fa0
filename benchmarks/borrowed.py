"""What benchmarks share with the tests: null sink, virtual display, clips.

By path and never by ``import tests``: the folder is no package, and a dependency installs one of that name.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parent.parent / "tests"


def module_of_the_tests(name: str) -> ModuleType:
    """A module that lies in the tests' folder."""
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
