"""Counts what a finetuning job on a project would learn from: by clip, object and state. No Qt, no torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.clip_names import clip_names
from panosod_core.annotation.records import Clip, FrameState, MaskState
from panosod_core.annotation.snapshot import Snapshot, SnapshotFrame
from panosod_core.datasets.index import Split
from panosod_core.datasets.projects import LEARNT_FROM, is_machines, teaches
from panosod_core.errors import PanosodError
from panosod_core.training.finetune_ledger import split_at_hand
from panosod_core.training.finetune_split import (
    DECIDING,
    ENOUGH,
    FEWEST,
    FEWEST_CHECKED,
    FixedSplit,
    corrected_frames,
    extend_split,
    is_spread,
    time_of,
)
from panosod_viewer.tools.training import ClipCount, Material, ObjectCount

CHECK_SHARE = 0.12
"""As a request has it where nothing else is said."""


def material_of(project: Path) -> Material:
    """What a job would learn from, were it started now; the project's split is looked at, not settled.

    Args:
        project: its file.

    Returns:
        The counts; what cannot be read is told in them.
    """
    try:
        with Snapshot.open(project) as snapshot:
            return _counted(project, snapshot)
    except PanosodError as error:
        return Material(project, why_not=str(error))


def _counted(project: Path, snapshot: Snapshot) -> Material:
    found = {clip.id for clip in snapshot.clips if snapshot.frames[clip.id] and clip_file(project, clip) is not None}
    corrected = corrected_frames(snapshot, clips=found)
    before, lost = split_at_hand(snapshot)
    split = extend_split(before, corrected, share=CHECK_SHARE)
    names = clip_names(snapshot.clips)
    clips = tuple(
        _clip(snapshot, clip, split, name=names[clip.id] + Path(clip.path).suffix, is_missing=clip.id not in found)
        for clip in snapshot.clips
        if snapshot.frames[clip.id]
    )
    material = Material(project, tuple(c for c in clips if c.frames or c.rejected))
    total = sum(len(clip.times_s) for clip in corrected)
    drafts = sum(is_machines(f) for clip in snapshot.clips for f in snapshot.frames[clip.id])
    unsaid = f"Not counted: {drafts} frames with a machine's drafts alone; accept or correct them" if drafts else ""
    if total < FEWEST:
        why_not = f"{total} corrected frames are too few to learn from: correct {FEWEST - total} more"
        return replace(material, why_not=". ".join(filter(None, (why_not, unsaid))))
    few = ""
    if total < ENOUGH or split.held(corrected) < FEWEST_CHECKED:
        what = f"{DECIDING} corrected frames" if total < DECIDING else f"{FEWEST_CHECKED} frames kept for the check"
        few = f"Fewer than {what}: the result is cross-validated, and no advice can be given"
    elif not is_spread(split, corrected):
        few = "Checked frames lie too close together: no advice can be given; correct more, "
        few += "in other clips or seconds away"
    return replace(material, note=". ".join(filter(None, (few, unsaid, lost))))


def _clip(snapshot: Snapshot, clip: Clip, split: FixedSplit, *, name: str, is_missing: bool) -> ClipCount:
    frames = [f for f in snapshot.frames[clip.id] if teaches(f)]
    parts = Counter(split.part_of(clip.content_id, time_of(clip, f)) for f in frames)
    accepted = sum(_is_accepted(f) for f in frames)
    names = {o.id: o.name for o in snapshot.objects[clip.id]}
    masks = [m for f in frames for m in f.masks if m.state in LEARNT_FROM and m.area_px]
    counts = Counter(m.object_id for m in masks)
    agreed = Counter(m.object_id for m in masks if m.state is MaskState.ACCEPTED)
    return ClipCount(
        name=name,
        frames=len(frames),
        learn=parts[Split.TRAIN],
        check=parts[Split.VALIDATION],
        accepted=accepted,
        drafts=len(frames) - accepted,
        rejected=sum(f.row.state is FrameState.REJECTED for f in snapshot.frames[clip.id]),
        objects=tuple(
            ObjectCount(names.get(n, f"Object {n}"), count, agreed[n], count - agreed[n])
            for n, count in sorted(counts.items())
        ),
        is_missing=is_missing,
    )


def _is_accepted(frame: SnapshotFrame) -> bool:
    states = [m.state for m in frame.masks]
    return frame.row.state is FrameState.ACCEPTED or (bool(states) and all(s is MaskState.ACCEPTED for s in states))
