"""Propagation, review, in and out in the whole window, on a real clip with truth beside it."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, put_labels
from panosod_core.annotation.formats.exporting import ExportOptions
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.records import FrameKey, FrameState, MaskState, Source
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.pictures import read_instances, read_mask
from panosod_core.synth.truth import load_truth
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.tools.review_queue import Queue, Show
from panosod_viewer.workers.opening import ClipOpener
from tests.clips import demo_clip

pytestmark = pytest.mark.gl
PATIENCE_MS = 60_000
IDS = (1, 2)


@pytest.fixture(scope="module")
def made_clip(tmp_path_factory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=1.6)


class Bench:
    """The window on a clip of its own, annotating."""

    def __init__(self, qtbot, folder: Path, made_clip: Path, *, at_s: float = 0.2):
        self.qtbot = qtbot
        self.clip = folder / "clip.mp4"
        if not self.clip.exists():
            for suffix in (".mp4", ".truth.json", ".masks.npz"):
                shutil.copy(made_clip.with_suffix(suffix), self.clip.with_suffix(suffix))
        self.truth = load_truth(self.clip)
        words = {"device": "none", "model": "none", "play": False, "size": (640, 360)}
        self.viewer = Viewer(QApplication.instance(), Arguments(settings=folder / "s.toml", **words))
        opener = ClipOpener(self.clip, at_s=at_s)
        opener.start()
        self.viewer.start(opener)
        qtbot.addWidget(self.viewer.window)
        with qtbot.waitExposed(self.viewer.window):
            self.viewer.window.activateWindow()
        self.wait(lambda: self.viewer.player.frame is not None)
        self.studio = self.viewer.annotator.studio
        self.studio.set_on(True)
        self.desk = self.studio.desk
        self.parts = self.viewer.annotator.workbench
        self.parts.set_shown(True)
        self.wait(lambda: bool(self.desk._content_id))

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def act(self, name):
        self.viewer.window.action(name).trigger()

    @property
    def index(self):
        return self.viewer.player.frame.index

    @property
    def document(self) -> Document:
        return self.desk.document

    def go(self, index):
        self.parts.review.go_to(index)
        self.wait(lambda: self.index == index and self.desk.key is not None and self.desk.key.index == index)

    def add_objects(self):
        for n in IDS:
            assert self.desk.add_object(name=f"Ball {n}") == n

    def wanted(self, index):
        truth = self.truth.mask(index)
        return np.where(np.isin(truth, IDS), truth, 0).astype(np.uint8)

    def paint(self):
        """Paint the truth of the frame at hand, by hand."""
        key = self.desk.key
        edit = put_labels(
            self.document.labels(key),
            self.wanted(key.index),
            protection=self.document.protection(key),
            origin=BY_HAND,
        )
        assert self.desk.apply(edit, "Paint", time_spent_s=4.0)
        return key

    def key(self, index) -> FrameKey:
        start = self.desk.key
        ticks = round(1 / (start_rate(self.truth) * self.desk.clip.time_base))
        return replace(start, index=index, pts=start.pts + (index - start.index) * ticks)

    def labels(self, index):
        return np.array(self.document.labels(self.key(index)))

    def said(self):
        """Everything that the window says or still has to say."""
        return " | ".join(notice.text for notice in self.viewer.window.notices._waiting)

    def carried(self):
        self.wait(lambda: not self.parts.propagation.is_running)

    def close(self):
        self.viewer.window.close()
        self.viewer.close()


def start_rate(truth):
    return truth.header.fps


@pytest.fixture
def bench(gl_screen, qtbot, qapp, tmp_path, made_clip):
    palette, sheet, style = qapp.palette(), qapp.styleSheet(), qapp.style().objectName()
    made = []

    def open_(**words):
        made.append(Bench(qtbot, tmp_path, made_clip, **words))
        return made[-1]

    yield open_
    for each in made:
        each.close()
    qapp.setStyleSheet(sheet)
    qapp.setStyle(style)
    qapp.setPalette(palette)
    # A window that closes waits for a thread for a moment only: a slow one ends a little later.
    qtbot.waitUntil(nothing_runs, timeout=PATIENCE_MS)


def nothing_runs() -> None:
    assert [t.name for t in threading.enumerate() if t.name in ("panosod-carry", "panosod-exchange")] == []


def overlap(a, b):
    return np.count_nonzero((a == b) & (b > 0)) / np.count_nonzero((a > 0) | (b > 0))


def test_painted_propagated_accepted_exported_and_read_back(bench, tmp_path):
    at = bench()
    at.add_objects()
    start = at.paint().index
    at.parts.propagation.set_wish(replace(at.parts.propagation.wish, frames=12, guided=False))
    QTest.keyClick(at.viewer.window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert at.parts.propagation.is_running
    at.carried()
    assert "12 frames" in at.said()
    keys = [at.key(start + n) for n in range(1, 13)]
    for key in keys:
        heads = at.document.heads(key)
        assert {h.source for h in heads.values()} == {Source.PROPAGATED} and set(heads) == set(IDS)
        assert {h.state for h in heads.values()} == {MaskState.DRAFT}
    assert overlap(at.labels(start + 12), at.wanted(start + 12)) > 0.6

    at.parts.review.set_queue(Queue.DRAFTS)
    at.go(start)
    for n in range(13):
        QTest.keyClick(at.viewer.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        if n < 12:
            at.wait(lambda n=n: at.index == start + n + 1)
    assert all(at.document.frame(key).state is FrameState.ACCEPTED for key in keys)
    assert at.parts.panel.counts.text().startswith("13 accepted · 0 drafts")

    at.act("project.export")
    dialog = at.parts.exchange.export_dialog
    target = tmp_path / "out"
    dialog.folder.setText(str(target))
    dialog.every.setValue(1)
    dialog.go.click()
    at.wait(lambda: (target / "manifest.json").is_file() and not dialog.isVisible())
    notice = at.viewer.window.notices._waiting[-1]
    assert notice.text.startswith("Exported 13 frames") and notice.actions[0][1] == "Open folder"
    data = open_data_set(target)
    (clip,) = data.clips
    assert [frame.number for frame in clip.frames] == list(range(start, start + 13))
    for frame in clip.frames:
        objects = read_mask(frame.mask) >= 128
        instances = read_instances(target / "instance" / "train" / clip.name / f"{frame.number:05d}.png")
        assert np.array_equal(instances, at.labels(frame.number)) and np.array_equal(objects, instances > 0)


def test_a_propagation_is_one_step_and_undo_brings_everything_back(bench):
    at = bench()
    at.add_objects()
    start = at.paint().index
    at.go(start + 4)
    other = at.document.labels(at.desk.key).copy()
    other[20:40, 20:60] = 1
    edit = put_labels(
        at.document.labels(at.desk.key),
        other,
        protection=at.desk.protection(),
        origin=replace(BY_HAND, source=Source.PROPAGATED),
    )
    assert at.desk.apply(edit, "Old propagation")
    before = {n: at.labels(start + n) for n in range(10)}
    depth = at.document.undo_depth[0]
    at.go(start)
    at.parts.propagation.set_wish(replace(at.parts.propagation.wish, frames=9, guided=False, follows=False))
    at.act("propagate.forward")
    at.carried()
    assert at.index == start and at.document.undo_depth[0] == depth + 1
    after = {n: at.labels(start + n) for n in range(10)}
    assert all((after[n] != before[n]).any() for n in range(1, 10))
    at.act("annotate.undo")
    assert all(np.array_equal(at.labels(start + n), before[n]) for n in range(10))
    at.act("annotate.redo")
    assert all(np.array_equal(at.labels(start + n), after[n]) for n in range(10))


def test_what_a_person_has_said_stays_and_is_told(bench):
    at = bench()
    at.add_objects()
    start = at.paint().index
    propagation = at.parts.propagation
    propagation.set_wish(replace(propagation.wish, frames=8, guided=False, follows=False))
    at.go(start + 5)
    at.desk.act(lambda d: d.set_lock(at.desk.key, locked=True, object_id=1))
    at.go(start + 7)
    at.parts.review.accept()
    at.go(start)
    at.act("propagate.forward")
    at.carried()
    said = at.said()
    assert f"frame {start + 5} (locked) for object 1" in said and f"frame {start + 7} (accepted) for object 2" in said
    assert 1 in at.labels(start + 4) and 1 not in at.labels(start + 5)
    assert 2 in at.labels(start + 6) and not at.labels(start + 7).any() and not at.labels(start + 8).any()


def test_editing_meanwhile_stops_it_and_cancelling_keeps_what_came(bench):
    at = bench(at_s=0.0)
    at.add_objects()
    start = at.paint().index
    propagation = at.parts.propagation
    propagation.set_wish(replace(propagation.wish, frames=46, guided=False, follows=False))
    at.act("propagate.forward")
    at.wait(lambda: at.parts.bar.progress.value() > 0)
    at.act("propagate.stop")
    at.carried()
    reached = max(row.key.index for row in at.document.frames(at.desk.clip.id))
    assert start < reached < start + 46 and at.document.to_undo.title == "Propagate 2 objects"
    at.act("annotate.undo")
    at.act("propagate.forward")
    at.wait(lambda: at.parts.bar.progress.value() > 0)
    at.desk.change_object(1, name="Cello")
    assert not propagation.is_running or propagation._run.why_stopped
    at.carried()
    assert "something else was edited" in at.said()
    assert at.document.to_undo.title == "Change Cello"


def test_between_painted_frames_and_up_to_the_next_one(bench):
    at = bench()
    at.add_objects()
    first = at.paint().index
    at.go(first + 10)
    last = at.paint().index
    at.go(first + 4)
    at.parts.propagation.set_wish(replace(at.parts.propagation.wish, guided=False, follows=False))
    at.act("propagate.between")
    at.carried()
    assert all(overlap(at.labels(n), at.wanted(n)) > 0.75 for n in range(first + 1, last))
    at.act("annotate.undo")
    at.go(first)
    at.act("propagate.to_key")
    at.carried()
    assert at.labels(last - 1).any() and np.array_equal(at.labels(last), at.wanted(last))
    at.go(last)
    at.act("propagate.to_key")
    at.carried()
    ruled = (last // 6 + 1) * 6
    assert at.labels(ruled).any() and not at.labels(ruled + 1).any()


def test_the_queue_the_list_the_notes_and_the_time_line(bench):
    at = bench()
    review, panel = at.parts.review, at.parts.panel
    at.viewer.timeline.set_shown(True)
    at.add_objects()
    at.go(6)
    at.paint()
    at.wait(lambda: review._survey.median_s == 4.0)
    assert "4 s" in panel.time.text()
    QTest.keyClick(at.viewer.window, Qt.Key.Key_N)
    at.wait(lambda: at.index == 12)
    QTest.keyClick(at.viewer.window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    at.wait(lambda: at.index == 0)  # frame 6 is touched
    panel.every.setValue(5)
    at.act("review.next")
    at.wait(lambda: at.index == 5)
    assert at.viewer.memory.settings.review.every == 5
    panel.note.setText("the drum is hidden")
    panel.note.editingFinished.emit()
    assert at.document.frame(at.desk.key).note == "the drum is hidden"
    panel.show_only.setCurrentIndex(list(Show).index(Show.NOTES))
    assert [line.index for line in panel._lines.lines] == [5]
    at.act("review.reject")
    states = {row.key.index: row.state for row in at.document.frames(at.desk.clip.id)}
    assert states == {5: FrameState.REJECTED, 6: FrameState.DRAFT}
    at.wait(lambda: at.viewer.timeline.panel is not None)
    assert [(round(s.start_s * 30), s.state.value) for s in review.spans()] == [(5, "rejected"), (6, "draft")]
    assert at.viewer.timeline.panel.plots.rows["states"].is_shown


def test_a_second_annotators_project_is_compared_and_merged(bench, tmp_path):
    at = bench()
    at.add_objects()
    start = at.paint().index
    at.document.flush()
    other = tmp_path / "theirs.panosod"
    at.document.export_copy(other)
    theirs = Document.open(other, author="Ada")
    labels = theirs.labels(at.desk.key).copy()
    labels[labels == 2] = 0
    labels[100:120, 30:60] = 2
    labels[labels == 1] = 0
    key = at.desk.key
    theirs.delete_object(key.clip, 1)
    theirs.apply(
        key, put_labels(theirs.labels(key), labels, protection=theirs.protection(key), origin=BY_HAND), title="Mine"
    )
    theirs.accept([key])
    theirs.close()
    at.go(start + 3)
    at.parts.exchange.compare(other)
    comparing = at.parts.exchange.comparing
    at.wait(lambda: comparing.dialog is not None and comparing.dialog.isVisible())
    dialog = comparing.dialog
    assert "1 differ. 1 of ours is missing in frames that they accepted." in dialog.summary.text()
    rows = [[dialog.table.item(n, k).text() for k in (1, 3, 4)] for n in range(dialog.table.rowCount())]
    assert rows == [["Ball 2", "draft", "accepted"], ["Ball 1", "draft", "absent"]]
    dialog.table.setCurrentCell(0, 0)
    at.wait(lambda: at.index == start)
    assert len(at.viewer.state.wish.pictures.theirs) == 1
    dialog.table.setCurrentCell(1, 0)
    assert at.desk.selected == 1 and len(at.viewer.state.wish.pictures.theirs) == 0
    dialog.all_theirs.click()
    dialog.go.click()
    assert np.array_equal(at.labels(start), labels) and at.document.heads(key)[2].source is Source.IMPORTED
    at.act("annotate.undo")
    assert np.array_equal(at.labels(start), at.wanted(start))


def test_masks_are_imported_as_drafts_after_the_plan_was_shown(bench, tmp_path):
    at = bench()
    at.add_objects()
    start = at.paint().index
    exchange = at.parts.exchange
    exchange.export(ExportOptions(MaskFormat.DAVIS), tmp_path / "davis")
    at.wait(lambda: (tmp_path / "davis" / "manifest.json").is_file())
    at.desk.act(lambda d: d.delete_object(at.desk.clip.id, 2))
    at.act("project.import")
    dialog = exchange.import_dialog
    dialog.choose(tmp_path / "davis")
    at.wait(lambda: dialog.go.isEnabled())
    assert "Drafts in 1 of 1 frames" in dialog.plan.text() and "pixels stay as they are" in dialog.plan.text()
    dialog.go.click()
    at.wait(lambda: not dialog.isVisible())
    assert np.array_equal(at.labels(start), at.wanted(start))
    assert at.document.heads(at.desk.key)[2].source is Source.IMPORTED
    at.act("project.import")
    dialog.choose(tmp_path)
    at.wait(lambda: "expected a JSON of" in dialog.plan.text())
    assert not dialog.go.isEnabled()


def test_an_export_that_cannot_be_says_why_and_one_that_is_abandoned_leaves_nothing(bench, tmp_path):
    at = bench()
    at.add_objects()
    at.paint()
    at.act("project.export")
    dialog = at.parts.exchange.export_dialog
    dialog.first.setValue(40)
    dialog.folder.setText(str(tmp_path / "none"))
    dialog.go.click()
    at.wait(lambda: "nothing to export" in dialog._said.text())
    dialog.first.setValue(0)
    dialog.go.click()
    dialog.stop.click()
    at.wait(lambda: dialog.go.isEnabled() or not dialog.isVisible())
    assert (tmp_path / "none").is_dir() != dialog.isVisible()
