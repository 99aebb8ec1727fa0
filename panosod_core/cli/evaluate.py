"""``panosod evaluate``: what maps are worth, those of a folder (``PRED GT``) or those that a ``--model`` makes."""

import csv
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path

from panosod_core.cli.evaluate_arguments import EvaluateArguments, Judged
from panosod_core.cli.progress import JsonProgress, LineProgress, Progress
from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError, install_extra
from panosod_core.metrics.folders import FolderEvaluation, JudgeSettings, evaluate_folders, match_folders
from panosod_core.metrics.options import VARIANTS, EmptyTruth, MetricOptions, Stretch
from panosod_core.metrics.published import subset_of
from panosod_core.metrics.report import csv_text, json_object, markdown_table, text_table

_NAMED_AT_MOST = 5


def run(args: EvaluateArguments) -> int:
    """Judge, print, and say on stderr what is not in the numbers.

    Returns:
        0; 1 if not one frame could be judged.

    Raises:
        ConfigError: folders or options that cannot be used.
    """
    options = _options(args)
    if args.jobs < 1:
        raise ConfigError(f"expected --jobs of 1 or more, got {args.jobs}")
    if args.size is not None and min(args.size) < 1:
        raise ConfigError(f"expected --size of at least 1 1, got {args.size[0]} {args.size[1]}")
    settings = JudgeSettings(options, sphere=not args.flat_only, size=args.size, missing_as_black=args.missing_as_black)
    report = JsonProgress(sys.stdout) if args.json else LineProgress(sys.stderr)
    judged = _of_model(args, settings, report) if args.model is not None else _of_folders(args, settings, report)
    report.end()
    if args.csv is not None:
        _write(args.csv, csv_text(judged.result) + judged.more_csv)
    if args.json:
        event = {"event": "result", "options": _plain(options), "subsets_by": judged.subsets, **judged.more_json}
        print(json.dumps(event | json_object(judged.result)))
    elif args.markdown:
        print(
            "\n\n".join(text for text in (markdown_table(judged.result, name=judged.name), *judged.more_lines) if text)
        )
    else:
        print(one_line(f"{judged.title}; {args.variant}; subsets: {judged.subsets}"))
        print("\n".join(one_line(line) for line in (*text_table(judged.result).splitlines(), *judged.more_lines)))
    for line in (*remarks(judged.result, black=args.missing_as_black), *judged.remarks):
        print(f"panosod: {one_line(line)}", file=sys.stderr)
    return 0 if judged.result.flat.everything.frames else 1


def _of_folders(args: EvaluateArguments, settings: JudgeSettings, report: Progress) -> Judged:
    if args.pred is None or args.gt is None:
        raise ConfigError("expected two folders, PRED and GT, or --model with --data DIR, --scenes N or --clip FILE")
    if args.data is not None or args.scenes or args.clip is not None:
        raise ConfigError("--data, --scenes and --clip are what a --model is judged on: name one, or take them away")
    matching = match_folders(args.pred, args.gt)
    kind, subsets = clip_subsets(args.subsets, sorted({pair.clip for pair in matching.pairs}))
    result = evaluate_folders(matching, subsets=subsets, settings=settings, jobs=args.jobs, progress=report.show)
    return Judged(result, f"{args.pred} against {args.gt}", args.name or args.pred.resolve().name, kind)


def _of_model(args: EvaluateArguments, settings: JudgeSettings, report: Progress) -> Judged:
    if args.pred is not None:
        raise ConfigError(
            "expected either two folders, or --model with --data DIR, --scenes N or --clip FILE, got both"
        )
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(f"judging a model needs torch: {install_extra('model')}")
    # Only now: torch takes seconds, which folders and --help need not.
    from panosod_core.cli.evaluate_model import judge_model

    return judge_model(args, settings, report)


def clip_subsets(choice: str, clips: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """What the subsets are taken from, in words, and clip -> subset.

    Raises:
        ConfigError: a file of subsets that cannot be read or names no clip that is there.
    """
    of_split = {clip: subset for clip in clips if (subset := subset_of(clip)) is not None}
    deep = all("/" in clip for clip in clips)
    if choice == "asod60k" or (choice == "auto" and of_split):
        if not of_split:
            raise ConfigError(f"no clip is of ASOD60K's test split; there are: {', '.join(clips[:_NAMED_AT_MOST])}")
        return "ASOD60K test split", of_split
    if choice == "folders" or (choice == "auto" and deep):
        return "first folder", {clip: clip.split("/", 1)[0] for clip in clips if "/" in clip}
    if choice in ("auto", "none"):
        return "none", {}
    return choice, _subset_file(Path(choice), clips)


def remarks(result: FolderEvaluation, *, black: bool) -> list[str]:
    """One line for everything that the numbers do not contain, or contain in another form than it came."""
    treated = "judged as black" if black else "not in the numbers"
    of = f" of {result.masks}"
    lines = [
        (f"{of} predictions missing, {treated}", result.missing),
        (" predictions without a mask, ignored", result.extra),
        (f" pictures unreadable, {'predictions judged as black' if black else treated}", result.unreadable),
        (f"{of} masks without a pixel above the threshold that are not black (stored as 0 and 1? then --truth-above 0)",
         result.faint),
    ]  # fmt: skip
    out = [f"{len(names)}{what}: {_some(names)}" for what, names in lines if names]
    if result.sphere is not None and result.not_panoramas:
        out.append(
            f"{result.not_panoramas} of {result.masks} masks are not twice as wide as high: the rows called sphere "
            "take them for full spheres all the same (--flat-only leaves these rows out)"
        )
    if result.resized:
        out.append(f"{result.resized} of {result.masks} predictions had another size than their mask: resized")
    return out


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _options(args: EvaluateArguments) -> MetricOptions:
    options = VARIANTS[args.variant]
    if args.truth_above is not None and not 0 <= args.truth_above <= 254:
        raise ConfigError(f"expected --truth-above in 0..254, got {args.truth_above}")
    return replace(
        options,
        stretch=options.stretch if args.stretch is None else Stretch(args.stretch),
        raw_mae=options.raw_mae or args.raw_mae,
        raw_curves=options.raw_curves or args.raw_curves,
        thresholds=args.thresholds or options.thresholds,
        strict_e=options.strict_e or args.strict_e,
        empty=options.empty if args.empty is None else EmptyTruth(args.empty),
        centroid_plus_one=options.centroid_plus_one and not args.cut_at_centroid,
        truth_above=options.truth_above if args.truth_above is None else args.truth_above,
    )


def _plain(options: MetricOptions) -> dict[str, object]:
    return {k: v.value if isinstance(v, Enum) else v for k, v in asdict(options).items()}


def _subset_file(path: Path, clips: Sequence[str]) -> Mapping[str, str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"expected auto, asod60k, folders, none or a CSV file of subsets, got {path}: {error}"
        ) from error
    if any(len(row) != 2 or not all(row) for row in rows):
        wrong = next(row for row in rows if len(row) != 2 or not all(row))
        raise ConfigError(f"expected lines of clip,subset in {path}, got {','.join(wrong)!r}")
    subsets = {clip: subset for clip, subset in rows if clip in clips}
    if not subsets:
        raise ConfigError(f"{path} names none of the clips, which are: {', '.join(clips[:_NAMED_AT_MOST])}")
    return subsets


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
