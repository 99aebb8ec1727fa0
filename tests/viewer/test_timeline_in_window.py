"""The time line in the whole window: opened late, fed by the real sound, real maps and the truth beside the clip."""

import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.sphere import angle_between
from panosod_core.inference.cache import CacheKey, PredictionCache
from panosod_core.inference.map_record import map_record
from panosod_core.media.probe import probe
from panosod_core.synth.truth import load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.timeline_link import NO_FIELD
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip

pytestmark = pytest.mark.gl
PATIENCE_MS = 60_000
FPS = 30
KEY = CacheKey("clip", "model")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=3.0)


class Desk:
    def __init__(self, qtbot, settings: Path, clip: Path | None):
        self.qtbot = qtbot
        words = {"device": "none", "model": "none", "play": False, "size": (720, 560), "settings": settings}
        self.viewer = Viewer(QApplication.instance(), Arguments(**words))
        opener = None
        if clip is not None:
            opener = ClipOpener(clip)
            opener.start()
        self.viewer.start(opener)
        with qtbot.waitExposed(self.viewer.window):
            self.viewer.window.activateWindow()
        self.wait(self.viewer.window.isActiveWindow)
        if clip is not None:
            self.wait(lambda: self.viewer.player.frame is not None)

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    @property
    def link(self):
        return self.viewer.timeline

    @property
    def panel(self):
        return self.viewer.timeline.panel

    def key(self, key, modifiers=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.viewer.window, key, modifiers)

    def open_timeline(self):
        self.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
        self.wait(lambda: self.panel is not None and self.panel.isVisible())
        return self.panel

    def close(self):
        self.viewer.window.close()
        self.viewer.window.deleteLater()


@pytest.fixture
def desk(gl_screen, qtbot, tmp_path):
    made = []

    def open_(clip):
        made.append(Desk(qtbot, tmp_path / "viewer.toml", clip))
        return made[-1]

    yield open_
    for each in made:
        each.close()
    # A window that closes waits for a thread for a moment only: a slow one ends a little later.
    qtbot.waitUntil(nothing_runs, timeout=PATIENCE_MS)


def nothing_runs() -> None:
    assert [t.name for t in threading.enumerate() if t.name.startswith("panosod")] == []


def write_maps(folder: Path, clip: Path) -> PredictionCache:
    """Maps of every third frame: what sounds, surely but around 1.5 s and, less so, around 2.8 s."""
    truth = load_truth(clip)
    cache = PredictionCache(folder)
    with cache.open(KEY) as maps:
        for index in range(0, truth.header.frame_count, 3):
            salient = np.isin(truth.mask(index), truth.header.sounding(index))
            doubt = sum(top * np.exp(-(((index / FPS - at_s) / 0.2) ** 2)) for top, at_s in ((0.45, 1.5), (0.2, 2.8)))
            saliency = np.where(salient, 1.0, doubt)
            maps.put(map_record(index, pts=index, time_s=index / FPS, saliency=saliency))
    return cache


def test_it_opens_by_key_hears_the_clip_and_is_remembered(desk, clip, tmp_path):
    at = desk(clip)
    assert at.panel is None  # nothing of it is made before it is wanted
    page = at.viewer.window.page
    before = page.view.height()
    panel = at.open_timeline()
    assert at.viewer.window.action("view.timeline").isChecked()
    at.wait(lambda: page.view.height() == before - panel.height() - 2)
    at.wait(lambda: panel._track is not None and panel._track.is_complete)
    truth = load_truth(clip)
    (first, *_) = (s for s in truth.header.soundings if s.end_s - s.start_s > 0.5)
    middle_s = (first.start_s + first.end_s) / 2
    where = truth.header.direction(first.object_id, int(middle_s * FPS))
    assert np.degrees(angle_between(panel._track.peak_at(middle_s), where)) < 10
    panel.set_chosen_height(200)
    panel.height_chosen.emit(200)
    at.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    at.wait(lambda: page.view.height() == before)
    assert not panel.isVisible()
    at.open_timeline()
    at.viewer.close()
    saved = tomllib.loads((tmp_path / "viewer.toml").read_text())
    assert saved["timeline"] == {"shown": True, "height_px": 200}
    again = desk(clip)
    again.wait(lambda: again.panel is not None and again.panel.isVisible() and again.panel.height() == 200)


def test_a_click_seeks_the_clip_and_the_view_is_marked(desk, clip):
    at = desk(clip)
    panel = at.open_timeline()
    rect = panel.plots.row_rect("azimuth")
    x = round(panel.plots.x_of(2.0))
    QTest.mouseClick(panel.plots.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, round(rect.center().y())))
    at.wait(lambda: at.viewer.player.frame is not None and at.viewer.player.frame.index == pytest.approx(60, abs=1))
    at.wait(lambda: panel._position_s == pytest.approx(2.0, abs=0.02))
    view = at.viewer.state.wish.look
    at.viewer.state.set_look(view.turned(yaw_rad=2.0, fov_rad=1.0))
    at.wait(lambda: panel._view == pytest.approx((2.0, 0.5), abs=1e-3))


def test_maps_become_rows_and_doubtful_frames_are_jumped_to(desk, clip, tmp_path):
    at = desk(clip)
    at.key(Qt.Key.Key_U)  # opens it, and says that there is nothing yet
    at.wait(lambda: at.panel is not None)
    at.link.follow_maps(write_maps(tmp_path / "cache", clip), KEY)
    at.wait(lambda: at.link.tracks is not None and len(at.link.tracks) == 30)
    at.wait(lambda: np.isfinite(at.link.tracks.disagreement_rad).any() and np.isfinite(at.link.tracks.j).all())
    assert at.panel.plots.rows["score"].is_shown
    sure = at.link.tracks.time_s < 0.5
    assert np.nanmin(at.link.tracks.f[sure]) > 0.85
    at.key(Qt.Key.Key_U)
    at.wait(lambda: at.viewer.player.frame.index == 45)
    assert at.panel._read.text().startswith("Most uncertain, 1 of ")
    at.key(Qt.Key.Key_U)
    at.wait(lambda: at.viewer.player.frame.index == 84)
    at.key(Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    at.wait(lambda: at.viewer.player.frame.index == 45)
    at.link.follow_maps(None)
    assert at.link.tracks is None and not at.panel.plots.rows["score"].is_shown


def test_sound_without_directions_is_said_to_have_none(desk, clip):
    at = desk(clip)
    panel = at.open_timeline()
    at.wait(lambda: panel._track is not None)
    at.viewer.session.choose_sound("stereo")
    assert panel._track is None and panel._sound_note == NO_FIELD
    at.viewer.session.choose_sound("auto")
    at.wait(lambda: panel._track is not None and panel._track.is_complete)


def test_it_waits_for_a_clip_and_empties_when_that_goes(desk, clip):
    at = desk(None)
    at.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert at.link.is_shown and at.panel is None
    at.viewer.session.open(clip)
    at.wait(lambda: at.panel is not None and at.panel.isVisible() and at.panel._track is not None)
    assert at.panel.plots.showing.duration_s == pytest.approx(probe(clip).duration_s)
    at.viewer.session.close()
    assert at.panel.plots.showing is None and at.panel._track is None


def test_a_window_too_low_for_both_keeps_its_picture(desk, clip):
    at = desk(clip)
    panel = at.open_timeline()
    window = at.viewer.window
    window.resize(640, 330)
    at.wait(lambda: not panel.isVisible())
    window.resize(640, 480)
    at.wait(lambda: panel.isVisible() and window.page.view.height() >= 160)
