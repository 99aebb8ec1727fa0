"""What a project keeps of its finetuning: jobs and the fixed split, copied there by whoever writes the project.

The truth about a job lies in its own folder, that about the split beside the project; these rows travel with the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from panosod_core.annotation.reading import ProjectReader


@dataclass(frozen=True)
class JobRow:
    """A job as its folder told it last.

    Attributes:
        id: its name among jobs.
        kind: "finetune".
        state: where it was.
        folder: that holds it.
        created_ms, changed_ms: since 1970.
        data: plain values: its message, its result.
    """

    id: str
    kind: str
    state: str
    folder: str
    created_ms: int
    changed_ms: int
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitRow:
    """What a stretch of a clip is for.

    Attributes:
        clip: its number in the project.
        part: "train" (learnt from), "check", "guard".
        start_pts, end_pts: both included; None: the whole clip.
    """

    clip: int
    part: str
    start_pts: int | None
    end_pts: int | None


def put_job(db: sqlite3.Connection, row: JobRow) -> None:
    """Copy a job; one that is there as it was at this time or later stays."""
    db.execute(
        "INSERT INTO jobs (id, kind, state, folder, created_ms, changed_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET state = excluded.state, folder = excluded.folder, "
        "changed_ms = excluded.changed_ms, data = excluded.data WHERE excluded.changed_ms > changed_ms",
        (row.id, row.kind, row.state, row.folder, row.created_ms, row.changed_ms, json.dumps(dict(row.data))),
    )


def put_splits(db: sqlite3.Connection, rows: Sequence[SplitRow], *, created_ms: int) -> None:
    """Copy the split in place of what was copied before; nothing is written where that is the same."""
    if tuple(rows) == _splits(db.execute(_SPLITS).fetchall()):
        return
    db.execute("DELETE FROM splits")
    db.executemany(
        "INSERT INTO splits (clip, part, start_pts, end_pts, created_ms) VALUES (?, ?, ?, ?, ?)",
        [(row.clip, row.part, row.start_pts, row.end_pts, created_ms) for row in rows],
    )


_SPLITS = "SELECT clip, part, start_pts, end_pts FROM splits ORDER BY id"


def read_jobs(reader: ProjectReader) -> tuple[JobRow, ...]:
    """The jobs of a project, the oldest first.

    Raises:
        ProjectError: the file cannot be read.
    """
    rows = reader.ask("SELECT id, kind, state, folder, created_ms, changed_ms, data FROM jobs ORDER BY created_ms, id")
    return tuple(
        JobRow(i, kind, state, folder, made_ms, changed_ms, json.loads(data))
        for i, kind, state, folder, made_ms, changed_ms, data in rows
    )


def read_splits(reader: ProjectReader) -> tuple[SplitRow, ...]:
    """The fixed split of a project; nothing in a file of the first version, which has no room for it.

    Raises:
        ProjectError: the file cannot be read.
    """
    if not reader.ask("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'splits'"):
        return ()
    return _splits(reader.ask(_SPLITS))


def _splits(rows: Sequence[tuple]) -> tuple[SplitRow, ...]:  # type: ignore[type-arg]  # rows as they come
    return tuple(SplitRow(*row) for row in rows)
