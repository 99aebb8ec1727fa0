"""Finetuning jobs seen and asked for from a thread: their folders, the project's corrected frames, the models. No Qt.

Jobs are processes of their own and the truth about them lies in their folders; this thread reads those, asks for what a
person wants, and starts the next job of the queue. Nothing of a job ends with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from panosod_core.errors import PanosodError, TrainingError
from panosod_core.training.jobs.machine import jobs_root
from panosod_viewer.tools.training import LIVE, JobLine, JobView, Material, ModelLine, StartWish
from panosod_viewer.workers.training_watcher import JobWatcher

if TYPE_CHECKING:
    from panosod_core.training.finetune_split import FixedSplit
    from panosod_core.training.jobs.queue import JobQueue
    from panosod_core.training.jobs.start import Command

_log = logging.getLogger(__name__)

EVERY_S = 0.5
ADVANCE_EVERY_S = 5.0
"""The next job of the queue is looked for this often: another window may have queued one."""
BEHIND_S = 0.05
"""Until the next look, where there are more."""
CLOSE_S, WISHES_S = 2.0, 15.0
"""How long a window that closes waits for the thread, and for what a person has asked for just before."""


@dataclass(frozen=True)
class MaterialSeen:
    """What could be learnt from."""

    material: Material


@dataclass(frozen=True)
class JobsSeen:
    """The jobs of a project, the newest first; the models that one may begin with; the project's fixed split."""

    project: Path | None
    jobs: tuple[JobLine, ...]
    models: tuple[ModelLine, ...]
    split: FixedSplit | None = None


@dataclass(frozen=True)
class JobSeen:
    """How the watched job is."""

    job: JobView


@dataclass(frozen=True)
class JobMade:
    """A job was made and queued."""

    path: Path


@dataclass(frozen=True)
class ModelChanged:
    """Another model is the default now."""

    text: str


@dataclass(frozen=True)
class Refused:
    """Something that was asked for cannot be."""

    text: str


TrainingLetter: TypeAlias = MaterialSeen | JobsSeen | JobSeen | JobMade | ModelChanged | Refused


class TrainingThread:
    """Does one thing at a time; looks at the watched job in between."""

    def __init__(
        self,
        post: Callable[[TrainingLetter], None],
        *,
        root: Path | None = None,
        command: Command | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        """Begin at once.

        Args:
            post: takes the letters, in this thread.
            root: folder of jobs; None: :func:`jobs_root`.
            command: what does a job; None: the job's own program.
            every_s: how often the watched job is looked at.
        """
        self._post, self._root, self._command, self._every_s = post, root or jobs_root(), command, every_s
        self._wake = threading.Condition()
        self._tasks: deque[tuple[Callable[[], None], str]] = deque()
        self._doing = ""
        self._warned: tuple[Path, str | None] | None = None
        self._is_closing = False
        self._watcher: JobWatcher | None = None
        self._advanced_s = -ADVANCE_EVERY_S
        self._queue: JobQueue | None = None
        self._stuck = ""
        self._is_behind = False
        self._thread = threading.Thread(target=self._run, name="panosod-training", daemon=True)
        self._thread.start()

    def close(self, *, timeout_s: float = CLOSE_S) -> bool:
        """End the thread, and no job; what a person has asked for is done before. False while it hangs."""
        with self._wake:
            self._is_closing = True
            self._tasks = deque(task for task in self._tasks if task[1])
            wishes = [wish for wish in (self._doing, *(wish for _, wish in self._tasks)) if wish]
            self._wake.notify_all()
        self._thread.join(max(timeout_s, WISHES_S) if wishes else timeout_s)
        if self._thread.is_alive() and wishes:
            _log.warning("the window closes; asked for just before, and perhaps not done: %s", ", ".join(wishes))
        return not self._thread.is_alive()

    # --- wishes, from any thread

    def watch(self, job: Path | None) -> None:
        """Look at a job from now on; None: at none."""

        def change() -> None:
            self._watcher = None if job is None else JobWatcher(job)

        self._ask(change)

    def survey(self, project: Path) -> None:
        """Count what could be learnt from."""
        self._ask(lambda: self._post(MaterialSeen(_material(project))))

    def list(self, project: Path | None) -> None:
        """Look for the jobs of a project and for models."""
        self._ask(lambda: self._list(project))

    def start(self, project: Path, wish: StartWish) -> None:
        """Make a job, queue it, and start it where none is at work."""
        self._ask(lambda: self._start(project, wish), f"start a job on {project.name}")

    def stop(self, job: Path) -> None:
        """Stop early, keep the best."""
        self._ask(lambda: _control().stop(job), f"stop {job.name}")

    def cancel(self, job: Path) -> None:
        """Give up, keep nothing."""

        def cancel() -> None:
            _control().cancel(job)
            self._advance(now=True)

        self._ask(cancel, f"cancel {job.name}")

    def resume(self, job: Path) -> None:
        """Queue it again; it goes on from what it saved."""

        def resume() -> None:
            _check_torch()
            _control().resolve(job)
            _control().queue(job)
            self._advance(asked=job)

        self._ask(resume, f"resume {job.name}")

    def reject(self, job: Path) -> None:
        """The candidate is not wanted."""
        self._ask(lambda: _dropped(_control().reject(job)), f"reject {job.name}")

    def promote(self, job: Path) -> None:
        """The candidate becomes the default model; asked for twice, also where another one is used by now."""
        self._ask(lambda: self._promote(job), f"promote {job.name}")

    def roll_back(self) -> None:
        """The model that was the default before is it again."""
        self._ask(self._roll_back, "roll back")

    # --- in the thread

    def _ask(self, task: Callable[[], None], wish: str = "") -> None:
        """Do it in the thread; with the words of a wish also where the window closes meanwhile."""
        with self._wake:
            self._tasks.append((task, wish))
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._doing = ""
                pause_s = BEHIND_S if self._is_behind else self._every_s
                self._wake.wait_for(lambda: self._is_closing or bool(self._tasks), timeout=pause_s)
                if self._is_closing and not self._tasks:
                    return
                task, self._doing = self._tasks.popleft() if self._tasks else (None, "")
            try:
                if task is not None:
                    task()
                if not self._is_closing:
                    self._look()
            except PanosodError as error:
                if self._is_closing:  # nobody reads letters any more
                    _log.warning("asked for just before the window was closed: %s", error)
                self._post(Refused(str(error)))
            except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
                _log.exception("looking at finetuning jobs failed")
                self._post(Refused(f"{type(error).__name__}: {error} (a fault of panosod; see the log)"))

    def _look(self) -> None:
        self._is_behind = False
        if self._watcher is None:
            return
        self._advance()
        try:
            view = self._watcher.look()
        except PanosodError:
            self._watcher = None  # told once, not twice a second
            raise
        self._is_behind = self._watcher.is_behind
        if view is not None:
            self._post(JobSeen(view))

    def _advance(self, *, now: bool = False, asked: Path | None = None) -> None:
        """Start the next job; what keeps one from it is told once, and is no reason to look at none.

        Args:
            now: also where it was looked for just before.
            asked: a job that a person has asked for: of this one it is told again.
        """
        moment = time.monotonic()
        if not now and asked is None and moment - self._advanced_s < ADVANCE_EVERY_S:
            return
        self._advanced_s = moment
        from panosod_core.training.jobs.queue import JobQueue

        if self._queue is None:
            self._queue = JobQueue(self._root) if self._command is None else JobQueue(self._root, command=self._command)
        told, stuck, self._stuck = self._queue.faults, self._stuck, ""
        try:
            self._queue.advance()
        except PanosodError as error:
            self._stuck = str(error)
        news = [text for path, text in self._queue.faults.items() if path == asked or told.get(path) != text]
        if self._stuck and (asked is not None or self._stuck != stuck):
            news.append(self._stuck)
        for text in news:
            self._post(Refused(text))

    def _list(self, project: Path | None) -> None:
        from panosod_core.inference.library import ModelLibrary
        from panosod_core.training.jobs.queue import JobQueue

        lines = []
        for found in reversed(JobQueue(self._root).jobs()):
            record = found.record
            if record is None:
                lines.append(JobLine(found.path, None, found.fault))
            elif project is not None and record.request.project == project:
                lines.append(JobLine(found.path, record.state, record=record))
        if any(line.state in LIVE for line in lines):
            self._advance(now=True)  # it may wait since a process, or the machine, has died
        library = ModelLibrary()
        default = library.default_id
        models = [ModelLine("In use: the one that comes with panosod", None)]
        for model in library.records():
            tip = f"from {model.parent[:12]}" if model.parent else ""
            if model.model_id == default:
                models[0] = ModelLine(f"In use: {model.name}", None, tip)
            else:
                models.append(ModelLine(model.name, library.path(model), tip))
        from panosod_core.training.finetune_split import read_split

        split = None
        if project is not None:
            with suppress(TrainingError):  # a damaged one: the count of what would be learnt from says so
                split = read_split(project)
        self._post(JobsSeen(project, tuple(lines), tuple(models), split))

    def _start(self, project: Path, wish: StartWish) -> None:
        from panosod_core.training.jobs.folder import JobFolder
        from panosod_core.training.jobs.request import FinetuneRequest

        _check_torch()
        request = FinetuneRequest(
            project=project, model=wish.model, preset=wish.preset, minutes=wish.minutes, device=wish.device,
            engine=wish.engine, address=wish.address,
        )  # fmt: skip
        name = f"{project.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
        path = next(
            p for p in (self._root / (name + (f"-{k}" if k else "")) for k in range(1000)) if not p.exists()
        )  # fmt: skip
        JobFolder.create(path, request)
        _control().queue(path)
        self._post(JobMade(path))
        self._advance(asked=path)

    def _promote(self, job: Path) -> None:
        from panosod_core.inference.library import ModelLibrary
        from panosod_core.training.jobs.promotion import OtherIncumbentError, promote

        library = ModelLibrary()
        asked = job, library.default_id
        try:
            record = promote(job, library, force=self._warned == asked)
        except OtherIncumbentError as error:
            self._warned = asked
            raise TrainingError(f"{error}. Promote it once more to use it all the same") from error
        self._post(ModelChanged(f"The window now uses the model {record.name}"))

    def _roll_back(self) -> None:
        from panosod_core.inference.library import ModelLibrary

        record = ModelLibrary().roll_back()
        name = "the model that comes with panosod" if record is None else f"the model {record.name}"
        self._post(ModelChanged(f"Back to {name}"))


def _control() -> Any:
    from panosod_core.training.jobs import control

    return control


def _check_torch() -> None:
    from panosod_core.training.jobs.start import check_torch

    check_torch()


def _dropped(_: object) -> None:
    """What is done is told by the folder."""


def _material(project: Path) -> Material:
    """Count what a job on a project would learn from; nothing is changed."""
    from panosod_viewer.workers.training_material import material_of

    return material_of(project)


def newest(jobs: Sequence[JobLine]) -> JobLine | None:
    """The newest job that can be looked at."""
    return next((job for job in jobs if job.state is not None), None)
