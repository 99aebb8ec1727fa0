"""Backups while somebody works: one that fails is no stroke that fails, and is tried again."""

import queue
from pathlib import Path

import pytest

from panosod_core.annotation.backup_keeper import BackupKeeper
from panosod_core.annotation.backups import backup_folder, backups, is_whole
from panosod_core.annotation.document import Document
from panosod_core.errors import PanosodError, ProjectError
from tests.core.annotation.painting import a_project, key, rectangle, stroke

WAIT_S = 30.0
OFTEN_S = 0.02


class Told(queue.Queue[PanosodError | None]):
    """What the keeper has said."""

    def after_failures(self) -> list[PanosodError]:
        """Every failure up to the word that a backup could be made."""
        failures = []
        while (said := self.get(timeout=WAIT_S)) is not None:
            failures.append(said)
        return failures


def test_a_backup_that_fails_is_told_apart_from_strokes_and_tried_again(tmp_path: Path) -> None:
    a_project(tmp_path / "p.panosod").close()
    in_the_way = backup_folder(tmp_path / "p.panosod")
    in_the_way.write_text("no folder")
    told, errors = Told(), Told()
    document = Document.open(
        tmp_path / "p.panosod", author="ada", on_error=errors.put, on_backup=told.put, backup_every_s=OFTEN_S
    )
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    document.flush(WAIT_S)
    said = told.get(timeout=WAIT_S)
    assert isinstance(said, ProjectError) and "backup failed: cannot back up" in str(said)
    assert "it is tried again at" in str(said)
    assert document.error is None and document.dirty == 0 and errors.empty(), "the stroke is on the disk"
    in_the_way.unlink()
    told.after_failures()  # nobody has painted meanwhile
    made = backups(document.path)
    assert made and all(is_whole(b) for b in made)
    document.close()
    assert told.empty() and errors.empty(), "a backup that is made as ever is not told"


def test_neither_a_mistake_in_a_backup_nor_in_its_listener_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = a_project(tmp_path / "p.panosod")
    told, real, calls = Told(), document.store.back_up, iter(range(100))

    def back_up() -> Path:
        if not next(calls):
            raise ValueError("a mistake of ours")
        return real()

    def listen(error: PanosodError | None) -> None:
        told.put(error)
        raise ValueError("a mistake of the listener's")

    monkeypatch.setattr(document.store, "back_up", back_up)
    keeper = BackupKeeper(lambda: document.store, interval_s=OFTEN_S, on_backup=listen)
    (failure,) = told.after_failures()
    assert "ValueError: a mistake of ours" in str(failure) and backups(document.path)
    keeper.close()
    document.close()
