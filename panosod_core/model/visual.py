"""The visual encoder (Figure 5): backbone, projection, transformer. Frame by frame, so that work is reusable."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from panosod_core.model.attention import EncoderLayer
from panosod_core.model.config import ModelConfig, VisualTransformer
from panosod_core.model.positional import plane_encoding, spherical_encoding
from panosod_core.model.resnet import ResNet

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class FrameFeatures(NamedTuple):
    """What is known of frames by themselves; N frames."""

    skips: tuple[Tensor, Tensor, Tensor]
    """Backbone features of strides 4, 8 and 16 for the decoders."""
    features: Tensor
    """(N, C, h, w): the paper's f', before frames see each other."""


class VisualEncoder(nn.Module):
    """Pictures to features, frame by frame."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Built as the config says, with random weights."""
        super().__init__()
        self.config = config
        self.backbone = ResNet(
            config.backbone, width=config.backbone_width, output_stride=config.output_stride, padding=config.padding
        )
        self.project = nn.Conv2d(self.backbone.channels[-1], config.channels, 1)
        layers = config.visual_layers if config.visual_transformer is not VisualTransformer.OFF else 0
        self.transformer = nn.ModuleList(
            EncoderLayer(config.channels, config.heads, config.feedforward, dropout=config.dropout)
            for _ in range(layers)
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> FrameFeatures:
        """Encode frames.

        Args:
            pictures: (N, 3, H, W) RGB, uint8 in 0..255 or floating in 0..1.

        Returns:
            Their features; h, w = H, W over the output stride, rounded up.
        """
        x = pictures if pictures.is_floating_point() else pictures.to(self.mean.dtype) / 255
        return self.encode((x - self.mean) / self.std)

    def encode(self, normalised: Tensor) -> FrameFeatures:
        """The same from pictures whose ImageNet statistics were taken out."""
        pyramid = self.backbone(normalised)
        features: Tensor = self.project(pyramid.c5)
        if len(self.transformer):
            height, width = features.shape[-2:]
            tokens = features.flatten(2).transpose(1, 2)
            tokens = tokens + self._positions(height, width, tokens.device).to(tokens.dtype)
            for layer in self.transformer:
                tokens = layer(tokens)
            features = torch.unflatten(tokens.transpose(1, 2), -1, (height, width))
        return FrameFeatures((pyramid.c2, pyramid.c3, pyramid.c4), features)

    def _positions(self, height: int, width: int, device: torch.device) -> Tensor:
        if self.config.visual_transformer is VisualTransformer.SPHERE:
            scale = self.config.spherical_scale
            return spherical_encoding(height, width, self.config.channels, scale=scale, device=device)
        return plane_encoding(height, width, self.config.channels, device=device)
