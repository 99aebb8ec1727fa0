"""``panosod predict``: what the model sees and hears in clips, into the cache that the viewer reads, and into files."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TextIO

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError
from panosod_core.inference.clip_feed import ClipTaking
from panosod_core.inference.clip_job import ClipJob, Event
from panosod_core.inference.distributed import run_on_ray
from panosod_core.inference.engine import DEVICES, PRECISIONS
from panosod_core.inference.engine_devices import may_have_gpu
from panosod_core.inference.model_choice import ModelChoice, choose_model
from panosod_core.inference.pool import run_here, run_pool
from panosod_core.inference.predict import FrameRange
from panosod_core.media.choice import PICTURE_CHOICES, SOUND_CHOICES

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".ts", ".mts", ".m2ts", ".avi")
"""What is looked for in a folder."""


@dataclass(frozen=True)
class PredictArguments:
    """Predict where clips are salient and where their sound comes from. What was predicted before is not made again."""

    clips: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Panoramic videos, or folders that are searched for them."""
    model: str | None = None
    """A model's file, its name or id in the library, or shipped; without it the default of `panosod models`, else that
    which comes with panosod."""
    out: Path | None = None
    """Write files, a folder a clip: saliency/00012.png, location/00012.png, frames.csv, manifest.json."""
    npz: bool = False
    """With --out: maps.npz too, all maps in arrays."""
    overlay: bool = False
    """With --out: overlay.mp4 too, the maps drawn over the picture, with its sound."""
    stride: int = 1
    """The model looks at every n-th frame; the maps between are carried along by the picture's motion."""
    no_carry: bool = False
    """With --stride: leave the frames between without maps."""
    frames: str | None = None
    """Only these frames: FIRST:END, END not included, either may be left out."""
    picture: str = "auto"
    """What the picture is taken for: auto, equirect, equirect-tb, equirect-sbs, 180, 180-sbs, 180-tb."""
    eye: Literal["left", "right"] = "left"
    """Which eye of a stereo picture."""
    sound: str = "auto"
    """What the sound is taken for: auto, ambix, n3d, fuma, ambix+2, stereo, mono."""
    device: str = "auto"
    """Where the network runs: auto, cpu, cuda, mps."""
    precision: str = "auto"
    """Of its numbers: auto, float32, bfloat16, float16, int8."""
    compile: bool = False
    """Run the network by torch.compile: longer to start, for many clips on a GPU."""
    engine: Literal["local", "ray"] = "local"
    """Processes on this machine, or tasks on a Ray cluster (extra `cluster`)."""
    jobs: int | None = None
    """Clips at once (local), or tasks at once (ray); by default what the machine or the cluster has room for."""
    address: str | None = None
    """Ray: the cluster to join, e.g. auto or HEAD:6379; without it one on this machine, for this command."""
    cache: Path | None = None
    """Folder of the prediction cache; without it the one that the viewer reads."""
    cache_limit_gb: float = 4.0
    """Bound of the cache; the clips used least recently give way."""
    json: bool = False
    """Print one JSON event a line on stdout: start, progress, repaired, again, done, failed, end."""


def run(args: PredictArguments) -> int:
    """Predict.

    Returns:
        0; 1 if a clip failed.

    Raises:
        ConfigError: arguments that cannot be used.
        CheckpointError: no model.
    """
    _check(args)
    clips = find_clips(args.clips)
    workers = _workers(args, len(clips))
    # Processes that share a machine share its cores.
    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None
    model = choose_model(
        args.model, device=args.device, precision=args.precision, threads=threads, compiled=args.compile
    )
    jobs = [_job(args, model, path, name) for path, name in clips]
    report = JsonReport(sys.stdout) if args.json else LineReport(sys.stderr, many=len(jobs) > 1)
    ends = _run(args, jobs, report.event, workers=workers)
    report.end(ends)
    return 0 if all(end["event"] == "done" for end in ends) else 1


def _check(args: PredictArguments) -> None:
    choices: dict[str, tuple[str, ...]] = {
        "picture": tuple(PICTURE_CHOICES),
        "sound": tuple(SOUND_CHOICES),
        "device": DEVICES,
        "precision": PRECISIONS,
    }
    for option, allowed in choices.items():
        if getattr(args, option) not in allowed:
            raise ConfigError(f"expected --{option} of {', '.join(allowed)}, got {getattr(args, option)!r}")
    if args.out is None and (args.npz or args.overlay):
        raise ConfigError("--npz and --overlay write files: say where with --out DIR")
    if not args.cache_limit_gb >= 0:
        raise ConfigError(f"expected --cache-limit-gb of 0 or more, got {args.cache_limit_gb}")
    if args.compile and args.precision == "int8":
        raise ConfigError("int8 runs by ONNX Runtime, which nothing compiles: leave out --compile or --precision")
    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"expected --jobs of 1 or more, got {args.jobs}")
    if args.address is not None and args.engine != "ray":
        raise ConfigError("--address belongs to --engine ray")


def _run(
    args: PredictArguments, jobs: Sequence[ClipJob], report: Callable[[Event], None], *, workers: int
) -> list[Event]:
    if args.engine == "ray":
        return run_on_ray(jobs, report, address=args.address, tasks_at_once=args.jobs)
    return run_here(jobs, report) if workers == 1 else run_pool(jobs, report, workers=workers)


def _workers(args: PredictArguments, clips: int) -> int:
    """Processes: as asked, else one for two cores, and one alone where they would share a GPU or where Ray has them."""
    if args.engine == "ray":
        return 1
    if args.jobs is not None:
        return min(args.jobs, clips)
    on_gpu = args.device in ("cuda", "mps") or (args.device == "auto" and may_have_gpu())
    return 1 if on_gpu else max(1, min(clips, (os.cpu_count() or 1) // 2))


def _job(args: PredictArguments, model: ModelChoice, path: Path, name: Path) -> ClipJob:
    return ClipJob(
        clip=path,
        model=model,
        cache_folder=args.cache,
        cache_limit_bytes=round(args.cache_limit_gb * (1 << 30)),
        frames=_frames(args),
        taking=ClipTaking(args.picture, args.eye, args.sound),
        out=None if args.out is None else args.out / name,
        archive=args.npz,
        overlay=args.overlay,
    )


def _frames(args: PredictArguments) -> FrameRange:
    first, end = 0, None
    if args.frames is not None:
        low, colon, high = args.frames.partition(":")
        if not colon or not all(word.isdecimal() or not word for word in (low, high)):
            raise ConfigError(f"expected --frames FIRST:END such as 300:600 or 300:, got {args.frames!r}")
        first, end = int(low or 0), int(high) if high else None
    if args.stride >= 1:
        first -= first % args.stride  # grids begin at frame 0
    return FrameRange(first, end, args.stride, carry=not args.no_carry)


def find_clips(given: Sequence[Path]) -> list[tuple[Path, Path]]:
    """The clips of files and folders, and the folder below ``--out`` that each has to itself.

    Args:
        given: files are taken as they are; folders are searched, in the order of names.

    Raises:
        ConfigError: nothing given, a folder without clips, or two clips that would share a folder.
    """
    if not given:
        raise ConfigError("expected clips or folders of clips: panosod predict CLIP|DIR ...")
    found = [pair for path in given for pair in _clips_of(path)]
    # The stem names a clip, unless two share it.
    stems = Counter(name.with_suffix("") for _, name in found)
    named = [(path, name.with_suffix("") if stems[name.with_suffix("")] == 1 else name) for path, name in found]
    for name, count in Counter(name for _, name in named).items():
        if count > 1:
            raise ConfigError(f"{count} clips are named {name}: predict them one by one, each with an --out of its own")
    return named


def _clips_of(path: Path) -> Iterator[tuple[Path, Path]]:
    if not path.is_dir():
        yield path, Path(path.name)
        return
    clips = sorted(p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
    if not clips:
        raise ConfigError(f"{path}: expected videos in this folder ({', '.join(VIDEO_SUFFIXES)}), found none")
    for clip in clips:
        yield clip, clip.relative_to(path)


class JsonReport:
    """One JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def event(self, event: Event) -> None:
        """Print it."""
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def end(self, ends: Sequence[Event]) -> None:
        """Print the sum."""
        self.event({"event": "end", **_sum(ends)})


class LineReport:
    """Lines for a person; how far it is, is rewritten in place on a terminal and left out elsewhere."""

    def __init__(self, out: TextIO, *, many: bool) -> None:
        self._out, self._many = out, many

    def event(self, event: Event) -> None:
        """Say it."""
        name, kind = Path(event["clip"]).name, event["event"]
        if kind in ("progress", "write", "draw"):
            self._rewrite(f"{name}: {_DOING[kind]} {event['done']}/{event['total']}, {event['per_s']:.3g} a second")
        elif kind == "start":
            self._line(f"{name}: sees {event['fed']['picture']}")
            self._line(f"{name}: hears {event['fed']['sound']}")
            missing = event["missing"]
            self._line(
                f"{name}: {missing} of {event['frames']} frames to predict" if missing else f"{name}: all cached"
            )
        elif kind == "done":
            more = f", {event['unreadable']} frames cannot be decoded" if event["unreadable"] else ""
            self._line(
                f"{name}: {event['made']} maps by the model, {event['carried']} carried, "
                f"in {event['seconds']:.1f} s{more}"
            )
        elif kind == "failed":
            self._line(f"panosod: {event['text']}")
        else:
            self._line(f"{name}: {event['text']}")

    def end(self, ends: Sequence[Event]) -> None:
        """Say the sum of many."""
        if self._many:
            s = _sum(ends)
            self._line(f"{s['done']} of {len(ends)} clips done, {s['made']} maps by the model, {s['carried']} carried")

    def _rewrite(self, text: str) -> None:
        if self._out.isatty():
            self._out.write(f"\r\x1b[K{one_line(text)}")
            self._out.flush()

    def _line(self, text: str) -> None:
        start = "\r\x1b[K" if self._out.isatty() else ""
        self._out.write(f"{start}{one_line(text)}\n")
        self._out.flush()


_DOING = {"progress": "predicting", "write": "writing", "draw": "drawing"}


def _sum(ends: Sequence[Event]) -> dict[str, int]:
    done = [end for end in ends if end["event"] == "done"]
    made, carried = (sum(end[name] for end in done) for name in ("made", "carried"))
    return {"done": len(done), "failed": len(ends) - len(done), "made": made, "carried": carried}
