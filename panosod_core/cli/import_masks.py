"""``panosod import PROJECT MASKS``: masks of other programs into a project, as drafts."""

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.copies import copy_times
from panosod_core.annotation.document import Document
from panosod_core.annotation.formats.importing import apply_import, plan_import, read_masks
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.cli.export import FormatName
from panosod_core.cli.project_arguments import author_name, chosen_clip, say
from panosod_core.errors import AnnotationError


@dataclass(frozen=True)
class ImportArguments:
    """Read masks of another program into a project: as drafts, and only where nothing is painted."""

    project: Annotated[Path, tyro.conf.Positional]
    """The project (.panosod); it must hold the clip already."""
    masks: Annotated[Path, tyro.conf.Positional]
    """Folder or JSON file of masks."""
    format: FormatName | None = None
    """Of the masks; by default told by what lies there."""
    clip: str = ""
    """Which clip of the project they belong to, by file name; needed where there are several."""
    source: str = ""
    """Which clip of the masks, by name; needed where there are several and none has the clip's name."""
    media: tuple[Path, ...] = ()
    """Folders in which the clip is looked for if it is not where the project says."""
    author: str = ""
    """Who made the masks; by default the name of the account."""
    dry_run: bool = False
    """Only say what would be done."""
    json: bool = False
    """Print one JSON object instead of words."""


def run(args: ImportArguments) -> int:
    """Import masks.

    Raises:
        PanosodError: what is wrong, in one line; nothing has changed.
    """
    sources = read_masks(args.masks, kind=MaskFormat(args.format) if args.format else None)
    with closing(Document.open(args.project, author=author_name(args.author))) as document:
        clip = chosen_clip(document.clips, args.clip)
        stem = Path(clip.path).stem
        named = [s for s in sources if s.name == (args.source or stem)] or (sources if not args.source else [])
        if len(named) != 1:
            names = ", ".join(s.name for s in sources)
            raise AnnotationError(f"expected one clip of masks to choose (--source NAME), there are: {names}")
        media = clip_file(args.project, clip, args.media)
        if media is None:
            raise AnnotationError(
                f"{clip.path} is not where the project says: name its folder with --media, its time stamps are needed"
            )
        plan = plan_import(document, clip, named[0], pts=copy_times(media).pts)
        if not args.dry_run:
            apply_import(document, plan, title=f"Import {args.masks.name}")
            document.flush()
    report = {
        "frames": plan.changed,
        "objects": len(plan.new_objects),
        "renamed": {str(k): v for k, v in plan.renamed.items()},
        "covered_px": plan.covered_px,
        "missing_frames": list(plan.missing),
        "notes": list(plan.notes),
        "dry_run": args.dry_run,
    }
    if args.json:
        print(json.dumps(report))
        return 0
    for note in plan.notes:
        say(note)
    if plan.covered_px:
        say(f"{plan.covered_px} pixels were left as they are: something is painted there")
    if plan.missing:
        say(f"{len(plan.missing)} frames of the masks are not in the clip (first: {plan.missing[0]})")
    verb = "would be" if args.dry_run else "were"
    print(f"drafts {verb} added to {plan.changed} frames, with {len(plan.new_objects)} new objects")
    return 0
