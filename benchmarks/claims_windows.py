"""Windows of synthetic scenes, rendered once and shared by all runs: pictures as bytes, sound as 16-bit numbers."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from panosod_core.datasets.augment import Augmentation
from panosod_core.datasets.synthetic import SyntheticWindows
from panosod_core.datasets.windows import WindowSpec
from panosod_core.synth.scene_config import SceneConfig

FULL_SCALE = 32767
_PARTS = ("frames", "foa", "labels", "sounding", "twin", "present", "directions", "radius_rad")


@dataclass(frozen=True)
class WindowSetSpec:
    """A set of windows; equal values are the same windows, wherever they are rendered."""

    count: int
    first_seed: int
    window: WindowSpec
    scene: SceneConfig

    @property
    def key(self) -> str:
        said = json.dumps([self.count, self.first_seed, asdict(self.window), self.scene.to_json()], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class WindowSet:
    """N windows of T frames with up to K objects; slot k is the object of id k + 1.

    Attributes:
        frames: (N, T, 3, H, W) uint8.
        foa: (N, 4, n) int16, ACN/SN3D.
        labels: (N, T, H, W) uint8, id of the object in front, 0 background.
        sounding: (N, T, K) bool.
        twin, present: (N, K) bool.
        directions: (N, T, K, 3) float32.
        radius_rad: (N, K) float32.
    """

    frames: Tensor
    foa: Tensor
    labels: Tensor
    sounding: Tensor
    twin: Tensor
    present: Tensor
    directions: Tensor
    radius_rad: Tensor

    def __len__(self) -> int:
        return len(self.frames)


def window_set(spec: WindowSetSpec, cache: Path) -> WindowSet:
    """The set from its file, rendered first where there is none."""
    path = cache / f"windows-{spec.key}.safetensors"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        parts: list[dict[str, Any]] = list(_rendered(spec))
        beside = path.with_suffix(f".{os.getpid()}")
        save_file({name: torch.cat([part[name] for part in parts]).contiguous() for name in _PARTS}, beside)
        beside.replace(path)
    return WindowSet(**load_file(path))


def _rendered(spec: WindowSetSpec) -> Iterator[dict[str, Any]]:
    windows = SyntheticWindows(spec.count, spec.window, config=spec.scene, first_seed=spec.first_seed)
    for first in range(0, spec.count, 4):
        batch: dict[str, Any] = dict(windows.render(range(first, min(first + 4, spec.count))))
        batch["frames"] = (batch["frames"] * 255).round().to(torch.uint8)
        batch["foa"] = (batch["foa"] * FULL_SCALE).round().to(torch.int16)
        yield {name: batch[name].cpu() for name in _PARTS}


def masks_of(windows: WindowSet, index: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """(B, T, H, W) float32: the sounding objects of some windows at some of their frames."""
    places = list(offsets)
    labels, sounding = windows.labels[index][:, places], windows.sounding[index][:, places]
    table = torch.cat([torch.zeros_like(sounding[..., :1]), sounding], dim=-1).float()
    flat = torch.gather(table.flatten(0, 1), 1, labels.flatten(2).flatten(0, 1).long())
    return flat.view(labels.shape)


def batch_of(
    windows: WindowSet, index: Tensor, *, offsets: tuple[int, ...], how: tuple[Augmentation, ...] | None = None
) -> dict[str, Tensor]:
    """What a learner takes, of some windows.

    Args:
        windows: of the set.
        index: (B,) which of them.
        offsets: frames of the stored windows that are used.
        how: a transformation of each window's world; None: none.
    """
    frames = windows.frames[index][:, list(offsets)]
    foa = windows.foa[index].float() / FULL_SCALE
    masks = masks_of(windows, index, offsets)
    if how is not None:
        frames = torch.stack([moved(x, h) for x, h in zip(frames, how, strict=True)])
        masks = torch.stack([moved(x, h) for x, h in zip(masks, how, strict=True)])
        foa = torch.stack([turned(x, h) for x, h in zip(foa, how, strict=True)])
    valid = torch.ones(masks.shape[:2], dtype=torch.bool)
    return {"frames": frames, "foa": foa, "masks": masks, "mask_valid": valid}


def moved(picture: Tensor, how: Augmentation) -> Tensor:
    """Pictures (..., H, W) in the transformed world."""
    out = picture.roll(round(how.turn * picture.shape[-1]), -1)
    flips = [axis for axis, on in ((-1, how.mirrored), (-2, how.flipped)) if on]
    return out.flip(flips) if flips else out


def turned(foa: Tensor, how: Augmentation) -> Tensor:
    """First-order sound (..., 4, n) in the transformed world."""
    # Channels W Y Z X: Y, Z and X turn as the coordinates y, z and x do.
    order = [1, 2, 0]
    matrix = torch.eye(4)
    matrix[1:, 1:] = torch.from_numpy(how.matrix()[np.ix_(order, order)])
    return matrix @ foa
