"""The check after an epoch: numbers of unseen samples, the same in every process."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panosod_core.metrics.measure import measure, to_levels
from panosod_core.model.acoustic import Detections
from panosod_core.training.batches import Source, draw
from panosod_core.training.run import Run

NEAR = 1.0
"""Distance within which a detection is right, in the unit of positions: 2 m in L3DAS, 60 degrees of unit vectors."""
Judge = Callable[[dict[str, Any]], Mapping[str, Tensor]]
"""A batch to numbers of each of its samples, (B,) each."""


@torch.inference_mode()
def checked(source: Source[Any], judge: Judge, *, run: Run[Any]) -> dict[str, float]:
    """Means over all samples, shared out among the processes.

    Args:
        source: of the samples.
        judge: numbers of the samples of a batch; NaN where a number means nothing for a sample.
        run: whose size of batches, readers and processes.

    Returns:
        Mean of each number over the samples that have it; NaN where none has.
    """
    config, world = run.config, run.world
    mine = list(range(world.rank, len(source.samples), world.size))
    batches = [mine[k : k + config.batch] for k in range(0, len(mine), config.batch)]
    sums: dict[str, tuple[float, int]] = {}
    for drawn in draw(source, batches, world=world, workers=config.workers):
        for name, values in judge(run.taken(drawn)).items():
            known = values.double()[~values.isnan()]
            total, count = sums.get(name, (0.0, 0))
            sums[name] = (total + float(known.sum()), count + len(known))
    parts = world.gathered(sums)
    names = dict.fromkeys(name for part in parts for name in part)
    means = {}
    for name in names:
        total = sum(part[name][0] for part in parts if name in part)
        count = sum(part[name][1] for part in parts if name in part)
        means[name] = total / count if count else float("nan")
    return means


def map_scores(logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Adaptive F, S, adaptive E and MAE of maps.

    Args:
        logits: (B, H, W).
        masks: (B, H, W) in 0..1.

    Returns:
        (B,) each.
    """
    levels = to_levels(logits.float().sigmoid().cpu().numpy())
    truths: NDArray[np.bool_] = masks.cpu().numpy() > 0.5
    scores = measure(levels, truths)
    return {name: torch.from_numpy(np.asarray(getattr(scores, name))) for name in ("f", "s", "e", "mae")}


def detection_scores(said: Detections, active: Tensor, position: Tensor) -> dict[str, Tensor]:
    """What the acoustic encoder makes of sounds.

    A detection is a slot that is more likely active than not. It is right where an event of its class sounds closer
    than ``NEAR`` to it, each event being met once (the location-sensitive detection of L3DAS, by 100 ms).

    Args:
        said: of the detector.
        active: (B, L, classes, overlaps), 1 where an event sounds.
        position: (B, L, classes, overlaps, 3).

    Returns:
        (B,) each: ``f`` location-sensitive F1; ``f_class`` the same without regard to place; ``error_deg`` mean angle
        between said and true directions of the slots in which an event sounds. NaN where there is nothing to judge.
    """
    shape = active.shape
    detected = said.classes.view(shape) > 0
    sounds = active > 0.5
    told = said.directions.float().view(*shape, 3)
    gaps = torch.linalg.vector_norm(told.unsqueeze(4) - position.unsqueeze(3), dim=-1)
    pairs = detected.unsqueeze(4) & sounds.unsqueeze(3) & (gaps < NEAR)
    slots = range(shape[3])
    met = torch.stack([_met(pairs, order) for order in itertools.permutations(slots)]).amax(0)
    named = torch.minimum(detected.sum(3), sounds.sum(3))
    count = (detected.sum(3) + sounds.sum(3)).sum((1, 2)).double()
    nothing = torch.full_like(count, torch.nan)
    cosine = torch.nn.functional.cosine_similarity(told, position, dim=-1).clamp(-1, 1)
    angles = torch.where(sounds, torch.rad2deg(torch.acos(cosine)), 0.0).sum((1, 2, 3)).double()
    heard = sounds.sum((1, 2, 3)).double()
    return {
        "f": torch.where(count > 0, 2 * met.sum((1, 2)).double() / count.clamp(min=1), nothing),
        "f_class": torch.where(count > 0, 2 * named.sum((1, 2)).double() / count.clamp(min=1), nothing),
        "error_deg": torch.where(heard > 0, angles / heard.clamp(min=1), nothing),
    }


def _met(pairs: Tensor, order: tuple[int, ...]) -> Tensor:
    """How many of (..., O, O) pairs hold where slot i goes with event ``order[i]``: (...)."""
    return torch.stack([pairs[..., slot, event] for slot, event in enumerate(order)]).sum(0)
