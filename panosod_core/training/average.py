"""The running mean of weights over the steps (EMA): what is checked and kept, where it is on."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class WeightAverage(Generic[ModuleT]):
    """A copy of a module whose weights follow slowly.

    Attributes:
        module: the copy, in evaluation mode; buffers (running statistics) are those of the original.
    """

    def __init__(self, module: ModuleT, *, decay: float) -> None:
        """Begin at the module's weights."""
        self.decay = decay
        self.module: ModuleT = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: ModuleT, *, step: int) -> None:
        """Follow the module after optimiser step ``step`` (1 is the first).

        Early on the mean is over fewer steps, so that the random start is soon forgotten.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        mine: list[torch.Tensor] = list(self.module.parameters())
        theirs = [p.detach() for p in module.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for own, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            own.copy_(buffer)
