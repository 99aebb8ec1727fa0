"""Many clips on many machines: tasks of a clip and a range of its frames, run by Ray (extra ``panosod[cluster]``).

Tasks read the clip and the model by the paths that they have here (a shared folder) and write nothing: they hand their
maps back to the command, which alone writes cache and files. So a worker that dies takes nothing with it but the range
it was at, which Ray gives to another one, and no map is ever written twice.
"""

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ConfigError, PanosodError, PredictionError, install_extra
from panosod_core.inference.clip_feed import ClipFeed, ClipTaking, plan_clip
from panosod_core.inference.clip_job import ClipJob, ClipRun, Event
from panosod_core.inference.map_record import MapRecord, decode_png, encode_png, map_record
from panosod_core.inference.model_choice import EngineAtHand, ModelChoice
from panosod_core.inference.pool import failed
from panosod_core.inference.predict import FrameRange, Outcome, RangePredictor

RANGE_FRAMES = 240
"""Frames of a task, rounded up to whole strides: some seconds of work, a few megabytes of maps."""

RETRIES = 3
"""How often Ray starts a range anew whose worker has died."""

CLIPS_AT_ONCE = 16
"""Clips whose tasks are handed out at once."""

_OBJECT_STORE_BYTES = 256 << 20
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, eq=False)
class PackedMap:
    """A frame's maps on their way from a worker: the saliency as PNG."""

    index: int
    pts: int
    time_s: float
    carried: int
    png: bytes
    location: NDArray[np.float32] | None

    @classmethod
    def of(cls, record: MapRecord) -> "PackedMap":
        """Pack."""
        png = encode_png(record.saliency)
        return cls(record.index, record.pts, record.time_s, record.carried, png, record.location)

    def record(self) -> MapRecord:
        """Unpack."""
        saliency = decode_png(self.png)
        if saliency is None:
            raise PredictionError(f"frame {self.index}: its map came damaged from a worker")
        return map_record(
            self.index,
            pts=self.pts,
            time_s=self.time_s,
            saliency=saliency,
            location=self.location,
            carried=self.carried,
        )


@dataclass(frozen=True)
class RangeTask:
    """A piece of work.

    Attributes:
        clip: the file.
        taking: what it is taken for.
        model: which, and how to run it.
        frames: which.
        known: frames of it that have maps -> over how many frames those were carried.
        anchors: the model's maps among them, from which others are carried.
    """

    clip: Path
    taking: ClipTaking
    model: ModelChoice
    frames: FrameRange
    known: Mapping[int, int]
    anchors: tuple[PackedMap, ...] = ()


@dataclass(frozen=True, eq=False)
class RangeResult:
    """What became of it.

    Attributes:
        maps: that were made.
        unreadable: frames that cannot be decoded.
        engine: what ran the network, in words; "" where it was not needed.
        error: the one line of a clip or model that cannot be used; "" where all went well.
    """

    maps: tuple[PackedMap, ...] = ()
    unreadable: tuple[int, ...] = ()
    engine: str = ""
    error: str = ""


@lru_cache(maxsize=1)
def _engine(model: ModelChoice) -> EngineAtHand:
    """The model of this worker process: tasks come one after another, and loading takes longer than they do."""
    return EngineAtHand(model)


def _nothing(record: MapRecord) -> None:
    pass


def predict_range(task: RangeTask, *, on_map: Callable[[MapRecord], None] = _nothing) -> RangeResult:
    """Do a piece of work, in a worker.

    Args:
        task: which.
        on_map: told of every map as it is made.

    Returns:
        Its maps; errors of the world's fault as text.
    """
    engine = _engine(task.model)
    anchors = {packed.index: packed for packed in task.anchors}
    made: list[PackedMap] = []

    def keep(record: MapRecord) -> None:
        made.append(PackedMap.of(record))
        on_map(record)

    def recall(index: int) -> MapRecord | None:
        return anchors[index].record() if index in anchors else None

    try:
        plan = plan_clip(task.clip, task.taking)
        with ClipFeed(task.clip, plan, task.model.config) as feed:
            outcome = RangePredictor(feed, engine, known=task.known, recall=recall, on_map=keep).run(task.frames)
    except PanosodError as error:
        return RangeResult(error=str(error))
    description = "" if engine.opened is None else engine.opened.description
    return RangeResult(tuple(made), tuple(outcome.unreadable), description)


Work: TypeAlias = Callable[[RangeTask], RangeResult]


def ranges(frames: FrameRange, frame_count: int, known: Mapping[int, int]) -> list[FrameRange]:
    """The pieces of a range that lack maps, each beginning on the grid.

    Args:
        frames: the whole.
        frame_count: of the clip.
        known: frame -> over how many frames its map was carried.
    """
    within = frames.within(frame_count)
    size = -(-RANGE_FRAMES // frames.stride) * frames.stride
    pieces = [replace(frames, first=n, end=min(n + size, within.stop)) for n in range(within.start, within.stop, size)]
    return [piece for piece in pieces if piece.missing(known, frame_count)]


def run_on_ray(
    jobs: Sequence[ClipJob],
    report: Callable[[Event], None],
    *,
    address: str | None = None,
    tasks_at_once: int | None = None,
    work: Work = predict_range,
) -> list[Event]:
    """Predict clips on a Ray cluster.

    Args:
        jobs: all by one model.
        report: told of every event, ``failed`` included.
        address: of the cluster to join; None starts one on this machine, and ends it.
        tasks_at_once: on a cluster of one's own: how many; None for as many as there are cores.
        work: what a task does.

    Returns:
        ``done`` or ``failed`` of every clip, in their order.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    if address is not None and tasks_at_once is not None:
        raise ConfigError("--jobs bounds a cluster of one's own; the one at --address has its own bounds")
    cluster = _Cluster(_ray(), work, address=address, tasks_at_once=tasks_at_once or os.cpu_count() or 1)
    driver = _Driver(cluster, report)
    # A thread a clip: it only waits for tasks and writes what they bring, while other clips keep the cluster busy.
    threads = ThreadPoolExecutor(max(1, min(CLIPS_AT_ONCE, len(jobs))))
    try:
        ends = [threads.submit(driver.run, job) for job in jobs]
        cluster.serve(ends)
        return [end.result() for end in ends]
    finally:
        cluster.end()
        threads.shutdown(cancel_futures=True)
        cluster.stop()


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ConfigError(f"--engine ray needs Ray, which is not installed: {install_extra('cluster')}") from error
    return ray


class _Cluster:
    """The cluster, joined or started when the first map is missing. Clips that were predicted before need none.

    Attributes:
        ray: the module.
        is_ending: set when the command ends, for whatever reason: nobody waits for tasks any longer.
    """

    def __init__(self, ray: Any, work: Work, *, address: str | None, tasks_at_once: int) -> None:
        self.ray = ray
        self.is_ending = threading.Event()
        self._work, self._address, self._tasks = work, address, tasks_at_once
        self._news: queue.SimpleQueue[Future[Any] | None] = queue.SimpleQueue()
        self._is_up: Future[None] = Future()
        self._has_begun = False

    def serve(self, ends: Sequence[Future[Event]]) -> None:
        """In the main thread, where Ray can take its signals: start the cluster when it is asked for, until all end."""
        for end in ends:
            end.add_done_callback(self._news.put)
        left = len(ends)
        while left:
            if self._news.get() is not None:
                left -= 1
            elif not self._is_up.done():
                self._has_begun = True
                try:
                    self._start()
                    self._is_up.set_result(None)
                except ConfigError as error:
                    self._is_up.set_exception(error)

    def task(self, *, on_gpu: bool) -> Any:
        """The remote function; on a cluster with GPUs it takes one, where that is wanted.

        Raises:
            ConfigError: the cluster cannot be started or reached.
        """
        self._news.put(None)
        self._is_up.result()
        gpus = 1 if on_gpu and self.ray.cluster_resources().get("GPU", 0) >= 1 else 0
        return self.ray.remote(max_retries=RETRIES, num_cpus=1, num_gpus=gpus)(self._work)

    def _start(self) -> None:
        options: dict[str, Any] = {"address": self._address, "log_to_driver": False, "configure_logging": False}
        if self._address is None:
            options |= {
                "num_cpus": self._tasks,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
            }
            # Ray tells its makers of every cluster that is started, unless it is told not to.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self.ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = "on this machine" if self._address is None else f"at {self._address}"
            first = (str(error).splitlines() or ["no reason given"])[0]
            raise ConfigError(f"expected a Ray cluster {where}, got: {first}") from error

    def end(self) -> None:
        """Let those go that wait for the cluster or for its tasks."""
        self.is_ending.set()
        if not self._is_up.done():
            self._is_up.set_exception(ConfigError("stopped before a cluster was there"))

    def stop(self) -> None:
        """Leave the cluster; one of our own ends. Call it when nobody uses it any longer."""
        if self._has_begun:
            self.ray.shutdown()


class _Driver:
    """The side of the command: hands ranges out, writes what comes back. One for all clips."""

    def __init__(self, cluster: _Cluster, report: Callable[[Event], None]) -> None:
        self._cluster, self._ray = cluster, cluster.ray
        self._speaking = threading.Lock()
        self._report = report

    def _tell(self, event: Event) -> None:
        with self._speaking:
            self._report(event)

    def run(self, job: ClipJob) -> Event:
        """Predict one clip; errors become its event."""
        engines: list[str] = []

        def predict(
            feed: ClipFeed,
            known: Mapping[int, int],
            recall: Callable[[int], MapRecord | None],
            keep: Callable[[MapRecord], None],
        ) -> Outcome:
            tasks = [
                _task_of(job, piece, known=known, recall=recall)
                for piece in ranges(job.frames, feed.frame_count, known)
            ]
            return self._collect(job, tasks, Outcome(feed.frame_count), keep, engines)

        try:
            return ClipRun(job, self._tell).run(predict, engines=lambda: sorted(set(engines)))
        except PanosodError as error:
            event = failed(job, error)
            self._tell(event)
            return event

    def _collect(
        self,
        job: ClipJob,
        tasks: Sequence[RangeTask],
        outcome: Outcome,
        keep: Callable[[MapRecord], None],
        engines: list[str],
    ) -> Outcome:
        remote = self._cluster.task(on_gpu=job.model.device != "cpu")
        pending = {remote.remote(task): task for task in tasks}
        try:
            while pending:
                done, _ = self._ray.wait(list(pending), num_returns=1, timeout=_LOOK_EVERY_S)
                if self._cluster.is_ending.is_set():
                    raise PredictionError(f"{job.clip}: stopped; the same command goes on from there")
                for ready in done:
                    result = self._result(ready, pending.pop(ready))
                    for packed in result.maps:
                        keep(packed.record())
                        outcome.made += packed.carried == 0
                        outcome.carried += packed.carried > 0
                    outcome.unreadable += result.unreadable
                    engines += [result.engine] * bool(result.engine)
        finally:
            for each in pending:  # a clip that failed leaves no work behind
                self._ray.cancel(each, force=True)
        outcome.is_complete = True
        return outcome

    def _result(self, ready: Any, task: RangeTask) -> RangeResult:
        try:
            result: RangeResult = self._ray.get(ready)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake in our own code, with the worker's trace
        except self._ray.exceptions.RayError as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise PredictionError(
                f"{task.clip}: frames {task.frames.first} to {task.frames.end}: {RETRIES + 1} workers died or were "
                f"lost ({first}); what came before is kept, and the same command goes on from there"
            ) from error
        if result.error:
            raise PredictionError(result.error)
        return result


def _task_of(
    job: ClipJob, piece: FrameRange, *, known: Mapping[int, int], recall: Callable[[int], MapRecord | None]
) -> RangeTask:
    of_it = {n: known[n] for n in range(piece.first, piece.end or 0) if n in known}
    records = (
        [recall(n) for n, carried in of_it.items() if carried == 0 and n % piece.stride == 0] if piece.carry else []
    )
    anchors = tuple(PackedMap.of(record) for record in records if record is not None)
    # One core a task: more tasks at once make more of a machine than more threads in each.
    model = replace(job.model, threads=job.model.threads or 1)
    return RangeTask(job.clip.absolute(), job.taking, model, piece, of_it, anchors)
