"""Size, work, speed and memory of the network's presets, streaming against whole windows.

    python benchmarks/model.py [--device cpu|cuda] [--threads 2] [--presets paper panosod small] [--compile]
                               [--frames 8] [--out benchmarks/results/model.md]

Each row is a process of its own, so that peaks of memory are its own. A clip of key frames 0.2 s apart with its sound
is pushed through `Session`, and the same clip through the naive form: `PanosodNet.forward` on the whole window of every
frame, of which one map is kept. Both make the same maps; how far apart they are is in the table, beside how much a map
varies. Steady state: the first maps and a warm-up are not timed. "fps" is the best run's frames over wall-clock
seconds; "CPU s" is processor time a frame over all threads, which other work on the machine disturbs less, and what the
ratio is made of on a CPU (threads wait without spinning, so that waiting is not counted). The two forms take turns.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soxr
import torch
from torch.utils.flop_counter import FlopCounterMode

from panosod_core.inference.engine_torch import TorchEngine
from panosod_core.inference.session import Session
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet, build_network
from panosod_core.model.presets import PRESETS, preset

REPO = Path(__file__).resolve().parent.parent
RATE_HZ = 48000
WANTED_RATIO = 2.5


@dataclass(frozen=True)
class Case:
    preset: str
    dtype: str
    compiled: bool
    device: str
    threads: int
    frames: int
    repeats: int


@dataclass(frozen=True)
class Timing:
    fps: float
    cpu_s: float
    passes: float


@dataclass(frozen=True)
class Result:
    stream: Timing
    naive: Timing
    peak_mib: float
    difference: float
    spread: float
    note: str = ""


def clip(config: ModelConfig, frames: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (frames, config.height_px, config.width_px, 3), np.uint8)
    sound = 0.1 * rng.standard_normal((4, round(frames * config.frame_spacing_s * RATE_HZ)))
    return pictures, sound.astype(np.float32)


def timed(works: tuple[Callable[[], int], ...], passes: "Passes", device: str, repeats: int) -> list[Timing]:
    """Frames a second of the best run, processor seconds a frame of the best, and passes, of forms that take turns."""
    fps: list[list[float]] = [[] for _ in works]
    cpu: list[list[float]] = [[] for _ in works]
    share: list[float] = [0.0 for _ in works]
    for _ in range(repeats):
        for k, work in enumerate(works):
            wall, own, before = time.perf_counter(), time.process_time(), passes.count
            count = work()
            if device == "cuda":
                torch.cuda.synchronize()
            fps[k].append(count / (time.perf_counter() - wall))
            cpu[k].append((time.process_time() - own) / count)
            share[k] = (passes.count - before) / count
    return [Timing(max(f), min(c), s) for f, c, s in zip(fps, cpu, share, strict=True)]


class Passes:
    """Counts frames that go through the backbone."""

    def __init__(self, network: PanosodNet) -> None:
        self.count = 0
        self.watch(network)

    def watch(self, network: PanosodNet) -> None:
        network.visual.project.register_forward_hook(self._hook)

    def _hook(self, _: object, inputs: tuple[torch.Tensor], __: object) -> None:
        self.count += len(inputs[0])


def measure(case: Case) -> Result:
    torch.set_num_threads(case.threads)
    config = replace(preset(case.preset), teacher=False)
    network = build_network(config).eval().to(case.device)
    # At birth the temporal block is the identity: give it something to say, or the comparison would not see it.
    if network.temporal is not None:
        torch.nn.init.normal_(network.temporal.out.weight, std=0.02)
    passes = Passes(network)
    dtype = getattr(torch, case.dtype)
    pictures, sound = clip(config, case.frames + 16)
    session = Session(
        network, frame_rate_hz=1 / config.frame_spacing_s, sample_rate_hz=RATE_HZ, device=case.device, dtype=dtype
    )
    if not isinstance(session.engine, TorchEngine):
        raise TypeError("a session of a network runs it by torch")
    passes.watch(session.engine.model)  # a copy of its own, prepared for speed
    for own in (network, session.engine.model):
        if case.compiled:
            own.visual.compile()
            own.decoder.compile()
    # All sound comes with the first frame, and silence after it: maps lag by one frame, and each step makes one.
    maps = session.step(pictures[0], sound)
    for picture in pictures[1:4]:
        maps += session.step(picture, None)
    if case.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    at = iter(range(4, 1 << 30))
    stream_out = {m.index: m.saliency for m in maps}

    def stream() -> int:
        made = 0
        for _ in range(case.frames):
            new = session.step(pictures[next(at) % len(pictures)], None)
            made += len(new)
            stream_out.update({m.index: m.saliency for m in new if m.index < 4})
        return made

    stream()
    peak = peak_mib(case.device)
    naive, difference, spread = naive_form(network, pictures, sound, case, stream_out)
    streamed, whole = timed((stream, naive), passes, case.device, case.repeats)
    return Result(streamed, whole, peak, difference, spread)


def naive_count(case: Case) -> int:
    return max(2, case.frames // 3)


def naive_form(
    network: PanosodNet, pictures: np.ndarray, sound: np.ndarray, case: Case, streamed: dict[int, np.ndarray]
) -> tuple[Callable[[], int], float, float]:
    """Whole windows about frames 2, 3 …, each from its pixels; and how far frame 2 is from the stream's."""
    config = network.config
    heard = soxr.resample(sound.T, RATE_HZ, config.sound_rate_hz).T
    padded = np.pad(heard, ((0, 0), (config.sound_samples // 2, config.sound_samples)))
    dtype = getattr(torch, case.dtype)

    def window_map(index: int) -> np.ndarray:
        members = [index + k - config.window_centre for k in range(config.window)]
        start = round(index * config.frame_spacing_s * config.sound_rate_hz)
        frames = torch.from_numpy(pictures[members]).permute(0, 3, 1, 2)[None].to(case.device)
        ear = torch.from_numpy(padded[:, start : start + config.sound_samples].copy())[None].to(case.device)
        with torch.inference_mode(), torch.autocast(case.device, dtype=dtype, enabled=dtype is not torch.float32):
            logits = network(frames, ear).student.logits[0, config.window_centre, 0]
        return np.asarray(logits.float().sigmoid().cpu().numpy())

    own = window_map(2)
    difference, spread = float(np.abs(own - streamed[2]).max()), float(own.std())

    def naive() -> int:
        for index in range(naive_count(case)):
            window_map(2 + index)
        return naive_count(case)

    return naive, difference, spread


def peak_mib(device: str) -> float:
    """Of the process on a CPU (with Python and torch themselves), of torch's allocations on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: a child inherits its parent's there.
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def in_a_process(case: Case) -> Result:
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(asdict(case))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["died"])[-1]
        nothing = Timing(float("nan"), float("nan"), float("nan"))
        return Result(nothing, nothing, float("nan"), float("nan"), float("nan"), note=reason[:100])
    values = json.loads(done.stdout.strip().splitlines()[-1])
    return Result(Timing(**values.pop("stream")), Timing(**values.pop("naive")), **values)


def sizes(name: str) -> list[str]:
    """A row of parameters and of work for each part."""
    config = preset(name)
    network = build_network(config).eval()
    parts = {n: sum(p.numel() for p in m.parameters()) / 1e6 for n, m in network.named_children()}
    frames = torch.zeros(1, config.window, 3, config.height_px, config.width_px)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(frames, torch.zeros(1, 4, config.sound_samples))
    by_part = {k.removeprefix("PanosodNet."): sum(v.values()) / 1e9 for k, v in counter.get_flop_counts().items()}
    student = sum(v for n, v in parts.items() if n not in ("acoustic", "teacher"))
    total = counter.get_total_flops() / 1e9
    row = [f"| {name} | {student:.2f} | {parts['acoustic']:.2f} | {parts['teacher']:.2f} | {sum(parts.values()):.2f} |"]
    work = " · ".join(f"{n} {by_part[n]:.1f}" for n in parts if n in by_part and by_part[n] > 0)
    return [row[0] + f" {total:.1f} | {work} |"]


def report(args: argparse.Namespace) -> str:
    device = torch.cuda.get_device_name() if args.device == "cuda" else f"{platform.processor() or platform.machine()}"
    lines = [
        "# The network: size, work, speed, memory",
        "",
        f"{datetime.date.today().isoformat()}, torch {torch.__version__}, {device}, {args.threads} threads of "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start. By `benchmarks/model.py`.",
        "",
        "Parameters in millions, work in GFLOPs (two a multiplication) for one window with 3 s of sound, no teacher.",
        "",
        "| preset | student path | acoustic | teacher | all | GFLOPs a window | of which |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name in args.presets:
        lines += sizes(name)
    lines += [
        "",
        f"Streaming against whole windows (wanted: {WANTED_RATIO} times as fast). Passes: frames through the backbone "
        "for one map. Peak: of the process (CPU) or of torch's memory (GPU), streaming. Difference: "
        "the greatest between the two forms' maps, beside the standard deviation within a map.",
        "",
        "| preset | precision | form | stream fps | window fps | CPU s a map: stream, window | ratio | passes "
        "| peak MiB | difference, sd |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in args.presets:
        for dtype in ("float32", "bfloat16"):
            for compiled in (False, True) if args.compile else (False,):
                case = Case(name, dtype, compiled, args.device, args.threads, args.frames, args.repeats)
                lines.append(speed_row(case, in_a_process(case)))
                print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def speed_row(case: Case, got: Result) -> str:
    form = "compiled" if case.compiled else "eager"
    head = f"| {case.preset} | {case.dtype} | {form} |"
    if got.note:
        return f"{head} did not run: {got.note} | | | | | | |"
    on_gpu = case.device == "cuda"
    ratio = got.stream.fps / got.naive.fps if on_gpu else got.naive.cpu_s / got.stream.cpu_s
    return (
        f"{head} {got.stream.fps:.2f} | {got.naive.fps:.2f} | {got.stream.cpu_s:.3f}, {got.naive.cpu_s:.3f} | "
        f"{ratio:.2f} | {got.stream.passes:.2f}, {got.naive.passes:.2f} | {got.peak_mib:.0f} "
        f"| {got.difference:.0e}, {got.spread:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=list(PRESETS))
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="also compiled: minutes a row on a CPU")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(asdict(measure(Case(**json.loads(args.case))))))
        return
    text = report(args)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
