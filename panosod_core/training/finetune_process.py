"""The process that does a job: ``python -m panosod_core.training.finetune_process FOLDER``; then it starts the next."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_core.training.finetune import InterruptedJobError, work_on
from panosod_core.training.finetune_check import give_way
from panosod_core.training.finetune_ledger import copy_into_project
from panosod_core.training.jobs.queue import JobQueue

_INTERRUPTED = 143


def main(words: Sequence[str]) -> int:
    """Do the job in a folder, then hand over to the next one beside it.

    Returns:
        0 done, 1 failed, 143 asked to end.
    """
    folder = Path(words[0]).absolute()
    give_way()
    code = 1
    try:
        code = _done(folder)
    finally:  # also after a fault of panosod, which the log has
        if code != _INTERRUPTED:
            _hand_over(folder)
    return code


def _done(folder: Path) -> int:
    try:
        record = work_on(folder)
    except PanosodError as error:
        sys.stderr.write(f"panosod: {error}\n")
        return 1
    except (InterruptedJobError, KeyboardInterrupt):
        return _INTERRUPTED
    sys.stdout.write(f"{record.state}: {record.message}\n")
    return 0


def _hand_over(folder: Path) -> None:
    queue = JobQueue(folder.parent)
    try:
        with _told():
            copy_into_project(folder)
    finally:
        with _told():
            queue.advance(but=folder)
    for fault in queue.faults.values():
        sys.stderr.write(f"panosod: {fault}\n")


@contextmanager
def _told() -> Iterator[None]:
    """The job is done; that something else cannot be is in its log."""
    try:
        yield
    except PanosodError as error:
        sys.stderr.write(f"panosod: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
