"""ASOD60K in the repack of PAVSODR (``ruohaoguo/pavsodr``, ACM MM 2024).

::

    {train,test}/JPEGImages/<seq>/<n>.jpg   key frames, renumbered 0, 1, 2, ...: <n> is source frame 6 n
    test/Annotations/<seq>/<n>.png          masks of the test split
    train.json                              masks of the training split: YouTube-VIS style, COCO run lengths
    audios/<seq>.wav                        four channels

Its own code cuts the sound in proportion (file length / number of key frames); here it is placed by the clock.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from panosod_core.datasets import pavs10k
from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import ClipParts, build_clip, find_sound, numbered_pictures, resolve_rate, subfolders
from panosod_core.datasets.index import Clip, DataSet, Layout, MaskSource, RleMask, Split
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.errors import DatasetError

PICTURES, ANNOTATIONS, SOUND = "JPEGImages", "Annotations", "audios"


def index_pavsodr(
    root: Path, *, order: SoundOrder | None = None, rates: Mapping[str, Fraction] | None = None
) -> DataSet:
    """List ASOD60K as repacked by PAVSODR.

    Args:
        root: the folder that holds ``train``, ``test``, ``audios`` and ``train.json``.
        order: what the sound's channels are; None: by the files, else ACN/SN3D.
        rates: frame rates that go before the published ones, by sequence.

    Raises:
        DatasetError: there are no pictures, or a JSON file cannot be understood.
    """
    found = FindingCounter()
    clips: list[Clip] = []
    for split in (Split.TRAIN, Split.TEST):
        json_masks = _json_masks(root / f"{split.value}.json", found)
        folders = subfolders(root / split.value / PICTURES)
        for name in sorted(set(json_masks) - {folder.name for folder in folders}):
            found.add(Kind.MISSING_SEQUENCE, name)
        for folder in folders:
            clip = _clip(root, folder, split, json_masks.get(folder.name), found, order=order, rates=rates or {})
            if clip is not None:
                clips.append(clip)
    if not clips:
        raise DatasetError(f"{root}: expected key frames in {{train,test}}/{PICTURES}/<sequence>, there are none")
    for clip in clips:
        facts = pavs10k.facts_of(clip.name)
        if facts is None:
            found.add(Kind.UNKNOWN_SEQUENCE, clip.name)
        elif facts.split is not clip.split:
            found.add(Kind.SPLIT_DIFFERS, f"{clip.name}: {clip.split.value}, published {facts.split.value}")
    return DataSet(Layout.PAVSODR, root, clips=tuple(clips), findings=found.result())


def _clip(
    root: Path,
    folder: Path,
    split: Split,
    json_masks: dict[str, MaskSource] | None,
    found: FindingCounter,
    *,
    order: SoundOrder | None,
    rates: Mapping[str, Fraction],
) -> Clip | None:
    name = folder.name
    facts = pavs10k.facts_of(name)
    pictures = numbered_pictures(folder, found)
    # A copy that kept the source numbers is told by this: renumbered ones include 1, or are a single 0.
    renumbered = any(number % pavs10k.KEY_STEP for number in pictures)
    step = pavs10k.KEY_STEP if renumbered else 1
    masks: dict[int, MaskSource] | None = None
    annotations = root / split.value / ANNOTATIONS / name
    if annotations.is_dir():
        masks = {number * step: path for number, path in numbered_pictures(annotations, found).items()}
    elif json_masks is not None:
        masks = {n * step: json_masks[p.name] for n, p in pictures.items() if p.name in json_masks}
        for file_name in sorted(set(json_masks) - {path.name for path in pictures.values()}):
            found.add(Kind.MISSING_IMAGE, f"{name}/{file_name}")
    stated = rates.get(name) or (facts.rate if facts else None)
    parts = ClipParts(
        name=name,
        split=split,
        subset=facts.subset if facts and split is Split.TEST else None,
        title=facts.title if facts else "",
        rate=resolve_rate(name, stated=stated, video=None, found=found),
        pictures={number * step: path for number, path in pictures.items()},
        masks=masks,
        sound=find_sound(root / SOUND, name, found, order=order),
        key_step=pavs10k.KEY_STEP,
    )
    return build_clip(parts, found)


def _json_masks(path: Path, found: FindingCounter) -> dict[str, dict[str, MaskSource]]:
    """Sequence -> name of the picture file -> the union of its objects; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        by_video: dict[Any, list[Any]] = defaultdict(list)
        for annotation in data["annotations"]:
            by_video[annotation["video_id"]].append(annotation)
        videos = [(video["id"], [str(n) for n in video["file_names"]], video) for video in data["videos"]]
        sizes = {key: (int(video["height"]), int(video["width"])) for key, _, video in videos}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: expected videos and annotations in YouTube-VIS style, it cannot be understood "
            f"({type(error).__name__}: {error})"
        ) from error
    masks: dict[str, dict[str, MaskSource]] = {}
    for key, names, _ in videos:
        sequences = {Path(n).parent.name for n in names}
        if len(sequences) != 1:
            found.add(Kind.BAD_ANNOTATION, f"video {key}: its pictures lie in {len(sequences)} folders")
            continue
        sequence = sequences.pop()
        if sorted(names) != names:
            found.add(Kind.UNSORTED_NAMES, sequence)
        height, width = sizes[key]
        masks[sequence] = {
            Path(file_name).name: RleMask(
                height, width, _objects(by_video.get(key, []), i, (height, width), f"{sequence} frame {i}", found)
            )
            for i, file_name in enumerate(names)
        }
    return masks


def _objects(
    annotations: list[Any], index: int, size: tuple[int, int], label: str, found: FindingCounter
) -> tuple[tuple[int, ...] | str, ...]:
    """The runs of every object in one frame; what cannot be understood is counted."""
    objects: list[tuple[int, ...] | str] = []
    for annotation in annotations:
        segmentations = annotation.get("segmentations") if isinstance(annotation, dict) else None
        segment = segmentations[index] if isinstance(segmentations, list) and index < len(segmentations) else None
        if not segment:
            continue
        # The runs themselves are decoded when the mask is read: for the whole file that takes minutes.
        runs = _runs(segment, size)
        if runs is None:
            found.add(Kind.BAD_ANNOTATION, label)
        else:
            objects.append(runs)
    return tuple(objects)


def _runs(segment: Any, size: tuple[int, int]) -> tuple[int, ...] | str | None:
    """Run lengths of an object as they stand in the file; None for polygons, other sizes and anything else."""
    if not isinstance(segment, dict) or segment.get("size") not in (None, list(size)):
        return None
    counts = segment.get("counts")
    if isinstance(counts, list) and all(type(count) is int for count in counts):
        return tuple(counts)
    return counts if isinstance(counts, str) else None
