#!/usr/bin/env python3
"""From one corrected frame to those after it: flow, the label-guided branch, and both together.

``python benchmarks/label_guided.py [--scenes 40] [--model FILE] [--write]``: moving objects of synthetic scenes that no
model has learnt from, at 960 x 480 and 30 frames/s. The mask of the first frame is the truth; each way says what lies
in the frames after it, one spacing of the model's window (0.2 s) and more later.
"""

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from panosod_core.annotation.propagation.propagate import WorkFrame, carry_on
from panosod_core.datasets.synthetic import TEST_SEED
from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.library import model_in_use
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.session import Session
from panosod_core.inference.suggesting import Stretch, as_mask, chained, suggest
from panosod_core.metrics.measure import measure, to_levels
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.synth.scene_picture import ScenePainter, to_bytes
from panosod_core.synth.scene_sound import render_sound

WIDTH, HEIGHT, RATE_HZ, SOUND_HZ = 960, 480, 30, 32000
SCENE = SceneConfig(duration_s=3.6, objects=(2, 4), twins=2, moving=1.0)
FIRST_SEED = TEST_SEED + 40_000
CORRECTED_S = 0.8
STEPS = 5
SHOWN = (1, 2, 5)
GOOD = 0.85
FLOW, CHAIN, CARRIED, STEERED, STUDENT, ALONE = (
    "flow alone (what the annotator does)",
    "label-guided alone, its answer handed on",
    "label-guided with the masks that flow has carried",
    "flow, steered by the label-guided branch's maps",
    "flow, steered by the model's own maps (the annotator's option)",
    "the model alone, no label",
)
WAYS = (FLOW, CHAIN, CARRIED, STEERED, STUDENT, ALONE)
RESULT = Path(__file__).parent / "results" / "label_guided.md"
Bits = NDArray[np.bool_]
Row = tuple[str, int, float, float]
"""Way, spacings after the corrected frame, J by solid angle, F."""


def overlap(a: Bits, b: Bits) -> float:
    weights = pixel_solid_angles(WIDTH, HEIGHT)
    union = float(weights @ (a | b).sum(axis=1))
    return 1.0 if union == 0 else float(weights @ (a & b).sum(axis=1)) / union


def f_of(mask: Bits, truth: Bits) -> float:
    return float(np.asarray(measure(to_levels(mask.astype(np.float32)), truth).f).ravel()[0])


def carried(
    luma: Sequence[NDArray[np.uint8]], labels: NDArray[np.uint8], ids: Sequence[int], guides: Sequence[object] = ()
) -> list[Bits]:
    """All objects together, frame by frame; an object that was lost is nowhere."""
    frames = [
        WorkFrame(n, grey, guide=np.asarray(guides[n]) if guides else None)  # type: ignore[arg-type]
        for n, grey in enumerate(luma[1:])
    ]
    found = list(carry_on(luma[0], labels, ids, frames))
    none = np.zeros((HEIGHT, WIDTH), np.bool_)
    masks = []
    for frame in found:
        own = [c.mask.full((HEIGHT, WIDTH)) for c in frame.objects.values() if c.mask is not None]
        masks.append(np.logical_or.reduce(own) if own else none)
    return masks + [none] * (len(frames) - len(masks))


def rows_of(engine: Engine, spec: SceneSpec) -> tuple[list[Row], dict[str, float]]:
    """Every way on one scene, and the CPU seconds of each."""
    every = round(engine.config.frame_spacing_s * RATE_HZ)
    times = [CORRECTED_S + k / RATE_HZ for k in range(STEPS * every + 1)]
    sounding = spec.sounding(times[0])
    good = [k for k in SHOWN if spec.sounding(times[k * every]) == sounding]
    if not sounding or not good:
        return [], {}
    # One spacing more than is judged: the last window's own last frame.
    pictures = ScenePainter(WIDTH, HEIGHT).render(spec, [*times, times[-1] + engine.config.frame_spacing_s])
    frames, labels = to_bytes(pictures.frames), pictures.labels
    if not np.isin(labels[0], sounding).any():
        return [], {}
    luma = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[:-1]]
    at = [*range(0, STEPS * every + 1, every), len(frames) - 1]
    sound = render_sound(spec, rate_hz=SOUND_HZ)
    stretch = Stretch(
        [frames[n] for n in at], [*times[::every], times[-1] + engine.config.frame_spacing_s], sound, SOUND_HZ, 0.0
    )
    first = np.isin(labels[0], sounding)
    spent: dict[str, float] = {}
    clock = time.process_time()

    def lap(way: str) -> None:
        nonlocal clock
        now = time.process_time()
        spent[way], clock = now - clock, now

    start = np.where(first, labels[0], 0).astype(np.uint8)
    by_way: dict[str, list[Bits]] = {}
    flow = carried(luma, start, sounding)
    lap(FLOW)
    by_way[FLOW] = [flow[k * every - 1] for k in range(1, STEPS + 1)]
    by_way[CHAIN] = [mask_of(m.saliency) for m in chained(engine, stretch, first)[:STEPS]]
    lap(CHAIN)
    labelled = suggest(engine, stretch, {0: first} | {k: flow[k * every - 1] for k in range(1, STEPS + 1)})
    by_way[CARRIED] = [mask_of(labelled[k].saliency) for k in range(1, STEPS + 1)]
    lap(CARRIED)
    alone = student(engine, stretch)
    by_way[ALONE] = [mask_of(alone[k]) for k in range(1, STEPS + 1)]
    lap(ALONE)
    for way, maps in ((STEERED, [labelled[k].saliency for k in range(STEPS + 1)]), (STUDENT, alone)):
        # Maps stand a spacing apart: each frame is steered by the nearest.
        guides = [maps[min(STEPS, max(0, round(n / every)))] for n in range(1, len(luma))]
        steered = carried(luma, start, sounding, guides)
        by_way[way] = [steered[k * every - 1] for k in range(1, STEPS + 1)]
        lap(way)
    rows = []
    for way, masks in by_way.items():
        for k in good:
            truth = np.isin(labels[k * every], sounding)
            if truth.any():
                rows.append((way, k, overlap(masks[k - 1], truth), f_of(masks[k - 1], truth)))
    return rows, spent


def mask_of(saliency: NDArray[np.float32]) -> Bits:
    return as_mask(saliency, width=WIDTH, height=HEIGHT)


def student(engine: Engine, stretch: Stretch) -> list[NDArray[np.float32]]:
    """What the model makes of each frame by itself."""
    session = Session(engine, frame_rate_hz=1 / engine.config.frame_spacing_s, sample_rate_hz=SOUND_HZ)
    sound: NDArray[np.float32] | None = stretch.sound
    maps = []
    for picture, time_s in zip(stretch.pictures, stretch.times_s, strict=True):
        maps += session.step(picture, sound, time_s=time_s)
        sound = None
    return [m.saliency for m in [*maps, *session.flush()]]


def report(scenes: Sequence[Sequence[Row]], spent: dict[str, list[float]], *, model: ModelFile) -> str:
    spacing = model.config.frame_spacing_s
    rows = [row for scene in scenes for row in scene]
    counts = {k: sum(way == FLOW and step == k for way, step, _, _ in rows) for k in SHOWN}
    lines = [
        "# Label-guided correction",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.machine()}, one thread. By "
        f"`benchmarks/label_guided.py --scenes {len(scenes)}`; model {model.model_id[:12]}.",
        "",
        f"Moving objects of synthetic scenes that the model has not learnt from, {WIDTH} x {HEIGHT}, {RATE_HZ} "
        "frames/s. One frame has its true mask; what lies in later ones? J by solid angle of all that sounds, and F, "
        "means over "
        f"{', '.join(f'{counts[k]} frames after {k * spacing:.1f} s' for k in SHOWN)}.",
        "",
        f"| way | {' | '.join(f'J after {k * spacing:.1f} s' for k in SHOWN)} | "
        f"{' | '.join(f'F after {k * spacing:.1f} s' for k in SHOWN)} | better than flow, frames | CPU s a scene |",
        f"| --- | {'---: | ' * (2 * len(SHOWN) + 2)}".rstrip(),
    ]
    flow = [(k, j) for way, k, j, _ in rows if way == FLOW]
    for way in WAYS:
        own = [(k, j, f) for name, k, j, f in rows if name == way]
        j = " | ".join(f"{statistics.mean(v for s, v, _ in own if s == k):.3f}" for k in SHOWN)
        f = " | ".join(f"{statistics.mean(v for s, _, v in own if s == k):.3f}" for k in SHOWN)
        wins = sum(a[1] > b[1] for a, b in zip(own, flow, strict=True))
        better = "" if way == FLOW else f"{wins} of {len(own)}"
        lines.append(f"| {way} | {j} | {f} | {better} | {statistics.mean(spent[way]):.2f} |")
    return "\n".join([*lines, "", where_flow_fails(rows), verdict(scenes)]) + "\n"


def where_flow_fails(rows: Sequence[Row]) -> str:
    """The same of the scenes in which flow has lost what it carried."""
    last = SHOWN[-1]
    by_way = {way: [j for name, k, j, _ in rows if (name, k) == (way, last)] for way in WAYS}
    lost = [n for n, j in enumerate(by_way[FLOW]) if j < GOOD]
    if not lost:
        return "Flow alone has lost nothing.\n"
    means = {way: statistics.mean(by_way[way][n] for n in lost) for way in WAYS}
    words = "; ".join(f"{way} {mean:.3f}" for way, mean in means.items())
    return f"In the {len(lost)} scenes in which flow alone is below J = {GOOD} at the end: {words}.\n"


def verdict(scenes: Sequence[Sequence[Row]]) -> str:
    """What it comes to, by the numbers: the mean of paired differences, drawn again by scene."""
    lines = []
    for way in (CHAIN, CARRIED, STEERED, STUDENT):
        gains = np.array([mean_j(rows, way) - mean_j(rows, FLOW) for rows in scenes if rows])
        drawn = np.random.default_rng(0).integers(len(gains), size=(4000, len(gains)))
        low, high = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
        words = "better" if low > 0 else "worse" if high < 0 else "not told apart"
        lines.append(f"- {way}: {gains.mean():+.3f} ({low:+.3f} to {high:+.3f}), {words}")
    return "\n".join(["Mean J against flow alone, with 95 % intervals over scenes:", "", *lines])


def mean_j(rows: Sequence[Row], way: str) -> float:
    return statistics.mean(j for name, _, j, _ in rows if name == way)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--scenes", type=int, default=40)
    words.add_argument("--model", type=Path, default=None)
    words.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    args = words.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = ModelFile.read(args.model or model_in_use())
    engine = open_torch_engine(model, device="cpu", precision="float32", threads=1, guided=True)
    scenes: list[list[Row]] = []
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    for n in range(args.scenes):
        found, times = rows_of(engine, draw_scene(FIRST_SEED + n, SCENE))
        scenes.append(found)
        for way, seconds in times.items():
            spent[way].append(seconds)
        print(n, {WAYS.index(way): round(j, 3) for way, k, j, _ in found if k == SHOWN[-1]}, flush=True)
    text = report(scenes, spent, model=model)
    print(text)
    if args.write:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
