"""What the queue of frames to annotate chooses from: maps of the prediction cache, held against the sound. No torch.

Pictures are not looked at: what a frame looks like is told by the clip it belongs to and by where the model sees
something in it. One frame every half second stands for its neighbours, the one that the model is least sure of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.energy_track import EnergyTrack, EnergyTracker
from panosod_core.annotation.queueing import HEARING, SIGHT, Pool, sight_of
from panosod_core.annotation.records import FrameKey, FrameState, Source
from panosod_core.annotation.snapshot import Snapshot, SnapshotFrame
from panosod_core.geometry.sphere import FloatArray, direction
from panosod_core.inference.cache import ClipMaps, MapNote
from panosod_core.inference.map_record import SALIENT, MapRecord, MapSource
from panosod_core.inference.tracks import angle_to_mask
from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import ClipInfo
from panosod_core.media.video import DEFAULT_FPS

APART_S = 0.5
"""Between two candidates."""
REACH_S = 1.0
"""A labelled frame without a map takes that of a neighbour no further away; a frame further from any map has none."""
HEARD_S = 0.25
"""Around a frame, the loudest moment tells where the sound comes from."""
QUIET_DB = -70.0
LEAST_DIRECTED = 0.15
"""Below this level, or with a smaller share of sound from one direction, nothing is heard from anywhere."""
_BLOCK_S = 2.0


@dataclass(frozen=True, eq=False)
class Heard:
    """What is heard around a frame: unit vector to where it is loudest, None without; and how directed, 0..1."""

    towards: FloatArray | None = None
    directed: float = 0.0


@dataclass(frozen=True, eq=False)
class FrameRow:
    """One frame of a pool; see :class:`~panosod_core.annotation.queueing.Pool`."""

    index: int
    pts: int
    time_s: float
    entropy: float = math.nan
    disagreement_rad: float = math.nan
    area: float = math.nan
    sounds: bool = False
    descriptor: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Decided:
    """What was said about a clip's frames by people, by pts.

    Attributes:
        labelled: accepted, or painted by hand: the model can learn from them.
        closed: not to be proposed; the labelled ones, rejected and locked ones.
    """

    labelled: Mapping[int, FrameKey]
    closed: frozenset[int]


def decided_in(snapshot: Snapshot, clip: int) -> Decided:
    """What people have said about the frames of a clip. Drafts that machines made are open."""
    labelled: dict[int, FrameKey] = {}
    closed = set()
    for frame in snapshot.frames[clip]:
        key = frame.row.key
        if frame.row.state is not FrameState.REJECTED and _is_labelled(frame):
            labelled[key.pts] = key
        if key.pts in labelled or frame.row.state is FrameState.REJECTED or frame.row.locked:
            closed.add(key.pts)
    return Decided(labelled, frozenset(closed))


def _is_labelled(frame: SnapshotFrame) -> bool:
    by_hand = any(mask.source is Source.MANUAL for mask in frame.masks)
    return by_hand or frame.row.state is FrameState.ACCEPTED


def heard_around(track: EnergyTrack | None, time_s: float) -> Heard:
    """Where the sound around a moment comes from, where that can be said."""
    if track is None or not len(track):
        return Heard()
    first = int(np.floor((time_s - HEARD_S - track.start_s) / track.step_s))
    last = int(np.ceil((time_s + HEARD_S - track.start_s) / track.step_s))
    steps = slice(max(first, 0), max(min(last + 1, len(track)), 0))
    level = track.level_db[steps]
    known = np.isfinite(track.azimuth_rad[steps]) & (level > QUIET_DB)
    if not known.any():
        return Heard()
    step = steps.start + int(np.argmax(np.where(known, level, -np.inf)))
    directed = 1 - float(track.diffuseness[step])
    if directed < LEAST_DIRECTED:
        return Heard(None, 0.0)
    return Heard(direction(track.azimuth_rad[step], track.elevation_rad[step]), directed)


def row_of(record: MapRecord, heard: Heard, *, key: FrameKey | None = None, time_s: float | None = None) -> FrameRow:
    """A frame's numbers.

    Args:
        record: its maps, or those of a neighbour that stand in.
        heard: around it.
        key: of the frame, where the maps are a neighbour's.
        time_s: its time then.
    """
    mask = record.saliency >= SALIENT
    off = math.nan if heard.towards is None else angle_to_mask(heard.towards, mask)
    return FrameRow(
        index=record.index if key is None else key.index,
        pts=record.pts if key is None else key.pts,
        time_s=record.time_s if time_s is None else time_s,
        entropy=record.summary.entropy,
        disagreement_rad=off,
        area=record.summary.area,
        sounds=heard.towards is not None,
        descriptor=descriptor_of(record, heard),
    )


def descriptor_of(record: MapRecord | None, heard: Heard) -> NDArray[np.float32]:
    """(SIGHT + HEARING,) float32: where something is salient, and where the sound comes from."""
    made = np.zeros(SIGHT + HEARING, np.float32)
    if record is not None:
        made[:SIGHT] = sight_of(record.saliency)
    if heard.towards is not None:
        made[SIGHT:] = heard.towards * heard.directed
    return made


def pool_of(clip: int, rows: Sequence[FrameRow], decided: Decided) -> Pool:
    """The frames of a clip as columns, in time."""
    ordered = sorted(rows, key=lambda r: (r.time_s, r.index))
    pts = np.array([r.pts for r in ordered], np.int64)
    empty = np.zeros(SIGHT + HEARING, np.float32)
    return Pool(
        clip=np.full(len(ordered), clip, np.int64),
        index=np.array([r.index for r in ordered], np.int64),
        pts=pts,
        time_s=np.array([r.time_s for r in ordered], np.float64),
        entropy=np.array([r.entropy for r in ordered], np.float32),
        disagreement_rad=np.array([r.disagreement_rad for r in ordered], np.float32),
        area=np.array([r.area for r in ordered], np.float32),
        sounds=np.array([r.sounds for r in ordered], np.bool_),
        descriptor=np.array([empty if r.descriptor is None else r.descriptor for r in ordered], np.float32).reshape(
            len(ordered), SIGHT + HEARING
        ),
        is_labelled=np.array([p in decided.labelled for p in pts], np.bool_),
        is_closed=np.array([p in decided.closed for p in pts], np.bool_),
    )


def thinned(notes: Iterable[MapNote]) -> list[MapNote]:
    """One note for each half second: the model's own map rather than a carried one, of these the least sure."""
    best: dict[int, MapNote] = {}
    for note in notes:
        bin_ = math.floor(note.time_s / APART_S)
        held = best.get(bin_)
        if held is None or _worth(note) > _worth(held):
            best[bin_] = note
    return [best[bin_] for bin_ in sorted(best)]


def _worth(note: MapNote) -> tuple[bool, float, int]:
    return note.source is MapSource.MODEL, note.summary.entropy, -note.index


class ClipMaterial:
    """The frames of one clip, read once and added to as maps come. One object belongs to one thread.

    Attributes:
        clip: its number in the project.
        frames: of the clip, as far as is known.
    """

    def __init__(self, clip: int, info: ClipInfo, *, frame_count: int) -> None:
        """Nothing read yet.

        Args:
            clip: its number.
            info: as probed; its sound is taken as found.
            frame_count: frames of the clip, 0 where unknown.
        """
        self.clip = clip
        self._info = info
        video = info.video
        self._fps = float((video.fps if video is not None else None) or DEFAULT_FPS)
        listed = video.frame_count if video is not None else None
        self.frames = frame_count or listed or round((info.duration_s or 0.0) * self._fps)
        self._track: EnergyTrack | None = None
        self._has_listened = False
        self._notes: dict[int, MapNote] = {}
        self._sequence = 0
        self._rows: dict[tuple[int, int], FrameRow] = {}
        """(frame, sequence of its map) -> its numbers."""

    def read(
        self, maps: ClipMaps | None, decided: Decided, *, should_stop: Callable[[], bool] = lambda: False
    ) -> Pool | None:
        """All frames as they are now; None where it was stopped.

        Args:
            maps: the clip's; None where nothing was ever predicted.
            decided: by people.
            should_stop: asked between two frames.

        Raises:
            PanosodError: sound or maps cannot be read.
        """
        if maps is not None:
            self._listen(should_stop)
            # The cache's file may have been removed, or found damaged, and begun anew.
            there = set(maps.indices())
            self._notes = {index: note for index, note in self._notes.items() if index in there}
        for note in [] if maps is None else maps.newer_than(self._sequence):
            self._notes[note.index] = note
            self._sequence = note.sequence
        rows = []
        for note in thinned(self._notes.values()):
            if should_stop():
                return None
            row = self._row(maps, note)
            if row is not None and row.pts not in decided.labelled:
                rows.append(row)
        rows += [self._labelled(maps, key) for key in decided.labelled.values()]
        return pool_of(self.clip, rows, decided)

    def frames_without_map(self) -> int:
        """Frames that are further than a second from any map."""
        has = np.zeros(self.frames, np.bool_)
        reach = round(REACH_S * self._fps)
        for index in self._notes:
            has[max(0, index - reach) : index + reach + 1] = True
        return int(self.frames - np.count_nonzero(has))

    def _row(self, maps: ClipMaps | None, note: MapNote) -> FrameRow | None:
        known = self._rows.get((note.index, note.sequence))
        if known is None and maps is not None:
            record = maps.get(note.index)
            if record is None:  # damaged, and forgotten by the cache
                self._notes.pop(note.index, None)
                return None
            known = row_of(record, heard_around(self._track, record.time_s))
            self._rows[note.index, note.sequence] = known
        return known

    def _labelled(self, maps: ClipMaps | None, key: FrameKey) -> FrameRow:
        near = None if maps is None else maps.nearest(key.index, round(REACH_S * self._fps))
        time_s = key.index / self._fps if near is None else near.time_s + (key.index - near.index) / self._fps
        heard = heard_around(self._track, time_s)
        if near is None:
            return FrameRow(
                key.index, key.pts, time_s, sounds=heard.towards is not None, descriptor=descriptor_of(None, heard)
            )
        return row_of(near, heard, key=key, time_s=time_s)

    def _listen(self, should_stop: Callable[[], bool]) -> None:
        audio = self._info.audio
        if self._has_listened or audio is None or not audio.format.is_ambisonic or not audio.order:
            return
        rate_hz = audio.sample_rate_hz
        origin_s = clip_origin_s(self._info)
        with AudioReader(self._info.path, audio, out_rate_hz=rate_hz, clock_origin_s=origin_s) as reader:
            tracker = EnergyTracker(sample_rate_hz=rate_hz, start_s=reader.position_s)
            while not should_stop():
                block = reader.read(round(_BLOCK_S * rate_hz))
                if not block.shape[1]:
                    tracker.finish()
                    self._has_listened = True
                    break
                tracker.push(block)
        self._track = tracker.track() if self._has_listened else None
