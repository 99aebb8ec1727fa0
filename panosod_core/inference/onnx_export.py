"""A model written as graphs for ONNX Runtime, and checked against torch before anybody may use it."""

import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from panosod_core.datasets.synthetic import SyntheticWindows
from panosod_core.datasets.windows import WindowSpec
from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.inference.engine_onnx import OnnxEngine
from panosod_core.inference.engine_protocol import CentreMap, Engine
from panosod_core.inference.engine_torch import prepared
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.onnx_graphs import graph_specs, write_graph
from panosod_core.inference.onnx_store import MANIFEST, Export, cache_folder
from panosod_core.model.checkpoint import load_network
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet

TOLERANCE = 1e-3
"""Greatest difference of a probability, and of a location map over its largest value, that an export may show."""
_CHECK_SEED = 1 << 42
"""Scenes that exports are checked with: neither of training nor of any test."""
_CHECKED = 3
_PACKAGES = ("panosod", "torch", "onnx", "onnxscript", "onnxruntime")
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Moment:
    """A window as an engine takes it.

    Attributes:
        pictures: (T, H, W, 3) uint8.
        sound: (C, n) float32; empty for a network without sound.
        labels: (H, W) uint8, ids of the objects of the middle picture.
        salient: ids of those that sound.
        twins: ids of the look-alikes.
    """

    pictures: NDArray[np.uint8]
    sound: NDArray[np.float32]
    labels: NDArray[np.uint8]
    salient: frozenset[int]
    twins: frozenset[int]


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
    """Greatest difference between an engine and whole windows in torch, on noise and on scenes.

    Raises:
        CheckpointError: it is above the tolerance.
    """
    found = [0.0]
    silence = replace(noise(network.config), sound=np.zeros_like(noise(network.config).sound))
    moments = [noise(network.config), silence, *scenes(network.config, _CHECKED, first_seed=_CHECK_SEED)]
    for moment in moments:
        saliency, location = whole_window(network, moment)
        got = engine_map(engine, moment)
        found.append(float(np.abs(got.saliency - saliency).max()))
        if location is not None and got.location is not None:
            found.append(float(np.abs(got.location - location).max() / max(1.0, np.abs(location).max())))
    worst = float(np.max(found))  # unlike max(), it does not lose what is not a number
    if not worst <= TOLERANCE:
        raise CheckpointError(
            f"the graphs differ from torch by {worst:.2g}, where at most {TOLERANCE:g} is allowed: not exported"
        )
    return worst


def noise(config: ModelConfig) -> Moment:
    """A window of noise: nothing that a network has seen."""
    rng = np.random.default_rng(0)
    size = (config.height_px, config.width_px)
    return Moment(
        rng.integers(0, 256, (config.window, *size, 3), np.uint8),
        (0.1 * rng.standard_normal((config.sound_channels, config.sound_samples))).astype(np.float32),
        np.zeros(size, np.uint8),
        frozenset(),
        frozenset(),
    )


def scenes(config: ModelConfig, count: int, *, first_seed: int) -> Iterator[Moment]:
    """Windows of synthetic scenes with their truth."""
    spec = WindowSpec(
        width=config.width_px,
        height=config.height_px,
        frames=config.window,
        step_s=config.frame_spacing_s,
        sound_s=config.sound_window_s,
        rate_hz=config.sound_rate_hz,
    )
    windows = SyntheticWindows(count, spec, first_seed=first_seed)
    centre = config.window_centre
    for index in range(count):
        batch = windows.render([index])
        pictures = (batch["frames"][0].permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
        sounding, twin = batch["sounding"][0, centre], batch["twin"][0]
        yield Moment(
            np.ascontiguousarray(pictures),
            batch["foa"][0, : config.sound_channels].numpy(),
            batch["labels"][0, centre].numpy(),
            frozenset((torch.nonzero(sounding).flatten() + 1).tolist()),
            frozenset((torch.nonzero(twin).flatten() + 1).tolist()),
        )


def whole_window(network: PanosodNet, moment: Moment) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The maps of the middle picture by :meth:`PanosodNet.forward`, which no graph was made of."""
    centre = network.config.window_centre
    frames = torch.from_numpy(moment.pictures).permute(0, 3, 1, 2)[None]
    sound = torch.from_numpy(moment.sound)[None] if network.config.fuses else None
    with torch.inference_mode():
        out = network.eval()(frames, sound).student
    location: NDArray[np.float32] | None = None
    if out.location is not None:
        location = out.location[0, centre, 0].numpy()
    return out.logits[0, centre, 0].sigmoid().numpy(), location


def engine_map(engine: Engine, moment: Moment) -> CentreMap:
    """The same by the parts of an engine."""
    seen = [engine.encode_frame(np.ascontiguousarray(picture)) for picture in moment.pictures]
    heard = engine.encode_sound(moment.sound) if engine.config.fuses else None
    summaries = [frame.summary for frame in seen if frame.summary is not None]
    return engine.centre_map(seen[engine.config.window_centre].own, summaries, heard)
