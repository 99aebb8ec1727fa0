"""ASOD60K / PAVS10K folders, as the authors' loader reads them.

::

    frame_key/<clip>/00000.png            pictures
    DATA/train/<clip>/00000.png           objects, grey 0/255 (the loader reads grey and knows no palette)
    instance/train/<clip>/00000.png       objects by id, the whole VOC palette
    ambisonics_trimmed/<clip>.wav         four channels, cut to the exported frames
    data/PAVS10K_seqs_train.txt           one <clip> a line

The loader pairs pictures and masks by their sorted order, not by name: both are written for the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from panosod_core.annotation.formats.davis import read_pictures
from panosod_core.annotation.formats.files import FolderWriter, numbered, numbered_files
from panosod_core.annotation.formats.palette import binary_png, palette_png, read_labels
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame
from panosod_core.errors import AnnotationError

PICTURES, MASKS, INSTANCES, SOUND = "frame_key", "DATA", "instance", "ambisonics_trimmed"
SPLITS = ("train", "test")


def write(clip: LabelledClip, out: FolderWriter, *, split: str) -> None:
    """Write a clip's masks, as objects and as instances."""
    for frame in clip.load():
        name = f"{split}/{clip.name}/{numbered(frame.index)}.png"
        out.write(f"{MASKS}/{name}", binary_png(frame.labels > 0))
        out.write(f"{INSTANCES}/{name}", palette_png(frame.labels))


def write_lists(clips: Sequence[LabelledClip], out: FolderWriter, *, split: str) -> None:
    """Write the two lists of clips."""
    for name in SPLITS:
        lines = [clip.name for clip in clips] if name == split else []
        out.write(f"data/PAVS10K_seqs_{name}.txt", "".join(f"{line}\n" for line in lines).encode())


def read(folder: Path) -> list[LabelledClip]:
    """The clips of such folders: from the instances where they are, else each mask is object 1.

    Raises:
        AnnotationError: there are no masks.
    """
    clips = []
    for split in ("", *SPLITS):
        for sub in sorted(p for p in (folder / MASKS / split).glob("*") if p.is_dir() and p.name not in SPLITS):
            instances = folder / INSTANCES / split / sub.name
            clips.append(read_pictures(instances, name=sub.name) if instances.is_dir() else _binary(sub))
    if not clips:
        raise AnnotationError(f"{folder / MASKS}: expected a folder of masks a clip, there is none")
    return clips


def _binary(folder: Path) -> LabelledClip:
    files = numbered_files(folder)
    first = read_labels(next(iter(files.values())))

    def load() -> Iterator[LabelledFrame]:
        for index, path in files.items():
            yield LabelledFrame(index, (read_labels(path) > 0).astype("uint8"))

    return LabelledClip(folder.name, first.shape[1], first.shape[0], (), tuple(files), load)
