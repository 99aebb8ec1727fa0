"""``panosod export PROJECT --format F --out DIR``: a project's masks in the files of other programs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.formats.exporting import ExportOptions, export
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.records import MaskState
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.project_arguments import say

FormatName = Literal["pavs10k", "davis", "sav", "ytvis", "coco", "labelme", "video"]
StateName = Literal["draft", "accepted", "rejected"]


@dataclass(frozen=True)
class ExportArguments:
    """Write a project's masks in another program's format, into a new folder with a manifest of hashes."""

    project: Annotated[Path, tyro.conf.Positional]
    """The project (.panosod)."""
    out: Path
    """Folder to write; not there yet, or empty."""
    format: FormatName = "pavs10k"
    """Of the files: pavs10k (ASOD60K folders), davis, sav, ytvis, coco, labelme, video."""
    width: int = 0
    """Of label maps and pictures, pixels; 0: as they were painted."""
    states: tuple[StateName, ...] = ("draft", "accepted")
    """Masks in these states."""
    first: int = 0
    """First frame."""
    last: int = -1
    """Last frame; -1: to the end."""
    every: int = 1
    """Only frames whose number is a multiple of this (PAVS10K's key frames: 6)."""
    sounding_only: bool = False
    """Leave out objects while a person has marked them silent or off screen."""
    pictures: bool | None = None
    """Write the frames' pictures too; by default for pavs10k only."""
    sound: bool | None = None
    """Write the sound of the stretch too, four channels; by default for pavs10k only."""
    split: Literal["train", "test"] = "train"
    """PAVS10K's list that the clips go into."""
    media: tuple[Path, ...] = ()
    """Folders in which clips are looked for that are not where the project says."""
    json: bool = False
    """Print one JSON object instead of words."""


def run(args: ExportArguments) -> int:
    """Export a project.

    Raises:
        PanosodError: what is wrong, in one line; nothing was written.
    """
    whole = args.format == "pavs10k"
    options = ExportOptions(
        MaskFormat(args.format),
        width=args.width or None,
        states=frozenset(MaskState(s) for s in args.states),
        first=args.first,
        last=None if args.last < 0 else args.last,
        every=args.every,
        sounding_only=args.sounding_only,
        pictures=whole if args.pictures is None else args.pictures,
        sound=whole if args.sound is None else args.sound,
        split=args.split,
    )
    with Snapshot.open(args.project) as snapshot:
        done = export(snapshot, args.out, options, media=lambda clip: clip_file(args.project, clip, args.media))
    if args.json:
        print(json.dumps({"out": str(done.target), "frames": done.frames, "files": done.files, "notes": done.notes}))
        return 0
    for note in done.notes:
        say(note)
    print(f"{done.frames} frames, {done.files} files in {done.target}")
    return 0
