"""Ends what a job has on a Ray cluster: ``python -m panosod_core.training.jobs.cluster_end FOLDER``. No torch here.

A process of its own: whoever cancels a job, a window among them, need not load Ray.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from panosod_core.errors import TrainingError
from panosod_core.training.jobs.files import read_json, write_json

PLACE = "cluster.json"
"""In a run's folder: which job on which cluster does it, and where its files lie there."""
_STOP_S, _ALL_S = 8.0, 25.0


def keep_place(run: Path, place: dict[str, Any]) -> None:
    """Write down where a run is done.

    Raises:
        TrainingError: it cannot be written.
    """
    write_json(run / PLACE, place)


def place_of(run: Path) -> dict[str, Any] | None:
    """Where a run is done; None where it is not on a cluster.

    Raises:
        TrainingError: the file is damaged.
    """
    return read_json(run / PLACE)


def forget_place(run: Path) -> None:
    """It is done there no longer."""
    (run / PLACE).unlink(missing_ok=True)


def is_out(folder: Path) -> bool:
    """Whether a job has anything on a cluster."""
    return any((folder / "runs").glob(f"*/{PLACE}"))


def call_back(folder: Path) -> str:
    """End what a job has on a cluster.

    Args:
        folder: of the job, which no process works on.

    Returns:
        "", or what was not ended and why.
    """
    if not is_out(folder):
        return ""
    words = [sys.executable, "-m", __spec__.name, str(folder)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_ALL_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"the cluster has not answered for {_ALL_S:.0f} s; see {folder}/runs/*/{PLACE} and end it there by hand"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]


def end(run: Path) -> None:
    """End one run's job and remove its files there.

    Raises:
        TrainingError: it goes on there.
    """
    from panosod_core.training.jobs.cluster import Cluster

    place = place_of(run)
    if place is None:
        return
    cluster = Cluster(place["address"])
    if not cluster.stop(place["name"], within_s=_STOP_S):
        raise TrainingError(f"the job {place['name']} on the cluster at {place['address']} does not end; end it there")
    clean(cluster, place)
    forget_place(run)


def clean(cluster: Any, place: dict[str, Any]) -> None:
    """Remove the files of a run from its node; nobody waits for it."""
    if place.get("folder") and place.get("node_ip"):
        rid = "import shutil,sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
        cluster.submit(("python", "-c", rid, place["folder"]), name=f"{place['name']}-clean", node=place["node_ip"])


def main(words: Sequence[str]) -> int:
    """End all runs of a job."""
    try:
        for path in sorted(Path(words[0]).glob(f"runs/*/{PLACE}")):
            end(path.parent)
    except TrainingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
