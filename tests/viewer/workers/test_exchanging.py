"""Comparing projects in a thread: a project that is looked at can be written by whoever paints in it."""

from panosod_core.annotation.document import Document
from panosod_core.annotation.merge import compare
from panosod_viewer.workers import exchanging
from panosod_viewer.workers.exchanging import Task, TaskDone, compare_projects
from tests.core.annotation.painting import a_project, key, rectangle, stroke


def test_looking_at_a_project_does_not_keep_it_from_being_opened_for_painting(tmp_path, mail, monkeypatch):
    for name in ("ours", "theirs"):
        document = a_project(tmp_path / f"{name}.panosod")
        stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
        document.close()
    opened = []

    def meanwhile(document, theirs):
        writing = Document.open(tmp_path / "ours.panosod", author="ada", backup_every_s=None)
        opened.append((writing.why_read_only, document.why_read_only))
        writing.close()
        return compare(document, theirs)

    monkeypatch.setattr(exchanging, "compare", meanwhile)
    task = Task(1, compare_projects(tmp_path / "ours.panosod", tmp_path / "theirs.panosod"), mail.post)
    task.start()
    letter = mail.next()
    assert isinstance(letter, TaskDone) and [i.finding for i in letter.result.plan.items] == ["same"]
    assert opened == [(None, "it was opened for reading only")]
    letter.result.theirs.close()
    assert task.close(timeout_s=60)
