"""A project as it was at one moment, for reading: what export, comparison and finetuning work from.

Revisions are never changed, so a snapshot is a list of revision ids; it stays what it is while somebody goes on
painting. Export is a pure function of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from panosod_core.annotation.ledger import read_splits
from panosod_core.annotation.masks import LabelMap, RingMask, Rle, decode, label_map
from panosod_core.annotation.opening import OpenFile, open_file
from panosod_core.annotation.reading import ProjectReader
from panosod_core.annotation.records import Clip, FrameRow, MaskState, Source
from panosod_core.errors import ProjectError

EVERY_STATE = frozenset(MaskState)


@dataclass(frozen=True)
class SnapshotMask:
    """One object's mask in one frame, not decoded yet.

    Attributes:
        object_id: whose.
        revision: its number in the project; the mask is read by it.
        state, source, model_id, author: what is known of it.
        area_px: pixels; 0 where the object was erased.
        area_sr: solid angle, steradians.
    """

    object_id: int
    revision: int
    state: MaskState
    source: Source
    model_id: str | None
    author: str
    area_px: int
    area_sr: float


@dataclass(frozen=True)
class SnapshotFrame:
    """A touched frame: its row, and its masks by object id."""

    row: FrameRow
    masks: tuple[SnapshotMask, ...]


class Snapshot:
    """A project at one moment; use it as a context, or close it.

    Attributes:
        path: the project.
        clips: its clips.
        objects: each clip's objects, by clip.
        frames: each clip's touched frames, in time, by clip.
        splits: the copy of the split that finetuning has fixed.
    """

    def __init__(self, opened: OpenFile, *, revisions: Collection[int] | None = None) -> None:
        """Read an opened file in one transaction; the snapshot closes it."""
        self.path = opened.path
        self._opened = opened
        db = opened.connect()
        self._reader = ProjectReader(db, opened.path)
        try:
            self._reader.ask("BEGIN")
            self.clips = tuple(self._reader.clips())
            self.objects = {c.id: tuple(self._reader.objects(c.id)) for c in self.clips}
            masks = _masks(self._reader, revisions)
            rows = self._reader.frames()
            self.splits = read_splits(self._reader)
            self._reader.ask("COMMIT")
        except BaseException:
            self.close()
            raise
        by_frame: dict[int, list[SnapshotMask]] = {}
        for frame, mask in masks:
            by_frame.setdefault(frame, []).append(mask)
        self.frames: dict[int, tuple[SnapshotFrame, ...]] = {c.id: () for c in self.clips}
        for clip in self.clips:
            wanted = [r for r in rows if r.key.clip == clip.id and (revisions is None or r.id in by_frame)]
            self.frames[clip.id] = tuple(SnapshotFrame(r, tuple(by_frame.get(r.id, ()))) for r in wanted)

    @staticmethod
    def open(path: Path, *, revisions: Collection[int] | None = None) -> Snapshot:
        """The project's state now, or a state named by its revision ids (a job's folder keeps such a list).

        Raises:
            ProjectDamagedError: the file is damaged.
            ProjectError: no such file, no project, or it lacks one of the revisions.
        """
        opened = open_file(path, author="", read_only=True)
        try:
            return Snapshot(opened, revisions=revisions)
        except BaseException:
            opened.close()
            raise

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()
        self._opened.close()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def clip(self, number: int) -> Clip:
        """One clip."""
        return next(c for c in self.clips if c.id == number)

    def masks(self) -> Iterator[tuple[SnapshotFrame, SnapshotMask]]:
        """All masks with their frames."""
        for frames in self.frames.values():
            for frame in frames:
                for mask in frame.masks:
                    yield frame, mask

    @property
    def revisions(self) -> tuple[int, ...]:
        """Which revisions it is made of, ascending: what a training run says it was trained on."""
        return tuple(sorted(mask.revision for _, mask in self.masks()))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over clips, objects, frames and revisions: equal for equal snapshots of one project."""
        digest = hashlib.sha256()
        for clip in self.clips:
            digest.update(repr((clip.id, clip.content_id, clip.shape)).encode())
            digest.update("".join(o.cell for o in self.objects[clip.id]).encode())
            for frame in self.frames[clip.id]:
                digest.update(repr((frame.row.key, frame.row.key.index, frame.row.state)).encode())
        digest.update(repr(self.revisions).encode())
        return digest.hexdigest()

    def rle(self, mask: SnapshotMask) -> Rle | None:
        """A mask's run lengths; None where the object was erased.

        Raises:
            ProjectError: it cannot be read or is damaged.
        """
        return self._reader.rle(mask.revision)

    def mask(self, mask: SnapshotMask) -> RingMask | None:
        """A mask's pixels; None where the object was erased."""
        rle = self.rle(mask)
        return decode(rle) if rle is not None else None

    def labels(self, frame: SnapshotFrame, *, states: Collection[MaskState] = EVERY_STATE) -> LabelMap:
        """The (H, W) label map of a frame, of masks in these states."""
        shape = self.clip(frame.row.key.clip).shape
        return label_map({m.object_id: self.mask(m) for m in frame.masks if m.state in states}, shape)


def _masks(reader: ProjectReader, revisions: Collection[int] | None) -> Iterable[tuple[int, SnapshotMask]]:
    source = "heads h JOIN revisions r ON r.id = h.revision"
    if revisions is not None:
        source = "snapshot_ids h JOIN revisions r ON r.id = h.revision"
        reader.ask("CREATE TEMP TABLE snapshot_ids (revision INTEGER PRIMARY KEY)")
        for revision in sorted(set(revisions)):
            reader.ask("INSERT INTO snapshot_ids VALUES (?)", (revision,))
    rows = reader.ask(
        f"SELECT r.frame, r.object, r.id, r.state, r.source, r.model, r.author, coalesce(m.area_px, 0), "
        f"coalesce(m.area_sr, 0.0) FROM {source} LEFT JOIN masks m ON m.id = r.mask ORDER BY r.frame, r.object, r.id"
    )
    if revisions is not None and len(rows) != len(set(revisions)):
        missing = sorted(set(revisions) - {row[2] for row in rows})
        raise ProjectError(
            f"{reader.path} lacks revision {missing[0]} of the list: is it the project it was made from?"
        )
    return [(r[0], SnapshotMask(r[1], r[2], MaskState(r[3]), Source(r[4]), r[5], r[6], r[7], r[8])) for r in rows]
