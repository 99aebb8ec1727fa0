"""Projects that a robot has corrected, and requests for jobs that a test can afford."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Origin, put_labels
from panosod_core.annotation.records import FrameKey, ObjectInfo, Source
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.model.config import ModelConfig
from panosod_core.synth.truth import load_truth
from panosod_core.training.jobs.request import FinetuneRequest
from tests.clips import demo_clip
from tests.core.model.tiny import TINY_PANOSOD

W, H = 96, 48
MODEL: ModelConfig = replace(TINY_PANOSOD, width_px=W, height_px=H, dropout=0.0)
SCENE: dict[str, Any] = {"objects": [2, 3], "radius_deg": [20.0, 35.0]}


@cache
def clip(folder: Path, seed: int) -> Path:
    """A clip of the demo world, with its truth beside it."""
    return demo_clip(folder, width=W, height=H, fps=10, duration_s=4.0, seed=seed)


def corrected_project(
    path: Path, clips: dict[Path, list[int]], *, spoilt: Callable[[Path, float], bool] = lambda media, time_s: False
) -> Path:
    """A project in which what sounds is painted in some frames of some clips.

    Args:
        path: of the project.
        clips: frames of each.
        spoilt: of a clip and a time: the mask is turned by half the sphere and upside down, worthless.
    """
    document = Document.create(path, author="robot", backup_every_s=None)
    with closing(document):
        for number, (media, frames) in enumerate(clips.items(), start=1):
            video, truth = probe(media).video, load_truth(media)
            document.add_clip(
                new_clip(
                    media, path, size=(video.height, video.width), stream=video.stream_index, time_base=video.time_base
                )
            )
            width = video.width
            for thing in truth.objects:
                document.put_object(number, ObjectInfo(thing.id, thing.name))
            with VideoReader(media, video) as reader:
                pts = reader.frame_pts()
            for index in frames:
                key = FrameKey(number, video.stream_index, int(pts[index]), index)
                sounds = truth.sounding(index)
                labels = np.where(np.isin(truth.mask(index), sounds), truth.mask(index), 0).astype(np.uint8)
                if spoilt(media, float(pts[index] * video.time_base)):
                    labels = np.roll(labels, width // 2, axis=1)[::-1].copy()
                edit = put_labels(
                    document.labels(key), labels, protection=document.protection(key), origin=Origin(Source.MANUAL)
                )
                document.apply(key, edit, title="robot")
                document.accept([key])
        document.flush()
    return path


def request(project: Path, model: Path, **changes: Any) -> FinetuneRequest:
    """A tiny job on one processor."""
    own: dict[str, Any] = {
        "project": project, "model": model, "steps": 4, "minutes": 0.0, "epochs": 2, "windows": 4, "batch": 1,
        "mix": 0.25, "preset": "frozen", "device": "cpu", "threads": 1, "lr": 1e-3, "scene": SCENE,
    }  # fmt: skip
    return FinetuneRequest(**(own | changes))
