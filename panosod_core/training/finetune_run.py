"""Doing one run of a finetuning job: where, its budget, and what a person wants of it meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from panosod_core.training.events import Event
from panosod_core.training.finetune_data import mixed_sources
from panosod_core.training.finetune_examples import examples_of
from panosod_core.training.finetune_plan import RunPlan, job_of, mix_of
from panosod_core.training.finetune_ray import ClusterRun
from panosod_core.training.finetune_torchrun import Processes
from panosod_core.training.finetune_watch import Watch, end_this_process
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.state import STATE, read_state
from panosod_core.training.video import train_video

_SHARPEN_BY = 32
"""Windows."""
_PASS_TO_SHARPEN_BY = 1_000_000
"""No run may have as many."""


@dataclass(frozen=True)
class RunEnd:
    """How it ended.

    Attributes:
        interrupted: by a signal that the job's owner did not send.
        best_epoch: when it was best.
        had_enough: it ended by itself, after so many checks without a better one. Else nothing says that it would not
            have become better.
    """

    interrupted: bool
    best_epoch: int
    had_enough: bool


class Engine(Protocol):
    """A run that somebody else does: what it leaves in the run's folder here is what this process would."""

    def end(self) -> None:
        """It ends after its step and saves."""

    def watch(self, hear: Callable[[Event], None], *, ended_on_purpose: Callable[[], bool]) -> int:
        """Hand on what it tells until it has ended; after how many passes it was best."""


def engine_of(job: JobFolder, plan: RunPlan, *, epochs: int, budget: float) -> Engine | None:
    """Who does a run; None: this process.

    Raises:
        TrainingError: it cannot be had.
    """
    name = job.read().request.engine
    if name == "torchrun":
        return Processes(job, plan, epochs=epochs, budget=budget)
    return ClusterRun(job, plan, epochs=epochs, budget=budget) if name == "ray" else None


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
    spent_s = read_state(asked.out / STATE).position.seconds if asked.resume else 0.0
    request = job.read().request
    # A run on a cluster looks at its own clock: it may wait for its turn there.
    limit_s = 0.0 if request.engine == "ray" else request.minutes * 60 * budget
    engine = engine_of(job, plan, epochs=epochs, budget=budget)
    end = end_this_process if engine is None else engine.end
    watch = Watch(job, plan.name, end=end, limit_s=limit_s, spent_s=spent_s)
    interrupted = False
    if engine is not None:
        best_epoch = engine.watch(watch, ended_on_purpose=lambda: watch.ended_it)
    else:
        outcome = train_video(
            asked, listeners=(watch,), sources=mixed_sources(mix_of(request)), look=examples_of(job, plan)
        )
        interrupted, best_epoch = outcome.stopped_by is not None and not watch.ended_it, outcome.best_epoch
    state = asked.out / STATE
    in_vain = read_state(state).position.since_best if state.is_file() else 0
    return RunEnd(interrupted, best_epoch, had_enough=0 < request.patience <= in_vain)


def windows_to_sharpen_by(job: JobFolder, plan: RunPlan) -> Iterator[Mapping[str, Any]]:
    """Windows as a run learns from them, in a pass that it never comes to: the scenes among them are new to it."""
    asked = job_of(job, plan, epochs=1, budget=1.0)
    mix = mix_of(job.read().request)
    found = mixed_sources(mix)(asked.data, asked.model, asked.train, torch.device("cpu"))
    samples = found.train.samples
    samples.set_epoch(_PASS_TO_SHARPEN_BY)
    return (samples[index] for index in range(min(len(samples), _SHARPEN_BY)))
