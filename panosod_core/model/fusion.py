"""Audio-visual context fusion (ACF, Figure 4): each pixel asks the sound what and where it is.

Two branches of cross-attention, semantic and location (Eq. 2 and 3); the location branch ends in one weight a pixel,
which gates the semantic one (Eq. 4) and, drawn as a picture, is the location map of Figure 7.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.attention import CrossLayer
from panosod_core.model.config import EnergyMap, Fusion, Gate, ModelConfig, PositionInto
from panosod_core.model.energy import EnergyGuide, EnergySteering
from panosod_core.model.padding import EquirectConv2d
from panosod_core.model.positional import sequence_encoding, spherical_encoding

_OPEN = {Gate.LITERAL: 1.0, Gate.SIGMOID: 2.0}
"""Bias of the gate at birth. It must start open: while the fused features are still noise, learning shuts a gate that
is half open for good, the decoder lives on its skips, and the distillation drags the student after a shut teacher."""


class FusedFeatures(NamedTuple):
    """Frames that have heard."""

    features: Tensor
    """(B, T, C, h, w): f_stu or f_tch."""
    location: Tensor | None
    """(B, T, 1, h, w): phi(F_loc) before the gate's activation; None without the location branch."""


class ContextBranch(nn.Module):
    """One branch: cross-attention layers, or the concatenation of Table 2."""

    def __init__(self, config: ModelConfig, *, energy: bool) -> None:
        """Args: the config, and whether this branch is guided by the energy map."""
        super().__init__()
        self.into_tensor = config.position_into is PositionInto.TENSOR
        channels = config.channels
        self.layers = nn.ModuleList()
        self.mix = None
        if config.fusion is Fusion.CONCAT:
            self.mix = nn.Linear(2 * channels, channels)
        else:
            self.layers.extend(
                CrossLayer(channels, config.heads, config.feedforward, dropout=config.dropout)
                for _ in range(config.fusion_layers)
            )
        # Zero at birth: without what it learns of the energy map the branch is the paper's.
        self.energy = nn.Conv2d(2 * config.energy_bands, channels, 1, bias=False) if energy else None
        self.token_gain = None
        if self.energy is not None:
            nn.init.zeros_(self.energy.weight)
            if self.mix is None:
                self.token_gain = nn.Parameter(torch.zeros(config.fusion_layers, config.heads))

    def forward(self, features: Tensor, sound: Tensor, *, position: Tensor | None, guide: EnergyGuide | None) -> Tensor:
        """Fuse.

        Args:
            features: (B, T, C, h, w).
            sound: (B, L, C).
            position: (T or 1, h * w, C) or None.
            guide: the energy map, where this branch has one.

        Returns:
            (B, T, C, h, w).
        """
        frames, size = features.shape[1], features.shape[-2:]
        if self.energy is not None and guide is not None:
            extra = self.energy(guide.frames.flatten(0, 1).to(features.dtype))
            features = features + extra.unflatten(0, features.shape[:2])
        tokens = features.flatten(-2).transpose(-1, -2)
        places = None
        if position is not None:
            places = position.to(tokens.dtype).expand(frames, -1, -1).flatten(0, 1)
        tokens = tokens.flatten(1, 2)
        if self.mix is not None:
            here = tokens if places is None else tokens + places
            fused = self.mix(torch.cat([here, sound.mean(1, keepdim=True).expand(-1, here.shape[1], -1)], dim=-1))
        else:
            fused = self._attend(tokens, sound, places, guide, frames)
        out: Tensor = fused.unflatten(1, (frames, -1)).transpose(-1, -2).unflatten(-1, size)
        return out

    def _attend(
        self, tokens: Tensor, sound: Tensor, places: Tensor | None, guide: EnergyGuide | None, frames: int
    ) -> Tensor:
        keys = sound + sequence_encoding(sound.shape[1], sound.shape[2], device=sound.device).to(sound.dtype)
        values = keys if self.into_tensor else sound
        if self.into_tensor and places is not None:
            tokens, places = tokens + places, None
        for index, layer in enumerate(self.layers):
            bias = None
            if self.token_gain is not None and guide is not None:
                share = guide.tokens.transpose(1, 2).repeat(1, frames, 1)
                bias = self.token_gain[index].view(1, -1, 1, 1) * share.unsqueeze(1)
            tokens = layer(tokens, keys, values, position=places, bias=bias)
        return tokens


class ContextFusion(nn.Module):
    """An ACF block, as the student has one and the teacher another."""

    def __init__(self, config: ModelConfig) -> None:
        """Built as the config says, with random weights; the gate starts open."""
        super().__init__()
        self.config = config
        self.semantic = ContextBranch(config, energy=False)
        self.location = self.gate = self.steering = None
        if config.location_branch:
            guided = config.energy_map is not EnergyMap.OFF
            self.location = ContextBranch(config, energy=guided)
            self.gate = EquirectConv2d(config.channels, 1, config.gate_kernel, padding=config.padding)
            if self.gate.bias is not None:
                nn.init.constant_(self.gate.bias, _OPEN[config.gate])
            self.steering = EnergySteering(config) if guided else None

    def forward(self, features: Tensor, sound: AcousticFeatures, *, first_frame: int = 0) -> FusedFeatures:
        """Fuse frames of a window with its sound.

        Frames do not see each other here, so any run of frames of the window may come alone.

        Args:
            features: (B, T, C, h, w).
            sound: of the window.
            first_frame: place in the window of the first frame given.

        Returns:
            The fused frames.
        """
        frames, (height, width) = features.shape[1], features.shape[-2:]
        position = self._positions(frames, height, width, first_frame, features.device)
        fused: Tensor = self.semantic(features, sound.semantic, position=position, guide=None)
        if self.location is None or self.gate is None:
            return FusedFeatures(fused, None)
        guide = None
        if self.steering is not None:
            if sound.covariance is None:
                raise ValueError("an energy map needs the covariance of the sound")
            offsets = self.config.frame_offsets_s[first_frame : first_frame + frames]
            guide = self.steering(sound.covariance, size=(height, width), offsets_s=offsets)
        place = self.location(features, sound.location, position=position, guide=guide)
        weight = self.gate(place.flatten(0, 1)).unflatten(0, place.shape[:2])
        return FusedFeatures(fused * (weight if self.config.gate is Gate.LITERAL else weight.sigmoid()), weight)

    def _positions(self, frames: int, height: int, width: int, first: int, device: torch.device) -> Tensor | None:
        config = self.config
        position = None
        if config.spherical_encoding:
            scale = config.spherical_scale
            position = spherical_encoding(height, width, config.channels, scale=scale, device=device)[None]
        if config.frame_encoding:
            order = sequence_encoding(first + frames, config.channels, device=device)[first:, None]
            order = order.expand(-1, height * width, -1)
            position = order if position is None else position + order
        return position
