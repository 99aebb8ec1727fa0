"""All that a run needs to go on as if it had never stopped: one safetensors file, written beside and renamed.

No generator's state is kept: chance is a function of seed and step (see ``run``), so there is none to keep.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from panosod_core.errors import CheckpointError
from panosod_core.model.weights import fit, read_header, read_safetensors, write_beside

STATE = "state.safetensors"
_FORMAT, _VERSION = "panosod-training-state", "1"


@dataclass
class Position:
    """How far a run is.

    Attributes:
        epoch: epochs done.
        in_epoch: optimiser steps done of the epoch after those.
        step: optimiser steps done in all.
        best: value of the best check; None before the first.
        best_epoch: after how many epochs it was.
        since_best: checks since then.
        damaged: unreadable samples met.
        drawn: samples drawn.
        seconds: spent in the loop, over all its parts.
        done: the run has ended by itself.
    """

    epoch: int = 0
    in_epoch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    since_best: int = 0
    damaged: int = 0
    drawn: int = 0
    seconds: float = 0.0
    done: bool = False


@dataclass(frozen=True)
class RunState:
    """What is saved beside weights: where the run is, and the plain values that it was started with."""

    position: Position
    settings: dict[str, Any]


def save_state(
    path: Path, state: RunState, *, module: nn.Module, optimiser: torch.optim.Optimizer, average: nn.Module | None
) -> None:
    """Write the state.

    Raises:
        CheckpointError: the file cannot be written.
    """
    tensors = {f"module.{name}": t for name, t in module.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": t for name, t in average.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": value for key, value in values.items()}
    stored = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "position": json.dumps(asdict(state.position)),
        "settings": json.dumps(state.settings),
    }
    write_beside(path, [save(stored, header)])


def read_state(path: Path) -> RunState:
    """What a state says of itself, without its weights.

    Raises:
        CheckpointError: it is none, or damaged.
    """
    header = read_header(path)
    if (header.get("format"), header.get("version")) != (_FORMAT, _VERSION):
        raise CheckpointError(f"{path}: expected a training state of version {_VERSION} written by panosod")
    try:
        return RunState(Position(**json.loads(header["position"])), dict(json.loads(header["settings"])))
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: the header of this state cannot be used ({error})") from error


def load_state(
    path: Path, *, module: nn.Module, optimiser: torch.optim.Optimizer, average: nn.Module | None
) -> RunState:
    """Bring module, optimiser and average to where they were.

    Raises:
        CheckpointError: as :func:`read_state`, or what it holds does not fit.
    """
    state = read_state(path)
    _, tensors = read_safetensors(path)
    fit(module, _under(tensors, "module."), source=str(path))
    if average is not None:
        fit(average, _under(tensors, "average."), source=f"{path}: average")
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(tensors, "optimiser.").items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = tensor
    whole = optimiser.state_dict()
    known = {i for group in whole["param_groups"] for i in group["params"]}
    if moments and set(moments) != known:
        raise CheckpointError(f"{path}: holds the optimiser of {len(moments)} tensors, expected {len(known)}")
    optimiser.load_state_dict({**whole, "state": moments})
    return state


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
