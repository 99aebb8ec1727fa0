"""A model at work in the real window: maps in the picture, a killed predictor, nothing left at the end."""

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

import cv2
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.serve import NO_MEMORY
from panosod_core.synth.masks import load_masks
from panosod_core.synth.truth import load_truth, masks_path
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.prediction_lane import PredictorLane
from panosod_viewer.prediction_notices import RETRY
from panosod_viewer.workers.opening import ClipOpener
from panosod_viewer.workers.predicting import PredictorClient
from tests.clips import demo_clip
from tests.core.inference.predicting import FRAMES, model_file, moving_clip

pytestmark = pytest.mark.gl
MS = 60_000


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return model_file(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("clip"))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class Desk:
    """A viewer in this process."""

    def __init__(self, qtbot, folder: Path, clip: Path, **words) -> None:
        self.qtbot = qtbot
        arguments = Arguments(device="none", settings=folder / "settings.toml", play=False, size=(480, 270), **words)
        self.viewer = Viewer(QApplication.instance(), arguments)
        opener = ClipOpener(clip)
        opener.start()
        self.viewer.start(opener)
        self.pids: set[int] = set()

    @property
    def pictures(self):
        return self.viewer.state.wish.pictures

    @property
    def notice(self):
        return self.viewer.window.notices.current

    def until(self, condition) -> None:
        def holds() -> bool:
            self.pids |= set(self.viewer.model.link.pids())
            return bool(condition())

        self.qtbot.waitUntil(holds, timeout=MS)

    def close(self) -> None:
        self.viewer.window.close()
        self.viewer.close()
        # Its timers too: one that was about to fire would look for a window that is gone.
        self.viewer.deleteLater()
        self.viewer.window.deleteLater()


@pytest.fixture
def desk(qtbot, tmp_path, gl_screen, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made: list[Desk] = []

    def make(clip: Path, **words) -> Desk:
        made.append(Desk(qtbot, tmp_path, clip, **words))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.timeout(170)
def test_maps_lie_over_the_picture_follow_it_and_survive_a_killed_predictor(desk, model, clip):
    window = desk(clip, model=str(model))
    link = window.viewer.model.link
    window.until(lambda: window.pictures.saliency is not None)
    assert window.viewer.figures.has_picture
    first = window.pictures.saliency
    assert first.values.shape == (64, 128)
    assert window.pictures.location is not None
    window.until(lambda: window.viewer.figures.now().first_map_s is not None)
    figures = window.viewer.figures.now()
    assert 0 < figures.first_frame_s < figures.first_map_s

    # To another frame: its own map comes.
    window.viewer.player.step(9)
    window.until(lambda: window.viewer.player.frame.index == 9)
    window.until(lambda: window.pictures.saliency not in (None, first) and not window.pictures.saliency.is_carried)
    window.until(lambda: link.coverage is not None and link.coverage.made.sum() == FRAMES)
    window.until(lambda: "all maps" in window.viewer.window.page.status_line.model_text())
    figures = window.viewer.figures.now().prediction["first"]
    assert figures["made"] == FRAMES
    assert figures["coverage"] == 1.0
    assert figures["stride"] >= 1

    timeline = window.viewer.timeline
    timeline.set_shown(True)
    window.until(lambda: timeline.tracks is not None and len(timeline.tracks) == FRAMES)

    (pid,) = link.pids()
    os.kill(pid, signal.SIGKILL)
    window.until(lambda: window.notice is not None and "signal 9" in window.notice.text)
    assert window.notice.actions[0][0] == f"{RETRY}0"
    # The viewer goes on, and what was made stays, over the picture and on the time line.
    last = window.pictures.saliency
    window.viewer.player.step(-8)
    window.until(lambda: window.viewer.player.frame.index == 1)
    window.until(lambda: window.pictures.saliency not in (None, last))
    assert len(timeline.tracks) == FRAMES
    assert "off" in window.viewer.window.page.status_line.model_text()

    # Started again, it finds what was made before.
    link.act(f"{RETRY}0")
    window.until(lambda: window.viewer.figures.now().prediction["first"]["known"] == FRAMES)
    assert window.pictures.saliency is not None
    assert len(timeline.tracks) == FRAMES
    assert len(timeline.panel._tracks) == FRAMES
    window.viewer.session.close()
    assert window.pictures.saliency is None
    window.close()
    assert len(window.pids) == 2
    assert all(is_gone(each) for each in window.pids)
    assert not [t.name for t in threading.enumerate() if t.name.startswith(("predictor", "panosod-maps"))]


@pytest.mark.timeout(170)
def test_maps_that_somebody_removes_while_the_clip_is_open_are_made_again(desk, model, clip, tmp_path):
    window = desk(clip, model=str(model))
    link = window.viewer.model.link
    window.until(lambda: link.coverage is not None and link.coverage.made.sum() == FRAMES)
    window.until(lambda: "all maps" in window.viewer.window.page.status_line.model_text())
    (folder,) = (tmp_path / "cache").glob("**/predictions")
    for file in folder.glob("*.maps*"):
        file.unlink()
    window.viewer.player.step(FRAMES - 1)  # to where none was read before
    window.until(lambda: window.viewer.figures.now().prediction["first"]["made"] == 2 * FRAMES)
    window.until(lambda: link.coverage.made.sum() == FRAMES)
    window.until(lambda: window.pictures.saliency is not None)
    assert window.notice is None


def test_the_demo_opens_with_masks_on_what_sounds_and_not_on_its_twin(desk, tmp_path):
    """The shipped model, nothing predicted, no graphs prepared: as who installed torch alone sees it."""
    demo = demo_clip(tmp_path, width=640, height=320, fps=5, duration_s=20.0)
    header, masks = load_truth(demo).header, load_masks(masks_path(demo))
    window = desk(demo)
    window.until(lambda: window.viewer.figures.has_picture)
    window.viewer.player.show_frame(6)
    (heard,) = header.sounding(6)
    twins = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5}
    window.until(lambda: window.viewer.player.frame.index == 6 and window.viewer.model.link.coverage is not None)
    window.until(lambda: window.viewer.model.link.coverage.made[6] and window.pictures.saliency is not None)
    window.until(lambda: not window.pictures.saliency.is_carried)
    values = window.pictures.saliency.values
    labels = cv2.resize(masks.mask(6), values.shape[::-1], interpolation=cv2.INTER_NEAREST)
    assert (values[labels == heard] >= 128).mean() >= 0.5
    assert (values[labels == twins[heard]] >= 128).mean() <= 0.1
    window.until(lambda: window.viewer.figures.now().first_map_s is not None)


def test_a_file_that_is_no_model_is_told_and_the_clip_plays(desk, clip, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing of the kind")
    window = desk(clip, model=str(bad))
    window.until(lambda: window.notice is not None)
    assert "No predictions from bad" in window.notice.text
    window.viewer.player.play()
    window.until(lambda: window.viewer.player.frame.index >= 3)


def test_the_librarys_default_is_at_work_and_the_one_promoted_meanwhile_takes_over(
    desk, model, clip, tmp_path, monkeypatch
):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    library = ModelLibrary()
    first = library.add(model, name="street")
    second = library.add(model_file(tmp_path, seed=1), name="street at night")
    library.promote("street")
    window = desk(clip)
    status = window.viewer.window.page.status_line

    def is_at_work(record):
        figures = window.viewer.figures.now().prediction
        return figures is not None and figures["first"]["model_id"] == record.model_id and figures["first"]["made"]

    window.until(lambda: is_at_work(first) and window.pictures.saliency is not None)
    assert status.model_text().startswith("street:")
    before = window.pictures.saliency
    # In a terminal, with the window open; then the person comes back to the window.
    library.promote("street at night")
    QApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    window.until(lambda: is_at_work(second) and window.pictures.saliency not in (None, before))
    assert status.model_text().startswith("street at night:")
    # In the window.
    library.roll_back()
    window.viewer.annotator.model_changed.emit()
    window.until(lambda: window.viewer.figures.now().prediction["first"]["model_id"] == first.model_id)
    window.until(lambda: status.model_text().startswith("street:"))


STARVED = """
import resource, sys
import panosod_core.inference.engine_torch
from panosod_core.inference import serve
load = serve.open_engine
def starved(*args, **words):
    used_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, ((used_kb + 8 * 1024) * 1024,) * 2)
    return load(*args, **words)
serve.open_engine = starved
sys.exit(serve.main())
"""
"""A predictor that may take 8 MiB more once it is about to load its model of 12 MB."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux bounds a process's data")
def test_a_model_that_the_memory_does_not_suffice_for_is_told_and_tried_again(desk, clip):
    window = desk(clip)
    link, lives = window.viewer.model.link, []

    def client(setup, post):
        lives.append(setup)
        command = (sys.executable, "-P", "-c", STARVED) if len(lives) == 1 else ()
        return PredictorClient(setup, post, command=command)

    link._make_lane = partial(PredictorLane, make_client=client)
    window.until(lambda: window.notice is not None)
    assert NO_MEMORY in window.notice.text
    assert window.notice.actions[0] == (f"{RETRY}0", "Retry")
    window.viewer.player.play()
    window.until(lambda: window.viewer.player.frame.index >= 3)
    window.viewer.player.pause()
    assert window.pictures.saliency is None
    link.act(f"{RETRY}0")
    assert window.notice is None
    window.until(lambda: window.pictures.saliency is not None)
    assert len(lives) == 2


def test_without_a_model_nothing_is_started(desk, clip):
    window = desk(clip, model="none")
    window.until(lambda: window.viewer.figures.has_picture)
    window.viewer.player.step(2)
    window.until(lambda: window.viewer.player.frame.index == 2)
    assert window.pids == set()
    assert window.viewer.figures.now().prediction is None
    assert not window.viewer.window.action("model.toggle").isChecked()
