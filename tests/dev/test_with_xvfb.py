"""The virtual display that `make run` and the benchmarks use where there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "dev" / "with_xvfb.py"

TWO_CLIENTS = """
import ctypes
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
x.XCloseDisplay.argtypes = [ctypes.c_void_p]
first = x.XOpenDisplay(None)
made = x.XInternAtom(first, b"PANOSOD_WAS_HERE", False)
x.XCloseDisplay(first)
second = x.XOpenDisplay(None)
found = x.XInternAtom(second, b"PANOSOD_WAS_HERE", True)
x.XCloseDisplay(second)
assert made and made == found, (made, found)
"""


@pytest.fixture
def xvfb() -> None:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")


def run(code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.gl
def test_it_does_not_start_anew_between_two_clients(xvfb):
    done = run(TWO_CLIENTS)
    assert done.returncode == 0, done.stderr


@pytest.mark.gl
def test_it_ends_as_the_command_ends(xvfb):
    assert run("raise SystemExit(7)").returncode == 7
