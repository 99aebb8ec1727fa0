"""ASOD60K / PAVS10K folders, as the authors' loader reads them.

::

    frame_key/<clip>/00000.png            pictures
    DATA/train/<clip>/00000.png           objects, grey 0/255 (the loader reads grey and knows no palette)
    instance/train/<clip>/00000.png       objects by id, the whole VOC palette
    ambisonics_trimmed/<clip>.wav         four channels, cut to the exported frames
    data/PAVS10K_seqs_train.txt           one <clip> a line
    dataset.json                          when each picture is, for our own loader (panosod_core.datasets.manifest)

The loader pairs pictures and masks by their sorted order, not by name: both are written for the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from panosod_core.annotation.formats.davis import read_pictures
from panosod_core.annotation.formats.files import FolderWriter, json_bytes, numbered, numbered_files
from panosod_core.annotation.formats.palette import binary_png, palette_png, read_labels
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame
from panosod_core.errors import AnnotationError

PICTURES, MASKS, INSTANCES, SOUND = "frame_key", "DATA", "instance", "ambisonics_trimmed"
SPLITS = ("train", "test")
TIMING = "dataset.json"


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


def timing(name: str, clips: Mapping[str, tuple[Fraction, Mapping[int, float]]], *, split: str, every: int) -> bytes:
    """The content of ``dataset.json``.

    Without it a reader would have to guess frame rates, and would take the sound, which begins with the first exported
    frame, for one that begins with frame 0.

    Args:
        name: of the whole.
        clips: name of a clip -> frames per second of the source, and frame number -> seconds of the sound.
        split: that all of them are in.
        every: step of the exported frames' numbers.
    """
    sequences = {
        clip: {
            "split": split,
            "rate": [rate.numerator, rate.denominator],
            "subset": None,
            "title": clip,
            "times_s": {str(index): time_s for index, time_s in times_s.items()},
        }
        for clip, (rate, times_s) in clips.items()
    }
    return json_bytes(
        {
            "format": "panosod-dataset",
            "version": 1,
            "name": name,
            "key_step": every,
            "sound_order": "acn",
            "sequences": sequences,
        }
    )


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
