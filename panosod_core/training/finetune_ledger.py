"""Copies of finetuning jobs and of the fixed split in the project's own tables. No torch here.

The window copies while it has the project open; a command does where nobody has.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection

from panosod_core.annotation.ledger import JobRow, SplitRow, put_job, put_splits
from panosod_core.annotation.records import Clip
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.annotation.store import ProjectStore
from panosod_core.annotation.writer_lock import BRIEF
from panosod_core.errors import PanosodError, TrainingError
from panosod_core.training.finetune_split import GUARD_S, FixedSplit, read_split, split_path
from panosod_core.training.finetune_stretches import WHOLE, Stretch
from panosod_core.training.jobs.folder import JobFolder, JobRecord

_KEPT = (
    "corrected", "clips", "checked", "snapshot", "incumbent", "candidate", "advice", "reason", "scores", "base",
    "control", "model",
)  # fmt: skip
AUTHOR = BRIEF


def job_row(folder: Path, record: JobRecord) -> JobRow:
    """A job as the project keeps it."""
    result = {name: record.result[name] for name in _KEPT if name in record.result}
    data = {"message": record.message, "request": record.request.to_json(), "result": result}
    times_ms = round(1000 * record.created_s), round(1000 * record.changed_s)
    return JobRow(record.id, "finetune", record.state.value, str(folder), *times_ms, data)


def split_rows(split: FixedSplit, clips: Sequence[Clip]) -> list[SplitRow]:
    """A split as the project keeps it: in pts of its clips."""
    rows = []
    for clip in clips:

        def pts(time_s: float, clip: Clip = clip) -> int:
            return round(time_s / clip.time_base)

        for stretch in split.check.get(clip.content_id, ()):
            if stretch.is_whole:
                rows.append(SplitRow(clip.id, "check", None, None))
                continue
            start, end, guard = pts(stretch.start_s), pts(stretch.end_s), pts(split.guard_s)
            rows += [
                SplitRow(clip.id, "guard", start - guard, start - 1),
                SplitRow(clip.id, "check", start, end),
                SplitRow(clip.id, "guard", end + 1, end + guard),
            ]
        learnt = sorted(pts(t) for t in split.learnt.get(clip.content_id, ()))
        rows += [SplitRow(clip.id, "train", t, t) for t in learnt]
    return rows


def split_of(rows: Sequence[SplitRow], clips: Sequence[Clip]) -> FixedSplit:
    """What :func:`split_rows` was made of, but for the width of guards."""
    by_id = {clip.id: clip for clip in clips}
    check: dict[str, tuple[Stretch, ...]] = {}
    learnt: dict[str, frozenset[float]] = {}
    for row in rows:
        if row.clip not in by_id:
            continue
        content, base = by_id[row.clip].content_id, by_id[row.clip].time_base
        if row.start_pts is None or row.end_pts is None:
            check[content] = (*check.get(content, ()), WHOLE)
        elif row.part == "check":
            stretch = Stretch(float(row.start_pts * base), float(row.end_pts * base))
            check[content] = (*check.get(content, ()), stretch)
        elif row.part == "train":
            learnt[content] = learnt.get(content, frozenset()) | {float(row.start_pts * base)}
    once = {content: tuple(dict.fromkeys(stretches)) for content, stretches in check.items()}
    return FixedSplit(once, GUARD_S, learnt, {clip.id: clip.content_id for clip in clips})


def split_at_hand(snapshot: Snapshot) -> tuple[FixedSplit, str]:
    """The split of a project, for the files that its clips are now.

    Args:
        snapshot: of the project.

    Returns:
        What lies beside it; else the copy in the project, and a line that says so; else a new one.

    Raises:
        TrainingError: what lies beside it is damaged.
        ProjectError: the project cannot be read.
    """
    beside = read_split(snapshot.path)
    if beside is not None:
        return beside.following(snapshot.clips), ""
    copied = snapshot.splits
    if not copied:
        return FixedSplit().following(snapshot.clips), ""
    name = split_path(snapshot.path).name
    return split_of(copied, snapshot.clips), f"{name} is not beside the project: its copy in the project is used"


def writing(rows: Sequence[JobRow], split: FixedSplit | None, clips: Sequence[Clip]) -> Callable[[Connection], None]:
    """What writes copies, for the store of a project."""
    now_ms = round(1000 * time.time())
    parts = None if split is None else split_rows(split.following(clips), clips)

    def work(db: Connection) -> None:
        for row in rows:
            put_job(db, row)
        if parts is not None:
            put_splits(db, parts, created_ms=now_ms)

    return work


def copy_into_project(folder: Path) -> bool:
    """Copy a job and the split into the job's project, where nobody else writes that.

    A split that is damaged is left out, and the job's notes say so: the copy in the project stays as it is.

    Args:
        folder: of the job.

    Returns:
        Whether it was done; who has the project open does it otherwise, and so does the next who opens it.

    Raises:
        TrainingError: the job's record cannot be used.
    """
    job = JobFolder(folder)
    record = job.read()
    project = record.request.project
    try:
        store = ProjectStore.open(project, author=AUTHOR)
    except PanosodError:
        return False  # it is gone or damaged, which whoever opens it is told; the job's folder has all
    try:
        if store.why_read_only is not None:
            return False
        split = None
        try:
            split = read_split(project)
        except TrainingError as error:
            job.tell("note", text=f"the split was not copied into the project: {error}")
        store.write(writing([job_row(folder, record)], split, store.reader.clips()))
    except TrainingError:
        raise
    except PanosodError:
        return False
    finally:
        store.close()
    return True
