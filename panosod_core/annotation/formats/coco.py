"""COCO instances in one JSON: images are frames, annotations are one object's mask in one of them.

Masks are run lengths (with ``iscrowd`` 0: polygons would lose holes and the seam). Beside COCO's ``bbox`` stands
``bbox_wrap``, [x, y, width, height] with x + width beyond the picture's width where an object lies across the seam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from panosod_core.annotation.formats.files import FolderWriter, json_bytes, numbered, read_json
from panosod_core.annotation.formats.identities import Mark, identify, tracked
from panosod_core.annotation.formats.run_lengths import (
    category_ids,
    category_list,
    coco_box,
    frame_of,
    from_json,
    object_from_json,
    object_json,
    rles_of,
    to_json,
)
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, safe_name
from panosod_core.annotation.records import ObjectInfo
from panosod_core.errors import AnnotationError

FILE = "annotations.json"
TRACKS = ("track_id", "instance_id")
"""Where other programs say which masks are one object's."""


def write(clips: Sequence[LabelledClip], out: FolderWriter) -> None:
    """Write ``annotations.json``."""
    categories = category_ids(clips)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for clip in clips:
        for frame in clip.load():
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": f"{clip.name}/{numbered(frame.index)}.jpg",
                    "width": clip.width,
                    "height": clip.height,
                    "clip": clip.name,
                    "frame_index": frame.index,
                    "pts": frame.pts,
                }
            )
            for object_id, rle in rles_of(frame.labels).items():
                box = rle.box
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "category_id": categories[clip.object(object_id).category],
                        "segmentation": to_json(rle),
                        "area": rle.area_px,
                        "area_sr": rle.area_sr,
                        "bbox": coco_box(rle),
                        "bbox_wrap": None if box is None else [box.x, box.y, box.width, box.height],
                        "iscrowd": 0,
                        "object_id": object_id,
                    }
                )
    value = {
        "images": images,
        "categories": category_list(categories),
        "annotations": annotations,
        "clips": {clip.name: [object_json(o) for o in clip.objects] for clip in clips},
    }
    out.write(FILE, json_bytes(value))


def read(path: Path) -> list[LabelledClip]:
    """The clips of such a file; one of another program is one clip a folder of its ``file_name``.

    Raises:
        AnnotationError: it is damaged, or its masks are polygons.
    """
    value = read_json(path)
    try:
        by_clip: dict[str, list[Mapping[str, Any]]] = {}
        for image in value["images"]:
            by_clip.setdefault(_clip_of(image, path), []).append(image)
        masks: dict[int, list[Mapping[str, Any]]] = {}
        for annotation in value["annotations"]:
            masks.setdefault(int(annotation["image_id"]), []).append(annotation)
        known = value.get("clips", {})
        labels = {int(c["id"]): str(c["name"]) for c in value.get("categories", [])}
        return [
            _clip(path, name, images, masks, known.get(name, []), labels) for name, images in sorted(by_clip.items())
        ]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise AnnotationError(f"{path}: expected a JSON of COCO's form, {error!r} is missing or wrong") from error


def _clip_of(image: Mapping[str, Any], path: Path) -> str:
    return safe_name(str(image.get("clip") or Path(str(image["file_name"])).parent.name or path.stem))


def _clip(
    path: Path,
    name: str,
    images: Sequence[Mapping[str, Any]],
    masks: Mapping[int, Sequence[Mapping[str, Any]]],
    objects: Sequence[Mapping[str, Any]],
    categories: Mapping[int, str],
) -> LabelledClip:
    frames = {_index(image, n): image for n, image in enumerate(images)}
    if len(frames) != len(images):
        raise AnnotationError(f"{path}: two pictures of {name} have the same number at the end of their names")
    first = images[0]
    shape = (int(first["height"]), int(first["width"]))
    known = {o.id: o for o in (object_from_json(o, where=str(path)) for o in objects)}
    own = {index: masks.get(int(image["id"]), []) for index, image in sorted(frames.items())}
    stamps = {index: None if image.get("pts") is None else int(image["pts"]) for index, image in frames.items()}
    marks = [[_mark(a, known, categories) for a in some] for some in own.values()]
    found = identify(marks, where=f"{path}, {name}", known=tuple(known.values()))

    def load() -> Iterator[LabelledFrame]:
        for (index, some), ids in zip(own.items(), found.ids, strict=True):
            where = f"{path}, {name}, frame {index}"
            if any(not isinstance(a.get("segmentation"), Mapping) for a in some):
                raise AnnotationError(f"{where}: expected run lengths, got polygons, which lose holes and the seam")
            rles = [(i, from_json(a["segmentation"], where=where)) for i, a in zip(ids, some, strict=True)]
            yield LabelledFrame(index, frame_of(rles, shape, where=where), stamps[index])

    return LabelledClip(name, shape[1], shape[0], found.objects, tuple(own), load, notes=found.notes)


def _mark(annotation: Mapping[str, Any], known: Mapping[int, ObjectInfo], categories: Mapping[int, str]) -> Mark:
    """Ours names the object; trackers and CVAT write a track, beside the mask or among its attributes."""
    category = annotation.get("category_id")
    label = "" if category is None else categories.get(int(category), "")
    own = annotation.get("object_id")
    if own is not None:
        track, number = tracked(own)
        return Mark(label, track, number, None if number is None else known.get(number))
    attributes = annotation.get("attributes")
    places = (annotation, attributes if isinstance(attributes, Mapping) else {})
    told = [place[word] for place in places for word in TRACKS if place.get(word) is not None]
    if not told:
        return Mark(label)
    track, number = tracked(told[0])
    return Mark(label, track, number)


def _index(image: Mapping[str, Any], place: int) -> int:
    if "frame_index" in image:
        return int(image["frame_index"])
    stem = Path(str(image["file_name"])).stem
    digits = stem[len(stem.rstrip("0123456789")) :]
    return int(digits) if digits else place
