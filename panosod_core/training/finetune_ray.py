"""A run of a finetuning job as a Ray Job on a cluster, the side that asked for it.

Code and the job's folder are shipped; the run tells its events in its log, which is followed; its state is fetched now
and then, its models at the end. What lies in the run's folder here is what a run of this machine would leave, so that a
job whose worker dies goes on from there, on another node or here. A job's process that dies leaves the run on the
cluster: the next process takes it up again.
"""

import json
import shutil
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NoReturn

import panosod_core
from panosod_core.errors import TrainingError
from panosod_core.training.events import EVENTS, Event
from panosod_core.training.examples import BEST_EXAMPLES, EXAMPLES
from panosod_core.training.finetune_plan import RunPlan
from panosod_core.training.finetune_ray_worker import MARK, SHIPMENT
from panosod_core.training.folder import BEST, CONFIG, LAST
from panosod_core.training.jobs.cluster import Cluster
from panosod_core.training.jobs.cluster_end import clean, forget_place, keep_place, place_of
from panosod_core.training.jobs.folder import CONTROL, JOB, LOG, JobFolder, Wish
from panosod_core.training.state import STATE, read_state

_PIECE_BYTES = 64 << 20
"""The dashboard takes 100 MiB at a time."""
_MOST_BYTES = 2 << 30
"""Of a shipment: it passes through the memory of the cluster's head."""
_MIRROR_EVERY_S = 30.0
_TRIES = 3
_STREAM = "stream.txt"
"""What the run has printed, as far as it was heard."""


class ClusterRun:
    """A run on a cluster, as the job's process sees it."""

    def __init__(
        self, job: JobFolder, plan: RunPlan, *, epochs: int, budget: float, mirror_every_s: float = _MIRROR_EVERY_S
    ) -> None:
        """Connect; :meth:`watch` starts it, or takes up the one that is there.

        Args:
            job: whose run it is.
            plan: which.
            epochs: most passes.
            budget: share of the request's minutes and steps.
            mirror_every_s: its state is fetched no more often.

        Raises:
            TrainingError: there is no such cluster.
        """
        self._job, self._plan, self._epochs, self._budget = job, plan, epochs, budget
        self._out = job.path / "runs" / plan.name
        self._request = job.read().request
        self._cluster = Cluster(self._request.address)
        self._mirror_every_s, self._mirrored_s = mirror_every_s, -mirror_every_s
        self._place: dict[str, Any] = {}
        self._is_ended = self._is_laid_out = False
        self._fault, self._rest, self._best_epoch = "", "", 0

    def end(self) -> None:
        """It ends after its step and saves; a little job on its node says so to it."""
        self._is_ended = True
        say = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
        wish = json.dumps({"want": Wish.STOP.value})
        self._cluster.submit(
            ("python", "-c", say, f"{self._place['folder']}/{CONTROL}", wish),
            name=f"{self._place['name']}-stop", node=self._place["node_ip"],
        )  # fmt: skip

    def watch(self, hear: Callable[[Event], None], *, ended_on_purpose: Callable[[], bool]) -> int:
        """Start it or take it up again, and hand on what it tells until it has ended.

        Args:
            hear: takes events.
            ended_on_purpose: whether :meth:`end` was called.

        Returns:
            After how many passes the run was best.

        Raises:
            TrainingError: it failed, or its workers keep dying, or the cluster is lost.
        """
        before = signal.signal(signal.SIGTERM, _go)  # at once: the run on the cluster is taken up again, or called back
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            for _ in range(_TRIES):
                if not self._take_up():
                    self._start()
                self._cluster.follow(self._place["name"], lambda text: self._heard(text, hear), skip=self._skip)
                if self._is_laid_out:
                    self._bring_home()
                    return self._best_epoch
                state, why = self._cluster.status(self._place["name"]), self._cluster.message(self._place["name"])
                clean(self._cluster, self._place)
                forget_place(self._out)
                if self._fault:
                    raise TrainingError(f"on the cluster at {self._cluster.address}: {self._fault}")
                if ended_on_purpose():
                    return self._known_best
                self._job.tell("note", run=self._plan.name, text=f"its worker on the cluster died ({state}: {why})")
            raise TrainingError(f"{_TRIES} workers died on the cluster at {self._cluster.address}; log.txt says more")
        finally:
            signal.signal(signal.SIGTERM, before)

    # Starting

    def _take_up(self) -> bool:
        place = place_of(self._out)
        if place is None:
            return False
        if place["address"] != self._cluster.address or not self._cluster.status(place["name"]):
            forget_place(self._out)  # another cluster, or one that was started anew
            return False
        self._place = place
        stream = self._out / _STREAM
        # The end of the stream may have been cut; what of it was no whole line is heard again.
        data = stream.read_bytes() if stream.is_file() else b""
        data = data[: data.rfind(b"\n") + 1]
        stream.write_bytes(data)
        whole = data.decode(errors="replace")
        self._skip, self._rest = len(whole), ""
        self._best_epoch = self._known_best
        for line in whole.split("\n"):
            event, _ = event_in(line)
            if event is not None:
                self._note(event)
        return True

    def _start(self) -> None:
        tries = sum(1 for _ in self._out.glob("try-*"))
        (self._out / f"try-{tries}").touch()
        name = f"panosod-{self._job.read().id}-{self._plan.name}-{tries}"
        (self._out / _STREAM).unlink(missing_ok=True)
        self._skip, self._rest, self._mirrored_s = 0, "", time.monotonic()
        words = (name, self._plan.name, str(int(self._plan.is_final)), str(self._epochs), repr(self._budget))
        gpus = int(self._request.device != "cpu" and self._cluster.has_gpu())
        with tempfile.TemporaryDirectory(prefix="panosod-ship-") as made:
            code, parts = ship(self._job.path, self._plan.name, Path(made))
            self._place = {"address": self._cluster.address, "name": name}
            keep_place(self._out, self._place)  # before it is there: nothing is started that nobody knows of
            threads = str(self._request.threads or "")
            self._cluster.submit(
                ("python", "-m", "panosod_core.training.finetune_ray_worker", *words),
                name=name, folder=code, parts=parts, gpus=gpus,
                variables={"OMP_NUM_THREADS": threads} if threads else {},
            )  # fmt: skip
        self._job.tell("note", run=self._plan.name, text=f"handed to the cluster at {self._cluster.address} as {name}")

    # Hearing

    def _heard(self, text: str, hear: Callable[[Event], None]) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            event, other = event_in(line)
            if event is not None:
                self._event(event, hear)
            if other or event is None:
                with (self._job.path / LOG).open("ab") as log:
                    log.write(other.encode(errors="replace") + b"\n")
            # Last: a process that dies before this line hears it again.
            with (self._out / _STREAM).open("ab") as stream:
                stream.write(line.encode(errors="replace") + b"\n")

    def _event(self, event: dict[str, Any], hear: Callable[[Event], None]) -> None:
        self._note(event)
        kind = event.get("event")
        if kind == "place":
            node, address = self._cluster.node_of(self._place["name"])
            self._place |= {"folder": event["folder"], "node": node, "node_ip": address}
            keep_place(self._out, self._place)
        elif kind == "saved" and time.monotonic() - self._mirrored_s >= self._mirror_every_s:
            self._mirror()
        elif kind not in ("state", "saved", "error", "laid_out"):
            with (self._out / EVENTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(event) + "\n")
            hear(event)

    def _note(self, event: dict[str, Any]) -> None:
        """What is remembered of an event, heard now or by the process before."""
        if event.get("event") == "error":
            self._fault = str(event.get("text"))
        elif event.get("event") == "laid_out":
            self._is_laid_out, self._best_epoch = True, int(event.get("best_epoch", 0))

    @property
    def _known_best(self) -> int:
        state = self._out / STATE
        return read_state(state).position.best_epoch if state.is_file() else 0

    def _mirror(self) -> None:
        """Fetch the state, then models: a best one that is newer than the state is made again just so."""
        self._mirrored_s = time.monotonic()
        for name in (STATE, BEST, LAST, EXAMPLES, BEST_EXAMPLES):
            self._fetch(name)

    def _fetch(self, name: str) -> bool:
        there = f"{self._place['name']}/runs/{self._plan.name}/{name}"
        return self._cluster.fetch(self._place["node"], there, self._out / name)

    def _bring_home(self) -> None:
        for name in (CONFIG, BEST, LAST, STATE, EXAMPLES, BEST_EXAMPLES):
            self._fetch(name)
        clean(self._cluster, self._place)
        forget_place(self._out)


def event_in(line: str) -> tuple[dict[str, Any] | None, str]:
    """The event that a line of a run's log tells, and the rest of it: other programs write into the same log."""
    other, mark, told = line.partition(MARK)
    if mark:
        try:
            event = json.loads(told)
        except ValueError:
            return None, line
        if isinstance(event, dict):
            return event, other
    return None, line


def ship(job: Path, run: str, to: Path) -> tuple[Path, list[Path]]:
    """Make what is sent: a folder with the code, and the job's folder in pieces.

    Args:
        job: the job's folder.
        run: which run's part of it.
        to: an empty folder.

    Returns:
        The folder of the code; folders of one piece each.

    Raises:
        TrainingError: it is too much.
    """
    package = Path(panosod_core.__file__).parent
    code = to / "code"
    shutil.copytree(
        package, code / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors", "*.npz", "*.onnx")
    )
    # A model says which version made it; the nodes need not have panosod installed.
    ours = distribution("panosod")
    about = code / f"panosod-{ours.version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(ours.read_text("METADATA") or "", encoding="utf-8")
    whole = to / "job.tar"
    with tarfile.open(whole, "w") as archive:
        for name in (JOB, "incumbent.safetensors", f"data/{run}", *(f"runs/{run}/{n}" for n in (STATE, BEST, LAST))):
            if (job / name).exists():
                archive.add(job / name, name)
    size = whole.stat().st_size
    if size > _MOST_BYTES:
        raise TrainingError(
            f"{job}: expected {_MOST_BYTES / 1e9:.1f} GB or less to ship to the cluster, there are {size / 1e9:.1f}: "
            "learn from fewer frames, or with the engine local on a machine of the cluster"
        )
    parts: list[Path] = []
    with whole.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            part = to / f"{SHIPMENT}{len(parts)}"
            part.mkdir()
            (part / "piece").write_bytes(piece)
            parts.append(part)
    whole.unlink()
    return code, parts


def _go(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
