"""Weights to begin with, and what a model file says of where it came from."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch

from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.model.ablations import with_sound
from panosod_core.model.acoustic import AcousticDetector
from panosod_core.model.checkpoint import load_part, read_info
from panosod_core.model.config import ModelConfig, Sound
from panosod_core.model.imagenet import load_imagenet
from panosod_core.model.network import PanosodNet
from panosod_core.model.weights import sha256_of
from panosod_core.training.job import Job, StartWeights
from panosod_core.training.run import Run

IMAGE_PARTS = ("visual", "temporal", "decoder")
"""What the image stage hands on."""
ACOUSTIC_PARTS = ("acoustic",)
"""What the acoustic stage hands on."""


def image_config(config: ModelConfig) -> ModelConfig:
    """The part of a network that the image stage trains: no sound, no fusion, no teacher, windows of one frame."""
    return replace(with_sound(config, Sound.NONE), window=1)


def load_start(network: PanosodNet | AcousticDetector, start: StartWeights) -> dict[str, Any]:
    """Put the weights of files into a network.

    Returns:
        What was loaded, for the record.

    Raises:
        CheckpointError: a file cannot be read or does not fit.
        ConfigError: a file that this stage has no place for.
    """
    loaded: dict[str, Any] = {}
    parts = {name for name, _ in network.named_children()}
    if start.model is not None:
        info = read_info(start.model)
        if isinstance(network, AcousticDetector) != (info.kind == "acoustic"):
            raise CheckpointError(f"{start.model}: is of kind {info.kind}, which is not what this stage trains")
        if "teacher" in parts and not info.config.teacher:
            parts -= {"teacher"}  # begins at random
        load_part(network, start.model, parts=tuple(sorted(parts)))
        loaded |= {"model": start.model.name, "model_sha256": sha256_of(start.model)}
    if start.imagenet is not None:
        if not isinstance(network, PanosodNet):
            raise ConfigError("the acoustic stage has no place for ImageNet weights")
        loaded |= load_imagenet(network.visual.backbone, start.imagenet).to_json()
    for name, path, wanted in (("image", start.image, IMAGE_PARTS), ("acoustic", start.acoustic, ACOUSTIC_PARTS)):
        if path is None:
            continue
        here = tuple(part for part in wanted if part in parts)
        if not here:
            raise ConfigError(f"this network has no part that --start-{name} could begin")
        load_part(network, path, parts=here)
        loaded |= {name: path.name, f"{name}_sha256": sha256_of(path)}
    return loaded


def hold_back(network: PanosodNet, *, learning: Sequence[str]) -> None:
    """Let some parts of a network learn and no others.

    Raises:
        ConfigError: a part that the network does not have.
    """
    parts = dict(network.named_children())
    unknown = [name for name in learning if name not in parts]
    if unknown:
        raise ConfigError(f"this network has no part {', '.join(unknown)}; it has {', '.join(parts)}")
    for name, part in parts.items():
        if name not in learning:
            part.requires_grad_(False)


def machine(device: torch.device) -> dict[str, str]:
    """Where a model was made: the same weights come again on the same one. An id says which, without its name."""
    kind = f"{platform.system()} {platform.machine()}"
    if device.type == "cuda":
        kind += f", {torch.cuda.get_device_name(device)}"
    return {"id": hashlib.sha256(f"panosod {platform.node()} {kind}".encode()).hexdigest()[:12], "kind": kind}


def provenance(job: Job, run: Run[Any], loaded: dict[str, Any]) -> dict[str, Any]:
    """What made a model: for the header of its file."""
    return {
        "panosod": version("panosod"),
        "torch": torch.__version__,
        "machine": machine(run.world.device),
        "settings": job.settings(),
        "start": loaded,
        "steps": run.position.step,
        "epochs": run.position.epoch,
        "seconds": round(run.position.seconds, 1),
        "processes": run.world.size,
        "average": run.average is not None,
    }
