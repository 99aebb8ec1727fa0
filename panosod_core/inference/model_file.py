"""A model's file as it describes itself, read without torch: its header and the hash that names it."""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.model.config import ModelConfig
from panosod_core.resources import demo_model_path

_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class ModelFile:
    """A .safetensors file of panosod that holds a whole network.

    Attributes:
        path: of the file.
        model_id: hexadecimal SHA-256 of all its bytes: the same weights have the same name wherever they lie.
        config: of the network.
        provenance: what made it, for people.
    """

    path: Path
    model_id: str
    config: ModelConfig
    provenance: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read the header and hash the file. The weights are checked by whoever loads them.

        Raises:
            CheckpointError: it is not there, no safetensors file, or not of panosod's kind `network`.
        """
        try:
            with path.open("rb") as file:
                header = _header(file.read(8), file.read, path)
                file.seek(0)
                model_id = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
        if header.get("format") != "panosod-model":
            raise CheckpointError(f"{path}: expected a model written by panosod, the header names no such format")
        if header.get("kind") != "network":
            raise CheckpointError(
                f"{path}: expected a model of kind network, this one is of kind {header.get('kind', 'unknown')}"
            )
        try:
            config = ModelConfig.from_json(json.loads(header["config"]))
            provenance = dict(json.loads(header.get("provenance", "{}")))
        except (KeyError, ValueError, TypeError, ConfigError) as error:
            raise CheckpointError(f"{path}: the header of this model cannot be used ({error})") from error
        return cls(path, model_id, config, provenance)


def demo_model() -> Path:
    """The model that comes with panosod.

    Raises:
        CheckpointError: this build carries none.
    """
    try:
        return demo_model_path()
    except FileNotFoundError as error:
        raise CheckpointError("this panosod carries no model of its own: name a .safetensors file") from error


def _header(start: bytes, read: Callable[[int], bytes], path: Path) -> dict[str, str]:
    """The metadata of a safetensors file: a length in 8 bytes, then JSON."""
    refused = CheckpointError(f"{path}: not a readable safetensors file (expected a model written by panosod)")
    if len(start) != 8:
        raise refused
    (length,) = struct.unpack("<Q", start)
    if length > _LONGEST_HEADER:
        raise refused
    try:
        metadata = json.loads(read(length)).get("__metadata__", {})
    except (ValueError, AttributeError) as error:
        raise refused from error
    if not isinstance(metadata, dict):
        raise refused
    return {str(key): str(value) for key, value in metadata.items()}
