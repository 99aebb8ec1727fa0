"""The network at a size that tests can afford: all parts, grid 4 x 8."""

from dataclasses import replace
from typing import Any

import numpy as np

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.sphere import direction
from panosod_core.model.config import Backbone, ModelConfig
from panosod_core.model.presets import PANOSOD, PAPER

_SIZES: dict[str, Any] = {
    "height_px": 64,
    "width_px": 128,
    "channels": 16,
    "heads": 2,
    "feedforward": 32,
    "backbone": Backbone.RESNET18,
    "backbone_width": 1 / 8,
    "output_stride": 16,
    "visual_layers": 1,
    "sound_window_s": 0.4,
    "conv_channels": 8,
    "gru_channels": 8,
    "mel_bands": 32,
}
TINY = replace(PAPER, **_SIZES)
"""Preset `paper`, small."""
TINY_PANOSOD = replace(PANOSOD, **_SIZES)
"""Preset `panosod`, small."""


def tiny(**changes: Any) -> ModelConfig:
    """The small `paper` with changes."""
    return replace(TINY, **changes)


def noise_from(azimuth_deg: float, elevation_deg: float = 0.0, *, samples: int = 12800, seed: int = 0) -> np.ndarray:
    """A plane wave of white noise: (4, samples) float32, RMS 0.1."""
    signal = 0.1 * np.random.default_rng(seed).standard_normal(samples)
    toward = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    return encode_plane_wave(signal.astype(np.float32), toward, order=1)
