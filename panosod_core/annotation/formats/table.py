"""What every format writes and reads: a clip's label maps with the objects they name. No project, no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from panosod_core.annotation.masks import LabelMap
from panosod_core.annotation.records import ObjectInfo


class MaskFormat(StrEnum):
    """Formats by the name that the command line and the window use."""

    PAVS10K = "pavs10k"
    """ASOD60K / PAVS10K folders: objects as 0/255, instances with the VOC palette, key frames, 4-channel WAV, lists."""
    DAVIS = "davis"
    """DAVIS / YouTube-VOS folders: palette PNGs whose index is the object."""
    SAV = "sav"
    """Run lengths as in SA-V: one JSON a clip, frame by frame."""
    YTVIS = "ytvis"
    """Run lengths as in YouTube-VIS: one JSON, object by object."""
    COCO = "coco"
    """COCO instances: one JSON, one annotation an object and frame, `bbox_wrap` beside `bbox`."""
    LABELME = "labelme"
    """One LabelMe JSON a frame, mask shapes."""
    VIDEO = "video"
    """A lossless grey video whose values are the objects, with a JSON of frames and objects."""


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """One frame's masks.

    Attributes:
        index: of the frame in its clip, 0 for the first.
        labels: (H, W) uint8 label map.
        pts: time stamp in ticks, None where the file does not say.
    """

    index: int
    labels: LabelMap
    pts: int | None = None


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A clip's masks, read frame by frame.

    Attributes:
        name: of its folder or entry; a plain file name.
        width, height: of the label maps.
        objects: what the ids mean; ids that are painted but not here are "object N".
        indices: of the frames, ascending.
        load: gives the frames in that order, anew at every call.
        time_base: seconds a tick of the pts.
        notes: what a person should know about how it was read.
    """

    name: str
    width: int
    height: int
    objects: tuple[ObjectInfo, ...]
    indices: tuple[int, ...]
    load: Callable[[], Iterator[LabelledFrame]] = field(repr=False)
    time_base: Fraction | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or self.name != safe_name(self.name):
            raise ValueError(f"a clip's name becomes a file's name, got {self.name!r}")

    def object(self, object_id: int) -> ObjectInfo:
        """What is known of an id."""
        for info in self.objects:
            if info.id == object_id:
                return info
        return ObjectInfo(object_id, f"object {object_id}")


def safe_name(text: str) -> str:
    """The text as a file name that every system takes: letters, digits, `-`, `_` and inner dots."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in text).strip(".")
    return name or "clip"
