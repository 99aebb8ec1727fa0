"""What a finetuning job is asked to do: plain values that lie in its folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from panosod_core.errors import ConfigError

PRESETS: Mapping[str, float] = MappingProxyType({"frozen": 0.0, "gentle": 0.1, "whole": 0.5})
"""Name -> share of the rate at which the backbone learns. Batch norm is frozen in all of them."""
ENGINES = ("local", "torchrun", "ray")


@dataclass(frozen=True)
class FinetuneRequest:
    """A finetuning job. Checked at birth.

    Attributes:
        project: the annotated project; masks are taken as they are when the job starts to prepare.
        model: weights to go on from; None: the model that is used by default.
        data: data set whose training part is mixed in against forgetting; None: synthetic scenes.
        mix: share of windows from there, 0..0.9; None: by how many clips were corrected.
        recoloured: share of those that is shown in the colours of corrected frames, 0..1.
        preset: a name of :data:`PRESETS`.
        minutes: budget of training; 0: none.
        steps: budget in optimiser steps; 0: none.
        epochs: most passes; a pass is at most ``windows`` windows long, and the check comes after each.
        windows: of a pass.
        batch, lr: of the optimiser.
        distill: weight of the distillation, where the model has a teacher; 5 is the paper's.
        blend: how far the candidate goes from the weights that it begins with to those that have learnt, above 0..1.
        patience: passes without a better check before it stops.
        check_share: of the corrected frames, kept for the check, 0.05..0.15.
        seed: of order, augmentation, mix and resampling.
        device: "auto", "cpu", "cuda", "cuda:N".
        threads: of the processor; 0: as torch likes.
        engine: of :data:`ENGINES`.
        processes: of torchrun.
        address: of a Ray cluster's dashboard, "http://HOST:PORT".
        scene: fields of synthetic scenes that differ from the default mixture.
    """

    project: Path
    model: Path | None = None
    data: Path | None = None
    mix: float | None = None
    recoloured: float = 0.9
    preset: str = "whole"
    minutes: float = 20.0
    steps: int = 0
    epochs: int = 40
    windows: int = 64
    batch: int = 2
    lr: float = 2e-4
    distill: float = 1.0
    blend: float = 0.85
    patience: int = 6
    check_share: float = 0.12
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    engine: str = "local"
    processes: int = 1
    address: str = ""
    scene: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: one that cannot be used.
        """
        ranges = {
            "mix": (0, 0.9), "recoloured": (0, 1), "minutes": (0, 1e5), "steps": (0, 1 << 40), "epochs": (1, 1_000_000),
            "windows": (1, 1_000_000), "batch": (1, 4096), "lr": (1e-9, 1), "distill": (0, 1e6),
            "blend": (0.01, 1), "patience": (0, 1_000_000),
            "check_share": (0.05, 0.15), "seed": (0, (1 << 62)), "threads": (0, 1024), "processes": (1, 1024),
        }  # fmt: skip
        if self.mix is None:
            del ranges["mix"]
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"finetune: {name} must lie in {low:g}..{high:g}, got {getattr(self, name)!r}")
        for name, words in (("preset", PRESETS), ("engine", ENGINES)):
            if getattr(self, name) not in words:
                raise ConfigError(f"finetune: {name} must be one of {', '.join(words)}, got {getattr(self, name)!r}")
        if self.engine != "torchrun" and self.processes != 1:
            raise ConfigError("finetune: several processes need the engine torchrun")
        if self.engine == "ray" and not self.address.startswith(("http://", "https://")):
            raise ConfigError(
                f"finetune: the engine ray needs the address of a cluster's dashboard (http://HOST:8265), got "
                f"{self.address or 'none'}"
            )
        if self.engine != "ray" and self.address:
            raise ConfigError("finetune: an address is for the engine ray")

    def to_json(self) -> dict[str, Any]:
        """Plain values, as :meth:`from_json` takes them."""
        return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "FinetuneRequest":
        """The request of plain values.

        Raises:
            ConfigError: an unknown field, or a value that cannot be used.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown or "project" not in values:
            raise ConfigError(f"finetune: expected fields of {', '.join(sorted(known))}; got {', '.join(values)}")
        paths = {n: Path(values[n]) for n in ("project", "model", "data") if values.get(n) is not None}
        try:
            return cls(**{**values, **paths})
        except TypeError as error:
            raise ConfigError(f"finetune: a value of the wrong kind ({error})") from error
