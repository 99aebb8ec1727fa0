"""A model written as graphs for ONNX Runtime, and checked against torch before anybody may use it."""

import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from panosod_core.datasets.synthetic import SyntheticWindows
from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.inference.engine_onnx import OnnxEngine
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.engine_weights import prepared
from panosod_core.inference.judging import window_map, window_spec
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.onnx_graphs import graph_specs, write_graph
from panosod_core.inference.onnx_int8 import compare, quantise
from panosod_core.inference.onnx_store import MANIFEST, Export, cache_folder
from panosod_core.model.checkpoint import load_network
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet

TOLERANCE = 1e-3
"""Greatest difference of a probability, and of a location map over its largest value, that an export may show."""
_CHECK_SEED = 1 << 42
"""Scenes that exports are checked with: neither of training nor of any test."""
_CHECKED = 3
_CALIBRATION_SEED = 5 << 40
CALIBRATED = 24
JUDGED = 60
"""Scenes: calibrated with, and judged on."""
_PACKAGES = ("panosod", "torch", "onnx", "onnxscript", "onnxruntime")
Say = Callable[[str], None]
_Moment: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Pictures (T, 3, H, W) in 0..1 and sound (4, n) of a window."""


def export_onnx(model: Path, *, out: Path | None = None, int8: bool = False, say: Say = lambda _: None) -> Export:
    """Write a model's graphs and check them against torch.

    Args:
        model: a .safetensors file of the kind `network`.
        out: folder; None: the cache folder, where :func:`panosod_core.inference.engine.open_engine` finds it. One that
            is there is replaced, once the new one is whole.
        int8: quantise too, and measure what it costs.
        say: told what is going on, a line each.

    Returns:
        What was written.

    Raises:
        CheckpointError: the model cannot be read, its maps differ, or the folder cannot be written.
        ConfigError: the folder is there and is no export.
    """
    file = ModelFile.read(model)
    network, _ = load_network(model, teacher=False)
    folder = cache_folder(file.model_id) if out is None else out
    if folder.exists() and not (folder / MANIFEST).exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: is there and holds other things; name a folder of its own for the graphs")
    beside = folder.with_name(f"{folder.name}.part{os.getpid()}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        export = Export(
            folder=beside,
            model_id=file.model_id,
            config=file.config,
            difference=float("nan"),
            int8=None,
            versions={name: importlib.metadata.version(name) for name in _PACKAGES},
        )
        _write_graphs(network, export, say)
        say("checking the graphs against torch")
        export = replace(export, difference=_checked(network, OnnxEngine(export, threads=1)))
        if int8:
            export = _with_int8(export, say)
        _finish(export, folder)
    except OSError as error:
        raise CheckpointError(f"{folder}: the graphs cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return replace(export, folder=folder)


def _write_graphs(network: PanosodNet, export: Export, say: Say) -> None:
    metadata = {
        "panosod.model_id": export.model_id,
        "panosod.config": json.dumps(export.config.to_json()),
        **{f"version.{name}": version for name, version in export.versions.items()},
    }
    for name, spec in graph_specs(prepared(network, torch.float32)).items():
        say(f"writing the graph {name!r}")
        write_graph(spec, export.folder / f"{name}.onnx", metadata=metadata)


def _with_int8(export: Export, say: Say) -> Export:
    say("quantising")
    config = export.config
    calibrating = _scenes(config, CALIBRATED, first_seed=_CALIBRATION_SEED)
    quantise(export, [(_bytes(pictures), sound[: config.sound_channels]) for pictures, sound in calibrating])
    say(f"comparing int8 with float32 on {JUDGED} scenes")
    return replace(export, int8=compare(export, count=JUDGED))


def _finish(export: Export, folder: Path) -> None:
    """Make sure of what was written, then put it in its place in one step, or two where another was there."""
    (export.folder / MANIFEST).write_text(json.dumps(export.manifest(), indent=1), encoding="utf-8")
    for path in export.folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    old = folder.with_name(f"{folder.name}.old{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    export.folder.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _checked(network: PanosodNet, engine: Engine) -> float:
    """Greatest difference between an engine and whole windows in torch, on noise, in silence and on scenes.

    Raises:
        CheckpointError: it is above the tolerance.
    """
    pictures, sound = _noise(network.config)
    found = [0.0]
    moments = [(pictures, sound), (pictures, 0 * sound), *_scenes(network.config, _CHECKED, first_seed=_CHECK_SEED)]
    for pictures, sound in moments:
        saliency, location = _whole_window(network, pictures, sound)
        got = window_map(engine, pictures, sound)
        found.append(float(np.abs(got.saliency - saliency).max()))
        if location is not None and got.location is not None:
            found.append(float(np.abs(got.location - location).max() / max(1.0, np.abs(location).max())))
    worst = float(np.max(found))  # unlike max(), it does not lose what is not a number
    if not worst <= TOLERANCE:
        raise CheckpointError(
            f"the graphs differ from torch by {worst:.2g}, where at most {TOLERANCE:g} is allowed: not exported"
        )
    return worst


def _noise(config: ModelConfig) -> _Moment:
    """A window of noise: nothing that a network has seen."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (config.window, 3, config.height_px, config.width_px)) / np.float32(255)
    sound = 0.1 * rng.standard_normal((4, config.sound_samples))
    return pictures.astype(np.float32), sound.astype(np.float32)


def _scenes(config: ModelConfig, count: int, *, first_seed: int) -> Iterator[_Moment]:
    """Windows of synthetic scenes."""
    scenes = SyntheticWindows(count, window_spec(config), first_seed=first_seed)
    for index in range(count):
        batch = scenes[index]
        yield batch["frames"][0].numpy(), batch["foa"][0].numpy()


def _bytes(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(T, 3, H, W) in 0..1 to (T, H, W, 3) in 0..255."""
    return np.ascontiguousarray(np.rint(pictures.transpose(0, 2, 3, 1) * 255), dtype=np.uint8)


def _whole_window(
    network: PanosodNet, pictures: NDArray[np.float32], sound: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The maps of the middle picture by :meth:`PanosodNet.forward`, of which no graph was made."""
    centre = network.config.window_centre
    frames = torch.from_numpy(_bytes(pictures)).permute(0, 3, 1, 2)[None]
    with torch.inference_mode():
        out = network.eval()(frames, torch.from_numpy(sound)[None] if network.config.fuses else None).student
    location: NDArray[np.float32] | None = None
    if out.location is not None:
        location = out.location[0, centre, 0].numpy()
    saliency: NDArray[np.float32] = out.logits[0, centre, 0].sigmoid().numpy()
    return saliency, location
