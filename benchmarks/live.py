"""Live prediction on a CPU: maps a second, CPU time a map, time from a process's start to its first map.

    python benchmarks/live.py [--model M.safetensors] [--threads 1 2] [--seconds 8] [--rounds 3]
                              [--with-viewer [CLIP]] [--out benchmarks/results/live.md]

Each figure is of a process of its own that opens the model and streams through `Session`: pictures of 960x480 every
0.1 s, brought to the model's size, with their sound; every frame gets its map. The pictures are made beforehand:
decoding is not in the figures. Rounds go through all engines in turn and medians are printed. Other work on the machine
disturbs maps a second most, CPU time least; steal and load are printed.

With `--with-viewer` the window itself plays the clip, with and without a predictor: dropped frames of both, and new
maps a second meanwhile.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parent.parent
RATE_HZ = 48000
FRAME_RATE_HZ = 10.0
SIZE = (480, 960)
BARS = {"maps": 15.0, "cpu_ms": 40.0, "first_s": 2.5, "live": 8.0}


@dataclass(frozen=True)
class Case:
    engine: str
    precision: str
    threads: int
    model: str
    seconds: float
    started_s: float = 0.0
    """Of the monotonic clock, when the parent started the process."""


@dataclass(frozen=True)
class Result:
    maps_per_s: float
    cpu_ms: float
    first_s: float
    description: str


def clip() -> tuple[np.ndarray, np.ndarray]:
    """Pictures that a codec could have made: blocks with some grain. Sound: noise."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 256, (8, SIZE[0] // 16, SIZE[1] // 16, 3))
    pictures = np.clip(low.repeat(16, 1).repeat(16, 2) + rng.integers(-8, 9, (8, *SIZE, 3)), 0, 255).astype(np.uint8)
    sound = (0.1 * rng.standard_normal((4, RATE_HZ * 8))).astype(np.float32)
    return pictures, sound


def measure(case: Case) -> Result:
    from panosod_core.inference.engine import open_engine
    from panosod_core.inference.engine_protocol import Engine
    from panosod_core.inference.session import Session

    engine: Engine
    if case.engine == "torch":
        from panosod_core.inference.engine_torch import open_torch_engine
        from panosod_core.inference.model_file import ModelFile

        engine = open_torch_engine(
            ModelFile.read(Path(case.model)), device="cpu", precision=case.precision, threads=case.threads
        )
    else:
        engine = open_engine(Path(case.model), device="cpu", precision=case.precision, threads=case.threads)
    session = Session(engine, frame_rate_hz=FRAME_RATE_HZ, sample_rate_hz=RATE_HZ)
    block = round(RATE_HZ / FRAME_RATE_HZ)
    rng = np.random.default_rng(0)
    # One picture is enough to begin with; the rest is made after the first map.
    first = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    ahead = (0.1 * rng.standard_normal((4, 2 * RATE_HZ))).astype(np.float32)
    maps = session.step(first, ahead)
    while not maps:
        maps = session.step(first, np.zeros((4, block), np.float32))
    first_s = time.monotonic() - case.started_s
    pictures, sound = clip()
    made, index = 0, 0

    def push() -> int:
        nonlocal index
        at = index * block % (sound.shape[1] - block)
        done = len(session.step(pictures[index % len(pictures)], sound[:, at : at + block]))
        index += 1
        return done

    for _ in range(10):
        push()
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < case.seconds:
        made += push()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Result(made / wall, 1e3 * cpu / made, first_s, engine.description)


def in_a_process(case: Case) -> Result:
    values = asdict(case) | {"started_s": time.monotonic()}
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(values)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    )
    if done.returncode:
        raise SystemExit(f"{case.engine} {case.precision}: {done.stderr.strip().splitlines()[-1]}")
    return Result(**json.loads(done.stdout.strip().splitlines()[-1]))


def steal() -> tuple[int, int]:
    """Stolen and total jiffies of all cores so far; zeros where the system does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0, 0
    values = [int(v) for v in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return values[7], sum(values)


def alone(args: argparse.Namespace) -> list[str]:
    cases = [
        Case(engine, precision, threads, str(args.model), args.seconds)
        for threads in args.threads
        for engine, precision in (("torch", "float32"), ("onnx", "float32"), ("onnx", "int8"))
    ]
    found: dict[Case, list[Result]] = {case: [] for case in cases}
    for _ in range(args.rounds):
        for case in cases:
            found[case].append(in_a_process(case))
            print(case.engine, case.precision, case.threads, found[case][-1], file=sys.stderr, flush=True)
    rows = [
        f"Bars, on two cores: {BARS['maps']:g} maps a second, {BARS['cpu_ms']:g} CPU ms a map, first map within "
        f"{BARS['first_s']:g} s of the start of the process.",
        "",
        "| engine | threads | maps/s | best | CPU ms a map | start to first map, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case, results in found.items():
        rates, cpu, first = (
            [getattr(result, name) for result in results] for name in ("maps_per_s", "cpu_ms", "first_s")
        )
        rows.append(
            f"| {results[0].description} | {case.threads} | {statistics.median(rates):.1f} | {max(rates):.1f} "
            f"| {statistics.median(cpu):.1f} | {statistics.median(first):.2f} |"
        )
    return rows


@dataclass(frozen=True)
class Played:
    dropped: float
    shown_per_s: float
    made_per_s: float
    carried_per_s: float
    cpu_ms: float


def play(clip_path: Path, model: Path | None, *, seconds: float) -> Played:
    """The window plays a clip from the start, with or without a predictor, on a display and a cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats.json"
        if model is not None:
            copy_graphs(model, Path(folder) / "panosod" / "engines")
        command = [sys.executable, str(REPO / "dev" / "with_xvfb.py"), sys.executable, "-m", "panosod_viewer"]
        command += [str(clip_path), "--play", "--repeat", "--size", "640x360", "--exit-after", str(seconds)]
        command += ["--settings", str(Path(folder) / "settings.toml"), "--stats", str(stats)]
        command += ["--model", "none" if model is None else str(model)]
        command += [] if model is None else ["--layers", "saliency"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "XDG_CACHE_HOME": folder}
        )
        if done.returncode:
            raise SystemExit(f"the viewer: {(done.stderr.strip().splitlines() or ['died'])[-1]}")
        figures = json.loads(stats.read_text())
    played = max(figures["played_s"], 1e-3)
    said = (figures["prediction"] or {}).get("first", {})
    made, carried = (float(said.get(name, 0)) / played for name in ("made", "carried"))
    return Played(figures["dropped"], figures["shown"] / played, made, carried, float(said.get("cpu_ms", 0)))


def copy_graphs(model: Path, engines: Path) -> None:
    """A cache without predictions still holds the exported graphs."""
    from panosod_core.inference.model_file import ModelFile
    from panosod_core.inference.onnx_store import cache_folder

    graphs = cache_folder(ModelFile.read(model).model_id)
    if graphs.is_dir():
        shutil.copytree(graphs, engines / graphs.name)


def small_clip() -> Path:
    """The demo clip of 1024x512."""
    path = REPO / ".build" / "live" / "demo-1k.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["synth", "--demo", "--size", "1024x512", "--out", str(path)]
        subprocess.run([sys.executable, "-m", "panosod_core.cli.main", *command], check=True, stdout=sys.stderr)
    return path


def with_viewer(args: argparse.Namespace) -> list[str]:
    clip_path = args.with_viewer if args.with_viewer.name else small_clip()
    found: dict[str, list[Played]] = {"without": [], "with": []}
    for _ in range(args.rounds):
        for form, model in (("without", None), ("with", args.model)):
            found[form].append(play(clip_path, model, seconds=args.viewer_seconds))
            print(form, found[form][-1], file=sys.stderr, flush=True)
    rows = [
        "",
        "## While the window plays",
        "",
        f"`{clip_path.name}`, a window of 640x360 on software GL, {args.viewer_seconds:g} s a round, from a cold "
        "cache. Maps are counted over the whole time, loading included. "
        f"Bar: {BARS['live']:g} new maps a second, and no more dropped frames than without.",
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


def report(args: argparse.Namespace) -> str:
    stolen, total = steal()
    load = os.getloadavg()[0]
    rows = alone(args)
    stolen, total = (now - then for now, then in zip(steal(), (stolen, total), strict=True))
    lines = [
        "# Live prediction",
        "",
        f"{datetime.date.today().isoformat()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end, steal "
        f"{100 * stolen / max(1, total):.1f} %. By `benchmarks/live.py`: medians of {args.rounds} rounds of "
        f"{args.seconds:g} s, {args.model.stem}, pictures of 960x480.",
        "",
        "## Alone",
        "",
        *rows,
    ]
    if args.with_viewer is not None:
        lines += with_viewer(args)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: the model that comes with panosod")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--with-viewer",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="CLIP",
        help="the window plays too; default: the demo",
    )
    parser.add_argument("--viewer-seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(asdict(measure(Case(**json.loads(args.case))))))
        return
    if args.model is None:
        from panosod_core.inference.model_file import demo_model

        args.model = demo_model()
    text = report(args)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
