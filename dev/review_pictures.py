#!/usr/bin/env python3
"""Makes docs/pictures/review-*.jpg: propagation, review, export, import and comparing, from the real window.

    python dev/with_xvfb.py python dev/review_pictures.py [CLIP] [--theme light] [--size 1180x760] [--out DIR]

CLIP is one of `panosod synth`, with its truth beside it: what is painted here is its truth, where a person would paint.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget
from waiting import rest, until

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import BY_HAND, put_labels
from panosod_core.annotation.formats.exporting import ExportOptions
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.geometry.projection import View
from panosod_core.synth.truth import load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.tools.review_queue import Queue
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
QUALITY = 72
NAMES = {1: "Guitar", 2: "Drum", 3: "Voice"}


class Studio:
    """The window on a copy of the clip."""

    def __init__(self, clip: Path, folder: Path, *, theme: str, size: tuple[int, int], out: Path) -> None:
        self.out = out
        self.clip = folder / "street.mp4"
        for suffix in (".mp4", ".truth.json", ".masks.npz"):
            shutil.copy(clip.with_suffix(suffix), self.clip.with_suffix(suffix))
        self.truth = load_truth(self.clip)
        words = Arguments(settings=folder / "s.toml", device="none", model="none", play=False, theme=theme, size=size)
        self.viewer = Viewer(QApplication([]), words)
        opener = ClipOpener(self.clip, at_s=3.0)
        opener.start()
        self.viewer.start(opener)
        self.until(lambda: self.viewer.player.frame is not None)
        self.desk = self.viewer.annotator.studio.desk
        self.viewer.annotator.studio.set_on(True)
        self.until(lambda: self.desk.ensure_project())
        bench = self.viewer.annotator.workbench
        if bench is None:
            raise AssertionError("built with the studio")
        self.bench = bench
        bench.set_shown(True)
        self.viewer.timeline.set_shown(True)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        until(condition, limit_s=PATIENCE_S)

    def rest(self, seconds: float) -> None:
        """Let the window go on for a while."""
        rest(seconds)

    def wanted(self) -> NDArray[np.uint8]:
        """The truth of the frame at hand."""
        frame = self.viewer.player.frame
        truth = self.truth.mask(0 if frame is None else frame.index)
        return np.where(np.isin(truth, list(NAMES)), truth, 0).astype(np.uint8)

    def paint(self, labels: NDArray[np.uint8], *, seconds: float) -> None:
        """Paint the frame at hand."""
        document, key = self.desk.document, self.desk.key
        if document is None or key is None:
            raise AssertionError("a project is open")
        edit = put_labels(document.labels(key), labels, protection=self.desk.protection(), origin=BY_HAND)
        self.desk.apply(edit, "Paint", time_spent_s=seconds)

    def accept(self) -> None:
        """Accept the frame at hand and wait for the next."""
        frame = self.viewer.player.frame
        self.bench.review.accept()
        self.until(lambda: self.viewer.player.frame is not frame)

    def take(self, name: str, *, over: QWidget | None = None) -> None:
        """The window, and a dialog over it where it would stand."""
        window = self.viewer.window
        self.viewer.window.notices.clear()
        self.rest(0.6)
        image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        if over is not None:
            picture = over.grab()
            painter = QPainter(image)
            painter.drawPixmap(image.width() - picture.width() - 8, 120, picture)
            painter.end()
        path = self.out / f"review-{name}.jpg"
        if not image.save(str(path), quality=QUALITY):
            raise OSError(f"{path} cannot be written")
        print(path)


def shoot(studio: Studio, folder: Path) -> None:
    """All pictures."""
    bench, desk, viewer = studio.bench, studio.desk, studio.viewer
    viewer.state.set_look(View(yaw_rad=0.6, pitch_rad=0.1, fov_rad=1.9))
    for number, name in NAMES.items():
        desk.add_object(name=name, object_id=number)
    studio.paint(studio.wanted(), seconds=14.0)
    bench.propagation.set_wish(replace(bench.propagation.wish, frames=36))
    bench.propagation.carry(+1)
    studio.until(lambda: bench.bar.progress.value() > 400 or not bench.propagation.is_running)
    studio.take("propagating")
    studio.until(lambda: not bench.propagation.is_running)
    first = 90
    bench.review.go_to(first)
    bench.review.set_queue(Queue.DRAFTS)
    studio.rest(0.5)
    for n in range(8):
        studio.accept()
        if n == 5:
            bench.review.reject()
            bench.review.write_note("the drum hides the voice")
            bench.review.go(+1)
            studio.rest(0.5)
    studio.rest(1.5)
    studio.take("panel")
    bench.exchange.show_export()
    studio.take("export", over=bench.exchange.export_dialog)
    if bench.exchange.export_dialog is not None:
        bench.exchange.export_dialog.close()
    bench.exchange.export(ExportOptions(MaskFormat.DAVIS), folder / "davis")
    studio.until(lambda: (folder / "davis" / "manifest.json").is_file())
    clip = desk.clip
    if clip is None:
        raise AssertionError("painted above")
    number = clip.id

    def delete(document: Document) -> Done | None:
        return document.delete_object(number, 3)

    desk.act(delete)
    bench.exchange.show_import()
    dialog = bench.exchange.import_dialog
    if dialog is None:
        raise AssertionError("made just now")
    dialog.choose(folder / "davis")
    studio.until(lambda: "frames of" in dialog.plan.text())
    studio.take("import", over=dialog)
    dialog.close()
    desk.undo()
    compare(studio, folder)


def compare(studio: Studio, folder: Path) -> None:
    """A second annotator who saw the drum otherwise."""
    bench, document, key = studio.bench, studio.desk.document, studio.desk.key
    if document is None or key is None:
        raise AssertionError("a project is open")
    document.flush()
    document.export_copy(folder / "ada.panosod")
    theirs = Document.open(folder / "ada.panosod", author="Ada")
    for row in theirs.frames(key.clip)[20:24]:
        labels = np.array(theirs.labels(row.key))
        moved = np.roll(labels == 1, (14, 40), (0, 1))
        labels[labels == 1] = 0
        labels[moved & (labels == 0)] = 1
        theirs.apply(
            row.key,
            put_labels(theirs.labels(row.key), labels, protection=theirs.protection(row.key), origin=BY_HAND),
            title="Paint",
        )
    theirs.close()
    studio.viewer.timeline.set_shown(False)
    bench.exchange.compare(folder / "ada.panosod")
    studio.until(lambda: bench.exchange.comparing.dialog is not None and bench.exchange.comparing.dialog.isVisible())
    dialog = bench.exchange.comparing.dialog
    if dialog is None:
        raise AssertionError("shown just now")
    dialog.resize(500, 330)
    dialog.table.setCurrentCell(1, 0)
    studio.until(lambda: bool(studio.viewer.state.wish.pictures.theirs))
    studio.take("compare", over=dialog)
    dialog.close()


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?", default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", default="1240x700", help="of the picture")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    install_default_format()
    folder = Path(tempfile.gettempdir()) / "walk"  # it is to be read in the pictures
    folder.mkdir()
    try:
        studio = Studio(options.clip, folder, theme=options.theme, size=(width, height), out=options.out)
        try:
            shoot(studio, folder)
        finally:
            studio.viewer.window.close()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
