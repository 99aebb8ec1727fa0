"""The acoustic encoder: three convolutions, two bidirectional recurrent layers, a semantic and a location head.

After SELDnet (Adavanne et al. 2018), which the paper augments: L tokens of semantic and of location features. Its
last linear layers, which name classes and directions, belong to the acoustic stage alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from panosod_core.model.config import FREQUENCY_POOLING, EnergyMap, ModelConfig
from panosod_core.model.energy import FieldCovariance
from panosod_core.model.features import Spectrum, acoustic_input

CLASSES = 14
"""Of L3DAS Task 2."""
OVERLAPS = 3
"""Events of one class that may sound at once there."""


class AcousticFeatures(NamedTuple):
    """What is known of the sound of B windows."""

    semantic: Tensor
    """(B, L, C): the paper's g_sem."""
    location: Tensor
    """(B, L, C): g_loc."""
    covariance: Tensor | None = None
    """(B, L, K, 10) of :class:`FieldCovariance`, where an energy map is asked for."""

    def detached(self) -> "AcousticFeatures":
        """The same, cut off from the encoder."""
        covariance = None if self.covariance is None else self.covariance.detach()
        return AcousticFeatures(self.semantic.detach(), self.location.detach(), covariance)


class Detections(NamedTuple):
    """What the acoustic stage learns to say, every 100 ms."""

    classes: Tensor
    """(B, L, classes * overlaps) logits of activity."""
    directions: Tensor
    """(B, L, classes * overlaps, 3) in -1..1: x front, y left, z up."""


class AcousticEncoder(nn.Module):
    """Sound to tokens."""

    def __init__(self, config: ModelConfig) -> None:
        """Built as the config says, with random weights.

        Raises:
            ValueError: a config without sound.
        """
        super().__init__()
        if not config.sound_channels:
            raise ValueError("a network without sound has no acoustic encoder")
        self.used = config.sound_channels
        self.spectrum = Spectrum(config)
        self.input = acoustic_input(config)
        self.covariance = FieldCovariance(config) if config.energy_map is not EnergyMap.OFF else None
        layers: list[nn.Module] = []
        channels, bins = self.input.channels, self.input.bins
        for pool in FREQUENCY_POOLING[config.acoustic_input]:
            layers += [nn.Conv2d(channels, config.conv_channels, 3, padding=1), nn.BatchNorm2d(config.conv_channels)]
            layers += [nn.ReLU(), nn.MaxPool2d((pool, 2)), nn.Dropout(config.acoustic_dropout)]
            channels, bins = config.conv_channels, bins // pool
        self.convolutions = nn.Sequential(*layers)
        self.recurrent = nn.GRU(
            channels * bins,
            config.gru_channels,
            num_layers=2,
            batch_first=True,
            bidirectional=True,
            dropout=config.acoustic_dropout,
        )
        self.semantic = _head(config)
        self.location = _head(config)

    def forward(self, sound: Tensor) -> AcousticFeatures:
        """Encode.

        Args:
            sound: (B, C, n) float, ACN/SN3D at the config's rate, C at least what the config uses; n a multiple of
                8 hops (more is dropped).

        Returns:
            L = n / (8 hop) tokens.

        Raises:
            ValueError: too few channels.
        """
        if sound.shape[1] < self.used:
            raise ValueError(f"expected sound of at least {self.used} channels, got shape {tuple(sound.shape)}")
        return self.encode(self.spectrum(sound[:, : self.used]))

    def encode(self, spectrum: Tensor) -> AcousticFeatures:
        """The same from the spectrum of the sound, as :class:`Spectrum` gives it."""
        x = self.convolutions(self.input(spectrum))
        x, _ = self.recurrent(x.flatten(1, 2).transpose(1, 2))
        covariance = self.covariance(spectrum) if self.covariance is not None else None
        return AcousticFeatures(self.semantic(x), self.location(x), covariance)


def _head(config: ModelConfig) -> nn.Sequential:
    """Two of the three linear layers of a head; the third is :class:`AcousticDetector`'s."""
    width = 2 * config.gru_channels
    return nn.Sequential(
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Dropout(config.acoustic_dropout),
        nn.Linear(width, config.channels),
        nn.ReLU(),
    )


class AcousticDetector(nn.Module):
    """The network of the acoustic stage: the encoder and the last linear layer of each head.

    Its encoder is named ``acoustic`` as in the whole network, so that its weights move over.
    """

    def __init__(self, config: ModelConfig, *, classes: int = CLASSES, overlaps: int = OVERLAPS) -> None:
        """Classes of events, and how many of one class may sound at once."""
        super().__init__()
        self.config, self.classes, self.overlaps = config, classes, overlaps
        self.acoustic = AcousticEncoder(config)
        self.activity = nn.Linear(config.channels, classes * overlaps)
        self.direction = nn.Linear(config.channels, 3 * classes * overlaps)

    def forward(self, sound: Tensor) -> Detections:
        """(B, C, n) to what sounds where, token by token."""
        features: AcousticFeatures = self.acoustic(sound)
        directions = torch.unflatten(F.tanh(self.direction(features.location)), -1, (-1, 3))
        return Detections(self.activity(features.semantic), directions)
