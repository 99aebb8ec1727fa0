"""Run lengths in JSON: one file a clip, frame by frame (SA-V), or one file, object by object (YouTube-VIS).

Run lengths are COCO's, column by column over the whole picture, compressed to text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panosod_core.annotation.formats.files import FolderWriter, json_bytes, numbered, read_json
from panosod_core.annotation.formats.identities import Mark, identify
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, safe_name
from panosod_core.annotation.masks import (
    LabelMap,
    Rle,
    decode,
    encode,
    object_mask,
    objects_in,
    rle_from_coco,
)
from panosod_core.annotation.records import ObjectInfo
from panosod_core.errors import AnnotationError, ProjectError


def to_json(rle: Rle) -> dict[str, Any]:
    """Run lengths as COCO writes them into JSON."""
    return {"size": [rle.height, rle.width], "counts": rle.counts.decode("ascii")}


def from_json(value: Mapping[str, Any], *, where: str) -> Rle:
    """Run lengths of a JSON file: compressed text, or the plain list of counts.

    Raises:
        AnnotationError: they are damaged.
    """
    try:
        height, width = (int(n) for n in value["size"])
        counts = value["counts"]
        if isinstance(counts, str):
            return rle_from_coco(counts.encode("ascii"), (height, width))
        runs = np.asarray(counts, np.int64)
        if runs.size and (runs.min() < 0 or int(runs.sum()) != height * width):
            raise AnnotationError(f"{where}: run lengths that do not fill {width}x{height}: the file is damaged")
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T
        return encode(object_mask(flat.astype(np.uint8), 1), (height, width))
    except (KeyError, TypeError, ValueError, UnicodeEncodeError, ProjectError) as error:
        raise AnnotationError(f"{where}: run lengths that cannot be read: {error}") from error


def rles_of(labels: LabelMap) -> dict[int, Rle]:
    """Run lengths of every object in a label map."""
    shape = (labels.shape[0], labels.shape[1])
    return {i: encode(object_mask(labels, i), shape) for i in objects_in(labels)}


def frame_of(masks: Iterable[tuple[int, Rle]], shape: tuple[int, int], *, where: str) -> LabelMap:
    """The label map of run lengths by id; several of one id are its parts.

    Raises:
        AnnotationError: masks of other sizes, or that overlap: a label map cannot hold them.
    """
    labels = np.zeros(shape, np.uint8)
    for object_id, rle in masks:
        if (rle.height, rle.width) != shape:
            raise AnnotationError(f"{where}: masks of different sizes in one clip")
        mask = decode(rle)
        if mask is None:
            continue
        there = mask.box.read(labels)
        if np.any(mask.bits & (there != 0) & (there != object_id)):
            raise AnnotationError(f"{where}: object {object_id} overlaps another one: masks of a frame are disjoint")
        there[mask.bits] = object_id
        mask.box.write(labels, there)
    return labels


def object_json(info: ObjectInfo) -> dict[str, Any]:
    """What is known of an object, for people and for reading back."""
    return {"id": info.id, "name": info.name, "class": info.category, "colour": info.colour, "rank": info.rank or 0}


def object_from_json(value: Mapping[str, Any], *, where: str) -> ObjectInfo:
    """The inverse of :func:`object_json`.

    Raises:
        AnnotationError: an id or colour that cannot be.
    """
    try:
        return ObjectInfo(
            int(value["id"]),
            str(value.get("name") or f"object {value['id']}"),
            str(value.get("class", "")),
            str(value.get("colour", "#ff9f1c")),
            int(value.get("rank", 0)) or None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{where}: an object that cannot be read: {error}") from error


# --- SA-V


def write_sav(clip: LabelledClip, out: FolderWriter) -> None:
    """Write ``<clip>.json``: every frame's run lengths in the order of `masklet_id`."""
    frames, ids = [], sorted({o.id for o in clip.objects} | _painted(clip))
    for frame in clip.load():
        rles = rles_of(frame.labels)
        shape = (clip.height, clip.width)
        frames.append([to_json(rles.get(i, encode(None, shape))) for i in ids])
    value = {
        "video_id": clip.name,
        "video_height": clip.height,
        "video_width": clip.width,
        "video_frame_count": len(clip.indices),
        "frame_indices": list(clip.indices),
        "masklet_id": ids,
        "masklet": frames,
        "masklet_num": len(ids),
        "objects": [object_json(clip.object(i)) for i in ids],
    }
    out.write(f"{clip.name}.json", json_bytes(value))


def _painted(clip: LabelledClip) -> set[int]:
    return {i for frame in clip.load() for i in objects_in(frame.labels)}


def read_sav(path: Path) -> LabelledClip:
    """A clip from such a file; without `frame_indices` (SA-V's own) every fourth frame is annotated.

    Raises:
        AnnotationError: it is damaged.
    """
    value = read_json(path)
    try:
        frames, ids = list(value["masklet"]), [int(i) for i in value["masklet_id"]]
        width, height = int(value["video_width"]), int(value["video_height"])
        indices = [int(i) for i in value.get("frame_indices", range(0, 4 * len(frames), 4))]
        name = safe_name(str(value["video_id"]))
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: expected a JSON of SA-V's form, {error!r} is missing or wrong") from error
    if len(indices) != len(frames) or any(len(row) != len(ids) for row in frames):
        raise AnnotationError(f"{path}: the numbers of frames or objects disagree: the file is damaged")
    # SA-V counts objects from 0; ids here begin with 1.
    shift = 1 if 0 in ids else 0
    known = {o.id: o for o in (object_from_json(o, where=str(path)) for o in value.get("objects", []))}
    marks = [Mark("", str(i), i + shift, known.get(i + shift)) for i in ids]
    found = identify([marks], where=str(path), known=tuple(known.values()))

    def load() -> Iterator[LabelledFrame]:
        for index, row in zip(indices, frames, strict=True):
            masks = [(i, from_json(r, where=str(path))) for i, r in zip(found.ids[0], row, strict=True)]
            yield LabelledFrame(index, frame_of(masks, (height, width), where=f"{path}, frame {index}"))

    objects = found.objects if known else ()  # SA-V itself names nothing
    return LabelledClip(name, width, height, objects, tuple(indices), load, notes=found.notes)


# --- YouTube-VIS


def write_ytvis(clips: Sequence[LabelledClip], out: FolderWriter) -> None:
    """Write ``instances.json``: videos, and one annotation an object with a list over the video's frames."""
    categories = category_ids(clips)
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, clip in enumerate(clips, start=1):
        videos.append(
            {
                "id": number,
                "width": clip.width,
                "height": clip.height,
                "length": len(clip.indices),
                "file_names": [f"{clip.name}/{numbered(i)}.jpg" for i in clip.indices],
                "frame_indices": list(clip.indices),
            }
        )
        per_object: dict[int, list[Rle | None]] = {o.id: [None] * len(clip.indices) for o in clip.objects}
        for place, frame in enumerate(clip.load()):
            for i, rle in rles_of(frame.labels).items():
                per_object.setdefault(i, [None] * len(clip.indices))[place] = rle
        for i, rles in sorted(per_object.items()):
            info = clip.object(i)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "video_id": number,
                    "category_id": categories[info.category],
                    "iscrowd": 0,
                    "segmentations": [None if r is None else to_json(r) for r in rles],
                    "bboxes": [None if r is None else coco_box(r) for r in rles],
                    "areas": [None if r is None else r.area_px for r in rles],
                    "rank": info.rank or 0,
                    "object": object_json(info),
                }
            )
    out.write(
        "instances.json",
        json_bytes({"videos": videos, "categories": category_list(categories), "annotations": annotations}),
    )


def read_ytvis(path: Path) -> list[LabelledClip]:
    """The clips of such a file.

    Raises:
        AnnotationError: it is damaged.
    """
    value = read_json(path)
    try:
        return [_ytvis_clip(path, value, video) for video in value["videos"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise AnnotationError(f"{path}: expected a JSON of YouTube-VIS's form, {error!r} is wrong") from error


def _ytvis_clip(path: Path, value: Mapping[str, Any], video: Mapping[str, Any]) -> LabelledClip:
    own = [a for a in value["annotations"] if a["video_id"] == video["id"]]
    names = [str(n) for n in video["file_names"]]
    indices = [int(i) for i in video.get("frame_indices", [int("0" + _digits(n)) for n in names])]
    shape = (int(video["height"]), int(video["width"]))
    for a in own:
        if len(a["segmentations"]) != len(indices):
            raise AnnotationError(
                f"{path}: expected {len(indices)} segmentations of annotation {a.get('id')}, as many as its video has "
                f"frames, got {len(a['segmentations'])}: the file is damaged"
            )
    labels = {c["id"]: str(c["name"]) for c in value.get("categories", [])}
    found = identify([[_ytvis_mark(a, n, labels, path) for n, a in enumerate(own, start=1)]], where=str(path))
    name = safe_name(Path(names[0]).parent.name or path.stem) if names else path.stem

    def load() -> Iterator[LabelledFrame]:
        for place, index in enumerate(indices):
            where = f"{path}, {name}, frame {index}"
            masks = [
                (i, from_json(a["segmentations"][place], where=where))
                for i, a in zip(found.ids[0], own, strict=True)
                if a["segmentations"][place] is not None
            ]
            yield LabelledFrame(index, frame_of(masks, shape, where=where))

    return LabelledClip(name, shape[1], shape[0], found.objects, tuple(indices), load, notes=found.notes)


def _ytvis_mark(annotation: Mapping[str, Any], place: int, labels: Mapping[int, str], path: Path) -> Mark:
    """An annotation is one object through the video."""
    label = labels.get(annotation.get("category_id", 0), "")
    if "object" in annotation:
        info = object_from_json(annotation["object"], where=str(path))
        return Mark(label, ("object", info.id), info.id, info)
    return Mark(label, place, place)


def _digits(name: str) -> str:
    stem = Path(name).stem
    return stem[len(stem.rstrip("0123456789")) :]


def coco_box(rle: Rle) -> list[int]:
    """COCO's box: over the seam it is as wide as the picture, as pycocotools gives it."""
    if rle.box is None:
        return [0, 0, 0, 0]
    if rle.box.wraps(rle.width):
        return [0, rle.box.y, rle.width, rle.box.height]
    return [rle.box.x, rle.box.y, rle.box.width, rle.box.height]


def category_ids(clips: Sequence[LabelledClip]) -> dict[str, int]:
    """Class -> number from 1, in alphabetical order; the empty class is "object"."""
    names = sorted({o.category for clip in clips for o in clip.objects} | {""})
    return {name: n for n, name in enumerate(names, start=1)}


def category_list(ids: Mapping[str, int]) -> list[dict[str, Any]]:
    """Classes as COCO lists them."""
    return [{"id": n, "name": name or "object", "supercategory": "object"} for name, n in ids.items()]
