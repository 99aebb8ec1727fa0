"""One job at a time: the folder that holds the folders of jobs, and whose turn it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_core.training.jobs.control import is_pending, resolve
from panosod_core.training.jobs.folder import JOB, JobFolder, JobRecord, locked
from panosod_core.training.jobs.machine import at_work
from panosod_core.training.jobs.start import Command, start_detached, worker_command
from panosod_core.training.jobs.states import AT_WORK

_LOCK = ".queue.lock"


@dataclass(frozen=True)
class FoundJob:
    """A job of a queue.

    Attributes:
        path: its folder.
        record: what it says; None where that cannot be used.
        fault: what is wrong with it then.
    """

    path: Path
    record: JobRecord | None
    fault: str = ""


class JobQueue:
    """The jobs below a folder.

    Attributes:
        faults: jobs that :meth:`advance` passed over when it looked last, and why; the others went on.
    """

    def __init__(self, root: Path, *, command: Command = worker_command) -> None:
        """Name the folder.

        Args:
            root: holds a folder each job.
            command: what does a job.
        """
        self.root, self._command = root, command
        self.faults: dict[Path, str] = {}

    def jobs(self) -> list[FoundJob]:
        """All jobs, the oldest first; damaged ones at the end."""
        found, damaged = [], []
        for path in sorted(p.parent for p in self.root.glob(f"*/{JOB}")):
            try:
                found.append(FoundJob(path, JobFolder(path).read()))
            except PanosodError as error:
                damaged.append(FoundJob(path, None, str(error)))
        return sorted(found, key=_age) + damaged

    def advance(self, *, but: Path | None = None) -> Path | None:
        """Resolve what crashes left, and start the next job where none is at work.

        Call it at start, after queueing, and now and then; any number of processes may.

        Args:
            but: a job whose process has done its work and is about to end.

        Returns:
            The folder of the job that was started; None where none was.

        Raises:
            TrainingError: the folder cannot be written.
        """
        if not self.root.is_dir():
            return None
        with locked(self.root / _LOCK) as mine:
            if not mine:
                return None  # somebody else is at it
            jobs = self.jobs()
            self.faults = {job.path: job.fault for job in jobs if job.record is None}
            is_busy, at_rest = False, []
            for path in [job.path for job in jobs if job.record is not None and job.path != but]:
                with self._passing_over(path):
                    if _is_at_work(path):
                        is_busy = True
                    else:
                        at_rest.append(path)
            if is_busy or at_work() not in (None, but):
                return None  # perhaps of another folder, or started from a command line
            for path in at_rest:
                with self._passing_over(path):
                    if is_pending(path):
                        start_detached(path, command=self._command)
                        return path
            return None

    @contextmanager
    def _passing_over(self, path: Path) -> Iterator[None]:
        """What is wrong with one job is kept, and is no reason for the others to wait."""
        try:
            yield
        except PanosodError as error:
            self.faults[path] = str(error)


def _is_at_work(path: Path) -> bool:
    """Whether a job is, once what a crash left of it is resolved."""
    job, state = JobFolder(path), resolve(path).state
    if state in AT_WORK:
        job.trim_log()
    return state in AT_WORK or job.is_alive


def _age(job: FoundJob) -> tuple[float, str]:
    return (job.record.created_s if job.record is not None else 0.0, job.path.name)
