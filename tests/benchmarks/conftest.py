"""Benchmarks are scripts: they find each other by the folder that they lie in."""

import sys
from pathlib import Path

import pytest
import torch

_FOLDER = str(Path(__file__).resolve().parents[2] / "benchmarks")
if _FOLDER not in sys.path:
    sys.path.append(_FOLDER)


@pytest.fixture(autouse=True)
def one_thread_one_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)
