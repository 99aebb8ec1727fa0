"""Strokes that cannot be written, projects that are damaged, held by somebody else, or without their clip."""

import threading

import numpy as np
import pytest
from PySide6.QtWidgets import QDialog

from panosod_core.annotation.backups import backup_folder, make_backup
from panosod_core.annotation.document import Document
from panosod_core.annotation.writer_lock import BRIEF, WriterLock
from panosod_viewer.annotating import exchange as exchange_module
from panosod_viewer.annotating import project_at_hand
from panosod_viewer.annotating.project_at_hand import GIVE_UP, NOT_BACKED_UP, OPEN_BACKUP, RETRY
from panosod_viewer.panels.notice import Severity
from panosod_viewer.workers.exchanging import compare_projects

pytestmark = pytest.mark.gl


def shown(window) -> list[str]:
    notice = window.viewer.window.notices.current
    return [] if notice is None else [action for action, _ in notice.actions]


def paint(window) -> np.ndarray:
    window.trigger("annotate.brush")
    window.stroke([window.point(0, 0), window.point(15, 0)])
    window.viewer.window.notices.take_back("annotate.project")
    return window.labels()


def test_the_window_stays_open_while_a_stroke_waits_and_a_retry_writes_it(painting, clip):
    window = painting().open(clip).identified()
    paint(window)
    window.saved()
    document = window.desk.document
    document.store.limit_pages(1)
    for _ in range(60):  # what is free within the file's pages is used up first
        for how in ("undo", "redo"):
            window.desk.undo() if how == "undo" else window.desk.redo()
        window.studio.painter.resize(0.3)
        window.stroke([window.point(-20, 5), window.point(20, -5)])
        if document.error is not None:
            break
    painted = window.labels()
    window.wait(lambda: RETRY in shown(window))
    window.viewer.window.close()
    assert window.viewer.window.isVisible()
    window.wait(lambda: GIVE_UP in shown(window))
    assert document.dirty
    document.store.limit_pages(1_000_000)
    window.viewer.window.notices.action_triggered.emit(RETRY)
    window.saved()
    window.close()
    assert not window.viewer.window.isVisible()
    written = Document.open(clip.with_suffix(".panosod"), author="test")
    (row,) = written.frames(1)
    assert np.array_equal(written.labels(row.key), painted)
    written.close()


def test_a_backup_that_fails_is_not_told_as_strokes_that_are_not_saved(painting, clip):
    backup_folder(clip.with_suffix(".panosod")).write_text("no folder")
    window = painting().open(clip).identified()
    told = []
    window.desk.notice.connect(told.append)
    paint(window)
    window.saved()
    window.wait(lambda: any(notice.key == NOT_BACKED_UP for notice in told))
    assert [n.text.startswith("backup failed: ") and not n.actions for n in told if n.key == NOT_BACKED_UP] == [True]
    assert not any("waits" in notice.text or notice.severity is Severity.ERROR for notice in told)
    assert "backup failed" in window.viewer.window.notices.current.text
    assert window.desk.close_project()
    current = window.viewer.window.notices.current
    assert current is None or current.key != NOT_BACKED_UP


def test_a_second_window_looks_only_and_says_so(painting, clip):
    first = painting().open(clip).identified()
    painted = paint(first)
    first.saved()
    second = painting().open(clip).identified()
    second.wait(lambda: second.desk.key is not None)
    assert "looking only" in second.viewer.window.notices.current.text
    assert np.array_equal(second.labels(), painted)
    second.trigger("annotate.brush")
    second.stroke([second.point(-30, 0)])
    assert np.array_equal(second.labels(), painted)


def test_a_project_that_a_job_writes_into_is_looked_at_and_soon_written(painting, clip, monkeypatch):
    monkeypatch.setattr(project_at_hand, "WAIT_S", 0.0)
    monkeypatch.setattr(project_at_hand, "AGAIN_MS", 20)
    monkeypatch.setattr(project_at_hand, "TRIES", 1_000_000)
    first = painting().open(clip).identified()
    painted = paint(first)
    first.saved()
    first.close()
    lock = WriterLock.take(clip.with_suffix(".panosod"), author=BRIEF)
    assert isinstance(lock, WriterLock)
    window = painting().open(clip).identified()
    window.wait(lambda: window.desk.key is not None)
    assert BRIEF in window.desk.document.why_read_only and "looking only" in window.viewer.window.notices.current.text
    dialog = QDialog(window.viewer.window)
    dialog.open()
    lock.release()
    tries = window.desk._tries
    window.wait(lambda: window.desk._tries < tries - 2)
    assert window.desk.document.why_read_only is not None, "not under a dialog"
    dialog.reject()
    window.wait(lambda: window.desk.document.why_read_only is None)
    assert np.array_equal(window.labels(), painted) and shown(window) == []
    window.trigger("annotate.brush")
    window.stroke([window.point(-30, 0)])
    assert not np.array_equal(window.labels(), painted)


@pytest.fixture
def comparing(painting, clip, tmp_path, monkeypatch):
    """A window that only looks, as a job writes into the project; and a comparison that waits for a word."""
    monkeypatch.setattr(project_at_hand, "WAIT_S", 0.0)
    monkeypatch.setattr(project_at_hand, "AGAIN_MS", 20)
    monkeypatch.setattr(project_at_hand, "TRIES", 1_000_000)
    first = painting().open(clip).identified()
    paint(first)
    first.saved()
    first.desk.export_copy(tmp_path / "theirs.panosod")
    first.close()
    word = threading.Event()

    def compared(*projects):
        work = compare_projects(*projects)
        return lambda task: word.wait(60) and work(task)

    monkeypatch.setattr(exchange_module, "compare_projects", compared)
    lock = WriterLock.take(clip.with_suffix(".panosod"), author=BRIEF)
    assert isinstance(lock, WriterLock)
    window = painting().open(clip).identified()
    window.wait(lambda: window.desk.key is not None)
    window.viewer.annotator.workbench.exchange.compare(tmp_path / "theirs.panosod")
    lock.release()
    yield window, word
    word.set()


def told(window) -> list[str]:
    return [notice.text for notice in window.viewer.window.notices._waiting]


def test_a_comparison_is_not_ended_by_a_project_that_may_be_written_again(comparing):
    window, word = comparing
    desk, exchange = window.desk, window.viewer.annotator.workbench.exchange

    def looks_only_for_a_while() -> bool:
        tries = desk._tries
        window.wait(lambda: desk._tries < tries - 2)
        return desk.document.why_read_only is not None

    assert looks_only_for_a_while() and exchange._task is not None
    word.set()
    window.wait(lambda: exchange.comparing.dialog is not None and exchange.comparing.dialog.isVisible())
    assert looks_only_for_a_while() and exchange.comparing.dialog.isVisible()
    exchange.comparing.dialog.close()
    window.wait(lambda: desk.document.why_read_only is None)


def test_a_comparison_that_ends_with_its_project_is_not_said_to_go_on(comparing):
    window, word = comparing
    exchange = window.viewer.annotator.workbench.exchange
    assert any(text.startswith("Comparing with") for text in told(window)) and exchange._task is not None
    word.set()  # its letter is not read before the next event
    window.viewer.window.notices.action_triggered.emit(RETRY)
    assert window.desk.document.why_read_only is None and exchange._task is None
    assert not any(text.startswith("Comparing with") for text in told(window))


def test_a_project_is_written_when_the_other_window_has_gone_and_a_retry_is_asked_for(painting, clip):
    first = painting().open(clip).identified()
    paint(first)
    first.saved()
    second = painting().open(clip).identified()
    second.wait(lambda: second.desk.key is not None)
    notices = second.viewer.window.notices
    notices.action_triggered.emit(RETRY)
    assert "looking only" in notices.current.text and shown(second) == [RETRY]
    assert first.desk.close_project()
    notices.action_triggered.emit(RETRY)
    assert second.desk.document.why_read_only is None and second.desk.key is not None and shown(second) == []


def test_a_damaged_project_is_left_alone_and_its_backup_offered(painting, clip):
    window = painting().open(clip).identified()
    painted = paint(window)
    window.saved()
    project = clip.with_suffix(".panosod")
    make_backup(project)
    window.close()
    data = bytearray(project.read_bytes())
    data[4096:12288] = b"\xa5" * 8192
    project.write_bytes(data)
    again = painting().open(clip)
    again.wait(lambda: any(action.startswith(OPEN_BACKUP) for action in shown(again)))
    assert again.desk.document is None
    again.viewer.window.notices.action_triggered.emit(shown(again)[0])
    again.wait(lambda: again.desk.key is not None)
    assert np.array_equal(again.labels(), painted)
    assert project.read_bytes() == bytes(data)


def test_a_project_opens_with_its_clip_wherever_that_lies_now(painting, clip, tmp_path):
    window = painting().open(clip).identified()
    painted = paint(window)
    window.saved()
    window.close()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    clip = clip.rename(moved / "renamed.mp4")
    project = tmp_path / "clip.panosod"
    again = painting(clip=str(project))
    again.viewer.start(None)
    notices = again.viewer.window.notices
    again.wait(lambda: notices.current is not None and "not there" in notices.current.text)
    wrong = tmp_path / "wrong.mp4"
    wrong.write_bytes(b"something else")
    assert not again.studio.projects.take_file(wrong)
    assert again.studio.projects.take_file(clip)
    again.wait(lambda: again.desk.key is not None)
    assert np.array_equal(again.labels(), painted)
    again.close()
    third = painting(clip=str(project))
    third.viewer.start(None)
    third.wait(lambda: third.desk.key is not None)
    assert np.array_equal(third.labels(), painted)
