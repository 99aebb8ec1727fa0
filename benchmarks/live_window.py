"""The window beside its predictor: dropped frames, maps a second, and how long it takes from opening to the first map.

Part of ``benchmarks/live.py``. Every run has a display, settings and a cache folder of its own: no predictions, no
compiled shaders. The model's exported graphs are there, as ``make run`` leaves them.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
LIVE_BAR = 8.0
FIRST_MAP_BAR_S = 3.0
LEAVE_S = 6.0
"""A window that is only opened is closed again after so long."""


@dataclass(frozen=True)
class Played:
    dropped: float
    shown_per_s: float
    made_per_s: float
    carried_per_s: float
    cpu_ms: float


@dataclass(frozen=True)
class Opened:
    """Seconds from the start of the process; NaN where it did not come about."""

    picture_s: float
    map_s: float


def figures_of(
    clip: Path, model: Path | None, *words: str, cache: Path | None = None, has_graphs: bool = True
) -> dict[str, Any]:
    """What the viewer says of itself after a run with these arguments."""
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own) if cache is None else cache
        stats = Path(own) / "stats.json"
        if model is not None and has_graphs:
            copy_graphs(model, folder / "panosod" / "engines")
        command = [sys.executable, str(REPO / "dev" / "with_xvfb.py"), sys.executable, "-m", "panosod_viewer"]
        command += [str(clip), *words, "--settings", str(Path(own) / "settings.toml"), "--stats", str(stats)]
        command += ["--model", "none" if model is None else str(model)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise SystemExit(f"the viewer: {(done.stderr.strip().splitlines() or ['died'])[-1]}")
        found: dict[str, Any] = json.loads(stats.read_text())
        return found


def play(clip: Path, model: Path | None, *, seconds: float) -> Played:
    """The window plays a clip from the start, with or without a predictor."""
    words = ["--play", "--repeat", "--size", "640x360", "--exit-after", str(seconds), "--layers", "saliency"]
    figures = figures_of(clip, model, *words)
    played = max(figures["played_s"], 1e-3)
    said = (figures["prediction"] or {}).get("first", {})
    made, carried = (float(said.get(name, 0)) / played for name in ("made", "carried"))
    return Played(figures["dropped"], figures["shown"] / played, made, carried, float(said.get("cpu_ms", 0)))


def open_once(clip: Path, model: Path, cache: Path, *, has_graphs: bool = True) -> Opened:
    """The window as `make run` opens it; predictions are removed beforehand."""
    shutil.rmtree(cache / "panosod" / "predictions", ignore_errors=True)
    words = ("--play", "--exit-after", str(LEAVE_S))
    figures = figures_of(clip, model, *words, cache=cache, has_graphs=has_graphs)
    return Opened(*(float("nan" if figures[name] is None else figures[name]) for name in NAMES))


NAMES = ("first_frame_s", "first_map_s")


def copy_graphs(model: Path, engines: Path) -> None:
    """A cache without predictions still holds the exported graphs."""
    from panosod_core.inference.model_file import ModelFile
    from panosod_core.inference.onnx_store import cache_folder

    graphs = cache_folder(ModelFile.read(model).model_id)
    if graphs.is_dir():
        shutil.copytree(graphs, engines / graphs.name, dirs_exist_ok=True)


def demo(path: Path, *size: str) -> Path:
    """A demo clip, made where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["synth", "--demo", *size, "--out", str(path)]
        subprocess.run([sys.executable, "-m", "panosod_core.cli.main", *command], check=True, stdout=sys.stderr)
    return path


def window_rows(args: argparse.Namespace) -> list[str]:
    """Dropped frames and maps a second."""
    clip = args.clip or demo(REPO / ".build" / "live" / "demo-1k.mp4", "--size", "1024x512")
    found: dict[str, list[Played]] = {"without": [], "with": []}
    for _ in range(args.rounds):
        for form, model in (("without", None), ("with", args.model)):
            found[form].append(play(clip, model, seconds=args.window_seconds))
            print(form, found[form][-1], file=sys.stderr, flush=True)
    rows = [
        "",
        "## While the window plays",
        "",
        f"`{clip.name}`, a window of 640x360 on software GL, {args.window_seconds:g} s a round, from a cold cache of "
        "predictions and of shaders. Maps are counted over the whole time, loading included. "
        f"Bar: {LIVE_BAR:g} new maps a second, and no more dropped frames than without.",
        "",
        "| predictor and overlay | shown/s | dropped | dropped, each round | new maps/s | carried maps/s "
        "| CPU ms a new map |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for form, results in found.items():
        dropped = [result.dropped for result in results]
        middle = {
            name: statistics.median(getattr(result, name) for result in results)
            for name in ("shown_per_s", "made_per_s", "carried_per_s", "cpu_ms")
        }
        rows.append(
            f"| {form} | {middle['shown_per_s']:.1f} | {statistics.median(dropped):g} "
            f"| {', '.join(f'{d:g}' for d in dropped)} | {middle['made_per_s']:.1f} | {middle['carried_per_s']:.1f} "
            f"| {middle['cpu_ms']:.1f} |"
        )
    return rows


def opening_rows(args: argparse.Namespace) -> list[str]:
    """From the start of the process to the first picture and the first map on the screen."""
    clip = args.clip or demo(REPO / ".build" / "demo" / "demo.mp4")
    rows = [
        "",
        "## From opening to the first map",
        "",
        f"`{clip.name}` in a window as `make run` opens it, no predictions yet; seconds from the start of the process "
        "until the first picture was on the screen, and until the first map lay over it. "
        f"Bar: {FIRST_MAP_BAR_S:g} s. Without graphs, which `make run` writes, torch runs the model.",
        "",
        "| at hand from before | first picture, s | first map, s | first map, each round |",
        "| --- | ---: | ---: | --- |",
    ]
    found: dict[str, list[Opened]] = {"graphs": [], "graphs, compiled shaders": [], "compiled shaders": []}
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for form, results in found.items():
                if "graphs" not in form:
                    shutil.rmtree(Path(cache) / "panosod" / "engines", ignore_errors=True)
                results.append(open_once(clip, args.model, Path(cache), has_graphs="graphs" in form))
                print("opening", form, results[-1], file=sys.stderr, flush=True)
    for form, results in found.items():
        picture, first_map = (statistics.median(getattr(r, name) for r in results) for name in ("picture_s", "map_s"))
        each = ", ".join(f"{result.map_s:.2f}" for result in results)
        rows.append(f"| {form} | {picture:.2f} | {first_map:.2f} | {each} |")
    return rows
