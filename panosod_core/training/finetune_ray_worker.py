"""A run of a finetuning job on a Ray cluster, the side that learns: what a Ray Job's command is.

It runs in a copy of the code that was shipped, with the pieces of the job's folder on its Python path; puts those
together in a folder of its node's logs, where they can be fetched from; learns; and tells its events on its standard
output, a line each, beginning with :data:`MARK`.
"""

import json
import os
import shutil
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from panosod_core.errors import PanosodError, TrainingError
from panosod_core.inference.model_file import ModelFile
from panosod_core.training.finetune_check import check_room, needs
from panosod_core.training.finetune_data import mixed_sources
from panosod_core.training.finetune_examples import examples_of
from panosod_core.training.finetune_gpus import free_of_gpus
from panosod_core.training.finetune_plan import RunPlan, job_of, mix_of
from panosod_core.training.finetune_watch import Watch, end_this_process
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.states import JobState
from panosod_core.training.state import STATE, read_state
from panosod_core.training.video import train_video
from panosod_core.training.world import joined

MARK = "@panosod "
SHIPMENT = "panosod_shipment_"
"""Folders of pieces, numbered; each holds one file, ``piece``."""


def main(words: Sequence[str]) -> int:
    """Learn.

    Returns:
        0 done, or stopped early as somebody wished; 1 failed, which was told; 143 asked to end.
    """
    name, plan, is_final, epochs, budget = words
    try:
        return _learn(name, RunPlan(plan, is_final=bool(int(is_final))), epochs=int(epochs), budget=float(budget))
    except PanosodError as error:
        tell({"event": "error", "text": str(error)})
        return 1


def tell(event: Mapping[str, Any]) -> None:
    """Send an event home."""
    sys.stdout.write(MARK + json.dumps(dict(event)) + "\n")
    sys.stdout.flush()


def _learn(name: str, plan: RunPlan, *, epochs: int, budget: float) -> int:
    folder = _logs() / name
    shutil.rmtree(folder, ignore_errors=True)
    unpack([Path(place) for place in sys.path], folder)
    tell({"event": "place", "folder": str(folder)})
    # Everything by relative paths: what is learnt does not hang on where, and a run goes on elsewhere.
    os.chdir(folder)
    job = JobFolder(Path(), listeners=(tell,))
    asked = job_of(job, plan, epochs=epochs, budget=budget)
    request = job.read().request
    if request.data is not None and not request.data.exists():
        raise TrainingError(f"{request.data}: the cluster's node does not have this data set; put it on a shared disk")
    with joined(request.device) as world:
        gpus = free_of_gpus(world.device)
    base = ModelFile.read(asked.start.model or Path())
    room = needs(base.config, weights=base.path.stat().st_size, frames=0, copies=1, batch=request.batch)
    check_room(Path(), room, gpus=gpus)
    spent_s = read_state(asked.out / STATE).position.seconds if asked.resume else 0.0
    if job.read().state is not JobState.RUNNING:
        job.become(JobState.RUNNING)
    watch = Watch(
        job, plan.name, end=end_this_process, limit_s=request.minutes * 60 * budget, spent_s=spent_s, more=("saved",)
    )
    outcome = train_video(
        asked, listeners=(watch,), sources=mixed_sources(mix_of(request)), look=examples_of(job, plan)
    )
    if outcome.stopped_by is not None and not watch.ended_it:
        return 143
    tell({"event": "laid_out", "best_epoch": outcome.best_epoch})
    return 0


def unpack(places: Sequence[Path], folder: Path) -> None:
    """Put a job's folder together from the pieces that were shipped.

    Args:
        places: where pieces may lie.
        folder: the job's, made.

    Raises:
        TrainingError: pieces are missing, or it cannot be written.
    """
    pieces: dict[int, Path] = {}
    for place in places:
        for piece in place.glob(f"{SHIPMENT}*/piece") if place.is_dir() else ():
            pieces[int(piece.parent.name.removeprefix(SHIPMENT))] = piece
    if sorted(pieces) != list(range(len(pieces))) or not pieces:
        raise TrainingError(f"expected the pieces of a job on the Python path, found {sorted(pieces)}")
    whole = folder.with_name(folder.name + ".tar")
    try:
        with whole.open("wb") as file:
            for number in sorted(pieces):
                with pieces[number].open("rb") as piece_file:
                    shutil.copyfileobj(piece_file, file)
        with tarfile.open(whole) as archive:
            archive.extractall(folder, filter="data")
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        whole.unlink(missing_ok=True)


def _logs() -> Path:
    """The folder of this node's logs: Ray unpacks what is shipped below the same session."""
    for parent in Path.cwd().parents:
        if parent.name.startswith("session_") and (parent / "logs").is_dir():
            return parent / "logs"
    raise TrainingError(f"{Path.cwd()}: expected to run below the session of a Ray node")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
