"""What is written into a project: each function is one transaction, whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress

from panosod_core.annotation.masks import Rle
from panosod_core.annotation.records import Change, ChangeKind, FrameRow, NewClip, Revision, Step, StepHead

UNDO_STEPS = 1000
"""Steps that can be undone; older ones stay in the file but leave the stack."""


def transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
    """Do something wholly or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        work(db)
        db.execute("COMMIT")
    except BaseException:
        # A full disk has often rolled back already; what is left of the transaction must not stay open.
        with suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
        raise


def write_step(db: sqlite3.Connection, step: Step, masks: Mapping[int, Rle]) -> None:
    """One finished stroke (or propagation, import, decision): its frames, revisions, heads and undo step.

    Args:
        db: a connection inside a transaction.
        step: what was done.
        masks: run lengths of those revisions that bring new pixels, by revision.
    """
    for frame in step.frames:
        _insert_frame(db, frame)
    for revision in step.revisions:
        _insert_revision(db, revision, masks.get(revision.id))
    if step.continues:
        start = db.execute("SELECT max(ordinal) + 1 FROM step_changes WHERE step = ?", (step.head.id,)).fetchone()[0]
        _insert_changes(db, step.head, start)
    else:
        _insert_step(db, step)
    for change in step.head.changes:
        _write_cell(db, change)


def _insert_step(db: sqlite3.Connection, step: Step) -> None:
    head = step.head
    where = next((f.id for f in step.frames if f.key == head.place.frame), None)
    if where is None and head.place.frame is not None:
        key = head.place.frame
        where = db.execute(
            "SELECT id FROM frames WHERE clip = ? AND stream = ? AND pts = ?", (key.clip, key.stream, key.pts)
        ).fetchone()[0]
    db.execute("UPDATE steps SET state = 'dropped' WHERE state = 'undone'")
    db.execute(
        "INSERT INTO steps (id, title, clip, frame, object, state, created_ms) VALUES (?, ?, ?, ?, ?, 'done', ?)",
        (head.id, head.title, head.place.clip, where, head.place.object_id, step.created_ms),
    )
    _insert_changes(db, head, 0)
    db.execute(
        "UPDATE steps SET state = 'dropped' WHERE state = 'done' AND id <= "
        "(SELECT id FROM steps WHERE state = 'done' ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (UNDO_STEPS,),
    )


def _insert_changes(db: sqlite3.Connection, head: StepHead, start: int) -> None:
    db.executemany(
        "INSERT INTO step_changes (step, ordinal, kind, clip, frame, object, before, after) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (head.id, i, c.kind.value, c.clip, c.frame, c.object_id, c.before, c.after)
            for i, c in enumerate(head.changes, start)
        ],
    )


def move_step(
    db: sqlite3.Connection, step: int, changes: tuple[Change, ...], *, undo: bool, for_good: bool = False
) -> None:
    """Take a step back (for good: it cannot be done again), or do it again; inside a transaction."""
    state = "done" if not undo else "dropped" if for_good else "undone"
    db.execute("UPDATE steps SET state = ? WHERE id = ?", (state, step))
    for change in reversed(changes) if undo else changes:
        _write_cell(db, change.turned() if undo else change)


def insert_clip(db: sqlite3.Connection, clip: NewClip) -> int:
    """Add a clip; gives its number."""
    base = clip.time_base
    row = db.execute(
        "INSERT INTO clips (path, content_id, width, height, stream, time_base_num, time_base_den, frame_count) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            clip.path,
            clip.content_id,
            clip.width,
            clip.height,
            clip.stream,
            base.numerator,
            base.denominator,
            clip.frame_count,
        ),
    )
    return int(row.lastrowid or 0)


def insert_event(
    db: sqlite3.Connection,
    kind: str,
    *,
    created_ms: int,
    frame: int | None = None,
    object_id: int | None = None,
    data: Mapping[str, object] | None = None,
) -> None:
    """Note that something happened; for time per mask and the like, never needed to restore anything."""
    db.execute(
        "INSERT INTO events (created_ms, kind, frame, object, data) VALUES (?, ?, ?, ?, ?)",
        (created_ms, kind, frame, object_id, json.dumps(data or {})),
    )


def _insert_frame(db: sqlite3.Connection, frame: FrameRow) -> None:
    key = frame.key
    db.execute(
        "INSERT INTO frames (id, clip, stream, frame_index, pts) VALUES (?, ?, ?, ?, ?)",
        (frame.id, key.clip, key.stream, key.index, key.pts),
    )


def _insert_revision(db: sqlite3.Connection, revision: Revision, rle: Rle | None) -> None:
    mask = None
    if revision.patch is None:
        if revision.parent is not None:
            mask = db.execute("SELECT mask FROM revisions WHERE id = ?", (revision.parent,)).fetchone()[0]
    else:
        if rle is None:
            raise ValueError(f"revision {revision.id} brings new pixels but they were not coded")
        mask = _insert_mask(db, rle)
    db.execute(
        "INSERT INTO revisions (id, frame, object, mask, parent, source, model, state, author, created_ms, "
        "time_spent_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            revision.id,
            revision.frame,
            revision.object_id,
            mask,
            revision.parent,
            revision.source.value,
            revision.model_id,
            revision.state.value,
            revision.author,
            revision.created_ms,
            revision.time_spent_s,
        ),
    )


def _insert_mask(db: sqlite3.Connection, rle: Rle) -> int | None:
    if rle.box is None:
        return None
    box = rle.box
    row = db.execute(
        "INSERT INTO masks (height, width, x, y, w, h, area_px, area_sr, crc, counts) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            rle.height,
            rle.width,
            box.x,
            box.y,
            box.width,
            box.height,
            rle.area_px,
            rle.area_sr,
            zlib.crc32(rle.counts),
            rle.counts,
        ),
    )
    return row.lastrowid


def _write_cell(db: sqlite3.Connection, change: Change) -> None:
    value = change.after
    place = (change.frame, change.object_id)
    match change.kind:
        case ChangeKind.HEAD if value is None:
            db.execute("DELETE FROM heads WHERE frame = ? AND object = ?", place)
        case ChangeKind.HEAD:
            db.execute("INSERT OR REPLACE INTO heads (frame, object, revision) VALUES (?, ?, ?)", (*place, value))
        case ChangeKind.LOCK if value:
            db.execute("INSERT OR REPLACE INTO locks (frame, object) VALUES (?, ?)", place)
        case ChangeKind.LOCK:
            db.execute("DELETE FROM locks WHERE frame = ? AND object = ?", place)
        case ChangeKind.FRAME:
            cell = json.loads(str(value))
            db.execute(
                "UPDATE frames SET state = ?, locked = ?, note = ? WHERE id = ?",
                (cell["state"], int(cell["locked"]), cell["note"], change.frame),
            )
        case ChangeKind.OBJECT if value is None:
            db.execute("DELETE FROM objects WHERE clip = ? AND id = ?", (change.clip, change.object_id))
        case ChangeKind.OBJECT:
            db.execute(
                "INSERT OR REPLACE INTO objects (clip, id, cell) VALUES (?, ?, ?)",
                (change.clip, change.object_id, value),
            )
