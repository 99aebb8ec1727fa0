"""``panosod evaluate PRED GT``: what a folder of saliency maps is worth against a folder of masks."""

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, TextIO

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError
from panosod_core.metrics.folders import FolderEvaluation, JudgeSettings, evaluate_folders, match_folders
from panosod_core.metrics.options import VARIANTS, EmptyTruth, MetricOptions, Stretch
from panosod_core.metrics.published import subset_of
from panosod_core.metrics.report import csv_text, json_object, markdown_table, text_table

_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class EvaluateArguments:
    """Judge saliency maps against masks: adaptive F, S, adaptive E, MAE, J, and the F and E curves.

    Two folders are matched by name, with their sub-folders and whatever the suffixes: PRED/clip/00042.png is judged
    against GT/clip/00042.png. A clip is the folder that frames lie in. Means are over frames (as published tables) and
    over clips, of all and of each subset, once with every pixel alike and once on the sphere, weighted by solid angle.
    """

    pred: Annotated[Path, tyro.conf.Positional]
    """Folder of predictions: 8-bit grey, bright is salient."""
    gt: Annotated[Path, tyro.conf.Positional]
    """Folder of masks: bright is object; in a coloured mask whatever is not black."""
    json: bool = False
    """Print one JSON event a line: progress, then the result."""
    csv: Path | None = None
    """Also write a CSV file: all, subsets and clips, in full precision."""
    markdown: bool = False
    """Print a Markdown table with the published results of ASOD60K's test split instead of the plain one."""
    name: str | None = None
    """What the row of the Markdown table is called; without it, the folder's name."""
    subsets: str = "auto"
    """Which clip belongs to which subset: asod60k (its test split's three), folders (the first folder below GT), none,
    a CSV file of clip,subset lines, or auto: asod60k if any clip is of it, else folders if all clips lie two deep."""
    variant: Literal["pysodmetrics", "codtoolbox", "eval-co-sod", "cpd-matlab"] = "pysodmetrics"
    """The tool whose conventions hold: pysodmetrics for the paper's kind of numbers. The options below change single
    ones of them."""
    stretch: Literal["unless-constant", "always", "never"] | None = None
    """Stretch each map to 0..1 before judging it."""
    raw_mae: bool = False
    """MAE of the maps as they are, not stretched."""
    raw_curves: bool = False
    """F and E curves of the maps as they are, not stretched."""
    thresholds: Literal[255, 256] | None = None
    """Thresholds of the curves."""
    strict_e: bool = False
    """E selects what is greater than its threshold, not what is equal."""
    empty: Literal["fraction", "formula", "skip"] | None = None
    """Frames without an object: E is the share not selected, or what the formula gives (1/4), or they are left out."""
    cut_at_centroid: bool = False
    """S cuts its blocks at the mask's rounded centroid, not one pixel later."""
    truth_above: int | None = None
    """Masks are object above this level; 0 for masks stored as 0 and 1. Without it: 128."""
    size: tuple[int, int] | None = None
    """Judge at this width and height, e.g. 832 416, instead of at each mask's own size."""
    missing_as_black: bool = False
    """Judge an all-black map where a prediction is missing or unreadable, instead of leaving the frame out."""
    flat_only: bool = False
    """Leave out the scores on the sphere."""
    jobs: int = 1
    """Processes that read and judge."""


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
    matching = match_folders(args.pred, args.gt)
    kind, subsets = clip_subsets(args.subsets, sorted({pair.clip for pair in matching.pairs}))
    report = _JsonProgress(sys.stdout) if args.json else _LineProgress(sys.stderr)
    settings = JudgeSettings(options, sphere=not args.flat_only, size=args.size, missing_as_black=args.missing_as_black)
    result = evaluate_folders(matching, subsets=subsets, settings=settings, jobs=args.jobs, progress=report.show)
    report.end()
    if args.csv is not None:
        _write(args.csv, csv_text(result))
    if args.json:
        event = {"event": "result", "options": _plain(options), "subsets_by": kind, **json_object(result)}
        print(json.dumps(event))
    elif args.markdown:
        print(markdown_table(result, name=args.name or args.pred.resolve().name))
    else:
        print(one_line(f"{args.pred} against {args.gt}; {args.variant}; subsets: {kind}"))
        print("\n".join(one_line(line) for line in text_table(result).splitlines()))
    for line in remarks(result, black=args.missing_as_black):
        print(f"panosod: {one_line(line)}", file=sys.stderr)
    return 0 if result.flat.everything.frames else 1


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


class _LineProgress:
    """A line for a person that is rewritten in place on a terminal, and left out elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._percent = -1

    def show(self, done: int, total: int) -> None:
        percent = 100 * done // total
        if percent != self._percent and self._out.isatty():
            self._out.write(f"\rjudging {percent:3d}% ({done}/{total} frames)")
            self._out.flush()
        self._percent = percent

    def end(self) -> None:
        if self._out.isatty():
            self._out.write("\r\x1b[K")
            self._out.flush()


class _JsonProgress:
    """One JSON object a line, at every percent."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._percent = -1

    def show(self, done: int, total: int) -> None:
        percent = 100 * done // total
        if percent != self._percent:
            self._percent = percent
            self._out.write(json.dumps({"event": "progress", "done": done, "total": total}) + "\n")
            self._out.flush()

    def end(self) -> None:
        """Nothing to tidy."""
