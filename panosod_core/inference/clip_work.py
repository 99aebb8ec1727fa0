"""One clip at work: its readers, the order of work, the maps made and carried, and the cache they go to. No torch."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.inference.cache import ClipMaps, MapRecord, PredictionCache, map_record
from panosod_core.inference.carrying import MapCarrier
from panosod_core.inference.clip_feed import ClipFeed, ClipTaking, plan_clip
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.messages import ClipReady, MapMade, MoveTo, OpenClip
from panosod_core.inference.predict import key_of, known_maps
from panosod_core.inference.schedule import Playhead, Schedule

ANCHORS = 96
"""Maps of the model that are kept to be carried: 8 MiB."""
REMAKES = 3
"""A map that is lost more often than this within one clip stays lost: the disk does not keep it."""
PATIENCE = 3
"""Frames in a row that cannot be read before the clip is given up."""


@dataclass
class WorkFigures:
    """What the work has cost so far, for one clip.

    Attributes:
        made, carried: maps.
        cpu_s: processor time of all threads for them.
    """

    made: int = 0
    carried: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Effort:
    """What the latest map took.

    Attributes:
        is_lone: its neighbours had to be worked through for it alone.
        carried: maps carried along beside it.
        carrying_share: share of the time that those took, 0..1.
    """

    is_lone: bool = False
    carried: int = 0
    carrying_share: float = 0.0


class ClipWork:
    """Predicts one clip, a frame a call. Not thread-safe.

    Attributes:
        generation: of the request that opened it.
        ready: what to tell the window of it.
        schedule: the order of work.
        figures: what it has cost.
        effort: what the latest map took.
    """

    def __init__(
        self,
        request: OpenClip,
        engine: Engine,
        cache: PredictionCache,
        *,
        stride: int = 0,
        map_s: float | None = None,
        should_stop: Callable[[], bool],
    ) -> None:
        """Open readers and cache; nothing is predicted yet.

        Args:
            request: which clip, and what it is taken for.
            engine: the network.
            cache: where the maps go.
            stride: a map of every n-th frame; 0 follows from the speed.
            map_s: time that a map took in the clip before.
            should_stop: asked while the table of frames is being read.

        Raises:
            Abandoned: ``should_stop`` said so.
            PanosodError: the clip cannot be read, or its picture does not belong on the sphere.
        """
        path = Path(request.path)
        plan = plan_clip(path, ClipTaking(request.picture, request.eye, request.sound))
        key = key_of(path, plan, engine.model_id)
        self.generation = request.generation
        self.figures = WorkFigures()
        self.effort = Effort()
        self._unreadable = 0
        with ExitStack() as opened:
            self._feed = opened.enter_context(ClipFeed(path, plan, engine.config, should_stop=should_stop))
            self._pictures = self._feed.pictures
            self._maker = self._feed.windows(engine)
            self._maps: ClipMaps = opened.enter_context(cache.open(key))
            own = self._look_up()
            self._remakes: Counter[int] = Counter()
            self.schedule = Schedule(
                frame_count=self._feed.frame_count,
                frame_rate_hz=self._feed.frame_rate_hz,
                window_step=self._maker.window_step,
                stride=stride,
                known=own,
                map_s=map_s,
            )
            self._carrier = MapCarrier()
            self._anchors: OrderedDict[int, MapRecord] = OrderedDict()
            self.ready = ClipReady(
                request.generation,
                key.content_id,
                key.model_id,
                key.settings,
                self._feed.frame_count,
                self._feed.frame_rate_hz,
                len(own),
            )
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let the files go."""
        self._opened.close()

    def move(self, where: MoveTo, *, now_s: float) -> bool:
        """Follow the playhead; True where the present work is to be abandoned for it."""
        return self.schedule.move(Playhead(where.index, where.is_playing, where.speed, now_s))

    def remake(self, index: int) -> None:
        """Somebody has looked for a frame's map in vain.

        Raises:
            PredictionError: the cache cannot be read.
        """
        is_there = self._maps.get(index) is not None
        self._follow_file()
        if not is_there and self._remakes[index] < REMAKES:
            self._remakes[index] += 1
            self._carried.pop(index, None)
            self._anchors.pop(index, None)
            self.schedule.forget(index)

    def make(self, index: int, *, should_stop: Callable[[], bool]) -> list[MapMade]:
        """Predict a frame, write its map, carry it to the frames beside it.

        Returns:
            What was written; empty for a frame that cannot be decoded, which is then done with.

        Raises:
            Abandoned: ``should_stop`` said so; what was written stays.
            PanosodError: the clip, the network or the cache fails for good.
        """
        if index >= self._feed.frame_count:
            self.schedule.finish(index)  # reading has shown that the clip ends before its own table does
            return []
        began_s, began_wall_s, passes = time.process_time(), time.monotonic(), self._maker.backbone_passes
        try:
            made = self._maker.make(index, should_stop=should_stop)
            here = self._pictures.require(index, should_stop=should_stop)
        except MediaError:
            self._unreadable += 1
            if self._unreadable >= PATIENCE:
                raise
            self.schedule.finish(index)
            return []
        finally:
            self.figures.cpu_s += time.process_time() - began_s
        self._unreadable = 0
        if here is None:
            self.schedule.finish(index)
            return []
        began_s = time.process_time()
        record = map_record(
            index, pts=here.pts, time_s=here.time_s, saliency=made.saliency, location=made.location
        )  # fmt: skip
        self._maps.put(record)
        self._follow_file()
        self._carried.pop(index, None)
        self._anchors[index] = record
        while len(self._anchors) > ANCHORS:
            self._anchors.popitem(last=False)
        self.figures.made += 1
        made_wall_s = time.monotonic()
        told = [MapMade(self.generation, index, False)]
        for each in self._to_carry(index):
            if should_stop():
                break  # the map itself is safe; those beside it will be asked for again where they matter
            if self._carry(each):
                told.append(MapMade(self.generation, each, True))
        self.figures.carried += len(told) - 1
        end_s = time.monotonic()
        self.effort = Effort(
            is_lone=self._maker.backbone_passes - passes > 1,
            carried=len(told) - 1,
            carrying_share=(end_s - made_wall_s) / max(end_s - began_wall_s, 1e-9),
        )
        self.figures.cpu_s += time.process_time() - began_s
        return told

    def _look_up(self) -> list[int]:
        """Frames that have a map of the model; what is carried is noted."""
        known = known_maps(self._maps)
        self._openings = self._maps.openings
        self._carried = {index: carried for index, carried in known.items() if carried}
        return [index for index, carried in known.items() if not carried]

    def _follow_file(self) -> None:
        """Where another file lies in the cache now, what was made before is lost and made anew in its turn."""
        if self._maps.openings != self._openings:
            self.schedule.know(self._look_up())
            self._anchors.clear()

    def _to_carry(self, index: int) -> list[int]:
        """Frames beside a new map that have none of the model: up to the next such map on either side."""
        stride = self.schedule.stride
        schedule, found = self.schedule, []
        for direction in (-1, 1):
            for k in range(1, stride):
                each = index + direction * k
                if not 0 <= each < schedule.frame_count or schedule.is_done(each):
                    break
                if self._carried.get(each, stride) > k and self._pictures.passed(each) is not None:
                    found.append(each)
        return found

    def _carry(self, index: int) -> bool:
        """Write a carried map, from the nearest map of the model."""
        stride = self.schedule.stride
        near = sorted(range(index - stride, index + stride + 1), key=lambda n: abs(n - index))
        source = next((n for n in near if n in self._anchors and self._pictures.passed(n) is not None), None)
        if source is None:
            return False
        there, here = self._pictures.passed(source), self._pictures.passed(index)
        if there is None or here is None:
            return False
        record = self._carrier.carry(
            self._anchors[source], seen=there.grey, shown=here.grey, index=index, pts=here.pts, time_s=here.time_s
        )
        self._carried[index] = record.carried
        return self._maps.put(record)
