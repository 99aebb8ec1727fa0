"""AdamW with the learning rate as a pure function of the step: nothing about it needs saving."""

import math

import torch
from torch import nn

from panosod_core.training.config import Schedule, TrainConfig

_BACKBONE = "visual.backbone."


def rate_factor(step: int, total: int, config: TrainConfig, *, spent_s: float = 0.0) -> float:
    """What the learning rate is multiplied with, in 0..1.

    Args:
        step: optimiser steps done before this one.
        total: of the whole run.
        config: schedule and warm-up.
        spent_s: seconds that the run has taken so far.
    """
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    progress = (step - config.warmup_steps) / max(total - config.warmup_steps, 1)
    if config.schedule_s:
        progress = max(progress, spent_s / config.schedule_s)
    progress = min(progress, 1.0)
    if config.schedule is Schedule.POLY:
        return float((1 - progress) ** config.poly_power)
    if config.schedule is Schedule.COSINE:
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1.0


def build_optimiser(module: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over whatever learns, in groups by rate and decay; ``group["factor"]`` is the group's share of the rate.

    Raises:
        ValueError: nothing learns.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            factor = config.backbone_lr if _BACKBONE in name else 1.0
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((factor, decay), []).append(parameter)
    if not groups:
        raise ValueError("nothing in this module learns")
    return torch.optim.AdamW(
        [{"params": some, "factor": factor, "weight_decay": decay} for (factor, decay), some in groups.items()],
        lr=config.lr,
        eps=config.adam_eps,
    )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
