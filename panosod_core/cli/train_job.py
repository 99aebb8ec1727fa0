"""What the arguments of ``panosod train`` ask for. Needs torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from panosod_core.cli.train_arguments import SYNTHETIC, AcousticArguments, ImageArguments, VideoArguments
from panosod_core.datasets.augment import AugmentConfig
from panosod_core.datasets.index import Layout
from panosod_core.errors import ConfigError
from panosod_core.model.config import ModelConfig
from panosod_core.model.presets import preset
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.acoustic import train_acoustic
from panosod_core.training.config import AcousticLossConfig, Stage, TrainConfig, recipe
from panosod_core.training.data import DataConfig
from panosod_core.training.image import train_image
from panosod_core.training.job import Job, StartWeights
from panosod_core.training.losses import LossConfig
from panosod_core.training.run import Outcome
from panosod_core.training.video import train_video

LOOPS: Mapping[Stage, Callable[..., Outcome]] = MappingProxyType(
    {Stage.ACOUSTIC: train_acoustic, Stage.IMAGE: train_image, Stage.VIDEO: train_video}
)
"""The loop of each stage."""


def job_of(args: AcousticArguments | ImageArguments | VideoArguments) -> Job:
    """What the arguments ask for.

    Raises:
        ConfigError: a value that cannot be used.
    """
    stage, loss, acoustic_loss, start = _of_stage(args)
    model = changed_model(preset(args.preset), args.set)
    if isinstance(args, VideoArguments) and not args.distill:
        model = replace(model, teacher=False)
    given = {f.name: value for f in fields(TrainConfig) if (value := getattr(args, f.name, None)) is not None}
    if args.freeze_batch_norm is not None:
        given["freeze_batch_norm"] = args.freeze_batch_norm == "yes"
    turned = args.augment in ("on", "all") or (args.augment == "auto" and args.preset != "paper")
    up_down = 0.5 if args.augment == "all" else 0.0
    augment = AugmentConfig(yaw=True, left_right=0.5, up_down=up_down) if turned else AugmentConfig()
    data = DataConfig(
        folder=None if args.data == SYNTHETIC else Path(args.data),
        layout=None if args.layout == "auto" else Layout(args.layout),
        order=getattr(args, "order", "auto"),
        check_share=args.check_share,
        augment=augment,
        scenes=args.scenes,
        check_scenes=args.check_scenes,
        fresh=not args.fixed_scenes,
        scene=SceneConfig(duration_s=model.sound_window_s),
        demo_share=getattr(args, "demo_share", 0.0),
        seed=args.scene_seed,
        stretch_s=getattr(args, "stretch", 3.0),
    )
    return Job(
        stage, model, recipe(args.preset, stage).changed(given), data, args.out, start, loss, acoustic_loss,
        resume=args.resume, device=args.device, tensorboard=not args.no_tensorboard, preset=args.preset,
    )  # fmt: skip


def _of_stage(
    args: AcousticArguments | ImageArguments | VideoArguments,
) -> tuple[Stage, LossConfig, AcousticLossConfig, StartWeights]:
    if isinstance(args, AcousticArguments):
        weights = AcousticLossConfig(args.activity_weight, args.direction_weight, args.active_only)
        return Stage.ACOUSTIC, LossConfig(), weights, StartWeights(model=args.start_model)
    if isinstance(args, ImageArguments):
        start = StartWeights(imagenet=args.start_imagenet, model=args.start_model)
        return Stage.IMAGE, LossConfig(dice=args.dice), AcousticLossConfig(), start
    loss = LossConfig(
        dice=args.dice,
        distill=args.distill,
        stop_teacher=not args.both_ways,
        distill_normalise=args.distill_normalise,
        distill_adapter=args.distill_adapter,
        distill_apart=args.distill_apart,
        distill_warmup_steps=args.distill_warmup_steps,
        location=args.location,
        spherical=args.spherical,
    )
    start = StartWeights(args.start_imagenet, args.start_image, args.start_acoustic, args.start_model)
    return Stage.VIDEO, loss, AcousticLossConfig(), start


def changed_model(config: ModelConfig, changes: Sequence[str]) -> ModelConfig:
    """The config with fields from texts such as "window=2".

    Raises:
        ConfigError: a text that is none, an unknown field, or a value that it cannot have.
    """
    values = config.to_json()
    for text in changes:
        name, given, word = text.partition("=")
        if not given:
            raise ConfigError(f"expected a field of the network such as window=2, got {text!r}")
        values[name] = _value(word)
    return ModelConfig.from_json(values)


def _value(word: str) -> Any:
    try:
        return json.loads(word.lower() if word.lower() in ("true", "false") else word)
    except ValueError:
        return word
