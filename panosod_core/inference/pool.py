"""Many clips on one machine: worker processes that take one clip after another.

Each loads the model once. A worker that dies (memory, a crash in a decoder) costs its clip one more try on a fresh
worker; a clip that kills two is given up, and the others go on.
"""

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from panosod_core.errors import PanosodError
from panosod_core.inference.clip_job import ClipJob, Event, run_clip
from panosod_core.inference.model_choice import EngineAtHand

TRIES = 2
"""Workers that one clip may cost."""


def failed(job: ClipJob, error: PanosodError | str) -> Event:
    """The event of a clip that cannot be predicted."""
    return {"event": "failed", "clip": str(job.clip), "text": str(error)}


def run_here(jobs: Sequence[ClipJob], report: Callable[[Event], None]) -> list[Event]:
    """Predict clips in this process, one after another.

    Args:
        jobs: all by one model.
        report: told of every event, ``failed`` included.

    Returns:
        ``done`` or ``failed`` of every clip, in their order.
    """
    engines: dict[object, EngineAtHand] = {}
    return [_one(job, engines.setdefault(job.model, EngineAtHand(job.model)), report) for job in jobs]


def _one(job: ClipJob, engine: EngineAtHand, report: Callable[[Event], None]) -> Event:
    try:
        return run_clip(job, engine, report)
    except PanosodError as error:
        event = failed(job, error)
        report(event)
        return event


def run_pool(jobs: Sequence[ClipJob], report: Callable[[Event], None], *, workers: int) -> list[Event]:
    """Predict clips in worker processes.

    Args:
        jobs: all by one model.
        report: told of every event, in the order in which they come in.
        workers: at most so many at once.

    Returns:
        ``done`` or ``failed`` of every clip, in their order.
    """
    pool = _Pool(jobs, report)
    try:
        return pool.run(min(workers, len(jobs)))
    finally:
        pool.stop()


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    place: int | None = None
    """Of the job that it works on."""


class _Pool:
    def __init__(self, jobs: Sequence[ClipJob], report: Callable[[Event], None]) -> None:
        self._jobs, self._report = jobs, report
        self._waiting = deque(range(len(jobs)))
        self._tries = [0] * len(jobs)
        self._ends: dict[int, Event] = {}
        self._workers: list[_Worker] = []

    def run(self, count: int) -> list[Event]:
        while len(self._ends) < len(self._jobs):
            while self._waiting and len(self._workers) < count:
                self._workers.append(_started())
            for worker in self._workers:
                if worker.place is None and self._waiting:
                    self._hand_out(worker)
            busy = [w for w in self._workers if w.place is not None]
            ready = wait([w.pipe for w in busy])
            for worker in busy:
                if worker.pipe in ready:
                    self._hear(worker)
        return [self._ends[place] for place in range(len(self._jobs))]

    def stop(self) -> None:
        """End the workers: those at rest by asking, those at work by force (what they have written is whole)."""
        for worker in self._workers:
            if worker.place is None:
                with contextlib.suppress(OSError):
                    worker.pipe.send(None)
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
            worker.process.close()
        self._workers.clear()

    def _hand_out(self, worker: _Worker) -> None:
        worker.place = self._waiting.popleft()
        self._tries[worker.place] += 1
        with contextlib.suppress(OSError):  # a worker that has died meanwhile is noticed when it is heard
            worker.pipe.send(self._jobs[worker.place])

    def _hear(self, worker: _Worker) -> None:
        place = worker.place
        if place is None:
            raise AssertionError("only workers at work are listened to")
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker, place)
            return
        self._report(event)
        if event["event"] in ("done", "failed"):
            self._ends[place] = event
            worker.place = None

    def _bury(self, worker: _Worker, place: int) -> None:
        worker.process.join()
        code = worker.process.exitcode
        worker.pipe.close()
        worker.process.close()
        self._workers.remove(worker)
        text = f"the worker process died (exit code {code}; -9 is what a system without memory does)"
        job = self._jobs[place]
        if self._tries[place] < TRIES:
            self._waiting.append(place)
            self._report({"event": "again", "clip": str(job.clip), "text": f"{text}; one more try"})
        else:
            self._ends[place] = failed(job, f"{job.clip}: {text} again; try fewer --jobs")
            self._report(self._ends[place])


def _started() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends the workers
    engine: EngineAtHand | None = None
    with contextlib.suppress(EOFError, BrokenPipeError):
        while (job := pipe.recv()) is not None:
            if engine is None or engine.choice != job.model:
                engine = EngineAtHand(job.model)
            _one(job, engine, pipe.send)
