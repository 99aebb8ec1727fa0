"""``panosod queue PROJECT``: which frames of a project to annotate next, and why."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from panosod_core.annotation.queueing import Pick, Strategy, next_picks
from panosod_core.cli.project_arguments import say
from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError
from panosod_core.inference.cache import PredictionCache
from panosod_core.inference.model_choice import choose_model
from panosod_core.inference.queue_project import ProjectQueue, QueuedClip, QueueView

StrategyName = Literal["best", "unsure", "off-sound", "change", "new", "random"]


@dataclass(frozen=True)
class QueueArguments:
    """Say which frames of a project's clips to annotate next, the most worthwhile first.

    Chosen from the maps that `panosod predict` or the window have made; nothing is written.
    """

    project: Annotated[Path, tyro.conf.Positional]
    """The project (.panosod)."""
    strategy: StrategyName = "best"
    """By what: best (all together), unsure, off-sound (mask and sound apart), change, new (unlike what is labelled),
    random."""
    count: int = 20
    """Frames to name."""
    seed: int = 0
    """Of the random order."""
    model: str | None = None
    """Whose maps: a model's file, its name or id in the library, or shipped; without it those of the default of
    `panosod models`, else of the one that comes with panosod."""
    cache: Path | None = None
    """Folder of the prediction cache; without it the one that the viewer reads."""
    media: tuple[Path, ...] = ()
    """Folders in which clips are looked for that are not where the project says."""
    json: bool = False
    """Print one JSON object a line: clip for every clip, then pick for every frame."""


def run(args: QueueArguments) -> int:
    """Print the queue.

    Raises:
        PanosodError: the project or the model cannot be read.
        ConfigError: a count below 1.
    """
    if args.count < 1:
        raise ConfigError(f"expected --count of 1 or more, got {args.count}")
    queue = ProjectQueue(PredictionCache(args.cache), choose_model(args.model).model_id, folders=args.media)
    view = queue.look(args.project)
    if view is None:
        raise AssertionError("nobody stops it")
    picks = (
        () if view.pool is None else next_picks(view.pool, Strategy(args.strategy), count=args.count, seed=args.seed)
    )
    if args.json:
        _as_json(view, picks)
    else:
        _in_words(view, picks)
    return 0


def _as_json(view: QueueView, picks: tuple[Pick, ...]) -> None:
    for clip in view.clips:
        print(json.dumps({"event": "clip", **asdict(clip), "path": str(clip.path)}))
    for rank, pick in enumerate(picks):
        print(json.dumps({"event": "pick", "rank": rank, "path": str(view.path_of(pick.clip)), **asdict(pick)}))


def _in_words(view: QueueView, picks: tuple[Pick, ...]) -> None:
    for clip in view.clips:
        if clip.problem or clip.without_map:
            say(one_line(_missing(clip)))
    if not picks:
        say("nothing to choose from: no open frame has a map")
    for rank, pick in enumerate(picks, start=1):
        name = view.path_of(pick.clip).name
        print(one_line(f"{rank:3d}  {name}  {clock(pick.time_s)}  frame {pick.index}  {pick.reason}"))


def _missing(clip: QueuedClip) -> str:
    if clip.problem:
        return f"left out: {clip.problem}"
    frames = f"{clip.without_map} of {clip.frames} frames are further than a second from any map"
    return f"{clip.path.name}: {frames}; they are not in the queue. `panosod predict {clip.path} --stride 6` makes them"


def clock(time_s: float) -> str:
    """Minutes and seconds: 1:07.4."""
    minutes, seconds = divmod(max(time_s, 0.0), 60)
    return f"{int(minutes)}:{seconds:04.1f}"
