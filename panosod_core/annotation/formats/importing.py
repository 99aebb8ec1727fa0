"""Reading masks of other programs into a project: as drafts, and only where nothing was painted.

No more than one frame's masks are held at a time, however long the clip: a plan says which frames would change and how
their masks looked, and the masks are read again when they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import Edit, Origin, put_masks
from panosod_core.annotation.formats import coco, davis, labelme, mask_video, pavs10k, run_lengths
from panosod_core.annotation.formats.companions import cropped
from panosod_core.annotation.formats.exporting import MANIFEST
from panosod_core.annotation.formats.files import read_json
from panosod_core.annotation.formats.run_lengths import object_from_json
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, MaskFormat
from panosod_core.annotation.masks import LabelMap, RingMask, object_mask, objects_in
from panosod_core.annotation.merge import match_objects
from panosod_core.annotation.records import Clip, FrameKey, ObjectInfo, Source
from panosod_core.errors import AnnotationError
from panosod_core.geometry.picture import Bounds

WAITING = 16
"""Frames that may wait for the disk while an import is written."""


@dataclass(frozen=True)
class PlannedFrame:
    """A frame that an import would look at.

    Attributes:
        key: which.
        place: among the frames of the masks, 0 for the first.
        digest: of its masks as they were read.
        ids: objects of the masks that would get pixels where nothing is, ascending.
        is_changed: any of them may.
    """

    key: FrameKey
    place: int
    digest: bytes
    ids: tuple[int, ...]
    is_changed: bool


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do to one clip; nothing has changed yet.

    Attributes:
        clip: of the project.
        source: the masks; they are read again when they are written.
        frames: those that masks were found for.
        mapping: ids of the file -> ids of the project.
        new_objects: (clip, object) that come with it.
        renamed: the part of ``mapping`` where they differ.
        covered_px: pixels that were not taken because something is painted there.
        missing: frames that the clip does not have.
        notes: what a person should know about how the masks were read.
    """

    clip: Clip
    source: LabelledClip
    frames: tuple[PlannedFrame, ...]
    mapping: Mapping[int, int]
    new_objects: tuple[tuple[int, ObjectInfo], ...]
    renamed: Mapping[int, int]
    covered_px: int
    missing: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """Frames that would get drafts."""
        return sum(frame.is_changed for frame in self.frames)


def read_masks(path: Path, *, kind: MaskFormat | None = None) -> list[LabelledClip]:
    """The clips of masks in a file or folder.

    Args:
        path: a folder of one of the formats, or its JSON file.
        kind: of it; None: told by what lies there.

    Raises:
        AnnotationError: it is none of them, or damaged (some damage shows only when frames are loaded).
    """
    kind = kind or told_format(path)
    if kind is MaskFormat.PAVS10K:
        clips = pavs10k.read(path)
    elif kind is MaskFormat.DAVIS:
        clips = davis.read(path) if (path / davis.MASKS).is_dir() else [davis.read_pictures(path, name=path.name)]
    elif kind is MaskFormat.SAV:
        clips = [run_lengths.read_sav(p) for p in _jsons(path)]
    elif kind is MaskFormat.YTVIS:
        clips = run_lengths.read_ytvis(path / "instances.json" if path.is_dir() else path)
    elif kind is MaskFormat.COCO:
        clips = coco.read(path / coco.FILE if path.is_dir() else path)
    elif kind is MaskFormat.LABELME:
        own = any(path.glob("*.json")) and not (path / MANIFEST).is_file()
        folders = [path] if own else sorted(p for p in path.iterdir() if any(p.glob("*.json")))
        clips = [labelme.read(p) for p in folders]
    else:
        clips = [mask_video.read(p) for p in _jsons(path)]
    return _with_manifest(clips, path)


def told_format(path: Path) -> MaskFormat:
    """Which format lies there.

    Raises:
        AnnotationError: none that is known.
    """
    if path.is_dir():
        if (path / MANIFEST).is_file():
            value = read_json(path / MANIFEST)
            name = value.get("options", {}).get("format") if isinstance(value, dict) else None
            if name in set(MaskFormat):
                return MaskFormat(name)
        if (path / pavs10k.MASKS).is_dir():
            return MaskFormat.PAVS10K
        if (path / davis.MASKS).is_dir() or any(path.glob("*.png")):
            return MaskFormat.DAVIS
        if (path / "instances.json").is_file():
            return MaskFormat.YTVIS
        if (path / coco.FILE).is_file():
            return MaskFormat.COCO
        found = sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
        if found:
            return _told_json(found[0])
    elif path.suffix.lower() == ".json":
        return _told_json(path)
    raise AnnotationError(
        f"{path}: expected masks as a folder or JSON of {', '.join(MaskFormat)}; found none of them there"
    )


def _told_json(path: Path) -> MaskFormat:
    value = read_json(path)
    keys = set(value) if isinstance(value, dict) else set()
    for kind, needed in (
        (MaskFormat.SAV, {"masklet", "masklet_id"}),
        (MaskFormat.YTVIS, {"videos", "annotations"}),
        (MaskFormat.COCO, {"images", "annotations"}),
        (MaskFormat.LABELME, {"shapes", "imageHeight"}),
        (MaskFormat.VIDEO, {"video", "frame_indices"}),
    ):
        if needed <= keys:
            return kind
    raise AnnotationError(f"{path}: expected a JSON of SA-V, YouTube-VIS, COCO, LabelMe or a mask video, it is none")


def _jsons(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(p for p in path.glob("*.json") if p.name != MANIFEST)
    if not found:
        raise AnnotationError(f"{path}: expected JSON files, there are none")
    return found


def _with_manifest(clips: list[LabelledClip], path: Path) -> list[LabelledClip]:
    """Clips with what our own manifest knows beyond the format: objects, time stamps, and where the picture lies."""
    if not path.is_dir() or not (path / MANIFEST).is_file():
        return clips
    value = read_json(path / MANIFEST)
    try:
        known = {str(c["name"]): c for c in value["clips"]}
        return [_completed(c, known[c.name], where=str(path / MANIFEST)) if c.name in known else c for c in clips]
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path / MANIFEST}: {error!r} is missing or wrong: the manifest is damaged") from error


def _completed(clip: LabelledClip, value: Mapping[str, Any], *, where: str) -> LabelledClip:
    objects = tuple(object_from_json(o, where=where) for o in value["objects"])
    pts = {int(f["index"]): int(f["pts"]) for f in value["frames"]}
    bounds = Bounds(**{k: float(v) for k, v in value["bounds"].items()})
    width = round(clip.width / (1 - bounds.left - bounds.right))
    height = round(clip.height / (1 - bounds.top - bounds.bottom))
    rows, columns = cropped(bounds, width=width, height=height)

    def load() -> Any:
        for frame in clip.load():
            labels = frame.labels
            if not bounds.is_full:
                labels = np.zeros((height, width), np.uint8)
                labels[rows, columns] = frame.labels
            yield LabelledFrame(frame.index, labels, pts.get(frame.index, frame.pts))

    base = Fraction(*(int(n) for n in value["time_base"]))
    merged = {o.id: o for o in (*objects, *clip.objects)}
    named = tuple(info for _, info in sorted(merged.items()))
    return LabelledClip(clip.name, width, height, named, clip.indices, load, base, clip.notes)


def plan_import(
    document: Document,
    clip: Clip,
    source: LabelledClip,
    *,
    pts: NDArray[np.int64],
    should_stop: Callable[[], bool] = lambda: False,
) -> ImportPlan:
    """What an import would add to a clip of a project.

    Frames are found by their time stamp where the file has it and the clip agrees, else by their number.

    Args:
        document: the project.
        clip: which of its clips.
        source: the masks.
        pts: (N,) time stamps of the clip's frames, ticks.
        should_stop: True abandons the plan.

    Raises:
        AnnotationError: masks of another shape, damaged ones, or two for one frame.
        ProjectError: there is no room for more objects.
    """
    if abs(source.width * clip.height - source.height * clip.width) > max(source.width, source.height):
        raise AnnotationError(
            f"{source.name}: masks of {source.width}x{source.height} do not have the shape of the clip's "
            f"{clip.width}x{clip.height} sphere"
        )
    seen: dict[int, tuple[FrameKey, int, bytes, tuple[int, ...]]] = {}
    used: set[int] = set()
    missing: list[int] = []
    covered = 0
    stamps = {int(p): i for i, p in enumerate(pts)} if source.time_base == clip.time_base else {}
    for place, frame in enumerate(source.load()):
        if should_stop():
            raise AnnotationError("the import was abandoned; nothing has changed")
        index = stamps.get(frame.pts, -1) if frame.pts is not None and stamps else frame.index
        if not 0 <= index < len(pts):
            missing.append(frame.index)
            continue
        if index in seen:
            raise _twice(source, index)
        key = _key(document, clip, index, int(pts[index]))
        labels = _fitted(frame.labels, clip)
        used |= set(objects_in(labels))
        gained = labels
        if document.heads(key):
            there = document.labels(key)
            covered += int(np.count_nonzero((labels > 0) & (there > 0)))
            gained = labels[there == 0]
        seen[index] = key, place, _digest(frame.labels), objects_in(gained)
    mapping, added = match_objects(document.objects(clip.id), source.objects, used)
    frames: list[PlannedFrame] = []
    getting: set[int] = set()
    for key, place, digest, ids in seen.values():
        held = document.protection(key).held(Source.IMPORTED, consent=False)
        gets = set() if held is None else {mapping[i] for i in ids} - held
        getting |= gets
        frames.append(PlannedFrame(key, place, digest, ids, bool(gets)))
    new = tuple((clip.id, info) for info in added if info.id in getting)
    renamed = {old: now for old, now in mapping.items() if old != now and old in used}
    return ImportPlan(clip, source, tuple(frames), mapping, new, renamed, covered, tuple(missing), source.notes)


def _twice(source: LabelledClip, index: int) -> AnnotationError:
    return AnnotationError(
        f"{source.name}: two of its frames belong to frame {index} of the clip, expected one: the file is damaged"
    )


def _key(document: Document, clip: Clip, index: int, pts: int) -> FrameKey:
    key = FrameKey(clip.id, clip.stream, pts, index)
    row = document.frame(key)
    return key if row is None else row.key


def _fitted(labels: LabelMap, clip: Clip) -> LabelMap:
    if labels.shape == clip.shape:
        return labels
    return np.asarray(cv2.resize(labels, (clip.width, clip.height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _masks(labels: LabelMap) -> dict[int, RingMask]:
    found = {i: object_mask(labels, i) for i in objects_in(labels)}
    return {i: m for i, m in found.items() if m is not None}


def _digest(labels: LabelMap) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(labels).data, digest_size=16, person=b"panosod masks").digest()


def import_edits(
    document: Document, plan: ImportPlan, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[FrameKey, Edit]]:
    """Read the masks of a plan again, frame by frame, as edits that are to be done in this order, as one step.

    Args:
        document: the project, or another look at it.
        plan: made for it.
        should_stop: True abandons it.

    Raises:
        AnnotationError: the masks or the project's objects have changed since the plan was made, or it was abandoned.
    """
    if match_objects(document.objects(plan.clip.id), plan.source.objects, set(plan.mapping))[0] != plan.mapping:
        raise AnnotationError("the project's objects have changed since the masks were looked at: look at them again")
    planned = {frame.place: frame for frame in plan.frames}
    for place, frame in enumerate(plan.source.load()):
        if should_stop():
            raise AnnotationError("the import was abandoned; nothing has changed")
        wanted = planned.pop(place, None)
        if wanted is None:
            continue
        if _digest(frame.labels) != wanted.digest:
            raise _changed(plan, f"frame {frame.index}")
        if not wanted.is_changed:
            continue
        masks = {plan.mapping[i]: m for i, m in _masks(_fitted(frame.labels, plan.clip)).items()}
        edit = put_masks(
            # Maps of frames that nobody has touched are empty: they are not kept at hand.
            document.labels(wanted.key) if document.heads(wanted.key) else np.zeros(plan.clip.shape, np.uint8),
            masks,
            protection=document.protection(wanted.key),
            origin=Origin(Source.IMPORTED),
            keep_existing=True,
        )
        if not edit.is_empty:
            yield wanted.key, edit
    if planned:
        raise _changed(plan, f"{len(planned)} frames are gone")


def _changed(plan: ImportPlan, what: str) -> AnnotationError:
    return AnnotationError(
        f"{plan.source.name}, {what}: the masks have changed since they were looked at; look at them again"
    )


def apply_import(
    document: Document, plan: ImportPlan, *, title: str, should_stop: Callable[[], bool] = lambda: False
) -> Done | None:
    """Do what was planned, as one step that undo takes back; nothing stays of one that cannot be finished.

    Returns:
        The step's beginning; None where nothing has changed.

    Raises:
        ProjectError: the project is read-only or cannot be written.
        AnnotationError: see :func:`import_edits`.
    """
    begun: Done | None = None
    objects = plan.new_objects
    try:
        for key, edit in import_edits(document, plan, should_stop=should_stop):
            done = document.apply_many([(key, edit)], title=title, objects=objects, continuing=begun)
            begun, objects = begun or done, ()
            if document.dirty > WAITING:
                document.flush()
    except BaseException:
        if begun is not None:
            document.undo(for_good=True)
        raise
    return begun
