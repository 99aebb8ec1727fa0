"""Jobs and the fixed split in the project's own tables: copied by its writer, changed only forward."""

import math
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

from panosod_core.annotation import writer_lock
from panosod_core.annotation.document import Document
from panosod_core.annotation.ledger import SplitRow, put_job, read_jobs, read_splits
from panosod_core.annotation.records import NewClip
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.annotation.writer_lock import WriterLock
from panosod_core.cli.main import main
from panosod_core.datasets.index import Split
from panosod_core.training.finetune_ledger import AUTHOR, copy_into_project, job_row, split_at_hand, split_rows, writing
from panosod_core.training.finetune_split import FixedSplit, keep_split, split_path
from panosod_core.training.finetune_stretches import WHOLE, Stretch
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState


def project_in(folder):
    path = folder / "p.panosod"
    with closing(Document.create(path, author="a", backup_every_s=None)) as document:
        document.add_clip(NewClip("a.mp4", "content-a", 64, 32, 0, Fraction(1, 1000), 100))
        document.add_clip(NewClip("b.mp4", "content-b", 64, 32, 0, Fraction(1, 90), 100))
    return path


SPLIT = FixedSplit(
    {"content-a": (Stretch(1.0, 2.0),), "content-b": (WHOLE,)}, 0.5, {"content-a": frozenset({5.0, 4.0})}
)
A_ROWS = (
    SplitRow(1, "guard", 500, 999), SplitRow(1, "check", 1000, 2000), SplitRow(1, "guard", 2001, 2500),
    SplitRow(1, "train", 4000, 4000), SplitRow(1, "train", 5000, 5000),
)  # fmt: skip


def test_a_split_is_told_in_pts(tmp_path):
    with closing(Document.open(project_in(tmp_path), author="a", backup_every_s=None)) as document:
        rows = split_rows(SPLIT, document.clips)
    assert tuple(rows) == (*A_ROWS, SplitRow(2, "check", None, None)) and WHOLE.end_s == math.inf


def test_a_window_that_opens_while_a_job_copies_itself_waits_for_that(tmp_path, monkeypatch):
    project, waits = project_in(tmp_path), []
    lock = WriterLock.take(project, author=AUTHOR)
    assert isinstance(lock, WriterLock)

    def sleep(wait_s):
        waits.append(wait_s)
        if len(waits) == 3:
            lock.release()

    monkeypatch.setattr(writer_lock, "time", SimpleNamespace(monotonic=lambda: sum(waits), sleep=sleep, time=lambda: 0))
    with closing(Document.open(project, author="a", backup_every_s=None)) as document:
        assert document.why_read_only is None and len(waits) == 3


def test_a_command_copies_where_nobody_writes_and_not_where_somebody_does(tmp_path):
    project = project_in(tmp_path)
    keep_split(project, SPLIT)
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(project))
    with closing(Document.open(project, author="window", backup_every_s=None)) as document:
        assert not copy_into_project(job.path)
        assert read_jobs(document.store.reader) == ()
        # The window is the writer: it copies what it sees, in order with the strokes.
        document.note(writing([job_row(job.path, job.read())], SPLIT, document.clips))
        document.flush()
        (row,) = read_jobs(document.store.reader)
    assert (row.id, row.kind, row.state, row.folder) == (job.read().id, "finetune", "draft", str(job.path))
    job.become(JobState.QUEUED, "go", corrected=24, plans=["not kept"])
    assert copy_into_project(job.path)
    with closing(Document.open(project, author="a", backup_every_s=None)) as document:
        (row,) = read_jobs(document.store.reader)
        assert (row.state, row.data["message"], row.data["result"]) == ("queued", "go", {"corrected": 24})
        assert read_splits(document.store.reader)[:5] == A_ROWS


def test_an_older_copy_does_not_come_back_and_the_same_split_is_not_written_again(tmp_path):
    project = project_in(tmp_path)
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(project))
    before = job_row(job.path, job.read())
    after = job_row(job.path, job.become(JobState.QUEUED))
    with closing(Document.open(project, author="a", backup_every_s=None)) as document:
        store, clips = document.store, document.clips
        store.write(writing([after], SPLIT, clips))
        (first,) = store.reader.ask("SELECT min(id) FROM splits")
        store.write(lambda db: put_job(db, before))
        store.write(writing([after], SPLIT, clips))
        assert [row.state for row in read_jobs(store.reader)] == ["queued"]
        assert store.reader.ask("SELECT min(id) FROM splits") == [first]
        store.write(writing([], FixedSplit(), clips))
        assert read_splits(store.reader) == ()


def test_a_project_that_is_gone_is_no_reason_to_stop(tmp_path):
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(tmp_path / "gone.panosod"))
    assert not copy_into_project(job.path)


def test_a_damaged_split_is_left_out_and_what_was_asked_for_is_done(tmp_path, capsys):
    project = project_in(tmp_path)
    keep_split(project, SPLIT)
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(project))
    job.become(JobState.QUEUED)
    assert copy_into_project(job.path)
    split_path(project).write_text("{")
    assert main(["job", "cancel", str(job.path)]) == 0, capsys.readouterr().err
    with closing(Document.open(project, author="a", backup_every_s=None)) as document:
        assert [row.state for row in read_jobs(document.store.reader)] == ["cancelled"]
        assert read_splits(document.store.reader)[:5] == A_ROWS, "its copy is kept"
    (note,) = [e["text"] for e in job.events()[0] if e["event"] == "note"]
    assert split_path(project).name in note and "not copied" in note


def test_where_the_file_beside_the_project_is_lost_its_copy_is_used_and_that_is_said(tmp_path):
    project = project_in(tmp_path)
    keep_split(project, SPLIT)
    assert copy_into_project(JobFolder.create(tmp_path / "job", FinetuneRequest(project)).path)
    with Snapshot.open(project) as snapshot:
        assert split_at_hand(snapshot) == (replace(SPLIT, clips={1: "content-a", 2: "content-b"}), "")
    split_path(project).unlink()
    with Snapshot.open(project) as snapshot:
        found, lost = split_at_hand(snapshot)
    assert (found.check, found.learnt, found.guard_s) == (SPLIT.check, SPLIT.learnt, SPLIT.guard_s)
    assert "p.panosod.split.json is not beside the project" in lost


def test_another_copy_of_a_clip_is_for_what_the_first_was_for(tmp_path):
    project = project_in(tmp_path)
    with Snapshot.open(project) as snapshot:
        clips = snapshot.clips
    keep_split(project, SPLIT.following(clips))
    with closing(Document.open(project, author="a", backup_every_s=None)) as document:
        document.rewrite(
            lambda db: db.execute("UPDATE clips SET path = 'smaller.mp4', content_id = 'content-c' WHERE id = 1")
        )
    with Snapshot.open(project) as snapshot:
        found, _ = split_at_hand(snapshot)
    assert found.part_of("content-c", 1.5) is Split.VALIDATION and found.learnt["content-c"] == {4.0, 5.0}
    keep_split(project, found)
    assert found.following(clips).check["content-a"] == SPLIT.check["content-a"], "and the first, taken back, as well"
