"""One clip from its file to its maps in the cache and, where asked, to files: what a command does for each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from panosod_core.errors import PredictionError
from panosod_core.inference.cache import DEFAULT_LIMIT_BYTES, ClipMaps, MapRecord, PredictionCache
from panosod_core.inference.clip_feed import AS_FOUND, ClipFeed, ClipPlan, ClipTaking, fed_picture, fed_sound, plan_clip
from panosod_core.inference.model_choice import EngineAtHand, ModelChoice
from panosod_core.inference.overlay_video import write_overlay
from panosod_core.inference.predict import (
    ALL_FRAMES,
    FrameRange,
    Outcome,
    RangePredictor,
    key_of,
    known_maps,
)
from panosod_core.inference.prediction_files import ClipFolder, LostMapError
from panosod_core.media.video import never

Event: TypeAlias = dict[str, Any]
"""What happens, in plain values: ``event`` names it, ``clip`` whose it is."""

TELL_EVERY_S = 0.5

TRIES = 3
"""Times that maps found damaged when they were to be written are made again."""


@dataclass(frozen=True)
class ClipJob:
    """What is wanted of one clip. Plain values: it goes to other processes as it is.

    Attributes:
        clip: the file.
        model: which, and how to run it.
        cache_folder: None for the platform's.
        cache_limit_bytes: bound of the cache.
        frames: which.
        taking: what the clip is taken for.
        out: folder of this clip's files; None for the cache alone.
        archive: write ``maps.npz`` too.
        overlay: write ``overlay.mp4`` too.
    """

    clip: Path
    model: ModelChoice
    cache_folder: Path | None = None
    cache_limit_bytes: int = DEFAULT_LIMIT_BYTES
    frames: FrameRange = ALL_FRAMES
    taking: ClipTaking = AS_FOUND
    out: Path | None = None
    archive: bool = False
    overlay: bool = False


Predictor: TypeAlias = Callable[
    [ClipFeed, Mapping[int, int], Callable[[int], MapRecord | None], Callable[[MapRecord], None]], Outcome
]
"""Makes what is missing of an open clip. Gets: the clip, the frames that have maps (as :class:`RangePredictor` takes
them), what recalls such a map, and what every new map is to be handed to."""


class ClipRun:
    """A job at work: opened, predicted, written."""

    def __init__(self, job: ClipJob, report: Callable[[Event], None]) -> None:
        """Nothing is opened yet."""
        self.job, self._report = job, report
        self._told_s = 0.0

    def run(self, predict: Predictor, *, engines: Callable[[], list[str]]) -> Event:
        """Do it all.

        Args:
            predict: does the predicting.
            engines: what ran the network, in words; nothing where all maps were in the cache.

        Returns:
            The event ``done``, which was also reported.

        Raises:
            PanosodError: the clip, the model, the cache or the files fail.
        """
        job, began_s = self.job, time.monotonic()
        plan = plan_clip(job.clip, job.taking)
        cache = PredictionCache(job.cache_folder, limit_bytes=job.cache_limit_bytes, on_problem=self._problem)
        key = key_of(job.clip, plan, job.model.model_id, precision=job.model.precision)
        identity = {"content_id": key.content_id, "model_id": key.model_id, "settings": key.settings}
        folder = None if job.out is None else ClipFolder(job.out, identity)
        with cache.open(key) as maps, ClipFeed(job.clip, plan, job.model.config) as feed:
            wanted = job.frames.within(feed.frame_count)
            fed = {"picture": fed_picture(plan, job.model.config), "sound": fed_sound(plan, job.model.config)}
            missing = job.frames.missing(known_maps(maps), feed.frame_count)
            self._tell("start", frames=len(wanted), missing=missing, fed=fed)
            outcome, pictures = Outcome(feed.frame_count), {}
            for tries_left in reversed(range(TRIES)):
                outcome = _sum(outcome, self._predict(predict, feed, maps))
                if folder is None:
                    break
                try:
                    more = self._manifest(plan, fed, outcome, feed, engines())
                    pictures = {"pictures": self._write(folder, plan, feed, maps, more)}
                    break
                except LostMapError:
                    # Found damaged only now, and forgotten by the cache: it is made again.
                    if not tries_left:
                        raise
        counts = {"made": outcome.made, "carried": outcome.carried, "unreadable": len(outcome.unreadable)}
        seconds = round(time.monotonic() - began_s, 3)
        return self._tell("done", frames=len(wanted), **counts, **pictures, seconds=seconds)

    def _predict(self, predict: Predictor, feed: ClipFeed, maps: ClipMaps) -> Outcome:
        known = known_maps(maps)
        missing = self.job.frames.missing(known, feed.frame_count)
        if not missing:
            return Outcome(feed.frame_count)
        tell = self._slowly("progress", missing)

        def keep(record: MapRecord) -> None:
            if maps.put(record):
                tell()

        outcome = predict(feed, known, maps.get, keep)
        if not outcome.is_complete:
            raise PredictionError(f"{self.job.clip}: stopped; the same command goes on from there")
        return outcome

    def _write(
        self, folder: ClipFolder, plan: ClipPlan, feed: ClipFeed, maps: ClipMaps, manifest: Mapping[str, Any]
    ) -> int:
        """Write all files; how many frames got new pictures."""
        within = self.job.frames.within(feed.frame_count)
        has = set(maps.indices())
        chosen = within if self.job.frames.carry else within[:: self.job.frames.stride]
        indices = [index for index in chosen if index in has]
        on_frame = self._slowly("write", len(indices))
        written = folder.write(indices, maps.get, manifest=manifest, on_frame=on_frame)
        self._extras(folder, plan, maps, indices)
        return written.pictures

    def _extras(self, folder: ClipFolder, plan: ClipPlan, maps: ClipMaps, indices: list[int]) -> None:
        if self.job.archive:
            folder.write_archive(indices, maps.get)
        if self.job.overlay and indices:
            frames = range(indices[0], indices[-1] + 1)
            write_overlay(
                folder.folder / "overlay.mp4",
                self.job.clip,
                plan,
                indices=frames,
                nearest=lambda index: maps.nearest(index, self.job.frames.stride),
                on_frame=self._slowly("draw", len(frames)),
            )

    def _manifest(
        self, plan: ClipPlan, fed: Mapping[str, str], outcome: Outcome, feed: ClipFeed, engines: list[str]
    ) -> dict[str, Any]:
        job = self.job
        return {
            "clip": job.clip.name,
            "model": job.model.path.name,
            "engines": engines,
            "fed": dict(fed),
            "taken_for": {"picture": job.taking.picture, "eye": plan.geometry.eye, "sound": job.taking.sound},
            "frame_count": feed.frame_count,
            "frame_rate_hz": feed.frame_rate_hz,
            "first": job.frames.first,
            "end": job.frames.end,
            "stride": job.frames.stride,
            "carry": job.frames.carry,
            "height_px": job.model.config.height_px,
            "width_px": job.model.config.width_px,
            "unreadable": outcome.unreadable,
            "versions": _versions(),
        }

    def _problem(self, text: str) -> None:
        self._tell("repaired", text=text)

    def _slowly(self, event: str, total: int) -> Callable[[], None]:
        """A counter that tells of itself now and then, and at the end."""
        done, began_s = 0, time.monotonic()

        def step() -> None:
            nonlocal done
            done += 1
            now_s = time.monotonic()
            if done == total or now_s - self._told_s >= TELL_EVERY_S:
                self._told_s = now_s
                self._tell(event, done=done, total=total, per_s=round(done / max(now_s - began_s, 1e-3), 2))

        return step

    def _tell(self, event: str, **values: Any) -> Event:
        told: Event = {"event": event, "clip": str(self.job.clip), **values}
        self._report(told)
        return told


def _sum(first: Outcome, then: Outcome) -> Outcome:
    unreadable = sorted({*first.unreadable, *then.unreadable})
    made, carried = first.made + then.made, first.carried + then.carried
    return Outcome(then.frame_count, made, carried, then.known, unreadable, then.is_complete)


def _versions() -> dict[str, str]:
    found = {}
    for name in ("panosod", "numpy", "av", "opencv-python-headless", "onnxruntime", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def run_clip(
    job: ClipJob, engine: EngineAtHand, report: Callable[[Event], None], *, should_stop: Callable[[], bool] = never
) -> Event:
    """Predict a clip in this process.

    Args:
        job: what is wanted.
        engine: the job's model; loaded when the first map is missing, and kept for the next clip.
        report: told of every event.
        should_stop: asked between the steps of the work.

    Returns:
        The event ``done``.

    Raises:
        PanosodError: the clip, the model, the cache or the files fail, or it was stopped.
    """
    run = ClipRun(job, report)

    def predict(
        feed: ClipFeed,
        known: Mapping[int, int],
        recall: Callable[[int], MapRecord | None],
        keep: Callable[[MapRecord], None],
    ) -> Outcome:
        work = RangePredictor(feed, engine, known=known, recall=recall, on_map=keep, should_stop=should_stop)
        return work.run(job.frames)

    return run.run(predict, engines=lambda: [] if engine.opened is None else [engine.opened.description])
