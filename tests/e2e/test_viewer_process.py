"""`panosod-viewer` as a person starts it: exit codes, lines, files, and what it loads."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panosod_viewer.terminal import DESKTOP_MARKS
from tests.clips import demo_clip
from tests.e2e.running import PATIENCE_S, Places, Viewer, missing_tools

HEAVY = ["torch", "scipy", "cv2", "sofar", "pyqtgraph", "sounddevice", "panosod_core.synth.demo"]
"""Nothing of this is loaded by a window that shows a clip; a model at work brings some of it, in threads of its own."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=2.0)


COMMAND = (sys.executable, "-m", "panosod_viewer", "--model", "none")
"""The predictor has tests of its own."""

SCRIPTED = {**os.environ, **dict.fromkeys(DESKTOP_MARKS, "")}
"""The tests may have been started from a desktop; what they start is not."""


def viewer(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *(str(word) for word in words)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**SCRIPTED, **environment},
    )


@pytest.mark.parametrize("what", ["missing", "folder", "address", "empty", "text"])
def test_what_is_no_clip_is_one_line_and_exit_code_1(tmp_path, what, gl_screen):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("a letter, not a film\n" * 100)
    clip = {
        "missing": tmp_path / "nowhere.mp4",
        "folder": tmp_path,
        "address": "https://host/clip.mp4",
        "empty": tmp_path / "empty.mp4",
        "text": tmp_path / "text.mp4",
    }[what]
    done = viewer(clip, "--settings", tmp_path / "s.toml")
    assert done.returncode == 1
    assert done.stderr.startswith("panosod-viewer: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.gl
def test_a_file_manager_gets_a_window_that_says_so(gl_screen, tmp_path):
    if missing_tools():
        pytest.skip(missing_tools())
    (tmp_path / "run").mkdir()
    places = Places.under(tmp_path / "run")
    running = Viewer([str(tmp_path / "nowhere.mp4")], display=gl_screen, sink=None, places=places, from_desktop=True)
    try:
        running.until(lambda: running.titles() == ["panosod"], "the empty page")
        running.close_window()
        assert running.ends() == 0
        assert running.errors == ""
    finally:
        running.kill()


def test_a_trial_ends_with_the_answer_whoever_started_it(gl_screen, tmp_path):
    words = [tmp_path / "nowhere.mp4", "--settings", tmp_path / "s.toml", "--exit-after", "30"]
    done = viewer(*words, **{DESKTOP_MARKS[0]: "file-manager_TIME1"})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_wrong_option_is_exit_code_2():
    done = viewer("--fov", "1000")
    assert done.returncode == 2
    assert "expected 5 to 320" in done.stderr


def has_played(stats: Path, seconds: float) -> bool:
    """Whether the figures of a run that goes on say so."""
    if not stats.is_file():
        return False
    figures = json.loads(stats.read_text())
    return figures["shown"] > 0 and figures["first_frame_s"] is not None and figures["played_s"] >= seconds


@pytest.mark.gl
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_run_leaves_its_figures_and_its_picture_and_loads_nothing_heavy(tmp_path, clip, gl_screen):
    code = (
        "import sys, json\n"
        "from panosod_viewer.__main__ import main\n"
        "code = main(sys.argv[2:])\n"
        "heavy = json.loads(sys.argv[1])\n"
        "print(json.dumps([m for m in heavy if m in sys.modules]))\n"
        "sys.exit(code)"
    )
    stats, picture = tmp_path / "stats.json", tmp_path / "w.png"
    words = [
        clip,
        "--stats",
        stats,
        "--stats-every",
        "0.1",
        "--save-window",
        picture,
        "--settings",
        tmp_path / "s.toml",
    ]
    words += ["--device", "none", "--play", "--size", "480x270", "--model", "none"]
    command = [sys.executable, "-c", code, json.dumps(HEAVY), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            end_s = time.monotonic() + PATIENCE_S
            # However long it takes to open the clip: it is closed when it has played for a second.
            while process.poll() is None and not has_played(stats, 1.0) and time.monotonic() < end_s:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert json.loads(out.splitlines()[-1]) == []
    figures = json.loads(stats.read_text())
    assert figures["shown"] > 0
    assert 0 <= figures["frame"] < 60
    assert figures["picture_px"] == [480, 270]
    assert figures["first_frame_s"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.gl
def test_files_that_cannot_be_written_are_exit_code_1(tmp_path, gl_screen):
    done = viewer(
        "--exit-after",
        0.1,
        "--stats",
        tmp_path / "no" / "s.json",
        "--settings",
        tmp_path / "s.toml",
        "--device",
        "none",
    )
    assert done.returncode == 1
    assert "panosod-viewer: " in done.stderr


@pytest.mark.gl
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_it_as_a_person_would(tmp_path, clip, gl_screen, number):
    words = [clip, "--settings", tmp_path / "s.toml", "--device", "none", "--log-level", "info", "--size", "480x270"]
    process = subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process, process.stderr:
        for line in process.stderr:
            if "audio: opened" in line:
                break
        process.send_signal(number)
        rest = process.stderr.read()
        code = process.wait(60)
    assert code == 128 + number, rest
    assert (tmp_path / "s.toml").is_file()  # it remembered


@pytest.mark.gl
def test_a_screenshot_needs_no_window(tmp_path, clip, headless):
    out = tmp_path / "out.png"
    environment = {"QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = viewer(clip, "--screenshot", out, "--at", 0.5, "--yaw", 30, "--size", "320x180", **environment)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert done.stdout.strip() == str(out)


@pytest.mark.gl
def test_a_recording_needs_no_window_and_no_sound_card(tmp_path, clip, headless):
    gaze = tmp_path / "gaze.csv"
    gaze.write_text("t_s,yaw_deg,pitch_deg,roll_deg,fov_deg\n0,0,0,0,90\n1,90,0,0,90\n")
    out = tmp_path / "out.mp4"
    environment = {"QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = viewer(clip, "--record", out, "--gaze", gaze, "--size", "160x90", **environment)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 1000
