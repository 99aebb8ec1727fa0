"""What each stage learns from and what it is checked on: a folder in a known layout, or synthetic scenes."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from panosod_core.datasets.augment import AugmentConfig
from panosod_core.datasets.demo_windows import DemoWindows, MixedWindows
from panosod_core.datasets.findings import Weight
from panosod_core.datasets.index import Clip, DataSet, Layout, Recording, Split, Still
from panosod_core.datasets.l3das import STEP_S
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.order_check import settle_order
from panosod_core.datasets.projects import Preparation
from panosod_core.datasets.sound_order import parse_order
from panosod_core.datasets.synthetic import (
    VALIDATION_SEED,
    SyntheticRecordings,
    SyntheticStills,
    SyntheticWindows,
    join_stills,
    join_windows,
)
from panosod_core.datasets.tensors import (
    RecordingBatch,
    RecordingDataset,
    StillBatch,
    StillDataset,
    WindowBatch,
    WindowDataset,
    stack_recordings,
    stack_stills,
    stack_windows,
)
from panosod_core.datasets.windows import Window, WindowSpec, list_windows
from panosod_core.errors import ConfigError, DatasetError
from panosod_core.model.config import TIME_POOLING, ModelConfig
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.batches import Source
from panosod_core.training.config import TrainConfig

PartT = TypeVar("PartT", Clip, Still, Recording)
_MOST_ORDER_RECORDINGS = 40


@dataclass(frozen=True)
class DataConfig:
    """Where samples come from.

    Attributes:
        folder: of a data set, or an annotated project; None: synthetic scenes, rendered as they are needed.
        layout: of the folder; None: told by what lies in it.
        order: of the sound's channels ("acn", "fuma", ...); "auto": by the files, for L3DAS by the labels.
        check_share: share of the training sequences (pictures, recordings) that is held out for the check where the
            data set has no part for that; 0: the check is on what is learnt from.
        augment: of what lies in a folder; scenes turn by themselves.
        scenes: of an epoch.
        check_scenes: for the check; 0: on what is learnt from.
        fresh: every epoch has scenes of its own.
        scene: what they hold.
        demo_share: video stage: share of windows that come from worlds like the demo clip's, of other seeds than its.
        seed: of the first scene.
        stretch_s: acoustic stage: length of the stretches that are learnt from.
    """

    folder: Path | None = None
    layout: Layout | None = None
    order: str = "auto"
    check_share: float = 0.1
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    scenes: int = 2000
    check_scenes: int = 64
    fresh: bool = True
    scene: SceneConfig = field(default_factory=SceneConfig)
    demo_share: float = 0.0
    seed: int = 0
    stretch_s: float = 3.0

    def __post_init__(self) -> None:
        """Check shares and counts.

        Raises:
            ConfigError: one that cannot be used.
        """
        if not 0 <= self.check_share < 1:
            raise ConfigError(f"check_share must lie in 0 <= share < 1, got {self.check_share}")
        if not 0 <= self.demo_share <= 1:
            raise ConfigError(f"demo_share must lie in 0 <= share <= 1, got {self.demo_share}")
        if self.scenes < 1 or self.check_scenes < 0:
            raise ConfigError(f"expected some scenes, got {self.scenes} and {self.check_scenes} for the check")


class Sources(NamedTuple):
    """Of one stage.

    Attributes:
        train: what is learnt from.
        check: what the check is on.
        notes: what a person should know, a line each.
    """

    train: Source[Any]
    check: Source[Any]
    notes: tuple[str, ...] = ()


def window_sources(data: DataConfig, model: ModelConfig, recipe: TrainConfig, device: torch.device) -> Sources:
    """Windows for the video stage.

    Raises:
        PanosodError: the data set is not there, or holds nothing to learn from.
    """
    spec = WindowSpec(
        frames=model.window, step_s=model.frame_spacing_s, sound_s=model.sound_window_s,
        rate_hz=model.sound_rate_hz, width=model.width_px, height=model.height_px,
    )  # fmt: skip
    if data.folder is None:
        where = _render_device(recipe, device)

        def scenes(count: int, first_seed: int, *, fresh: bool) -> Source[WindowBatch]:
            samples = SyntheticWindows(count, spec, config=data.scene, first_seed=first_seed, fresh=fresh, device=where)
            if data.demo_share and where.type == "cpu":
                slots = data.scene.objects[1]
                demo = DemoWindows(count, spec, first_seed=first_seed + 1, fresh=fresh, slots=slots)
                return Source(MixedWindows(samples, demo, share=data.demo_share), join_windows)
            if data.demo_share:
                raise ConfigError("demo worlds are painted on the CPU: take --workers 1 or more beside a GPU")
            return Source(samples, join_windows, on_device=where.type != "cpu")

        return _synthetic(data, scenes)
    how = Preparation(width=model.width_px, step_s=model.frame_spacing_s, window=model.window)
    listed = _opened(data, project=how)
    train, check = (replace(listed, clips=part) for part in _parted(listed.clips, data, listed))
    notes = _odd(listed)

    def windows(some: DataSet, augment: AugmentConfig) -> Source[WindowBatch]:
        found = list_windows(some, spec, need_sound=model.fuses)
        kept = found.windows
        notes.extend(f"{count} windows left out: {reason}" for reason, count in found.left_out.items())
        if model.teacher and not model.teacher_validity:
            kept = tuple(w for w in kept if _all_masked(w))
            if len(kept) < len(found.windows):
                notes.append(
                    f"{len(found.windows) - len(kept)} windows left out: a mask is missing, and this teacher needs all"
                )
        if not kept:
            raise DatasetError(
                f"{listed.root}: expected windows to learn from, there are none ({'; '.join(notes)}). Where masks are "
                "missing beside those that are there, presets panosod and small can learn, or --set "
                "teacher_validity=true, or --distill 0"
            )
        return Source(WindowDataset(kept, spec, augment=augment, seed=recipe.seed), stack_windows)

    return Sources(windows(train, data.augment), windows(check, AugmentConfig()), tuple(notes))


def still_sources(data: DataConfig, model: ModelConfig, recipe: TrainConfig, device: torch.device) -> Sources:
    """Single pictures for the image stage.

    Raises:
        PanosodError: as :func:`window_sources`.
    """
    width, height = model.width_px, model.height_px
    if data.folder is None:
        where = _render_device(recipe, device)

        def scenes(count: int, first_seed: int, *, fresh: bool) -> Source[StillBatch]:
            samples = SyntheticStills(
                count, width=width, height=height, config=data.scene, first_seed=first_seed, fresh=fresh, device=where
            )
            return Source(samples, join_stills, on_device=where.type != "cpu")

        return _synthetic(data, scenes)
    listed = _opened(data)
    train, check = _parted(listed.stills, data, listed)
    return Sources(
        Source(StillDataset(train, width=width, height=height, augment=data.augment, seed=recipe.seed), stack_stills),
        Source(StillDataset(check, width=width, height=height), stack_stills),
        tuple(_odd(listed)),
    )


def recording_sources(data: DataConfig, model: ModelConfig, recipe: TrainConfig) -> Sources:
    """Labelled sound for the acoustic stage.

    Raises:
        PanosodError: as :func:`window_sources`, or a channel order that the labels do not settle.
    """
    token_s = model.hop * TIME_POOLING / model.sound_rate_hz
    if abs(token_s - STEP_S) > 1e-9:
        raise ConfigError(f"labels come every {STEP_S} s: expected a model with tokens of that length, got {token_s:g}")
    if abs(data.stretch_s / STEP_S - round(data.stretch_s / STEP_S)) > 1e-6 or data.stretch_s < 2 * STEP_S:
        raise ConfigError(f"a stretch is some tenths of a second long, got {data.stretch_s:g} s")
    common: dict[str, Any] = {"duration_s": data.stretch_s, "rate_hz": model.sound_rate_hz}
    if data.folder is None:

        def scenes(count: int, first_seed: int, *, fresh: bool) -> Source[RecordingBatch]:
            samples = SyntheticRecordings(count, **common, config=data.scene, first_seed=first_seed, fresh=fresh)
            return Source(samples, stack_recordings)

        return _synthetic(data, scenes)
    listed = _opened(data)
    order, notes = listed.order, _odd(listed)
    if data.order == "auto":
        evidence = settle_order(listed, most=_MOST_ORDER_RECORDINGS)
        order = evidence.best
        notes.append(f"channels are {order.name}: labels and sound agree to {evidence.error_deg:.0f} degrees")
    train, check = _parted(listed.recordings, data, listed)
    common["order"] = order
    return Sources(
        Source(
            RecordingDataset(train, **common, augment=data.augment, random_start=True, seed=recipe.seed),
            stack_recordings,
        ),
        Source(RecordingDataset(check, **common), stack_recordings),
        tuple(notes),
    )


def _render_device(recipe: TrainConfig, device: torch.device) -> torch.device:
    """Scenes are rendered where the network is, unless other processes do it."""
    return torch.device("cpu") if recipe.workers else device


def _synthetic(data: DataConfig, scenes: Any) -> Sources:
    train = scenes(data.scenes, data.seed, fresh=data.fresh)
    if data.check_scenes:
        return Sources(train, scenes(data.check_scenes, VALIDATION_SEED + data.seed, fresh=False))
    return Sources(train, scenes(data.scenes, data.seed, fresh=False), ("the check is on what is learnt from",))


def _opened(data: DataConfig, *, project: Preparation | None = None) -> DataSet:
    if data.folder is None:
        raise ValueError("synthetic scenes have no folder")
    order = None if data.order == "auto" else parse_order(data.order)
    return open_data_set(data.folder, layout=data.layout, order=order, project=project)


def _odd(listed: DataSet) -> list[str]:
    """What listing the folder found wrong or odd, a line each: nothing is left out in silence."""
    return [
        f"{finding.count} {finding.text}: {finding.action} ({'; '.join(finding.examples)})"
        for finding in listed.findings
        if finding.weight is not Weight.NOTE
    ]


def _parted(parts: Sequence[PartT], data: DataConfig, listed: DataSet) -> tuple[tuple[PartT, ...], tuple[PartT, ...]]:
    """What is learnt from and what is checked on; the test part is never touched."""
    train = [part for part in parts if part.split is Split.TRAIN]
    check = [part for part in parts if part.split is Split.VALIDATION]
    if not train:
        raise DatasetError(f"{listed.root}: expected a training part with what this stage needs, there is none")
    if check or not data.check_share:
        return tuple(train), tuple(check or train)
    # By a hash of the name: a sequence that is added later moves no other.
    train.sort(key=lambda part: hashlib.sha256(part.name.encode()).digest())
    held = math.ceil(data.check_share * len(train))
    if held >= len(train):
        raise DatasetError(
            f"{listed.root}: expected at least 2 sequences, to hold one out for the check, there is {len(train)}; "
            "--check-share 0 checks on what is learnt from"
        )
    return tuple(sorted(train[held:], key=_name)), tuple(sorted(train[:held], key=_name))


def _name(part: Clip | Still | Recording) -> str:
    return part.name


def _all_masked(window: Window) -> bool:
    return all(window.clip.frames[member].mask is not None for member in window.members)
