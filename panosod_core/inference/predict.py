"""A clip's maps over a range of frames: the model's on a grid, those between carried; none is made twice. No torch.

The network is opened when the first map is missing, so that a clip that was predicted before costs no model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from panosod_core.errors import ConfigError, PredictionError
from panosod_core.inference.cache import CacheKey, ClipMaps, MapRecord, PredictionCache, map_record
from panosod_core.inference.carrying import MapCarrier
from panosod_core.inference.clip_feed import AS_FOUND, ClipFeed, ClipPlan, ClipTaking, plan_clip
from panosod_core.inference.clip_key import clip_key
from panosod_core.inference.engine_protocol import CentreMap, Engine
from panosod_core.inference.windows import Abandoned, WindowMaker
from panosod_core.media.content import content_id
from panosod_core.media.video import never
from panosod_core.model.config import ModelConfig

MAX_STRIDE = 120
"""A map is carried over two seconds at most, at 60 frames a second to both sides."""


@dataclass(frozen=True)
class FrameRange:
    """Which frames are wanted: the model's maps on the grid, those between carried where asked.

    Attributes:
        first: frame, a multiple of ``stride``: grids begin at frame 0, so that all ranges of a clip share one.
        end: frame behind the last; None for all of the clip.
        stride: the model sees every n-th frame.
        carry: carry its maps to the frames between.
    """

    first: int = 0
    end: int | None = None
    stride: int = 1
    carry: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= MAX_STRIDE or self.first < 0 or (self.end is not None and self.end < self.first):
            raise ConfigError(f"expected a range of frames and a stride of 1..{MAX_STRIDE}, got {self}")
        if self.first % self.stride:
            raise ValueError(f"a range must begin on the grid, got frame {self.first} with stride {self.stride}")

    def within(self, frame_count: int) -> range:
        """The frames of the range that a clip has."""
        return range(min(self.first, frame_count), frame_count if self.end is None else min(self.end, frame_count))

    def carried(self, index: int, frame_count: int) -> int:
        """Over how many frames the map of a frame is carried at least; 0 on the grid."""
        before = index % self.stride
        frames = self.within(frame_count)
        return before if index - before + self.stride >= frames.stop else min(before, self.stride - before)

    def missing(self, known: Mapping[int, int], frame_count: int) -> int:
        """How many of its frames lack a map as good as it would get.

        Args:
            known: frame -> over how many frames its map was carried.
            frame_count: of the clip.
        """
        frames = self.within(frame_count)
        wanted = frames if self.carry else frames[:: self.stride]
        return sum(known.get(i, self.stride) > self.carried(i, frame_count) for i in wanted)


ALL_FRAMES = FrameRange()


@dataclass
class Outcome:
    """What became of a range of frames.

    Attributes:
        frame_count: of the clip.
        made: maps by the model.
        carried: maps by flow.
        known: frames whose maps were there.
        unreadable: frames that cannot be decoded.
        is_complete: False where it was abandoned.
    """

    frame_count: int = 0
    made: int = 0
    carried: int = 0
    known: int = 0
    unreadable: list[int] = field(default_factory=list)
    is_complete: bool = False


class RangePredictor:
    """Works through a range of one clip's frames. Not thread-safe."""

    def __init__(
        self,
        feed: ClipFeed,
        engine: Callable[[], Engine],
        *,
        known: Mapping[int, int],
        recall: Callable[[int], MapRecord | None],
        on_map: Callable[[MapRecord], None],
        should_stop: Callable[[], bool] = never,
    ) -> None:
        """Nothing is done yet.

        Args:
            feed: the clip.
            engine: gives the network; asked when the first map is missing.
            known: frames that have maps -> over how many frames those were carried (0: the model's own).
            recall: gives the model's map of a known frame, so that it can be carried; None where it is gone.
            on_map: gets every new map, the model's before those that are carried from it.
            should_stop: asked between the steps of the work; none takes longer than one frame through the network.
        """
        self._feed, self._engine = feed, engine
        self._known, self._recall = dict(known), recall
        self._on_map, self._should_stop = on_map, should_stop
        self._windows: WindowMaker | None = None
        self._carrier = MapCarrier()
        self._anchors: dict[int, MapRecord] = {}
        self.outcome = Outcome(feed.frame_count)

    def run(self, frames: FrameRange) -> Outcome:
        """Predict what is missing of a range.

        Raises:
            PanosodError: the clip, the network or the receiver fails. What was handed out before stays valid.
        """
        before: int | None = None
        try:
            for index in frames.within(self._feed.frame_count)[:: frames.stride]:
                if index >= self._feed.frame_count:
                    break  # reading has shown that the clip ends before its own table does
                self._of_the_model(index)
                if frames.carry and before is not None:
                    self._between(before, index, frames)
                before = index
            if frames.carry and before is not None:
                self._between(before, None, frames)
            self.outcome.is_complete = True
        except Abandoned:
            self.outcome.is_complete = False
        self.outcome.frame_count = self._feed.frame_count
        return self.outcome

    def _of_the_model(self, index: int) -> None:
        if self._known.get(index) == 0:
            self.outcome.known += 1
            return
        if self._windows is None:
            self._windows = self._feed.windows(self._engine())
        made = self._windows.make(index, should_stop=self._should_stop)
        here = self._feed.pictures.require(index, should_stop=self._should_stop)
        if here is None:
            self.outcome.unreadable.append(index)
            return
        record = self._record(index, pts=here.pts, time_s=here.time_s, made=made)
        self._anchors = {n: r for n, r in self._anchors.items() if n > index - MAX_STRIDE} | {index: record}
        self._known[index] = 0
        self.outcome.made += 1
        self._on_map(record)

    def _record(self, index: int, *, pts: int, time_s: float, made: CentreMap) -> MapRecord:
        try:
            return map_record(index, pts=pts, time_s=time_s, saliency=made.saliency, location=made.location)
        except ValueError as error:
            raise PredictionError(
                f"frame {index}: the network's answer cannot be used ({error}); its weights or its precision do not fit"
            ) from error

    def _between(self, before: int, after: int | None, frames: FrameRange) -> None:
        """Carry maps to the frames between two of the grid, or up to the end of the range."""
        end = frames.within(self._feed.frame_count).stop if after is None else after
        wanted = []
        for index in range(before + 1, end):
            source = before if after is None or index - before <= after - index else after
            if self._known.get(index, MAX_STRIDE) <= abs(index - source):
                self.outcome.known += 1
            else:
                wanted.append((index, source))
        # First all pictures in the order of the file, so that nothing is sought.
        for index in sorted({n for pair in wanted for n in pair}):
            if self._should_stop():
                raise Abandoned
            self._feed.pictures.require(index, should_stop=self._should_stop)
        for index, source in wanted:
            if self._should_stop():
                raise Abandoned
            self._carry(index, source)

    def _carry(self, index: int, source: int) -> None:
        anchor = self._anchors.get(source) or self._recall(source)
        if anchor is None and self._known.pop(source, None) == 0:
            # It was listed, and turned out to be damaged or gone: made anew.
            self._of_the_model(source)
            anchor = self._anchors.get(source)
        there, here = self._feed.pictures.passed(source), self._feed.pictures.passed(index)
        if anchor is None or there is None or here is None:
            self.outcome.unreadable.append(index)
            return
        record = self._carrier.carry(
            anchor, seen=there.grey, shown=here.grey, index=index, pts=here.pts, time_s=here.time_s
        )
        self._anchors[source] = anchor
        self._known[index] = record.carried
        self.outcome.carried += 1
        self._on_map(record)


def key_of(path: Path, plan: ClipPlan, model_id: str, *, precision: str = "auto") -> CacheKey:
    """Under which key a clip's maps by a model are kept; those of a precision that was named have their own.

    Raises:
        MediaError: the clip cannot be read.
    """
    return clip_key(
        content=content_id(path), model_id=model_id, geometry=plan.geometry, audio=plan.audio, precision=precision
    )


def known_maps(maps: ClipMaps) -> dict[int, int]:
    """Frames that have maps -> over how many frames those were carried.

    Raises:
        PredictionError: the cache cannot be read.
    """
    return {note.index: note.carried for note in maps.newer_than()}


def predict_clip(
    path: Path,
    model: Callable[[], Engine],
    cache: PredictionCache,
    *,
    model_id: str,
    config: ModelConfig,
    frames: FrameRange = ALL_FRAMES,
    taking: ClipTaking = AS_FOUND,
    precision: str = "auto",
    on_map: Callable[[MapRecord], None] = lambda record: None,
    should_stop: Callable[[], bool] = never,
) -> Outcome:
    """Predict a clip, or some of its frames, into the cache; what is there is not made again.

    Args:
        path: the clip.
        model: gives the network when the first map is missing (an :class:`EngineAtHand`, or ``lambda: engine``).
        cache: where the maps go, and where those that are there are found.
        model_id: of the model.
        config: of the model.
        frames: which.
        taking: what the clip is taken for.
        precision: that was named for the engine; its maps are then kept apart.
        on_map: told of every map that was written.
        should_stop: asked between the steps of the work.

    Returns:
        What was done; ``is_complete`` is False where ``should_stop`` ended it.

    Raises:
        PanosodError: the clip, the model or the cache cannot be used.
    """
    plan = plan_clip(path, taking)
    try:
        with (
            cache.open(key_of(path, plan, model_id, precision=precision)) as maps,
            ClipFeed(path, plan, config, should_stop=should_stop) as feed,
        ):

            def keep(record: MapRecord) -> None:
                if maps.put(record):
                    on_map(record)

            work = RangePredictor(
                feed, model, known=known_maps(maps), recall=maps.get, on_map=keep, should_stop=should_stop
            )
            return work.run(frames)
    except Abandoned:
        return Outcome()
