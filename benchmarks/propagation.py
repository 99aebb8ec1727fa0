#!/usr/bin/env python3
"""How well objects are carried along: J after 30 frames of synthetic scenes, beside flow in the flat picture.

``python benchmarks/propagation.py [--scenes 12] [--write]``: moving twins anywhere, on the seam and at the poles; both
ways use the same flow (DIS, preset fast) on the same frames at 960 x 480. Also frames a second and, with
``--long``, memory over 10,000 frames.
"""

import argparse
import datetime
import itertools
import platform
import resource
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.propagation.propagate import WorkFrame, carry_on
from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_config import Place, SceneConfig
from panosod_core.synth.scene_picture import ScenePainter, to_bytes

WIDTH, HEIGHT, FRAMES, RATE_HZ = 960, 480, 30, 30
FIRST_SEED = 900_000
RESULT = Path(__file__).parent / "results" / "propagation.md"


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """J by solid angle."""
    weights = pixel_solid_angles(WIDTH, HEIGHT)
    union = float(weights @ (a | b).sum(axis=1))
    return 1.0 if union == 0 else float(weights @ (a & b).sum(axis=1)) / union


def flat_flow(frames: list[NDArray[np.uint8]], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask carried by flow in the flat picture, as a program does that does not know the sphere."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    here = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
    carried = mask.astype(np.uint8)
    for last, frame in itertools.pairwise(frames):
        back = flow.calc(frame, last, None)
        carried = cv2.remap(carried, here + back, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return carried != 0


def scene_rows(place: Place, seed: int) -> list[tuple[str, float, float, float]]:
    """(place, J of ours, J of flat flow, CPU seconds a frame) for each twin of a scene."""
    config = SceneConfig(duration_s=3.0, objects=(2, 3), twins=2, moving=1.0, place=place)
    scene = draw_scene(FIRST_SEED + seed, config)
    pictures = ScenePainter(WIDTH, HEIGHT).render(scene, [0.5 + k / RATE_HZ for k in range(FRAMES + 1)])
    frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in to_bytes(pictures.frames)]
    rows = []
    for object_id in (1, 2):
        first, last = pictures.labels[0] == object_id, pictures.labels[-1] == object_id
        if not first.any():
            continue
        labels = np.where(first, object_id, 0).astype(np.uint8)
        start = time.process_time()
        found = list(carry_on(frames[0], labels, [object_id], [WorkFrame(n, f) for n, f in enumerate(frames[1:])]))
        seconds = (time.process_time() - start) / len(found)
        mask = found[-1].objects[object_id].mask if len(found) == FRAMES else None
        ours = np.zeros((HEIGHT, WIDTH), np.bool_) if mask is None else mask.full((HEIGHT, WIDTH))
        rows.append((place.value, overlap(ours, last), overlap(flat_flow(frames, first), last), seconds))
    return rows


def memory_growth_mib(count: int) -> tuple[float, float, int]:
    """Peak memory after 500 frames and after `count`, MiB, and frames carried: a scene that swings to and fro."""
    scene = draw_scene(FIRST_SEED + 2, SceneConfig(duration_s=3.0, objects=(2, 2), twins=2, moving=1.0))
    pictures = ScenePainter(WIDTH, HEIGHT).render(scene, [0.5 + k / RATE_HZ for k in range(20)])
    frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in to_bytes(pictures.frames)]
    swing = itertools.cycle([*range(1, 20), *range(18, -1, -1)])
    source = (WorkFrame(n, frames[next(swing)]) for n in range(count))
    early, seen = 0.0, 0
    for seen, _ in enumerate(carry_on(frames[0], pictures.labels[0], [1], source), start=1):
        if seen == 500:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return early, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12, help="scenes a place")
    parser.add_argument("--long", type=int, default=0, help="frames of the memory test (10000)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [row for place in Place for seed in range(options.scenes) for row in scene_rows(place, seed)]
    lines = [
        "# Carrying objects along",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.machine()}, one thread, OpenCV {cv2.__version__}. "
        "By `benchmarks/propagation.py`.",
        "",
        f"Moving twins of synthetic scenes, {FRAMES} frames at {RATE_HZ} frames/s, {WIDTH} x {HEIGHT}; J by solid "
        "angle in the last one. Flat: the same flow (DIS, preset fast) in the equirectangular picture.",
        "",
        "| where | objects | J ours: mean, median, share over 0.85 | J flat: mean, median | ours better |",
        "| --- | ---: | --- | --- | ---: |",
    ]
    for name in (*(place.value for place in Place), "all"):
        part = [row for row in rows if name in (row[0], "all")]
        ours, flat = [row[1] for row in part], [row[2] for row in part]
        good = sum(j >= 0.85 for j in ours) / len(ours)
        better = sum(a > b for a, b in zip(ours, flat, strict=True))
        lines.append(
            f"| {name} | {len(part)} | {statistics.mean(ours):.3f}, {statistics.median(ours):.3f}, {good:.0%} | "
            f"{statistics.mean(flat):.3f}, {statistics.median(flat):.3f} | {better} |"
        )
    rate = 1 / statistics.median(row[3] for row in rows)
    lines += ["", f"One object: {rate:.0f} frames a CPU second (wanted: 20 on two cores)."]
    if options.long:
        early, late, count = memory_growth_mib(options.long)
        lines += ["", f"Peak memory: {early:.0f} MiB after 500 frames, {late:.0f} MiB after {count}."]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        RESULT.write_text(text)


if __name__ == "__main__":
    main()
