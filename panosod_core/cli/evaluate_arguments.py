"""The arguments of ``panosod evaluate``, and what its two forms give; no torch is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from panosod_core.metrics.folders import FolderEvaluation


@dataclass(frozen=True)
class EvaluateArguments:
    """Judge saliency maps against masks: adaptive F, S, adaptive E, MAE, J, and the F and E curves.

    Two folders are matched by name, with their sub-folders and whatever the suffixes: PRED/clip/00042.png is judged
    against GT/clip/00042.png. A clip is the folder that frames lie in. Means are over frames (as published tables) and
    over clips, of all and of each subset, once with every pixel alike and once on the sphere, weighted by solid angle.

    With --model instead of folders, the model's own maps are judged: on the test split of a data set (--data DIR), on
    synthetic scenes that nobody has seen (--scenes N), or on a clip of balls (--clip FILE). Where the truth knows who
    sounds and where, the choice among look-alikes and the angle from the location map's peak to the sound are told too.
    """

    pred: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of predictions: 8-bit grey, bright is salient."""
    gt: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of masks: bright is object; in a coloured mask whatever is not black."""
    model: str | None = None
    """A model's file, its name or id in the library, or shipped (also: demo) for the one that comes with panosod; its
    maps are judged. Needs --data, --scenes or --clip."""
    data: Path | None = None
    """Folder of a data set with pictures, sound and masks, in any layout that `panosod data check` knows."""
    split: Literal["test", "val", "train"] = "test"
    """Which split of the data set."""
    layout: Literal["auto", "asod60k", "pavsodr", "davsod", "panosod"] = "auto"
    """Of the data set's folder; auto: told by what lies in it."""
    order: str = "auto"
    """What the sound's channels are: acn, fuma, ...; auto: by the files."""
    scenes: int = 0
    """Judge the model on so many synthetic scenes, rendered in its own size."""
    scene_seed: int | None = None
    """Seed of the first scene; without it: 2^41, which no training run reaches."""
    scene: tuple[str, ...] = ()
    """What scenes hold, where it differs from the default mixture: room=0 twins=3 objects=3,6 ..."""
    clip: Path | None = None
    """Judge the model on a clip with its truth beside it, as `panosod synth --demo` builds it: does the mask lie on the
    ball that sounds, and not on its twin?"""
    stride: int = 1
    """Of the clip, every n-th frame."""
    mirrored: bool = False
    """Of the clip, left and right change places in the sound: the other twin is to be found then."""
    device: str = "auto"
    """Where the model runs: auto, cpu, cuda, mps."""
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    """Arithmetic of the model."""
    threads: int | None = None
    """Threads of the CPU; without it, as many as there are cores."""
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


@dataclass(frozen=True)
class Judged:
    """What was judged, and how to say it.

    Attributes:
        result: the scores.
        title: what against what.
        name: of the row of the Markdown table.
        subsets: what they are taken from.
        more_lines: what else was found, for people.
        more_json: the same for programs.
        more_csv: the same as lines of the table.
        remarks: what is not in the numbers, beside what `remarks` says.
    """

    result: FolderEvaluation
    title: str
    name: str
    subsets: str
    more_lines: tuple[str, ...] = ()
    more_json: Mapping[str, object] = field(default_factory=dict)
    more_csv: str = ""
    remarks: tuple[str, ...] = ()
