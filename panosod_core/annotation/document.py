"""The working document: what the window edits.

Edits are done in memory at once and handed to the store thread; nobody waits for the disk. One person's finished
stroke, propagation, import or decision is one step: one transaction, one undo. Not safe from several threads: it
belongs to the window's thread (or to whoever opened it).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from panosod_core.annotation.committing import insert_event
from panosod_core.annotation.edits import Edit, Protection, guard
from panosod_core.annotation.frames import FrameBook
from panosod_core.annotation.masks import LabelMap, RingBox, RingMask
from panosod_core.annotation.records import (
    ChangeKind,
    Clip,
    FrameKey,
    FrameRow,
    Head,
    MaskState,
    NewClip,
    ObjectInfo,
    Place,
    StepHead,
)
from panosod_core.annotation.step_building import StepBuilder
from panosod_core.annotation.undo import UndoStack
from panosod_core.annotation.working_file import WorkingFile
from panosod_core.errors import ProjectError


@dataclass(frozen=True)
class Done:
    """What an action did.

    Attributes:
        sequence: number under which the store thread will acknowledge it.
        title: what it is called.
        place: where it acted first: the window goes there after undo and redo.
        dirty: boxes in which label maps changed, by frame, for uploading no more than that; after undo and redo only of
            frames whose map was at hand.
        step: number of the step, for :meth:`Document.apply_many` to go on with it.
    """

    sequence: int
    title: str
    place: Place
    dirty: Mapping[FrameKey, RingBox]
    step: int


class Document(WorkingFile):
    """An open project, as it is edited."""

    def _load(self) -> None:
        reader = self.store.reader
        self._book = FrameBook(reader, self._writer.mask, map_cache_bytes=self._map_cache_bytes)
        self._undo = UndoStack(reader.step_list("done"), reader.step_list("undone"))
        self._next = {table: reader.greatest(table) + 1 for table in ("frames", "revisions", "steps")}

    def _shape_of_frame(self, number: int) -> tuple[int, int]:
        return self._book.shape_of(number)

    def _store_changed(self) -> None:
        self._book.read_from(self.store.reader)

    # ---- looking

    @property
    def clips(self) -> list[Clip]:
        """The project's clips."""
        return list(self._book.clips.values())

    def clip(self, number: int) -> Clip:
        """One clip."""
        return self._book.clips[number]

    def objects(self, clip: int) -> list[ObjectInfo]:
        """A clip's objects by id."""
        return sorted(self._book.objects(clip).values(), key=lambda o: o.id)

    def frame(self, key: FrameKey) -> FrameRow | None:
        """State, lock and note of a frame; None where nobody touched it."""
        return self._book.row(key)

    def frames(self, clip: int) -> list[FrameRow]:
        """Touched frames of a clip, in time."""
        return self._book.rows(clip)

    def heads(self, key: FrameKey) -> dict[int, Head]:
        """The revisions that count in a frame, by object."""
        return dict(self._book.heads(key))

    def mask(self, key: FrameKey, object_id: int) -> RingMask | None:
        """An object's mask in a frame, without drawing the frame; None where it has none.

        Raises:
            ProjectError: it cannot be read.
        """
        head = self._book.heads(key).get(object_id)
        return None if head is None else self._writer.mask(head.revision)

    def locks(self, key: FrameKey) -> frozenset[int]:
        """Objects locked in this frame alone."""
        return self._book.locks(key)

    def labels(self, key: FrameKey) -> LabelMap:
        """The (H, W) label map of a frame, a read-only view of what edits change in place."""
        return self._book.labels(key)

    def read(self, key: FrameKey, box: RingBox) -> LabelMap:
        """(box.height, box.width) of a frame's label map, without drawing the rest where it is not at hand.

        Raises:
            ProjectError: a mask cannot be read.
        """
        return self._book.read(key, box)

    def protection(self, key: FrameKey) -> Protection:
        """What must not change in a frame; goes into every edit function."""
        return self._book.protection(key)

    @property
    def to_undo(self) -> StepHead | None:
        """Name and place of the step that undo takes back."""
        return self._undo.to_undo

    @property
    def to_redo(self) -> StepHead | None:
        """Name and place of the step that redo does again."""
        return self._undo.to_redo

    @property
    def undo_depth(self) -> tuple[int, int]:
        """How many steps can be undone, and redone."""
        return self._undo.depth

    # ---- editing

    def add_clip(self, clip: NewClip) -> Clip:
        """Add a clip; not undone by undo.

        Raises:
            ProjectError: it cannot be written.
        """
        self._check_writable()
        added = self.store.add_clip(clip)
        self._book.add_clip(added)
        return added

    def apply(self, key: FrameKey, edit: Edit, *, title: str, time_spent_s: float = 0.0) -> Done | None:
        """Do an edit of one frame; None where it changes nothing."""
        return self.apply_many([(key, edit)], title=title, time_spent_s=time_spent_s)

    def apply_many(
        self,
        edits: Sequence[tuple[FrameKey, Edit]],
        *,
        title: str,
        time_spent_s: float = 0.0,
        objects: Iterable[tuple[int, ObjectInfo]] = (),
        continuing: Done | None = None,
    ) -> Done | None:
        """Do edits of several frames as one step; None where they change nothing.

        Args:
            edits: at most one of each frame.
            title: what the step is called.
            time_spent_s: working time, shared among the frames.
            objects: added or changed in the same step: (clip, object).
            continuing: a step that these frames still belong to, so that a propagation over thousands of frames is
                one undo step and is written as it goes. Where it is not the last step any more, a new one begins.

        Raises:
            ProjectError: the project is read-only.
            ValueError: an edit was made for another state of its frame, or goes past its protection.
        """
        real = [(key, edit) for key, edit in edits if not edit.is_empty]
        for key, edit in real:
            self._check_edit(key, edit)
        if len({key for key, _ in real}) != len(real):
            raise ValueError("a frame occurs twice in one step")
        builder = self._builder(title)
        for key, edit in real:
            builder.edit(key, edit, time_spent_s=time_spent_s / len(real))
        for clip, info in objects:
            builder.object(clip, info.id, info)
        boxes = {key: edit.box(self._book.clips[key.clip].width) for key, edit in real}
        dirty = {key: box for key, box in boxes.items() if box is not None}
        return self._commit(builder, dirty, real, continuing=continuing)

    def _check_edit(self, key: FrameKey, edit: Edit) -> None:
        protection = self.protection(key)
        for patch in edit.patches:
            if (self._book.read(key, patch.box) != patch.before).any():
                raise ValueError(f"an edit of {key} was made for another state of the frame")
            if (guard(patch.before, patch.after, protection, edit.origin) != patch.after).any():
                raise ValueError(f"an edit of {key} changes protected pixels")
        if len(edit.objects) != sum(len(patch.objects) for patch in edit.patches):
            raise ValueError(f"an edit of {key} changes an object in two patches")

    def decide(
        self, keys: Iterable[FrameKey], state: MaskState, *, objects: Iterable[int] | None = None
    ) -> Done | None:
        """Accept, reject or reopen masks; with no objects named, all of each frame and the frame itself.

        An accepted frame without any mask says that there is nothing in it.
        """
        builder = self._builder({"accepted": "Accept", "rejected": "Reject", "draft": "Reopen"}[state])
        named = None if objects is None else frozenset(objects)
        for key in keys:
            builder.decide(key, state, objects=named)
        return self._commit(builder, {})

    def accept(self, keys: Iterable[FrameKey], *, objects: Iterable[int] | None = None) -> Done | None:
        """A person's word that masks are right; see :meth:`decide`."""
        return self.decide(keys, MaskState.ACCEPTED, objects=objects)

    def reject(self, keys: Iterable[FrameKey], *, objects: Iterable[int] | None = None) -> Done | None:
        """A person's word that masks are wrong; see :meth:`decide`."""
        return self.decide(keys, MaskState.REJECTED, objects=objects)

    def set_lock(self, key: FrameKey, *, locked: bool, object_id: int | None = None) -> Done | None:
        """Lock or unlock an object in a frame, or the whole frame."""
        builder = self._builder("Lock" if locked else "Unlock")
        builder.lock(key, locked=locked, object_id=object_id)
        return self._commit(builder, {})

    def set_note(self, key: FrameKey, note: str) -> Done | None:
        """Write a note on a frame."""
        builder = self._builder("Note")
        builder.frame(key, lambda row: replace(row, note=note))
        return self._commit(builder, {})

    def put_object(self, clip: int, info: ObjectInfo) -> Done | None:
        """Add an object, or change its name, class, colour, rank, lock or intervals."""
        old = self._book.objects(clip).get(info.id)
        builder = self._builder(f"Change {info.name}" if old else f"Add {info.name}")
        builder.object(clip, info.id, info)
        return self._commit(builder, {})

    def free_object_id(self, clip: int) -> int:
        """The lowest id without an object.

        Raises:
            ProjectError: there are 254.
        """
        taken = self._book.objects(clip)
        for i in range(1, 255):
            if i not in taken:
                return i
        raise ProjectError("a clip holds 254 objects at most: merge or delete one")

    def delete_object(self, clip: int, object_id: int, *, continuing: Done | None = None) -> Done | None:
        """Delete an object with its masks in all frames; undo brings it back.

        Accepted frames that lose a mask are drafts again: nobody has said that the rest is all there is.

        Args:
            clip: of the object.
            object_id: which.
            continuing: a step that this still belongs to, as in :meth:`apply_many`.

        Raises:
            ProjectError: it is locked, or in some frame; or strokes cannot be written.
        """
        builder = self._builder(f"Delete {self._book.objects(clip)[object_id].name}")
        keys = self.frames_of_object(clip, object_id)
        for key in keys:
            guarded = self.protection(key)
            if object_id in guarded.locked or guarded.frame_locked:
                raise ProjectError(f"object {object_id} is locked in frame {key.index}: unlock it to delete it")
        dirty = {}
        for key in keys:
            mask = self._writer.mask(self._book.heads(key)[object_id].revision)
            builder.behead(key, object_id, is_erased=mask is None)
            box = self._book.redraw(key, {object_id: (mask, None)})
            if box is not None:
                dirty[key] = box
        builder.object(clip, object_id, None)
        return self._commit(builder, dirty, continuing=continuing)

    def frames_of_object(self, clip: int, object_id: int) -> list[FrameKey]:
        """Frames in which an object has a mask; waits for the store thread.

        Raises:
            ProjectError: strokes cannot be written.
        """
        self._writer.flush()
        return [self._book.row_of(n).key for n in self.store.reader.frames_of_object(clip, object_id)]

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def _builder(self, title: str) -> StepBuilder:
        self._check_writable()
        return StepBuilder(
            self._book,
            next_frame=self._next["frames"],
            next_revision=self._next["revisions"],
            author=self.store.author,
            now_ms=self._now_ms(),
            title=title,
        )

    def _commit(
        self,
        builder: StepBuilder,
        dirty: Mapping[FrameKey, RingBox],
        edits: Iterable[tuple[FrameKey, Edit]] = (),
        *,
        continuing: Done | None = None,
    ) -> Done | None:
        if builder.is_empty:
            return None
        last = self._undo.to_undo
        continues = continuing is not None and last is not None and last.id == continuing.step
        step = builder.step(last.id if continues and last is not None else self._next["steps"], continues=continues)
        self._next["steps"] += not continues
        self._next["frames"] += len(step.frames)
        self._next["revisions"] += len(step.revisions)
        for row in step.frames:
            self._book.add_row(row)
        sequence = self._writer.submit(step)
        for key, edit in edits:
            for patch in edit.patches:
                self._book.write(key, patch.box, patch.after)
        heads = {r.id: r.head for r in step.revisions}
        for change in step.head.changes:
            self._book.apply(change, head=heads.get(change.after) if isinstance(change.after, int) else None)
        if not continues:
            self._undo.push(step.head)
        return Done(sequence, step.head.title, step.head.place, dirty, step.head.id)

    # ---- undo

    def undo(self, *, for_good: bool = False) -> Done | None:
        """Take the last step back; None where there is none. ``for_good``: half of something, which no redo brings."""
        step = self._undo.to_undo
        return None if step is None else self._move(step, undo=True, for_good=for_good)

    def redo(self) -> Done | None:
        """Do the last undone step again; None where there is none."""
        step = self._undo.to_redo
        return None if step is None else self._move(step, undo=False)

    def _move(self, step: StepHead, *, undo: bool, for_good: bool = False) -> Done:
        self._check_writable()
        forward = self._writer.changes(step.id)
        changes = [c.turned() for c in reversed(forward)] if undo else list(forward)
        # Read everything that can fail before anything changes.
        masks: dict[FrameKey, dict] = {}  # type: ignore[type-arg]  # object -> (old mask, new mask)
        heads: dict[int, Head] = {}
        for change in changes:
            if change.kind is not ChangeKind.HEAD or change.frame is None or change.object_id is None:
                continue
            key = self._book.row_of(change.frame).key
            if self._book.is_at_hand(key):  # others are drawn when they are asked for
                pair = [self._writer.mask(r) if isinstance(r, int) else None for r in (change.before, change.after)]
                masks.setdefault(key, {})[change.object_id] = tuple(pair)
            if isinstance(change.after, int):
                heads[change.after] = self._writer.head(change.after)
        sequence = self._writer.submit_move(step.id, forward, undo=undo, for_good=for_good)
        dirty = {}
        for key, pairs in masks.items():
            box = self._book.redraw(key, pairs)
            if box is not None:
                dirty[key] = box
        for change in changes:
            self._book.apply(change, head=heads.get(change.after) if isinstance(change.after, int) else None)
        if undo:
            self._undo.undone(for_good=for_good)
        else:
            self._undo.redone()
        return Done(sequence, step.title, step.place, dirty, step.id)

    # ---- events

    def note_event(self, kind: str, *, key: FrameKey | None = None, data: Mapping[str, object] | None = None) -> None:
        """Note that something happened (a tool was used, a frame looked at so long), for statistics."""
        self._check_writable()
        row = self._book.row(key) if key is not None else None
        frame, now = (row.id if row is not None else None), self._now_ms()
        self._writer.submit_work(lambda db: insert_event(db, kind, created_ms=now, frame=frame, data=data))
