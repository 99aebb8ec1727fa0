"""Weights as files see them: named tensors, read without running anything, fitted strictly. No pickle is trusted."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from panosod_core.errors import CheckpointError

_SHOWN = 4


def read_safetensors(path: Path, *, skip: tuple[str, ...] = ()) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors of a safetensors file.

    Args:
        path: of the file.
        skip: prefixes of tensors that are not read.

    Returns:
        The metadata and the tensors by name.

    Raises:
        CheckpointError: it is not there, is a pickle, is damaged, or holds numbers that are not finite.
    """
    refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith(skip)]  # noqa: SIM118 - not a mapping
            tensors = {name: file.get_tensor(name) for name in names}
            header = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from error
    check_finite(tensors, path)
    return header, tensors


def read_header(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, without its tensors.

    Raises:
        CheckpointError: as :func:`read_safetensors`.
    """
    refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from error


def refuse_pickle(path: Path) -> None:
    """Stop at files that PyTorch would unpickle, which may run code of a stranger.

    Raises:
        CheckpointError: the file is a pickle or a zip of them, or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be opened ({error.strerror})") from error
    # A zip, or a pickle of protocol 2 and later. A safetensors file starts with a 64-bit length below 100 MB and "{".
    if start.startswith((b"PK\x03\x04", b"\x80")) and start[4:] != b"\0\0\0\0{":
        raise CheckpointError(
            f"{path}: a pickle (.pt, .pth, .ckpt), which may run code and is never loaded as a model; "
            "expected a .safetensors file written by panosod"
        )


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Stop at weights that are not numbers.

    Raises:
        CheckpointError: naming the first of them.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite; the file is damaged or diverged")


def fit(module: nn.Module, tensors: Mapping[str, Tensor], *, source: str, optional: tuple[str, ...] = ()) -> None:
    """Put tensors into a module, all of them and nothing else.

    Args:
        module: that takes them, converted to its own types.
        tensors: by the names of the module's state.
        source: named in the error.
        optional: endings of names that may be missing.

    Raises:
        CheckpointError: names that are missing, unknown, or of another shape.
    """
    state = module.state_dict()
    missing = [n for n in state if n not in tensors and not n.endswith(optional or ("\0",))]
    unknown = [n for n in tensors if n not in state]
    differing = [
        f"{n} {tuple(t.shape)} where {tuple(state[n].shape)} is expected"
        for n, t in tensors.items()
        if n in state and state[n].shape != t.shape
    ]
    problems = [
        _listed(what, names)
        for what, names in (("missing", missing), ("unknown", unknown), ("of another shape", differing))
        if names
    ]
    if problems:
        raise CheckpointError(f"{source}: weights do not fit: {'; '.join(problems)}")
    module.load_state_dict(dict(tensors), strict=not optional)


def _listed(what: str, names: list[str]) -> str:
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{rest})"


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


def write_beside(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file beside its place, make sure of it, and rename; what was there before stays until then.

    Raises:
        CheckpointError: it cannot be written (a full disk, a missing folder).
    """
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written ({error.strerror})") from error
