"""A second annotator's project compared with ours, and taken over as drafts.

:func:`compare` only looks; :func:`apply` does what was chosen, as one step, through the same guard as every other
edit: locked masks stay, accepted ones stay unless the person consents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import Edit, Origin, put_masks
from panosod_core.annotation.masks import LabelMap, RingMask, objects_in
from panosod_core.annotation.records import FrameKey, FrameState, MaskState, ObjectInfo, Source
from panosod_core.annotation.snapshot import Snapshot, SnapshotMask
from panosod_core.errors import AnnotationError, ProjectError

CHANGED = "the project has changed since it was compared: compare again"


class Finding(StrEnum):
    """How one mask of theirs stands to ours, or ours to what they accepted."""

    SAME = "same"
    NEW = "new"  # we have nothing there, and it touches nothing of ours
    CONFLICT = "conflict"
    OURS_ONLY = "ours only"  # they accepted the frame without a mask of that object


class Choice(StrEnum):
    """What becomes of one mask."""

    OURS = "ours"
    THEIRS = "theirs"
    UNION = "union"
    INTERSECTION = "intersection"


@dataclass(frozen=True)
class MergeItem:
    """One mask of theirs beside ours, or one of ours that is not in a frame that they accepted.

    Attributes:
        key: our frame.
        object_id: our object.
        finding: same, new, conflict or ours only.
        iou: intersection over union with our mask of the object; 1 where both are empty.
        theirs: their mask, None where only we have one.
        ours_state: what we decided about ours, None where we have none.
        touches: other objects of ours that their mask would take pixels from.
        seen: our masks that it was compared with, the object's and those that it touches: (object, revision).
    """

    key: FrameKey
    object_id: int
    finding: Finding
    iou: float
    theirs: SnapshotMask | None
    ours_state: MaskState | None
    touches: tuple[int, ...]
    seen: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class MergePlan:
    """What a merge would do.

    Attributes:
        items: masks side by side, in time.
        objects: their object -> ours, by (our clip, their id).
        new_objects: objects we do not have, with the ids they get here: (our clip, object).
        missing_clips: paths of their clips that we do not have.
    """

    items: tuple[MergeItem, ...]
    objects: Mapping[tuple[int, int], int]
    new_objects: tuple[tuple[int, ObjectInfo], ...]
    missing_clips: tuple[str, ...]

    @property
    def conflicts(self) -> tuple[MergeItem, ...]:
        """Masks that somebody has to choose; where only we have one, theirs is to have none."""
        return tuple(i for i in self.items if i.finding in (Finding.CONFLICT, Finding.OURS_ONLY))


def compare(document: Document, theirs: Snapshot) -> MergePlan:
    """Put their masks beside ours; nothing changes.

    Clips are the same by content and size, frames by stream and pts, objects by id and name, else by name. What they
    have not painted says nothing, unless they accepted the frame: then what only we have is found too (not what we
    rejected ourselves).

    Raises:
        ProjectError: a mask cannot be read.
    """
    matched = _match(document, theirs)
    items: list[MergeItem] = []
    for clip in theirs.clips:
        mine = matched.clips.get(clip.id)
        if mine is None:
            continue
        for frame in theirs.frames[clip.id]:
            key = replace(frame.row.key, clip=mine)
            row = document.frame(key)
            key = row.key if row is not None else key
            items += [_item(document, theirs, key, matched.objects[mine, m.object_id], m) for m in frame.masks]
            if frame.row.state is FrameState.ACCEPTED:
                items += _ours_only(document, key, {matched.objects[mine, m.object_id] for m in frame.masks})
    return MergePlan(tuple(items), matched.objects, matched.new_objects, matched.missing_clips)


def apply(
    document: Document,
    theirs: Snapshot,
    plan: MergePlan,
    *,
    choices: Mapping[tuple[FrameKey, int], Choice] | None = None,
    consent: bool = False,
) -> Done | None:
    """Take over what is new, and of the conflicts what was chosen (ours where nothing was), as drafts in one step.

    Args:
        document: our project.
        theirs: the snapshot that the plan was made from.
        plan: what :func:`compare` found.
        choices: by (our frame, our object).
        consent: accepted masks of ours may be replaced where theirs was chosen.

    Raises:
        ProjectError: our project is read-only, or a mask cannot be read.
        AnnotationError: our project has changed since the plan was made, where that matters to what is taken over.
    """
    matched = _match(document, theirs)
    if (matched.objects, matched.new_objects, matched.missing_clips) != (
        plan.objects,
        plan.new_objects,
        plan.missing_clips,
    ):
        raise AnnotationError(CHANGED)
    chosen = dict(choices or {})
    by_frame: dict[FrameKey, list[tuple[MergeItem, Choice]]] = {}
    for item in plan.items:
        default = Choice.THEIRS if item.finding is Finding.NEW else Choice.OURS
        choice = chosen.get((item.key, item.object_id), default)
        if item.finding is not Finding.SAME and choice is not Choice.OURS:
            by_frame.setdefault(item.key, []).append((item, choice))
    edits: list[tuple[FrameKey, Edit]] = []
    for key, wanted in by_frame.items():
        labels = document.labels(key)
        for item, _ in wanted:
            there = _under(labels, theirs.mask(item.theirs) if item.theirs is not None else None)
            if _seen(document, key, item.object_id, objects_in(there)) != item.seen:
                raise AnnotationError(CHANGED)
        masks = {item.object_id: _chosen(labels, theirs, item, choice) for item, choice in wanted}
        authors = sorted({item.theirs.author for item, _ in wanted if item.theirs is not None})
        origin = Origin(Source.IMPORTED, consent=consent, author=", ".join(authors))
        edits.append((key, put_masks(labels, masks, protection=document.protection(key), origin=origin)))
    return document.apply_many(edits, title=f"Merge {theirs.path.name}", objects=plan.new_objects)


@dataclass(frozen=True)
class _Match:
    """Their clips and objects beside ours.

    Attributes:
        clips: their clip -> ours.
        objects, new_objects, missing_clips: as in :class:`MergePlan`.
    """

    clips: dict[int, int]
    objects: dict[tuple[int, int], int]
    new_objects: tuple[tuple[int, ObjectInfo], ...]
    missing_clips: tuple[str, ...]


def _match(document: Document, theirs: Snapshot) -> _Match:
    ours = {(c.content_id, c.shape): c for c in document.clips}
    clips: dict[int, int] = {}
    ids: dict[tuple[int, int], int] = {}
    new: list[tuple[int, ObjectInfo]] = []
    missing = []
    for clip in theirs.clips:
        mine = ours.get((clip.content_id, clip.shape))
        if mine is None:
            missing.append(clip.path)
            continue
        clips[clip.id] = mine.id
        used = {m.object_id for f in theirs.frames[clip.id] for m in f.masks}
        mapping, added = match_objects(document.objects(mine.id), theirs.objects[clip.id], used)
        ids.update({(mine.id, old): now for old, now in mapping.items()})
        new += [(mine.id, info) for info in added]
    return _Match(clips, ids, tuple(new), tuple(missing))


def match_objects(
    ours: list[ObjectInfo], theirs: tuple[ObjectInfo, ...], used: set[int]
) -> tuple[dict[int, int], list[ObjectInfo]]:
    """Their ids -> ours, and objects that come new."""
    by_id = {o.id: o for o in ours}
    by_name: dict[tuple[str, str], list[int]] = {}
    for o in ours:
        by_name.setdefault(_name(o), []).append(o.id)
    known = {o.id: o for o in theirs}
    mapping: dict[int, int] = {}
    added: list[ObjectInfo] = []
    for i in sorted(used | set(known)):
        info = known.get(i) or ObjectInfo(i, f"object {i}")
        if i in by_id and _name(by_id[i]) == _name(info):
            mapping[i] = i
    for i in sorted((used | set(known)) - set(mapping)):
        info = known.get(i) or ObjectInfo(i, f"object {i}")
        same_name = [j for j in by_name.get(_name(info), []) if j not in mapping.values()]
        if len(same_name) == 1:
            mapping[i] = same_name[0]
            continue
        taken = set(by_id) | set(mapping.values())
        free = [i, *range(1, 255)]
        number = next((j for j in free if j not in taken), None)
        if number is None:
            raise ProjectError("both projects together have more than 254 objects in a clip: merge some first")
        mapping[i] = number
        added.append(replace(info, id=number, locked=False))
    return mapping, added


def _name(info: ObjectInfo) -> tuple[str, str]:
    return info.name.casefold(), info.category.casefold()


def _item(document: Document, theirs: Snapshot, key: FrameKey, object_id: int, mask: SnapshotMask) -> MergeItem:
    labels = document.labels(key)
    mine = labels == object_id
    their = theirs.mask(mask)
    head = document.heads(key).get(object_id)
    there = _under(labels, their)
    common = int(np.count_nonzero(there == object_id))
    union = int(np.count_nonzero(mine)) + len(there) - common
    iou = common / union if union else 1.0
    touches = tuple(i for i in objects_in(there) if i != object_id)
    if iou == 1.0:
        finding = Finding.SAME
    elif head is None and not touches:
        finding = Finding.NEW
    else:
        finding = Finding.CONFLICT
    seen = _seen(document, key, object_id, touches)
    return MergeItem(key, object_id, finding, iou, mask, head.state if head else None, touches, seen)


def _under(labels: LabelMap, their: RingMask | None) -> NDArray[np.uint8]:
    """(N,) labels of ours in the pixels of their mask."""
    return their.box.read(labels)[their.bits] if their is not None else np.zeros(0, np.uint8)


def _seen(document: Document, key: FrameKey, object_id: int, touches: Iterable[int]) -> tuple[tuple[int, int], ...]:
    heads = document.heads(key)
    return tuple((i, heads[i].revision) for i in sorted({object_id, *touches}) if i in heads)


def _ours_only(document: Document, key: FrameKey, theirs: set[int]) -> list[MergeItem]:
    """Our masks of objects that they have none of in a frame that they accepted."""
    return [
        MergeItem(key, object_id, Finding.OURS_ONLY, 0.0, None, head.state, (), ((object_id, head.revision),))
        for object_id, head in sorted(document.heads(key).items())
        if object_id not in theirs
        and head.state is not MaskState.REJECTED
        and document.mask(key, object_id) is not None
    ]


def _chosen(labels: np.ndarray, theirs: Snapshot, item: MergeItem, choice: Choice) -> RingMask | None:
    mask = theirs.mask(item.theirs) if item.theirs is not None else None
    if choice is Choice.THEIRS:
        return mask
    mine = labels == item.object_id
    other = mask.full((labels.shape[0], labels.shape[1])) if mask is not None else np.zeros_like(mine)
    return RingMask.of(mine | other if choice is Choice.UNION else mine & other)
