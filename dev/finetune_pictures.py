#!/usr/bin/env python3
"""Makes docs/pictures/finetune-*.jpg: from a wrong mask to a better model over the picture, by hand in the real window.

    python dev/with_xvfb.py python dev/finetune_pictures.py [CLIP] [--frames 40] [--checks 3] [--out DIR]

CLIP is one of `panosod synth`, with its truth beside it: the pointer dabs the brush where a person would see that
something sounds. All else is done as a person does it, with the pointer's and the keyboard's events. Nothing of it
touches this person's own models, jobs, settings or cache. It takes a few minutes on a core that is free.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from waiting import rest, until

from panosod_core.geometry.projection import directions_to_viewport
from panosod_core.geometry.regions.morphology import bounding_cap
from panosod_core.synth.truth import DemoTruth, load_truth
from panosod_core.training.jobs.states import JobState
from panosod_viewer.annotating.finetuning import Finetuning
from panosod_viewer.annotating.workbench import Workbench
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
QUALITY = 74
PATIENCE_S = 3600.0
COMPARED_AT_S = 4.0
"""Where what sounds in the demo clip lies low."""
LEFT, NONE, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
OWN_PLACES = ("PANOSOD_JOBS", "PANOSOD_MODELS", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
Take = Callable[[str, QWidget | None], None]


class Walk:
    """A person at the window, from opening a clip to a better model over its picture."""

    def __init__(
        self,
        clip: Path,
        settings: Path,
        *,
        size: tuple[int, int],
        theme: str | None = None,
        at_s: float = 0.0,
        take: Take | None = None,
    ) -> None:
        """Open the clip.

        Args:
            clip: with its truth beside it; the project comes to lie there too.
            settings: file of the window's settings.
            size: of the picture, pixels.
            theme: of the window; None: the system's.
            at_s: where to begin.
            take: called with a name, and a dialog that belongs into the picture, wherever there is something to see.
        """
        self.truth: DemoTruth = load_truth(clip)
        self.clip, self._take = clip, take or (lambda name, over: None)
        application = QApplication.instance() or QApplication([])
        words = Arguments(settings=settings, device="none", play=False, theme=theme, size=size)
        self.viewer = Viewer(application, words)  # type: ignore[arg-type]  # instance() says QCoreApplication
        opener = ClipOpener(clip, at_s=at_s)
        opener.start()
        self.viewer.start(opener)
        self.viewer.window.activateWindow()
        self.until(lambda: self.viewer.player.frame is not None and self.view.isValid())

    # --- what a person sees and does

    @property
    def view(self) -> QWidget:
        """Where the picture is."""
        return self.viewer.window.page.view

    @property
    def bench(self) -> Workbench:
        """Review and finetuning."""
        bench = self.viewer.annotator.workbench
        if bench is None:
            raise AssertionError("it is made with the studio")
        return bench

    @property
    def finetuning(self) -> Finetuning:
        """The panel and its job."""
        return self.bench.finetuning

    def until(self, condition: Callable[[], object], *, limit_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        until(condition, limit_s=limit_s)

    def rest(self, seconds: float) -> None:
        """Let the window settle."""
        rest(seconds)

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """A key, in the picture."""
        QTest.keyClick(self.view, key, modifiers)
        QApplication.processEvents()

    def click(self, button: QWidget) -> None:
        """A button."""
        self.until(button.isEnabled)
        QTest.mouseClick(button, LEFT)
        QApplication.processEvents()

    def point(self, towards: np.ndarray) -> QPoint:
        """Where a direction of the world is drawn on the flat map."""
        wish = self.viewer.state.wish
        left, top, width, height = self.viewer.window.page.view.scene.panes[0].rect
        across, down = self.view.width(), self.view.height()
        x, y = directions_to_viewport(wish.map_view, towards, aspect=width * across / (height * down))
        return QPoint(round((left + float(x) * width) * across), round((top + float(y) * height) * down))

    # --- the walk

    def watch_the_model(self) -> None:
        """Look round to what sounds, and wait until the model's map comes over the picture."""
        self._turn_to_what_sounds()
        self.until(lambda: self.viewer.state.wish.pictures.saliency is not None)
        self._take("open", None)

    def _turn_to_what_sounds(self) -> None:
        frame = self.viewer.player.frame
        sounding = self.truth.sounding(0 if frame is None else frame.index)
        cap = bounding_cap(np.isin(self.truth.mask(0 if frame is None else frame.index), sounding))
        if cap is not None:
            across = self.view.width()
            azimuth = float(np.arctan2(cap[0][1], cap[0][0]))
            look = self.viewer.state.wish.look
            turn = float(np.angle(np.exp(1j * (azimuth - look.yaw_rad))))
            strokes = int(np.ceil(abs(turn) / look.fov_rad / 0.8)) or 1
            for _ in range(strokes):
                self._drag(QPoint(round(turn / look.fov_rad * across / strokes), 0))
            rise = float(np.arcsin(cap[0][2])) - look.pitch_rad
            self._drag(QPoint(0, round(0.8 * rise / look.fov_rad * across)))

    def _drag(self, by: QPoint) -> None:
        """Turn the view with the pointer, by so many pixels."""
        start = QPoint(self.view.width() // 2, self.view.height() // 2) - by / 2
        QTest.mousePress(self.view, LEFT, NONE, start)
        for n in range(1, 9):
            there = QPointF(start + by * (n / 8))
            move = QMouseEvent(
                QEvent.Type.MouseMove, there, self.view.mapToGlobal(there), Qt.MouseButton.NoButton, LEFT, NONE
            )
            QApplication.sendEvent(self.view, move)
            self.rest(0.03)
        self.rest(0.3)
        QTest.mouseRelease(self.view, LEFT, NONE, there.toPoint())
        QApplication.processEvents()

    def correct(self, *, frames: int, every: int) -> None:
        """Dab, accept and go on: so many frames."""
        self.press(Qt.Key.Key_2, CONTROL)  # the flat map: all of the sphere can be reached
        self.press(Qt.Key.Key_B)
        studio, player = self.viewer.annotator.studio, self.viewer.player
        self.until(lambda: studio.is_on and studio.desk.is_identified)
        self.press(Qt.Key.Key_R, CONTROL)
        self.bench.review.set_every(every)
        done = 0
        while done < frames:
            frame = player.frame
            if frame is None:
                raise AssertionError("a clip is open")
            if self._dab(frame.index):
                done += 1
                if done == max(2, frames // 2):
                    self._take("correct", None)
            self.press(Qt.Key.Key_Return, CONTROL)  # accepted, and on to the next key frame
            if done < frames:
                self.until(lambda before=frame: player.frame is not before)  # type: ignore[misc]
        document = studio.desk.document
        self.until(lambda: document is not None and document.dirty == 0)

    def _dab(self, index: int) -> bool:
        """The brush where something sounds in a frame; False where nothing does."""
        painter = self.viewer.annotator.studio.painter
        mask = self.truth.mask(index)
        found = False
        for sounding in self.truth.sounding(index):
            cap = bounding_cap(mask == sounding)
            if cap is None:
                continue
            towards, radius = cap
            wanted = float(np.degrees(radius))
            for _ in range(60):  # by the keys; the nearest of their steps
                before = painter.radius_deg
                self.press(Qt.Key.Key_BracketRight if before < wanted else Qt.Key.Key_BracketLeft)
                if (before < wanted) != (painter.radius_deg < wanted):
                    if abs(before - wanted) < abs(painter.radius_deg - wanted):
                        self.press(Qt.Key.Key_BracketLeft if before < wanted else Qt.Key.Key_BracketRight)
                    break
            place = self.point(np.asarray(towards))
            QTest.mouseMove(self.view, place)
            QTest.mousePress(self.view, LEFT, NONE, place)
            QTest.mouseRelease(self.view, LEFT, NONE, place)
            self.until(lambda at=index: self._is_painted(at))  # type: ignore[misc]
            found = True
        return found

    def _is_painted(self, index: int) -> bool:
        desk = self.viewer.annotator.studio.desk
        key = desk.key
        labels = None if key is None or key.index != index else desk.labels(key)
        return labels is not None and bool(np.any(labels))

    def start(self, *, minutes: int) -> None:
        """Open the panel, say how long, start."""
        self.press(Qt.Key.Key_F, CONTROL | Qt.KeyboardModifier.ShiftModifier)
        panel = self.finetuning.panel
        self.until(lambda: panel.isVisible() and panel.tree.topLevelItemCount() > 0)
        panel.minutes.setFocus()
        panel.minutes.selectAll()
        QTest.keyClicks(panel.minutes, str(minutes))
        self._take("start", panel)
        self.click(panel.start)
        self.until(lambda: self.finetuning.job is not None)

    def watch(self, *, checks: int, stop_early: bool) -> None:
        """See it learn; after so many checks stop it, or wait until its time is up; then it is judged."""
        panel = self.finetuning.panel
        self.until(lambda: self._checked() >= checks or self._has_ended())
        self._take("watch", panel)
        panel.tabs.setCurrentWidget(panel.examples)
        self.until(lambda: panel.examples.rowCount() > 0)
        self._take("examples", panel)
        if stop_early:
            self.click(panel.stop)
        self.until(self._has_ended)
        self.until(lambda: panel.tabs.currentWidget() is panel.scores)
        self._take("judged", panel)

    def _checked(self) -> int:
        job = self.finetuning.job
        return len(job.runs[-1].check_steps) if job is not None and job.runs else 0

    def _has_ended(self) -> bool:
        job = self.finetuning.job
        ends = (JobState.FAILED, JobState.STOPPED, JobState.CANCELLED)
        if job is not None and job.state in ends and job.record.message:  # one that is judged yet has no message
            raise AssertionError(f"{job.state}: {job.record.message}")
        return job is not None and job.state is JobState.EVALUATED

    def compare(self) -> None:
        """Both models in the picture, a line between them, with nothing else beside it."""
        window, studio = self.viewer.window, self.viewer.annotator.studio
        window.activateWindow()
        self.until(window.isActiveWindow)
        self.press(Qt.Key.Key_D, CONTROL)
        self.until(lambda: not studio.is_on)  # or the pointer would paint
        self.press(Qt.Key.Key_R, CONTROL)
        self.press(Qt.Key.Key_1, CONTROL)
        self.rest(0.5)
        before = self.viewer.player.frame
        self.viewer.player.seek(COMPARED_AT_S)
        self.until(lambda: self.viewer.player.frame is not before)
        self.rest(0.5)
        for _ in range(3):  # the line between both is to cut through it
            self._turn_to_what_sounds()
        self.click(self.finetuning.panel.compare)
        pictures = lambda: self.viewer.state.wish.pictures  # noqa: E731 - asked again and again
        self.until(lambda: pictures().saliency is not None and pictures().second is not None)
        self._take("compare", None)

    def promote(self) -> None:
        """The new model is the one in use, here and now."""
        job, addresses = self.finetuning.job, []
        if job is None:
            raise AssertionError("it has been judged")
        self.viewer.model.link.address_changed.connect(lambda a: addresses.append(None if a is None else a.model_id))
        self.click(self.finetuning.panel.promote)
        wanted = job.record.result["candidate"]
        self.until(lambda: wanted in addresses)
        self.until(lambda: self.viewer.state.wish.pictures.saliency is not None)
        self.finetuning.panel.close()
        self._take("live", None)

    def look_at_models(self) -> None:
        """All models of the machine."""
        self.bench.library.show()
        self.until(lambda: self.bench.library.dialog.models.topLevelItemCount() > 1)
        self._take("models", self.bench.library.dialog)

    def close(self) -> None:
        """Leave."""
        self.viewer.window.close()


class Camera:
    """Writes pictures of the window, with a dialog where it would stand."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.walk: Walk | None = None

    def __call__(self, name: str, over: QWidget | None) -> None:
        """One picture."""
        if self.walk is None:
            return
        if over is not None:
            over.resize(680, 520)
        self.walk.rest(1.0)
        window = self.walk.viewer.window
        window.notices.clear()
        self.walk.rest(0.5)
        image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        if over is not None:
            picture = over.grab()
            painter = QPainter(image)
            painter.drawPixmap(image.width() - picture.width() - 24, (image.height() - picture.height()) // 2, picture)
            painter.end()
        path = self.out / f"finetune-{name}.jpg"
        if not image.save(str(path), quality=QUALITY):
            raise OSError(f"{path} cannot be written")
        print(path, flush=True)


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--every", type=int, default=12, help="key frames: the check set is to lie in five moments")
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--checks", type=int, default=3, help="stop early after so many")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", default="1320x720", help="of the picture")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    install_default_format()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update({place: str(folder / place.lower()) for place in OWN_PLACES})
        clip = folder / "street.mp4"
        for suffix in (".mp4", ".truth.json", ".masks.npz"):
            shutil.copy(options.clip.with_suffix(suffix), clip.with_suffix(suffix))
        camera = Camera(options.out)
        walk = Walk(clip, folder / "s.toml", size=(width, height), theme=options.theme, at_s=1.0, take=camera)
        camera.walk = walk
        try:
            walk.watch_the_model()
            walk.correct(frames=options.frames, every=options.every)
            walk.start(minutes=options.minutes)
            walk.watch(checks=options.checks, stop_early=True)
            walk.compare()
            walk.promote()
            walk.look_at_models()
        finally:
            walk.close()


if __name__ == "__main__":
    main()
