"""Processes that learn for a job beside its own. torchrun gives each a session: the job's group has none of them.

Each writes down its mark in the job's folder, where whoever ends the job finds it; and each ends by itself when nobody
is there any more whom it works for.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from panosod_core.training.jobs.files import read_json, write_json
from panosod_core.training.jobs.process_mark import ProcessMark

MEMBERS = "members"
_LOOK_EVERY_S = 0.5
_SAVING_S = 20.0
"""A job's process that is asked to end has asked its members too: they save before they follow it."""
_END_S = 8.0


def join(folder: Path, owner: ProcessMark | None) -> None:
    """Be a member from now on: known in the folder, and ended with whoever started this process, or with the owner.

    Args:
        folder: of the job.
        owner: the job's own process.

    Raises:
        TrainingError: the folder cannot be written.
    """
    parent = os.getppid()
    mark = ProcessMark.of(os.getpid())
    (folder / MEMBERS).mkdir(exist_ok=True)
    if mark is not None:
        write_json(folder / MEMBERS / f"{mark.pid}.json", asdict(mark))
    threading.Thread(target=_follow, args=(parent, owner), name="panosod-member", daemon=True).start()


def _follow(parent: int, owner: ProcessMark | None) -> None:
    while os.getppid() == parent and (owner is None or owner.is_alive):
        time.sleep(_LOOK_EVERY_S)
    until_s = time.monotonic() + _SAVING_S
    while os.getppid() == parent and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)
    if sys.platform != "win32" and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)  # its readers too
    os._exit(1)


def end_members(folder: Path) -> None:
    """End all that are left, at once, and wait until they have.

    Raises:
        TrainingError: a mark cannot be read.
    """
    for path in sorted((folder / MEMBERS).glob("*.json")):
        values = read_json(path)
        mark = None if values is None else ProcessMark(**values)
        if mark is not None:
            mark.kill()
            until_s = time.monotonic() + _END_S
            while mark.is_alive and time.monotonic() < until_s:
                time.sleep(0.02)
        path.unlink(missing_ok=True)
