"""A job's folder as the window follows it: read again and again, of its events only what is new. No Qt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panosod_core.training.jobs.states import AT_WORK
from panosod_viewer.tools.training import CurveReader, JobView
from panosod_viewer.workers.training_examples import ExampleReader

if TYPE_CHECKING:
    from panosod_core.training.jobs.folder import JobFolder

_TAIL_BYTES, _LINE_CHARS = 16_384, 300
EVENT_BYTES = 256 << 10
"""Of events in one look, some thousand lines: the window's thread waits while these are taken apart."""


class JobWatcher:
    """Reads a job's folder, and of its events only what is new."""

    def __init__(self, path: Path) -> None:
        from panosod_core.training.jobs.folder import JobFolder

        self._job: JobFolder = JobFolder(path)
        self._reader, self._offset = CurveReader(), 0
        self._examples = ExampleReader(path)
        self._told: JobView | None = None
        self._judged: tuple[tuple[int, int] | None, dict[str, Any] | None] = (None, None)
        self.is_behind = False

    def look(self) -> JobView | None:
        """The job; None where it is as it was told last.

        Raises:
            TrainingError: its record cannot be used.
        """
        job = self._job
        record = job.read()
        before = self._offset
        events, self._offset = job.events(offset=before, most_bytes=EVENT_BYTES)
        self.is_behind = self._offset - before > EVENT_BYTES // 2
        self._reader.read(events)
        wish = job.wish
        view = JobView(
            path=job.path,
            record=record,
            is_alive=job.is_alive,
            is_orphan=job.is_orphan,
            wish="" if wish is None else wish.value,
            runs=self._reader.runs,
            pace=self._reader.pace,
            ran_s=self._reader.ran_s,
            notes=self._reader.notes,
            log=_tail(job.path / "log.txt"),
            evaluation=self._evaluation(job.path / "evaluation.json"),
            examples=self._examples.look([r.name for r in self._reader.runs], is_learning=record.state in AT_WORK),
        )
        if view == self._told:
            return None
        self._told = view
        return view

    def _evaluation(self, path: Path) -> dict[str, Any] | None:
        """What the judging wrote, read once; None before it has."""
        try:
            about = path.stat()
            stamp = about.st_mtime_ns, about.st_size
            if stamp != self._judged[0]:
                values = json.loads(path.read_text(encoding="utf-8"))
                self._judged = stamp, values if isinstance(values, dict) else None
        except (OSError, ValueError):
            return None
        return self._judged[1]


def _tail(path: Path) -> str:
    """The end of a file of any length; "" where it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(line.rpartition("\r")[2][:_LINE_CHARS] for line in text.splitlines()[-100:])
