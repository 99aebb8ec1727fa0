"""What is in a project: questions to its file, each answered from one connection."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from panosod_core.annotation.faults import speaking
from panosod_core.annotation.masks import RingBox, Rle
from panosod_core.annotation.records import (
    Change,
    ChangeKind,
    Clip,
    FrameKey,
    FrameRow,
    FrameState,
    Head,
    MaskState,
    ObjectInfo,
    Place,
    Source,
    StepHead,
)
from panosod_core.errors import ProjectError

_CLIP = "id, path, content_id, width, height, stream, time_base_num, time_base_den, frame_count"
_FRAME = "id, clip, stream, pts, frame_index, state, locked, note"


class ProjectReader:
    """Questions to a project's file; safe to ask from several threads."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._db = db
        self._lock = threading.RLock()

    def ask(self, sql: str, values: Iterable[object] = ()) -> list[tuple]:  # type: ignore[type-arg]  # rows as they come
        """All rows of a question.

        Raises:
            ProjectError: the file cannot be read.
        """
        with self._lock, speaking(self.path, "read"):
            return self._db.execute(sql, tuple(values)).fetchall()

    @contextmanager
    def lending(self) -> Iterator[sqlite3.Connection]:
        """The connection itself, for a copy of the file; other questions wait meanwhile."""
        with self._lock:
            yield self._db

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def clips(self) -> list[Clip]:
        """All clips, in the order they were added."""
        return [_clip(row) for row in self.ask(f"SELECT {_CLIP} FROM clips ORDER BY id")]

    def frames(self, clip: int | None = None) -> list[FrameRow]:
        """Touched frames, of one clip or of all, in time."""
        where = "" if clip is None else "WHERE clip = ?"
        rows = self.ask(f"SELECT {_FRAME} FROM frames {where} ORDER BY clip, pts", () if clip is None else (clip,))
        return [_frame(row) for row in rows]

    def objects(self, clip: int) -> list[ObjectInfo]:
        """A clip's objects by id."""
        return [
            ObjectInfo.from_cell(r[0]) for r in self.ask("SELECT cell FROM objects WHERE clip = ? ORDER BY id", (clip,))
        ]

    def heads(self, frame: int) -> dict[int, Head]:
        """The revisions that count in a frame, by object."""
        rows = self.ask(
            "SELECT h.object, r.id, r.state, r.source, r.model, coalesce(m.area_px, 0) FROM heads h "
            "JOIN revisions r ON r.id = h.revision LEFT JOIN masks m ON m.id = r.mask WHERE h.frame = ? "
            "ORDER BY h.object",
            (frame,),
        )
        return {r[0]: Head(r[1], MaskState(r[2]), Source(r[3]), r[4], r[5]) for r in rows}

    def head(self, revision: int) -> Head:
        """One revision, as the head of its frame and object.

        Raises:
            ProjectError: no such revision.
        """
        rows = self.ask(
            "SELECT r.id, r.state, r.source, r.model, coalesce(m.area_px, 0) FROM revisions r "
            "LEFT JOIN masks m ON m.id = r.mask WHERE r.id = ?",
            (revision,),
        )
        if not rows:
            raise ProjectError(f"{self.path} has no revision {revision}")
        r = rows[0]
        return Head(r[0], MaskState(r[1]), Source(r[2]), r[3], r[4])

    def locks(self, frame: int) -> frozenset[int]:
        """Objects locked in a frame."""
        return frozenset(r[0] for r in self.ask("SELECT object FROM locks WHERE frame = ?", (frame,)))

    def frames_of_object(self, clip: int, object_id: int) -> list[int]:
        """Numbers of the frames in which an object has a mask that counts."""
        return [
            r[0]
            for r in self.ask(
                "SELECT h.frame FROM heads h JOIN frames f ON f.id = h.frame WHERE f.clip = ? AND h.object = ? "
                "ORDER BY f.pts",
                (clip, object_id),
            )
        ]

    def rle(self, revision: int) -> Rle | None:
        """The mask of a revision; None where the object was erased.

        Raises:
            ProjectError: no such revision, or its bytes are damaged.
        """
        rows = self.ask(
            "SELECT m.height, m.width, m.x, m.y, m.w, m.h, m.area_px, m.area_sr, m.crc, m.counts FROM revisions r "
            "LEFT JOIN masks m ON m.id = r.mask WHERE r.id = ?",
            (revision,),
        )
        if not rows:
            raise ProjectError(f"{self.path} has no revision {revision}")
        height, width, x, y, w, h, area_px, area_sr, crc, counts = rows[0]
        if height is None:
            return None
        if zlib.crc32(counts) != crc:
            raise ProjectError(
                f"revision {revision} in {self.path} is damaged (its checksum differs): undo to an older one, or "
                "open a backup"
            )
        return Rle(height, width, counts, RingBox(x, y, w, h), area_px, area_sr)

    def step_list(self, state: str) -> list[StepHead]:
        """Steps that can be undone ('done') or redone ('undone'), oldest first, without their changes."""
        rows = self.ask(
            "SELECT s.id, s.title, s.clip, s.object, f.clip, f.stream, f.pts, f.frame_index FROM steps s "
            "LEFT JOIN frames f ON f.id = s.frame WHERE s.state = ? ORDER BY s.id",
            (state,),
        )
        found = []
        for step, title, clip, object_id, *frame in rows:
            key = FrameKey(*frame) if frame[0] is not None else None
            found.append(StepHead(step, title, Place(clip, key, object_id), ()))
        return found

    def changes(self, step: int) -> tuple[Change, ...]:
        """What a step changed."""
        rows = self.ask(
            "SELECT kind, clip, frame, object, before, after FROM step_changes WHERE step = ? ORDER BY ordinal", (step,)
        )
        return tuple(Change(ChangeKind(r[0]), *r[1:]) for r in rows)

    def greatest(self, table: str) -> int:
        """The greatest id of frames, revisions or steps; 0 where there is none."""
        if table not in ("frames", "revisions", "steps"):
            raise ValueError(table)
        return int(self.ask(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0])


def _clip(row: tuple) -> Clip:  # type: ignore[type-arg]  # a row as it comes
    number, path, content_id, width, height, stream, num, den, frames = row
    return Clip(path, content_id, width, height, stream, Fraction(num, den), frames, number)


def _frame(row: tuple) -> FrameRow:  # type: ignore[type-arg]  # a row as it comes
    number, clip, stream, pts, index, state, locked, note = row
    return FrameRow(number, FrameKey(clip, stream, pts, index), FrameState(state), bool(locked), note)
