"""Closed at any moment, in any way: nothing of the viewer is left. What dies of it is brought back, and said."""

import os
import signal
import threading
from pathlib import Path

import pytest

from panosod_viewer.application import Viewer as Application
from panosod_viewer.arguments import Arguments
from panosod_viewer.panels.notice import Notice
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip
from tests.e2e.running import Viewer

pytestmark = [pytest.mark.gl, pytest.mark.sound]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip long enough to be in the middle of."""
    return demo_clip(tmp_path_factory.mktemp("closing"), duration_s=8.0)


def terminate(viewer: Viewer) -> None:
    viewer.process.send_signal(signal.SIGTERM)


def interrupt(viewer: Viewer) -> None:
    viewer.process.send_signal(signal.SIGINT)


def close(viewer: Viewer) -> None:
    viewer.close_window()


def quit_by_key(viewer: Viewer) -> None:
    viewer.key("ctrl+q")


def starting(_viewer: Viewer) -> None:
    """At once: Python itself is still being loaded."""


def loading(viewer: Viewer) -> None:
    viewer.until(lambda: b"libQt6Core" in Path(f"/proc/{viewer.process.pid}/maps").read_bytes(), "Qt to be loaded")


def opening(viewer: Viewer) -> None:
    viewer.until(viewer.windows, "a window")


def audio_starting(viewer: Viewer) -> None:
    viewer.until(viewer.audio_pids, "the audio process")


def playing(viewer: Viewer) -> None:
    viewer.until(lambda: viewer.windows() and viewer.sounds(), "sound")


def seeking(viewer: Viewer) -> None:
    playing(viewer)
    viewer.key("Next", "Prior", "Next", "Left", "shift+Left", "ctrl+Home")


def hanging(viewer: Viewer) -> None:
    playing(viewer)
    (pid,) = viewer.audio_pids()
    os.kill(pid, signal.SIGSTOP)


CASES = {
    "SIGTERM while starting": (starting, terminate, {-signal.SIGTERM, 128 + signal.SIGTERM}),
    "SIGTERM while loading": (loading, terminate, {-signal.SIGTERM, 128 + signal.SIGTERM}),
    "Ctrl+C while loading": (loading, interrupt, {-signal.SIGINT, 128 + signal.SIGINT}),
    "SIGTERM while the sound starts": (audio_starting, terminate, {128 + signal.SIGTERM}),
    "closed while opening": (opening, close, {0}),
    "closed while playing": (playing, close, {0}),
    "closed while seeking": (seeking, close, {0}),
    "closed while the sound hangs": (hanging, close, {0}),
    "quit while seeking": (seeking, quit_by_key, {0}),
    "Ctrl+C while playing": (playing, interrupt, {128 + signal.SIGINT}),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left_behind(case, clip, start_viewer):
    moment, end, codes = CASES[case]
    viewer = start_viewer(clip, "--play", "--size", "320x180")
    moment(viewer)
    end(viewer)
    assert viewer.ends() in codes, viewer.errors
    assert viewer.left_behind() == []
    assert "Traceback" not in viewer.errors
    assert "QThread" not in viewer.errors


@pytest.mark.parametrize("after_s", ["0", "0.2"])
def test_nothing_is_left_behind_when_it_closes_by_itself(after_s, clip, start_viewer):
    viewer = start_viewer(clip, "--play", "--size", "320x180", "--exit-after", after_s)
    assert viewer.ends() == 0, viewer.errors
    assert viewer.left_behind() == []
    assert viewer.errors == ""


def test_nothing_is_left_behind_when_it_is_killed(clip, start_viewer):
    viewer = start_viewer(clip, "--play", "--size", "320x180")
    playing(viewer)
    assert len(viewer.seen_processes) > 1
    os.kill(viewer.process.pid, signal.SIGKILL)
    viewer.ends()
    assert viewer.left_behind() == []


def test_a_killed_audio_process_is_started_again_and_plays_on(clip, start_viewer):
    viewer = start_viewer(clip, "--play", "--size", "320x180")
    playing(viewer)
    (first,) = viewer.audio_pids()
    os.kill(first, signal.SIGKILL)
    viewer.until(lambda: viewer.audio_pids() not in ([], [first]), "another audio process")
    viewer.until(viewer.sounds, "sound")
    viewer.close_window()
    assert viewer.ends() == 0, viewer.errors
    assert viewer.left_behind() == []


def test_the_person_is_told_that_the_sound_died_and_it_plays_on_from_there(gl_screen, qapp, qtbot, tmp_path):
    # A minute: its end does not come first.
    clip = demo_clip(tmp_path, fps=5, duration_s=60.0)
    settings = tmp_path / "settings.toml"
    threads = set(threading.enumerate())
    opener = ClipOpener.for_command_line(str(clip), at_s=0.0)
    viewer = Application(qapp, Arguments(device="none", model="none", settings=settings, play=True, size=(320, 180)))
    try:
        viewer.start(opener)
        qtbot.waitUntil(lambda: viewer.sound.is_clock and viewer.player.transport.position_s() > 0.3)
        assert viewer.sound.client is not None
        first, before_s = viewer.sound.client.pid, viewer.player.transport.position_s()
        shown: list[Notice | None] = []
        viewer.sound.notice.connect(lambda _: shown.append(viewer.window.notices.current))
        os.kill(first, signal.SIGKILL)
        # Between the two it is no clock, perhaps for less long than anybody looks away.
        qtbot.waitUntil(lambda: viewer.sound.client.pid != first and viewer.sound.is_clock)
        (told,) = shown
        assert told is not None
        assert "started again" in told.text
        assert "\n" not in told.text
        after_s = viewer.player.transport.position_s()
        assert before_s <= after_s
        qtbot.waitUntil(lambda: viewer.player.transport.position_s() > after_s + 0.2)
    finally:
        viewer.close()
        viewer.window.deleteLater()
        opener.close()
    assert set(threading.enumerate()) <= threads
