"""One row with one seed: trained from scratch and judged on unseen scenes, on one thread; results are kept."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from claims_plan import TESTS, TRAINING, WINDOW, Row
from claims_scores import choice_right, peak_errors_deg, turning_errors
from claims_windows import WindowSet, batch_of, moved, turned, window_set
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from panosod_core.datasets.augment import Augmentation, AugmentConfig, draw_augmentation
from panosod_core.metrics.measure import measure, to_levels
from panosod_core.model.config import Gate, ModelConfig
from panosod_core.model.network import PanosodNet, build_network
from panosod_core.training.learners import VideoLearner
from panosod_core.training.optimiser import build_optimiser, rate_factor, set_rate

WORLDS = AugmentConfig(yaw=True, left_right=0.5, up_down=0.5)
TURNS = (0.25, 0.4375)
"""By which a test turns the world: a quarter, and an odd number of half feature pixels."""
SHIFTS = (64, 128, 192)
"""How many windows further the sound is taken from that a shuffled window hears: three of them, for less chance."""
SIGN_WINDOWS = 64
JUDGE = 2
"""To be raised when :func:`judge` changes."""
_EVAL_BATCH = 32


def frames_used(config: ModelConfig) -> tuple[int, ...]:
    """Places in a stored window of the frames that a network takes: the moment itself stays the same."""
    first = WINDOW.target - config.window_centre
    return tuple(range(first, first + config.window))


@dataclass(frozen=True)
class Done:
    """A row that was trained with a seed.

    Attributes:
        network: ready to be judged.
        record: what is known of it: ``steps``, ``train_cpu_s``, ``curve``, ``sign``, and ``tests`` by set.
    """

    network: PanosodNet
    record: dict[str, Any]


def run(row: Row, seed: int, cache: Path) -> dict[str, Any]:
    """The record of a row and a seed; what is in the cache is not done again."""
    name = f"{row.key()}-seed{seed}"
    told, weights = cache / f"{name}.json", cache / f"{name}.safetensors"
    record = json.loads(told.read_text()) if told.exists() else {}
    missing = [test for test in row.tests if record.get("tests", {}).get(test, {}).get("set") != judged_as(test)]
    if record and not missing:
        return dict(record)
    torch.set_num_threads(1)
    training = window_set(TRAINING[row.training], cache)
    if record and weights.exists():
        network = build_network(row.model, seed=seed)
        network.load_state_dict(load_file(weights))
    else:
        network, record = train(row, seed, training)
        _written(weights, lambda path: save_file(network.state_dict(), path))
    network.eval()
    tests = record.setdefault("tests", {})
    for test in missing:
        began = time.process_time()
        scores = judge(network, window_set(TESTS[test], cache), sign=record["sign"])
        tests[test] = {"set": judged_as(test), "cpu_s": round(time.process_time() - began, 1), **scores}
    _written(told, lambda path: path.write_text(json.dumps(record, indent=1)))
    return record


def judged_as(test: str) -> str:
    """A name for a set and for the way in which it is judged: records of another one are judged anew."""
    return f"{TESTS[test].key}-{JUDGE}"


def _written(path: Path, write: Any) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    write(beside)
    beside.replace(path)


def train(row: Row, seed: int, windows: WindowSet) -> tuple[PanosodNet, dict[str, Any]]:
    """Train a row from scratch; the seed sets weights, order, and the worlds' turns."""
    recipe, config = row.recipe, row.model
    torch.manual_seed(seed)
    began = time.process_time()
    network = build_network(config, seed=seed)
    learner = VideoLearner(network, row.loss).train()
    if network.teacher is not None and not row.loss.distill:
        network.teacher.requires_grad_(False)
    optimiser = build_optimiser(learner, recipe)
    # Order and worlds of a seed are the same for all rows.
    rng = np.random.default_rng(seed)
    places, curve, told = frames_used(config), [], 0.0
    passes = -(-recipe.max_steps * recipe.batch // len(windows))
    order = torch.from_numpy(np.concatenate([rng.permutation(len(windows)) for _ in range(passes)]))
    for step in range(recipe.max_steps):
        index = order[step * recipe.batch :][: recipe.batch]
        how = tuple(draw_augmentation(WORLDS, rng, width=WINDOW.width) for _ in index)
        batch = batch_of(windows, index, offsets=places, how=how)
        set_rate(optimiser, recipe.lr * rate_factor(step, recipe.max_steps, recipe))
        parts = learner(batch, step)
        optimiser.zero_grad(set_to_none=True)
        parts.total.backward()
        if recipe.clip:
            torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
        optimiser.step()
        told += float(parts.student.detach())
        if (step + 1) % recipe.log_every == 0:
            curve.append(round(told / recipe.log_every / config.window, 4))
            told = 0.0
    network.eval()
    record = {
        "row": row.name,
        "seed": seed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": recipe.max_steps,
        "curve": curve,
        "sign": location_sign(network, windows),
        "train_cpu_s": round(time.process_time() - began, 1),
    }
    return network, record


@torch.inference_mode()
def location_sign(network: PanosodNet, windows: WindowSet) -> float:
    """Which way up the location map is read: 1 or -1, by training windows.

    Eq. 4 multiplies two factors of free sign, so that a literal gate may learn either. A sigmoid's map is read as it
    is: where it is high, the gate is open.
    """
    config = network.config
    if not config.location_branch or not config.fuses or config.gate is Gate.SIGMOID:
        return 1.0
    index = torch.arange(min(SIGN_WINDOWS, len(windows)))
    _, locations = maps_of(network, windows, index)
    if locations is None:
        return 1.0
    errors = {sign: float(np.median(_place_errors(sign * locations, windows, index))) for sign in (1.0, -1.0)}
    return min(errors, key=lambda sign: errors[sign])


@torch.inference_mode()
def maps_of(
    network: PanosodNet, windows: WindowSet, index: Tensor, *, turn: float = 0.0, shift: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Saliency (B, H, W) and location maps (B, h, w) of the middle frames of some windows.

    Args:
        network: in evaluation mode.
        windows: the set.
        index: which.
        turn: the world is turned first, and the saliency back; the location map is then left out.
        shift: each window hears the one so many further in the set.
    """
    config = network.config
    batch = batch_of(windows, index, offsets=frames_used(config))
    frames = moved(batch["frames"], Augmentation(turn))
    heard = batch["foa"]
    if shift:
        others = (index + shift) % len(windows)
        heard = batch_of(windows, others, offsets=frames_used(config))["foa"]
    out = network(frames, turned(heard, Augmentation(turn)) if config.fuses else None).student
    maps = moved(out.logits[:, config.window_centre, 0].sigmoid(), Augmentation((1 - turn) % 1))
    location = None if out.location is None or turn else out.location[:, config.window_centre, 0].numpy()
    return maps.numpy(), location


def judge(network: PanosodNet, windows: WindowSet, *, sign: float) -> dict[str, float]:
    """Mean scores on a set.

    Returns:
        ``chosen``: share of windows whose sounding object is chosen among its look-alikes (without any: among all);
        ``shuffled``: the same with other windows' sound; ``chance``; ``f``, ``s``, ``e``, ``mae``; ``peak_deg``: median
        error of the location map's peak; ``map_peak_deg``: of the saliency map's; ``turning``: see
        :func:`claims_scores.turning_errors`.
    """
    sums: dict[str, list[NDArray[np.float64]]] = {}
    for first in range(0, len(windows), _EVAL_BATCH):
        index = torch.arange(first, min(first + _EVAL_BATCH, len(windows)))
        for name, values in _judged(network, windows, index, sign=sign).items():
            sums.setdefault(name, []).append(values)
    scores = {name: np.concatenate(values) for name, values in sums.items()}
    middle = {name: float(np.median(v)) for name, v in scores.items() if name.endswith("_deg")}
    return {name: float(v.mean()) for name, v in scores.items() if name not in middle} | middle


def _judged(
    network: PanosodNet, windows: WindowSet, index: Tensor, *, sign: float
) -> Mapping[str, NDArray[np.float64]]:
    moment = WINDOW.target
    labels = windows.labels[index, moment].numpy()
    sounding = windows.sounding[index, moment].numpy()
    twins, present = windows.twin[index].numpy(), windows.present[index].numpy()
    candidates = np.where(twins.any(1, keepdims=True), twins, present)
    maps, location = maps_of(network, windows, index)
    truth = np.take_along_axis(np.pad(sounding, ((0, 0), (1, 0))), labels.reshape(len(index), -1).astype(int), axis=1)
    four = measure(to_levels(maps), truth.reshape(labels.shape))
    out = {
        "chosen": choice_right(maps, labels, candidates, sounding),
        "chance": sounding.sum(1) / candidates.sum(1),
        **{name: np.asarray(getattr(four, name), np.float64) for name in ("f", "s", "e", "mae")},
        "map_peak_deg": _place_errors(maps, windows, index),
    }
    if location is not None:
        out["peak_deg"] = _place_errors(sign * location, windows, index)
    if network.config.fuses:
        others = [maps_of(network, windows, index, shift=shift)[0] for shift in SHIFTS]
        out["shuffled"] = np.mean([choice_right(o, labels, candidates, sounding) for o in others], axis=0)
    turns = [turning_errors(maps, maps_of(network, windows, index, turn=turn)[0]) for turn in TURNS]
    return out | {"turning": np.mean(turns, axis=0)}


def _place_errors(maps: NDArray[np.floating], windows: WindowSet, index: Tensor) -> NDArray[np.float64]:
    moment = WINDOW.target
    return peak_errors_deg(maps, windows.directions[index, moment].numpy(), windows.sounding[index, moment].numpy())
