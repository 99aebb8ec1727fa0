"""The frames of an open project in memory: rows, heads, locks and label maps, the maps within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from panosod_core.annotation.edits import Protection
from panosod_core.annotation.masks import LabelMap, RingBox, RingMask
from panosod_core.annotation.reading import ProjectReader
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
)

MAP_CACHE_BYTES = 256 * 1024 * 1024
"""Label maps kept at hand: 34 of 3840x1920."""


class FrameBook:
    """Everything about frames and objects that the window asks for, kept in step with the edits.

    Args:
        reader: the committed state, read when a frame is first asked for.
        mask_of: the mask of a revision, committed or not.
        map_cache_bytes: label maps kept at hand, at least one.
    """

    def __init__(
        self, reader: ProjectReader, mask_of: Callable[[int], RingMask | None], *, map_cache_bytes: int
    ) -> None:
        self._reader = reader
        self._mask_of = mask_of
        self._limit = map_cache_bytes
        self.clips: dict[int, Clip] = {c.id: c for c in reader.clips()}
        self._rows: dict[int, FrameRow] = {row.id: row for row in reader.frames()}
        self._numbers: dict[FrameKey, int] = {row.key: row.id for row in self._rows.values()}
        self._objects: dict[int, dict[int, ObjectInfo]] = {c: {o.id: o for o in reader.objects(c)} for c in self.clips}
        self._heads: dict[int, dict[int, Head]] = {}
        self._locks: dict[int, frozenset[int]] = {}
        self._maps: OrderedDict[FrameKey, LabelMap] = OrderedDict()

    def read_from(self, reader: ProjectReader) -> None:
        """The project goes on in another file."""
        self._reader = reader
        self.clips = {c.id: c for c in reader.clips()}

    def add_clip(self, clip: Clip) -> None:
        """A clip was added or changed."""
        self.clips[clip.id] = clip
        self._objects.setdefault(clip.id, {})

    def add_row(self, row: FrameRow) -> None:
        """A frame is touched for the first time."""
        self._rows[row.id] = row
        self._numbers[row.key] = row.id
        self._heads[row.id] = {}
        self._locks[row.id] = frozenset()

    def row(self, key: FrameKey) -> FrameRow | None:
        """What is known of a frame; None where nobody touched it."""
        number = self._numbers.get(key)
        return None if number is None else self._rows[number]

    def row_of(self, number: int) -> FrameRow:
        """The frame with that number in the project."""
        return self._rows[number]

    def rows(self, clip: int) -> list[FrameRow]:
        """Touched frames of a clip, in time."""
        return sorted((r for r in self._rows.values() if r.key.clip == clip), key=lambda r: r.key)

    def shape_of(self, number: int) -> tuple[int, int]:
        """(H, W) of a frame's label map."""
        return self.clips[self._rows[number].key.clip].shape

    def objects(self, clip: int) -> dict[int, ObjectInfo]:
        """A clip's objects by id; not to be changed by the caller."""
        return self._objects[clip]

    def heads(self, key: FrameKey) -> dict[int, Head]:
        """The revisions that count in a frame, by object; not to be changed by the caller."""
        number = self._numbers.get(key)
        if number is None:
            return {}
        if number not in self._heads:
            self._heads[number] = self._reader.heads(number)
        return self._heads[number]

    def locks(self, key: FrameKey) -> frozenset[int]:
        """Objects locked in this frame (not those locked through the clip)."""
        number = self._numbers.get(key)
        if number is None:
            return frozenset()
        if number not in self._locks:
            self._locks[number] = self._reader.locks(number)
        return self._locks[number]

    def protection(self, key: FrameKey) -> Protection:
        """What must not change in a frame."""
        row = self.row(key)
        through = {o.id for o in self._objects[key.clip].values() if o.locked}
        accepted = {i for i, head in self.heads(key).items() if head.state is MaskState.ACCEPTED}
        return Protection(
            frozenset(through) | self.locks(key),
            frozenset(accepted),
            row is not None and row.locked,
            row is not None and row.state is FrameState.ACCEPTED,
        )

    def labels(self, key: FrameKey) -> LabelMap:
        """The label map of a frame, read-only; it changes when the frame is edited."""
        view = self._map(key).view()
        view.flags.writeable = False
        return view

    def read(self, key: FrameKey, box: RingBox) -> LabelMap:
        """(box.height, box.width) of a frame's label map; where the map is not at hand, no more of it is drawn."""
        labels = self._maps.get(key)
        if labels is not None:
            return np.asarray(box.read(labels), np.uint8)
        part = np.zeros((box.height, box.width), np.uint8)
        width = self.clips[key.clip].width
        for object_id, head in self.heads(key).items():
            mask = self._mask_of(head.revision)
            if mask is not None and mask.box.meets(box, width):
                part[mask.read(box, width)] = object_id
        return part

    def write(self, key: FrameKey, box: RingBox, values: LabelMap) -> None:
        """Put an edit's pixels into the map where it is at hand; else it is read anew when it is asked for."""
        labels = self._maps.get(key)
        if labels is not None:
            box.write(labels, values)

    def is_at_hand(self, key: FrameKey) -> bool:
        """Whether the label map of a frame is in memory."""
        return key in self._maps

    def _map(self, key: FrameKey) -> LabelMap:
        labels = self._maps.get(key)
        if labels is None:
            labels = np.zeros(self.clips[key.clip].shape, np.uint8)
            for object_id, head in self.heads(key).items():
                _draw(labels, self._mask_of(head.revision), object_id)
            self._maps[key] = labels
            while len(self._maps) > 1 and sum(m.nbytes for m in self._maps.values()) > self._limit:
                self._maps.popitem(last=False)
        self._maps.move_to_end(key)
        return labels

    def apply(self, change: Change, *, head: Head | None = None) -> None:
        """One cell of a step, pixels excepted; ``head`` where the change is of one and its revision is known."""
        frame = change.frame
        match change.kind:
            case ChangeKind.HEAD if frame is not None and change.object_id is not None:
                heads = self.heads(self._rows[frame].key)
                if head is None:
                    heads.pop(change.object_id, None)
                else:
                    heads[change.object_id] = head
            case ChangeKind.LOCK if frame is not None and change.object_id is not None:
                locks = self.locks(self._rows[frame].key)
                one = frozenset({change.object_id})
                self._locks[frame] = locks | one if change.after else locks - one
            case ChangeKind.FRAME if frame is not None:
                self._rows[frame] = self._rows[frame].with_cell(str(change.after))
            case ChangeKind.OBJECT if change.object_id is not None:
                if change.after is None:
                    self._objects[change.clip].pop(change.object_id, None)
                else:
                    self._objects[change.clip][change.object_id] = ObjectInfo.from_cell(str(change.after))
            case _:
                raise ValueError(f"impossible change {change}")

    def redraw(self, key: FrameKey, masks: dict[int, tuple[RingMask | None, RingMask | None]]) -> RingBox | None:
        """Replace masks of some objects in the map at hand: object -> (mask that is there, mask that shall be).

        Returns:
            The box in which pixels changed; None where nothing did.
        """
        width = self.clips[key.clip].width
        dirty: RingBox | None = None
        for mask in (m for pair in masks.values() for m in pair if m is not None):
            dirty = mask.box if dirty is None else dirty.union(mask.box, width)
        labels = self._maps.get(key)
        if labels is None:
            return dirty
        for old, _ in masks.values():
            _draw(labels, old, 0)
        for object_id, (_, new) in masks.items():
            _draw(labels, new, object_id)
        return dirty


def _draw(labels: LabelMap, mask: RingMask | None, value: int) -> None:
    if mask is None:
        return
    there = mask.box.read(labels)
    there[mask.bits] = value
    mask.box.write(labels, there)
