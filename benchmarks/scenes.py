"""How many windows of synthetic scenes a second can be made on the fly.

    python benchmarks/scenes.py [--workers 2] [--windows 64] [--device cpu] [--out benchmarks/results/scenes.md]

Method: the loader that training uses, one thread a worker (on a GPU: no workers, batches rendered there), whole windows
(three pictures, 3 s of first-order sound, masks and truth), time from the second batch on. Open air costs less than
rooms; the default has rooms in three scenes of ten. CPU seconds are those of all workers: on a busy machine they tell
more than the clock.
"""

import argparse
import os
import platform
import resource
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from panosod_core.datasets.synthetic import SyntheticWindows, join_windows
from panosod_core.datasets.windows import WindowSpec
from panosod_core.synth.scene_config import SceneConfig

BATCH = 4
SIZES = ((128, 64), (416, 208))
RATES = (32000, 48000)
KINDS = {"default": SceneConfig(), "open air": SceneConfig(room=0.0)}


def measure(spec: WindowSpec, config: SceneConfig, *, windows: int, workers: int, device: str) -> tuple[float, float]:
    """Windows a second by the clock, and a CPU second."""
    data = SyntheticWindows(windows, spec, config=config, device=device)
    loader = DataLoader(data, batch_size=BATCH, collate_fn=join_windows, num_workers=workers)
    before = resource.getrusage(resource.RUSAGE_CHILDREN if workers else resource.RUSAGE_SELF)
    started, done = 0.0, 0
    for k, batch in enumerate(loader):
        if device != "cpu":
            torch.cuda.synchronize()
        if k == 0:
            started = time.perf_counter()
        else:
            done += len(batch["frames"])
    seconds = time.perf_counter() - started
    del loader
    after = resource.getrusage(resource.RUSAGE_CHILDREN if workers else resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done / seconds, windows / max(cpu, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--windows", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    workers = args.workers if args.device == "cpu" else 0
    where = platform.processor() or platform.machine()
    if args.device != "cpu":
        where = torch.cuda.get_device_name()
    lines = [
        "# Synthetic scenes on the fly",
        "",
        f"{workers} workers of one thread, {args.windows} windows each row, torch {torch.__version__}, {where}, "
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before.",
        "",
        "| pictures | sound | scenes | windows/s by the clock | windows a CPU second |",
        "|---|---|---|---|---|",
    ]
    for width, height in SIZES:
        for rate in RATES:
            for name, config in KINDS.items():
                spec = WindowSpec(width=width, height=height, rate_hz=rate)
                clock, cpu = measure(spec, config, windows=args.windows, workers=workers, device=args.device)
                lines.append(f"| 3 x {height} x {width} | 3 s, {rate // 1000} kHz | {name} | {clock:.1f} | {cpu:.1f} |")
                print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
