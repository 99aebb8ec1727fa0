"""The command itself: help that people can read, and output that someone stops reading."""

import os
import subprocess
import sys

import pytest

from panosod_core.cli.main import COMMANDS
from tests.clips import demo_clip


def panosod(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "panosod_core.cli.main", *(str(word) for word in words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_says_what_may_be_given(command):
    with panosod(command, "--help") as process:
        out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "None}" not in out and "{None" not in out


@pytest.mark.parametrize("words", [("--window", "0.005"), ("--window", "0.005", "--json"), ("--help",)])
def test_a_reader_who_leaves_is_no_error(tmp_path, words):
    with panosod("listen", demo_clip(tmp_path, duration_s=1.0), *words) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_reader_who_is_gone_before_the_first_line_is_no_error():
    # Nobody reads from the first moment on: a reader closed once the program runs may be closed after its last word.
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "panosod_core.cli.main", "listen", "--help"]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
