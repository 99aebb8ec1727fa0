"""What a person may do with a job (queue, stop, cancel, reject), and finding what crashes left."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from panosod_core.errors import TrainingError
from panosod_core.training.jobs.cluster_end import call_back
from panosod_core.training.jobs.folder import CANDIDATE, LOCK, JobFolder, JobRecord, Wish, locked
from panosod_core.training.jobs.members import end_members
from panosod_core.training.jobs.states import AT_WORK, JobState

GRACE_S, FORCE_S = 1.5, 8.0
"""How long a cancelled process may take to end by itself, and then how long the system may take to end it."""
MOST_ATTEMPTS = 3
"""A job whose processes died so often is not started again by itself."""
_JUDGED = frozenset({JobState.EVALUATED, JobState.PROMOTED, JobState.REJECTED})


def queue(folder: Path) -> JobRecord:
    """Ask for a job: a draft, or one that failed or stopped and is to go on from what it saved.

    Raises:
        TrainingError: it cannot be queued from where it is.
    """
    job = JobFolder(folder)
    with job.held():
        record = job.read()
        if record.state is JobState.QUEUED:
            return record
        if record.state not in (JobState.DRAFT, JobState.FAILED, JobState.STOPPED, JobState.FINISHED):
            raise TrainingError(f"{folder}: a job that is {record.state} cannot be queued")
        job.want(None)
        return job.become(JobState.QUEUED, attempts=0)


def stop(folder: Path) -> None:
    """Stop early and keep the best: the job hears of it before its next step, and is judged then.

    Raises:
        TrainingError: it is not at work.
    """
    _wish(folder, Wish.STOP)


def go_on(folder: Path) -> None:
    """Take a stop back that the job has not followed yet."""
    _wish(folder, None)


def _wish(folder: Path, wish: Wish | None) -> None:
    job = JobFolder(folder)
    record = job.read()
    if record.state not in (AT_WORK | {JobState.QUEUED}):
        raise TrainingError(f"{folder}: only a job at work can be stopped, this one is {record.state}")
    job.want(wish)


def cancel(
    folder: Path,
    *,
    grace_s: float = GRACE_S,
    force_s: float = FORCE_S,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> JobRecord:
    """Give a job up: its process is asked to end, then made to; what it made is removed.

    Args:
        folder: of the job.
        grace_s: how long it is asked.
        force_s: how long the system may take after that.
        clock: seconds.
        pause: waits so many of them.

    Raises:
        TrainingError: it is past that, its process is another machine's, or the process cannot be ended.
    """
    job = JobFolder(folder)
    state = job.read().state
    if state in _JUDGED or (state is JobState.CANCELLED and not _left(job)):
        raise TrainingError(f"{folder}: a job that is {state} cannot be cancelled")
    job.want(Wish.CANCEL)
    process = job.process
    if process is not None and not process.is_here and state in AT_WORK:
        raise TrainingError(f"{folder}: its process runs on {process.host}; cancel it there")
    if process is not None and process.is_alive:
        process.send(signal.SIGTERM)
        if not _ended(job, clock() + grace_s, clock, pause):
            process.kill()
            if not _ended(job, clock() + force_s, clock, pause):
                raise TrainingError(f"{folder}: process {process.pid} cannot be ended; end it by hand")
    _end_remnants(job)
    return _cancelled(job)


def _end_remnants(job: JobFolder) -> None:
    """End what torchrun's process has left behind."""
    process = job.process
    if process is not None and job.read().request.engine == "torchrun":
        process.kill_remnants()
        end_members(job.path)


def _ended(job: JobFolder, until: float, clock: Callable[[], float], pause: Callable[[float], None]) -> bool:
    while job.is_alive:
        if clock() >= until:
            return False
        pause(0.02)
    return True


def _cancelled(job: JobFolder) -> JobRecord:
    with job.held():
        return give_up(job)


def give_up(job: JobFolder) -> JobRecord:
    """End what runs elsewhere, and remove what was made. Only whoever holds the lock may.

    Raises:
        TrainingError: it was judged meanwhile, or cannot be written.
    """
    state = job.read().state
    if state in _JUDGED:
        job.want(None)
        raise TrainingError(f"{job.path}: the job was judged before it could be cancelled, it is {state} now")
    if state is not JobState.CANCELLED:
        job.become(JobState.CANCELLED, "cancelled; nothing was kept")
    if "left_on_cluster" not in job.read().result:  # a cluster that gave no answer is asked once
        left = call_back(job.path)
        if left:
            job.tell("note", text=f"it may still run on the cluster: {left}")
            job.add(left_on_cluster=left)
    try:
        job.discard()
        job.use_spare()
    except OSError as error:
        raise TrainingError(f"{job.path}: what it made cannot be removed ({error.strerror})") from error
    return job.read()


def _left(job: JobFolder) -> list[str]:
    """What whoever cancelled it has not removed yet, or never will, having died."""
    if job.read().state is not JobState.CANCELLED or job.is_alive:
        return []
    return job.made


def _clear(job: JobFolder) -> JobRecord:
    """Give it up again; not while somebody is at it."""
    with locked(job.path / LOCK) as mine:
        if mine and _left(job):
            _end_remnants(job)
            give_up(job)
            if _left(job):
                names = ", ".join(_left(job))
                raise TrainingError(f"{job.path}: the job is cancelled, but {names} cannot be removed; do so by hand")
    return job.read()


def resolve(folder: Path) -> JobRecord:
    """Bring a job whose process has died to where it can go on from; others stay as they are.

    What stayed of a cancelled one, because whoever cancelled it has died, is ended and removed. One whose processes
    have died too often fails, wherever they died: before their first line, learning, or judging.

    Raises:
        TrainingError: its record cannot be read, or what stayed cannot be removed.
    """
    job = JobFolder(folder)
    if _left(job):
        return _clear(job)
    if not job.is_orphan and not _keeps_dying(job):
        return job.read()
    try:
        with job.held():
            record = job.read()
            if not job.is_orphan:
                return _failed(job, record) if _keeps_dying(job) else record
            _end_remnants(job)
            if job.wish is Wish.CANCEL:
                return give_up(job)
            if record.attempts >= MOST_ATTEMPTS:
                return _failed(job, record)
            return job.become(JobState.QUEUED, "its process had died; it goes on from the last saved state")
    except TrainingError:
        if job.is_orphan:
            raise
        return job.read()  # somebody took it up in between


def _keeps_dying(job: JobFolder) -> bool:
    return is_pending(job.path) and job.read().attempts >= MOST_ATTEMPTS


def _failed(job: JobFolder, record: JobRecord) -> JobRecord:
    said = job.last_words()
    why = f"the last it said: {said}; " if said else ""
    text = f"its process died {record.attempts} times; {why}see log.txt, then queue it again"
    return job.become(JobState.FAILED, text)


def is_pending(folder: Path) -> bool:
    """Whether a process should be started for it: it waits, or it ended and has not been judged yet."""
    job = JobFolder(folder)
    state = job.read().state
    unjudged = state in (JobState.FINISHED, JobState.STOPPED) and (folder / CANDIDATE).is_file()
    return not job.is_alive and (state is JobState.QUEUED or unjudged)


def reject(folder: Path) -> JobRecord:
    """A person does not want the candidate.

    Raises:
        TrainingError: there is none that was judged, or it was decided already.
    """
    job = JobFolder(folder)
    with job.held():
        state = job.read().state
        if state is not JobState.EVALUATED:
            raise TrainingError(f"{folder}: only a job that has been evaluated can be rejected, this one is {state}")
        return job.become(JobState.REJECTED, "rejected by a person")
