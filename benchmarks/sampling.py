#!/usr/bin/env python3
"""Which frames to annotate? The queue against random frames, with a robot that annotates and a model that learns.

``python benchmarks/sampling.py [--projects 3] [--first 0] [--steps 60] [--write]``: projects of eight clips (see
sampling_world.py). The robot gives the truth of the frames that are asked for. What learns are fusion and decoder of
the shipped model, anew from all labels so far; what its encoders make of the frames is worked out once. After every few
labels the maps are made anew and the queue is asked again, as after a promotion. Judged are other stretches of the same
clips, every clip as much as any other.
"""

import argparse
import copy
import datetime
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sampling_world import Encoded, Project, make_project, spec_of
from torch import Tensor

from panosod_core.annotation.queueing import Pick, Pool, Strategy, joined, next_picks
from panosod_core.annotation.records import FrameKey
from panosod_core.inference.map_record import map_record
from panosod_core.inference.model_file import demo_model
from panosod_core.inference.queue_material import Decided, heard_around, pool_of, row_of
from panosod_core.metrics.measure import measure_sphere
from panosod_core.model.checkpoint import load_network
from panosod_core.model.network import PanosodNet
from panosod_core.training.losses import structure_loss

RESULT = Path(__file__).parent / "results" / "sampling.md"
SIZES = (4, 8, 16, 24, 32)

WANTED = 0.7
BATCH, RATE = 8, 5e-4
FPS = 30
Curve = NDArray[np.float64]


def answer(net: PanosodNet, some: Encoded) -> Tensor:
    """(n, 1, 1, H, W) logits of fusion and decoder."""
    size = (some.masks.shape[-2], some.masks.shape[-1])
    fused = net.student(some.features.unsqueeze(1), some.heard, first_frame=net.config.window_centre)
    return net.decoder(fused.features.flatten(0, 1), some.skips, size=size).unsqueeze(1)


@torch.no_grad()
def maps(net: PanosodNet, some: Encoded) -> NDArray[np.float32]:
    """(n, H, W) probabilities."""
    parts = [answer(net, some.take(slice(k, k + 32))).sigmoid()[:, 0, 0] for k in range(0, len(some), 32)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def teach(base: PanosodNet, labelled: Encoded, steps: int) -> PanosodNet:
    """The model, its fusion and decoder taught anew from all labels so far with the paper's loss."""
    net = copy.deepcopy(base)
    rng = torch.Generator().manual_seed(0)
    weights = [*net.student.parameters(), *net.decoder.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-4)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 10) * (1 - step / steps)
        batch = labelled.take(torch.randint(len(labelled), (BATCH,), generator=rng))
        loss = structure_loss(answer(net, batch), batch.masks[:, None])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
    return net


def judge(net: PanosodNet, project: Project) -> float:
    """J on the sphere, mean over clips of the mean over their frames."""
    said, check = maps(net, project.check.encoded), project.check
    truth = check.encoded.masks[:, 0].numpy() > 0.5
    j = [float(measure_sphere(np.rint(255 * p).astype(np.uint8), t).j[0]) for p, t in zip(said, truth, strict=True)]
    return float(np.mean([np.mean(np.array(j)[check.clip == c]) for c in np.unique(check.clip)]))


def key_of(project: Project, row: int) -> FrameKey:
    clip, time_s = int(project.pool.clip[row]), float(project.pool.time_s[row])
    return FrameKey(clip, 0, round(1000 * time_s), round(FPS * time_s))


def pool_now(net: PanosodNet, project: Project, labelled: Sequence[int]) -> Pool:
    """The pool as the product makes it of a cache of this model's maps."""
    said, pools = maps(net, project.pool.encoded), []
    done = {key_of(project, row) for row in labelled}
    for clip in np.unique(project.pool.clip):
        rows = []
        for row in np.flatnonzero(project.pool.clip == clip):
            key, time_s = key_of(project, int(row)), float(project.pool.time_s[row])
            record = map_record(key.index, pts=key.pts, time_s=time_s, saliency=said[row])
            rows.append(row_of(record, heard_around(project.tracks[clip], time_s)))
        own = {key.pts: key for key in done if key.clip == clip}
        pools.append(pool_of(int(clip), rows, Decided(own, frozenset(own))))
    return joined(pools)


def rows_of(project: Project, picks: Sequence[Pick]) -> list[int]:
    at = {(key.clip, key.pts): row for row in range(len(project.pool.clip)) if (key := key_of(project, row))}
    return [at[pick.clip, pick.pts] for pick in picks]


def curve(base: PanosodNet, project: Project, strategy: Strategy, *, seed: int, steps: int) -> list[float]:
    """J after so many labels."""
    net, found = base, []
    labelled: list[int] = []
    for size in SIZES:
        picks = next_picks(pool_now(net, project, labelled), strategy, count=size - len(labelled), seed=seed)
        labelled += rows_of(project, picks)
        net = teach(base, project.pool.encoded.take(torch.tensor(labelled)), steps)
        found.append(judge(net, project))
    return found


def labels_for(score: float, sizes: Sequence[int], scores: Sequence[float]) -> float:
    """Labels at which a curve first reaches a score, straight lines between its points; inf where it never does."""
    for k, (size, reached) in enumerate(zip(sizes, scores, strict=True)):
        if reached >= score:
            if k == 0:
                return float(size)
            share = (score - scores[k - 1]) / (reached - scores[k - 1])
            return float(sizes[k - 1] + share * (size - sizes[k - 1]))
    return float("inf")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--projects", type=int, default=3)
    words.add_argument("--first", type=int, default=0, help="number of the first project")
    words.add_argument("--draws", type=int, default=2, help="random orders of each project")
    words.add_argument("--clips", type=int, default=8)
    words.add_argument("--width", type=int, default=192)
    words.add_argument("--steps", type=int, default=60, help="of the optimiser, for a point of a curve")
    words.add_argument("--write", action="store_true")
    args = words.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    net, _ = load_network(demo_model())
    net.eval()
    spec = spec_of(net, args.width)
    told: list[str] = []
    nothing: list[float] = []
    curves: dict[Strategy, list[Curve]] = {strategy: [] for strategy in Strategy}
    for number in range(args.first, args.first + args.projects):
        project = make_project(net, spec, number, args.clips)
        lengths = sorted(round(scene.config.duration_s) for scene in project.scenes)
        told.append(f"{', '.join(map(str, lengths))} s; {len(project.pool.clip)} frames")
        nothing.append(judge(net, project))
        for strategy in Strategy:
            draws = range(args.draws if strategy is Strategy.RANDOM else 1)
            made = [curve(net, project, strategy, seed=seed, steps=args.steps) for seed in draws]
            curves[strategy].append(np.mean(made, axis=0))
            print(number, strategy.value, round(nothing[-1], 3), np.round(curves[strategy][-1], 3).tolist(), flush=True)
    means = {strategy: np.mean(found, axis=0) for strategy, found in curves.items()}
    text = report(args, told, float(np.mean(nothing)), means, time.process_time() - began)
    print(text)
    if args.write:
        RESULT.write_text(text, encoding="utf-8")


def report(
    args: argparse.Namespace, told: Sequence[str], nothing: float, curves: Mapping[Strategy, Curve], spent_s: float
) -> str:
    random = curves[Strategy.RANDOM]
    lines = [
        "# Which frames to annotate", "",
        f"`python benchmarks/sampling.py --projects {args.projects} --first {args.first} --draws {args.draws} "
        f"--steps {args.steps}`: "
        f"{args.projects} projects of {args.clips} clips, {args.width} x {args.width // 2}; J on the sphere on other "
        "stretches of the same clips, every clip alike, mean over projects. Random: mean of "
        f"{args.draws} orders of each project. {platform.machine()}, torch {torch.__version__}, one thread, "
        f"{spent_s:.0f} s of a core, {os.cpu_count()} processors, {datetime.date.today().isoformat()}.", "",
        f"Before anything is labelled: J {nothing:.3f}.", "",
        "| labels | " + " | ".join(s.value for s in Strategy) + " |",
        "| ---: |" + " ---: |" * len(Strategy),
    ]  # fmt: skip
    for k, size in enumerate(SIZES):
        lines.append(f"| {size} | " + " | ".join(f"{curves[s][k]:.3f}" for s in Strategy) + " |")
    lines += ["", "Labels that reach what random frames reach with N, and as a share of N:", "",
              "| N | J of random | " + " | ".join(s.value for s in Strategy if s is not Strategy.RANDOM) + " |",
              "| ---: | ---: |" + " ---: |" * (len(Strategy) - 1)]  # fmt: skip
    shares: dict[tuple[Strategy, int], float] = {}
    for k, size in enumerate(SIZES[1:], start=1):
        cells = []
        for strategy in Strategy:
            if strategy is Strategy.RANDOM:
                continue
            needed = labels_for(random[k], SIZES, curves[strategy])
            shares[strategy, size] = needed / size
            cells.append("never" if np.isinf(needed) else f"{needed:.1f} ({needed / size:.2f})")
        lines.append(f"| {size} | {random[k]:.3f} | " + " | ".join(cells) + " |")
    best = [shares[Strategy.BEST, size] for size in SIZES[1:]]
    held = sum(share <= WANTED for share in best)
    lines += ["", f"Wanted of `best`: at most {WANTED} of N. Held at {held} of {len(best)} sizes.", "",
              "Projects (lengths of clips; frames to choose from):", ""]  # fmt: skip
    return "\n".join(lines + [f"- {line}" for line in told]) + "\n"


if __name__ == "__main__":
    main()
