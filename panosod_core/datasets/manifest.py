"""The folder that panosod itself writes and exports: ASOD60K's folders, and ``dataset.json``, which describes them.

::

    dataset.json                            what follows here
    frame_key/<seq>/<NNNNN>.png             pictures, named by the frame number in the source video
    DATA/{train,val,test}/<seq>/<NNNNN>.png object masks, grey 0 or 255
    ambisonics_trimmed/<seq>.wav            ACN/SN3D; second 0 is frame 0

so that the authors' own code can read it too. ``dataset.json``::

    {"format": "panosod-dataset", "version": 1, "name": "...", "key_step": 6, "sound_order": "acn",
     "sequences": {"<seq>": {"split": "train", "rate": [30, 1], "subset": null, "title": "",
                             "times_s": {"0": 0.0, "6": 0.2}}}}

``rate`` is frames per second of the source; ``times_s`` is needed only where its frames are not evenly spaced, or where
the sound does not begin with frame 0: its second 0 is always time 0. ``"left_out": {"<seq>": "why"}`` may name what a
person would expect there and will not find.
"""

import itertools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import ClipParts, build_clip, find_sound, numbered_pictures, subfolders
from panosod_core.datasets.index import Clip, DataSet, Layout, Split
from panosod_core.datasets.sound_order import ACN_SN3D, SoundOrder, parse_order
from panosod_core.errors import ConfigError, DatasetError

MANIFEST = "dataset.json"
FORMAT, VERSION = "panosod-dataset", 1
FRAMES, MASKS, SOUND = "frame_key", "DATA", "ambisonics_trimmed"
"""Folders beside the manifest."""


@dataclass(frozen=True)
class SequenceEntry:
    """A sequence as the manifest tells it.

    Attributes:
        split: what it is for.
        rate: frames per second of the source.
        subset: part of the split that is scored apart.
        title: for people.
        times_s: frame number -> seconds, where frames are not evenly spaced; else empty.
    """

    split: Split
    rate: Fraction
    subset: str | None = None
    title: str = ""
    times_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What ``dataset.json`` holds.

    Attributes:
        name: of the data set.
        sequences: name -> entry.
        key_step: key frames are the multiples of this.
        sound_order: of the sound files.
        left_out: sequences that should be here and are not, and why.
    """

    name: str
    sequences: Mapping[str, SequenceEntry]
    key_step: int = 6
    sound_order: SoundOrder = ACN_SN3D
    left_out: Mapping[str, str] = field(default_factory=dict)


def write_manifest(root: Path, manifest: Manifest) -> Path:
    """Write ``dataset.json`` into a folder, beside and renamed; the same manifest gives the same bytes.

    Returns:
        Its path.

    Raises:
        DatasetError: the folder cannot be written.
    """
    sequences = {
        name: {
            "split": entry.split.value,
            "rate": [entry.rate.numerator, entry.rate.denominator],
            "subset": entry.subset,
            "title": entry.title,
        }
        | ({"times_s": {str(n): t for n, t in sorted(entry.times_s.items())}} if entry.times_s else {})
        for name, entry in manifest.sequences.items()
    }
    data = {
        "format": FORMAT,
        "version": VERSION,
        "name": manifest.name,
        "key_step": manifest.key_step,
        "sound_order": manifest.sound_order.name,
        "sequences": sequences,
    } | ({"left_out": dict(manifest.left_out)} if manifest.left_out else {})
    path, part = root / MANIFEST, root / f".{MANIFEST}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DatasetError(f"{path}: expected to write it, got: {error.strerror}") from error
    return path


def read_manifest(root: Path) -> Manifest:
    """Read ``dataset.json`` of a folder.

    Raises:
        DatasetError: it is missing, of another format or version, or contradicts itself.
    """
    path = root / MANIFEST
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: expected this file in a data set that panosod wrote, there is none") from error
    except (OSError, ConfigError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DatasetError(
            f"{path}: expected a {FORMAT} of version {VERSION}, it cannot be understood ({error})"
        ) from error
    except RecursionError as error:
        raise DatasetError(f"{path}: expected a {FORMAT}, got lists nested too deeply") from error


def index_panosod(root: Path, *, order: SoundOrder | None = None) -> DataSet:
    """List a folder that panosod wrote.

    Args:
        root: the folder with ``dataset.json``.
        order: of the sound's channels, instead of what the manifest says.

    Raises:
        DatasetError: the manifest cannot be read.
    """
    manifest = read_manifest(root)
    found = FindingCounter()
    clips: list[Clip] = []
    on_disk = {folder.name: folder for folder in subfolders(root / FRAMES)}
    for name, reason in manifest.left_out.items():
        found.add(Kind.MISSING_SEQUENCE, f"{name}: {reason}")
    for name in sorted(set(on_disk) - set(manifest.sequences)):
        found.add(Kind.UNKNOWN_SEQUENCE, name)
    for name, entry in manifest.sequences.items():
        if name not in on_disk:
            found.add(Kind.MISSING_SEQUENCE, name)
            continue
        pictures = numbered_pictures(on_disk[name], found)
        untimed = sorted(set(pictures) - set(entry.times_s)) if entry.times_s else []
        if untimed:
            raise DatasetError(
                f"{root / MANIFEST}: expected times_s of {name} to hold every picture or none, it lacks {untimed[0]}"
            )
        masks = root / MASKS / entry.split.value / name
        parts = ClipParts(
            name=name,
            split=entry.split,
            subset=entry.subset,
            title=entry.title,
            rate=entry.rate,
            pictures=pictures,
            masks=numbered_pictures(masks, found) if masks.is_dir() else None,
            sound=find_sound(root / SOUND, name, found, order=order or manifest.sound_order),
            key_step=manifest.key_step,
            times_s=entry.times_s or None,
        )
        clip = build_clip(parts, found)
        if clip is not None:
            clips.append(clip)
    return DataSet(Layout.PANOSOD, root, clips=tuple(clips), findings=found.result())


def _from_json(data: Any) -> Manifest:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f'expected "format": "{FORMAT}"')
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}")
    step = data.get("key_step", 1)
    if type(step) is not int or step < 1:
        raise ValueError(f"key_step must be a whole number from 1 up, got {step!r}")
    sequences = {}
    for name, entry in data["sequences"].items():
        if name != Path(name).name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is no name of a folder")
        rate = Fraction(*entry["rate"])
        if rate <= 0:
            raise ValueError(f"{name}: rate {rate}")
        times = {int(number): float(t_s) for number, t_s in entry.get("times_s", {}).items()}
        ordered = [times[number] for number in sorted(times)]
        if not all(map(math.isfinite, ordered)) or any(a >= b for a, b in itertools.pairwise(ordered)):
            raise ValueError(f"{name}: times_s do not rise with the frame number")
        subset = entry.get("subset")
        sequences[name] = SequenceEntry(
            Split(entry["split"]), rate, None if subset is None else str(subset), str(entry.get("title", "")), times
        )
    left_out = {str(name): str(reason) for name, reason in data.get("left_out", {}).items()}
    return Manifest(str(data.get("name", "")), sequences, step, parse_order(data.get("sound_order", "acn")), left_out)
