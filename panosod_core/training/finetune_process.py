"""The process that does a job: ``python -m panosod_core.training.finetune_process FOLDER``; then it starts the next."""

import sys
from collections.abc import Sequence
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_core.training.finetune import InterruptedJobError, work_on
from panosod_core.training.finetune_check import give_way
from panosod_core.training.finetune_ledger import copy_into_project
from panosod_core.training.jobs.queue import JobQueue


def main(words: Sequence[str]) -> int:
    """Do the job in a folder, then hand over to the next one beside it.

    Returns:
        0 done, 1 failed, 143 asked to end.
    """
    folder = Path(words[0]).absolute()
    give_way()
    code = 0
    try:
        record = work_on(folder)
        sys.stdout.write(f"{record.state}: {record.message}\n")
    except PanosodError as error:
        sys.stderr.write(f"panosod: {error}\n")
        code = 1
    except (InterruptedJobError, KeyboardInterrupt):
        return 143
    copy_into_project(folder)
    JobQueue(folder.parent).advance(but=folder)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
