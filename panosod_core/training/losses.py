"""What the three stages learn from: the paper's Eq. 5 to 7, with the options that the ablations and our presets use."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.model.acoustic import Detections
from panosod_core.model.network import NetworkOutput


@dataclass(frozen=True)
class LossConfig:
    """Weights and options of the video stage. The defaults are the paper, taken literally.

    Attributes:
        dice: lambda_dice.
        distill: lambda_distill (Table 4); 0 also leaves the teacher's own loss out, as "no teacher branch".
        stop_teacher: the distillation pulls the student only; else both ways.
        distill_normalise: each channel of both features is brought to zero mean and unit variance first (as LGD does).
        distill_adapter: a 1 x 1 convolution on the student's feature first (as LGD does).
        distill_apart: the distillation teaches the student's fusion alone and stops there (hand it to the network's
            ``forward`` as ``apart``). Else it reaches the encoders, as the paper's words have it, and these can please
            it by drowning the mask in features so large that the teacher knows no more than its student.
        distill_warmup_steps: steps before the distillation sets in.
        location: weight of a cross-entropy between the location map and the mask on its grid; 0 in the paper.
        spherical: pixels count by their solid angle.
    """

    dice: float = 1.0
    distill: float = 5.0
    stop_teacher: bool = True
    distill_normalise: bool = False
    distill_adapter: bool = False
    distill_apart: bool = False
    distill_warmup_steps: int = 0
    location: float = 0.0
    spherical: bool = False

    def __post_init__(self) -> None:
        """Check the weights.

        Raises:
            ConfigError: a negative one.
        """
        for name in ("dice", "distill", "distill_warmup_steps", "location"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"loss config: {name} must not be negative, got {getattr(self, name)!r}")


class LossParts(NamedTuple):
    """Scalars: the sum that is minimised, and its parts with their weights in."""

    total: Tensor
    student: Tensor
    teacher: Tensor
    distill: Tensor
    location: Tensor


def structure_loss(
    logits: Tensor, masks: Tensor, *, dice: float = 1.0, valid: Tensor | None = None, spherical: bool = False
) -> Tensor:
    """Eq. 6: binary cross-entropy and Dice of every frame.

    Args:
        logits: (B, T, 1, H, W).
        masks: the same shape, in 0..1.
        dice: lambda_dice.
        valid: (B, T) bool; frames without a mask do not count.
        spherical: pixels count by their solid angle.

    Returns:
        Scalar: means over pixels, summed over the frames of a window, mean over the batch. Dice is ``1 - (2 pg + 1) /
        (p + g + 1)`` of sums over a frame.
    """
    with torch.autocast(logits.device.type, enabled=False):
        x, target = logits.float(), _known(masks, valid)
        weight = torch.ones(x.shape[-2], 1, device=x.device)
        if spherical:
            angles = torch.from_numpy(pixel_solid_angles(x.shape[-1], x.shape[-2])).to(x)
            weight = (angles / angles.mean())[:, None]
        entropy = (F.binary_cross_entropy_with_logits(x, target, reduction="none") * weight).mean((-3, -2, -1))
        loss = entropy + dice * _dice(x.sigmoid() * weight, target, target * weight)
        return _over_frames(loss, valid)


def _dice(weighted: Tensor, target: Tensor, weighted_target: Tensor) -> Tensor:
    overlap = (weighted * target).sum((-3, -2, -1))
    sizes = weighted.sum((-3, -2, -1)) + weighted_target.sum((-3, -2, -1))
    return 1 - (2 * overlap + 1) / (sizes + 1)


def _known(masks: Tensor, valid: Tensor | None) -> Tensor:
    """Masks with whatever stands in for the unknown ones blanked: 0 times a NaN would still be one."""
    masks = masks.float()
    if valid is None:
        return masks
    return torch.where(valid.to(masks.device)[:, :, None, None, None], masks, torch.zeros_like(masks))


def _over_frames(values: Tensor, valid: Tensor | None) -> Tensor:
    """(B, T) to a scalar: sum over frames, mean over the batch."""
    if valid is not None:
        values = torch.where(valid.to(values.device), values, torch.zeros_like(values))
    return values.sum(1).mean()


def location_loss(location: Tensor, masks: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """Cross-entropy between the location map and the masks on its grid: an option beyond the paper.

    Args:
        location: (B, T, 1, h, w), phi(F_loc).
        masks: (B, T, 1, H, W) in 0..1.
        valid: (B, T) bool.

    Returns:
        Scalar, reduced as :func:`structure_loss`.
    """
    with torch.autocast(location.device.type, enabled=False):
        coarse = F.interpolate(_known(masks, valid).flatten(0, 1), location.shape[-2:], mode="area")
        target = torch.unflatten(coarse, 0, masks.shape[:2])
        entropy = F.binary_cross_entropy_with_logits(location.float(), target, reduction="none")
        return _over_frames(entropy.mean((-3, -2, -1)), valid)


class VideoLoss(nn.Module):
    """Eq. 5: student and teacher learn the mask, the student learns from the teacher.

    A module because the optional adapter has weights; hand them to the optimiser too.
    """

    def __init__(self, config: LossConfig, *, channels: int) -> None:
        """Args: weights and options, and the width C of the fused features."""
        super().__init__()
        self.config = config
        self.adapter = nn.Conv2d(channels, channels, 1) if config.distill_adapter else None

    def forward(self, output: NetworkOutput, masks: Tensor, *, valid: Tensor | None = None, step: int = 0) -> LossParts:
        """The loss of a batch.

        Args:
            output: of the network, with the teacher's where there is one.
            masks: (B, T, 1, H, W) in 0..1.
            valid: (B, T) bool; frames without a mask do not count.
            step: of the optimiser, for the warm-up.

        Returns:
            The sum and its parts.
        """
        config = self.config
        student = structure_loss(
            output.student.logits, masks, dice=config.dice, valid=valid, spherical=config.spherical
        )
        nothing = torch.zeros_like(student)
        location = teacher = distill = nothing
        if config.location and output.student.location is not None:
            location = config.location * location_loss(output.student.location, masks, valid=valid)
        if config.distill_apart and output.teacher is not None and output.apart is None:
            raise ValueError("distill_apart needs the network's forward with apart=True")
        if output.teacher is not None and config.distill:
            teacher = structure_loss(
                output.teacher.logits, masks, dice=config.dice, valid=valid, spherical=config.spherical
            )
            if step >= config.distill_warmup_steps:
                student_features = output.student.features if output.apart is None else output.apart
                distill = config.distill * self.distillation(student_features, output.teacher.features)
        return LossParts(student + teacher + distill + location, student, teacher, distill, location)

    def distillation(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Eq. 7: mean squared error of the fused features (B, T, C, h, w), summed over frames, mean over the batch."""
        with torch.autocast(student.device.type, enabled=False):
            mine, theirs = student.float(), teacher.float()
            if self.config.stop_teacher:
                theirs = theirs.detach()
            if self.adapter is not None:
                mine = torch.unflatten(self.adapter(mine.flatten(0, 1)), 0, mine.shape[:2])
            if self.config.distill_normalise:
                mine, theirs = (F.instance_norm(f.flatten(0, 1)).view_as(f) for f in (mine, theirs))
            return _over_frames((mine - theirs).square().mean((-3, -2, -1)), None)


def acoustic_loss(
    said: Detections,
    activity: Tensor,
    directions: Tensor,
    *,
    activity_weight: float = 1.0,
    direction_weight: float = 5.0,
    active_only: bool = False,
) -> Tensor:
    """What the acoustic stage minimises: cross-entropy of what sounds, squared error of where (L3DAS: 1, 5).

    Args:
        said: of the detector.
        activity: (B, L, K) in 0..1.
        directions: (B, L, K, 3); zeros where nothing sounds.
        activity_weight: of the first.
        direction_weight: of the second.
        active_only: directions of silent slots do not count; the baseline pulls them to zero.

    Returns:
        Scalar: means over all entries.
    """
    with torch.autocast(said.classes.device.type, enabled=False):
        what = F.binary_cross_entropy_with_logits(said.classes.float(), activity.float())
        error = (said.directions.float() - directions.float()).square()
        if active_only:
            sounding = activity.float().unsqueeze(-1)
            where = (error * sounding).sum() / (3 * sounding.sum()).clamp(min=1)
        else:
            where = error.mean()
        return activity_weight * what + direction_weight * where
