"""Other programs that open a project with SQLite while somebody paints: nothing acknowledged may be lost by that."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from panosod_core.annotation.document import Document
from panosod_core.annotation.store import log_path
from panosod_core.errors import ProjectError
from tests.core.annotation.painting import a_project, key, rectangle, state_of, stroke

WAIT_S = 60.0

PAINTER = """
import sys
from pathlib import Path
from panosod_core.annotation.document import Document
from panosod_core.annotation.opening import open_file
from panosod_core.annotation.edits import paint
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey
from panosod_core.annotation.snapshot import Snapshot
import numpy as np

path, how = Path(sys.argv[1]), sys.argv[2]
document = Document.open(path, author="ada", backup_every_s=None)
mask = RingMask(RingBox(0, 0, 2, 2), np.ones((2, 2), bool))
for i, line in enumerate(sys.stdin):
    if i == 1:
        if how == "snapshot":
            document.snapshot().close()
        elif how == "two snapshots":
            first, second = document.snapshot(), Snapshot.open(path)
            first.close()
            second.close()
        elif how == "document":
            Document.open(path, author="bo", backup_every_s=None).close()
        elif how == "backup":
            document.store.back_up()
        elif how == "copy":
            document.export_copy(path.with_name("copy.panosod"))
        elif how == "for reading":
            open_file(path, author="", read_only=True).close()
    key = FrameKey(1, 0, 7 + 3 * i, i)
    edit = paint(document.labels(key), mask, object_id=1, protection=document.protection(key))
    document.apply(key, edit, title="Paint")
    document.flush(30)
    print("acknowledged", i, document.dirty, document.error, flush=True)
"""


def frames_seen_by_another_program(project: Path) -> int:
    """What any program with SQLite sees; it opens the file, reads and closes it."""
    db = sqlite3.connect(project)
    try:
        return int(db.execute("SELECT count(*) FROM frames").fetchone()[0])
    finally:
        db.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here, and locks there belong to a descriptor")
@pytest.mark.parametrize("how", ["snapshot", "two snapshots", "document", "backup", "copy", "for reading"])
def test_looking_at_an_open_project_keeps_its_locks(tmp_path: Path, how: str) -> None:
    project = tmp_path / "p.panosod"
    a_project(project).close()
    with subprocess.Popen(
        [sys.executable, "-c", PAINTER, str(project), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as painter:
        try:
            assert painter.stdin is not None and painter.stdout is not None
            for i in range(4):
                print("paint", file=painter.stdin, flush=True)
                assert painter.stdout.readline() == f"acknowledged {i} 0 None\n"
                assert frames_seen_by_another_program(project) == i + 1
                assert log_path(project).exists(), "the other program believed that it was alone with the file"
        finally:
            painter.kill()
    assert frames_seen_by_another_program(project) == 4
    document = Document.open(project, author="ada", backup_every_s=None)
    assert document.why_read_only is None
    assert all(document.labels(key(i)).any() for i in range(4))
    document.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_log_that_goes_while_a_project_is_open_is_told(tmp_path: Path, replaced: bool) -> None:
    document = a_project(tmp_path / "p.panosod")
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    document.flush(WAIT_S)
    log = log_path(document.path)
    log.rename(tmp_path / "gone")
    if replaced:
        shutil.copyfile(tmp_path / "gone", log)
    stroke(document, key(1), rectangle(0, 0, 2, 2), 1)
    with pytest.raises(ProjectError, match=r"log .*p\.panosod-wal.* save under another name"):
        document.flush(WAIT_S)
    assert document.dirty == 1 and document.error is not None
    expected = [state_of(document, key(i)) for i in range(2)]
    document.save_as(tmp_path / "q.panosod")
    document.flush(WAIT_S)
    document.close()
    document = Document.open(tmp_path / "q.panosod", author="ada", backup_every_s=None)
    assert [state_of(document, key(i)) for i in range(2)] == expected
    document.close()


def test_descriptors_do_not_pile_up(tmp_path: Path) -> None:
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("no list of descriptors here")
    path = tmp_path / "p.panosod"

    def count() -> int:
        return sum(1 for fd in fds.iterdir() if fd.is_symlink() and str(fd.resolve()).startswith(str(path)))

    document = a_project(path)
    document.snapshot().close()
    held = count()
    for _ in range(5):
        document.snapshot().close()
    assert count() == held
    document.close()
    assert count() == 0
