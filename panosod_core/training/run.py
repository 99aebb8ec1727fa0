"""One run of training: its folder, where it is, and the things around every step that the three loops share."""

import json
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from panosod_core.errors import TrainingError
from panosod_core.model.weights import write_beside
from panosod_core.training.average import WeightAverage
from panosod_core.training.batches import Drawn, EpochOrder, Source, draw, on_device
from panosod_core.training.config import Precision, TrainConfig
from panosod_core.training.events import EventLog
from panosod_core.training.folder import BEST, LAST, RunFolder
from panosod_core.training.optimiser import build_optimiser, rate_factor, set_rate
from panosod_core.training.state import STATE, Position, RunState, load_state, save_state
from panosod_core.training.world import World

BatchT = TypeVar("BatchT", bound=Mapping[str, Any])
LearnerT = TypeVar("LearnerT", bound=nn.Module)
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
_SAME_PRESS_S = 2.0
"""torchrun hands Ctrl-C on to processes that the terminal has told already: signals so close together are one."""
_FEW_DAMAGED = 10
"""So many unreadable samples are let pass whatever their share."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        done: by itself; else it can go on.
        stopped_by: number of the signal that stopped it, or None.
        steps, epochs: done.
        best: value of the best check; None without one.
        best_epoch: after how many epochs that was.
    """

    done: bool
    stopped_by: int | None
    steps: int
    epochs: int
    best: float | None
    best_epoch: int


@dataclass
class Step(Generic[BatchT]):
    """One optimiser step, while it is taken.

    Attributes:
        number: steps done before it.
        drawn: the batches whose gradients it adds up.
        sums: numbers that are told, summed over its batches.
    """

    number: int
    drawn: Sequence[Drawn[BatchT]]
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, **values: Tensor) -> None:
        """Take in the numbers of one batch."""
        for name, value in values.items():
            share = value.detach().float() / len(self.drawn)
            self.sums[name] = self.sums[name] + share if name in self.sums else share


class Run(Generic[LearnerT]):
    """What the loops of all stages share; each method is one line of them.

    Chance: before every step torch's generator is seeded from seed, step and process, so a run that goes on throws
    the dice that the uninterrupted one would have.

    Attributes:
        position: how far it is.
        average: the running mean of weights, or None.
    """

    def __init__(
        self,
        learner: LearnerT,
        config: TrainConfig,
        folder: RunFolder,
        *,
        world: World,
        events: EventLog,
        notes: Sequence[str] = (),
    ) -> None:
        """Begin, or go on where the folder's state says.

        Args:
            learner: network and loss, on the device: all that has weights.
            config: how it learns.
            folder: where files go; prepared.
            world: this process.
            events: where it tells.
            notes: what a person should know of the data.

        Raises:
            PanosodError: the state cannot be used, or belongs to a run with other settings.
        """
        self.learner, self.config, self.folder, self.world, self.events = learner, config, folder, world, events
        self.optimiser = build_optimiser(learner, config)
        self.average = WeightAverage(learner, decay=config.ema) if config.ema else None
        self.position = Position()
        self.stopped_by: int | None = None
        self._signal, self._signal_at = 0, 0.0
        self._total = 0
        self._since = time.monotonic()
        self._pace = _Pace()
        for note in notes:
            events.tell("note", text=note)
        if folder.resume:
            mean = None if self.average is None else self.average.module
            state = load_state(folder.path / STATE, module=learner, optimiser=self.optimiser, average=mean)
            folder.compare(state.settings)
            self.position = state.position
        self._spent_s = self.position.seconds

    @property
    def judged(self) -> LearnerT:
        """What is checked and kept: the running mean where there is one."""
        return self.learner if self.average is None else self.average.module

    @contextmanager
    def going(self) -> Iterator[None]:
        """Tell the beginning and the end; in between Ctrl-C and SIGTERM stop after the step, a second one at once.

        Raises:
            TrainingError: there is not enough memory.
        """
        where = self.position
        processes, device = self.world.size, str(self.world.device)
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        listens = threading.current_thread() is threading.main_thread()
        self._since = time.monotonic()
        try:
            if listens:  # before anything is told: whoever hears of the start may end it
                for number in before:
                    signal.signal(number, self._stop)
            self.events.tell("resume" if self.folder.resume else "start", step=where.step, epoch=where.epoch,
                             processes=processes, device=device, settings=self.folder.settings)  # fmt: skip
            yield
            how = "interrupted" if self.stopped_by else "done"
            self.events.tell("end", how=how, step=where.step, epoch=where.epoch, best=where.best,
                             best_epoch=where.best_epoch, damaged=where.damaged, seconds=where.seconds)  # fmt: skip
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and not any(w in str(error).lower() for w in _OUT_OF_MEMORY):
                raise
            raise TrainingError(
                f"out of memory at step {where.step + 1}; the last saved state is whole. Take a smaller --batch and "
                f"more --accumulate (batch {self.config.batch} now), a smaller picture, or --precision bf16"
            ) from error
        finally:
            if listens:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signal and now - self._signal_at > _SAME_PRESS_S:
            raise KeyboardInterrupt
        if not self._signal:
            self._signal, self._signal_at = number, now

    def taken(self, drawn: Drawn[Any]) -> dict[str, Any]:
        """A batch where the network is."""
        return on_device(drawn.batch, self.world.device)

    def precision(self) -> AbstractContextManager[object]:
        """Arithmetic of the forward pass."""
        return torch.autocast(
            self.world.device.type, dtype=torch.bfloat16, enabled=self.config.precision is Precision.BF16
        )

    @contextmanager
    def averaging(self, parallel: nn.Module, *, last: bool) -> Iterator[None]:
        """Where one batch of a step goes forward and back; processes average gradients at the last batch only."""
        with nullcontext() if last else self.world.quiet(parallel):
            yield

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        where = self.position
        return Outcome(where.done, self.stopped_by, where.step, where.epoch, where.best, where.best_epoch)

    def epochs(self) -> Iterator[int]:
        """Epochs that are still to be done."""
        while not self.ended:
            yield self.position.epoch

    @property
    def ended(self) -> bool:
        """True where nothing is left to do, or somebody wants it to stop."""
        where, config = self.position, self.config
        out = where.epoch >= config.epochs or bool(config.max_steps and where.step >= config.max_steps)
        tired = bool(config.patience and where.since_best >= config.patience)
        return self.stopped_by is not None or out or tired

    def steps(self, source: Source[BatchT]) -> Iterator[Step[BatchT]]:
        """The steps of this epoch that are still to be done; ends early where the run does.

        Raises:
            PanosodError: data that cannot be read.
        """
        where, config = self.position, self.config
        order = EpochOrder(len(source.samples), config, self.world.rank, self.world.size)
        self._total = config.epochs * order.steps
        if config.max_steps:
            self._total = min(self._total, config.max_steps)
        source.samples.set_epoch(where.epoch)
        batches = order.batches(where.epoch, first_step=where.in_epoch)
        read = draw(source, batches, world=self.world, workers=config.workers)
        self._pace.start()
        for _ in range(len(batches) // config.accumulate):
            drawn = [next(read) for _ in range(config.accumulate)]
            self._count_damaged(drawn)
            torch.manual_seed(_mixed(config.seed, where.step, self.world.rank))
            self.optimiser.zero_grad(set_to_none=True)
            yield Step(where.step, drawn)
            if self.ended:
                return
        where.epoch, where.in_epoch = where.epoch + 1, 0

    def update(self, step: Step[Any]) -> None:
        """Use the gradients of a step: check, clip, move, follow, tell.

        Raises:
            TrainingError: the loss or the gradient is not finite; the batch is saved and named.
        """
        where, config = self.position, self.config
        limit = config.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.learner.parameters(), limit)
        stop = torch.tensor(float(self._signal), device=self.world.device)
        names = list(step.sums)
        numbers = torch.stack([*(step.sums[n] for n in names), norm.float()])
        finite = bool(torch.isfinite(numbers).all())
        if not finite:
            raise self._diverged(step, dict(zip([*names, "gradient norm"], numbers.tolist(), strict=True)))
        rate = config.lr * rate_factor(where.step, self._total, config, spent_s=self._spent_s)
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        where.step, where.in_epoch = where.step + 1, where.in_epoch + 1
        if self.average is not None:
            self.average.update(self.learner, step=where.step)
        spent_s = where.seconds + time.monotonic() - self._since
        clock = torch.tensor(spent_s if self.world.is_first else 0.0, device=self.world.device)
        shared = self.world.total(torch.stack([*(step.sums[n] for n in names), clock, stop]))
        self._spent_s = float(shared[-2])  # one clock for all, or their weights would part
        if shared[-1] > 0:  # all processes stop at the same step, whichever of them was told to
            self.stopped_by = self._signal or signal.SIGINT
        self._pace.step()
        if where.step % config.log_every == 0 or self.ended:
            means = (shared[:-2] / self.world.size).tolist()
            told = dict(zip(names, means, strict=True)) | {"norm": float(norm), "rate": rate}
            pace = self._pace.steps_per_s
            eta_s = (self._total - where.step) / pace if pace else None
            samples_per_s = pace * config.batch * config.accumulate * self.world.size if pace else None
            self.events.tell(
                "step", step=where.step, of=self._total, epoch=where.epoch, **told,
                samples_per_s=samples_per_s, eta_s=eta_s,
            )  # fmt: skip
        if config.save_every and where.step % config.save_every == 0 and not self.ended:
            self.save()

    def conclude(
        self, check: Callable[[], Mapping[str, float]], keep: Callable[[Path, Mapping[str, float]], None]
    ) -> None:
        """After an epoch: check where it is due, keep the last and the best model, save.

        Args:
            check: numbers of the check, the same in every process; called in all of them.
            keep: writes a model file with its numbers; called in the first process.
        """
        where, config = self.position, self.config
        if self.stopped_by is None and (where.epoch % config.check_every == 0 or self.ended):
            scores = dict(check())
            value = scores[config.best_by.value]
            lower = config.best_by.lower_wins
            better = where.best is None or (value < where.best if lower else value > where.best)
            where.since_best = 0 if better else where.since_best + 1
            if better:
                where.best, where.best_epoch = value, where.epoch
            self.events.tell("check", step=where.step, epoch=where.epoch, best=better, **scores)
            if self.world.is_first:
                keep(self.folder.path / LAST, scores)
                if better:
                    keep(self.folder.path / BEST, scores)
        where.done = self.ended and self.stopped_by is None
        self.save()

    def save(self) -> None:
        """Write the state, in the first process; the others wait."""
        now = time.monotonic()
        self.position.seconds += now - self._since
        self._since = now
        if self.world.is_first:
            mean = None if self.average is None else self.average.module
            state = RunState(self.position, self.folder.settings)
            path = self.folder.path / STATE
            save_state(path, state, module=self.learner, optimiser=self.optimiser, average=mean)
            self.events.tell("saved", step=self.position.step, path=str(path))
        self.world.wait()

    def _count_damaged(self, drawn: Sequence[Drawn[Any]]) -> None:
        where = self.position
        where.drawn += sum(len(d.indices) for d in drawn)
        for text in (t for d in drawn for t in d.damaged):
            where.damaged += 1
            self.events.tell("skipped", step=where.step + 1, count=where.damaged, reason=text)
            if where.damaged > _FEW_DAMAGED and where.damaged > self.config.most_damaged * where.drawn:
                raise TrainingError(
                    f"{where.damaged} of {where.drawn} samples could not be read, more than the share of "
                    f"{self.config.most_damaged:g} that is let pass; run `panosod data check`. The last one: {text}"
                )

    def _diverged(self, step: Step[Any], numbers: Mapping[str, float]) -> TrainingError:
        path = self.folder.path / f"failed-batch-{self.world.rank}.safetensors"
        tensors = {
            f"{i}.{name}": value.detach().cpu().contiguous()
            for i, drawn in enumerate(step.drawn)
            for name, value in drawn.batch.items()
            if isinstance(value, Tensor)
        }
        indices = [list(drawn.indices) for drawn in step.drawn]
        header = {"step": str(step.number + 1), "indices": json.dumps(indices), "numbers": json.dumps(_words(numbers))}
        write_beside(path, [save(tensors, header)])
        wrong = ", ".join(f"{name} {value}" for name, value in numbers.items() if not math.isfinite(value))
        names = [name for drawn in step.drawn for name in drawn.names]
        self.events.tell("diverged", step=step.number + 1, indices=indices, names=names, batch=str(path))
        return TrainingError(
            f"step {step.number + 1}: {wrong}; weights untouched, the last saved state is whole. "
            f"The batch ({'; '.join(names)}) is in {path}; try a lower --lr, --clip, or --precision fp32"
        )


class _Pace:
    """Steps a second over the last of them."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=50)

    def start(self) -> None:
        """Data is about to be read: what was before does not count."""
        self._times.clear()
        self._times.append(time.monotonic())

    def step(self) -> None:
        """One more."""
        self._times.append(time.monotonic())

    @property
    def steps_per_s(self) -> float:
        """0 where nothing is known yet."""
        spent = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / spent if spent > 0 else 0.0


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _words(numbers: Mapping[str, float]) -> dict[str, str]:
    return {name: str(value) for name, value in numbers.items()}
