"""``panosod job ACTION FOLDER``: look at, stop, cancel, promote a finetuning job, whoever started it. No torch."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from panosod_core.cli.finetune import result_lines
from panosod_core.errors import TrainingError
from panosod_core.inference.library import ModelLibrary
from panosod_core.training.finetune_ledger import copy_into_project
from panosod_core.training.jobs.control import cancel, queue, reject, resolve, stop
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.machine import check_free
from panosod_core.training.jobs.promotion import OtherIncumbentError, promote
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.start import check_torch, start_detached


@dataclass(frozen=True)
class JobArguments:
    """Look at a finetuning job, or say what becomes of it."""

    action: Annotated[
        Literal["show", "list", "stop", "cancel", "resume", "promote", "reject", "advance"], tyro.conf.Positional
    ]
    """show; list: all jobs in a folder of jobs; stop: end early and keep the best; cancel: give up, keep nothing;
    resume: queue again and start; promote: its model becomes the default; reject; advance: start the next one of a
    folder of jobs, if none is at work."""
    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of the job; for list and advance the one that holds the jobs' folders."""
    name: str = ""
    """promote: name of the model in the library."""
    force: bool = False
    """promote: also where it was judged against another model than the one that is used now."""
    json: bool = False
    """Print JSON instead of words."""


def run(args: JobArguments) -> int:
    """Do it.

    Raises:
        PanosodError: it cannot be done where the job is.
    """
    folder = args.folder.absolute()
    if args.action in ("list", "advance"):
        return _of_queue(args, JobQueue(folder))
    if args.action == "promote":
        _promote(args, folder)
    elif args.action == "resume":
        check_torch()
        check_free(folder)
        resolve(folder)
        queue(folder)
        start_detached(folder)
    elif args.action == "stop":
        stop(folder)
    elif args.action == "cancel":
        cancel(folder)
    elif args.action == "reject":
        reject(folder)
    if args.action in ("promote", "reject", "cancel"):
        copy_into_project(folder)
    job = JobFolder(folder)
    record = job.read()
    if args.json:
        print(json.dumps(record.to_json() | {"alive": job.is_alive, "orphan": job.is_orphan}))
        return 0
    print("\n".join(result_lines(record)))
    if job.is_orphan:
        print("its process has died: `panosod job resume` goes on from the last saved state")
    return 0


def _promote(args: JobArguments, folder: Path) -> None:
    try:
        promote(folder, ModelLibrary(), name=args.name, force=args.force)
    except OtherIncumbentError as error:
        raise TrainingError(f"{error}; with --force it is promoted all the same") from error


def _of_queue(args: JobArguments, jobs: JobQueue) -> int:
    if args.action == "advance":
        started = jobs.advance()
        for fault in jobs.faults.values():
            print(f"panosod: {fault}", file=sys.stderr)
        print(
            json.dumps({"started": str(started) if started else None}) if args.json else started or "nothing to start"
        )
        return 0
    found = jobs.jobs()
    if not found and not jobs.root.is_dir():
        raise TrainingError(f"{jobs.root}: expected a folder of jobs, there is no such folder")
    for job in found:
        if args.json:
            told = {"fault": job.fault} if job.record is None else job.record.to_json()
            print(json.dumps({"folder": str(job.path), **told}))
        else:
            print(f"{job.path.name}  {job.fault if job.record is None else job.record.state}")
    return 0
