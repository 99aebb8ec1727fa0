"""Copies of jobs and of the split in the project that is open: its writer is the window."""

from __future__ import annotations

from panosod_core.annotation.document import Document
from panosod_core.training.finetune_ledger import job_row, writing
from panosod_viewer.workers.training import JobsSeen


def copied_into(document: Document | None, seen: JobsSeen, *, before: object) -> object:
    """Copy what was seen into an open project, if it is another than before.

    Args:
        document: the project; None, or one that cannot be written, gets nothing.
        seen: its jobs and its split.
        before: what this function gave last; None at first.

    Returns:
        What is copied now.
    """
    if document is None or document.why_read_only is not None:
        return before
    rows = tuple(job_row(line.path, line.record) for line in seen.jobs if line.record is not None)
    if (rows, seen.split) == before:
        return before
    if rows or seen.split is not None:
        document.note(writing(rows, seen.split, document.clips))
    return rows, seen.split
