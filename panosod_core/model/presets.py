"""Named configs: the paper taken literally, our best, and one for CPUs. No torch is imported here."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from panosod_core.errors import ConfigError
from panosod_core.model.config import (
    AcousticInput,
    Backbone,
    DecoderNorm,
    EnergyMap,
    Gate,
    ModelConfig,
    Padding,
)

PAPER = ModelConfig()
"""Everything as the paper says; where it is silent, as `docs/model.md` says."""

PANOSOD = replace(
    PAPER,
    padding=Padding.SPHERE,
    acoustic_input=AcousticInput.INTENSITY,
    spherical_scale=2 * math.pi,
    gate=Gate.SIGMOID,
    energy_map=EnergyMap.INTENSITY,
    energy_bands=4,
    teacher_validity=True,
    teacher_mask_dropout=0.3,
    teacher_temporal=True,
    decoder_norm=DecoderNorm.GROUP,
)
"""The paper with every change that `docs/model.md` defends; the same backbone and stride."""

SMALL = replace(
    PANOSOD,
    height_px=208,
    width_px=416,
    channels=128,
    heads=4,
    feedforward=512,
    backbone=Backbone.RESNET18,
    backbone_width=0.5,
    output_stride=16,
)
"""For processors without a GPU, and the model that is shipped: at most 7.5 M parameters with the teacher."""

PRESETS: Mapping[str, ModelConfig] = MappingProxyType({"paper": PAPER, "panosod": PANOSOD, "small": SMALL})


def preset(name: str) -> ModelConfig:
    """The config of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset is named {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
