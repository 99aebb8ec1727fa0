"""How decided a finetuned model's maps are: set once, after it has learnt.

Whoever meets a new look begins with loud mistakes, and learns to speak softly before it learns to be right. The masks
at 0.5 recover soon; the rims stay soft for long, since the last layer's weights grow by little more than the learning
rate a step, and a threshold that follows the mean of a map (adaptive F) then counts a wide rim around a small object.
So the logits are multiplied by a number: masks at 0.5 and every ranking of pixels stay as they are.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.model.checkpoint import load_network, save_checkpoint
from panosod_core.training.check import map_scores

FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
ENOUGH = 0.002
"""The least factor is taken whose F is the best but for this."""


def best_factor(logits: Tensor, masks: Tensor) -> float:
    """What to multiply logits with, by adaptive F.

    Args:
        logits: (N, H, W).
        masks: (N, H, W) in 0..1.
    """
    found = {factor: float(map_scores(factor * logits, masks)["f"].mean()) for factor in FACTORS}
    return next(factor for factor, f in found.items() if f >= max(found.values()) - ENOUGH)


@torch.inference_mode()
def sharpened(weights: Path, target: Path, windows: Iterable[Mapping[str, Any]], *, device: torch.device) -> float:
    """Write a model whose maps are as decided as is best for some windows.

    Args:
        weights: of the model that has learnt.
        target: file to write; replaced whole.
        windows: batches of what it learnt from, fresh scenes among them; those whose middle mask is unknown are left.
        device: where to look at them.

    Returns:
        What the logits were multiplied with.

    Raises:
        PanosodError: a file that cannot be read or written.
    """
    network, info = load_network(weights)
    network.to(device).eval()
    centre = network.config.window_centre
    logits, masks = [], []
    for batch in windows:
        known = batch["mask_valid"][:, centre]
        if not bool(known.any()):
            continue
        sound = batch["foa"][known].to(device) if network.config.fuses else None
        said = network(batch["frames"][known].to(device), sound).student.logits
        logits.append(said[:, centre, 0].float().cpu())
        masks.append(batch["masks"][known][:, centre])
    factor = best_factor(torch.cat(logits), torch.cat(masks)) if logits else 1.0
    network.cpu()
    for parameter in network.decoder.head.parameters():
        parameter.mul_(factor)
    made = {**info.provenance, "logits_multiplied_by": factor}
    save_checkpoint(target, network, provenance=made, metrics=info.metrics)
    return factor
