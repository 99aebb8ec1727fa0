"""What a job's folder tells of processes that were killed: how many there were, what comes next, what is wrong."""

from pathlib import Path

from nursery import BORN

from panosod_core.training.jobs.folder import JobFolder, JobRecord
from panosod_core.training.jobs.states import AT_WORK, JobState, check_step

S = JobState
MOST_DEATHS = 3
ASKED = "asked"
"""Told among a job's events by the window that queues it again."""
_TAKEN_UP_FROM = tuple(state.value for state in AT_WORK)
"""A job that is queued from there was queued by the next start, and by nobody's wish."""


def births(job: JobFolder) -> int:
    """Processes that were forked for a job since a person asked for it, by the nursery's own word."""
    count = 0
    for event in job.events()[0]:
        is_queued = event["event"] == "state" and event["state"] == S.QUEUED
        if event["event"] == BORN:
            count += 1
        elif event["event"] == ASKED or (is_queued and event["before"] not in _TAKEN_UP_FROM):
            count = 0
    return count


def expected_start(state: JobState, *, deaths: int, is_alive: bool, has_candidate: bool) -> bool:
    """Whether the next start must start a process for a job: it has not come to its end, and three have not died."""
    waits = state in AT_WORK or state is S.QUEUED or (state in (S.FINISHED, S.STOPPED) and has_candidate)
    return waits and not is_alive and deaths < MOST_DEATHS


def moved_on(before: JobRecord, job: JobFolder) -> bool:
    """Whether the job's own process changed its state while it was looked at."""
    now = job.read()
    return job.is_alive and now.state is not before.state and before.state not in AT_WORK


def fault_of(job: JobFolder) -> str:
    """What is wrong in a job's folder; "" where all is right."""
    job.read()
    told, _ = job.events()
    steps: dict[str, float] = {}
    for event in told:
        if event["event"] == "state":
            try:
                check_step(S(event["before"]), S(event["state"]))
            except ValueError as error:
                return str(error)
        run = event.get("run", "")
        if event["event"] == "resume":
            steps[run] = event["step"]
        elif event["event"] == "step" and run in steps:
            if event["step"] != steps[run] + 1:
                return f"step {event['step']} after {steps[run]}"
            steps[run] = event["step"]
    return ""


def tensors(path: Path) -> bytes:
    """A model file without its header, which says when and where it was made."""
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]
