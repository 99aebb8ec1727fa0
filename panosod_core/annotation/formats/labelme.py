"""LabelMe: one JSON a frame; every object a shape of type "mask", its pixels a PNG in base64 within the box's corners.

::

    <clip>/00000.json      beside 00000.jpg, where pictures were asked for

LabelMe knows no seam: the box of an object across it is as wide as the picture, its pixels are exact all the same.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from panosod_core.annotation.formats.files import FolderWriter, json_bytes, numbered, numbered_files, read_json
from panosod_core.annotation.formats.identities import Mark, identify, tracked
from panosod_core.annotation.formats.palette import binary_png
from panosod_core.annotation.formats.run_lengths import object_from_json, object_json
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame
from panosod_core.annotation.masks import LabelMap, objects_in
from panosod_core.errors import AnnotationError


def write(clip: LabelledClip, out: FolderWriter) -> None:
    """Write a clip's frames."""
    for frame in clip.load():
        shapes = [_shape(frame.labels == i, object_json(clip.object(i))) for i in objects_in(frame.labels)]
        value: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"{numbered(frame.index)}.jpg",
            "imageData": None,
            "imageHeight": clip.height,
            "imageWidth": clip.width,
        }
        out.write(f"{clip.name}/{numbered(frame.index)}.json", json_bytes(value))


def _shape(mask: np.ndarray, info: Mapping[str, Any]) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    png = binary_png(mask[top : bottom + 1, left : right + 1])
    return {
        "label": info["name"],
        "group_id": info["id"],
        "description": info["class"],
        "flags": {},
        "shape_type": "mask",
        "points": [[left, top], [right, bottom]],
        "mask": base64.b64encode(png).decode("ascii"),
        "panosod": dict(info),
    }


def read(folder: Path) -> LabelledClip:
    """A folder of such files as a clip.

    Raises:
        AnnotationError: there is none, or the first cannot be read.
    """
    files = numbered_files(folder, ".json")
    shape: tuple[int, int] | None = None
    marks = []
    # Pictures may lie within the files: one at a time is held, and read again when it is loaded.
    for path in files.values():
        try:
            value = read_json(path)
            shape = shape or (int(value["imageHeight"]), int(value["imageWidth"]))
            marks.append([_mark(item, where=str(path)) for item in value["shapes"]])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise AnnotationError(f"{path}: expected LabelMe's JSON, {error!r} is missing or wrong") from error
    if shape is None:
        raise AssertionError("numbered files are at least one")
    found, size = identify(marks, where=str(folder)), shape

    def load() -> Iterator[LabelledFrame]:
        for (index, path), ids in zip(files.items(), found.ids, strict=True):
            yield LabelledFrame(index, _labels(read_json(path), ids, size, where=str(path)))

    return LabelledClip(folder.name, size[1], size[0], found.objects, tuple(files), load, notes=found.notes)


def _mark(item: Mapping[str, Any], *, where: str) -> Mark:
    """LabelMe's own programs take shapes of one label and one group for one instance."""
    label, group = str(item["label"]), item.get("group_id")
    if group is None:
        return Mark(label)
    track, number = tracked(group)
    own = object_from_json(item["panosod"], where=where) if "panosod" in item else None
    if own is not None and (own.id != number or own.name != label):
        own = None  # somebody has called it something else since
    return Mark(label, (label, track), number, own)


def _labels(value: Mapping[str, Any], ids: Sequence[int], shape: tuple[int, int], *, where: str) -> LabelMap:
    labels = np.zeros(shape, np.uint8)
    try:
        for object_id, item in zip(ids, value["shapes"], strict=True):
            if item["shape_type"] != "mask":
                raise AnnotationError(f"{where}: expected mask shapes, got a {item['shape_type']}: draw it as a mask")
            left, top = (round(float(c)) for c in item["points"][0])
            with Image.open(io.BytesIO(base64.b64decode(item["mask"], validate=True))) as image:
                inside = np.array(image.convert("L")) > 0
            here = labels[top : top + inside.shape[0], left : left + inside.shape[1]]
            if here.shape != inside.shape:
                raise AnnotationError(f"{where}: a mask that leaves the picture: the file is damaged")
            here[inside & (here == 0)] = object_id
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error, UnidentifiedImageError, OSError) as error:
        raise AnnotationError(f"{where}: a shape that cannot be read: {error!r}") from error
    return labels
