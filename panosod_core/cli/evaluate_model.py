"""The part of ``panosod evaluate`` that runs a model. Needs torch."""

from dataclasses import asdict, replace
from typing import Any

from panosod_core.cli.evaluate_arguments import EvaluateArguments, Judged
from panosod_core.cli.progress import Progress
from panosod_core.datasets.findings import Finding, Kind
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.sound_order import parse_order
from panosod_core.datasets.synthetic import TEST_SEED
from panosod_core.errors import ConfigError
from panosod_core.inference.engine import open_engine
from panosod_core.inference.judging import judge_data_set, judge_scenes
from panosod_core.inference.judging_clip import ClipJudgement, judge_clip
from panosod_core.inference.library import ModelLibrary, find_model
from panosod_core.metrics.folders import JudgeSettings
from panosod_core.metrics.sounding import SoundingScores
from panosod_core.synth.scene_config import SceneConfig, config_from_json


def judge_model(args: EvaluateArguments, settings: JudgeSettings, report: Progress) -> Judged:
    """Judge a model on what the arguments say.

    Raises:
        PanosodError: nothing or two things to judge on, or files that cannot be used.
    """
    if args.scenes < 0:
        raise ConfigError(f"expected --scenes of 1 or more, got {args.scenes}")
    if (args.data is not None) + (args.scenes > 0) + (args.clip is not None) != 1:
        raise ConfigError("expected one of --data DIR, --scenes N and --clip FILE for the model to be judged on")
    if args.model is None:
        raise ConfigError("expected --model MODEL, whose maps are judged")
    path = find_model(args.model)
    engine = open_engine(path, device=args.device, precision=args.precision, threads=args.threads)
    more: dict[str, object] = {}
    lines: tuple[str, ...] = ()
    gone: tuple[Finding, ...] = ()
    if args.data is not None:
        layout = None if args.layout == "auto" else Layout(args.layout)
        order = None if args.order == "auto" else parse_order(args.order)
        data = open_data_set(args.data, layout=layout, order=order).of_split(Split(args.split))
        gone = tuple(found for found in data.findings if found.kind is Kind.MISSING_SEQUENCE)
        found = judge_data_set(engine, data, settings=settings, progress=report.show)
        against = f"the {args.split} split of {args.data}"
    elif args.clip is not None:
        size = settings.size or (engine.config.width_px, engine.config.height_px)
        clip = judge_clip(
            engine,
            args.clip,
            stride=args.stride,
            mirrored=args.mirrored,
            settings=replace(settings, size=size),
            progress=report.show,
        )
        found, lines, more = clip.evaluation, clip_lines(clip), {"clip": clip_json(clip)}
        against = f"{args.clip}, every {args.stride}. frame" + (", its sound mirrored" if args.mirrored else "")
    else:
        seed = TEST_SEED if args.scene_seed is None else args.scene_seed
        scene = changed_scene(args.scene)
        found = judge_scenes(
            engine, count=args.scenes, first_seed=seed, scene=scene, settings=settings, progress=report.show
        )
        against = f"{args.scenes} scenes from seed {seed} on ({' '.join(args.scene) or 'default mixture'})"
    config, sounding = engine.config, found.sounding
    more |= {
        "model": str(path),
        "model_id": engine.model_id,
        "engine": engine.description,
        "size": [config.width_px, config.height_px],
        "left_out": dict(found.left_out),
        "clips_missing": sum(finding.count for finding in gone),
        "sounding": None if sounding is None else asdict(sounding),
    }
    return Judged(
        result=found.maps,
        title=f"{path} at {config.width_px}x{config.height_px} ({engine.description}) against {against}",
        name=args.name or ModelLibrary().name_of(path),
        subsets=found.subsets,
        more_lines=(*(() if sounding is None else sounding_lines(sounding)), *lines),
        more_json=more,
        more_csv="" if sounding is None else sounding_csv(sounding),
        remarks=(
            *(f"{finding.count} clips not judged: {', '.join(finding.examples)}" for finding in gone),
            *(f"{count} key frames not judged: {reason}" for reason, count in found.left_out.items()),
        ),
    )


def changed_scene(changes: tuple[str, ...]) -> SceneConfig:
    """The default mixture with fields from texts such as "room=0" or "objects=3,6".

    Raises:
        ConfigError: a text that is none, an unknown field, or a value that it cannot have.
    """
    values = SceneConfig().to_json()
    for text in changes:
        name, given, word = text.partition("=")
        if not given or name not in values:
            raise ConfigError(
                f"expected a field of a scene such as room=0, got {text!r}; there are {', '.join(values)}"
            )
        values[name] = _value(name, word, values[name])
    return config_from_json(values)


def _value(name: str, word: str, like: Any) -> Any:
    if isinstance(like, str):
        return word
    if isinstance(like, bool):
        return word.lower() in ("1", "true", "yes")
    parts = [part for part in word.split(",") if part]
    if name in ("held_out", "pictures"):
        return parts
    try:
        numbers = [float(part) if "." in part or "e" in part.lower() else int(part) for part in parts]
    except ValueError as error:
        raise ConfigError(f"expected a number for {name}, got {word!r}") from error
    if isinstance(like, tuple):
        return numbers
    if len(numbers) != 1:
        raise ConfigError(f"expected one number for {name}, got {word!r}")
    return numbers[0]


def sounding_lines(scores: SoundingScores) -> tuple[str, ...]:
    """Choices and places in two lines."""
    lines = []
    if scores.twin_accuracy is not None:
        lines.append(f"twin accuracy {100 * scores.twin_accuracy:.1f} % of {scores.choices} frames with look-alikes")
    if scores.location_median_deg is not None:
        lines.append(
            f"location map: peak {scores.location_median_deg:.1f} degrees from the sound (median of {scores.located} "
            f"frames; mean {scores.location_mean_deg:.1f}, nine of ten below {scores.location_p90_deg:.1f})"
        )
    return tuple(lines)


def sounding_csv(scores: SoundingScores) -> str:
    """Choices and places below the table of scores: a head and one row."""
    values = asdict(scores)
    row = ["" if value is None else repr(value) for value in values.values()]
    return "\n" + ",".join(values) + "\n" + ",".join(row) + "\n"


def clip_lines(clip: ClipJudgement) -> tuple[str, ...]:
    """On what the masks of a clip lie, in a line."""
    if clip.share is None:
        return ("in no frame anything sounds that has a look-alike",)
    each = ", ".join(f"{name} {hits}/{seen}" for name, (hits, seen) in clip.by_object.items())
    return (
        f"mask on what sounds and not on its look-alike: {100 * clip.share:.1f} % of {clip.judged} frames ({each})",
    )


def clip_json(clip: ClipJudgement) -> dict[str, object]:
    """The same for programs."""
    each = {name: {"on_target": hits, "judged": seen} for name, (hits, seen) in clip.by_object.items()}
    return {"judged": clip.judged, "on_target": clip.on_target, "share": clip.share, "by_object": each}
