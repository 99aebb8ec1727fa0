"""How fast the saliency metrics are, against PySODMetrics on the same maps in the same run.

    python benchmarks/metrics.py [--oracle PYTHON] [--out benchmarks/results/metrics.md]

Method: adaptive F, S, adaptive E, MAE and both curves of one pair of maps, single thread, best of several runs; ours
also gives J, and binarises the mask, as theirs does. Theirs runs in an environment of its own (it pins an old numpy),
made in .build/oracle unless --oracle names a Python that has pysodmetrics 1.6.2; both are timed one right after the
other. "Difference" is the greatest of the four scores. Sphere: the same scores weighted by solid angle, which theirs
has not.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pages import system
from PIL import Image

from panosod_core.metrics.folders import JudgeSettings, evaluate_folders, match_folders
from panosod_core.metrics.measure import measure, measure_sphere

REPO = Path(__file__).resolve().parent.parent
ORACLE = REPO / ".build" / "oracle"
PYSODMETRICS = "pysodmetrics==1.6.2"
SIZES = ((416, 832), (1920, 3840))
WANTED = {(416, 832): 10, (1920, 3840): 20}
FRAMES = 200


@dataclass(frozen=True)
class Pair:
    name: str
    prediction: np.ndarray
    truth: np.ndarray


def pairs(height: int, width: int) -> list[Pair]:
    """What networks give, the easiest and the hardest for counting."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    apart = np.hypot(y - 0.55 * height, x - 0.4 * width)
    truth = np.where(apart < 0.12 * height, 255, 0).astype(np.uint8)
    soft = 255 / (1 + np.exp((np.hypot(y - 0.53 * height, x - 0.41 * width) - 0.12 * height) / (0.02 * height)))
    grain = random.normal(0, 2, (height, width))
    half = np.where(x < width / 2, 255, 0).astype(np.uint8)
    return [
        Pair("soft map, one object of 2 %", np.clip(soft + grain, 0, 255).astype(np.uint8), truth),
        Pair("binary map", np.where(soft > 128, 255, 0).astype(np.uint8), truth),
        Pair("noise, mask of one half", random.integers(0, 256, (height, width), np.uint8), half),
    ]


def oracle_python() -> Path:
    """A Python with PySODMetrics and nothing of ours."""
    python = ORACLE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(ORACLE, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PYSODMETRICS], check=True)
    return python


def best_s(work: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def row(pair: Pair, python: Path, folder: Path) -> tuple[str, float]:
    """A line of the table, and how many times as fast."""
    path = folder / "pair.npz"
    np.savez(path, prediction=pair.prediction, truth=pair.truth)
    small = pair.truth.size < 1_000_000
    command = [python, REPO / "benchmarks" / "metrics_oracle.py", "--time", path, "--repeats", "10" if small else "3"]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    repeats = 50 if small else 15
    flat_s = best_s(lambda: measure(pair.prediction, pair.truth), repeats)
    sphere_s = best_s(lambda: measure_sphere(pair.prediction, pair.truth), repeats)
    ours = measure(pair.prediction, pair.truth)
    difference = max(abs(getattr(ours, k)[0] - theirs["scores"][k]) for k in ("f", "s", "e", "mae"))
    parts = theirs["seconds"]
    total_s = sum(parts.values())
    height, width = pair.truth.shape
    cells = [f"{width}×{height}", pair.name, *[f"{parts[k] * 1e3:.1f}" for k in ("f", "s", "e", "mae")]]
    cells += [
        f"{total_s * 1e3:.1f}",
        f"**{flat_s * 1e3:.2f}**",
        f"**{total_s / flat_s:.0f}×**",
        f"{sphere_s * 1e3:.2f}",
    ]
    return "| " + " | ".join([*cells, f"{difference:.0e}"]) + " |", total_s / flat_s


def folder_line(folder: Path) -> str:
    """Frames a second of a whole evaluation, PNG decoding included."""
    pair = pairs(416, 832)[0]
    for i in range(FRAMES):
        for kind, array in (("pred", pair.prediction), ("gt", pair.truth)):
            path = folder / kind / "clip" / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(array, 7 * i, axis=1)).save(path)
    matching = match_folders(folder / "pred", folder / "gt")
    rates = []
    for jobs in (1, 2):
        start = time.perf_counter()
        evaluate_folders(matching, subsets={}, settings=JudgeSettings(), jobs=jobs)
        rates.append(FRAMES / (time.perf_counter() - start))
    return (
        f"`panosod evaluate` on {FRAMES} frames of 832×416 in PNG, flat and sphere, decoding included: {rates[0]:.0f} "
        f"frames/s with one process, {rates[1]:.0f} with two (their start included)."
    )


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return names[0].split(":")[1].strip() if names else platform.processor()


def report(python: Path) -> tuple[str, bool]:
    code = "from importlib.metadata import version as v; print(v('pysodmetrics'), v('numpy'))"
    oracle = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    lines, kept = [], True
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            for pair in pairs(*size):
                line, ratio = row(pair, python, Path(name))
                lines.append(line)
                kept &= ratio >= WANTED[size]
        whole = folder_line(Path(name))
    load = f", load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.machine()}, {processor()}, {system()}{load}"
    head = "| size | maps | their F ms | S ms | E ms | MAE ms | theirs ms | ours ms | faster | sphere ms | difference |"
    wanted = " and ".join(f"≥ {WANTED[size]}× at {size[1]}×{size[0]}" for size in SIZES)
    parts = [
        "# Saliency metrics",
        f"Printed by `benchmarks/metrics.py` on {datetime.date.today().isoformat()}; {machine}; Python "
        f"{platform.python_version()}; ours: panosod {version('panosod')}, numpy {version('numpy')}; theirs: "
        f"PySODMetrics {oracle[0]}, numpy {oracle[1]}.",
        str(__doc__).split("\n\n")[2].strip(),
        "\n".join([head, "|---" * 11 + "|", *lines]),
        whole,
        f"Wanted: {wanted}: {'kept' if kept else 'NOT KEPT'}.",
    ]
    return "\n\n".join(parts) + "\n", kept


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--oracle", type=Path, default=None, help="a Python with pysodmetrics 1.6.2")
    parser.add_argument("--out", type=Path, default=None, help="also write the report there")
    arguments = parser.parse_args()
    text, kept = report(arguments.oracle or oracle_python())
    print(text)
    if arguments.out:
        arguments.out.write_text(text)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
