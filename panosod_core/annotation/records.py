"""What a project is made of, as frozen values: clips, frames, objects, revisions, and the steps that change them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.masks import RingBox, check_object_id

Cell: TypeAlias = int | str | None


class Source(StrEnum):
    """Who made a mask."""

    MANUAL = "manual"
    MODEL = "model"
    PROPAGATED = "propagated"
    IMPORTED = "imported"

    @property
    def is_machine(self) -> bool:
        """Whether accepted pixels are shut to it."""
        return self is not Source.MANUAL


class MaskState(StrEnum):
    """What was decided about one object's mask in one frame."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class FrameState(StrEnum):
    """What was decided about a frame."""

    UNTOUCHED = "untouched"
    DRAFT = "draft"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Presence(StrEnum):
    """What an object does in an interval."""

    SOUNDING = "sounding"
    SILENT = "silent"
    OFF_SCREEN = "off-screen"


@dataclass(frozen=True)
class NewClip:
    """A clip to be annotated.

    Attributes:
        path: the media file, as text relative to the project's folder where it can be.
        content_id: identity of the file's content.
        width, height: of the label maps: the chosen eye's pixel density over the full sphere.
        stream: index of the video stream in the file.
        time_base: seconds a tick of the stream.
        frame_count: frames of the clip, 0 where unknown.
    """

    path: str
    content_id: str
    width: int
    height: int
    stream: int
    time_base: Fraction
    frame_count: int = 0

    def __post_init__(self) -> None:
        if self.width < 2 or self.height < 1 or self.stream < 0 or self.time_base <= 0:
            raise ValueError(f"impossible clip {self}")


@dataclass(frozen=True)
class Clip(NewClip):
    """A clip of a project; ``id`` is its number there."""

    id: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of its label maps."""
        return self.height, self.width


@dataclass(frozen=True, order=True)
class FrameKey:
    """Which picture: clip of the project, stream, index **and** pts.

    Two keys are the same frame if clip, stream and pts agree; the index is where that frame stands in the copy of the
    clip at hand.
    """

    clip: int
    stream: int
    pts: int
    index: int = field(compare=False)


@dataclass(frozen=True)
class FrameRow:
    """A frame that somebody touched: its number in the project, and what was decided about it."""

    id: int
    key: FrameKey
    state: FrameState = FrameState.UNTOUCHED
    locked: bool = False
    note: str = ""

    @property
    def cell(self) -> str:
        """What a step changes about it, as text."""
        return json.dumps({"state": self.state, "locked": self.locked, "note": self.note})

    def with_cell(self, text: str) -> FrameRow:
        """The row with what :attr:`cell` gave."""
        values = json.loads(text)
        return FrameRow(self.id, self.key, FrameState(values["state"]), bool(values["locked"]), str(values["note"]))


@dataclass(frozen=True)
class Interval:
    """What an object does from one time to another, ticks of the clip's stream, the end excluded."""

    start_pts: int
    end_pts: int
    presence: Presence

    def __post_init__(self) -> None:
        if self.end_pts <= self.start_pts:
            raise ValueError("an interval ends after it starts")


@dataclass(frozen=True)
class ObjectInfo:
    """One thing annotated through a clip.

    Attributes:
        id: 1 to 254, stable through the clip.
        name, category: for people and for export.
        colour: "#rrggbb".
        rank: saliency rank 1 (first) to 5, None where not given.
        locked: its masks may not change in any frame.
        hidden: not drawn.
        intervals: when it sounds, is silent or off screen; disjoint, ascending.
    """

    id: int
    name: str
    category: str = ""
    colour: str = "#ff9f1c"
    rank: int | None = None
    locked: bool = False
    hidden: bool = False
    intervals: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        check_object_id(self.id)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(f"a colour is #rrggbb, got {self.colour!r}")
        if self.rank is not None and not 1 <= self.rank <= 5:
            raise ValueError(f"ranks go from 1 to 5, got {self.rank}")
        if any(b.start_pts < a.end_pts for a, b in zip(self.intervals, self.intervals[1:], strict=False)):
            raise ValueError("an object's intervals overlap or are out of order")

    @property
    def cell(self) -> str:
        """All of it as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_cell(text: str) -> ObjectInfo:
        """The inverse of :attr:`cell`."""
        values = json.loads(text)
        spans = values.pop("intervals")
        intervals = tuple(Interval(s["start_pts"], s["end_pts"], Presence(s["presence"])) for s in spans)
        return ObjectInfo(**values, intervals=intervals)


@dataclass(frozen=True)
class Head:
    """The revision that counts for one object in one frame."""

    revision: int
    state: MaskState
    source: Source
    model_id: str | None
    area_px: int | None = None
    """Pixels; None until the store thread has coded the mask."""


@dataclass(frozen=True, eq=False)
class Revision:
    """A mask as it was once, never changed afterwards.

    Attributes:
        id: number in the project.
        frame: number of the frame.
        object_id: whose mask.
        parent: the revision it was made from, None for the first.
        source, model_id: who made it.
        state: what was decided about it.
        patch: (box, bits): the parent's mask (or nothing) with these pixels; None = the parent's mask as it is.
        author: who sat there.
        created_ms: milliseconds since 1970.
        time_spent_s: working time it took, seconds.
    """

    id: int
    frame: int
    object_id: int
    parent: int | None
    source: Source
    model_id: str | None
    state: MaskState
    patch: tuple[RingBox, NDArray[np.bool_]] | None
    author: str
    created_ms: int
    time_spent_s: float

    @property
    def head(self) -> Head:
        """As a frame's head."""
        return Head(self.id, self.state, self.source, self.model_id)


class ChangeKind(StrEnum):
    """Which sort of cell a step changes."""

    HEAD = "head"  # (frame, object) -> revision id or None
    LOCK = "lock"  # (frame, object) -> 0 or 1
    FRAME = "frame"  # frame -> FrameRow.cell
    OBJECT = "object"  # (clip, object) -> ObjectInfo.cell or None


@dataclass(frozen=True)
class Change:
    """One cell before and after."""

    kind: ChangeKind
    clip: int
    frame: int | None
    object_id: int | None
    before: Cell
    after: Cell

    def turned(self) -> Change:
        """The same change backwards."""
        return Change(self.kind, self.clip, self.frame, self.object_id, self.after, self.before)


@dataclass(frozen=True)
class Place:
    """Where a step acts first, so that the window can go there."""

    clip: int
    frame: FrameKey | None
    object_id: int | None


@dataclass(frozen=True)
class StepHead:
    """A step of the undo history: what it is called, where it acts, which cells it changes."""

    id: int
    title: str
    place: Place
    changes: tuple[Change, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One thing a person did, committed in one transaction."""

    head: StepHead
    frames: tuple[FrameRow, ...]
    """Frames touched for the first time."""
    revisions: tuple[Revision, ...]
    created_ms: int
    continues: bool = False
    """More of a step that is there already (a propagation that goes on)."""
