"""Masks out and in through the window's own dialogs: long imports, and what an export has to say."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, put_labels
from panosod_core.annotation.formats.exporting import Exported, ExportOptions, export
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.records import FrameKey
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import ProjectError
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.annotating import exchange as exchange_module
from panosod_viewer.annotating.projects import project_name
from panosod_viewer.panels.notice import Notice
from panosod_viewer.workers.exchanging import Task, TaskFailed, TaskPart, plan_masks
from tests.viewer.annotating.window import PaintingWindow

pytestmark = pytest.mark.gl


def annotated(window: PaintingWindow, clip: Path, *, frames: tuple[int, ...]) -> list[FrameKey]:
    """Two objects in some frames of the clip on the screen."""
    window.identified()
    window.studio.set_on(True)
    assert window.desk.ensure_project()
    video = probe(clip).video
    with VideoReader(clip, video) as reader:
        pts = reader.frame_pts()
    for number in (1, 2):
        assert window.desk.add_object(name=f"thing {number}") == number
    keys = [FrameKey(window.desk.clip.id, video.stream_index, int(pts[i]), i) for i in frames]
    for key in keys:
        old, guarded = window.desk.document.labels(key), window.desk.document.protection(key)
        labels = np.array(old)
        labels[10:30, 5 + key.index : 40 + key.index], labels[50:80, 100:140] = 1, 2
        edit = put_labels(old, labels, protection=guarded, origin=BY_HAND)
        assert window.desk.act(lambda d, key=key, edit=edit: d.apply(key, edit, title="Paint"))
    return keys


def importing(window: PaintingWindow, clip: Path, folder: Path, monkeypatch) -> tuple[list[FrameKey], int]:
    """Six frames' masks of object 2, away and being imported again: two frames are there, then the disk takes no more.

    Returns:
        Their keys, and which step was the last one before.
    """
    keys = annotated(window, clip, frames=(0, 1, 2, 3, 4, 5))
    window.saved()
    document, exchange = window.desk.document, window.viewer.annotator.workbench.exchange
    with Snapshot.open(document.path) as snapshot:
        export(snapshot, folder, ExportOptions(MaskFormat.DAVIS), media=lambda _clip: clip)
    window.desk.act(lambda d: d.delete_object(window.desk.clip.id, 2))
    last = document.to_undo.id
    window.viewer.window.action("project.import").trigger()
    exchange.import_dialog.choose(folder)
    window.wait(lambda: exchange.import_dialog.go.isEnabled())
    monkeypatch.setattr(exchange_module, "MOST_UNSAVED", -1)
    exchange.import_dialog.go.click()
    window.wait(lambda: (document.labels(keys[1]) == 2).any())
    return keys, last


def test_an_import_is_taken_back_at_once_and_no_redo_brings_its_half(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    keys, last = importing(window, clip, tmp_path / "davis", monkeypatch)
    document, dialog = window.desk.document, window.viewer.annotator.workbench.exchange.import_dialog
    dialog.reject()
    assert document.to_undo.id == last and document.to_redo is None, "before the thread has noticed"
    window.desk.add_object(name="another")
    assert not any((document.labels(key) == 2).any() for key in keys)
    window.trigger("project.import")
    assert all(widget.isEnabled() for widget in dialog._choosers), "other masks can be chosen"
    dialog.reject()


def test_what_stays_of_an_import_under_something_else_is_told(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    keys, _ = importing(window, clip, tmp_path / "davis", monkeypatch)
    exchange, said = window.viewer.annotator.workbench.exchange, []
    exchange.notice.connect(said.append)
    window.desk.act(lambda d: d.set_note(keys[0], "a note"))
    exchange.import_dialog.reject()
    assert "2 frames only" in said[-1].text and (window.desk.document.labels(keys[1]) == 2).any()


def test_a_part_that_does_not_fit_any_more_ends_an_import_and_is_told(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    keys, last = importing(window, clip, tmp_path / "davis", monkeypatch)
    document, exchange = window.desk.document, window.viewer.annotator.workbench.exchange
    stale = put_labels(
        np.zeros_like(document.labels(keys[2])),
        np.full_like(document.labels(keys[2]), 2),
        protection=document.protection(keys[2]),
        origin=BY_HAND,
    )
    exchange._mail.post(TaskPart(exchange._task.number, (keys[2], stale)))
    window.wait(lambda: "Frame 2 was changed while davis was imported" in exchange.import_dialog.plan.text())
    assert exchange._task is None and document.to_undo.id == last and document.to_redo is None
    exchange.import_dialog.reject()


def test_an_import_whose_last_frame_cannot_be_written_is_no_success(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    apply_many = Document.apply_many

    def full(document, edits, **words):
        if words["title"] == "Import davis" and edits[0][0].index == 5:
            raise ProjectError("the disk is full")
        return apply_many(document, edits, **words)

    monkeypatch.setattr(Document, "apply_many", full)
    _, last = importing(window, clip, tmp_path / "davis", monkeypatch)
    document, exchange, said = window.desk.document, window.viewer.annotator.workbench.exchange, []
    exchange.notice.connect(said.append)
    monkeypatch.setattr(exchange_module, "MOST_UNSAVED", 16)
    exchange._give_room()
    window.wait(
        lambda: "the disk is full" in exchange.import_dialog.plan.text() or not exchange.import_dialog.isVisible()
    )
    window.wait(lambda: exchange._task is None)
    assert "the disk is full" in exchange.import_dialog.plan.text() and not said
    assert document.to_undo.id == last
    exchange.import_dialog.reject()


def test_an_import_that_is_abandoned_while_it_is_written_leaves_nothing(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    keys = annotated(window, clip, frames=(0, 1, 2, 3, 4, 5))
    document, exchange = window.desk.document, window.viewer.annotator.workbench.exchange

    def shown() -> list[np.ndarray]:
        return [np.array(document.labels(key)) for key in keys]

    whole = shown()
    exchange.export(ExportOptions(MaskFormat.DAVIS), tmp_path / "davis")
    window.wait(lambda: (tmp_path / "davis" / "manifest.json").is_file())
    window.desk.act(lambda d: d.delete_object(window.desk.clip.id, 2))
    before = shown()

    def planned():
        window.viewer.window.action("project.import").trigger()
        dialog = exchange.import_dialog
        dialog.choose(tmp_path / "davis")
        window.wait(lambda: dialog.go.isEnabled())
        return dialog

    dialog = planned()
    monkeypatch.setattr(exchange_module, "MOST_UNSAVED", -1)  # the disk takes no more: two frames, then it waits
    dialog.go.click()
    window.wait(lambda: (document.labels(keys[1]) == 2).any())
    assert not dialog.go.isEnabled() and "of 6 frames" in dialog.plan.text()
    dialog.reject()
    window.wait(lambda: document.to_undo.title != "Import davis")
    assert all(np.array_equal(now, was) for now, was in zip(shown(), before, strict=True))
    monkeypatch.undo()
    dialog = planned()
    dialog.go.click()
    window.wait(lambda: not dialog.isVisible())
    assert all(np.array_equal(now, was) for now, was in zip(shown(), whole, strict=True))
    window.trigger("annotate.undo")
    assert all(np.array_equal(now, was) for now, was in zip(shown(), before, strict=True)), "one step"
    assert document.to_redo.title == "Import davis", "a whole one can be done again"
    window.trigger("project.import")
    assert all(widget.isEnabled() for widget in dialog._choosers)
    dialog.reject()


def test_an_import_that_had_to_wait_for_the_disk_is_done_when_asked_again(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip)
    (key,) = annotated(window, clip, frames=(0,))
    window.saved()
    exchange, document, said = window.viewer.annotator.workbench.exchange, window.desk.document, []
    with Snapshot.open(document.path) as snapshot:
        export(snapshot, tmp_path / "davis", ExportOptions(MaskFormat.DAVIS), media=lambda _clip: clip)
    window.desk.act(lambda d: d.delete_object(window.desk.clip.id, 2))
    window.viewer.window.action("project.import").trigger()
    dialog = exchange.import_dialog
    dialog.choose(tmp_path / "davis")
    window.wait(lambda: dialog.go.isEnabled())
    exchange.notice.connect(said.append)

    def full(_document, _timeout_s=None):
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Document, "flush", full)
        for _ in range(2):
            dialog.go.click()
            assert (
                dialog.isVisible() and dialog.go.isEnabled() and "the disk is full. Nothing was" in dialog.plan.text()
            )
        assert exchange._task is None and not (document.labels(key) == 2).any() and not said
    dialog.go.click()
    window.wait(lambda: not dialog.isVisible())
    assert (document.labels(key) == 2).any()
    window.viewer.window.action("project.import").trigger()
    with monkeypatch.context() as patch:
        patch.setattr(Document, "flush", full)
        dialog.choose(tmp_path / "davis")
        assert dialog.plan.text() == "the disk is full" and not dialog.go.isEnabled()
    dialog.reject()


def test_a_propagation_ends_where_an_import_begins(painting, clip, tmp_path):
    window = painting().open(clip)
    annotated(window, clip, frames=(0,))
    window.saved()
    workbench = window.viewer.annotator.workbench
    with Snapshot.open(window.desk.document.path) as snapshot:
        export(snapshot, tmp_path / "davis", ExportOptions(MaskFormat.DAVIS), media=lambda _clip: clip)
    window.desk.act(lambda d: d.delete_object(window.desk.clip.id, 2))
    window.viewer.window.action("project.import").trigger()
    dialog = workbench.exchange.import_dialog
    dialog.choose(tmp_path / "davis")
    window.wait(lambda: dialog.go.isEnabled())
    assert workbench.propagation.carry(+1) and workbench.propagation.is_running
    dialog.go.click()
    assert not workbench.propagation.is_running
    window.wait(lambda: not dialog.isVisible())
    assert window.desk.document.to_undo.title == "Import davis"


def test_looking_at_masks_can_be_abandoned_without_a_word(painting, clip, tmp_path):
    window = painting().open(clip)
    annotated(window, clip, frames=(0,))
    window.saved()
    with Snapshot.open(window.desk.document.path) as snapshot:
        export(snapshot, tmp_path / "davis", ExportOptions(MaskFormat.DAVIS), media=lambda _clip: clip)
    letters: list[object] = []
    work = plan_masks(window.desk.document.path, window.desk.clip, clip, tmp_path / "davis")
    task = Task(1, work, letters.append)
    task.cancel()
    task.start()
    window.wait(lambda: bool(letters))
    assert letters == [TaskFailed(1, "")]


def test_all_notes_of_an_export_are_shown(painting, clip, tmp_path):
    window = painting().open(clip)
    annotated(window, clip, frames=(0, 1, 5))
    exchange = window.viewer.annotator.workbench.exchange
    said: list[Notice] = []
    exchange.notice.connect(said.append)
    exchange.export(ExportOptions(MaskFormat.DAVIS, sound=True), tmp_path / "davis")
    window.wait(lambda: exchange.notes_box is not None and exchange.notes_box.isVisible())
    box = exchange.notes_box
    assert "Exported 3 frames" in box.text() and "clip: the exported frames do not follow" in box.informativeText()
    box.close()

    notes = tuple(f"clip {n}: note {n}" for n in range(1, 9))
    exchange._begin(lambda _task: Exported(tmp_path / "davis", 3, 3, notes))
    window.wait(lambda: exchange.notes_box is not box)
    box = exchange.notes_box
    assert "Clip 1: note 1.\n\n" in box.informativeText() and "2 more" in box.informativeText()
    assert box.detailedText().splitlines() == [f"Clip {n}: note {n}." for n in range(1, 9)]
    assert "8 notes, the first: clip 1" in said[-1].text
    box.close()


def test_dots_and_spaces_in_a_projects_name_stay(painting, clip, tmp_path, monkeypatch):
    film = clip.rename(tmp_path / "my take.1.mp4")
    window = painting().open(film)
    annotated(window, film, frames=(0,))
    asked: list[str] = []

    def answer(_parent, _title, start, *_rest):
        asked.append(Path(start).name)
        return str(tmp_path / "take.2"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    window.trigger("project.export_copy")
    assert asked == ["my take.1 2.panosod"] and (tmp_path / "take.2.panosod").is_file()
    for name in ("a.panosod", "A.PANOSOD", "take.1.Panosod"):
        assert project_name(str(tmp_path / name)) == tmp_path / name
