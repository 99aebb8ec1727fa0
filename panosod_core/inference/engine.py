"""The door to inference: which runtime serves a model best here, and a model opened on it.

Importing this module imports neither torch nor ONNX Runtime; :func:`open_engine` imports the one that it chooses.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import ConfigError, install_extra
from panosod_core.inference.engine_devices import may_have_gpu
from panosod_core.inference.engine_protocol import CentreMap, EncodedFrame, Engine
from panosod_core.inference.library import model_in_use
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.onnx_store import Export, find_export, runtime_is_installed

__all__ = ["CentreMap", "EncodedFrame", "Engine", "EngineChoice", "choose_engine", "open_engine"]
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True)
class EngineChoice:
    """What :func:`open_engine` would open, before anything heavy is loaded.

    Attributes:
        runtime: "onnx" or "torch".
        export: the graphs, for onnx.
        precision: for onnx "float32" or "int8"; for torch as asked.
    """

    runtime: str
    export: Export | None
    precision: str


def choose_engine(model: ModelFile, *, device: str = "auto", precision: str = "auto") -> EngineChoice:
    """Which runtime serves a model best here: ONNX Runtime on a CPU where it is installed and graphs are at hand.

    Args:
        model: the weights.
        device: of :data:`DEVICES`; "auto" prefers a GPU, and only torch can find one.
        precision: of :data:`PRECISIONS`. "auto" takes int8 only where the export has measured that the maps stay good.

    Returns:
        The choice.

    Raises:
        ConfigError: a word that is not in the lists, or int8 without exported int8 graphs.
    """
    if device not in DEVICES:
        raise ConfigError(f"expected a device of {', '.join(DEVICES)}, got {device!r}")
    if precision not in PRECISIONS:
        raise ConfigError(f"expected a precision of {', '.join(PRECISIONS)}, got {precision!r}")
    on_cpu = device == "cpu" or (device == "auto" and not may_have_gpu())
    export = find_export(model) if on_cpu and precision in ("auto", "float32", "int8") else None
    if export is None or not runtime_is_installed():
        if precision == "int8":
            raise ConfigError(
                f"int8 runs on a CPU by ONNX Runtime from exported graphs: {install_extra('fast')} and run "
                f"`panosod export-onnx {model.path} --int8` first"
            )
        return EngineChoice("torch", None, precision)
    if precision == "int8" and not export.has_int8:
        raise ConfigError(f"{export.folder}: holds no int8 graphs; run `panosod export-onnx {model.path} --int8`")
    take = precision if precision != "auto" else "int8" if export.int8_is_good else "float32"
    return EngineChoice("onnx", export, take)


def open_engine(
    model: Path | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    guided: bool = False,
    compiled: bool = False,
) -> Engine:
    """Load a model for inference, on what this machine does fastest.

    Args:
        model: a .safetensors file of the kind `network`; None: the library's default, else the model that
            comes with panosod.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32", "bfloat16", "float16" or "int8".
        threads: of the CPU; None: as many as the machine has cores.
        guided: load the teacher too, which only torch runs.
        compiled: by torch.compile, at the first frame: seconds on a GPU, up to minutes on a CPU.

    Returns:
        The engine, warm only as far as loading makes it.

    Raises:
        CheckpointError: no model file of panosod, damaged, or of another kind.
        ConfigError: a device or a precision that this machine does not have, or torch is needed and missing.
    """
    file = ModelFile.read(model_in_use() if model is None else model)
    if compiled and precision == "int8":
        raise ConfigError("int8 runs by ONNX Runtime, which nothing compiles: choose one of the two")
    is_torch = guided or compiled
    choice = (
        EngineChoice("torch", None, precision) if is_torch else choose_engine(file, device=device, precision=precision)
    )
    if choice.export is not None:
        from panosod_core.inference.engine_onnx import OnnxEngine  # not before it is chosen: a tenth of a second

        return OnnxEngine(choice.export, precision=choice.precision, threads=threads)
    if "torch" not in sys.modules:
        # OpenMP reads it when torch is loaded. Threads that wait by spinning took five times the CPU time beside a
        # player on two cores, and took it from the player.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from panosod_core.inference.engine_torch import open_torch_engine  # seconds, so only where it is chosen
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise ConfigError(
            "this model has no exported graphs that ONNX Runtime could run, and torch is not installed: "
            + install_extra("model")
        ) from error
    return open_torch_engine(
        file, device=device, precision=choice.precision, threads=threads, guided=guided, compiled=compiled
    )
