"""What imports and comparisons would do, for the person: words and outlines."""

from __future__ import annotations

import numpy as np

from panosod_core.annotation import merge
from panosod_core.annotation.masks import RingMask
from panosod_core.geometry.sphere import FloatArray
from panosod_viewer.overlays import Path as Line
from panosod_viewer.workers.exchanging import Compared, PlannedImport

THEIRS_RGB = (1.0, 0.35, 0.8)


def plan_words(planned: PlannedImport) -> str:
    """What an import would do, for the person."""
    plan = planned.plan
    if plan is None:
        return ""
    lines = [f"Drafts in {plan.changed} of {len(plan.frames)} frames of {planned.chosen}."]
    if plan.new_objects:
        lines.append("New objects: " + ", ".join(info.name for _, info in plan.new_objects) + ".")
    if plan.renamed:
        changed = ", ".join(f"{old} becomes {now}" for old, now in sorted(plan.renamed.items()))
        lines.append(f"Numbers that change: {changed}.")
    if plan.covered_px:
        lines.append(f"{plan.covered_px} pixels stay as they are: something is painted there.")
    if plan.missing:
        lines.append(f"{len(plan.missing)} frames are not in this clip (the first: {plan.missing[0]}).")
    lines += [sentence(note) for note in plan.notes]
    if not plan.changed:
        lines.append("Nothing would change.")
    return "\n".join(lines)


def sentence(note: str) -> str:
    """A note as a sentence; one that begins with a name keeps it."""
    name, colon, _ = note.partition(": ")
    start = note if colon and " " not in name else f"{note[:1].upper()}{note[1:]}"
    return start if start.endswith((".", "!", "?")) else f"{start}."


def notes_head(notes: tuple[str, ...]) -> str:
    """The notes of an export in a line: the first one, and how many there are."""
    return notes[0] if len(notes) == 1 else f"{len(notes)} notes, the first: {notes[0]}"


def comparison_words(compared: Compared) -> str:
    """What a comparison has found, for the person."""
    items = compared.plan.items
    counts = {finding: sum(i.finding is finding for i in items) for finding in merge.Finding}
    text = (
        f"{compared.theirs.path.name}: {counts[merge.Finding.SAME]} masks are the same, "
        f"{counts[merge.Finding.NEW]} are new, {counts[merge.Finding.CONFLICT]} differ."
    )
    if ours := counts[merge.Finding.OURS_ONLY]:
        text += f" {ours} of ours {'is' if ours == 1 else 'are'} missing in frames that they accepted."
    if compared.plan.missing_clips:
        text += f" {len(compared.plan.missing_clips)} of its clips are not in this project."
    return text


def outline(mask: RingMask, shape: tuple[int, int], R_world_picture: FloatArray) -> tuple[Line, ...]:  # noqa: N803 - a rotation matrix
    """A mask's outlines as closed lines in the world."""
    import cv2

    from panosod_core.geometry.sphere import uv_to_direction

    found, _ = cv2.findContours(mask.bits.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    height, width = shape
    lines = []
    for contour in found:
        if len(contour) < 3:
            continue
        places = contour[:, 0, :].astype(np.float64)
        u = (places[:, 0] + mask.box.x + 0.5) / width % 1.0
        v = (places[:, 1] + mask.box.y + 0.5) / height
        directions = np.asarray(uv_to_direction(u, v), np.float64) @ R_world_picture.T
        lines.append(Line(directions, is_closed=True, rgb=THEIRS_RGB, width_px=2.0))
    return tuple(lines)
