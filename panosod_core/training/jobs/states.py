"""Where a job is in its life, and where it may go from there."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """States of a job."""

    DRAFT = "draft"
    """Described, not asked for yet."""
    QUEUED = "queued"
    """Waits for its turn; also after its process died, to go on from what was saved."""
    PREPARING = "preparing"
    """Checks the machine, writes the snapshot as a data set."""
    RUNNING = "running"
    STOPPING = "stopping"
    """Asked to stop early; the step that is being taken is finished."""
    STOPPED = "stopped"
    """Ended early; the best weights so far are kept."""
    CANCELLED = "cancelled"
    """Given up; nothing of it is kept but its record."""
    FAILED = "failed"
    FINISHED = "finished"
    EVALUATED = "evaluated"
    """Incumbent and candidate have met on the check set."""
    PROMOTED = "promoted"
    """A person has made the candidate the model that is used."""
    REJECTED = "rejected"
    """A person does not want the candidate."""


_S = JobState
MAY_BECOME: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        _S.DRAFT: frozenset({_S.QUEUED, _S.CANCELLED}),
        _S.QUEUED: frozenset({_S.PREPARING, _S.CANCELLED, _S.FAILED}),
        _S.PREPARING: frozenset({_S.RUNNING, _S.STOPPED, _S.CANCELLED, _S.FAILED, _S.QUEUED}),
        _S.RUNNING: frozenset({_S.STOPPING, _S.STOPPED, _S.FINISHED, _S.CANCELLED, _S.FAILED, _S.QUEUED}),
        _S.STOPPING: frozenset({_S.RUNNING, _S.STOPPED, _S.FINISHED, _S.CANCELLED, _S.FAILED, _S.QUEUED}),
        _S.STOPPED: frozenset({_S.EVALUATED, _S.FAILED, _S.CANCELLED, _S.QUEUED}),
        _S.FINISHED: frozenset({_S.EVALUATED, _S.FAILED, _S.CANCELLED, _S.QUEUED}),
        _S.FAILED: frozenset({_S.QUEUED, _S.CANCELLED}),
        _S.EVALUATED: frozenset({_S.PROMOTED, _S.REJECTED}),
        _S.CANCELLED: frozenset(),
        _S.PROMOTED: frozenset(),
        _S.REJECTED: frozenset(),
    }
)
"""What each state may become. Back to QUEUED goes a job whose process died, and one that is to go on."""

AT_WORK = frozenset({_S.PREPARING, _S.RUNNING, _S.STOPPING})
"""States in which a process must be there, or the job is an orphan."""
AT_REST = frozenset({_S.CANCELLED, _S.PROMOTED, _S.REJECTED})
"""States that nothing leaves."""


def check_step(before: JobState, after: JobState) -> None:
    """Stop at a step that the life of a job does not have.

    Raises:
        ValueError: naming both.
    """
    if after not in MAY_BECOME[before]:
        raise ValueError(f"a job that is {before} cannot become {after}")
