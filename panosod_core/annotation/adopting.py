"""Clips and their files: new ones, moved ones, and other copies of the same recording, without shifting a mask.

Masks hang on (stream, pts); the index only says where that picture stands in the copy at hand. Another copy is adopted
by its times: a frame that it lacks keeps its time stamp and is listed, nothing ever moves to a neighbour. Such a
frame's number is behind the copy's last one: nobody takes it for the picture that has its old number now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.document import Document
from panosod_core.annotation.records import ChangeKind, Clip, FrameKey, Interval, NewClip, ObjectInfo
from panosod_core.annotation.store import portable_path
from panosod_core.errors import MediaError, ProjectError
from panosod_core.media.content import content_id


def new_clip(
    media: Path,
    project: Path,
    *,
    size: tuple[int, int],
    stream: int,
    time_base: Fraction,
    frame_count: int = 0,
) -> NewClip:
    """A clip for a project.

    Args:
        media: its file.
        project: the project's file.
        size: (H, W) of the label maps.
        stream: index of the video stream.
        time_base: seconds a tick.
        frame_count: frames, 0 where unknown.

    Raises:
        MediaError: the file cannot be read.
    """
    path = portable_path(media, project.parent)
    return NewClip(path, content_id(media), size[1], size[0], stream, time_base, frame_count)


def is_same_clip(clip: Clip, media: Path) -> bool:
    """Whether a file has the content of a clip; False, too, where it cannot be read."""
    try:
        return content_id(media) == clip.content_id
    except MediaError:
        return False


def clip_file(project: Path, clip: Clip, folders: Iterable[Path] = ()) -> Path | None:
    """Where a clip's file is: at its place, or under its name in the project's folder or other folders.

    Only a file of the same content is taken.

    Args:
        project: the project's file.
        clip: of it.
        folders: looked into last.
    """
    place = Path(clip.path)
    own = place if place.is_absolute() else project.parent / place
    candidates = [own, project.parent / place.name, *(folder / place.name for folder in folders)]
    return next((p for p in candidates if p.is_file() and is_same_clip(clip, p)), None)


def find_media(document: Document, clip: Clip, folders: Iterable[Path] = ()) -> Path | None:
    """Where the file of an open project's clip is; see :func:`clip_file`."""
    return clip_file(document.path, clip, folders)


@dataclass(frozen=True)
class CopyTimes:
    """The frames of another copy.

    Attributes:
        stream: index of its video stream.
        time_base: seconds a tick.
        pts: (N,) int64, strictly increasing, ticks.
    """

    stream: int
    time_base: Fraction
    pts: NDArray[np.int64]


@dataclass(frozen=True)
class Adoption:
    """What becomes of the touched frames of a clip with another copy.

    Attributes:
        clip: the clip with the copy's path, content, stream, time base and number of frames.
        frames: (as it is, as it will be) of every frame found in the copy.
        missing: frames that the copy does not have, in time, as they are now.
    """

    clip: Clip
    frames: tuple[tuple[FrameKey, FrameKey], ...]
    missing: tuple[FrameKey, ...]

    @property
    def moved(self) -> int:
        """Frames that stand at another index in the copy."""
        return sum(old.index != new.index for old, new in self.frames)


def plan_adoption(document: Document, clip: Clip, media: Path, times: CopyTimes) -> Adoption:
    """Find the touched frames of a clip in another copy of it, by time; nothing changes.

    A frame is found where the copy has one at the same time: the same ticks where the time bases agree, else within
    half a tick of the coarser base.

    Raises:
        MediaError: the file cannot be read.
        ProjectError: the file is another of the project's clips.
    """
    content = content_id(media)
    taken = [c for c in document.clips if (c.content_id, c.shape) == (content, clip.shape) and c.id != clip.id]
    if taken:
        raise ProjectError(
            f"{media} is clip {taken[0].id} of the project already, with masks of its own: choose another copy for "
            f"{clip.path}"
        )
    found: list[tuple[FrameKey, FrameKey]] = []
    missing: list[FrameKey] = []
    ratio = clip.time_base / times.time_base
    reach = 0 if ratio == 1 else max(ratio, Fraction(1)) / 2
    for row in document.frames(clip.id):
        wanted = row.key.pts * ratio
        i = int(np.searchsorted(times.pts, float(wanted)))
        near = [j for j in (i - 1, i, i + 1) if 0 <= j < len(times.pts)]
        best = min(near, key=lambda j: abs(int(times.pts[j]) - wanted), default=None)
        if best is None or abs(int(times.pts[best]) - wanted) > reach:
            missing.append(row.key)
        else:
            found.append((row.key, FrameKey(clip.id, times.stream, int(times.pts[best]), best)))
    if len({new for _, new in found}) != len(found):
        # Two frames of ours on one of theirs: this is no copy of the same pictures.
        doubled = {new for _, new in found if sum(other == new for _, other in found) > 1}
        missing += [old for old, new in found if new in doubled]
        found = [(old, new) for old, new in found if new not in doubled]
    adopted = replace(
        clip,
        path=portable_path(media, document.path.parent),
        content_id=content,
        stream=times.stream,
        time_base=times.time_base,
        frame_count=len(times.pts),
    )
    return Adoption(adopted, tuple(found), tuple(sorted(missing)))


def check_adoption(document: Document, adoption: Adoption) -> None:
    """Say whether a copy can be adopted.

    Raises:
        ProjectError: it has none of the annotated frames, or other time stamps (stream or time base) and lacks some.
    """
    old, new = document.clip(adoption.clip.id), adoption.clip
    if adoption.missing and not adoption.frames:
        raise ProjectError(
            f"{new.path} has none of the annotated frames of {old.path}: choose a copy of that recording"
        )
    same_ticks = (old.stream, old.time_base) == (new.stream, new.time_base)
    if adoption.missing and not same_ticks:
        raise ProjectError(
            f"{new.path} has other time stamps than the clip's old file and lacks {len(adoption.missing)} of its "
            f"annotated frames (the first is number {adoption.missing[0].index}): choose a copy of the same recording"
        )


def adopt(document: Document, adoption: Adoption) -> None:
    """Use the other copy from now on; not undone by undo.

    Raises:
        ProjectError: see :func:`check_adoption`; or the project cannot be written.
    """
    check_adoption(document, adoption)
    old, new = document.clip(adoption.clip.id), adoption.clip
    numbers = {row.key: row.id for row in document.frames(new.id)}
    rows = [(numbers[before], after) for before, after in adoption.frames]
    rows += [(numbers[k], replace(k, index=new.frame_count + i)) for i, k in enumerate(adoption.missing)]
    ratio = old.time_base / new.time_base

    def write(db: sqlite3.Connection) -> None:
        _write(db, new, rows)
        if ratio != 1:
            _write_times(db, new.id, ratio)

    document.rewrite(write)


def relink(document: Document, clip: Clip, media: Path) -> None:
    """Say where a clip's file lies now.

    Raises:
        ProjectError: the file has another content: adopt it as another copy instead.
    """
    if not is_same_clip(clip, media):
        raise ProjectError(
            f"{media} is not the file that {clip.path} was (its content differs): choose that file, or adopt this one "
            "as another copy of the recording"
        )
    moved = replace(clip, path=portable_path(media, document.path.parent))
    document.rewrite(lambda db: _write(db, moved, []))


def _write(db: sqlite3.Connection, clip: Clip, rows: Sequence[tuple[int, FrameKey]]) -> None:
    base = clip.time_base
    db.execute(
        "UPDATE clips SET path = ?, content_id = ?, stream = ?, time_base_num = ?, time_base_den = ?, frame_count = ? "
        "WHERE id = ?",
        (clip.path, clip.content_id, clip.stream, base.numerator, base.denominator, clip.frame_count, clip.id),
    )
    # Out of the way first: a new pts may be another frame's old one.
    db.executemany("UPDATE frames SET stream = -1, pts = id WHERE id = ?", [(number,) for number, _ in rows])
    db.executemany(
        "UPDATE frames SET stream = ?, pts = ?, frame_index = ? WHERE id = ?",
        [(key.stream, key.pts, key.index, number) for number, key in rows],
    )


def _write_times(db: sqlite3.Connection, clip: int, ratio: Fraction) -> None:
    """What counts ticks beside frames: when objects sound, now and in the undo history, and the split's copy."""

    def timed(cell: str | None) -> str | None:
        return None if cell is None else _with_times(ObjectInfo.from_cell(cell), ratio).cell

    objects = db.execute("SELECT id, cell FROM objects WHERE clip = ?", (clip,)).fetchall()
    db.executemany(
        "UPDATE objects SET cell = ? WHERE clip = ? AND id = ?", [(timed(cell), clip, i) for i, cell in objects]
    )
    steps = db.execute(
        "SELECT step, ordinal, before, after FROM step_changes WHERE clip = ? AND kind = ?",
        (clip, ChangeKind.OBJECT.value),
    ).fetchall()
    db.executemany(
        "UPDATE step_changes SET before = ?, after = ? WHERE step = ? AND ordinal = ?",
        [(timed(before), timed(after), step, ordinal) for step, ordinal, before, after in steps],
    )
    splits = db.execute(
        "SELECT id, start_pts, end_pts FROM splits WHERE clip = ? AND start_pts IS NOT NULL AND end_pts IS NOT NULL",
        (clip,),
    ).fetchall()
    db.executemany(
        "UPDATE splits SET start_pts = ?, end_pts = ? WHERE id = ?",
        [(round(start * ratio), round(end * ratio), i) for i, start, end in splits],
    )


def _with_times(info: ObjectInfo, ratio: Fraction) -> ObjectInfo:
    spans = ((round(s.start_pts * ratio), round(s.end_pts * ratio), s.presence) for s in info.intervals)
    return replace(info, intervals=tuple(Interval(start, end, p) for start, end, p in spans if end > start))
