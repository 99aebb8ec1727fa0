"""The rows of the paper's tables as configs. No torch is imported here."""

from dataclasses import replace

from panosod_core.errors import ConfigError
from panosod_core.model.config import EnergyMap, Fusion, ModelConfig, Sound, VisualTransformer

LAMBDA_DISTILL = (0.0, 1.0, 2.0, 5.0)
"""Rows of Table 4; they differ in training only (0: no teacher)."""


def with_sound(config: ModelConfig, sound: Sound) -> ModelConfig:
    """The config with other ears, and whatever depended on the old ones.

    Without sound there is no fusion and so no teacher; without directions there is no energy map.
    """
    if sound is Sound.NONE:
        return replace(
            config,
            sound=sound,
            fusion=Fusion.NONE,
            energy_map=EnergyMap.OFF,
            teacher=False,
        )
    fusion = config.fusion if config.fuses else Fusion.ATTENTION
    energy = config.energy_map if sound is Sound.FOA else EnergyMap.OFF
    return replace(config, sound=sound, fusion=fusion, energy_map=energy)


def with_fusion(config: ModelConfig, fusion: Fusion) -> ModelConfig:
    """The config with another fusion; `none` takes the sound and the teacher with it."""
    if fusion is Fusion.NONE:
        return with_sound(config, Sound.NONE)
    sound = config.sound if config.sound is not Sound.NONE else Sound.FOA
    return replace(config, sound=sound, fusion=fusion)


def without_location(config: ModelConfig) -> ModelConfig:
    """The config whose student feature is the semantic one alone."""
    return replace(config, location_branch=False, energy_map=EnergyMap.OFF)


def table_rows(table: int, base: ModelConfig) -> dict[str, ModelConfig]:
    """The rows of one of the paper's ablation tables, in its order.

    Args:
        table: 2 fusion, 3 visual transformer, 4 distillation, 5 location branch, 6 window, 7 sound.
        base: what the row that the paper calls its own looks like; it has sound and fusion.

    Returns:
        Config of each row by its name. In Table 4 the weight is the name and belongs to the training.

    Raises:
        ConfigError: there is no such table.
    """
    if table == 2:
        flat = replace(base, spherical_encoding=False)
        return {
            "none": with_fusion(flat, Fusion.NONE),
            "concat": with_fusion(flat, Fusion.CONCAT),
            "attention": flat,
            "attention+spe": replace(base, spherical_encoding=True),
        }
    if table == 3:
        return {str(v): replace(base, visual_transformer=v) for v in VisualTransformer}
    if table == 4:
        return {f"{weight:g}": replace(base, teacher=weight > 0) for weight in LAMBDA_DISTILL}
    if table == 5:
        return {"off": without_location(base), "on": replace(base, location_branch=True)}
    if table == 6:
        return {str(n): replace(base, window=n) for n in (1, 2, 3, 4)}
    if table == 7:
        return {str(s): with_sound(base, s) for s in Sound}
    raise ConfigError(f"the paper's ablations are tables 2 to 7, got {table}")
