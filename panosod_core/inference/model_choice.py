"""Which model, and how it is to be run, before it is loaded. No torch."""

from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import PredictionError
from panosod_core.inference.engine import open_engine
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.library import find_model, model_in_use
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.config import ModelConfig


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and how it is to be run. Plain values: it goes to other processes and machines as it is.

    Attributes:
        path: of the file.
        model_id: hash of it.
        config: of the network.
        device, precision: as :func:`~panosod_core.inference.engine.open_engine` takes them.
        threads: of the processor; None for all cores.
        compiled: by torch.compile.
    """

    path: Path
    model_id: str
    config: ModelConfig
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compiled: bool = False

    def open(self) -> Engine:
        """Load it.

        Raises:
            CheckpointError: the file cannot be used, or has changed since it was chosen.
            ConfigError: a device or precision that is not there.
        """
        engine = open_engine(
            self.path, device=self.device, precision=self.precision, threads=self.threads, compiled=self.compiled
        )
        if engine.model_id != self.model_id:
            raise PredictionError(f"{self.path}: has changed since it was chosen; start again")
        return engine


def choose_model(
    model: str | Path | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    compiled: bool = False,
) -> ModelChoice:
    """Choose a model without loading it.

    Args:
        model: a file, name or id, as :func:`~panosod_core.inference.library.find_model` takes it; None: the library's
            default, else the one that comes with panosod.
        device: as :class:`ModelChoice` has it.
        precision: likewise.
        threads: likewise.
        compiled: likewise.

    Raises:
        CheckpointError: no model file of panosod.
    """
    file = ModelFile.read(model_in_use() if model is None else find_model(model))
    return ModelChoice(file.path.absolute(), file.model_id, file.config, device, precision, threads, compiled)


class EngineAtHand:
    """A model that is loaded when it is first asked for, and kept.

    Attributes:
        choice: which.
        opened: the engine, None before.
    """

    def __init__(self, choice: ModelChoice) -> None:
        self.choice = choice
        self.opened: Engine | None = None

    def __call__(self) -> Engine:
        """The engine.

        Raises:
            PanosodError: it cannot be loaded.
        """
        if self.opened is None:
            self.opened = self.choice.open()
        return self.opened
