"""The thin side that meets torch: data sets for its loaders, and batches. Everything else here is numpy.

A batch of windows is a dictionary: ``frames`` (B, T, 3, H, W), ``foa`` (B, 4, n), ``masks`` (B, T, H, W),
``frame_valid`` and ``mask_valid`` (B, T) bool, ``has_sound`` (B,) bool, ``meta`` a list of :class:`WindowMeta`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from panosod_core.datasets.augment import (
    AugmentConfig,
    augmented,
    augmented_recording,
    draw_augmentation,
    transformed_picture,
)
from panosod_core.datasets.index import Recording, Still
from panosod_core.datasets.l3das import STEP_S, LabelEnds, RecordingSample, load_recording
from panosod_core.datasets.pictures import read_mask, read_picture, resized
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.datasets.sounds import read_sound_header
from panosod_core.datasets.windows import Window, WindowMeta, WindowSample, WindowSpec, load_window
from panosod_core.errors import DatasetError

NO_AUGMENTATION = AugmentConfig()


class Damaged(StrEnum):
    """What happens where a file of a sample cannot be read."""

    STOP = "stop"
    """The error goes on to the caller."""
    REPLACE = "replace"
    """The next sample that can be read takes its place, and says so in its meta: count those."""


class WindowBatch(TypedDict):
    """Windows stacked."""

    frames: torch.Tensor
    foa: torch.Tensor
    masks: torch.Tensor
    frame_valid: torch.Tensor
    mask_valid: torch.Tensor
    has_sound: torch.Tensor
    meta: list[WindowMeta]


class StillBatch(TypedDict):
    """Single pictures stacked: ``frames`` (B, 1, 3, H, W), ``masks`` (B, 1, H, W)."""

    frames: torch.Tensor
    masks: torch.Tensor
    names: list[str]


class RecordingBatch(TypedDict):
    """Recordings stacked: ``waveform`` (B, 4 m, n), ``active`` (B, F, 14, 3), ``position`` (B, F, 14, 3, 3)."""

    waveform: torch.Tensor
    active: torch.Tensor
    position: torch.Tensor
    names: list[str]


@dataclass(frozen=True)
class _Chance:
    """One stream of chance for each sample and epoch: the same on every machine and number of workers."""

    seed: int
    epoch: int

    def of(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, index])


class WindowDataset(Dataset[WindowSample]):
    """Windows for ``torch.utils.data.DataLoader``; augmented afresh every epoch, by :meth:`set_epoch`."""

    def __init__(
        self,
        windows: Sequence[Window],
        spec: WindowSpec,
        *,
        augment: AugmentConfig = NO_AUGMENTATION,
        seed: int = 0,
        damaged: Damaged = Damaged.STOP,
    ) -> None:
        if not windows:
            raise DatasetError("expected at least one window to learn from or to score, there is none: run the check")
        self._windows, self._spec = tuple(windows), spec
        self._augment, self._damaged = augment, damaged
        self._chance = _Chance(seed, 0)

    @property
    def windows(self) -> tuple[Window, ...]:
        """What they are made of, in order."""
        return self._windows

    def __len__(self) -> int:
        return len(self._windows)

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations from now on; call it before the workers start."""
        self._chance = replace(self._chance, epoch=epoch)

    def __getitem__(self, index: int) -> WindowSample:
        sample = self._read(index)
        how = draw_augmentation(self._augment, self._chance.of(index), width=self._spec.width)
        return augmented(sample, how)

    def _read(self, index: int) -> WindowSample:
        first_error = ""
        for i in range(len(self._windows)):
            try:
                sample = load_window(self._windows[(index + i) % len(self._windows)], self._spec)
            except DatasetError as error:
                if self._damaged is Damaged.STOP:
                    raise
                first_error = first_error or str(error)
                continue
            return replace(sample, meta=replace(sample.meta, stands_for=first_error)) if first_error else sample
        raise DatasetError(f"none of {len(self._windows)} windows can be read: {first_error}")


class StillDataset(Dataset[tuple[NDArray[np.float32], NDArray[np.float32], str]]):
    """Pictures with masks: (3, H, W), (H, W) and the name; of the augmentations only the mirror image makes sense."""

    def __init__(
        self,
        stills: Sequence[Still],
        *,
        width: int,
        height: int,
        augment: AugmentConfig = NO_AUGMENTATION,
        seed: int = 0,
    ) -> None:
        if not stills:
            raise DatasetError("expected at least one picture to learn from, there is none: run the check")
        self._stills, self._size = tuple(stills), (width, height)
        self._augment = replace(augment, yaw=False, up_down=0.0)
        self._chance = _Chance(seed, 0)

    def __len__(self) -> int:
        return len(self._stills)

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations from now on; call it before the workers start."""
        self._chance = replace(self._chance, epoch=epoch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
        still = self._stills[index]
        width, height = self._size
        picture = resized(read_picture(still.image), width=width, height=height, ring=False)
        mask = resized(read_mask(still.mask), width=width, height=height, ring=False)
        how = draw_augmentation(self._augment, self._chance.of(index), width=width)
        frame = np.ascontiguousarray(picture.transpose(2, 0, 1))
        return transformed_picture(frame, how), transformed_picture(mask, how), still.name


class RecordingDataset(Dataset[RecordingSample]):
    """Stretches of labelled recordings; with ``random_start`` a stretch at random in every epoch, else the first."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        *,
        order: SoundOrder,
        duration_s: float,
        rate_hz: int = 32000,
        microphones: int = 1,
        ends: LabelEnds = LabelEnds.CLOCK,
        augment: AugmentConfig = NO_AUGMENTATION,
        random_start: bool = False,
        seed: int = 0,
    ) -> None:
        if not recordings:
            raise DatasetError("expected at least one recording to learn from, there is none: run the check")
        if microphones != 1 and not augment.is_off:
            raise ValueError("the world is turned about one microphone: no augmentation with two")
        self._recordings, self._order, self._ends = tuple(recordings), order, ends
        self._duration_s, self._rate_hz, self._microphones = duration_s, rate_hz, microphones
        self._augment, self._random_start = augment, random_start
        self._chance = _Chance(seed, 0)

    def __len__(self) -> int:
        return len(self._recordings)

    def set_epoch(self, epoch: int) -> None:
        """Draw other stretches and augmentations from now on; call it before the workers start."""
        self._chance = replace(self._chance, epoch=epoch)

    def __getitem__(self, index: int) -> RecordingSample:
        recording, rng = self._recordings[index], self._chance.of(index)
        how = draw_augmentation(self._augment, rng, width=360)
        start = 0
        if self._random_start:
            spare_s = read_sound_header(recording.microphones[0]).duration_s - self._duration_s
            start = int(rng.integers(max(int(spare_s / STEP_S), 0) + 1))
        sample = load_recording(
            recording,
            order=self._order,
            duration_s=self._duration_s,
            start_s=start * STEP_S,
            rate_hz=self._rate_hz,
            microphones=self._microphones,
            ends=self._ends,
        )
        return augmented_recording(sample, how)


def stack_windows(samples: Sequence[WindowSample]) -> WindowBatch:
    """A batch of windows: the loader's ``collate_fn``."""
    return WindowBatch(
        frames=_stacked([sample.frames for sample in samples]),
        foa=_stacked([sample.foa for sample in samples]),
        masks=_stacked([sample.masks for sample in samples]),
        frame_valid=torch.from_numpy(np.stack([sample.frame_valid for sample in samples])),
        mask_valid=torch.from_numpy(np.stack([sample.mask_valid for sample in samples])),
        has_sound=torch.tensor([sample.has_sound for sample in samples]),
        meta=[sample.meta for sample in samples],
    )


def stack_stills(samples: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], str]]) -> StillBatch:
    """A batch of single pictures, as windows of one frame."""
    return StillBatch(
        frames=_stacked([frame[None] for frame, _, _ in samples]),
        masks=_stacked([mask[None] for _, mask, _ in samples]),
        names=[name for _, _, name in samples],
    )


def stack_recordings(samples: Sequence[RecordingSample]) -> RecordingBatch:
    """A batch of recordings."""
    return RecordingBatch(
        waveform=_stacked([sample.waveform for sample in samples]),
        active=_stacked([sample.targets.active for sample in samples]),
        position=_stacked([sample.targets.position for sample in samples]),
        names=[sample.name for sample in samples],
    )


def _stacked(arrays: Sequence[NDArray[np.float32]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays))
