"""Without a display: one line and exit code 1, where Qt would end the process."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")

NONE = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def viewer(**environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    return subprocess.run(
        [sys.executable, "-m", "panosod_viewer", "--exit-after", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **environment},
    )


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        (NONE, "--screenshot"),
        (NONE | {"QT_QPA_PLATFORM": "xcb"}, "--screenshot"),
        (NONE | {"DISPLAY": ":9753"}, ":9753"),
    ],
)
def test_no_display_is_one_line_and_exit_code_1(environment, word):
    done = viewer(**environment)
    assert done.returncode == 1
    assert done.stderr.startswith("panosod-viewer: ")
    assert done.stderr.count("\n") == 1
    assert word in done.stderr


def test_another_platform_of_qt_is_the_persons_choice(tmp_path):
    done = viewer(**NONE, QT_QPA_PLATFORM="offscreen", XDG_CONFIG_HOME=str(tmp_path))
    assert "a window needs a display" not in done.stderr
    assert done.returncode >= 0


@pytest.mark.gl
def test_a_display_that_answers_is_no_obstacle(gl_screen, tmp_path):
    if not os.environ.get("DISPLAY"):
        pytest.skip("this display is no X server")
    assert viewer(DISPLAY=os.environ["DISPLAY"], XDG_CONFIG_HOME=str(tmp_path)).returncode == 0
