"""A small project of two clips with maps in a cache, to be asked what to annotate next."""

from contextlib import closing
from pathlib import Path

import numpy as np

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.geometry.picture import Eye
from panosod_core.inference.cache import CacheKey, PredictionCache
from panosod_core.inference.clip_key import clip_key
from panosod_core.inference.map_record import map_record
from panosod_core.media.choice import chosen_geometry
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.content import content_id
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader

MODEL = "m"


def key_of(clip: Path, *, model: str = MODEL) -> CacheKey:
    info = probe(clip)
    geometry = chosen_geometry(info.video, "auto", eye=Eye.LEFT)
    return clip_key(content=content_id(clip), model_id=model, geometry=geometry, audio=info.audio)


def frame_times(clip: Path):
    """Pts of its frames and their times."""
    info = probe(clip)
    origin = clip_origin_s(info)
    with VideoReader(clip, info.video, clock_origin_s=origin) as reader:
        pts = reader.frame_pts()
        return [int(p) for p in pts], [float(p * info.video.time_base) - origin for p in pts]


def put_maps(folder: Path, clip: Path, indices, *, model: str = MODEL, unsure=()) -> None:
    """Maps of some frames: a square that stands elsewhere in every one; grey all over where the model is unsure."""
    pts, times = frame_times(clip)
    with PredictionCache(folder).open(key_of(clip, model=model)) as maps:
        for index in indices:
            saliency = np.zeros((32, 64))
            left = 4 * index % 60
            saliency[14:18, left : left + 4] = 0.97
            if index in unsure:
                saliency[:] = np.maximum(saliency, 0.4)
            maps.put(map_record(index, pts=pts[index], time_s=times[index], saliency=saliency))


def make_project(path: Path, clips) -> None:
    with closing(Document.create(path, author="test", backup_every_s=None)) as document:
        for clip in clips:
            video = probe(clip).video
            size = (video.height, video.width)
            document.add_clip(
                new_clip(
                    clip,
                    path,
                    size=size,
                    stream=video.stream_index,
                    time_base=video.time_base,
                    frame_count=video.frame_count,
                )
            )
        document.flush()
