"""Reading masks of other programs into a project: as drafts, and only where nothing was painted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from panosod_core.annotation.records import Clip, FrameKey, Source
from panosod_core.errors import AnnotationError
from panosod_core.geometry.picture import Bounds


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do to one clip; nothing has changed yet.

    Attributes:
        edits: by frame, each adding drafts where nothing is.
        new_objects: (clip, object) that come with it.
        renamed: ids of the file -> ids of the project, where they differ.
        covered_px: pixels that were not taken because something is painted there.
        overlaps: pixels where two of the incoming masks met; the lower id has them.
        missing: frames that the clip does not have.
        notes: what a person should know about how the masks were read.
    """

    edits: tuple[tuple[FrameKey, Edit], ...]
    new_objects: tuple[tuple[int, Any], ...]
    renamed: Mapping[int, int]
    covered_px: int
    overlaps: int
    missing: tuple[int, ...]
    notes: tuple[str, ...] = ()


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
        AnnotationError: masks of another shape, or damaged ones.
        ProjectError: there is no room for more objects.
    """
    if abs(source.width * clip.height - source.height * clip.width) > max(source.width, source.height):
        raise AnnotationError(
            f"{source.name}: masks of {source.width}x{source.height} do not have the shape of the clip's "
            f"{clip.width}x{clip.height} sphere"
        )
    used: set[int] = set()
    frames: list[tuple[FrameKey, LabelMap]] = []
    missing: list[int] = []
    stamps = {int(p): i for i, p in enumerate(pts)} if source.time_base == clip.time_base else {}
    for frame in source.load():
        if should_stop():
            raise AnnotationError("the import was abandoned; nothing has changed")
        index = stamps.get(frame.pts, -1) if frame.pts is not None and stamps else frame.index
        if not 0 <= index < len(pts):
            missing.append(frame.index)
            continue
        used |= set(objects_in(frame.labels))
        frames.append((_key(document, clip, index, int(pts[index])), frame.labels))
    mapping, added = match_objects(document.objects(clip.id), source.objects, used)
    edits, covered, overlaps = [], 0, 0
    for key, labels in frames:
        there = document.labels(key)
        masks = {mapping[i]: m for i, m in _masks(labels, clip).items()}
        edit = put_masks(
            there, masks, protection=document.protection(key), origin=Origin(Source.IMPORTED), keep_existing=True
        )
        covered += sum(int(np.count_nonzero(m.box.read(there)[m.bits])) for m in masks.values())
        overlaps += sum(edit.overlaps.values())
        edits.append((key, edit))
    new = tuple((clip.id, info) for info in added if info.id in {mapping[i] for i in used})
    renamed = {old: now for old, now in mapping.items() if old != now and old in used}
    return ImportPlan(tuple(edits), new, renamed, covered, overlaps, tuple(missing), source.notes)


def _key(document: Document, clip: Clip, index: int, pts: int) -> FrameKey:
    key = FrameKey(clip.id, clip.stream, pts, index)
    row = document.frame(key)
    return key if row is None else row.key


def _masks(labels: LabelMap, clip: Clip) -> dict[int, RingMask]:
    if labels.shape != clip.shape:
        labels = np.asarray(
            cv2.resize(labels, (clip.width, clip.height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
        )
    found = {i: object_mask(labels, i) for i in objects_in(labels)}
    return {i: m for i, m in found.items() if m is not None}


def apply_import(document: Document, plan: ImportPlan, *, title: str) -> Done | None:
    """Do what was planned, as one step that undo takes back.

    Raises:
        ProjectError: the project is read-only.
        ValueError: it has changed since the plan was made.
    """
    edits: Sequence[tuple[FrameKey, Edit]] = [(key, edit) for key, edit in plan.edits if not edit.is_empty]
    return document.apply_many(edits, title=title, objects=plan.new_objects)
