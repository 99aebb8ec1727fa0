"""How a stage learns, in one frozen value that checks itself. No torch is imported here."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from panosod_core.errors import ConfigError


class Stage(StrEnum):
    """The three stages, in the order in which they hand weights on."""

    ACOUSTIC = "acoustic"
    IMAGE = "image"
    VIDEO = "video"


class Schedule(StrEnum):
    """How the learning rate goes over a run, after the warm-up."""

    CONSTANT = "constant"
    POLY = "poly"
    """(1 - progress) ^ power."""
    COSINE = "cosine"
    """Half a cosine down to 0."""


class Precision(StrEnum):
    """Arithmetic of the forward pass; weights and losses stay in 32 bits."""

    FP32 = "fp32"
    BF16 = "bf16"
    """bfloat16 by autocast; no loss scaling is needed."""


class BestBy(StrEnum):
    """Which number of the check decides what the best weights are."""

    LOSS = "loss"
    """Lowest."""
    F = "f"
    """Highest: adaptive F (the acoustic stage: location-sensitive F1)."""
    S = "s"
    MAE = "mae"
    """Lowest."""

    @property
    def lower_wins(self) -> bool:
        """True where small is good."""
        return self in (BestBy.LOSS, BestBy.MAE)


@dataclass(frozen=True)
class TrainConfig:
    """How a stage learns. The defaults are the paper's recipe for video, as far as it says (model_data: section 2.4).

    Attributes:
        epochs: passes over the data.
        max_steps: stop after so many optimiser steps; 0: no limit but the epochs.
        batch: samples of one process at a time.
        accumulate: batches that are added up for one optimiser step.
        lr: learning rate of AdamW at its highest.
        backbone_lr: factor on it for the residual network.
        weight_decay: on matrices and kernels, not on biases and norms.
        adam_eps: what Adam adds to the size of a gradient: one that is much smaller moves nothing.
        schedule: of the learning rate.
        poly_power: of the schedule `poly`.
        schedule_s: a falling schedule comes to its end after so many seconds of the run, where the last step would be
            later; 0: by steps alone.
        warmup_steps: the rate rises linearly over so many steps first.
        clip: largest norm of the gradient; 0: not clipped.
        ema: decay of the running mean of weights, which is then what is checked and kept; 0: none.
        precision: arithmetic.
        freeze_batch_norm: batch normalisation keeps its statistics.
        parts: video stage: names of the parts of the network that learn (`teacher`, `decoder`, ...); none named: all.
            The others keep their weights and statistics.
        seed: of weights, order, augmentation, dropout.
        check_every: epochs between two checks (and models kept).
        best_by: what the check is judged by.
        patience: stop after so many checks without a better one; 0: never.
        save_every: optimiser steps between two saves of the state within an epoch; 0: at the end of epochs only.
        log_every: optimiser steps between two step events.
        workers: processes that read data; 0: read in the loop.
        most_damaged: share of the samples drawn that may be unreadable (and replaced) before the run stops.
    """

    epochs: int = 20
    max_steps: int = 0
    batch: int = 2
    accumulate: int = 1
    lr: float = 1e-4
    backbone_lr: float = 1.0
    weight_decay: float = 0.0
    adam_eps: float = 1e-8
    schedule: Schedule = Schedule.CONSTANT
    poly_power: float = 0.9
    schedule_s: float = 0.0
    warmup_steps: int = 0
    clip: float = 0.0
    ema: float = 0.0
    precision: Precision = Precision.FP32
    freeze_batch_norm: bool = False
    parts: tuple[str, ...] = ()
    seed: int = 0
    check_every: int = 1
    best_by: BestBy = BestBy.LOSS
    patience: int = 0
    save_every: int = 0
    log_every: int = 1
    workers: int = 0
    most_damaged: float = 0.05

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: what is wrong, in one line.
        """
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"training config: {name} must lie in {low:g}..{high:g}, got {value!r}")
        if self.lr <= 0:
            raise ConfigError(f"training config: lr must be positive, got {self.lr!r}")

    def changed(self, values: Mapping[str, Any]) -> "TrainConfig":
        """The config with some fields set; words become what they name.

        Raises:
            ConfigError: a value that a field cannot have.
        """
        kinds: dict[str, type[StrEnum]] = {"schedule": Schedule, "precision": Precision, "best_by": BestBy}
        typed: dict[str, Any] = {name: kinds[name](v) if name in kinds else v for name, v in values.items()}
        return replace(self, **typed)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: str(v) if isinstance(v, StrEnum) else v for name, v in asdict(self).items()}
        return plain | {"parts": list(self.parts)}


_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "epochs": (1, 1_000_000),
        "max_steps": (0, 1 << 40),
        "batch": (1, 65536),
        "accumulate": (1, 65536),
        "lr": (0, 100),
        "backbone_lr": (0, 100),
        "weight_decay": (0, 10),
        "adam_eps": (0, 1),
        "poly_power": (0.01, 10),
        "schedule_s": (0, 1e9),
        "warmup_steps": (0, 1 << 40),
        "clip": (0, 1e9),
        "ema": (0, 0.999999),
        "seed": (0, (1 << 63) - 1),
        "check_every": (1, 1_000_000),
        "patience": (0, 1_000_000),
        "save_every": (0, 1 << 40),
        "log_every": (1, 1 << 40),
        "workers": (0, 1024),
        "most_damaged": (0, 1),
    }
)

MAY_CHANGE = frozenset({"epochs", "max_steps", "check_every", "patience", "save_every", "log_every", "workers"})
"""Fields that a resumed run may set anew; all else would make another curve."""


@dataclass(frozen=True)
class AcousticLossConfig:
    """Weights of the acoustic stage (the L3DAS baseline's).

    Attributes:
        activity: of the cross-entropy of what sounds.
        direction: of the squared error of where.
        active_only: directions of silent slots do not count; the baseline pulls them to zero.
    """

    activity: float = 1.0
    direction: float = 5.0
    active_only: bool = False

    def __post_init__(self) -> None:
        """Check the weights.

        Raises:
            ConfigError: a negative one.
        """
        if self.activity < 0 or self.direction < 0:
            raise ConfigError("acoustic loss: weights must not be negative")


PAPER_VIDEO = TrainConfig()
"""20 epochs, rate 1e-4, no decay, batch 2: the paper says no more."""
OUR_VIDEO = replace(
    PAPER_VIDEO,
    backbone_lr=0.1,
    schedule=Schedule.COSINE,
    warmup_steps=200,
    clip=0.5,
    ema=0.999,
    precision=Precision.BF16,
)
"""What the paper leaves open, as neighbouring work does it (CAV-Net, CPD: clip 0.5; PAVSODR: backbone at a tenth)."""
_PAPER_ACOUSTIC = replace(PAPER_VIDEO, epochs=100, batch=16)
_PAPER_IMAGE = replace(PAPER_VIDEO, batch=8)

RECIPES: Mapping[tuple[str, Stage], TrainConfig] = MappingProxyType(
    {
        ("paper", Stage.ACOUSTIC): _PAPER_ACOUSTIC,
        ("paper", Stage.IMAGE): _PAPER_IMAGE,
        ("paper", Stage.VIDEO): PAPER_VIDEO,
        **{
            (name, stage): replace(OUR_VIDEO, epochs=epochs, batch=batch, backbone_lr=backbone_lr)
            for name in ("panosod", "small")
            for stage, epochs, batch, backbone_lr in (
                (Stage.ACOUSTIC, 100, 16, 1.0),
                (Stage.IMAGE, 20, 8, 0.1),
                (Stage.VIDEO, 20, 2, 0.1),
            )
        },
    }
)
"""Recipe of each preset and stage. The paper gives that of the video stage only."""


def recipe(preset: str, stage: Stage) -> TrainConfig:
    """The recipe of a preset.

    Raises:
        ConfigError: there is none.
    """
    found = RECIPES.get((preset, stage))
    if found is None:
        raise ConfigError(f"no recipe for preset {preset!r}; there are {', '.join(sorted({n for n, _ in RECIPES}))}")
    return found
