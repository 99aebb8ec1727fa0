"""DAVIS / YouTube-VOS folders.

::

    JPEGImages/<clip>/00000.jpg       pictures, where they were asked for
    Annotations/<clip>/00000.png      palette PNG, index = object, the whole VOC palette
"""

from collections.abc import Iterator
from pathlib import Path

from panosod_core.annotation.formats.files import FolderWriter, numbered, numbered_files
from panosod_core.annotation.formats.palette import palette_png, read_labels
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame
from panosod_core.annotation.records import ObjectInfo

MASKS, PICTURES = "Annotations", "JPEGImages"


def write(clip: LabelledClip, out: FolderWriter) -> None:
    """Write a clip's masks."""
    for frame in clip.load():
        out.write(f"{MASKS}/{clip.name}/{numbered(frame.index)}.png", palette_png(frame.labels))


def read(folder: Path) -> list[LabelledClip]:
    """The clips in a folder of this layout.

    Raises:
        AnnotationError: a file that cannot be read, when it comes to be loaded.
    """
    return [read_pictures(sub, name=sub.name) for sub in sorted((folder / MASKS).iterdir()) if sub.is_dir()]


def read_pictures(folder: Path, *, name: str, objects: tuple[ObjectInfo, ...] = ()) -> LabelledClip:
    """A folder of numbered mask pictures as a clip.

    Raises:
        AnnotationError: there is none, or the first cannot be read.
    """
    files = numbered_files(folder)
    first = read_labels(next(iter(files.values())))

    def load() -> Iterator[LabelledFrame]:
        for index, file in files.items():
            yield LabelledFrame(index, read_labels(file))

    return LabelledClip(name, first.shape[1], first.shape[0], objects, tuple(files), load)
