"""The processes of a run: one, or several that torchrun started (gloo on processors, nccl on GPUs)."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from panosod_core.errors import ConfigError, TrainingError

T = TypeVar("T")
_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class World:
    """One process among ``size``; ``rank`` 0 writes the files."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """True in the process that writes."""
        return self.rank == 0

    def parallel(self, module: nn.Module, *, unused: bool = False) -> nn.Module:
        """The module with gradients averaged over the processes; itself where there is one.

        Args:
            module: on this process's device.
            unused: some steps leave some weights out.
        """
        if self.size == 1:
            return module
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=unused)

    def quiet(self, module: nn.Module) -> AbstractContextManager[object]:
        """Where gradients pile up without being averaged yet."""
        if isinstance(module, DistributedDataParallel):
            silent: AbstractContextManager[object] = module.no_sync()
            return silent
        return nullcontext()

    def total(self, values: Tensor) -> Tensor:
        """Sums over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def gathered(self, value: T) -> list[T]:
        """What every process says, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined(device: str = "auto") -> Iterator[World]:
    """This process as part of its run, for as long as the block lasts.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        ConfigError: a device that is not there, or half of torchrun's variables.
        TrainingError: the other processes cannot be met.
    """
    rank, size, local = (
        _number(name, default) for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    if not 0 <= rank < size:
        raise ConfigError(f"expected torchrun's RANK below WORLD_SIZE, got {rank} of {size}")
    here = _device(device, local)
    if size == 1:
        yield World(0, 1, here)
        return
    if here.type == "cuda":
        torch.cuda.set_device(here)
    try:
        dist.init_process_group("nccl" if here.type == "cuda" else "gloo", timeout=_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"process {rank} of {size} cannot meet the others ({_first_line(error)})") from error
    try:
        yield World(rank, size, here)
    finally:
        dist.destroy_process_group()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise ConfigError(f"expected a whole number in the variable {name}, got {text!r}")
    return int(text)


def _device(name: str, local: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"expected a device such as cpu, cuda or cuda:1, got {name!r}") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"expected a device such as cpu, cuda or cuda:1, got {name!r}")
    if device.type == "cuda":
        index = local if device.index is None else device.index
        if index >= torch.cuda.device_count():
            raise ConfigError(f"expected GPU {index}, this machine has {torch.cuda.device_count()}; try --device cpu")
        return torch.device("cuda", index)
    return device
