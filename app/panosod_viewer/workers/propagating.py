"""Carries masks through a clip in a thread: reads frames with a reader of its own, posts every frame's masks. No Qt.

OpenCV and the carrying itself are imported in the thread. It never runs far ahead of whoever takes the masks, so that
memory does not grow with the number of frames.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.masks import LabelMap, RingMask
from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError, PanosodError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.info import VideoInfo
from panosod_core.media.video import SeekInterrupted, VideoReader
from panosod_viewer.workers.carry_frames import MapGuides, WorkFrames
from panosod_viewer.workers.map_reading import CacheAddress

_log = logging.getLogger(__name__)

AHEAD = 12
"""Frames that may wait to be taken."""
MOST_BETWEEN = 900
"""Frames between two key frames at most: they are all held, half a megabyte each."""


class End(StrEnum):
    """Why carrying ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    SHUT = "shut"
    """Locked, accepted or painted frames or objects stood in the way of all objects."""
    LOST = "lost"
    """The last object was lost sight of."""
    CLIP_OVER = "clip over"
    FAILED = "failed"


@dataclass(frozen=True)
class Shut:
    """A frame in which not everything may be written.

    Attributes:
        why: of it, for the person: "locked", "accepted", "painted by hand".
        objects: that may not be written, with the reason; None: none may.
    """

    why: str
    objects: Mapping[int, str] | None = None

    def reason(self, object_id: int) -> str | None:
        """Why an object may not be written here; None where it may."""
        return self.why if self.objects is None else self.objects.get(object_id)


@dataclass(frozen=True, eq=False)
class CarryJob:
    """What is to be carried, and where to.

    Attributes:
        path, video, origin_s, geometry: the clip, and how its picture covers the sphere.
        start: the frame whose masks are known.
        labels: (H, W) of it; nobody changes it any more.
        ids: objects to carry.
        last: number of the last frame to write; before the start's, it goes backwards.
        shut: frames that are protected, by pts, as it was when the job was made.
        end: the other key frame and its labels: the frames between are filled from both sides.
        guide: the model's maps that may settle outlines; None for none.
        run: number of the job, on all its letters.
    """

    path: Path
    video: VideoInfo
    origin_s: float
    geometry: PictureGeometry
    start: FrameKey
    labels: LabelMap
    ids: tuple[int, ...]
    last: int
    shut: Mapping[int, Shut] = field(default_factory=dict)
    end: tuple[FrameKey, LabelMap] | None = None
    guide: CacheAddress | None = None
    run: int = 0

    @property
    def total(self) -> int:
        """Frames to write."""
        return abs(self.last - self.start.index)

    @property
    def step(self) -> int:
        """+1 forwards, -1 backwards."""
        return 1 if self.last >= self.start.index else -1


@dataclass(frozen=True, eq=False)
class CarriedTo:
    """Where the objects are in a frame.

    Attributes:
        run: of the job.
        key: the frame.
        masks: object -> its mask, None where it was lost.
        confidence: the lowest of the objects', 0..1.
        done: frames so far, this one counted.
    """

    run: int
    key: FrameKey
    masks: Mapping[int, RingMask | None]
    confidence: float
    done: int


@dataclass(frozen=True)
class CarryProgress:
    """How far it is, where frames are not finished one by one; 0..1."""

    run: int
    share: float


@dataclass(frozen=True)
class CarryEnded:
    """The last letter of a job.

    Attributes:
        run: of the job.
        end: why.
        text: what a person should know, "" where there is nothing.
        frames: carried.
    """

    run: int
    end: End
    text: str
    frames: int


CarryLetter: TypeAlias = CarriedTo | CarryProgress | CarryEnded


class CarryWorker:
    """One job in one thread."""

    def __init__(self, job: CarryJob, post: Callable[[CarryLetter], None]) -> None:
        """Nothing runs before :meth:`start`; ``post`` is called in the thread."""
        self.job = job
        self._post = post
        self._is_cancelled = threading.Event()
        self._room = threading.Semaphore(AHEAD)
        self._done = 0
        self._stops: dict[int, str] = {}
        self._lost: list[int] = []
        self._last_index = job.start.index
        self._reached_end = False
        self._thread = threading.Thread(target=self._run, name="panosod-carry", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def taken(self) -> None:
        """A frame's masks were taken: there is room for another."""
        self._room.release()

    def cancel(self) -> None:
        """Stop as soon as may be: within the work on one object in one frame."""
        self._is_cancelled.set()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Cancel and wait; False while it hangs."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- in the thread ---

    def _run(self) -> None:
        run = self.job.run
        try:
            end, text = self._carry()
        except SeekInterrupted:
            end, text = End.CANCELLED, ""
        except PanosodError as error:
            end, text = End.FAILED, str(error)
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person is told
            _log.exception("carrying masks through %s failed", self.job.path)
            end, text = End.FAILED, "Masks cannot be carried on: the log has the reason"
        self._post(CarryEnded(run, end, text, self._done))

    def _should_stop(self) -> bool:
        return self._is_cancelled.is_set()

    def _carry(self) -> tuple[End, str]:
        from panosod_core.annotation.propagation.propagate import WORK_WIDTH_PX
        from panosod_core.inference.fitting import PictureFitter

        job = self.job
        width = min(WORK_WIDTH_PX, job.labels.shape[1])
        flat = replace(job.geometry, pose_deg=(0.0, 0.0, 0.0))  # label maps lie in the picture's frame
        fitter = PictureFitter(flat, height=width // 2, width=width)
        if job.end is not None and job.total > MOST_BETWEEN:
            raise AnnotationError(
                f"the key frames lie {job.total} frames apart, {MOST_BETWEEN} are the most: paint one between them, or "
                "carry on from one of them"
            )
        with (
            VideoReader(job.path, job.video, clock_origin_s=job.origin_s) as reader,
            MapGuides(job.guide, job.geometry) as guides,
        ):
            source = WorkFrames(
                reader, lambda f: fitter.grey(f, height=width // 2, width=width), guides, self._should_stop
            )
            start = source.checked(job.start)
            if job.end is not None:
                self._between(source, start, job.end)
            else:
                self._onwards(source, start)
        return self._verdict()

    def _onwards(self, source: WorkFrames, start: NDArray[np.uint8]) -> None:
        from panosod_core.annotation.propagation.propagate import carry_on

        job = self.job
        frames = source.through(job.start.index + job.step, job.last, clip=job.start)
        for carried in carry_on(
            start, job.labels, job.ids, frames, is_barrier=self._is_shut, should_stop=self._should_stop
        ):
            masks = {i: found.mask for i, found in carried.objects.items()}
            confidence = min((c.confidence for c in carried.objects.values()), default=0.0)
            self._lost += [i for i, mask in masks.items() if mask is None and i not in self._lost]
            if not self._give(carried.key, masks, confidence):
                return
        self._reached_end = source.is_over

    def _between(self, source: WorkFrames, start: NDArray[np.uint8], end: tuple[FrameKey, LabelMap]) -> None:
        from panosod_core.annotation.propagation.propagate import carry_between

        job = self.job
        frames = list(source.through(job.start.index + 1, end[0].index - 1, clip=job.start))
        final = source.checked(end[0])
        asked, most = 0, max(1, 2 * len(frames) * (1 + len(job.ids)))

        def should_stop() -> bool:
            nonlocal asked
            asked += 1
            if asked % 8 == 0:
                self._post(CarryProgress(job.run, min(0.99, asked / most)))
            return self._should_stop()

        known = (job.labels, end[1])
        for carried in carry_between((start, final), known, job.ids, frames, should_stop=should_stop):
            open_ = {i: found for i, found in carried.objects.items() if not self._is_shut(carried.key, i)}
            masks = {i: found.mask for i, found in open_.items()}
            if not self._give(carried.key, masks, min((c.confidence for c in open_.values()), default=0.0)):
                return

    def _is_shut(self, key: FrameKey, object_id: int) -> bool:
        shut = self.job.shut.get(key.pts)
        why = shut.reason(object_id) if shut is not None else None
        if why is None:
            return False
        self._stops[object_id] = f"frame {key.index} ({why})"
        return True

    def _give(self, key: FrameKey, masks: Mapping[int, RingMask | None], confidence: float) -> bool:
        while not self._room.acquire(timeout=0.02):
            if self._should_stop():
                return False
        if self._should_stop():
            return False
        self._done += 1
        self._last_index = key.index
        self._post(CarriedTo(self.job.run, key, masks, confidence, self._done))
        return True

    def _verdict(self) -> tuple[End, str]:
        if self._should_stop():
            return End.CANCELLED, ""
        words = []
        if self._stops:
            by_place: dict[str, list[int]] = {}
            for object_id, place in self._stops.items():
                by_place.setdefault(place, []).append(object_id)
            many = len(self.job.ids) > 1
            words += [
                f"stopped at {place}" + (f" for object {_listed(ids)}" if many else "")
                for place, ids in by_place.items()
            ]
        if self._lost:
            words.append(f"object {_listed(self._lost)} was lost sight of")
        text = "; ".join(words)
        if self.job.end is None and set(self._stops) | set(self._lost) >= set(self.job.ids):
            return (End.SHUT if self._stops else End.LOST), text
        if self._reached_end:
            return End.CLIP_OVER, text
        return End.DONE, text


def _listed(ids: list[int]) -> str:
    return ", ".join(str(i) for i in sorted(ids))
