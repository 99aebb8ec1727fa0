"""Processes that stand in for a job's: they sleep, ignore, spawn, die; all are the tests' own children."""

import sys
from pathlib import Path

from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState

_AT_WORK = """
import sys, os, signal, subprocess, time
from pathlib import Path
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.states import JobState
folder = Path(sys.argv[1])
job = JobFolder(folder)
with job.held():
    job.mark(ProcessMark.of(os.getpid()))
    job.become(JobState.PREPARING)
    job.become(JobState.RUNNING)
    {body}
"""


def worker(body: str):
    """A command that takes the job up and then does something."""
    return lambda folder: (sys.executable, "-c", _AT_WORK.replace("{body}", body), str(folder))


HANGS = worker("(folder / 'ready').touch(); signal.pause()")
IGNORES = worker(
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); (folder / 'ready').touch()\n    while True: signal.pause()"
)
HAS_CHILD = worker(
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "    (folder / 'child').write_text(str(child.pid)); (folder / 'ready').touch()\n"
    "    while True: signal.pause()"
)
DIES = worker("os._exit(9)")
FLOODS = worker("(folder / 'ready').touch()\n    while True: print('x' * 1000)")


def queued(path: Path, **changes) -> JobFolder:
    """A queued job on a project that is never opened."""
    job = JobFolder.create(path, FinetuneRequest(project=path.parent / "p.panosod", **changes))
    queue(path)
    return job


def wait_for(condition, *, of=None) -> None:
    """Until something is so; the test's own time limit is the only clock."""
    import time

    while not condition():
        time.sleep(0.01)


def at_work(job: JobFolder) -> bool:
    return job.read().state is JobState.RUNNING
