"""The decoder: a feature pyramid (Lin et al. 2017) from fused features up to a saliency map."""

import torch.nn.functional as F
from torch import Tensor, nn

from panosod_core.model.config import DecoderNorm, ModelConfig
from panosod_core.model.padding import EquirectConv2d, upsample

_GROUPS = 8


class Decoder(nn.Module):
    """Fused features and the backbone's finer ones to logits of the picture's size."""

    def __init__(self, config: ModelConfig, skip_channels: tuple[int, int, int]) -> None:
        """Args: the config, and the channels of the skips of strides 4, 8 and 16."""
        super().__init__()
        channels = config.channels
        self.padding = config.padding
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in skip_channels)
        self.smooth = nn.ModuleList(
            EquirectConv2d(channels, channels, 3, padding=config.padding) for _ in skip_channels
        )
        group = config.decoder_norm is DecoderNorm.GROUP
        self.norm = nn.ModuleList(
            nn.GroupNorm(_GROUPS if channels % _GROUPS == 0 else 1, channels) if group else nn.Identity()
            for _ in skip_channels
        )
        self.head = EquirectConv2d(channels, 1, 3, padding=config.padding)

    def forward(self, features: Tensor, skips: tuple[Tensor, Tensor, Tensor], *, size: tuple[int, int]) -> Tensor:
        """Decode frames.

        Args:
            features: (N, C, h, w).
            skips: of the same frames, strides 4, 8 and 16.
            size: of the picture.

        Returns:
            (N, 1, *size) logits.
        """
        x = features
        for level in reversed(range(len(skips))):
            skip = skips[level]
            x = upsample(x, (skip.shape[-2], skip.shape[-1]), self.padding) + self.lateral[level](skip)
            x = F.relu(self.norm[level](self.smooth[level](x)))
        return upsample(self.head(x), size, self.padding)
