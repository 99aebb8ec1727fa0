"""Two processes that torchrun starts (gloo) learn what one learns with the doubled batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

if not torch.distributed.is_available():
    pytest.skip("this torch has no distributed part", allow_module_level=True)

from panosod_core.cli.main import main
from panosod_core.errors import ConfigError
from panosod_core.model.weights import read_safetensors
from panosod_core.training.events import read_curve, read_events
from panosod_core.training.world import joined
from tests.core.training.tiny_jobs import words

ROOT = Path(__file__).resolve().parents[3]
EXACT = ["--freeze-batch-norm", "yes", "--scenes", "8", "--check-scenes", "3", "--epochs", "1"]


def learnt(out):
    tensors = read_safetensors(out / "state.safetensors")[1]
    return {name: t for name, t in tensors.items() if name.startswith("module.") and t.is_floating_point()}


def furthest(first, second):
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_two_processes_give_the_weights_of_one_with_the_doubled_batch(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "panosod_core.cli.main", *words(tmp_path / "two"), *EXACT, "--batch", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert main([*words(tmp_path / "one"), *EXACT, "--batch", "2"]) == 0
    assert main([*words(tmp_path / "added"), *EXACT, "--batch", "1", "--accumulate", "2"]) == 0
    assert main([*words(tmp_path / "half"), *EXACT, "--batch", "1", "--max-steps", "4"]) == 0
    one, two = learnt(tmp_path / "one"), learnt(tmp_path / "two")
    assert furthest(one, two) < 1e-6
    assert furthest(one, learnt(tmp_path / "added")) < 1e-6
    # It would be seen if the processes did not share their gradients.
    assert furthest(one, learnt(tmp_path / "half")) > 1e-5
    first, second = read_curve(tmp_path / "one"), read_curve(tmp_path / "two")
    assert first.keys() == second.keys()
    assert all(abs(first[step] - second[step]) < 1e-4 * first[step] for step in first)
    checks = [[e for e in read_events(tmp_path / name) if e["event"] == "check"] for name in ("one", "two")]
    for name in ("loss", "f", "s", "e", "mae"):
        assert checks[0][0][name] == pytest.approx(checks[1][0][name], abs=1e-3)
    assert read_events(tmp_path / "two")[0]["processes"] == 2
    kinds = [e["event"] for e in read_events(tmp_path / "two")]
    assert kinds.count("start") == kinds.count("end") == 1, "one process alone writes the events"


@pytest.mark.parametrize("name, value", [("RANK", "x"), ("RANK", "3"), ("WORLD_SIZE", "-1")])
def test_half_of_torchruns_variables_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="expected"), joined("cpu"):
        pass


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:99"])
def test_devices_that_are_not_there_are_named(device):
    with pytest.raises(ConfigError, match=r"expected (a device|GPU 99)"), joined(device):
        pass
