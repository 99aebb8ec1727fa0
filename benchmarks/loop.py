#!/usr/bin/env python3
"""Does the loop pay? The model meets a look it has never seen; a robot corrects 12 frames; a job learns from them.

``python benchmarks/loop.py [--look dusk] [--seed 0] [--minutes 15] [--keep FOLDER] [--write]``: clips of synthetic
scenes with held-out textures, backgrounds and timbres, whose twins and surroundings are of one kind, filmed at dusk or
by a poor camera (grain): held-out things alone, filmed well, the shipped model copes with as well as with its own. The
robot starts from the model's mask of a frame in the first half of one clip and paints and erases, with the annotator's
own operations, what is wrong. Then `panosod finetune` runs as a job. Both models are judged on the other half of that
clip, on other clips of that look, on such things filmed well, and on the scenes of the original benchmark.

``--write`` keeps what came of a seed beside the page and makes the page of all seeds that are there; ``--keep`` keeps
clips, project and job in a folder: where a job has ended in it, its model is only judged again.

``--spoilt``: by day, where the model is good; 42 frames all over a longer clip, whose masks the robot turns about the
vertical by angles drawn by lot, but for those that the job keeps for its check; nothing is mixed in. The gate must
advise against what is learnt from them. (At dusk what is learnt from spoilt masks beats a model that sees nothing.)
"""

import argparse
import datetime
import itertools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loop_page import BENCHMARK, FIRST, OTHERS, WELL, Judged, Outcome, page, with_remarks
from numpy.typing import NDArray
from PIL import Image

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Edit, Origin, erase, paint, put_labels
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.records import Clip as MediaClip
from panosod_core.annotation.records import FrameKey, ObjectInfo, Source
from panosod_core.datasets.index import Clip, DataSet, Split
from panosod_core.datasets.manifest import FRAMES
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.pictures import read_mask
from panosod_core.datasets.synthetic import TEST_SEED
from panosod_core.datasets.synthetic_files import VIDEOS, SceneFiles, write_scenes
from panosod_core.datasets.windows import list_windows, load_window
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.judging import ModelEvaluation, judge_data_set, judge_scenes, window_map, window_spec
from panosod_core.inference.library import model_in_use
from panosod_core.inference.model_file import ModelFile
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.training.events import Event
from panosod_core.training.finetune import work_on
from panosod_core.training.finetune_split import Corrected, settle_split
from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.request import FinetuneRequest

RESULTS = Path(__file__).parent / "results"
LOOK_SEED = 7_000_000
ONE = 1
RECIPE = ("preset", "lr", "mix", "recoloured", "distill", "blend")
"""Fields of a job that may be tried out here; by default as a job has them by default."""
THINGS = (HeldOut.TEXTURES, HeldOut.BACKGROUNDS, HeldOut.TIMBRES)
DAY = SceneConfig(held_out=THINGS)
Judge = Callable[[Engine], ModelEvaluation]


@dataclass(frozen=True)
class Look:
    """How clips are filmed.

    Attributes:
        scene: what is in them.
        words: for the page.
    """

    scene: SceneConfig
    words: str


LOOKS = {
    "grain": Look(SceneConfig(held_out=THINGS, grain=(0.10, 0.12)), "by a camera with 3 to 4 times the most noise"),
    "dusk": Look(SceneConfig(held_out=(*THINGS, HeldOut.LIGHT)), "at dusk, under a third of the light"),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--model", type=Path, default=None)
    words.add_argument("--look", choices=LOOKS, default="dusk")
    words.add_argument("--clips", type=int, default=6)
    words.add_argument("--seconds", type=float, default=0.0, help="of a clip; 6, or 9 where masks are spoilt")
    words.add_argument("--frames", type=int, default=0, help="corrected; 12, or 42 spoilt ones")
    words.add_argument("--minutes", type=float, default=0.0, help="of learning; 15, from spoilt masks 4")
    words.add_argument("--steps", type=int, default=0)
    for name in RECIPE:
        words.add_argument(f"--{name}", type=str if name == "preset" else float, default=_default(name))
    words.add_argument("--benchmark", type=int, default=40)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--spoilt", action="store_true", help="the robot turns its masks by lot")
    words.add_argument("--keep", type=Path, default=None, help="folder for clips, project and job")
    words.add_argument("--write", action="store_true")
    args = words.parse_args()
    args.seconds = args.seconds or (9.0 if args.spoilt else 6.0)
    args.frames = args.frames or (42 if args.spoilt else 12)  # of which five are for the check: fewer say nothing
    args.mix = 0.0 if args.spoilt else args.mix
    args.minutes = args.minutes or (4.0 if args.spoilt else 15.0)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory(prefix="panosod-loop-") as folder:
        outcome = run(args, args.keep or Path(folder))
    print(page(title(args), words_of(args), [outcome], wants=not args.spoilt))
    if args.write:
        name = "loop_spoilt" if args.spoilt else "loop" if args.look == "dusk" else f"loop_{args.look}"
        outcome.write(RESULTS / name / f"{args.seed}.json")
        outcomes = [Outcome.read(path) for path in sorted((RESULTS / name).glob("*.json"))]
        path = RESULTS / f"{name}.md"
        text = with_remarks(page(title(args), words_of(args), outcomes, wants=not args.spoilt), path)
        path.write_text(text, encoding="utf-8")


def _default(name: str) -> Any:
    return next(field.default for field in fields(FinetuneRequest) if field.name == name)


def run(args: argparse.Namespace, root: Path) -> Outcome:
    began, worked = time.monotonic(), time.process_time()
    base = ModelFile.read(args.model or model_in_use())
    scene = replace(DAY if args.spoilt else LOOKS[args.look].scene, duration_s=args.seconds)
    told = root / "told.json"
    if not told.is_file():
        effort, spent_s = learn(args, base, scene, root)
        minutes = ((time.monotonic() - began) / 60, (time.process_time() - worked) / 60)
        told.write_text(json.dumps({"effort": effort, "spent_s": spent_s, "minutes": minutes}), encoding="utf-8")
    known = json.loads(told.read_text(encoding="utf-8"))
    judged, judged_work = time.monotonic(), time.process_time()
    rows = judge(args, base, open_data_set(root / "look"), root / "job" / CANDIDATE)
    minutes = known["minutes"][0] + (time.monotonic() - judged) / 60
    return Outcome(
        command=f"python benchmarks/loop.py {'--spoilt' if args.spoilt else f'--look {args.look} --seed {args.seed}'}",
        recipe=recipe(args), where=where(base), effort=known["effort"], said=ended(root / "job"),
        job_minutes=known["spent_s"] / 60, minutes=minutes,
        worked_minutes=known["minutes"][1] + (time.process_time() - judged_work) / 60, load=os.getloadavg()[2],
        rows=rows,
    )  # fmt: skip


def learn(args: argparse.Namespace, base: ModelFile, scene: SceneConfig, root: Path) -> tuple[int, float]:
    """Make the clips, correct one, and let a job learn; pixels corrected, and how long the job took in seconds."""
    files = LookFiles(
        args.clips, config=scene, width=base.config.width_px, height=base.config.height_px, fps=Fraction(30),
        clips=True, seeds=seeds_of_a_look(LOOK_SEED + 1000 * args.seed, scene, args.clips),
    )  # fmt: skip
    write_scenes(root / "look", files)
    as_filmed(root / "look")
    data = open_data_set(root / "look")
    first = data.clips[0]
    until_s = args.seconds if args.spoilt else args.seconds / 2
    half = [f for f in first.frames if f.time_s <= until_s]
    chosen = sorted({half[round(k)].number for k in np.linspace(0, len(half) - 1, args.frames)})
    media = root / "look" / VIDEOS / f"{first.name}.mp4"
    effort = correct(opened(base.path, args), data, root / "look.panosod", media, chosen, args)
    request = FinetuneRequest(
        root / "look.panosod", model=base.path, minutes=args.minutes, steps=args.steps, device="cpu",
        threads=args.threads, seed=args.seed, **{name: getattr(args, name) for name in RECIPE},
    )  # fmt: skip
    JobFolder.create(root / "job", request)
    queue(root / "job")
    clock = time.monotonic()
    work_on(root / "job", listeners=(tell,))
    return effort, time.monotonic() - clock


def judge(args: argparse.Namespace, base: ModelFile, data: DataSet, candidate: Path) -> tuple[Judged, ...]:
    """Both models on what neither has learnt from."""
    engines = (opened(base.path, args), opened(candidate, args))
    first = data.clips[0]
    rest = replace(first, frames=tuple(f for f in first.frames if f.time_s > args.seconds / 2 + 0.5))
    return (
        row(FIRST, engines, lambda e: judge_data_set(e, only(data, rest))),
        row(OTHERS, engines, lambda e: judge_data_set(e, only(data, *data.clips[1:]))),
        row(WELL, engines,
            lambda e: judge_scenes(e, count=args.benchmark, first_seed=LOOK_SEED + 500_000, scene=DAY)),
        row(BENCHMARK, engines, lambda e: judge_scenes(e, count=args.benchmark, first_seed=TEST_SEED)),
    )  # fmt: skip


@dataclass(frozen=True)
class LookFiles(SceneFiles):
    """Clips of one look: the things that may sound are of one kind, and so is what is around them.

    Attributes:
        seeds: of the scenes; see :func:`seeds_of_a_look`.
    """

    seeds: tuple[int, ...] = ()

    def scene(self, index: int) -> SceneSpec:
        """The scene of an index."""
        return draw_scene(self.seeds[index], self.config)

    def name(self, index: int) -> str:
        """The name of a scene's sequence."""
        return f"scene_{self.seeds[index]:08d}"


def seeds_of_a_look(first: int, config: SceneConfig, count: int) -> tuple[int, ...]:
    """A scene, and the next ones with things and surroundings of the same kind, laid out and sounding otherwise."""
    wanted = kind_of(draw_scene(first, config))
    found = (seed for seed in itertools.count(first) if kind_of(draw_scene(seed, config)) == wanted)
    return tuple(itertools.islice(found, count))


def kind_of(scene: SceneSpec) -> tuple[str, str]:
    """Of the twins, and of what is around."""
    return next(thing.class_name for thing in scene.objects if thing.is_twin), scene.background.kind


def as_filmed(root: Path) -> None:
    """Key frames as they come out of the videos, as those of real data sets are; not as they went in."""
    for folder in sorted((root / FRAMES).iterdir()):
        media = root / VIDEOS / f"{folder.name}.mp4"
        with VideoReader(media, probe(media).video) as reader:
            for file in folder.iterdir():
                Image.fromarray(reader.frame_at(int(file.stem)).owner.to_ndarray(format="rgb24")).save(file)


def ended(folder: Path) -> str:
    """How long each run of a job learnt, and what the gate said, in words."""
    job, steps = JobFolder(folder), dict[str, int]()
    for event in job.events()[0]:
        if event["event"] == "step":
            steps[event["run"]] = event["step"]
    record, passes = job.read(), ", ".join(f"{run} {count}" for run, count in steps.items())
    return f"steps {passes}; the gate: {record.result['advice']} ({record.message})"


def tell(event: Event) -> None:
    if event["event"] in ("state", "check", "note"):
        print({k: v for k, v in event.items() if k not in ("time", "event")}, flush=True)


def opened(path: Path, args: argparse.Namespace) -> Engine:
    return open_torch_engine(ModelFile.read(path), device="cpu", precision="float32", threads=args.threads)


def only(data: DataSet, *clips: Clip) -> DataSet:
    return replace(data, clips=tuple(clips))


def correct(
    engine: Engine, data: DataSet, project: Path, media: Path, chosen: Sequence[int], args: argparse.Namespace
) -> int:
    """The robot's work on some frames of the first clip; how many pixels it painted and erased."""
    spec, video = window_spec(engine.config), probe(media).video
    windows = {w.frame.number: w for w in list_windows(only(data, data.clips[0]), spec).windows}
    changed = 0
    document = Document.create(project, author="robot", backup_every_s=None)
    with closing(document), VideoReader(media, video) as reader:
        document.add_clip(
            new_clip(media, project, size=(spec.height, spec.width), stream=video.stream_index,
                     time_base=video.time_base)
        )  # fmt: skip
        document.put_object(ONE, ObjectInfo(ONE, "salient"))
        pts = reader.frame_pts()
        times_s = [float(pts[n] * video.time_base) for n in chosen]
        spoilt = spoilt_frames(document.clips[0], project, times_s) if args.spoilt else set()
        lot = np.random.default_rng(args.seed)
        for order, number in enumerate(chosen):
            window, key = windows[number], FrameKey(1, video.stream_index, int(pts[number]), number)
            sample = load_window(window, spec)
            said = window_map(engine, sample.frames, sample.foa).saliency >= 0.5
            start = np.where(said, np.uint8(ONE), np.uint8(0))
            apply(document, key, partial(put_labels, wanted=start), Source.MODEL, engine.model_id)
            truth = read_mask(window.frame.mask) > 127
            if order in spoilt:
                truth = np.roll(truth, lot.integers(spec.width // 4, 3 * spec.width // 4), axis=1)
            changed += brush(document, key, truth & ~said, paint) + brush(document, key, said & ~truth, erase)
            document.accept([key])
        document.flush()
    return changed


def spoilt_frames(clip: MediaClip, project: Path, times_s: Sequence[float]) -> set[int]:
    """Which of some frames of the only clip will be learnt from: the split is drawn here as a job draws it."""
    corrected = Corrected(clip.content_id, Path(clip.path).name, tuple(times_s))
    split = settle_split(project, [corrected], share=_default("check_share"))
    return {k for k, time_s in enumerate(times_s) if split.part_of(clip.content_id, time_s) is not Split.VALIDATION}


def apply(
    document: Document, key: FrameKey, edit: Callable[..., Edit], source: Source, model: str | None = None
) -> None:
    how = {"protection": document.protection(key), "origin": Origin(source, model)}
    document.apply(key, edit(document.labels(key), **how), title="robot")


def brush(document: Document, key: FrameKey, region: NDArray[np.bool_], tool: Callable[..., Edit]) -> int:
    mask = RingMask.of(region)
    if mask is not None:
        apply(document, key, partial(tool, region=mask, object_id=ONE), Source.MANUAL)
    return int(region.sum())


def row(name: str, engines: Sequence[Engine], judging: Judge) -> Judged:
    before, after = (judging(engine) for engine in engines)
    f_before, f_after = (e.maps.flat.everything.frame_mean.f for e in (before, after))
    heard = [None if e.sounding is None else e.sounding.twin_accuracy for e in (before, after)]
    choices = 0 if before.sounding is None else before.sounding.choices
    return Judged(name, before.maps.flat.everything.frames, f_before, f_after, choices, *heard)


def title(args: argparse.Namespace) -> str:
    return "Does the gate see that a candidate is spoilt?" if args.spoilt else "Does the loop pay?"


def words_of(args: argparse.Namespace) -> str:
    look = "" if args.spoilt else f", filmed {LOOKS[args.look].words} it was trained with"
    spoilt = " Most of the corrected masks are spoilt on purpose." * args.spoilt
    return (
        f"The look: textures, backgrounds and timbres that the model has never met, twins and surroundings of one kind"
        f"{look}. Filmed well, it copes with those things as well as with its own: see the third row.{spoilt}"
    )


def recipe(args: argparse.Namespace) -> str:
    mixed = "by clips (0.9 of one)" if args.mix is None else f"{args.mix:g}"
    return (
        f"{args.frames} frames corrected, preset {args.preset}, rate {args.lr:g}, mix {mixed}, of which recoloured "
        f"{args.recoloured:g}, distillation {args.distill:g}, blend {args.blend:g}, {args.minutes:g} minutes at most"
        f"{f', {args.steps} steps' * bool(args.steps)}, {args.threads} threads, seed {args.seed}"
    )


def where(base: ModelFile) -> str:
    return (
        f"model {base.model_id[:12]} at {base.config.width_px} x {base.config.height_px}; {platform.machine()}, "
        f"{os.cpu_count()} processors, torch {torch.__version__}, {datetime.date.today().isoformat()}"
    )


if __name__ == "__main__":
    main()
