"""What a finetuning run learns from: the corrected windows, and others among them against forgetting."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from panosod_core.datasets.augment import AugmentConfig
from panosod_core.datasets.index import Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.synthetic import SyntheticWindows
from panosod_core.datasets.windows import WindowSpec
from panosod_core.model.config import ModelConfig
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.batches import Samples, Source
from panosod_core.training.config import TrainConfig
from panosod_core.training.data import DataConfig, Sources, window_sources
from panosod_core.training.finetune_colours import Colours, colours_of, in_colours

AUGMENT = AugmentConfig(yaw=True, left_right=0.5)
_KEPT = ("frames", "foa", "masks", "frame_valid", "mask_valid", "has_sound")
_LEAST_PASS = 32
"""Windows of a pass at least: few corrected windows are gone through more than once before the next check."""
_OWN_OF_A_CLIP, _MOST_OWN = 0.1, 0.3
"""Share of corrected windows for each clip that they are of, and at most."""
_SCENE_SEED, _SEEDS_APART = 1 << 32, 1 << 64
"""Scenes of finetuning come from seeds that no other training, check or test takes, every job's seed has its own."""


@dataclass(frozen=True)
class Mix:
    """What comes among the corrected windows.

    Attributes:
        share: of the windows of a pass; None: by how many clips were corrected, :func:`share_by_clips`.
        folder: data set whose training part they come from; None: synthetic scenes, fresh in every pass.
        scene: what those hold.
        windows: most of a pass, of both kinds.
        seed: of the order.
        recoloured: share of them that is shown in the colours of a corrected window.
    """

    share: float | None
    folder: Path | None
    scene: SceneConfig
    windows: int
    seed: int
    recoloured: float = 0.0


def share_by_clips(count: int) -> float:
    """What is mixed in where so many clips were corrected: few things in one look are soon known by heart."""
    return 1.0 - min(_MOST_OWN, _OWN_OF_A_CLIP * count)


class Mixed:
    """Windows of two kinds in fixed shares; each kind is gone through evenly over the passes, in an order by seed.

    Of the others some are shown in the colours of a corrected window.
    """

    def __init__(self, own: Source[Any], other: Source[Any] | None, mix: Mix) -> None:
        """Mix two sources; without another one all is the own.

        Args:
            own: the corrected windows.
            other: what is mixed in.
            mix: how; its share is known by now.
        """
        self._own, self._other, self._seed, self._recoloured = own, other, mix.seed, mix.recoloured
        self._colours: dict[int, Colours] = {}
        self._share = (mix.share or 0.0) if other is not None else 0.0
        self._count = min(mix.windows, max(_LEAST_PASS, math.ceil(len(own.samples) / (1 - self._share))))
        self._epoch = 0

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Go on to another pass."""
        self._epoch, self._colours = epoch, {}
        self._own.samples.set_epoch(epoch)
        if self._other is not None:
            self._other.samples.set_epoch(epoch)

    def place(self, index: int) -> tuple[bool, int]:
        """Whether an index is one of the others, and which sample of its kind it is in this pass."""
        before, after = int(index * self._share), int((index + 1) * self._share)
        is_other = after > before
        others = int(self._count * self._share)
        per_epoch = others if is_other else self._count - others
        rank = before if is_other else index - before
        source = self._other if is_other and self._other is not None else self._own
        turn, step = divmod(self._epoch * per_epoch + rank, len(source.samples))
        order = np.random.default_rng([self._seed, is_other, turn]).permutation(len(source.samples))
        return is_other, int(order[step])

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        is_other, place = self.place(index)
        source = self._other if is_other and self._other is not None else self._own
        batch: Mapping[str, Any] = source.stack([source.samples[place]])
        chance = np.random.default_rng([self._seed, 2, self._epoch, index])
        if is_other and chance.random() < self._recoloured:
            wanted = self._colours_of(int(chance.integers(len(self._own.samples))))
            return {**batch, "frames": in_colours(batch["frames"], wanted, chance)}
        return batch

    def _colours_of(self, place: int) -> Colours:
        """Of a corrected window as it is turned in this pass: a run that goes on comes to the same last bits."""
        if place not in self._colours:
            self._colours[place] = colours_of(self._own.stack([self._own.samples[place]])["frames"])
        return self._colours[place]


def join(batches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One batch of several, of what all kinds of windows have."""
    joined: dict[str, Any] = {name: torch.cat([batch[name] for batch in batches]) for name in _KEPT}
    return joined | {"meta": [meta for batch in batches for meta in batch["meta"]]}


def mixed_sources(mix: Mix) -> Callable[[DataConfig, ModelConfig, TrainConfig, torch.device], Sources]:
    """A maker of windows for :func:`panosod_core.training.video.train_video`."""

    def sources(data: DataConfig, model: ModelConfig, recipe: TrainConfig, device: torch.device) -> Sources:
        own, check, notes = window_sources(data, model, recipe, device)
        other: Source[Any] | None = None
        share = mix.share
        if share is None:
            share = share_by_clips(_clips_in(data))
            notes = (*notes, f"{100 * share:.0f} % of the windows are mixed in, by how many clips were corrected")
        if share and mix.folder is not None:
            config = DataConfig(folder=mix.folder, check_share=0.0, augment=data.augment)
            found = window_sources(config, model, recipe, device)
            other, notes = found.train, (*notes, *(f"{mix.folder}: {note}" for note in found.notes))
        elif share:
            other = _scenes(mix, model)
        return Sources(Source(Mixed(own, other, replace(mix, share=share)), join), check, notes)

    return sources


def _clips_in(data: DataConfig) -> int:
    """How many clips there are to learn from."""
    if data.folder is None:
        return 0
    return len(open_data_set(data.folder, layout=data.layout).of_split(Split.TRAIN).clips)


def first_scene(seed: int) -> int:
    """The seed of the first scene of a job with some seed."""
    return _SCENE_SEED + seed * _SEEDS_APART


def _scenes(mix: Mix, model: ModelConfig) -> Source[Any]:
    spec = WindowSpec(
        frames=model.window, step_s=model.frame_spacing_s, sound_s=model.sound_window_s,
        rate_hz=model.sound_rate_hz, width=model.width_px, height=model.height_px,
    )  # fmt: skip
    scene = replace(mix.scene, duration_s=model.sound_window_s)
    samples: Samples = SyntheticWindows(mix.windows, spec, config=scene, first_seed=first_scene(mix.seed), fresh=True)
    return Source(samples, join)
