"""What becomes of a finetuned model after it has learnt: how much of that stays, and how decided its maps are.

What was learnt from few windows fits these better than others of their look. So the weights go back a part of the way
to those that it began with, in a straight line: Wortsman et al., Robust fine-tuning of zero-shot models (CVPR 2022).

Whoever meets a new look begins with loud mistakes, and learns to speak softly before it learns to be right. The masks
at 0.5 recover soon; the rims stay soft for long, since the last layer's weights grow by little more than the learning
rate a step, and a threshold that follows the mean of a map (adaptive F) then counts a wide rim around a small object.
So the logits are multiplied by a number: masks at 0.5 and every ranking of pixels stay as they are. A model that shouts
is made softer by a number below 1. What a model was multiplied with before it learnt further counts: both together stay
within the numbers that there are.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.model.checkpoint import load_network, save_checkpoint
from panosod_core.model.network import PanosodNet
from panosod_core.training.check import map_scores

FACTORS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
ENOUGH = 0.002
"""The factor nearest to 1 is taken whose F is the best but for this."""
MULTIPLIED = "logits_multiplied_by"
"""In a model's provenance: all that its logits were ever multiplied with."""
BLEND = "blend"
"""In a model's provenance: how much stayed of what it learnt last."""


@dataclass(frozen=True)
class Decided:
    """What suits two models.

    Attributes:
        factor: what the logits of the one that has learnt were multiplied with.
        begun_with: what would suit those of the one that it began with, which stays as it is.
    """

    factor: float
    begun_with: float


def best_factor(logits: Tensor, masks: Tensor, *, already: float = 1.0) -> float:
    """What to multiply logits with, by adaptive F.

    Args:
        logits: (N, H, W).
        masks: (N, H, W) in 0..1.
        already: what they were multiplied with before; both together lie within :data:`FACTORS`.
    """
    allowed = [f for f in FACTORS if f == 1 or FACTORS[0] <= f * already <= FACTORS[-1]]
    factors = sorted(allowed, key=lambda factor: abs(math.log(factor)))
    found = {factor: float(map_scores(factor * logits, masks)["f"].mean()) for factor in factors}
    return next(factor for factor, f in found.items() if f >= max(found.values()) - ENOUGH)


@torch.inference_mode()
def sharpened(
    weights: Path,
    target: Path,
    windows: Iterable[Mapping[str, Any]],
    *,
    begun_with: Path,
    device: torch.device,
    blend: float = 1.0,
) -> Decided:
    """Write a model that keeps some of what it has learnt, and whose maps are as decided as is best for some windows.

    Args:
        weights: of the model that has learnt.
        target: file to write; replaced whole.
        windows: batches of what it learnt from, fresh scenes among them; those whose middle mask is unknown are left.
        begun_with: weights that it began with.
        device: where to look at them.
        blend: how far the weights lie on the way from those that it began with to those that have learnt, 0..1.

    Returns:
        What the logits were multiplied with, and what would suit those of the model that it began with.

    Raises:
        PanosodError: a file that cannot be read or written.
    """
    network, info = load_network(weights)
    before, origin = load_network(begun_with)
    _go_back(network, before, blend)
    already = multiplied(origin.provenance)
    maps, masks = _said((network, before), windows, device)
    factor, own = (best_factor(logits, masks, already=already) if len(masks) else 1.0 for logits in maps)
    for parameter in network.decoder.head.parameters():
        parameter.mul_(factor)
    made = {**info.provenance, MULTIPLIED: already * factor, BLEND: blend}
    save_checkpoint(target, network, provenance=made, metrics=info.metrics)
    return Decided(factor, own)


def multiplied(provenance: Mapping[str, Any]) -> float:
    """What a model's logits were multiplied with, as its header says; 1 where it says nothing that can be used."""
    found = provenance.get(MULTIPLIED, 1.0)
    usable = isinstance(found, int | float) and FACTORS[0] <= found <= FACTORS[-1]
    return float(found) if usable else 1.0


def _go_back(network: PanosodNet, begun_with: PanosodNet, blend: float) -> None:
    """Weights that both have go back; running statistics do not: finetuning leaves them as they were."""
    origin = dict(begun_with.named_parameters())
    for name, parameter in network.named_parameters():
        if name in origin:
            parameter.copy_(torch.lerp(origin[name], parameter, blend))


def _said(
    networks: Sequence[PanosodNet], windows: Iterable[Mapping[str, Any]], device: torch.device
) -> tuple[list[Tensor], Tensor]:
    """Logits of each network and the masks, (N, H, W) each, of the windows whose middle mask is known."""
    for network in networks:
        network.to(device).eval()
    config = networks[0].config
    logits: list[list[Tensor]] = [[torch.zeros((0, config.height_px, config.width_px))] for _ in networks]
    masks = [logits[0][0]]
    centre = config.window_centre
    for batch in windows:
        known = batch["mask_valid"][:, centre]
        if not bool(known.any()):
            continue
        sound = batch["foa"][known].to(device) if config.fuses else None
        for network, found in zip(networks, logits, strict=True):
            said = network(batch["frames"][known].to(device), sound).student.logits
            found.append(said[:, centre, 0].float().cpu())
        masks.append(batch["masks"][known][:, centre])
    for network in networks:
        network.cpu()
    return [torch.cat(found) for found in logits], torch.cat(masks)
