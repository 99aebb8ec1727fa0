"""What of a frame may be carried over, what stops a propagation, and how its end is told."""

from __future__ import annotations

from collections.abc import Collection

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Edit, Origin
from panosod_core.annotation.records import Clip, FrameKey, Head, MaskState, Source
from panosod_viewer.panels.notice import Severity
from panosod_viewer.workers.propagating import CarriedTo, CarryEnded, End, Shut

_ORIGIN = Origin(Source.PROPAGATED)


def is_known(head: Head | None) -> bool:
    """Whether a mask counts as said by a person: painted, imported or accepted, and not rejected."""
    if head is None or head.state is MaskState.REJECTED:
        return False
    return head.state is MaskState.ACCEPTED or head.source in (Source.MANUAL, Source.IMPORTED)


def shut_frames(document: Document, clip: Clip, ids: Collection[int], *, first: int, last: int) -> dict[int, Shut]:
    """Frames between two numbers (both included) in which some of the objects may not be written, by pts."""
    low, high = min(first, last), max(first, last)
    found: dict[int, Shut] = {}
    for row in document.frames(clip.id):
        if not low <= row.key.index <= high:
            continue
        protection = document.protection(row.key)
        if protection.frame_locked or protection.frame_accepted:
            found[row.key.pts] = Shut("locked" if protection.frame_locked else "accepted")
            continue
        heads = document.heads(row.key)
        objects = {i: "painted by hand" for i in ids if is_known(heads.get(i))}
        objects |= {i: "accepted" for i in ids if i in protection.accepted}
        objects |= {i: "locked" for i in ids if i in protection.locked}
        if objects:
            found[row.key.pts] = Shut("", objects)
    return found


def known_frame(document: Document, clip: Clip, ids: Collection[int], *, index: int, step: int) -> FrameKey | None:
    """The nearest frame after (step +1) or before (-1) one in which a person has painted one of the objects."""
    rows = document.frames(clip.id)
    for row in rows if step > 0 else reversed(rows):
        if (row.key.index - index) * step <= 0:
            continue
        heads = document.heads(row.key)
        if any(is_known(heads.get(i)) for i in ids):
            return row.key
    return None


def edit_of(document: Document, carried: CarriedTo) -> Edit:
    """The edit that puts carried masks into a frame as it is now, as far as allowed."""
    # Not while the window opens: it brings OpenCV.
    from panosod_core.annotation.propagation.putting import put_carried

    key = carried.key
    return put_carried(
        lambda box: document.read(key, box),
        carried.masks,
        old={i: document.mask(key, i) for i in carried.masks},
        ring_width=document.clip(key.clip).width,
        protection=document.protection(key),
        origin=_ORIGIN,
    )


def ended_words(title: str, frames: int, letter: CarryEnded, *, why_stopped: str = "") -> tuple[str, Severity]:
    """What is told at the end: how many frames, where it stopped and why."""
    if letter.end is End.FAILED:
        return letter.text, Severity.ERROR
    over = f"{frames} frame" if frames == 1 else f"{frames} frames"
    text = f"{title}: {over}, as drafts"
    if letter.end is End.CANCELLED:
        text = f"{title}: stopped after {over}" + (f", {why_stopped}" if why_stopped else "")
    elif letter.end is End.CLIP_OVER:
        text += "; the clip ends there"
    if letter.text:
        text += f"; {letter.text}"
    stopped_short = letter.end in (End.SHUT, End.LOST) or bool(letter.text)
    return text, Severity.WARNING if stopped_short and frames == 0 else Severity.INFO
