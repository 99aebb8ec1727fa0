"""The label-guided teacher: the student's fusion with the true mask beside the picture, and a decoder of its own.

Nothing flows back: visual features, sound and the decoder's skips are cut off from their encoders (the paper truncates
the gradient "before the multimodal fusion").
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.config import ModelConfig
from panosod_core.model.decoder import Decoder
from panosod_core.model.fusion import ContextFusion, FusedFeatures
from panosod_core.model.temporal import TemporalNonLocal


class Teacher(nn.Module):
    """What a network that knows the answer makes of the same window."""

    def __init__(self, config: ModelConfig, skip_channels: tuple[int, int, int]) -> None:
        """Own weights throughout."""
        super().__init__()
        self.config = config
        extra = 2 if config.teacher_validity else 1
        self.input = nn.Conv2d(config.channels + extra, config.channels, 1)
        # One plane among hundreds: drawn like the others, the mask would be a sixteenth of what the fusion sees, and
        # the teacher no wiser than its student for long. At birth it weighs as much as all features together.
        nn.init.uniform_(self.input.weight[:, config.channels :], -1.0, 1.0)
        # The fusion treats frames apart: only through this block can the mask of one frame inform another.
        self.temporal = TemporalNonLocal(config.channels) if config.teacher_temporal else None
        self.fusion = ContextFusion(config)
        self.decoder = Decoder(config, skip_channels)

    def forward(
        self,
        features: Tensor,
        sound: AcousticFeatures,
        masks: Tensor,
        *,
        valid: Tensor | None = None,
    ) -> FusedFeatures:
        """Fuse the frames of a window, knowing masks.

        Args:
            features: (B, T, C, h, w), a whole window, after the temporal block.
            sound: of the window.
            masks: (B, T, 1, H, W) in 0..1, of any size.
            valid: (B, T) bool: which masks are known; the others' values are not looked at. None: all are.

        Returns:
            The fused frames, cut off from the encoders.

        Raises:
            ValueError: unknown masks without a validity channel, or masks of another window.
        """
        if masks.shape[:3] != (*features.shape[:2], 1):
            raise ValueError(f"expected masks (B, T, 1, H, W) for features {tuple(features.shape)}, got {masks.shape}")
        frames = features.detach().flatten(0, 1)
        known = self._known(features, valid)
        # Area, not nearest: a small object leaves a trace in the coarse grid.
        coarse = F.interpolate(masks.detach().flatten(0, 1).to(frames.dtype), frames.shape[-2:], mode="area")
        coarse = torch.where(known, coarse, torch.zeros_like(coarse))
        planes = [frames, coarse]
        if self.config.teacher_validity:
            planes.append(known.to(frames.dtype).expand_as(coarse))
        told = self.input(torch.cat(planes, dim=1)).unflatten(0, features.shape[:2])
        if self.temporal is not None:
            told = self.temporal(told)
        fused: FusedFeatures = self.fusion(told, sound.detached())
        return fused

    def _known(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(B * T, 1, 1, 1) bool: the masks that the teacher may look at."""
        known = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        if valid is not None:
            if not self.config.teacher_validity:
                raise ValueError("this teacher has no validity channel: it needs a mask for every frame")
            known = valid.to(device=features.device, dtype=torch.bool)
        if self.training and self.config.teacher_mask_dropout:
            known = known & (torch.rand(known.shape, device=known.device) >= self.config.teacher_mask_dropout)
        return known.flatten()[:, None, None, None]

    def decode(self, features: Tensor, skips: tuple[Tensor, Tensor, Tensor], *, size: tuple[int, int]) -> Tensor:
        """Logits of fused frames: as :class:`Decoder`, the skips cut off from the backbone."""
        finer = (skips[0].detach(), skips[1].detach(), skips[2].detach())
        logits: Tensor = self.decoder(features, finer, size=size)
        return logits
