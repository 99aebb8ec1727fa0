"""``panosod project``: the clips of a project and their files; another file for a clip."""

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from panosod_core.annotation.adopting import adopt, check_adoption, find_media, is_same_clip, plan_adoption, relink
from panosod_core.annotation.copies import adoption_words, copy_times
from panosod_core.annotation.document import Document
from panosod_core.annotation.records import Clip
from panosod_core.cli.project_arguments import author_name, chosen_clip, say
from panosod_core.errors import AnnotationError, ConfigError


@dataclass(frozen=True)
class ProjectArguments:
    """List a project's clips, or give a clip another file."""

    action: Annotated[Literal["clips", "adopt"], tyro.conf.Positional]
    """clips: list them, and where their files are; adopt: use another file for a clip from now on, the same one
    at another place or another copy (an encode, a cut) of the same recording."""
    project: Annotated[Path, tyro.conf.Positional]
    """The project (.panosod)."""
    clip: Annotated[str, tyro.conf.Positional] = ""
    """adopt: which clip, by number or file name."""
    file: Annotated[str, tyro.conf.Positional] = ""
    """adopt: the file."""
    yes: bool = False
    """adopt: also a copy that lacks annotated frames; their masks stay in the project and are not seen."""
    dry_run: bool = False
    """adopt: only say what would be done."""
    json: bool = False
    """Print JSON instead of words: an object for each clip, or one for what was done."""


def run(args: ProjectArguments) -> int:
    """Do it.

    Raises:
        PanosodError: it cannot be done; nothing has changed.
    """
    if args.action == "adopt" and not (args.clip and args.file):
        raise ConfigError("expected a clip and its file: panosod project adopt PROJECT CLIP FILE")
    looks_only = args.action == "clips" or args.dry_run
    with closing(Document.open(args.project, author=author_name(""), read_only=looks_only)) as document:
        if args.action == "clips":
            for clip in document.clips:
                _print(document, clip, as_json=args.json)
            return 0
        return _adopt(document, chosen_clip(document.clips, args.clip), Path(args.file), args)


def _print(document: Document, clip: Clip, *, as_json: bool) -> None:
    media = find_media(document, clip)
    frames = len(document.frames(clip.id))
    if as_json:
        found = None if media is None else str(media)
        print(json.dumps({"clip": clip.id, "path": clip.path, "file": found, "frames": frames}))
    else:
        print(f"{clip.id}  {clip.path}  {frames} frames  {media or 'NOT FOUND: panosod project adopt'}")


def _adopt(document: Document, clip: Clip, media: Path, args: ProjectArguments) -> int:
    if is_same_clip(clip, media):
        if not args.dry_run:
            relink(document, clip, media)
        if args.json:
            _report(args, same=True)
        else:
            print(f"{media} is the file that {clip.path} was{'' if args.dry_run else ': it is used from now on'}")
        return 0
    plan = plan_adoption(document, clip, media, copy_times(media))
    if not args.json:
        for line in adoption_words(plan):
            say(line)
    check_adoption(document, plan)
    if not args.dry_run:
        if plan.missing and not args.yes:
            raise AnnotationError(
                f"{media} lacks {len(plan.missing)} annotated frames (the first is number {plan.missing[0].index}): "
                "choose another copy, or say --yes to use it all the same"
            )
        adopt(document, plan)
    if args.json:
        missing = [key.index for key in plan.missing]
        _report(args, same=False, frames=len(plan.frames), moved=plan.moved, missing_frames=missing)
    else:
        print(f"{media} {'would be' if args.dry_run else 'is'} used for {clip.path} from now on")
    return 0


def _report(args: ProjectArguments, **values: Any) -> None:
    print(json.dumps({**values, "dry_run": args.dry_run}))
