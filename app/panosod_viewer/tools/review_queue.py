"""Which frames wait for a person, in which order, and how far the work is: pure. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from panosod_core.annotation.queueing import Strategy
from panosod_core.annotation.records import FrameRow, FrameState
from panosod_core.annotation.survey import Survey

Number = TypeVar("Number", int, tuple[int, int])


class Queue(StrEnum):
    """What "next" goes to."""

    KEYFRAMES = "keyframes"
    """The next key frame that nobody has touched."""
    DRAFTS = "drafts"
    BEST = "best"
    """What to annotate next in all clips of the project, by everything that speaks for a frame."""
    UNSURE = "unsure"
    """Where the model is least sure."""
    OFF_SOUND = "off sound"
    """Where the model's map lies farthest from the sound."""
    CHANGE = "change"
    """Where most has changed since the labelled frame before."""
    NEW = "new"
    """What is unlike everything labelled."""
    RANDOM = "random"
    CONFLICTS = "conflicts"
    """Where a second annotator's masks differ."""


ADVISED = {
    Queue.BEST: Strategy.BEST,
    Queue.UNSURE: Strategy.UNSURE,
    Queue.OFF_SOUND: Strategy.OFF_SOUND,
    Queue.CHANGE: Strategy.CHANGE,
    Queue.NEW: Strategy.NEW,
    Queue.RANDOM: Strategy.RANDOM,
}
"""Queues over all clips of the project, and by what their frames are chosen."""


class Show(StrEnum):
    """Which frames are listed."""

    ALL = "all"
    DRAFTS = "drafts"
    MACHINE = "machine"
    """Drafts that only a machine has made."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOTES = "notes"
    KEYFRAMES = "keyframes"
    """Key frames that nobody has touched."""


@dataclass(frozen=True)
class FrameLine:
    """One frame as it is reviewed.

    Attributes:
        index: of the frame.
        state: what was decided.
        machine: "" where a person has painted, else "propagated" or "machine".
        note: a person's.
    """

    index: int
    state: FrameState
    machine: str = ""
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a clip is.

    Attributes:
        accepted, drafts, rejected: frames.
        keyframes: of the keyframe rule.
        untouched: of these nobody has touched.
        median_s: working time a mask, None where it is not known.
    """

    accepted: int = 0
    drafts: int = 0
    rejected: int = 0
    keyframes: int = 0
    untouched: int = 0
    median_s: float | None = None


def lines_of(rows: Iterable[FrameRow], survey: Survey) -> tuple[FrameLine, ...]:
    """Touched frames, in time."""
    made = []
    for row in rows:
        machine = ""
        if row.key.pts in survey.by_machine:
            machine = "propagated" if row.key.pts in survey.propagated else "machine"
        made.append(FrameLine(row.key.index, row.state, machine, row.note))
    return tuple(made)


def untouched_keyframes(lines: Sequence[FrameLine], *, count: int, every: int) -> list[int]:
    """Key frames of a clip of so many frames that nobody has decided or painted anything in."""
    touched = {line.index for line in lines if line.state is not FrameState.UNTOUCHED}
    return [index for index in range(0, count, every) if index not in touched]


def progress_of(lines: Sequence[FrameLine], survey: Survey, *, count: int, every: int) -> Progress:
    """How far the clip is."""
    states = [line.state for line in lines]
    return Progress(
        accepted=states.count(FrameState.ACCEPTED),
        drafts=states.count(FrameState.DRAFT),
        rejected=states.count(FrameState.REJECTED),
        keyframes=len(range(0, count, every)),
        untouched=len(untouched_keyframes(lines, count=count, every=every)),
        median_s=survey.median_s,
    )


def shown(lines: Sequence[FrameLine], show: Show, *, count: int, every: int) -> tuple[FrameLine, ...]:
    """The frames that the list holds."""
    if show is Show.KEYFRAMES:
        known = {line.index: line for line in lines}
        indices = untouched_keyframes(lines, count=count, every=every)
        return tuple(known.get(i, FrameLine(i, FrameState.UNTOUCHED)) for i in indices)
    if show in (Show.ACCEPTED, Show.REJECTED):
        return tuple(line for line in lines if line.state.value == show.value)
    if show is Show.NOTES:
        return tuple(line for line in lines if line.note)
    if show is Show.ALL:
        return tuple(line for line in lines if line.state is not FrameState.UNTOUCHED or line.note)
    drafts = (line for line in lines if line.state is FrameState.DRAFT)
    return tuple(line for line in drafts if show is Show.DRAFTS or line.machine)


def next_index(indices: Sequence[Number], index: Number, *, step: int) -> Number | None:
    """The next (+1) or last (-1) of some ascending frame numbers after another one, around at the ends.

    The same with numbers of a clip and a frame in it.

    None where there is none but the frame itself.
    """
    others = [i for i in indices if i != index]
    if not others:
        return None
    if step > 0:
        return next((i for i in others if i > index), others[0])
    return next((i for i in reversed(others) if i < index), others[-1])


@dataclass(frozen=True)
class Stretch:
    """Frames in a row that are in one state; ``last`` included."""

    first: int
    last: int
    state: FrameState
    is_machine: bool


def stretches(lines: Iterable[FrameLine]) -> tuple[Stretch, ...]:
    """Frames that follow each other and are in one state, together."""
    made: list[Stretch] = []
    for line in lines:
        if line.state is FrameState.UNTOUCHED:
            continue
        is_machine = bool(line.machine) and line.state is FrameState.DRAFT
        last = made[-1] if made else None
        if last is not None and (last.last, last.state, last.is_machine) == (line.index - 1, line.state, is_machine):
            made[-1] = Stretch(last.first, line.index, line.state, is_machine)
        else:
            made.append(Stretch(line.index, line.index, line.state, is_machine))
    return tuple(made)
