"""The window that ``kill_jobs.py`` kills, and what it has: a project that is painted in, jobs that learn from it."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import kill
import numpy as np
from job_evidence import ASKED

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Origin, put_labels
from panosod_core.annotation.records import FrameKey, NewClip, ObjectInfo, Source
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.config import Backbone
from panosod_core.model.network import build_network
from panosod_core.model.presets import PANOSOD
from panosod_core.synth.demo import build_demo
from panosod_core.synth.truth import load_truth
from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState
from panosod_viewer.workers.training import JobSeen, TrainingThread

S = JobState
MODEL = replace(
    PANOSOD, height_px=48, width_px=96, channels=16, heads=2, feedforward=32, backbone=Backbone.RESNET18,
    backbone_width=1 / 8, output_stride=16, visual_layers=1, sound_window_s=0.4, conv_channels=8, gru_channels=8,
    mel_bands=32, dropout=0.0,
)  # fmt: skip


def window(project: Path, root: Path, command: Callable[[Path], tuple[str, ...]], *, seed: int, steps: int) -> None:
    """The process that is killed: jobs are followed and taken up, and somebody paints."""
    thread: TrainingThread | None = None

    def next_job() -> None:
        path = root / f"job-{sum(1 for _ in root.glob('job-*')):03d}"
        queue(JobFolder.create(path, wanted(project, steps)).path)
        assert thread is not None
        thread.watch(path)

    def hear(letter: object) -> None:
        if not isinstance(letter, JobSeen) or thread is None:
            return
        if letter.job.state is S.EVALUATED and not letter.job.is_alive:
            next_job()
        elif letter.job.state is S.FAILED:
            JobFolder(letter.job.path).tell(ASKED)  # before: this window may be killed before the job's own word of it
            thread.resume(letter.job.path)

    thread = TrainingThread(hear, root=root, command=command, every_s=0.05)
    found = JobQueue(root).jobs()
    if found:
        newest = found[-1]
        if newest.record is not None and newest.record.state is S.DRAFT:
            queue(newest.path)  # a window was killed before it did
        thread.watch(newest.path)
        thread.list(project)
    else:
        next_job()
    kill.painter(project, seed, lying=False)


def wanted(project: Path, steps: int) -> FinetuneRequest:
    """A job of seconds."""
    return FinetuneRequest(
        project, model=project.with_name("m.safetensors"), steps=steps, minutes=0.0, epochs=100, windows=4, batch=1,
        mix=0.0, patience=0, device="cpu", threads=1, lr=1e-3,
    )  # fmt: skip


def make_project(folder: Path, size: tuple[int, int]) -> Path:
    """A clip without a file, that is painted in, and one with 40 corrected frames, that is learnt from."""
    save_checkpoint(folder / "m.safetensors", build_network(MODEL, seed=0))
    media = build_demo(folder / "learnt.mp4", width=96, height=48, fps=10, duration_s=4.0, seed=3)
    project = folder / "p.panosod"
    document = Document.create(project, author="start", backup_every_s=None)
    painted = document.add_clip(NewClip("clip.mp4", "content", *size, 0, Fraction(1, 15360), kill.FRAMES))
    for i in range(1, kill.OBJECTS + 1):
        document.put_object(painted.id, ObjectInfo(i, f"thing {i}"))
    video, truth = probe(media).video, load_truth(media)
    learnt = document.add_clip(
        new_clip(media, project, size=(48, 96), stream=video.stream_index, time_base=video.time_base)
    )
    for thing in truth.objects:
        document.put_object(learnt.id, ObjectInfo(thing.id, thing.name))
    with VideoReader(media, video) as reader:
        pts = reader.frame_pts()
    for index in range(40):
        key = FrameKey(learnt.id, video.stream_index, int(pts[index]), index)
        mask = truth.mask(index)
        labels = np.where(np.isin(mask, truth.sounding(index)), mask, 0).astype(np.uint8)
        origin = Origin(Source.MANUAL)
        edit = put_labels(document.labels(key), labels, protection=document.protection(key), origin=origin)
        document.apply(key, edit, title="start")
        document.accept([key])
    document.close()
    return project
