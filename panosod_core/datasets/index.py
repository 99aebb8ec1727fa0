"""What a data set is made of, found by listing folders: nothing is decoded here and torch is not needed.

A :class:`DataSet` holds *clips* (pictures over time with sound and masks), *stills* (single pictures with masks) or
*recordings* (sound with labelled events); the modules beside this one build it from each known folder layout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from panosod_core.datasets.findings import Finding
from panosod_core.datasets.sound_order import ACN_SN3D, SoundOrder
from panosod_core.media.info import AudioInfo


class Layout(StrEnum):
    """Folder layouts that are known, in the words of ``panosod data check``."""

    ASOD60K = "asod60k"
    PAVSODR = "pavsodr"
    DUTS = "duts"
    L3DAS = "l3das"
    DAVSOD = "davsod"
    PANOSOD = "panosod"


class Split(StrEnum):
    """What a part of a data set is for."""

    TRAIN = "train"
    VALIDATION = "val"
    TEST = "test"


@dataclass(frozen=True)
class RleMask:
    """A mask as COCO run lengths: the union of objects.

    Attributes:
        height, width: pixels.
        objects: each the runs of one object, column by column, background first.
    """

    height: int
    width: int
    objects: tuple[tuple[int, ...] | str, ...]


MaskSource: TypeAlias = Path | RleMask
"""Where a mask comes from: a picture file, or run lengths (COCO's compressed text or plain counts)."""


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Attributes:
        number: frame number in the source video, from 0.
        time_s: when it is shown, seconds after the first frame of the video: ``number / rate``.
        image: its file.
        mask: its object mask; None where there is none.
    """

    number: int
    time_s: float
    image: Path
    mask: MaskSource | None = None


@dataclass(frozen=True)
class Sound:
    """The ambisonic sound of a clip; second 0 of the file is the clip's first frame.

    Attributes:
        path: the file.
        order: what its first four channels are.
        info: of the file, as probed: at least 4 channels.
        duration_s: of the file by its header.
    """

    path: Path
    order: SoundOrder
    info: AudioInfo
    duration_s: float

    @property
    def channels(self) -> int:
        """Of the file, at least 4."""
        return self.info.channels

    @property
    def rate_hz(self) -> int:
        """Of the file."""
        return self.info.sample_rate_hz


@dataclass(frozen=True)
class Clip:
    """A sequence of pictures with sound.

    Attributes:
        name: of its folder.
        split: what it is for.
        subset: part of the split that is scored apart (Test1, Test2, Test3), or None.
        rate: frames per second of the source video.
        frames: in order of time.
        sound: None where there is none that can be used.
        panoramic: the picture is a full equirectangular one; False: a planar picture.
        title: what people call it, or "".
    """

    name: str
    split: Split
    subset: str | None
    rate: Fraction
    frames: tuple[Frame, ...]
    sound: Sound | None = None
    panoramic: bool = True
    title: str = ""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"clip {self.name}: the frame rate must be positive, got {self.rate}")
        if any(a.number >= b.number for a, b in zip(self.frames, self.frames[1:], strict=False)):
            raise ValueError(f"clip {self.name}: frames are not in order of their number")
        if any(a.time_s >= b.time_s for a, b in zip(self.frames, self.frames[1:], strict=False)):
            raise ValueError(f"clip {self.name}: times do not rise with the frame number")


@dataclass(frozen=True)
class Still:
    """A picture and its mask."""

    name: str
    split: Split
    image: Path
    mask: Path


@dataclass(frozen=True)
class Recording:
    """Sound with labelled events (L3DAS).

    Attributes:
        name: without microphone and suffix: ``split1_ov2_17``.
        split: what it is for.
        overlap: the most events that sound at once: 1..3.
        microphones: files of microphone A and, where it is there, B; four channels each.
        labels: the events' file.
    """

    name: str
    split: Split
    overlap: int
    microphones: tuple[Path, ...]
    labels: Path


@dataclass(frozen=True)
class DataSet:
    """A data set as it lies on disk.

    Attributes:
        layout: which of the known ones.
        root: its folder.
        clips, stills, recordings: what it holds; usually only one of the three.
        findings: what was odd while listing it.
        order: what the channels of recordings are (clips carry their own).
    """

    layout: Layout
    root: Path
    clips: tuple[Clip, ...] = ()
    stills: tuple[Still, ...] = ()
    recordings: tuple[Recording, ...] = ()
    findings: tuple[Finding, ...] = ()
    order: SoundOrder = ACN_SN3D

    def of_split(self, split: Split) -> DataSet:
        """The same, with one split only."""
        return replace(
            self,
            clips=tuple(c for c in self.clips if c.split is split),
            stills=tuple(s for s in self.stills if s.split is split),
            recordings=tuple(r for r in self.recordings if r.split is split),
        )

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those that hold anything, in the order of :class:`Split`."""
        present = {part.split for part in self._parts()}
        return tuple(split for split in Split if split in present)

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets of its clips, sorted."""
        return tuple(sorted({clip.subset for clip in self.clips if clip.subset is not None}))

    def _parts(self) -> Iterable[Clip | Still | Recording]:
        yield from self.clips
        yield from self.stills
        yield from self.recordings
