"""Which corrected frames are learnt from and which check: fixed once, kept beside the project, never mixed again.

A clip, or a stretch of time within one, that is for checking stays so in every later job, whatever is corrected there
afterwards. Between it and what is learnt from then on lies a guard that is for neither; it is as wide as pictures
reach, while the sound of windows (3 s) overlaps across it. What comes in later lies as far from what jobs had learnt
from before wherever there are such frames, else nearer. No torch here.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from panosod_core.annotation.clip_names import clip_names
from panosod_core.annotation.records import Clip
from panosod_core.annotation.snapshot import Snapshot, SnapshotFrame
from panosod_core.datasets.index import Split
from panosod_core.datasets.projects import Part, SplitRule, teaches
from panosod_core.errors import TrainingError
from panosod_core.training.finetune_blocks import BLOCKS_S, FEWEST_BLOCKS, blocks_of
from panosod_core.training.finetune_stretches import SAME_S, WHOLE, Stretch, distance_s, gap_s, times_near, times_within
from panosod_core.training.jobs.files import read_json, write_json

FEWEST, ENOUGH = 5, 20
"""Corrected frames below which there is no job, and below which there is no check set of its own."""
FEWEST_CHECKED = 5
"""Checked frames below which resampling them says nothing: a check set with fewer decides nothing yet."""
LEAST_SHARE, MOST_SHARE = 0.05, 0.15
DECIDING = next(n for n in itertools.count(ENOUGH) if math.floor(MOST_SHARE * n) >= FEWEST_CHECKED)
"""Corrected frames below which a check set may not hold so many."""
GUARD_S = 0.5
"""Windows reach 0.2 s to either side: no picture of a checked window lies in one that is learnt from since then."""
_VERSION = 1


@dataclass(frozen=True)
class FixedSplit:
    """What is for checking, by the content id of the clip.

    Attributes:
        check: stretches of each clip that has any.
        guard_s: time around them that is for nothing.
        learnt: times of frames that jobs have learnt from: they never come into the check set any more.
        clips: content of the project's clips by their numbers, as it was last: another copy that takes a clip's place
            has another.
        apart: stretches that are for nothing here, nor is what lies ``apart_s`` around them: another split checks on
            them. Neither is kept.
    """

    check: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    guard_s: float = GUARD_S
    learnt: Mapping[str, frozenset[float]] = field(default_factory=dict)
    clips: Mapping[int, str] = field(default_factory=dict)
    apart: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    apart_s: float = GUARD_S

    def part_of(self, content_id: str, time_s: float) -> Split | None:
        """What a moment of a clip is for; None: it guards."""
        if distance_s(self.apart.get(content_id, ()), time_s) < self.apart_s:
            return None
        nearest = distance_s(self.check.get(content_id, ()), time_s)
        if nearest <= SAME_S:
            return Split.VALIDATION
        return None if nearest < self.guard_s else Split.TRAIN

    def held(self, corrected: Sequence[Corrected]) -> int:
        """How many frames are for checking."""
        return sum(self.part_of(c, t) is Split.VALIDATION for c, t in _moments(corrected))

    def to_learn_from(self, corrected: Sequence[Corrected]) -> list[Corrected]:
        """The frames that are for learning; clips without any are left out."""
        free = [replace(c, times_s=tuple(t for t in c.times_s if self.part_of(c.content_id, t) is Split.TRAIN))
                for c in corrected]  # fmt: skip
        return [c for c in free if c.times_s]

    def unchecked(self) -> FixedSplit:
        """For a run that checks nothing: what is kept for the check is for nothing."""
        return FixedSplit(guard_s=self.guard_s, apart=self.check, apart_s=self.guard_s)

    def having_learnt(self, corrected: Sequence[Corrected]) -> FixedSplit:
        """The split after a job has learnt from all of these frames that are not for the check."""
        learnt = dict(self.learnt)
        for clip in corrected:
            used = {t for t in clip.times_s if self.part_of(clip.content_id, t) is Split.TRAIN}
            learnt[clip.content_id] = learnt.get(clip.content_id, frozenset()) | used
        return replace(self, learnt=learnt)

    def following(self, clips: Sequence[Clip]) -> FixedSplit:
        """The split for the files that a project's clips are now: a copy is for what the file before it was for."""
        check, learnt = dict(self.check), dict(self.learnt)
        for clip in clips:
            before, now = self.clips.get(clip.id, clip.content_id), clip.content_id
            if before != now:
                check[now] = tuple(dict.fromkeys((*check.get(now, ()), *check.get(before, ()))))
                learnt[now] = learnt.get(now, frozenset()) | learnt.get(before, frozenset())
        kept = dict(self.clips) | {clip.id: clip.content_id for clip in clips}
        return replace(
            self, check={c: s for c, s in check.items() if s}, learnt={c: t for c, t in learnt.items() if t}, clips=kept
        )

    def is_new(self, clip: Corrected, low_s: float, high_s: float) -> bool:
        """Whether no job has learnt from a stretch of a clip."""
        return times_within(self.learnt_from(clip), low_s - SAME_S, high_s + SAME_S) == 0

    def learnt_from(self, clip: Corrected) -> list[float]:
        """The times of a clip that jobs have learnt from, rising."""
        return sorted(self.learnt.get(clip.content_id, ()))

    def rule(self) -> SplitRule:
        """The same for :func:`panosod_core.datasets.projects.prepare`."""

        def divide(clip: Clip, frames: tuple[SnapshotFrame, ...]) -> list[Part]:
            by_part: dict[Split, set[int]] = {}
            for frame in frames:
                part = self.part_of(clip.content_id, time_of(clip, frame))
                if part is not None:
                    by_part.setdefault(part, set()).add(frame.row.key.index)
            return [Part(split, frozenset(indices)) for split, indices in by_part.items()]

        return divide

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        check = {c: [None if s.is_whole else [s.start_s, s.end_s] for s in found] for c, found in self.check.items()}
        learnt = {c: sorted(times) for c, times in self.learnt.items()}
        clips = {str(number): content for number, content in self.clips.items()}
        return {"version": _VERSION, "guard_s": self.guard_s, "check": check, "learnt": learnt, "clips": clips}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, source: Path) -> FixedSplit:
        """The split of plain values.

        Raises:
            TrainingError: it cannot be used; a split must not be lost by mistake.
        """
        try:
            if int(values["version"]) > _VERSION:
                raise TrainingError(f"{source}: made by a newer panosod (version {values['version']})")
            check = {
                str(c): tuple(WHOLE if s is None else Stretch(float(s[0]), float(s[1])) for s in found)
                for c, found in values["check"].items()
            }
            learnt = {str(c): frozenset(float(t) for t in times) for c, times in values["learnt"].items()}
            clips = {int(number): str(content) for number, content in values.get("clips", {}).items()}
            return cls(check, float(values["guard_s"]), learnt, clips)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(
                f"{source}: this split cannot be used ({error}). It says what has never been learnt from: restore it, "
                "or remove it to draw a new one; models made before may then have seen what they are checked on"
            ) from error


@dataclass(frozen=True)
class Corrected:
    """The corrected frames of a clip.

    Attributes:
        content_id: of the clip.
        name: for people.
        times_s: on the clip's clock, rising.
    """

    content_id: str
    name: str
    times_s: tuple[float, ...]


def time_of(clip: Clip, frame: SnapshotFrame) -> float:
    """Seconds on the clip's clock: its pts in its time base."""
    return float(Fraction(frame.row.key.pts) * clip.time_base)


def corrected_frames(snapshot: Snapshot, *, clips: Collection[int] | None = None) -> list[Corrected]:
    """What of a project can be learnt from, clip by clip; clips with the same content count as one.

    Args:
        snapshot: of the project.
        clips: numbers of those whose files are there; None: all.
    """
    by_content: dict[str, tuple[str, set[float]]] = {}
    names = clip_names(snapshot.clips)
    for clip in snapshot.clips:
        if clips is not None and clip.id not in clips:
            continue
        times = {time_of(clip, f) for f in snapshot.frames[clip.id] if teaches(f)}
        if times:
            by_content.setdefault(clip.content_id, (names[clip.id] + Path(clip.path).suffix, set()))[1].update(times)
    return [Corrected(c, name, tuple(sorted(times))) for c, (name, times) in by_content.items()]


def split_path(project: Path) -> Path:
    """Where a project's split is kept."""
    return project.with_name(project.name + ".split.json")


def read_split(project: Path) -> FixedSplit | None:
    """The split that lies beside a project; None where there is none.

    Raises:
        TrainingError: it is damaged.
    """
    values = read_json(split_path(project))
    return None if values is None else FixedSplit.from_json(values, source=split_path(project))


def settle_split(
    project: Path, corrected: Sequence[Corrected], *, share: float, kept: FixedSplit | None = None
) -> FixedSplit:
    """The split of a project: the kept one, added to where it holds too little, and kept again.

    Args:
        project: its file.
        corrected: the frames there are.
        share: of the check set, wanted.
        kept: the split that is kept; None: what lies beside the project.

    Raises:
        TrainingError: the kept one is damaged, or it cannot be written.
    """
    beside = read_split(project)
    after = extend_split(kept or beside or FixedSplit(), corrected, share=share)
    if after != beside:
        keep_split(project, after)
    return after


def keep_split(project: Path, split: FixedSplit) -> None:
    """Keep a project's split.

    Raises:
        TrainingError: it cannot be written.
    """
    write_json(split_path(project), split.to_json())


def extend_split(before: FixedSplit, corrected: Sequence[Corrected], *, share: float) -> FixedSplit:
    """Add clips, or stretches of them, until the check set holds its share. Nothing that was in it leaves it.

    What a job has learnt from is never added; where nothing else is left, the check set stays too small. Where it may
    hold enough frames to decide by, it grows until they lie in enough blocks, if that can be had.

    Args:
        before: what is kept.
        corrected: the frames there are.
        share: of the check set, wanted; between :data:`LEAST_SHARE` and :data:`MOST_SHARE`.

    Returns:
        The split; as it was where it already holds enough.
    """
    total = sum(len(clip.times_s) for clip in corrected)
    held, limit = before.held(corrected), math.floor(MOST_SHARE * total)
    decides = limit >= FEWEST_CHECKED
    least = max(math.ceil(LEAST_SHARE * total), FEWEST_CHECKED if decides else 0)
    if total < ENOUGH or (held >= least and (not decides or held >= limit or is_spread(before, corrected))):
        return before
    fresh = [c for c in corrected if c.content_id not in before.check and before.is_new(c, -math.inf, math.inf)]
    missing = FEWEST_BLOCKS - _blocks(before, corrected) if decides else 0
    wanted, most = max(1, least - held, round(share * total) - held, missing), max(1, limit - held)
    chosen = _whole_clips(fresh, least=max(1, least - held), most=most)
    whole = replace(before, check=dict(before.check) | dict.fromkeys(chosen, (WHOLE,)))
    if chosen and len(chosen) < len(corrected) and (not decides or is_spread(whole, corrected)):
        return whole
    after = _with_stretches(before, corrected, min(wanted, most))
    if held >= least:
        return after if _blocks(after, corrected) > _blocks(before, corrected) else before
    if chosen and len(chosen) < len(corrected) and _blocks(whole, corrected) >= _blocks(after, corrected):
        return whole
    return after


def _blocks(split: FixedSplit, corrected: Sequence[Corrected]) -> int:
    """In how many blocks the check set lies, by which the gate judges."""
    held = [(c, t) for c, t in _moments(corrected) if split.part_of(c, t) is Split.VALIDATION]
    return len(set(blocks_of([c for c, _ in held], [t for _, t in held]).tolist()))


def _moments(corrected: Sequence[Corrected]) -> list[tuple[str, float]]:
    return [(c.content_id, t) for c in corrected for t in c.times_s]


def is_spread(split: FixedSplit, corrected: Sequence[Corrected]) -> bool:
    """Whether the check set lies in enough blocks to decide by."""
    return _blocks(split, corrected) >= FEWEST_BLOCKS


def _whole_clips(clips: Sequence[Corrected], *, least: int, most: int) -> list[str]:
    """Clips, in the order of a hash, that together hold some number of frames; none where it cannot be met so."""
    chosen: list[str] = []
    held = 0
    for clip in sorted(clips, key=lambda c: hashlib.sha256(c.content_id.encode()).digest()):
        if held + len(clip.times_s) <= most:
            chosen.append(clip.content_id)
            held += len(clip.times_s)
    return chosen if held >= least else []


def _with_stretches(before: FixedSplit, corrected: Sequence[Corrected], wanted: int) -> FixedSplit:
    """With so many frames more, in few stretches a clip; where these lie in too few blocks, in more; else of few clips.

    Frames a guard away from all that jobs have learnt from come first; others make up for what these cannot give.
    """
    found: list[FixedSplit] = []
    for margins_s in ((before.guard_s, 0.0), (0.0,)) if before.learnt else ((0.0,),):
        for pieces, by_part in ((1, True), (FEWEST_BLOCKS, True), (FEWEST_BLOCKS, False)):
            split = before
            for margin_s in margins_s:
                left = wanted - split.held(corrected) + before.held(corrected)
                split = _given(split, corrected, left, pieces=pieces, by_part=by_part, margin_s=margin_s)
            if is_spread(split, corrected):
                return split
            found.append(split)
    return max(found, key=lambda s: (_blocks(s, corrected), s.held(corrected)))


def _given(
    before: FixedSplit, corrected: Sequence[Corrected], wanted: int, *, pieces: int, by_part: bool, margin_s: float
) -> FixedSplit:
    """Clips give so many frames together, by what is new in each; what one cannot give, the next one does.

    Args:
        before: what there is.
        corrected: the frames there are.
        wanted: frames.
        pieces: stretches that any clip may give them in, at least.
        by_part: each clip gives its part; else those that span most give what they can.
        margin_s: to what jobs have learnt from.
    """
    split, left = before, wanted
    times = {c.content_id: _new(c, before, margin_s) for c in corrected}
    new = {content_id: len(found) for content_id, found in times.items()}
    size = new if by_part else {c: found[-1] - found[0] for c, found in times.items() if found}
    order = sorted((c for c in corrected if new[c.content_id] > 1), key=lambda c: (-size[c.content_id], c.content_id))
    total = sum(new.values())
    for share in (wanted, total)[not by_part :]:  # its part; then whatever is missing
        for clip in order:
            most = min(new[clip.content_id] // 2, math.ceil(share * new[clip.content_id] / total))
            count = min(left, most - split.held([clip]) + before.held([clip]))
            if count > 0:
                most = max(pieces, math.ceil(FEWEST_BLOCKS / len(order)))
                split = _spread(clip, count, split, most, margin_s=margin_s)
                left = wanted - split.held(corrected) + before.held(corrected)
    return split


def _new(clip: Corrected, split: FixedSplit, margin_s: float) -> list[float]:
    """The frames that may come into the check set: not learnt from, nor so near to one that is."""
    learnt = split.learnt_from(clip)
    new = [t for t in clip.times_s if not times_within(learnt, t - margin_s - SAME_S, t + margin_s + SAME_S)]
    return [t for t in new if split.part_of(clip.content_id, t) is Split.TRAIN]


def _spread(clip: Corrected, count: int, before: FixedSplit, most: int, *, margin_s: float) -> FixedSplit:
    """With up to so many frames of a clip, in as many stretches as leave half of the others to learn from; else one."""
    free = sum(len(c.times_s) for c in before.to_learn_from([clip]))
    for pieces in range(min(count, most), 0, -1):
        split, new = before, _new(clip, before, margin_s)
        for k in range(pieces):
            part = new[k * len(new) // pieces : (k + 1) * len(new) // pieces]
            stretch = _stretch(clip, count * (k + 1) // pieces - count * k // pieces, split, part)
            if stretch is not None:
                found = (*split.check.get(clip.content_id, ()), stretch)
                split = replace(split, check=dict(split.check) | {clip.content_id: found})
        if pieces == 1 or 2 * sum(len(c.times_s) for c in split.to_learn_from([clip])) >= free:
            return split
    return before


def _stretch(clip: Corrected, count: int, before: FixedSplit, part: Sequence[float]) -> Stretch | None:
    """The stretch of at most so many neighbouring frames whose guard costs the fewest others; of equals, by a hash.

    Those a block away from what is checked already come first. None where jobs have learnt from all of them, or the
    guard would leave nothing of the clip.
    """
    free = [t for t in clip.times_s if before.part_of(clip.content_id, t) is Split.TRAIN]
    checked, learnt = before.check.get(clip.content_id, ()), before.learnt_from(clip)
    for size in range(count, 0, -1):
        runs = [
            Stretch(part[i], part[i + size - 1])
            for i in range(len(part) - size + 1)
            if times_within(clip.times_s, part[i], part[i + size - 1]) == size
        ]
        new = [s for s in runs if not times_within(learnt, s.start_s - SAME_S, s.end_s + SAME_S)]
        cost = {s: times_near(free, s, before.guard_s) for s in new}  # how many could no longer be learnt from
        apart = {s: lost for s, lost in cost.items() if gap_s(checked, s) >= BLOCKS_S[-1]}
        cost = apart or cost
        least = min(cost.values(), default=len(free))
        if least < len(free):
            best = [s for s, lost in cost.items() if lost == least]
            return best[int.from_bytes(hashlib.sha256(clip.content_id.encode()).digest()[:4]) % len(best)]
    return None
