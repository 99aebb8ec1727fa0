"""Live prediction on a CPU: maps a second, CPU time a map, time from a process's start to its first map.

    python benchmarks/live.py [--model M.safetensors] [--parts alone window opening] [--threads 1 2] [--seconds 8]
                              [--rounds 3] [--clip CLIP] [--window-seconds 12] [--out benchmarks/results/live.md]

Each figure is of a process of its own that opens the model and streams through `Session`: pictures of 960x480 every
0.1 s, brought to the model's size, with their sound; every frame gets its map. The pictures are made beforehand:
decoding is not in the figures. Rounds go through all engines in turn and medians are printed. Other work on the machine
disturbs maps a second most, CPU time least; steal and load are printed.

The parts `window` and `opening` are the real window (`live_window.py`): dropped frames with and without a predictor and
new maps a second meanwhile; and the time from opening a clip to the first map over it.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import live_window
import numpy as np
from pages import put_measured

RATE_HZ = 48000
FRAME_RATE_HZ = 10.0
SIZE = (480, 960)
BARS = {"maps": 15.0, "cpu_ms": 40.0, "first_s": 2.5}
PARTS = ("alone", "window", "opening")


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
        "",
        "## Alone",
        "",
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


def report(args: argparse.Namespace) -> str:
    stolen, total = steal()
    load = os.getloadavg()[0]
    parts = {"alone": alone, "window": live_window.window_rows, "opening": live_window.opening_rows}
    rows = [row for part in args.parts for row in parts[part](args)]
    stolen, total = (now - then for now, then in zip(steal(), (stolen, total), strict=True))
    lines = [
        f"{datetime.date.today().isoformat()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end, steal "
        f"{100 * stolen / max(1, total):.1f} %. By `benchmarks/live.py`: medians of {args.rounds} rounds of "
        f"{args.seconds:g} s, {args.model.stem}, pictures of 960x480.",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: the model that comes with panosod")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--clip", type=Path, help="for the window, in place of the demo")
    parser.add_argument("--window-seconds", type=float, default=12.0)
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
        put_measured(args.out, text)


if __name__ == "__main__":
    main()
