"""What a run is asked to do: one frozen value for each stage, plain enough to be kept beside its results."""

from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from panosod_core.model.config import ModelConfig
from panosod_core.training.config import AcousticLossConfig, Stage, TrainConfig
from panosod_core.training.data import DataConfig
from panosod_core.training.losses import LossConfig


@dataclass(frozen=True)
class StartWeights:
    """Files that weights are taken from before the first step; what none names starts at random.

    Attributes:
        imagenet: classification weights of the backbone.
        image: model of the image stage: encoder, temporal block and decoder.
        acoustic: model of the acoustic stage: the acoustic encoder.
        model: a whole network, to go on from (finetuning).
    """

    imagenet: Path | None = None
    image: Path | None = None
    acoustic: Path | None = None
    model: Path | None = None


@dataclass(frozen=True)
class Job:
    """A run of a stage.

    Attributes:
        stage: which.
        model: the network of the video stage; earlier stages train parts of it.
        train: how it learns.
        data: what from.
        out: folder of its files.
        start: weights to begin with.
        loss: of the video stage; the image stage takes its Dice weight.
        acoustic_loss: of the acoustic stage.
        resume: go on with the run in ``out``.
        device: "auto", "cpu", "cuda", "cuda:N".
        tensorboard: write for TensorBoard too, where it is installed.
        preset: the name that the recipe came from, for the record.
    """

    stage: Stage
    model: ModelConfig
    train: TrainConfig
    data: DataConfig
    out: Path
    start: StartWeights = field(default_factory=StartWeights)
    loss: LossConfig = field(default_factory=LossConfig)
    acoustic_loss: AcousticLossConfig = field(default_factory=AcousticLossConfig)
    resume: bool = False
    device: str = "auto"
    tensorboard: bool = True
    preset: str = ""

    def settings(self) -> dict[str, Any]:
        """Plain values of all that decides what is learnt."""
        own = self.acoustic_loss if self.stage is Stage.ACOUSTIC else self.loss
        return {
            "stage": self.stage.value,
            "preset": self.preset,
            "model": self.model.to_json(),
            "train": self.train.to_json(),
            "loss": asdict(own),
            "data": _plain(asdict(self.data)),
            "start": _plain(asdict(self.start)),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
