"""Windows from worlds like the demo clip's, as training data; and a mixture of them with scenes.

A demo world (:mod:`panosod_core.synth.demo`) has balls that only their direction of sound tells apart, and sounds that
change places every 2.5 s, which the scenes of :mod:`panosod_core.datasets.synthetic` do not have. The shipped demo clip
has seed 0; training worlds have others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from panosod_core.datasets.augment import (
    IDENTITY,
    Augmentation,
    AugmentConfig,
    draw_augmentation,
    transformed_directions,
    transformed_picture,
    transformed_sound,
)
from panosod_core.datasets.synthetic import SyntheticBatch, SyntheticWindows, saliency
from panosod_core.datasets.windows import WindowMeta, WindowSpec
from panosod_core.errors import ConfigError
from panosod_core.synth.cast import TWINS
from panosod_core.synth.demo import DemoWorld
from panosod_core.synth.sound import SAMPLE_RATE_HZ

DEMO_OBJECTS = 6
"""Balls of a demo world: slots that a batch needs at least."""
WORLDS = 12
"""Different worlds; their sound takes 2 s each to make, once."""
_TURN = AugmentConfig(yaw=True, left_right=0.5)
_AS_IT_IS = 0.4
"""Share of windows that are neither turned nor mirrored: the compass of the demo's picture stands as in the clip."""


class _Moment(NamedTuple):
    """What a window shows: the world's seed, the numbers of its frames, and how it is turned."""

    seed: int
    numbers: tuple[int, ...]
    how: Augmentation


class DemoWindows(Dataset[SyntheticBatch]):
    """Windows at random moments of demo worlds, turned and mirrored together with their sound.

    In the gaps between two turns, when nothing sounds, there is no mask (``mask_valid``): whether the last ball is
    still salient then is a matter of taste.
    """

    def __init__(
        self,
        count: int,
        spec: WindowSpec,
        *,
        first_seed: int,
        fresh: bool = False,
        slots: int = DEMO_OBJECTS,
        worlds: int = WORLDS,
    ) -> None:
        """Draw nothing yet.

        Args:
            count: windows in the set.
            spec: what a window is; pictures are 2:1, their width a multiple of 4.
            first_seed: above 0, which is the shipped clip's; the worlds have the seeds from here on.
            fresh: :meth:`set_epoch` goes on to other moments.
            slots: of objects in a batch, at least 6.
            worlds: how many different ones.

        Raises:
            ConfigError: a size that a demo world cannot have, seed 0, or too few slots.
        """
        if count < 1 or first_seed < 1 or slots < DEMO_OBJECTS or worlds < 1:
            raise ConfigError(
                f"expected windows, a first seed above 0 and {DEMO_OBJECTS} or more slots for demo worlds, "
                f"got {count}, {first_seed} and {slots}"
            )
        DemoWorld(first_seed, width=spec.width, height=spec.height)  # checks the size
        self.spec = spec
        self._count, self._first_seed, self._fresh, self._slots = count, first_seed, fresh, slots
        self._epoch, self._of_worlds = 0, worlds
        self._worlds: dict[int, tuple[DemoWorld, NDArray[np.float32]]] = {}

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Go on to the moments of an epoch."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> SyntheticBatch:
        moment = self._moment(index)
        world, sound = self._world(moment.seed)
        return _window(world, sound, moment.numbers, self.spec, moment.how, self._slots)

    def _moment(self, index: int) -> _Moment:
        if not 0 <= index < self._count:
            raise IndexError(f"window {index} of {self._count}")
        rng = np.random.default_rng([self._first_seed, self._epoch * self._fresh, index, 0xDE30])
        world = DemoWorld(
            self._first_seed + int(rng.integers(self._of_worlds)), width=self.spec.width, height=self.spec.height
        )
        step = round(self.spec.step_s * float(world.fps))
        offsets = [(i - self.spec.target) * step for i in range(self.spec.frames)]
        target = int(rng.integers(-offsets[0], world.frame_count - offsets[-1]))
        as_it_is = rng.random() < _AS_IT_IS
        how = draw_augmentation(_TURN, rng, width=self.spec.width)
        return _Moment(world.seed, tuple(target + offset for offset in offsets), IDENTITY if as_it_is else how)

    def _world(self, seed: int) -> tuple[DemoWorld, NDArray[np.float32]]:
        if seed not in self._worlds:
            world = DemoWorld(seed, width=self.spec.width, height=self.spec.height)
            sound = soxr.resample(world.sound().T, SAMPLE_RATE_HZ, self.spec.rate_hz).T
            self._worlds[seed] = (world, np.ascontiguousarray(sound, np.float32))
        return self._worlds[seed]


class MixedWindows(Dataset[SyntheticBatch]):
    """Scenes, with windows of demo worlds spread evenly among them. For ``synthetic.join_windows``."""

    def __init__(self, scenes: SyntheticWindows, demo: DemoWindows, *, share: float) -> None:
        """Mix.

        Args:
            scenes: as long as the mixture.
            demo: as long.
            share: of demo windows, 0 to 1.

        Raises:
            ConfigError: a share outside, or sets of different lengths.
        """
        if not 0 <= share <= 1 or len(scenes) != len(demo):
            raise ConfigError(
                f"expected a share from 0 to 1 of two sets of one length, got {share}, {len(scenes)}, {len(demo)}"
            )
        self._scenes, self._demo, self._share = scenes, demo, share

    def __len__(self) -> int:
        return len(self._scenes)

    def set_epoch(self, epoch: int) -> None:
        """Go on to the windows of an epoch."""
        self._scenes.set_epoch(epoch)
        self._demo.set_epoch(epoch)

    def is_demo(self, index: int) -> bool:
        """Whether an index is a window of a demo world."""
        return int((index + 1) * self._share) > int(index * self._share)

    def __getitem__(self, index: int) -> SyntheticBatch:
        return self._demo[index] if self.is_demo(index) else self._scenes[index]

    def __getitems__(self, indices: list[int]) -> list[SyntheticBatch]:
        of_scenes = [index for index in indices if not self.is_demo(index)]
        batches = self._scenes.__getitems__(of_scenes) if of_scenes else []
        return [*batches, *(self._demo[index] for index in indices if self.is_demo(index))]


def _window(
    world: DemoWorld,
    sound: NDArray[np.float32],
    numbers: Sequence[int],
    spec: WindowSpec,
    how: Augmentation,
    slots: int,
) -> SyntheticBatch:
    painted = [world.frame(number) for number in numbers]
    pictures = np.stack([picture for picture, _ in painted]).transpose(0, 3, 1, 2)
    labels = np.stack([label for _, label in painted])
    times_s = [world.time_s(number) for number in numbers]
    present, twin = np.zeros(slots, np.bool_), np.zeros(slots, np.bool_)
    sounding = np.zeros((len(numbers), slots), np.bool_)
    directions, radius = np.zeros((len(numbers), slots, 3), np.float32), np.zeros(slots, np.float32)
    for thing in world.objects:
        slot = thing.id - 1
        present[slot], twin[slot], radius[slot] = True, thing.look_alikes == TWINS, thing.radius_rad
        directions[:, slot] = transformed_directions(thing.trajectory.directions(times_s), how)
    for stretch in world.schedule:
        for row, time_s in enumerate(times_s):
            sounding[row, stretch.object_id - 1] |= stretch.start_s <= time_s < stretch.end_s
    shown = torch.from_numpy(transformed_picture(labels.astype(np.float32), how)).to(torch.uint8)[None]
    heard = torch.from_numpy(sounding)[None]
    none = torch.full((1, slots), -1, dtype=torch.int64)
    name = f"demo_{world.seed:08d}"
    meta = WindowMeta(
        name, None, times_s[spec.target], tuple(numbers), spec.target, spec.rate_hz, (spec.width, spec.height)
    )
    foa = transformed_sound(_piece(sound, times_s[spec.target], spec), how)
    return SyntheticBatch(
        frames=torch.from_numpy(transformed_picture(pictures.astype(np.float32), how))[None] / 255,
        foa=torch.from_numpy(foa)[None],
        masks=saliency(shown, heard),
        frame_valid=torch.ones((1, len(numbers)), dtype=torch.bool),
        mask_valid=heard.any(-1),
        has_sound=torch.ones(1, dtype=torch.bool),
        meta=[meta],
        labels=shown,
        present=torch.from_numpy(present)[None],
        sounding=heard,
        twin=torch.from_numpy(twin)[None],
        classes=none,
        timbres=none.clone(),
        directions=torch.from_numpy(directions)[None],
        radius_rad=torch.from_numpy(radius)[None],
    )


def _piece(sound: NDArray[np.float32], time_s: float, spec: WindowSpec) -> NDArray[np.float32]:
    """The stretch about a time, silent beyond the ends of the clip."""
    begin = round(time_s * spec.rate_hz) - spec.samples // 2
    out = np.zeros((4, spec.samples), np.float32)
    low, high = max(begin, 0), min(begin + spec.samples, sound.shape[1])
    out[:, low - begin : high - begin] = sound[:, low:high]
    return out
