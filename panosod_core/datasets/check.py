"""``panosod data check``: what a folder holds, what is missing or odd, and what a training run would do with it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from panosod_core.datasets.check_files import (
    FilesLookedAt,
    check_clip_pictures,
    check_clip_sound,
    check_recordings,
    check_stills,
    judge_clip_order,
)
from panosod_core.datasets.findings import Finding, FindingCounter, Weight
from panosod_core.datasets.index import Clip, DataSet, Layout, Split
from panosod_core.datasets.order_check import KnownDirection, OrderEvidence
from panosod_core.datasets.windows import WindowSpec, list_windows

Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""


@dataclass(frozen=True)
class SplitCount:
    """What one split, or one subset of it, holds.

    Attributes:
        split: which.
        subset: None for all of it.
        clips, frames, masks: sequences, pictures in them, masks of those.
        stills: single pictures with masks.
        recordings: sound with labels.
        windows: windows that would be learned or scored.
        left_out: reason -> windows that would not.
    """

    split: Split
    subset: str | None
    clips: int
    frames: int
    masks: int
    stills: int
    recordings: int
    windows: int
    left_out: dict[str, int]


@dataclass(frozen=True)
class CheckReport:
    """The answer.

    Attributes:
        layout: what the folder was taken for.
        root: the folder that holds the parts.
        counts: a row a split, then a row a subset of it.
        findings: what is missing or odd, errors first.
        looked_at: how many files were looked into.
        is_full: every picture and mask was decoded.
        evidence: what directions say of the channel order, where that could be told.
        plan: what a training run would do, a line each.
    """

    layout: Layout
    root: Path
    counts: tuple[SplitCount, ...]
    findings: tuple[Finding, ...]
    looked_at: FilesLookedAt
    is_full: bool
    evidence: OrderEvidence | None
    plan: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """True where no finding is an error."""
        return all(finding.weight is not Weight.ERROR for finding in self.findings)


def check_data_set(
    data: DataSet, *, spec: WindowSpec, full: bool = False, progress: Progress | None = None
) -> CheckReport:
    """Look into a data set's files and say what was found.

    Args:
        data: as listed.
        spec: what a window would be.
        full: decode every picture and mask, rather than all headers and a few masks of each clip.
        progress: called after each clip.

    Returns:
        The report; nothing about the data set itself raises here.
    """
    found = FindingCounter()
    found.extend(data.findings)
    seen = FilesLookedAt()
    evidence: OrderEvidence | None = None
    stretches: list[KnownDirection] = []
    for i, clip in enumerate(data.clips):
        _add(seen, check_clip_pictures(clip, found, full=full))
        stretches += check_clip_sound(clip, found, full=full)
        seen.sounds += clip.sound is not None
        if progress is not None:
            progress(i + 1, len(data.clips))
    sounding = [clip.sound for clip in data.clips if clip.sound is not None]
    if sounding:
        evidence = judge_clip_order(stretches, sounding[0].order, found)
    if data.stills:
        _add(seen, check_stills(data, found, full=full))
    if data.recordings:
        evidence = check_recordings(data, found, full=full)
        seen.sounds += len(data.recordings)
    counts = tuple(row for split in data.splits for row in _rows(data.of_split(split), split, spec))
    return CheckReport(
        data.layout, data.root, counts, found.result(), seen, full, evidence, tuple(_plan(data, counts, spec))
    )


def _add(total: FilesLookedAt, more: FilesLookedAt) -> None:
    total.headers += more.headers
    total.masks += more.masks
    total.pictures += more.pictures


def _rows(data: DataSet, split: Split, spec: WindowSpec) -> list[SplitCount]:
    rows = [_count(data, split, None, spec)]
    for subset in data.subsets:
        clips = tuple(clip for clip in data.clips if clip.subset == subset)
        rows.append(_count(DataSet(data.layout, data.root, clips=clips), split, subset, spec))
    return rows


def _count(data: DataSet, split: Split, subset: str | None, spec: WindowSpec) -> SplitCount:
    windows = list_windows(data, spec, need_sound=_wants_sound(data.clips))
    return SplitCount(
        split=split,
        subset=subset,
        clips=len(data.clips),
        frames=sum(len(clip.frames) for clip in data.clips),
        masks=sum(frame.mask is not None for clip in data.clips for frame in clip.frames),
        stills=len(data.stills),
        recordings=len(data.recordings),
        windows=len(windows.windows),
        left_out=dict(windows.left_out),
    )


def _wants_sound(clips: tuple[Clip, ...]) -> bool:
    """Planar sets (DAVSOD) come without sound, and none is missed."""
    return any(clip.panoramic for clip in clips)


def _plan(data: DataSet, counts: tuple[SplitCount, ...], spec: WindowSpec) -> list[str]:
    lines: list[str] = []
    for row in counts:
        if row.subset is not None:
            continue
        use = {Split.TRAIN: "learn from", Split.VALIDATION: "choose the best model by", Split.TEST: "score"}[row.split]
        if row.clips:
            left = "".join(f"; {n} left out: {why}" for why, n in sorted(row.left_out.items()))
            lines.append(f"{use} {row.windows} windows of {row.clips} {row.split.value} sequences{left}")
        if row.stills:
            lines.append(f"{use} {row.stills} {row.split.value} pictures")
        if row.recordings:
            lines.append(f"{use} {row.recordings} {row.split.value} recordings")
    if data.clips:
        offsets = ", ".join(f"{offset:+.2g}" for offset in spec.offsets_s)
        lines.append(
            f"a window: {spec.frames} pictures at {offsets} s brought to {spec.width}x{spec.height}, "
            "the nearest ones by the clock"
        )
        orders = sorted({clip.sound.order.name for clip in data.clips if clip.sound is not None})
        if orders:
            lines.append(
                f"with {spec.sound_s:g} s of sound centred on it at {spec.rate_hz} Hz, "
                f"channels read as {' and '.join(orders)}"
            )
    if data.recordings:
        lines.append(f"channels of the recordings read as {data.order.name} unless the labels prove another order")
    return lines
