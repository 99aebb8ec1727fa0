"""The file: who may write, what happens when the disk will not, damage, old versions, backups."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.annotation import writer_lock
from panosod_core.annotation.backups import (
    backup_folder,
    backups,
    is_whole,
    make_backup,
    newest_whole_backup,
    recover,
    superfluous,
    time_of,
)
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import paint
from panosod_core.annotation.faults import ProjectDamagedError
from panosod_core.annotation.schema import VERSION, migrate
from panosod_core.annotation.store import ProjectStore
from panosod_core.annotation.writer_lock import WriterLock, lock_path
from panosod_core.errors import PanosodError, ProjectError
from tests.core.annotation.painting import a_project, key, rectangle, state_of, stroke

WAIT_S = 30.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A closed project with two strokes."""
    document = a_project(tmp_path / "p.panosod")
    stroke(document, key(0), rectangle(14, 2, 5, 3), 1)
    stroke(document, key(4), rectangle(3, 0, 2, 8), 2)
    document.close()
    return tmp_path / "p.panosod"


# ---- one writer


def test_a_second_window_reads_and_says_who_writes(project: Path) -> None:
    first = Document.open(project, author="ada", backup_every_s=None)
    second = Document.open(project, author="bo", backup_every_s=None)
    assert first.why_read_only is None
    assert (
        second.why_read_only is not None and "ada" in second.why_read_only and str(os.getpid()) in second.why_read_only
    )
    assert state_of(second, key(0)) == state_of(first, key(0))
    edit = paint(second.labels(key(0)), rectangle(0, 0, 2, 2), object_id=1, protection=second.protection(key(0)))
    with pytest.raises(ProjectError, match="another window"):
        second.apply(key(0), edit, title="Paint")
    second.close()
    first.close()
    third = Document.open(project, author="bo", backup_every_s=None)
    assert third.why_read_only is None
    third.close()
    assert not lock_path(project).exists()


def test_the_lock_of_a_dead_process_is_taken(project: Path) -> None:
    holding = (
        "import sys, pathlib\n"
        "from panosod_core.annotation.store import ProjectStore\n"
        "store = ProjectStore.open(pathlib.Path(sys.argv[1]), author='late')\n"
        "print(store.why_read_only, flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holding, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    assert child.stdout.readline().strip() == "None"
    taken = WriterLock.take(project, author="me")
    assert not isinstance(taken, WriterLock) and taken.pid == child.pid and taken.author == "late"
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    assert lock_path(project).exists()
    mine = WriterLock.take(project, author="me")
    assert isinstance(mine, WriterLock)
    mine.release()


def test_who_only_writes_a_row_is_waited_for_no_longer_than_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: now_s[0], sleep=lambda wait_s: now_s.append(now_s.pop() + wait_s), time=lambda: 0.0
    )
    monkeypatch.setattr(writer_lock, "time", clock)
    held = WriterLock.take(project, author=writer_lock.BRIEF)
    assert isinstance(held, WriterLock)
    for words, longest_s in (({"wait_s": 0.3}, 0.3), ({}, writer_lock.BRIEF_S)):
        for text in (lock_path(project).read_text(), "not to be read"):
            lock_path(project).write_text(text)
            begun_s = now_s[0]
            document = Document.open(project, author="ada", backup_every_s=None, **words)
            assert document.why_read_only is not None and document.store.holder.is_brief
            assert longest_s <= now_s[0] - begun_s <= longest_s + 0.05
            document.close()
    held.release()


# ---- what is no project


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "a.panosod"
    text.write_text("hello " * 100)
    other = tmp_path / "b.panosod"
    db = sqlite3.connect(other)
    db.execute("PRAGMA application_id = 77")
    db.execute("CREATE TABLE t (a)")
    db.close()
    for path, words in ((text, "is not a project"), (other, "another program"), (tmp_path / "c", "is not there")):
        with pytest.raises(ProjectError, match=words) as caught:
            ProjectStore.open(path, author="ada")
        assert "\n" not in str(caught.value)


def test_nothing_is_overwritten(project: Path, tmp_path: Path) -> None:
    bytes_before = project.read_bytes()
    with pytest.raises(ProjectError, match="exists"):
        ProjectStore.create(project, author="ada")
    document = Document.open(project, author="ada", backup_every_s=None)
    with pytest.raises(ProjectError, match="exists"):
        document.export_copy(project)
    document.close()
    assert project.read_bytes() == bytes_before


# ---- versions


def as_version_1(path: Path) -> None:
    """A file as the first version wrote it."""
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, to=1)
    db.execute("INSERT INTO clips VALUES (1, 'clip.mp4', 'content', 16, 8, 0, 1, 30, 100)")
    db.execute("INSERT INTO frames (id, clip, stream, frame_index, pts, state) VALUES (1, 1, 0, 2, 13, 'draft')")
    db.execute("INSERT INTO revisions VALUES (1, 1, 3, NULL, NULL, 'manual', NULL, 'draft', 'ada', 5, 1.5)")
    db.execute("INSERT INTO heads VALUES (1, 3, 1)")
    db.close()


def test_an_old_file_is_brought_up_to_date_after_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "old.panosod"
    as_version_1(path)
    document = Document.open(path, author="ada", backup_every_s=None)
    assert document.store.reader.ask("PRAGMA user_version") == [(VERSION,)]
    assert document.store.reader.ask("SELECT count(*) FROM jobs") == [(0,)]
    assert document.heads(key(2))[3].revision == 1
    document.close()
    (backup,) = backups(path)
    db = sqlite3.connect(backup)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()


def test_an_old_file_that_may_not_be_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.panosod"
    as_version_1(path)
    before = path.read_bytes()
    store = ProjectStore.open(path, author="ada", read_only=True)
    assert store.reader.heads(1)[3].revision == 1
    store.close()
    assert path.read_bytes() == before


def test_a_failed_migration_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "old.panosod"
    as_version_1(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE splits (nonsense)")  # in the way of the second step
    with pytest.raises(sqlite3.OperationalError):
        migrate(db)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert not db.execute("SELECT name FROM sqlite_master WHERE name = 'models'").fetchall()
    db.close()


def test_a_newer_file_is_refused(project: Path) -> None:
    db = sqlite3.connect(project)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(ProjectError, match="update panosod"):
        ProjectStore.open(project, author="ada")


def test_revisions_and_masks_cannot_be_changed(project: Path) -> None:
    db = sqlite3.connect(project)
    for sql in ("UPDATE revisions SET author = 'x'", "DELETE FROM masks", "UPDATE masks SET x = 0"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(sql)
    db.close()


# ---- damage


def damage(project: Path, page: int) -> None:
    with project.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)


def test_a_damaged_page_is_found_and_the_backup_offered(project: Path) -> None:
    backup = make_backup(project)
    for page in range(1, project.stat().st_size // 4096):
        copy = project.with_name(f"damaged-{page}.panosod")
        shutil.copyfile(project, copy)
        shutil.copytree(backup_folder(project), backup_folder(copy))
        damage(copy, page)
        before = copy.read_bytes()
        with pytest.raises(ProjectDamagedError) as caught:
            Document.open(copy, author="ada")
        assert caught.value.backup is not None and caught.value.backup.name == backup.name
        assert copy.read_bytes() == before
        assert not lock_path(copy).exists()


def test_recovering_makes_a_new_file_and_keeps_the_damaged(project: Path) -> None:
    document = Document.open(project, author="ada", backup_every_s=None)
    expected = state_of(document, key(0))
    document.close()
    good = make_backup(project)
    bad = make_backup(project)
    damage(bad, 2)
    damage(project, 2)
    damaged = project.read_bytes()
    assert newest_whole_backup(project) == good
    found = recover(project)
    assert recover(project) != found
    assert project.read_bytes() == damaged
    document = Document.open(found, author="ada", backup_every_s=None)
    assert state_of(document, key(0)) == expected
    document.close()


def test_a_damaged_beginning_offers_the_backup_too(project: Path) -> None:
    make_backup(project)
    damage(project, 0)
    with pytest.raises(ProjectDamagedError, match="newest whole backup"):
        Document.open(project, author="ada")


def test_a_flipped_bit_in_a_mask_is_noticed(project: Path) -> None:
    db = sqlite3.connect(project)
    db.execute("DROP TRIGGER masks_stay")
    db.execute("UPDATE masks SET counts = CAST(substr(counts, 1, length(counts) - 1) || '1' AS BLOB)")
    db.commit()
    db.close()
    document = Document.open(project, author="ada", backup_every_s=None)
    with pytest.raises(ProjectError, match="checksum"):
        document.labels(key(0))
    document.close()


# ---- the disk will not


class Errors:
    """Waits for the store thread to report."""

    def __init__(self) -> None:
        self.seen: list[PanosodError] = []
        self.came = threading.Event()

    def __call__(self, error: PanosodError) -> None:
        self.seen.append(error)
        self.came.set()


def noise(size: tuple[int, int] = (8, 16)) -> np.ndarray:
    return np.random.default_rng(1).random(size) < 0.5


def test_a_full_file_keeps_strokes_dirty_and_retry_writes_them(project: Path) -> None:
    errors = Errors()
    document = Document.open(project, author="ada", backup_every_s=None, on_error=errors)
    store = document.store
    pages = store.reader.ask("PRAGMA page_count")[0][0]
    store.limit_pages(pages)
    before = state_of(document, key(0))
    for i in range(30):  # until the file's last page is full
        stroke(document, key(i), rectangle(i % 16, 0, 5, 8), 1 + i % 3)
    assert errors.came.wait(WAIT_S)
    assert "full" in str(errors.seen[0]) and "\n" not in str(errors.seen[0])
    with pytest.raises(ProjectError, match="full"):
        document.flush()
    assert document.dirty > 0 and document.error is not None
    with pytest.raises(ProjectError, match="full"):
        document.close()
    assert len(errors.seen) == 1
    after = {i: state_of(document, key(i)) for i in range(30)}
    copy = ProjectStore.open(project, author="bo", read_only=True)  # old data intact while it stands still
    assert len(copy.reader.frames()) < 30
    copy.close()
    store.limit_pages(1 << 30)
    document.retry()
    document.flush(WAIT_S)
    assert document.dirty == 0 and document.error is None
    document.close()
    document = Document.open(project, author="ada", backup_every_s=None)
    assert {i: state_of(document, key(i)) for i in range(30)} == after
    assert after[0] != before
    document.close()


def test_undo_works_while_nothing_can_be_written(project: Path) -> None:
    document = Document.open(project, author="ada", backup_every_s=None)
    document.store.limit_pages(document.store.reader.ask("PRAGMA page_count")[0][0])
    states = [state_of(document, key(0))]
    for i in range(12):
        stroke(document, key(0), rectangle(i, 0, 3, 8), 1 + i % 3)
        states.append(state_of(document, key(0)))
    for expected in states[-2::-1]:
        document.undo()
        assert document.labels(key(0)).tobytes() == expected[0]
    for expected in states[1:]:
        document.redo()
        assert state_of(document, key(0))[0] == expected[0]
    document.store.limit_pages(1 << 30)
    document.close()


def test_saving_under_another_name_takes_dirty_strokes_along(project: Path, tmp_path: Path) -> None:
    errors = Errors()
    document = Document.open(project, author="ada", backup_every_s=None, on_error=errors)
    project.rename(tmp_path / "pulled")  # the drive is gone
    stroke(document, key(9), rectangle(0, 0, 4, 4), 3)
    expected = state_of(document, key(9))
    assert errors.came.wait(WAIT_S) and "gone" in str(errors.seen[0])
    elsewhere = tmp_path / "other" / "q.panosod"
    elsewhere.parent.mkdir()
    document.save_as(elsewhere)
    document.flush(WAIT_S)
    assert document.path == elsewhere and document.clips[0].path == "../clip.mp4"
    assert state_of(document, key(9)) == expected
    document.close()
    document = Document.open(elsewhere, author="ada", backup_every_s=None)
    assert state_of(document, key(9)) == expected
    assert document.undo() is not None
    document.close()


def test_a_drive_that_comes_back_takes_what_waited(project: Path, tmp_path: Path) -> None:
    errors = Errors()
    document = Document.open(project, author="ada", backup_every_s=None, on_error=errors)
    before = state_of(document, key(0))
    project.rename(tmp_path / "pulled")
    for i in (9, 10):
        stroke(document, key(i), rectangle(0, 0, 4, 4), 3)
    after = {i: state_of(document, key(i)) for i in (9, 10)}
    assert errors.came.wait(WAIT_S)
    with pytest.raises(ProjectError, match="gone"):
        document.flush()
    assert document.dirty == 2 and document.error is not None
    assert len(errors.seen) == 1 and "\n" not in str(errors.seen[0])
    with sqlite3.connect(tmp_path / "pulled") as db:  # what was is whole, and nothing was added
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM frames").fetchone() == (2,)
    db.close()
    (tmp_path / "pulled").rename(project)
    document.retry()
    document.flush(WAIT_S)
    assert document.dirty == 0 and document.error is None
    document.close()
    document = Document.open(project, author="ada", backup_every_s=None)
    assert state_of(document, key(0)) == before
    assert {i: state_of(document, key(i)) for i in (9, 10)} == after
    document.close()


def test_a_page_that_goes_bad_while_a_project_is_open(project: Path) -> None:
    errors = Errors()
    document = Document.open(project, author="ada", backup_every_s=None, on_error=errors)
    document.store.write(lambda db: None)
    document.store.reader.ask("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = project.read_bytes()
    before = state_of(document, key(0))
    assert len(whole) // 4096 > 10
    forget_pages(document)
    for page in range(1, len(whole) // 4096):
        damage(project, page)
    bad = project.read_bytes()
    stroke(document, key(9), rectangle(0, 0, 4, 4), 3)
    after = document.labels(key(9)).tobytes()
    assert errors.came.wait(WAIT_S)
    with pytest.raises(ProjectError, match="damaged"):
        document.flush()
    assert document.dirty == 1 and len(errors.seen) == 1 and "\n" not in str(errors.seen[0])
    assert project.read_bytes() == bad  # a damaged file is not written to
    with project.open("r+b") as file:  # the disk reads well again
        file.write(whole)
    forget_pages(document)
    document.retry()
    document.flush(WAIT_S)
    assert document.dirty == 0 and document.error is None
    document.close()
    document = Document.open(project, author="ada", backup_every_s=None)
    assert state_of(document, key(0)) == before and document.labels(key(9)).tobytes() == after
    document.close()


def forget_pages(document: Document) -> None:
    """So that the writing connection reads from the file again."""
    document.store._db.execute("PRAGMA shrink_memory")


LIMITED = """
import resource, signal, sys
from pathlib import Path
from panosod_core.annotation.document import Document
from panosod_core.annotation.store import ProjectStore
from panosod_core.errors import ProjectError
from tests.core.annotation.painting import key, rectangle, stroke
told = []
document = Document.open(Path(sys.argv[1]), author="ada", backup_every_s=None, on_error=told.append)
stroke(document, key(1), rectangle(0, 0, 4, 4), 1)
document.flush()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
stroke(document, key(2), rectangle(0, 0, 4, 4), 2)
try:
    document.flush()
    print("written")
except ProjectError as e:
    print(e)
print(document.dirty)
document.retry()
try:
    document.flush()
except ProjectError:
    pass
print(len(told))
copy = ProjectStore.open(Path(sys.argv[1]), author="bo", read_only=True)
print(sorted(row.key.index for row in copy.reader.frames()))
copy.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
document.flush()
print(document.dirty)
document.close()
"""


def run_child(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    head = (
        "import sys, types\n"
        "sys.modules['tests'] = types.ModuleType('tests')\n"
        f"sys.modules['tests'].__path__ = [{str(root / 'tests')!r}]\n"
    )
    return subprocess.run(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_a_disk_that_takes_no_more_bytes(project: Path) -> None:
    result = run_child(LIMITED, project)
    assert result.returncode == 0, result.stderr
    message, dirty, told, there, after = result.stdout.strip().splitlines()
    assert message.startswith("cannot write") and "disk" in message
    assert (dirty, told, there, after) == ("1", "1", "[0, 1, 4]", "0")
    document = Document.open(project, author="ada", backup_every_s=None)
    assert set(document.heads(key(1))) == {1} and set(document.heads(key(2))) == {2}
    document.close()


READING = """
import json, os, sys
from pathlib import Path
from panosod_core.annotation.document import Document
from tests.core.annotation.painting import key
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
document = Document.open(Path(sys.argv[1]), author="ada")
print(json.dumps([document.why_read_only, sorted(document.heads(key(0))), int(document.labels(key(0)).sum())]))
document.close()
"""


@pytest.mark.parametrize("crashed", [False, True])
def test_a_folder_that_may_not_be_written_is_read(tmp_path: Path, crashed: bool) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    document = a_project(tmp_path / "p.panosod")
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
    document.flush()
    for suffix in ("", "-wal") if crashed else ():
        shutil.copyfile(tmp_path / f"p.panosod{suffix}", folder / f"p.panosod{suffix}")
    document.close()
    if not crashed:
        shutil.copyfile(tmp_path / "p.panosod", folder / "p.panosod")
    if os.geteuid() == 0:  # the child will be nobody, who must be able to come here
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o055)
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    result = run_child(READING, folder / "p.panosod")
    folder.chmod(0o755)
    assert result.returncode == 0, result.stderr
    why, heads, total = json.loads(result.stdout)
    assert "copy the project" in why
    assert (heads, total) == ([1], 16)
    assert sorted(f.name for f in folder.iterdir()) == (["p.panosod", "p.panosod-wal"] if crashed else ["p.panosod"])


MAKING = """
import os, sys
from pathlib import Path
from panosod_core.annotation.document import Document
from panosod_core.errors import ProjectError
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    Document.create(Path(sys.argv[1]), author="ada")
except ProjectError as e:
    print(e)
"""


def test_no_project_is_made_where_nothing_may_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() == 0:
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o055)
    folder.chmod(0o555)
    result = run_child(MAKING, folder / "p.panosod")
    folder.chmod(0o755)
    assert result.returncode == 0, result.stderr
    (message,) = result.stdout.strip().splitlines()
    assert message.startswith("cannot make") and "p.panosod" in message and "folder may be written" in message
    assert not list(folder.iterdir())


# ---- backups


@given(st.lists(st.integers(0, 10**7), unique=True, max_size=40), st.integers(2, 10))
def test_backups_keep_the_newest_and_the_oldest(ages_s: list[int], keep: int) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    times = [now - timedelta(seconds=s) for s in ages_s]
    gone = superfluous(times, keep=keep)
    left = sorted(set(times) - set(gone))
    assert len(left) == min(len(times), keep)
    if times:
        assert left[0] == min(times) and left[-1] == max(times)


def test_backups_grow_apart_towards_the_past() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    kept: list[datetime] = []
    for minute in range(0, 60 * 24 * 3, 10):
        kept.append(now + timedelta(minutes=minute))
        for stamp in superfluous(kept, keep=8):
            kept.remove(stamp)
    end = kept[-1]
    ages = [(end - t) / timedelta(minutes=1) for t in kept]
    assert len(kept) == 8
    assert ages[-2] <= 60 and any(60 < a <= 1440 for a in ages) and ages[0] == pytest.approx(60 * 24 * 3 - 10)


def test_a_backup_is_whole_while_somebody_writes(project: Path) -> None:
    document = Document.open(project, author="ada", backup_every_s=None)
    for i in range(20):
        stroke(document, key(i), rectangle(i % 16, 0, 5, 8), 1)
        if i % 5 == 0:
            backup = make_backup(project, keep=3)
            assert is_whole(backup)
            assert not backup.with_name(backup.name + "-wal").exists()
    document.close()
    assert len(backups(project)) == 3
    assert [time_of(b) for b in backups(project)] == sorted((time_of(b) for b in backups(project)), reverse=True)


def test_what_killed_processes_left_half_done_is_in_nobodys_way(project: Path, tmp_path: Path) -> None:
    make_backup(project)
    half = backup_folder(project) / "20200101T000000000000Z.panosod.part"
    half.write_bytes(b"half a backup")
    assert newest_whole_backup(project) != half and len(backups(project)) == 1
    make_backup(project)
    assert not half.exists() and len(backups(project)) == 2
    # A project that was being made, and its journal.
    (tmp_path / "new.panosod.part").write_bytes(b"SQLite format 3\0 and no more")
    (tmp_path / "new.panosod.part-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600))
    document = a_project(tmp_path / "new.panosod")
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    document.close()
    assert is_whole(tmp_path / "new.panosod")


def test_opening_makes_a_backup_of_what_has_changed(project: Path) -> None:
    document = Document.open(project, author="ada")
    document.close()
    made = backups(project)
    assert len(made) <= 1  # the thread may have been told to end before it began
    make_backup(project)
    newest = backups(project)[0]
    copy = ProjectStore.open(newest, author="x", read_only=True)
    assert len(copy.reader.frames()) == 2
    copy.close()
