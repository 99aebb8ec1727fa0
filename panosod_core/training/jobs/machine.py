"""One finetuning job at a time for a person on a machine, whoever starts it and wherever its folder lies."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import platformdirs

from panosod_core.errors import TrainingError
from panosod_core.training.jobs.files import read_json, write_json
from panosod_core.training.jobs.folder import locked
from panosod_core.training.jobs.process_mark import ProcessMark

VARIABLE = "PANOSOD_JOBS"
"""Environment variable that names another folder of jobs."""
_LOCK, _WHO = ".at-work.lock", ".at-work.json"
_PATIENCE_S, _AGAIN_S = 10.0, 0.05


class BusyError(TrainingError):
    """Another job is at work."""


def jobs_root() -> Path:
    """The folder that holds this person's jobs: one queue for the machine."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("panosod", appauthor=False)) / "jobs"


def at_work() -> Path | None:
    """The folder of the job that is at work on this machine.

    Raises:
        TrainingError: what says so cannot be read.
    """
    values = read_json(jobs_root() / _WHO)
    if values is None:
        return None
    mark = ProcessMark(_number(values.get("pid")), str(values.get("started")), str(values.get("host")))
    return Path(str(values.get("folder"))) if mark.is_alive else None


def check_free(folder: Path) -> None:
    """Stop where another job than this one is at work.

    Raises:
        BusyError: naming it.
    """
    other = at_work()
    if other is not None and other != folder:
        raise BusyError(
            f"{folder}: expected no other finetuning job at work on this machine, {other} is: wait until it has ended, "
            f"or end it early with `panosod job stop {other}`"
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the job that is at work, for as long as the block lasts.

    Args:
        folder: of the job, absolute.

    Raises:
        BusyError: another one is.
        TrainingError: the folder of jobs cannot be written.
    """
    root = jobs_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{root}: cannot be made ({error.strerror})") from error
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        with locked(root / _LOCK) as mine:
            if mine:
                mark = ProcessMark.of(os.getpid())
                if mark is not None:
                    write_json(root / _WHO, {"folder": str(folder), **asdict(mark)})
                try:
                    yield
                finally:
                    (root / _WHO).unlink(missing_ok=True)
                return
        check_free(folder)
        # Readers of a process that was killed hold its lock until they notice.
        if time.monotonic() > until_s:
            raise BusyError(f"{folder}: expected no other finetuning job at work, one holds {root / _LOCK}")
        time.sleep(_AGAIN_S)


def _number(value: object) -> int:
    """0 where it is none."""
    return value if isinstance(value, int) else 0
