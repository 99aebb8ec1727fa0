"""The whole window, in this process, with real clips, a real decode thread and a real audio process."""

import json
import math
import os
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pythonosc.osc_message_builder import OscMessageBuilder

from panosod_core.geometry.projection import directions_to_viewport
from panosod_core.geometry.sphere import direction, rotation, yaw_pitch_roll
from panosod_core.media.writer import ClipWriter
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.panels.transport import VIEW_MODES
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.tools.look import is_little_planet
from panosod_viewer.widgets.buttons import IconButton
from panosod_viewer.widgets.segments import Segments
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip, dot_clip

pytestmark = pytest.mark.gl
SECONDS = 60_000
"""Longest that any of these waits, ms: far more than is ever needed, on a machine that is busy with other things."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder) -> Path:
    return demo_clip(folder, duration_s=2.0)


@pytest.fixture(scope="module")
def flat(folder) -> Path:
    """A clip of an ordinary shape that says nothing of a sphere."""
    path = folder / "holiday.mp4"
    with ClipWriter(path, width=320, height=180, fps=10, sample_rate_hz=48000, audio_channels=2) as writer:
        for index in range(10):
            writer.write_picture(np.full((180, 320, 3), 20 * index, np.uint8))
            writer.write_sound(np.zeros((2, 4800), np.float32))
    return path


def left_over() -> list[str]:
    """Threads of ours that still run."""
    return sorted(t.name for t in threading.enumerate() if t.name.startswith(("panosod", "audio-", "head tracker")))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Desk:
    """One viewer and what its tests ask of it."""

    def __init__(self, qtbot, settings: Path, **words):
        self.qtbot = qtbot
        words = {"device": "none", "model": "none", "play": False, "size": (480, 270), "settings": settings} | words
        is_from_desktop = words.pop("is_from_desktop", False)
        self.viewer = Viewer(QApplication.instance(), Arguments(**words), is_from_desktop=is_from_desktop)
        self.pids = []
        self.is_closed = False

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=SECONDS)

    def start(self, clip: Path | None = None, *, at_s: float = 0.0, exposes: bool = True):
        opener = None
        if clip is not None:
            opener = ClipOpener(clip, at_s=at_s)
            opener.start()
        self.viewer.start(opener)
        window = self.viewer.window
        if exposes:
            with self.qtbot.waitExposed(window):
                window.activateWindow()
            # Without a window manager nobody else makes it the active one, and only that one hears keys.
            self.wait(window.isActiveWindow)
        return self

    def open_and_see(self, clip: Path, **kw):
        self.start(clip, **kw)
        self.wait(lambda: self.index is not None)
        return self

    def with_sound(self):
        self.wait(lambda: self.viewer.sound.is_clock)
        self.pids.append(self.viewer.sound.client.pid)
        return self

    @property
    def index(self):
        frame = self.viewer.player.frame
        return None if frame is None else frame.index

    @property
    def view(self):
        return self.viewer.window.page.view

    @property
    def notice(self):
        notice = self.viewer.window.notices.current
        return "" if notice is None else notice.text

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.view, key, modifier)

    def close(self):
        if self.is_closed:
            return
        self.is_closed = True
        if self.viewer.sound.client is not None:
            self.pids.append(self.viewer.sound.client.pid)
        self.viewer.window.close()
        self.viewer.close()
        self.viewer.window.deleteLater()


@pytest.fixture
def make(qtbot, tmp_path, gl_screen):
    desks = []

    def make(**words) -> Desk:
        desks.append(Desk(qtbot, tmp_path / "settings.toml", **words))
        return desks[-1]

    def nothing_is_left():
        assert left_over() == []
        assert [pid for desk in desks for pid in desk.pids if is_alive(pid)] == []

    yield make
    for desk in desks:
        desk.close()
    # A window that closes waits for a thread for a moment only: a slow one ends a little later.
    qtbot.waitUntil(nothing_is_left, timeout=SECONDS)


def test_a_clip_is_shown_and_described(make, clip):
    desk = make().open_and_see(clip).with_sound()
    window = desk.viewer.window
    assert window.windowTitle().startswith(clip.name)
    assert desk.viewer.state.wish.geometry.is_spherical
    assert desk.viewer.memory.settings.recent == (str(clip),)
    desk.wait(lambda: desk.view.scene.frame is not None)
    image = desk.view.grabFramebuffer()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    assert pixels.std() > 10  # something is drawn


def test_playing_moves_on_and_stops_at_the_end(make, clip):
    desk = make(play=True)
    player, played, shown = desk.viewer.player, [], []
    player.playing_changed.connect(played.append)
    player.frame_shown.connect(lambda frame: shown.append(frame.index))
    desk.open_and_see(clip)
    desk.wait(lambda: played == [True, False])
    assert player.transport.position_s() == pytest.approx(2.0, abs=0.05)
    desk.wait(lambda: desk.index == 59)
    shown.clear()
    desk.key(Qt.Key.Key_Space)
    desk.wait(lambda: played[2:3] == [True] and bool(shown))
    assert shown[0] < 50


def test_keys_step_exactly(make, clip):
    desk = make().open_and_see(clip, at_s=0.5)
    assert desk.index == 15
    for key, modifier, expected in [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 16),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 26),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 25),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier, 15),
    ]:
        desk.key(key, modifier)
        desk.wait(lambda expected=expected: desk.index == expected)


def test_seeking_lands_on_the_picture_of_that_time_also_after_a_scrub(make, clip):
    desk = make().open_and_see(clip)
    seek = desk.viewer.window.page.seek_bar
    for t_s in (0.3, 1.0, 1.7):
        seek.seek_requested.emit(t_s, False)
    seek.seek_requested.emit(1.234, True)
    desk.wait(lambda: desk.index == 37 and not desk.viewer.player.transport.is_waiting)


def test_dragging_with_the_mouse_turns_view_and_sound(make, folder):
    dot = direction(math.radians(20), 0.0)
    desk = make().open_and_see(dot_clip(folder, dot)).with_sound()
    view, state = desk.view, desk.viewer.state
    size = view.width(), view.height()
    x, y = (float(v) for v in directions_to_viewport(state.wish.look, dot, aspect=size[0] / size[1]))
    start = QPoint(round(x * size[0]), round(y * size[1]))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    end = start + QPoint(120, 40)
    for k in range(1, 11):
        QTest.mouseMove(view, start + (end - start) * k / 10)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    desk.wait(lambda: desk.view.scene.panes[0].view == state.wish.look)
    image = view.grabFramebuffer()
    ratio = image.width() / size[0]
    grey = np.array([[image.pixelColor(i, j).green() for i in range(image.width())] for j in range(image.height())])
    j, i = np.nonzero(grey > 200)
    assert (i.mean() / ratio, j.mean() / ratio) == (pytest.approx(end.x(), abs=2), pytest.approx(end.y(), abs=2))
    heard = desk.viewer.sound.client._process.shared.read_pose().R_world_head
    np.testing.assert_allclose(heard, state.wish.look.R_world_view, atol=1e-9)


def test_a_clip_that_cannot_be_opened_leaves_the_open_one(make, clip, tmp_path):
    desk = make().open_and_see(clip)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a clip" * 100)
    desk.viewer.session.open(bad)
    desk.wait(lambda: "bad.mp4" in desk.notice)
    assert desk.viewer.session.info.path == clip
    assert desk.viewer.window.page.isVisible()


def test_a_bad_clip_of_the_command_line_ends_the_program_with_one_line(make, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a clip" * 100)
    desk = make().start(bad, exposes=False)
    desk.wait(lambda: desk.viewer._is_closed)
    error = capsys.readouterr().err
    assert error.startswith("panosod-viewer: ")
    assert error.count("\n") == 1
    assert desk.viewer._exit_code == 1


def test_a_bad_clip_from_a_file_manager_is_told_in_the_window_which_stays(make, clip, tmp_path, capsys):
    desk = make(is_from_desktop=True).start(tmp_path / "nowhere.mp4", exposes=False)
    desk.wait(lambda: "nowhere.mp4" in desk.notice)
    window = desk.viewer.window
    assert window.isVisible()
    assert window.welcome.isVisibleTo(window)
    assert window.windowTitle() == "panosod"
    assert capsys.readouterr().err == ""
    desk.viewer.arrivals.open(str(clip))
    desk.wait(lambda: desk.index is not None)


def test_a_clip_that_does_not_say_what_it_is_plays_flat_and_the_choice_is_remembered(make, flat):
    desk = make().open_and_see(flat)
    assert not desk.viewer.state.wish.geometry.is_spherical
    assert "shown flat" in desk.notice
    status = desk.viewer.window.page.status_line
    (view,) = [label for label in status.findChildren(QLabel) if label.accessibleName() == "View"]
    assert not view.isVisibleTo(status)
    desk.viewer.window.notices.action_triggered.emit("picture.choose:equirect")
    assert desk.viewer.state.wish.geometry.is_spherical
    assert view.text().startswith("yaw")
    assert status._wanted[view]
    desk.close()
    again = make().open_and_see(flat)
    assert again.viewer.state.wish.geometry.is_spherical
    assert "shown flat" not in again.notice


@pytest.mark.parametrize("choice", ["equirect", "flat"])
def test_what_the_person_chose_on_the_chip_takes_the_notice_of_a_flat_clip_back(make, flat, choice):
    desk = make().open_and_see(flat)
    assert "shown flat" in desk.notice
    desk.viewer.window.page.status_line.projection_chosen.emit(choice)
    assert "shown flat" not in desk.notice


def test_the_other_eye_and_repeat_are_remembered(make, clip):
    desk = make().open_and_see(clip)
    desk.viewer.session.choose_projection("equirect-tb")
    action = desk.viewer.window.action("view.right_eye")
    assert action.isEnabled()
    assert not action.isChecked()
    action.trigger()
    desk.viewer.window.action("play.repeat").trigger()
    assert desk.viewer.state.wish.geometry.eye_rect == (0.0, 0.5, 1.0, 1.0)
    desk.close()
    again = make().open_and_see(clip)
    assert again.viewer.state.wish.geometry.eye_rect == (0.0, 0.5, 1.0, 1.0)
    assert again.viewer.window.action("view.right_eye").isChecked()
    assert again.viewer.player.transport.repeats


def test_the_sound_choice_is_remembered_and_said(make, clip):
    desk = make().open_and_see(clip).with_sound()
    desk.viewer.window.page.status_line.sound_chosen.emit("fuma")
    desk.with_sound()
    desk.close()
    again = make().open_and_see(clip).with_sound()
    choice = again.viewer.memory.settings.choice_for(again.viewer.session.opened_clip.key)
    assert choice.sound == "fuma"
    assert again.viewer.sound._sounding.audio.format.value == "fuma"


def test_a_killed_audio_process_comes_back_and_the_clip_plays_on(make, clip):
    desk = make(play=True, repeat=True).open_and_see(clip).with_sound()
    desk.viewer.player.set_loop((0.0, 2.0))
    first, told = desk.viewer.sound.client.pid, []
    desk.viewer.sound.notice.connect(lambda _: told.append(desk.notice))
    os.kill(first, signal.SIGKILL)
    desk.wait(lambda: "started again" in " ".join(told))
    desk.wait(lambda: desk.viewer.sound.is_clock)
    assert desk.viewer.sound.client.pid != first
    assert desk.viewer.player.transport.is_playing
    before = desk.viewer.player.counts.shown
    desk.wait(lambda: desk.viewer.player.counts.shown > before + 5)


@pytest.mark.parametrize("layout", list(ViewLayout))
def test_every_layout_draws(make, clip, layout):
    desk = make().open_and_see(clip)
    desk.viewer.window.action(f"view.{layout.value}").trigger()
    desk.wait(lambda: len(desk.view.scene.panes) == (2 if layout is ViewLayout.SPLIT else 1))
    assert desk.viewer.window.action(f"view.{layout.value}").isChecked()


def test_the_row_of_views_shows_and_chooses_what_the_menu_does(make, clip):
    desk = make().open_and_see(clip)
    bar, wish = desk.viewer.window.page.transport_bar, lambda: desk.viewer.state.wish
    (row,) = bar.findChildren(Segments)
    names = {mode.id: mode.name for mode in VIEW_MODES}
    for mode in ("split", "planet", "map", "look"):
        (button,) = [b for b in row.findChildren(IconButton) if b.accessibleName() == names[mode]]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert row.current == mode
        assert is_little_planet(wish().look) == (mode in ("planet", "map"))
    assert wish().layout is ViewLayout.LOOK
    desk.viewer.window.action("view.split").trigger()
    assert row.current == "split"


def test_alt_click_marks_the_place_and_asks_for_a_burst(make, clip):
    desk = make().open_and_see(clip).with_sound()
    client = desk.viewer.sound.client
    # So loud that the limiter counts it: a level falls again, a count stays.
    client.set_volume(100.0)
    assert client.levels().clipped == 0
    QTest.mouseClick(desk.view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, QPoint(300, 100))
    assert desk.viewer.state.wish.crosshair is not None
    desk.wait(lambda: client.levels().clipped > 0)
    desk.wait(lambda: desk.viewer.state.wish.crosshair is None)


def test_a_dropped_file_opens(make, clip):
    desk = make().start()
    assert desk.viewer.window.welcome.isVisible()
    data = QMimeData()
    data.setUrls([QUrl("https://host/x.mp4"), QUrl.fromLocalFile(str(clip))])
    event = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    desk.viewer.window.dropEvent(event)
    desk.wait(lambda: desk.index is not None)


def test_full_screen_hides_all_but_the_picture_and_escape_leaves_it(make, clip):
    desk = make().open_and_see(clip)
    desk.key(Qt.Key.Key_F11)
    desk.wait(lambda: desk.viewer.window.isFullScreen())
    page = desk.viewer.window.page
    desk.wait(lambda: page.view.height() == page.height())
    assert not desk.viewer.window.menuBar().isVisible()
    assert not page.status_line.isVisible()
    desk.key(Qt.Key.Key_Escape)
    desk.wait(lambda: not desk.viewer.window.isFullScreen())
    assert page.status_line.isVisible()


def test_leaving_full_screen_a_maximised_window_is_maximised_again(make):
    desk = make(size=None).start()
    window = desk.viewer.window
    window.showMaximized()
    desk.wait(window.isMaximized)
    window.set_full_screen(True)
    desk.wait(window.isFullScreen)
    window.set_full_screen(False)
    desk.wait(lambda: not window.isFullScreen())
    assert window.isMaximized()


@pytest.mark.parametrize("focus", ["view", "seek_bar"])
def test_page_down_goes_on_wherever_the_focus_is(make, clip, focus):
    desk = make().open_and_see(clip)
    part = getattr(desk.viewer.window.page, focus)
    part.setFocus()
    QTest.keyClick(part, Qt.Key.Key_PageDown)
    desk.wait(lambda: desk.index > 10)
    QTest.keyClick(part, Qt.Key.Key_PageUp)
    desk.wait(lambda: desk.index == 0)


def test_volume_layout_and_theme_are_remembered(make, clip):
    desk = make().open_and_see(clip)
    desk.viewer.state.set_volume(0.35, muted=True)
    desk.viewer.window.action("view.split").trigger()
    desk.viewer.window.action("view.theme_light").trigger()
    desk.close()
    again = make()
    assert (again.viewer.state.volume, again.viewer.state.is_muted) == (0.35, True)
    assert again.viewer.state.wish.layout is ViewLayout.SPLIT
    assert again.viewer.theme.choice.value == "light"


def test_closing_the_clip_shows_the_empty_page(make, clip):
    desk = make().open_and_see(clip).with_sound()
    desk.viewer.window.action("file.close").trigger()
    assert desk.viewer.window.welcome.isVisible()
    assert not desk.viewer.window.action("play.toggle").isEnabled()
    desk.wait(lambda: not [name for name in left_over() if name.startswith("panosod")])
    desk.viewer.session.open(clip)
    desk.wait(lambda: desk.index is not None)


def test_view_arguments_say_where_to_look_first(make, clip):
    desk = make(yaw_deg=90.0, pitch_deg=-10.0, fov_deg=60.0).open_and_see(clip, at_s=1.0)
    look = desk.viewer.state.wish.look
    assert np.degrees([look.yaw_rad, look.pitch_rad, look.fov_rad]) == pytest.approx([90, -10, 60])
    assert desk.index == 30
    desk.key(Qt.Key.Key_Home)
    assert desk.viewer.state.wish.look.yaw_rad == 0


# --- closing at any moment: the fixture asserts that nothing is left ---


def test_closing_an_empty_window(make):
    make().start()


def test_closing_while_opening(make, clip):
    make(play=True).start(clip, exposes=False)


def test_closing_at_the_first_picture(make, clip):
    make(play=True).open_and_see(clip)


def test_closing_while_playing(make, clip):
    desk = make(play=True, repeat=True).open_and_see(clip).with_sound()
    desk.wait(lambda: desk.viewer.player.counts.shown > 3)


def test_closing_while_seeking(make, clip):
    desk = make(play=True).open_and_see(clip).with_sound()
    for k in range(20):
        desk.viewer.player.seek(k / 10, k % 2 == 0)


def test_closing_while_another_clip_is_being_opened(make, clip, flat):
    desk = make(play=True).open_and_see(clip)
    desk.viewer.session.open(flat)
    desk.viewer.session.open(clip)


def test_closing_while_the_audio_process_is_dead(make, clip):
    desk = make(play=True).open_and_see(clip).with_sound()
    os.kill(desk.viewer.sound.client.pid, signal.SIGKILL)


def test_figures_of_the_run(make, clip):
    desk = make(play=True, repeat=True).open_and_see(clip).with_sound()
    desk.wait(lambda: desk.viewer.player.counts.shown > 10)

    def is_measured() -> bool:
        """The highest load leaves out what it costs to begin, which the mean forgets within a second or two."""
        levels = desk.viewer.sound.client.levels()
        return levels.load_max >= levels.load > 0

    desk.wait(is_measured)
    figures = desk.viewer.figures.now()
    assert figures.first_frame_s > 0
    assert figures.shown > 10
    assert figures.decode_ms > 0
    assert figures.played_s > 0
    assert figures.gl_renderer
    assert figures.sound["blocks"] > 0
    assert figures.sound["load_max"] >= figures.sound["load"] > 0
    assert replace(figures, machine={}).clip == str(clip)


def test_figures_are_written_while_it_plays(make, clip, tmp_path):
    path = tmp_path / "live.json"
    desk = make(play=True, repeat=True, stats=path, stats_every_s=0.1).open_and_see(clip)

    def shown() -> int:
        return json.loads(path.read_text())["shown"] if path.exists() else 0

    desk.wait(lambda: shown() > 0)
    before = shown()
    desk.wait(lambda: shown() > before)


def test_figures_that_cannot_be_written_end_the_program_with_1(make, clip, tmp_path):
    desk = make(stats=tmp_path / "nowhere" / "live.json", stats_every_s=0.1)
    codes, failed = [], []
    desk.viewer.ended.connect(codes.append)
    desk.viewer.figures.write_failed.connect(failed.append)
    desk.open_and_see(clip)
    desk.wait(lambda: bool(failed))
    desk.close()
    assert codes == [1]


def test_bare_is_the_picture_alone_at_its_size(make, clip):
    desk = make(bare=True, size=(480, 270)).open_and_see(clip)
    window = desk.viewer.window
    assert (window.width(), window.height()) == (480, 270)
    assert (desk.view.width(), desk.view.height()) == (480, 270)
    desk.key(Qt.Key.Key_F)
    desk.wait(window.isFullScreen)
    assert not window.page.controls.isVisible()
    assert not window.menuBar().isVisible()
    desk.key(Qt.Key.Key_F)
    desk.wait(lambda: not window.isFullScreen())
    assert not window.menuBar().isVisible()
    window.notices.show_notice(Notice("only to know"))
    assert desk.notice == ""
    window.notices.show_notice(Notice("broken", Severity.ERROR))
    assert desk.notice == "broken"


def test_repeat_of_the_command_line_plays_on_and_is_not_remembered(make, clip):
    desk = make(repeat=True, play=True).open_and_see(clip, at_s=1.8)
    assert desk.viewer.window.action("play.repeat").isChecked()
    desk.wait(lambda: desk.index is not None and desk.index > 50)
    desk.wait(lambda: desk.index < 30)
    assert not desk.viewer.memory.settings.playback.repeat


def test_a_head_tracker_turns_the_sound_against_the_view(make, clip):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    desk = make(tracker=port, yaw_deg=20.0).open_and_see(clip).with_sound()
    message = OscMessageBuilder("/SceneRotator/quaternions")
    for value in (math.cos(math.radians(15)), 0.0, 0.0, math.sin(math.radians(15))):
        message.add_arg(value, "f")
    shared = desk.viewer.sound.client._process.shared
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message.build().dgram, ("127.0.0.1", port))
    desk.wait(lambda: desk.viewer.tracking.receiver.mailbox.latest() is not None)
    head = desk.viewer.tracking.receiver.mailbox.latest().R_world_head
    assert abs(math.degrees(yaw_pitch_roll(head)[0])) == pytest.approx(30, abs=0.01)
    desk.wait(lambda: np.allclose(shared.read_pose().R_world_head, rotation(math.radians(20)) @ head, atol=1e-6))
    desk.viewer.window.action("tracker.tare").trigger()
    desk.wait(lambda: np.allclose(shared.read_pose().R_world_head, rotation(math.radians(20)), atol=1e-6))


def test_without_a_tracker_the_tare_key_says_so(make, clip):
    desk = make().open_and_see(clip)
    desk.key(Qt.Key.Key_T)
    assert "head tracker" in desk.notice


def test_the_decoder_is_named_only_where_sound_turns_with_the_head(make, clip, flat):
    """Stereo goes to the ears as it is: no binaural decoder is at work."""
    d = make().open_and_see(clip).with_sound()
    label = d.viewer.window.page.status_line.decoder_text
    assert "KEMAR" in label()
    d.viewer.arrivals.open(flat)
    d.wait(lambda: label() == "")
