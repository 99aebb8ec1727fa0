"""``panosod merge PROJECT OTHER``: what a second annotator has done, compared and taken over."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from panosod_core.annotation.document import Document
from panosod_core.annotation.merge import Choice, MergeItem, apply, compare
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.project_arguments import author_name, say


@dataclass(frozen=True)
class MergeArguments:
    """Compare a second annotator's project with yours; take over what is new, and of the conflicts what you choose."""

    project: Annotated[Path, tyro.conf.Positional]
    """Your project; what is taken over comes into it as drafts."""
    other: Annotated[Path, tyro.conf.Positional]
    """Their project; it is only read."""
    conflicts: Literal["ours", "theirs"] = "ours"
    """Whose mask is kept where both differ; of what only you have in frames that they accepted, theirs is none."""
    replace_accepted: bool = False
    """Let theirs replace (or take out) masks that you have accepted, too."""
    dry_run: bool = False
    """Only compare."""
    author: str = ""
    """Who you are; by default the name of the account."""
    json: bool = False
    """Print one JSON object instead of words."""


def run(args: MergeArguments) -> int:
    """Merge two projects.

    Raises:
        PanosodError: what is wrong, in one line; nothing has changed.
    """
    with (
        Snapshot.open(args.other) as theirs,
        closing(Document.open(args.project, author=author_name(args.author))) as document,
    ):
        plan = compare(document, theirs)
        if not args.dry_run:
            choices = {(i.key, i.object_id): Choice(args.conflicts) for i in plan.conflicts}
            apply(document, theirs, plan, choices=choices, consent=args.replace_accepted)
            document.flush()
    counts = Counter(str(item.finding) for item in plan.items)
    if args.json:
        found = {"counts": counts, "missing": plan.missing_clips, "conflicts": [_json(i) for i in plan.conflicts]}
        print(json.dumps(found))
        return 0
    for path in plan.missing_clips:
        say(f"{path} is not in your project: its masks were left out")
    for item in plan.conflicts:
        print(
            f"{item.finding}: clip {item.key.clip}, frame {item.key.index}, object {item.object_id}, J {item.iou:.3f}"
        )
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing to merge")
    return 0


def _json(item: MergeItem) -> dict[str, Any]:
    return {
        "clip": item.key.clip,
        "frame": item.key.index,
        "object": item.object_id,
        "finding": str(item.finding),
        "j": item.iou,
    }
