"""The arguments of ``panosod train``; no torch is imported here, so that ``--help`` answers at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

SYNTHETIC = "synthetic"
"""What stands for a folder where scenes are rendered instead."""


@dataclass(frozen=True)
class Common:
    """What all stages take. Options without a value here are those of the preset's recipe."""

    data: Annotated[str, tyro.conf.Positional]
    """Folder of a data set, an annotated project, or `synthetic` for scenes rendered as they are needed."""
    out: Path
    """Folder of the run: state, best and last model, events."""
    preset: Literal["paper", "panosod", "small"] = "paper"
    """Network and recipe."""
    set: tuple[str, ...] = ()
    """Fields of the network that differ from the preset: window=2 sound=mono ..."""
    resume: bool = False
    """Go on with the run in the folder."""
    epochs: int | None = None
    """Passes over the data."""
    max_steps: int | None = None
    """Stop after so many optimiser steps."""
    batch: int | None = None
    """Samples of one process at a time."""
    accumulate: int | None = None
    """Batches that make one optimiser step."""
    lr: float | None = None
    """Learning rate of AdamW."""
    backbone_lr: float | None = None
    """Factor on it for the residual network."""
    weight_decay: float | None = None
    """Of matrices and kernels."""
    adam_eps: float | None = None
    """What Adam adds to the size of a gradient."""
    schedule: Literal["constant", "poly", "cosine"] | None = None
    """Of the learning rate."""
    warmup_steps: int | None = None
    """Steps over which the rate rises."""
    clip: float | None = None
    """Largest norm of the gradient; 0: not clipped."""
    ema: float | None = None
    """Decay of the running mean of weights; 0: none."""
    precision: Literal["fp32", "bf16"] | None = None
    """Arithmetic of the forward pass."""
    freeze_batch_norm: Literal["yes", "no"] | None = None
    """Batch normalisation keeps its statistics (sensible with weights to begin with)."""
    seed: int | None = None
    """Of weights, order, augmentation and dropout."""
    check_every: int | None = None
    """Epochs between checks."""
    best_by: Literal["loss", "f", "s", "mae"] | None = None
    """Number of the check that decides which weights are the best."""
    patience: int | None = None
    """Stop after so many checks without a better one; 0: never."""
    save_every: int | None = None
    """Steps between saves within an epoch; 0: at the end of epochs."""
    log_every: int | None = None
    """Steps between two events."""
    workers: int | None = None
    """Processes that read data."""
    most_damaged: float | None = None
    """Share of unreadable samples that is let pass."""
    layout: Literal["auto", "asod60k", "pavsodr", "duts", "l3das", "davsod", "panosod"] = "auto"
    """Of the folder; auto: told by what lies in it."""
    check_share: float = 0.1
    """Share of the training part that is held out for the check, where there is no part for it; 0: none is."""
    scenes: int = 2000
    """Synthetic scenes of an epoch."""
    check_scenes: int = 64
    """Synthetic scenes of the check; 0: it is on those that are learnt from."""
    fixed_scenes: bool = False
    """The same scenes in every epoch, rather than fresh ones."""
    scene_seed: int = 0
    """Seed of the first scene."""
    augment: Literal["auto", "on", "all", "off"] = "auto"
    """Turn and mirror what comes from a folder, picture and sound together; all: upside down too; auto: on, but not in
    preset `paper`."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: a GPU where there is one."""
    no_tensorboard: bool = False
    """Write nothing for TensorBoard, even where it is installed."""
    json: bool = False
    """Print one JSON event a line instead of a progress line."""


@dataclass(frozen=True)
class AcousticArguments(Common):
    """First stage: the acoustic encoder learns what sounds where, from L3DAS or synthetic scenes."""

    order: str = "auto"
    """What the sound's channels are: acn, fuma, ...; auto: found from the labels."""
    stretch: float = 3.0
    """Seconds of sound in a sample."""
    activity_weight: float = 1.0
    """Weight of the cross-entropy of what sounds."""
    direction_weight: float = 5.0
    """Weight of the squared error of where."""
    active_only: bool = False
    """Directions of silent slots do not count."""
    start_model: Path | None = None
    """An acoustic model to go on from."""


@dataclass(frozen=True)
class ImageArguments(Common):
    """Second stage: visual encoder and decoder learn from single pictures (DUTS, synthetic stills), without sound."""

    dice: float = 1.0
    """Weight of Dice beside the cross-entropy."""
    start_imagenet: Path | None = None
    """ImageNet weights of the backbone: a local .pth or .safetensors."""
    start_model: Path | None = None
    """A model of this stage to go on from."""


@dataclass(frozen=True)
class VideoArguments(Common):
    """Third stage: the whole network, student and teacher, on video with sound (ASOD60K, projects, scenes)."""

    order: str = "auto"
    """What the sound's channels are: acn, fuma, ...; auto: by the files."""
    dice: float = 1.0
    """Weight of Dice beside the cross-entropy."""
    distill: float = 5.0
    """Weight of the distillation; 0: no teacher takes part."""
    distill_normalise: bool = False
    """Features are normalised before they are compared (LGD)."""
    distill_adapter: bool = False
    """A convolution on the student's feature before they are compared (LGD)."""
    distill_apart: bool = False
    """The distillation teaches the student's fusion alone and does not reach the encoders."""
    distill_warmup_steps: int = 0
    """Steps before the distillation sets in."""
    both_ways: bool = False
    """The teacher is pulled towards the student too."""
    location: float = 0.0
    """Weight of a loss on the location map; not in the paper."""
    demo_share: float = 0.0
    """Share of synthetic windows that come from worlds like the demo clip's, of other seeds than its."""
    parts: tuple[str, ...] | None = None
    """Parts of the network that learn, e.g. teacher; the others stay as they are. Without it: all."""
    spherical: bool = False
    """Pixels count by their solid angle."""
    start_imagenet: Path | None = None
    """ImageNet weights of the backbone."""
    start_image: Path | None = None
    """Model of the image stage."""
    start_acoustic: Path | None = None
    """Model of the acoustic stage."""
    start_model: Path | None = None
    """A whole network to go on from."""


@dataclass(frozen=True)
class TrainArguments:
    """Train the network: three stages, each hands its weights to the next. With torchrun, in several processes."""

    stage: tyro.conf.OmitSubcommandPrefixes[
        Annotated[AcousticArguments, tyro.conf.subcommand("acoustic")]
        | Annotated[ImageArguments, tyro.conf.subcommand("image")]
        | Annotated[VideoArguments, tyro.conf.subcommand("video")]
    ]
    """Which."""
