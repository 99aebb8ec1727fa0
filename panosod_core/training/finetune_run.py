"""Doing one run of a finetuning job: its budget, and what a person wants of it meanwhile."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from panosod_core.training.events import Event
from panosod_core.training.finetune_data import mixed_sources
from panosod_core.training.finetune_examples import examples_of
from panosod_core.training.finetune_plan import RunPlan, job_of, mix_of
from panosod_core.training.finetune_torchrun import Processes
from panosod_core.training.jobs.folder import JobFolder, Wish
from panosod_core.training.jobs.states import JobState
from panosod_core.training.state import STATE, read_state
from panosod_core.training.video import train_video

_TAKEN = frozenset({"step", "check", "note", "skipped", "resume", "end", "diverged"})


@dataclass(frozen=True)
class RunEnd:
    """How it ended.

    Attributes:
        interrupted: by a signal that the job's owner did not send.
        best_epoch: when it was best.
    """

    interrupted: bool
    best_epoch: int


def train_plan(job: JobFolder, plan: RunPlan, *, epochs: int, budget: float) -> RunEnd:
    """Do a run, or go on with it.

    Args:
        job: whose run it is; its lock is held.
        plan: which.
        epochs: most passes.
        budget: share of the request's minutes and steps.

    Raises:
        PanosodError: it cannot go on.
    """
    asked = job_of(job, plan, epochs=epochs, budget=budget)
    spent_s = 0.0
    if asked.resume:
        spent_s = read_state(asked.out / STATE).position.seconds
    request = job.read().request
    limit_s = request.minutes * 60 * budget
    if request.engine == "torchrun":
        processes = Processes(job, plan, epochs=epochs, budget=budget)
        watch = _Watch(job, plan.name, end=processes.end, limit_s=limit_s, spent_s=spent_s)
        best_epoch = processes.watch(watch, ended_on_purpose=lambda: watch.ended_it)
        return RunEnd(False, best_epoch)
    watch = _Watch(job, plan.name, end=_end_here, limit_s=limit_s, spent_s=spent_s)
    outcome = train_video(
        asked, listeners=(watch,), sources=mixed_sources(mix_of(request)), look=examples_of(job, plan)
    )
    return RunEnd(outcome.stopped_by is not None and not watch.ended_it, outcome.best_epoch)


def _end_here() -> None:
    """As Ctrl-C does it: the loop ends after its step and saves."""
    os.kill(os.getpid(), signal.SIGTERM)


class _Watch:
    """Hears a run's events: hands them on to the job, and ends the run when a person or the budget says so."""

    def __init__(self, job: JobFolder, run: str, *, end: Callable[[], None], limit_s: float, spent_s: float) -> None:
        self._job, self._run, self._end_run = job, run, end
        self._limit_s, self._began_s = limit_s, time.monotonic() - spent_s
        self.ended_it = False

    def __call__(self, event: Event) -> None:
        if event["event"] in _TAKEN:
            self._job.pass_on({**event, "run": self._run})
        if event["event"] not in ("step", "check", "start", "resume") or self.ended_it:
            return
        if self._job.wish is Wish.STOP:
            if self._job.read().state is JobState.RUNNING:
                self._job.become(JobState.STOPPING)
            self._end()
        elif self._limit_s and time.monotonic() - self._began_s >= self._limit_s:
            self._job.tell("note", run=self._run, text="the time is up")
            self._end()

    def _end(self) -> None:
        self.ended_it = True
        self._end_run()
