"""Projects under other names, given up, and away from their clip, through the window's own dialogs and buttons."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, put_labels
from panosod_core.annotation.merge import Choice
from panosod_core.annotation.records import ObjectInfo
from panosod_viewer.annotating.project_at_hand import GIVE_UP
from panosod_viewer.annotating.projects import FIND_FILE
from tests.viewer.annotating.window import PaintingWindow

pytestmark = pytest.mark.gl


def shown(window) -> list[str]:
    notice = window.viewer.window.notices.current
    return [] if notice is None else [action for action, _ in notice.actions]


def paint(window: PaintingWindow, azimuth_deg: float = 0.0) -> np.ndarray:
    if not window.studio.painter.is_painting:
        window.trigger("annotate.brush")
    window.stroke([window.point(azimuth_deg, 0), window.point(azimuth_deg + 10, 0)])
    return window.labels()


def on_disk(project: Path) -> list[np.ndarray]:
    document = Document.open(project, author="test")
    try:
        return [np.array(document.labels(row.key)) for row in document.frames(document.clips[0].id)]
    finally:
        document.close()


def answers(monkeypatch, asking: str, path: Path) -> list[tuple[str, str]]:
    """The next file dialogs of a kind give this path; what they were asked."""
    asked: list[tuple[str, str]] = []

    def answer(_parent, title, start, *_rest):
        asked.append((title, start))
        return str(path), ""

    monkeypatch.setattr(QFileDialog, asking, answer)
    return asked


def test_a_copy_is_left_behind_and_save_as_goes_on_elsewhere(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip).identified()
    first = paint(window)
    copy, other = tmp_path / "copy.panosod", tmp_path / "other.panosod"
    asked = answers(monkeypatch, "getSaveFileName", copy)
    window.trigger("project.export_copy")
    assert asked and asked[0][1].endswith(".panosod")
    assert window.desk.document.path == clip.with_suffix(".panosod")
    second = paint(window, 40)
    answers(monkeypatch, "getSaveFileName", other)
    window.trigger("project.save_as")
    assert window.desk.document.path == other
    third = paint(window, -40)
    window.saved()
    window.trigger("annotate.undo")
    assert np.array_equal(window.labels(), second), "the history went along"
    window.trigger("annotate.redo")
    window.saved()
    window.close()
    assert [np.array_equal(a, b) for a, b in zip(on_disk(copy), [first], strict=True)] == [True]
    assert [np.array_equal(a, b) for a, b in zip(on_disk(other), [third], strict=True)] == [True]
    assert [np.array_equal(a, b) for a, b in zip(on_disk(clip.with_suffix(".panosod")), [second], strict=True)] == [
        True
    ]


def test_giving_up_closes_the_window_without_what_could_not_be_written(painting, clip):
    window = painting().open(clip).identified()
    kept = paint(window)
    window.saved()
    document = window.desk.document
    document.store.limit_pages(1)
    for step in range(60):  # what is free within the file's pages is used up first
        window.studio.painter.resize(0.3)
        paint(window, 40 if step % 2 else -40)
        if document.error is not None:
            break
    window.viewer.window.close()
    assert window.viewer.window.isVisible()
    window.wait(lambda: GIVE_UP in shown(window))
    window.viewer.window.notices.action_triggered.emit(GIVE_UP)
    assert not window.viewer.window.isVisible()
    (left,) = on_disk(clip.with_suffix(".panosod"))
    assert (left > 0)[kept > 0].any()


def test_the_window_asks_where_a_clip_is_and_takes_only_the_same(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip).identified()
    painted = paint(window)
    window.saved()
    window.close()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    clip = clip.rename(moved / "renamed.mp4")
    wrong = tmp_path / "wrong.mp4"
    wrong.write_bytes(clip.read_bytes()[:-1000])
    again = painting(clip=str(tmp_path / "clip.panosod"))
    again.viewer.start(None)
    again.wait(lambda: FIND_FILE in shown(again))
    asked = answers(monkeypatch, "getOpenFileName", wrong)
    again.viewer.window.notices.action_triggered.emit(FIND_FILE)
    assert asked[0][0] == "Where is clip.mp4?"
    assert again.desk.key is None and FIND_FILE in shown(again), "it is asked again"
    answers(monkeypatch, "getOpenFileName", clip)
    again.viewer.window.notices.action_triggered.emit(FIND_FILE)
    again.wait(lambda: again.desk.key is not None)
    assert np.array_equal(again.labels(), painted)


def test_a_conflict_in_another_clip_of_the_project_is_gone_to(painting, clip, tmp_path, other_clip):
    window = painting().open(clip).identified()
    paint(window)
    here = clip.with_suffix(".panosod")
    window.saved()
    window.viewer.session.open(other_clip)
    window.wait(lambda: window.desk.document is None)  # a project of one clip goes with it
    window.wait(lambda: window.desk.is_identified and window.desk.frame is not None)
    window.desk.open_project(here)
    paint(window, 20)
    window.saved()
    theirs = tmp_path / "theirs.panosod"
    window.desk.export_copy(theirs)
    _add_a_patch_everywhere(theirs)

    window.viewer.session.open(clip)
    window.wait(lambda: window.desk.clip is not None and window.desk.clip.id == 1 and window.desk.frame is not None)
    assert window.desk.document.path == here
    exchange = window.viewer.annotator.workbench.exchange
    exchange.compare(theirs)
    window.wait(lambda: exchange.comparing.dialog is not None and exchange.comparing.dialog.isVisible())
    dialog = exchange.comparing.dialog
    assert [dialog.table.item(n, 0).text().split()[0] for n in range(2)] == [clip.name, other_clip.name]
    for row, number in ((1, 2), (0, 1)):
        dialog.table.setCurrentCell(row, 0)
        window.wait(lambda number=number: window.desk.clip is not None and window.desk.clip.id == number)
        window.wait(lambda: len(window.viewer.state.wish.pictures.theirs) > 0)
        assert dialog.isVisible()


def test_what_was_painted_since_the_comparison_is_kept_and_compared_again(painting, clip, tmp_path):
    window = painting().open(clip).identified()
    paint(window)
    window.saved()
    desk, key = window.desk, window.desk.key
    theirs = tmp_path / "theirs.panosod"
    desk.export_copy(theirs)
    with closing(Document.open(theirs, author="Ada")) as document:
        document.put_object(key.clip, ObjectInfo(2, "Their drum"))
        _put(document.apply, document, key, (slice(10, 20), slice(10, 30)))
        _put(document.apply, document, key, (slice(60, 70), slice(10, 30)), 1)
    exchange = window.viewer.annotator.workbench.exchange
    exchange.compare(theirs)
    window.wait(lambda: exchange.comparing.dialog is not None and exchange.comparing.dialog.isVisible())
    dialog = exchange.comparing.dialog
    assert desk.add_object(name="My voice") == 2
    _put(lambda _, edit, title: desk.apply(edit, title), desk.document, key, (slice(15, 25), slice(10, 30)))
    mine = window.labels()
    assert dialog.table.rowCount() == 1, "theirs of the first object differs, their second is new"
    dialog.set_choice(0, Choice.UNION)
    dialog.go.click()
    assert np.array_equal(window.labels(), mine)
    assert any("compare again" in notice.text for notice in window.viewer.window.notices._waiting)
    window.wait(dialog.isVisible)
    assert [dialog.table.item(n, 1).text() for n in range(dialog.table.rowCount())] == ["Object 1", "object 3"]
    assert dialog.choices() == {0: Choice.UNION, 1: Choice.OURS}, "what was chosen stays chosen"
    dialog.set_choice(1, Choice.THEIRS)
    dialog.go.click()
    assert [o.name for o in desk.objects()][1:] == ["My voice", "Their drum"]
    assert [(window.labels() == i).sum() for i in (2, 3)] == [100, 200]


def _put(apply, document: Document, key, where: tuple[slice, slice], object_id: int = 2) -> None:
    """An object in a part of a frame."""
    labels = np.array(document.labels(key))
    labels[where] = object_id
    old, guarded = document.labels(key), document.protection(key)
    assert apply(key, put_labels(old, labels, protection=guarded, origin=BY_HAND), title="Patch")


def _add_a_patch_everywhere(project: Path) -> None:
    """Another annotator's opinion in every frame."""
    document = Document.open(project, author="Ada")
    for clip in document.clips:
        for row in document.frames(clip.id):
            labels = np.array(document.labels(row.key))
            labels[10:20, 10:30] = 1
            old, guarded = document.labels(row.key), document.protection(row.key)
            document.apply(row.key, put_labels(old, labels, protection=guarded, origin=BY_HAND), title="Patch")
    document.close()
