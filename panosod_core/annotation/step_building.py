"""One step put together: which revisions it adds and which cells it changes, from edits and decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from panosod_core.annotation.edits import Edit
from panosod_core.annotation.frames import FrameBook
from panosod_core.annotation.records import (
    Cell,
    Change,
    ChangeKind,
    FrameKey,
    FrameRow,
    FrameState,
    MaskState,
    ObjectInfo,
    Place,
    Revision,
    Source,
    Step,
    StepHead,
)


class StepBuilder:
    """Collects what one step does; numbers start where the project stands.

    Args:
        book: the document's frames; only read.
        next_frame, next_revision: first free numbers.
        author: who sits here.
        now_ms: milliseconds since 1970.
        title: what the step is called.
    """

    def __init__(
        self, book: FrameBook, *, next_frame: int, next_revision: int, author: str, now_ms: int, title: str
    ) -> None:
        self._book = book
        self._next_frame = next_frame
        self._next_revision = next_revision
        self._author = author
        self._now_ms = now_ms
        self.title = title
        self._place: Place | None = None
        self.frames: list[FrameRow] = []
        self.revisions: list[Revision] = []
        self._rows: dict[FrameKey, FrameRow] = {}
        self._changes: dict[tuple[ChangeKind, int, int | None, int | None], Change] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.changes

    @property
    def changes(self) -> tuple[Change, ...]:
        """The cells that change."""
        return tuple(c for c in self._changes.values() if c.before != c.after)

    def step(self, number: int, *, continues: bool = False) -> Step:
        """The step, with its number in the project; ``continues`` where it is more of a step that is there."""
        if self._place is None:
            raise ValueError("an empty step")
        head = StepHead(number, self.title, self._place, self.changes)
        return Step(head, tuple(self.frames), tuple(self.revisions), self._now_ms, continues)

    def edit(self, key: FrameKey, edit: Edit, *, time_spent_s: float) -> None:
        """New pixels: a draft revision of every object that changes; the frame becomes a draft."""
        if edit.is_empty:
            return
        frame = self._row(key).id
        width = self._book.clips[key.clip].width
        for object_id, part in ((i, patch.of_object(i, width)) for patch in edit.patches for i in patch.objects):
            self._revise(
                key,
                frame,
                object_id,
                source=edit.origin.source,
                model_id=edit.origin.model_id,
                state=MaskState.DRAFT,
                patch=part,
                time_spent_s=time_spent_s,
                author=edit.origin.author,
            )
        self.frame(key, lambda row: replace(row, state=FrameState.DRAFT))

    def decide(self, key: FrameKey, state: MaskState, *, objects: frozenset[int] | None) -> None:
        """The same pixels with another state: a revision for every mask that is decided otherwise."""
        for object_id, head in self._book.heads(key).items():
            if head.state is state or (objects is not None and object_id not in objects):
                continue
            self._revise(
                key,
                self._row(key).id,
                object_id,
                source=head.source,
                model_id=head.model_id,
                state=state,
                patch=None,
                time_spent_s=0.0,
            )
        if objects is None:
            self.frame(key, lambda row: replace(row, state=FrameState(state.value)))
        elif state is not MaskState.ACCEPTED and self._row(key).state is FrameState.ACCEPTED:
            self.frame(key, lambda row: replace(row, state=FrameState.DRAFT))

    def lock(self, key: FrameKey, *, locked: bool, object_id: int | None) -> None:
        """Lock an object in a frame, or the whole frame."""
        if object_id is None:
            self.frame(key, lambda row: replace(row, locked=locked))
            return
        before = int(object_id in self._book.locks(key))
        self._change(ChangeKind.LOCK, key.clip, self._row(key).id, object_id, before, int(locked))
        self._at(Place(key.clip, key, object_id))

    def frame(self, key: FrameKey, change: Callable[[FrameRow], FrameRow]) -> None:
        """Change what is known of a frame."""
        row = self._row(key)
        after = change(row)
        self._change(ChangeKind.FRAME, key.clip, row.id, None, row.cell, after.cell)
        self._rows[key] = after
        self._at(Place(key.clip, key, None))

    def object(self, clip: int, object_id: int, info: ObjectInfo | None) -> None:
        """Add, change or delete (None) an object of a clip."""
        old = self._book.objects(clip).get(object_id)
        before, after = old.cell if old else None, info.cell if info else None
        self._change(ChangeKind.OBJECT, clip, None, object_id, before, after)
        self._at(Place(clip, None, object_id))

    def behead(self, key: FrameKey, object_id: int, *, is_erased: bool) -> None:
        """Take an object's mask out of a frame as if it had never been there; its revisions stay.

        Args:
            key: frame.
            object_id: whose mask.
            is_erased: it has no pixels; otherwise an accepted frame becomes a draft.
        """
        head = self._book.heads(key)[object_id]
        self._change(ChangeKind.HEAD, key.clip, self._row(key).id, object_id, head.revision, None)
        self._at(Place(key.clip, key, object_id))
        if not is_erased and self._row(key).state is FrameState.ACCEPTED:
            self.frame(key, lambda row: replace(row, state=FrameState.DRAFT))

    def _revise(
        self,
        key: FrameKey,
        frame: int,
        object_id: int,
        *,
        source: Source,
        model_id: str | None,
        state: MaskState,
        patch: tuple | None,  # type: ignore[type-arg]  # as Revision.patch
        time_spent_s: float,
        author: str | None = None,
    ) -> None:
        old = self._book.heads(key).get(object_id)
        parent = old.revision if old is not None else None
        number = self._next_revision
        self._next_revision += 1
        self.revisions.append(
            Revision(
                number,
                frame,
                object_id,
                parent,
                source,
                model_id,
                state,
                patch,
                author or self._author,
                self._now_ms,
                time_spent_s,
            )
        )
        self._change(ChangeKind.HEAD, key.clip, frame, object_id, parent, number)
        self._at(Place(key.clip, key, object_id))

    def _row(self, key: FrameKey) -> FrameRow:
        """The frame's row as this step leaves it so far; a new one where nobody touched it."""
        row = self._rows.get(key) or self._book.row(key)
        if row is None:
            row = FrameRow(self._next_frame, key)
            self._next_frame += 1
            self.frames.append(row)
        self._rows[key] = row
        return row

    def _change(
        self, kind: ChangeKind, clip: int, frame: int | None, object_id: int | None, before: Cell, after: Cell
    ) -> None:
        cell = (kind, clip, frame, object_id)
        first = self._changes[cell].before if cell in self._changes else before
        self._changes[cell] = Change(kind, clip, frame, object_id, first, after)

    def _at(self, place: Place) -> None:
        if self._place is None:
            self._place = place
