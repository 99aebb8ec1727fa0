"""Models as files: safetensors with the config, what made them and how good they are in the header."""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.model.acoustic import AcousticDetector
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet
from panosod_core.model.weights import fit, read_header, read_safetensors, write_beside

FORMAT = "panosod-model"
VERSION = 1
_TEACHER = "teacher."


@dataclass(frozen=True)
class CheckpointInfo:
    """What a model file says of itself.

    Attributes:
        kind: `network` (the whole), or `acoustic` (the encoder with its detection layers).
        config: of the network.
        provenance: what made it: data, recipe, seed, commit, hash of the ImageNet weights. Free, for people.
        metrics: numbers by name.
        classes: of the detection layers of an acoustic model.
        overlaps: events of one class at once, there.
    """

    kind: str
    config: ModelConfig
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    classes: int = 0
    overlaps: int = 0


def save_checkpoint(
    path: Path,
    module: PanosodNet | AcousticDetector,
    *,
    provenance: dict[str, Any] | None = None,
    metrics: dict[str, float] | None = None,
    half: bool = False,
) -> None:
    """Write a model beside ``path`` and rename.

    Args:
        path: ends in .safetensors.
        module: the model; its device and mode do not matter.
        provenance: anything that JSON can hold.
        metrics: numbers; those that are not finite become null.
        half: weights of matrices and convolutions in 16 bits; vectors (biases, norms, statistics) stay in 32.

    Raises:
        CheckpointError: the file cannot be written, or the weights are not finite (in 16 bits).
        ValueError: another ending.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"a model file ends in .safetensors, got {path}")
    tensors = {name: _stored(tensor, half) for name, tensor in module.state_dict().items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: not written, because {name} is not finite" + (" in 16 bits" * half))
    numbers = {name: value if math.isfinite(value) else None for name, value in (metrics or {}).items()}
    header = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "kind": "network" if isinstance(module, PanosodNet) else "acoustic",
        "config": json.dumps(module.config.to_json()),
        "provenance": json.dumps(provenance or {}),
        "metrics": json.dumps(numbers, allow_nan=False),
    }
    if isinstance(module, AcousticDetector):
        header |= {"classes": str(module.classes), "overlaps": str(module.overlaps)}
    write_beside(path, [save(tensors, header)])


def _stored(tensor: Tensor, half: bool) -> Tensor:
    stored = tensor.detach().cpu()
    if half and stored.is_floating_point() and stored.ndim >= 2:
        stored = stored.half()
    return stored.contiguous()


def read_info(path: Path) -> CheckpointInfo:
    """What a model file says of itself, without its weights.

    Raises:
        CheckpointError: no model file of panosod, made by a newer one, or damaged.
    """
    return _info(read_header(path), path)


def _info(header: dict[str, str], path: Path) -> CheckpointInfo:
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path}: expected a model written by panosod, the header names no format {FORMAT!r}")
    try:
        version = int(header["format_version"])
        if version > VERSION:
            raise CheckpointError(f"{path}: made by a newer panosod (format {version}, this one reads {VERSION})")
        kind = header["kind"]
        if kind not in ("network", "acoustic"):
            raise ValueError(f"unknown kind {kind!r}")
        config, provenance, metrics = (_object(header[key], key) for key in ("config", "provenance", "metrics"))
        return CheckpointInfo(
            kind=kind,
            config=ModelConfig.from_json(config),
            provenance=provenance,
            metrics={name: math.nan if value is None else float(value) for name, value in metrics.items()},
            classes=int(header.get("classes", 0)),
            overlaps=int(header.get("overlaps", 0)),
        )
    except (KeyError, ValueError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: the header of this model cannot be used ({error})") from error


def _object(text: str, key: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is no JSON object")
    return value


def load_network(
    path: Path, *, teacher: bool = True, device: torch.device | str = "cpu"
) -> tuple[PanosodNet, CheckpointInfo]:
    """A network as it was saved, in evaluation mode and single precision.

    Args:
        path: of the file.
        teacher: False leaves the teacher in the file: plain inference does not need it.
        device: where the network goes.

    Returns:
        The network, whose config says whether it has a teacher, and what the file says of itself.

    Raises:
        CheckpointError: as :func:`read_info`, or weights that do not fit the config, named.
    """
    info = _expect(path, "network")
    _, tensors = read_safetensors(path, skip=() if teacher else (_TEACHER,))
    network = PanosodNet(info.config if teacher else replace_teacher(info.config))
    fit(network, tensors, source=str(path))
    return network.to(device).eval(), info


def replace_teacher(config: ModelConfig) -> ModelConfig:
    """The config of the same student without a teacher."""
    return replace(config, teacher=False)


def load_detector(path: Path, *, device: torch.device | str = "cpu") -> tuple[AcousticDetector, CheckpointInfo]:
    """The model of the acoustic stage as it was saved, in evaluation mode.

    Raises:
        CheckpointError: as :func:`load_network`.
    """
    info = _expect(path, "acoustic")
    if not info.config.sound_channels or info.classes < 1 or info.overlaps < 1:
        raise CheckpointError(f"{path}: the header of this acoustic model names no sound or no classes")
    _, tensors = read_safetensors(path)
    detector = AcousticDetector(info.config, classes=info.classes, overlaps=info.overlaps)
    fit(detector, tensors, source=str(path))
    return detector.to(device).eval(), info


def _expect(path: Path, kind: str) -> CheckpointInfo:
    info = read_info(path)
    if info.kind != kind:
        raise CheckpointError(f"{path}: expected a model of kind {kind}, this one is of kind {info.kind}")
    return info


def load_part(network: nn.Module, path: Path, *, parts: tuple[str, ...]) -> CheckpointInfo:
    """Take over whole parts of another model: what one stage of training hands to the next.

    Args:
        network: whose parts are overwritten; the rest stays as it is.
        path: a model of panosod, of either kind.
        parts: names of submodules, such as `acoustic`, or `visual` and `decoder`.

    Returns:
        What the file says of itself.

    Raises:
        CheckpointError: the file lacks a part, or its weights do not fit.
        ValueError: the network has no such part.
    """
    info = read_info(path)
    _, tensors = read_safetensors(path)
    chosen: list[tuple[nn.Module, dict[str, Tensor], str]] = []
    for part in parts:
        if part not in dict(network.named_children()):
            raise ValueError(f"the network has no part {part!r}")
        own = {n.removeprefix(part + "."): t for n, t in tensors.items() if n.startswith(part + ".")}
        if not own:
            raise CheckpointError(f"{path}: holds no part {part!r}")
        chosen.append((network.get_submodule(part), own, f"{path}: {part}"))
    for module, own, source in chosen:
        fit(module, own, source=source)
    return info
