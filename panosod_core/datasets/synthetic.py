"""Synthetic scenes as training data, rendered on the fly: every index is a scene of its own, nothing lies on disk.

Three data sets for the three stages of training: windows, single pictures, recordings. All take the place of their
counterparts in :mod:`panosod_core.datasets.tensors` and add the truth that only synthetic scenes have. Scene ``i`` of a
set is :func:`panosod_core.synth.scene.draw_scene` of ``first_seed + i``, so sets are told apart by their first seed.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from panosod_core.datasets.l3das import CLASSES, OVERLAPS, STEP_S, EventTargets, RecordingSample
from panosod_core.datasets.render_torch_picture import TorchPainter
from panosod_core.datasets.render_torch_sound import render_sounds
from panosod_core.datasets.tensors import StillBatch, WindowBatch
from panosod_core.datasets.windows import WindowMeta, WindowSpec
from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.grid import Float32Array
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_sources import Source

VALIDATION_SEED = 1 << 40
"""First seed for scenes that choose between models."""
TEST_SEED = 1 << 41
"""First seed for scenes that judge them."""
FRAME_RATE = 30
"""Frames per second that frame numbers in meta are counted in."""
_CHUNK = 4
"""Windows rendered together on a CPU: their waves fit its caches."""


class SyntheticBatch(WindowBatch):
    """Windows of scenes with their truth: B windows of T frames; slot k of N is the object of id k + 1.

    Attributes:
        labels: (B, T, H, W) uint8, the id of the object in front, 0 background.
        present: (B, N) bool, the slot is used.
        sounding: (B, T, N) bool: the object sounds, and is salient.
        twin: (B, N) bool: one of the look-alikes.
        classes: (B, N) int64, the class it looks like; -1 in unused slots.
        timbres: (B, N) int64, the class it sounds like; -1 where it is silent.
        directions: (B, T, N, 3) float32 unit vectors of its centre; 0 in unused slots.
        radius_rad: (B, N) float32, apparent.
    """

    labels: Tensor
    present: Tensor
    sounding: Tensor
    twin: Tensor
    classes: Tensor
    timbres: Tensor
    directions: Tensor
    radius_rad: Tensor


class SceneRenderer:
    """Renders scenes into batches on a device."""

    def __init__(self, spec: WindowSpec, *, device: torch.device | str = "cpu") -> None:
        """Prepare the pixels.

        Args:
            spec: what a window is.
            device: where to render; batches stay there.
        """
        self.spec, self.device = spec, torch.device(device)
        self._painter = TorchPainter(spec.width, spec.height, device=self.device)

    def render(self, scenes: Sequence[SceneSpec], *, slots: int | None = None) -> SyntheticBatch:
        """The window in the middle of each scene.

        Args:
            scenes: B scenes of one length, which the window's sound fills.
            slots: N; None: as many as the fullest scene needs.

        Raises:
            ConfigError: a scene is not as long as the window's sound, or its sample rate does not fit.
            MediaError: a background picture cannot be read.
        """
        spec = self.spec
        for scene in scenes:
            if abs(scene.config.duration_s - spec.sound_s) > 1e-9:
                raise ConfigError(
                    f"expected scenes of {spec.sound_s:g} s, as the windows' sound is, got {scene.config.duration_s:g}"
                )
        times_s = [[spec.sound_s / 2 + offset for offset in spec.offsets_s] for _ in scenes]
        frames, labels = self._painter.render(scenes, times_s)
        slots = max(len(scene.objects) for scene in scenes) if slots is None else slots
        sounding = torch.zeros((len(scenes), spec.frames, slots), dtype=torch.bool)
        truth = [_truth(scene, times_s[0], slots, sounding[b]) for b, scene in enumerate(scenes)]
        present, twin, classes, timbres, directions, radius = (
            torch.as_tensor(np.stack(part), device=self.device) for part in zip(*truth, strict=True)
        )
        sounding = sounding.to(self.device)
        everything = torch.ones(frames.shape[:2], dtype=torch.bool, device=self.device)
        return SyntheticBatch(
            frames=frames,
            foa=render_sounds(scenes, rate_hz=spec.rate_hz, device=self.device),
            masks=saliency(labels, sounding),
            frame_valid=everything,
            mask_valid=everything.clone(),
            has_sound=everything[:, 0].clone(),
            meta=[_meta(scene, spec, times_s[0]) for scene in scenes],
            labels=labels,
            present=present,
            sounding=sounding,
            twin=twin,
            classes=classes,
            timbres=timbres,
            directions=directions,
            radius_rad=radius,
        )


def saliency(labels: Tensor, sounding: Tensor) -> Tensor:
    """The masks of the sounding objects: labels (B, T, H, W) and sounding (B, T, N) to (B, T, H, W) float32, 0 or 1."""
    silent = torch.zeros_like(sounding[..., :1])
    table = torch.cat([silent, sounding], dim=-1).to(torch.float32)
    flat = torch.gather(table.flatten(0, 1), 1, labels.flatten(2).flatten(0, 1).to(torch.int64))
    return flat.view(labels.shape)


class SyntheticWindows(Dataset[SyntheticBatch]):
    """Windows for ``torch.utils.data.DataLoader`` with ``collate_fn=join_windows``.

    Whole batches are rendered at once (``__getitems__``). With ``fresh``, every epoch has scenes of its own.
    """

    def __init__(
        self,
        count: int,
        spec: WindowSpec,
        *,
        config: SceneConfig | None = None,
        first_seed: int = 0,
        fresh: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """Draw nothing yet.

        Args:
            count: windows in the set.
            spec: what a window is.
            config: what scenes hold; their length becomes that of the windows' sound.
            first_seed: seed of the first scene.
            fresh: :meth:`set_epoch` goes on to other seeds.
            device: where to render.
        """
        _check_count(count)
        self.config = replace(SceneConfig() if config is None else config, duration_s=spec.sound_s)
        self.spec = spec
        self._count, self._first_seed, self._fresh, self._epoch = count, first_seed, fresh, 0
        self._device = torch.device(device)
        self._renderer: SceneRenderer | None = None

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Go on to the scenes of an epoch; call it before the workers start."""
        self._epoch = epoch

    def scene(self, index: int) -> SceneSpec:
        """The scene of an index."""
        return draw_scene(_seed_of(index, self._count, self._first_seed, self._epoch * self._fresh), self.config)

    def __getitem__(self, index: int) -> SyntheticBatch:
        return self.render([index])

    def __getitems__(self, indices: list[int]) -> list[SyntheticBatch]:
        step = _CHUNK if self._device.type == "cpu" else max(len(indices), 1)
        return [self.render(indices[k : k + step]) for k in range(0, len(indices), step)]

    def render(self, indices: Sequence[int]) -> SyntheticBatch:
        """The windows of some indices as one batch."""
        if self._renderer is None:  # made in the process that uses it: workers begin without it
            self._renderer = SceneRenderer(self.spec, device=self._device)
        return self._renderer.render([self.scene(index) for index in indices], slots=self.config.objects[1])


class SyntheticStills(Dataset[StillBatch]):
    """Single pictures in which every object is salient, sounding or not: for training without sound.

    For ``DataLoader`` with ``collate_fn=join_stills``.
    """

    def __init__(
        self,
        count: int,
        *,
        width: int,
        height: int,
        config: SceneConfig | None = None,
        first_seed: int = 0,
        fresh: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """Draw nothing yet; see :class:`SyntheticWindows`."""
        _check_count(count)
        self.config = SceneConfig() if config is None else config
        self._size = (width, height)
        self._count, self._first_seed, self._fresh, self._epoch = count, first_seed, fresh, 0
        self._device = torch.device(device)
        self._painter: TorchPainter | None = None

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Go on to the scenes of an epoch; call it before the workers start."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> StillBatch:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[StillBatch]:
        if self._painter is None:
            self._painter = TorchPainter(*self._size, device=self._device)
        epoch = self._epoch * self._fresh
        seeds = [_seed_of(index, self._count, self._first_seed, epoch) for index in indices]
        scenes = [draw_scene(seed, self.config) for seed in seeds]
        frames, labels = self._painter.render(scenes, [[scene.config.duration_s / 2] for scene in scenes])
        masks = (labels > 0).to(torch.float32)
        return [StillBatch(frames=frames, masks=masks, names=[_name(scene) for scene in scenes])]


class SyntheticRecordings(Dataset[RecordingSample]):
    """Sound alone with its events, as L3DAS gives it: for training the acoustic encoder.

    The numbers of scene classes stand in the places of L3DAS's classes. Positions are unit vectors. Music has none and
    is no event; sounds without an object are. For ``DataLoader`` with ``collate_fn=stack_recordings``.
    """

    def __init__(
        self,
        count: int,
        *,
        duration_s: float = 3.0,
        rate_hz: int = 32000,
        config: SceneConfig | None = None,
        first_seed: int = 0,
        fresh: bool = False,
    ) -> None:
        """Draw nothing yet; see :class:`SyntheticWindows`.

        Raises:
            ConfigError: timbres are held out: they have no place among the classes.
        """
        _check_count(count)
        self.config = replace(SceneConfig() if config is None else config, duration_s=duration_s)
        if HeldOut.TIMBRES in self.config.held_out:
            raise ConfigError("recordings for training name the classes of their sounds: hold no timbres out")
        self._rate_hz = rate_hz
        self._count, self._first_seed, self._fresh, self._epoch = count, first_seed, fresh, 0

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Go on to the scenes of an epoch; call it before the workers start."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> RecordingSample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[RecordingSample]:
        epoch = self._epoch * self._fresh
        seeds = [_seed_of(index, self._count, self._first_seed, epoch) for index in indices]
        scenes = [draw_scene(seed, self.config) for seed in seeds]
        sounds = render_sounds(scenes, rate_hz=self._rate_hz, device=torch.device("cpu")).numpy()
        return [
            RecordingSample(sound, event_targets(scene), _name(scene), 0.0)
            for scene, sound in zip(scenes, sounds, strict=True)
        ]


def event_targets(scene: SceneSpec) -> EventTargets:
    """What sounds when and where, in label frames of 0.1 s: by the middle of each, pauses left out."""
    middles_s: FloatArray = np.asarray((np.arange(round(scene.config.duration_s / STEP_S)) + 0.5) * STEP_S, np.float64)
    active = np.zeros((len(middles_s), len(CLASSES), OVERLAPS), np.float32)
    position = np.zeros((*active.shape, 3), np.float32)
    crowded = 0
    for source in scene.sources:
        if source.trajectory is None or not 0 <= source.timbre < len(CLASSES):
            continue
        crowded += _add_event(source, source.trajectory.directions(middles_s), middles_s, active, position)
    return EventTargets(active, position, crowded)


def _add_event(
    source: Source,
    directions: FloatArray,
    middles_s: FloatArray,
    active: Float32Array,
    position: Float32Array,
) -> int:
    """Enter one source into the first free place of its class; how often there was none."""
    crowded = 0
    for frame in np.flatnonzero(source.envelope(middles_s) > 0.5):
        free = np.flatnonzero(active[frame, source.timbre] == 0)
        if len(free):
            active[frame, source.timbre, free[0]] = 1.0
            position[frame, source.timbre, free[0]] = directions[frame]
        else:
            crowded += 1
    return crowded


def join_windows(batches: Sequence[SyntheticBatch]) -> SyntheticBatch:
    """One batch of several: the loader's ``collate_fn``."""
    return SyntheticBatch(
        frames=torch.cat([batch["frames"] for batch in batches]),
        foa=torch.cat([batch["foa"] for batch in batches]),
        masks=torch.cat([batch["masks"] for batch in batches]),
        frame_valid=torch.cat([batch["frame_valid"] for batch in batches]),
        mask_valid=torch.cat([batch["mask_valid"] for batch in batches]),
        has_sound=torch.cat([batch["has_sound"] for batch in batches]),
        meta=[meta for batch in batches for meta in batch["meta"]],
        labels=torch.cat([batch["labels"] for batch in batches]),
        present=torch.cat([batch["present"] for batch in batches]),
        sounding=torch.cat([batch["sounding"] for batch in batches]),
        twin=torch.cat([batch["twin"] for batch in batches]),
        classes=torch.cat([batch["classes"] for batch in batches]),
        timbres=torch.cat([batch["timbres"] for batch in batches]),
        directions=torch.cat([batch["directions"] for batch in batches]),
        radius_rad=torch.cat([batch["radius_rad"] for batch in batches]),
    )


def join_stills(batches: Sequence[StillBatch]) -> StillBatch:
    """One batch of several: the loader's ``collate_fn``."""
    return StillBatch(
        frames=torch.cat([batch["frames"] for batch in batches]),
        masks=torch.cat([batch["masks"] for batch in batches]),
        names=[name for batch in batches for name in batch["names"]],
    )


def _check_count(count: int) -> None:
    if count < 1:
        raise ConfigError(f"a set of scenes has at least one, got {count}")


def _seed_of(index: int, count: int, first_seed: int, epoch: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"scene {index} of {count}")
    return first_seed + epoch * count + index


def _name(scene: SceneSpec) -> str:
    return f"scene_{scene.seed:08d}"


def _meta(scene: SceneSpec, spec: WindowSpec, times_s: Sequence[float]) -> WindowMeta:
    numbers = tuple(round(time_s * FRAME_RATE) for time_s in times_s)
    size = (spec.width, spec.height)
    return WindowMeta(_name(scene), None, times_s[spec.target], numbers, spec.target, spec.rate_hz, size)


def _truth(scene: SceneSpec, times_s: Sequence[float], slots: int, sounding: Tensor) -> tuple[NDArray[Any], ...]:
    """The truth of one scene in its slots; ``sounding`` (T, N) is filled in place."""
    present, twin = np.zeros(slots, np.bool_), np.zeros(slots, np.bool_)
    classes, timbres = np.full(slots, -1, np.int64), np.full(slots, -1, np.int64)
    directions, radius = np.zeros((len(times_s), slots, 3), np.float32), np.zeros(slots, np.float32)
    for thing in scene.objects:
        k = thing.id - 1
        present[k], twin[k], classes[k], radius[k] = True, thing.is_twin, thing.class_id, thing.radius_rad
        timbres[k] = scene.timbre_class(thing.id)
        directions[:, k] = thing.trajectory.directions(times_s)
    for t, time_s in enumerate(times_s):
        for id_ in scene.sounding(time_s):
            sounding[t, id_ - 1] = True
    return present, twin, classes, timbres, directions, radius
