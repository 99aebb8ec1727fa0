"""Who waits for the answer: a person at a terminal, a person before a screen, or a script."""

import os
import sys

import pytest

from panosod_viewer.__main__ import main
from panosod_viewer.terminal import DESKTOP_MARKS, GLIB_MARK, is_started_by_desktop


class Stream:
    def __init__(self, *, is_terminal: bool):
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


PIPE, TERMINAL = Stream(is_terminal=False), Stream(is_terminal=True)
NO_TERMINAL = (PIPE, PIPE, PIPE)
on_linux = pytest.mark.skipif(sys.platform == "darwin", reason="macOS is asked otherwise")


@on_linux
def test_a_script_without_a_terminal_is_no_desktop():
    assert not is_started_by_desktop({}, streams=NO_TERMINAL)
    assert not is_started_by_desktop({GLIB_MARK: str(os.getppid())}, streams=NO_TERMINAL)


@on_linux
@pytest.mark.parametrize("marks", [*({mark: "x_TIME1"} for mark in DESKTOP_MARKS), {GLIB_MARK: str(os.getpid())}])
def test_a_file_manager_leaves_its_mark(marks):
    assert is_started_by_desktop(marks, streams=NO_TERMINAL)


@pytest.mark.parametrize("at", range(3))
def test_a_terminal_answers_in_the_terminal_whatever_started_it(at):
    streams = tuple(TERMINAL if i == at else PIPE for i in range(3))
    assert not is_started_by_desktop(dict.fromkeys(DESKTOP_MARKS, "x_TIME1"), streams=streams)


def test_a_program_without_console_has_nobody_to_read_its_errors():
    assert is_started_by_desktop({}, streams=(None, None, None))


def test_without_a_console_an_error_is_still_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert main([str(tmp_path / "nowhere.mp4"), "--screenshot", str(tmp_path / "a.png")]) == 1
