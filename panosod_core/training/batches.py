"""Which samples make up which step: a pure function of seed, epoch, step and process, so that a run can go on anywhere.

The batches that all processes see at a step are together a stretch of one order of the epoch, whatever their number:
two processes with batch 1 learn what one learns with batch 2.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from panosod_core.errors import DatasetError, PanosodError, TrainingError
from panosod_core.training.config import TrainConfig
from panosod_core.training.world import World

BatchT = TypeVar("BatchT", bound=Mapping[str, Any])


class Samples(Protocol):
    """A data set that can be drawn afresh every epoch; it may also read many at once (``__getitems__``)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations from now on."""


@dataclass(frozen=True)
class Source(Generic[BatchT]):
    """Samples, and how to make a batch of them.

    Attributes:
        samples: the data set.
        stack: makes a batch, a mapping with tensors and ``names`` or ``meta``.
        on_device: its tensors are made on the device already.
    """

    samples: Samples
    stack: Callable[[Sequence[Any]], BatchT]
    on_device: bool = False


@dataclass(frozen=True)
class Drawn(Generic[BatchT]):
    """A batch, and what it was made of.

    Attributes:
        batch: stacked.
        indices: of its samples in the data set; for replaced ones those that took their place.
        damaged: what could not be read, one text each.
    """

    batch: BatchT
    indices: tuple[int, ...]
    damaged: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of its samples, for people."""
        if "names" in self.batch:
            return [str(name) for name in self.batch["names"]]
        return [f"{meta.clip} frame {meta.numbers[meta.target]}" for meta in self.batch["meta"]]


@dataclass(frozen=True)
class EpochOrder:
    """The order of an epoch, cut into steps of batches of this process.

    Attributes:
        count: samples of the data set.
        config: batch, accumulation, seed.
        rank, size: this process among all.
    """

    count: int
    config: TrainConfig
    rank: int = 0
    size: int = 1

    @property
    def step_samples(self) -> int:
        """Samples of an optimiser step, over all batches and processes."""
        return self.config.batch * self.config.accumulate * self.size

    @property
    def steps(self) -> int:
        """Optimiser steps of an epoch: what is left over waits for another epoch's order, but never nothing."""
        return max(self.count // self.step_samples, 1)

    def batches(self, epoch: int, *, first_step: int = 0) -> list[list[int]]:
        """Indices of each batch of this process, ``accumulate`` of them for a step.

        Args:
            epoch: from 0.
            first_step: steps of the epoch that are done already.
        """
        order = np.random.default_rng([self.config.seed, epoch]).permutation(self.count)
        # A data set smaller than a step is gone through again.
        order = np.resize(order, self.steps * self.step_samples)
        cut = order.reshape(self.steps, self.config.accumulate, self.size, self.config.batch)
        mine = cut[first_step:, :, self.rank]
        return [[int(i) for i in batch] for batch in mine.reshape(-1, self.config.batch)]


@dataclass(frozen=True)
class _Item:
    """One or several samples that were read together, or None where nothing of the data set can be read."""

    sample: Any
    indices: tuple[int, ...]
    damaged: str = ""


class _Forgiving(Dataset[_Item]):
    """Samples of which damaged ones are replaced by the next that can be read, and say so."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> _Item:
        damaged = ""
        for i in range(len(self._samples)):
            place = (index + i) % len(self._samples)
            try:
                return _Item(self._samples[place], (place,), damaged)
            except PanosodError as error:
                damaged = damaged or str(error)
        return _Item(None, (index,), damaged)

    def __getitems__(self, indices: list[int]) -> list[_Item]:
        together = getattr(self._samples, "__getitems__", None)
        if together is not None:
            try:
                read = together(indices)
            except PanosodError:
                return [self[index] for index in indices]
            return [_Item(sample, tuple(indices) if k == 0 else ()) for k, sample in enumerate(read)]
        return [self[index] for index in indices]


def _stacked(items: Sequence[_Item], *, stack: Callable[[Sequence[Any]], BatchT]) -> Drawn[BatchT] | str:
    """The batch, or what is wrong where nothing can be read."""
    damaged = tuple(item.damaged for item in items if item.damaged)
    if any(item.sample is None for item in items):
        return damaged[0]
    indices = tuple(index for item in items for index in item.indices)
    return Drawn(stack([item.sample for item in items]), indices, damaged)


def _quiet_worker(_number: int) -> None:
    # Ctrl-C and a service's stop go to the whole group; the loop ends its workers itself, after it has saved.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)


def draw(
    source: Source[BatchT], batches: Sequence[list[int]], *, world: World, workers: int
) -> Iterator[Drawn[BatchT]]:
    """Read batches.

    Args:
        source: of the samples.
        batches: indices of each.
        world: this process.
        workers: reading processes; 0: read here.

    Raises:
        DatasetError: nothing of the data set can be read.
        TrainingError: a reading process died.
    """
    loader: DataLoader[Any] = DataLoader(
        _Forgiving(source.samples),
        batch_sampler=batches,
        collate_fn=partial(_stacked, stack=source.stack),
        num_workers=workers,
        pin_memory=world.device.type == "cuda" and not source.on_device,
        worker_init_fn=_quiet_worker if workers else None,
    )
    read = iter(loader)
    while True:
        try:
            drawn: Drawn[BatchT] | str | None = next(read, None)
        except (RuntimeError, EOFError, ConnectionError) as error:
            said = str(error)
            # Of a reader that is killed the connections end first: for a moment it hangs up and counts as living.
            hangs_up = bool(workers) and not isinstance(error, RuntimeError)
            if said.startswith("Caught ") or not (hangs_up or "DataLoader worker" in said):
                raise  # a mistake in a data set
            why = said.splitlines()[0] if said else "it hung up"
            raise TrainingError(
                "a process that reads data was killed (out of memory, or by hand); the last saved state is whole: "
                f"continue with --resume, and fewer --workers where memory is short ({why})"
            ) from error
        if drawn is None:
            return
        if isinstance(drawn, str):
            raise DatasetError(f"none of {len(source.samples)} samples can be read: {drawn}")
        yield drawn


def on_device(batch: BatchT, device: torch.device) -> dict[str, Any]:
    """The batch with its tensors on a device."""
    return {k: v.to(device, non_blocking=True) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
