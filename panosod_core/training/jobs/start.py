"""Starting a job's process so that it outlives whoever started it."""

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from panosod_core.errors import ConfigError, TrainingError, install_extra
from panosod_core.training.jobs.folder import LOG, JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.states import JobState

Command = Callable[[Path], Sequence[str]]

_SPIN = "1000"
"""How long threads of a job's process wait busily for each other. A window and its predictor stand beside it: with
OpenMP's own 300,000, two threads on two cores were 15 to 50 times as slow beside a busy program; with this, twice."""


def worker_command(folder: Path) -> Sequence[str]:
    """The process that does a job."""
    return (sys.executable, "-m", "panosod_core.training.finetune_process", str(folder))


def check_torch() -> None:
    """Stop where a job's process would die of it.

    Raises:
        ConfigError: torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(f"training needs torch: {install_extra('model')}")


def start_detached(folder: Path, *, command: Command = worker_command) -> ProcessMark:
    """Start the process of a queued job in a session of its own: no terminal's hang-up and no parent's end reach it.

    Args:
        folder: of the job, which is queued (or ended without having been judged).
        command: what is run; the job's own program by default.

    Returns:
        The process. Whether it gets on is in the folder.

    Raises:
        TrainingError: the job is not at a place to be started from, has a process, or none can be started.
    """
    job = JobFolder(folder)
    state = job.read().state
    if state not in (JobState.QUEUED, JobState.FINISHED, JobState.STOPPED):
        raise TrainingError(f"{folder}: a job that is {state} cannot be started; queue it first")
    if job.is_alive:
        raise TrainingError(f"{folder}: process {job.process.pid if job.process else '?'} works on this job already")
    with job.held():
        # Counted before it is there: it may die before its first line, or while it judges.
        job.count_attempt()
    try:
        with (folder / LOG).open("ab") as log:
            child = subprocess.Popen(
                list(command(folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
                env={"GOMP_SPINCOUNT": _SPIN} | os.environ | {"PYTHONUNBUFFERED": "1"},
            )
    except OSError as error:
        raise TrainingError(f"{folder}: its process cannot be started ({error.strerror})") from error
    mark = ProcessMark.of(child.pid)
    if mark is None:  # it ended before anyone could look
        child.wait()
        raise TrainingError(f"{folder}: its process ended at once with {child.returncode}; see {folder / LOG}")
    job.mark(mark)
    # Its end is taken note of, else the system keeps its number for as long as this process lives.
    threading.Thread(target=child.wait, name="panosod-job-ends", daemon=True).start()
    return mark
