"""Reading pictures: by index, by time, forwards and backwards, always exactly the frame that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import MediaError
from panosod_core.media.frame import VideoFrame
from panosod_core.media.frame_cache import FrameCache
from panosod_core.media.frame_table import FrameScan, FrameTable, constant_rate_table
from panosod_core.media.info import VideoInfo
from panosod_core.media.picture_decoder import RESTART_NEAR, PictureDecoder
from panosod_core.media.pixels import video_frame

DEFAULT_CACHE_BYTES = 256 << 20
"""About 23 frames of 3840 x 1920 in 4:2:0, or 90 of 1920 x 960."""

PLAYING_CACHE_BYTES = 32 << 20
"""Bound while playing: a decoder whose buffers do not come back soon writes into cold memory all the time, which cost
0.8 ms a frame at 1080p and 2 to 4 ms at 3840 x 1920 with the full cache, and nothing measurable with this one."""

DECODE_ON_FRAMES = 8
"""A target this near ahead is decoded up to rather than sought, even past a key frame."""

LINEAR_FRAMES = 48
"""From the start of a clip, a target this near is counted up to without any table."""

DEFAULT_FPS = 25


class SeekInterrupted(Exception):  # noqa: N818 - not an error, see below
    """A seek was abandoned because its ``should_stop`` said so. Not an error: a newer seek is on its way."""


def never() -> bool:
    """The ``should_stop`` of those who wait for the end."""
    return False


class VideoReader:
    """Decodes one video stream.

    There is a cursor between frames, as in a text: :meth:`read` gives the frame after it and moves on,
    :meth:`frame_at` puts it behind the frame it gives, :meth:`step` moves it. A frame's ``index`` is its place in
    presentation order; how it is found is told in :mod:`panosod_core.media.frame_table`.

    Not thread-safe: one reader belongs to one thread.
    """

    def __init__(
        self,
        path: Path,
        video: VideoInfo,
        *,
        clock_origin_s: float = 0.0,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        """Open the clip; nothing is decoded yet.

        Args:
            path: the clip.
            video: its picture stream, as probed.
            clock_origin_s: zero of the clip's clock on the container's (:func:`clip_origin_s`).
            cache_bytes: bound of the cache of recent frames.

        Raises:
            MediaError: the file cannot be opened.
        """
        self._path = path
        self._info = video
        self._origin_s = clock_origin_s
        self._cache_bytes = cache_bytes
        self._cache = FrameCache(cache_bytes)
        self._decoder = PictureDecoder(path, video.stream_index)
        stream = self._decoder.stream
        self._time_base = stream.time_base or video.time_base
        fps = video.fps or Fraction(DEFAULT_FPS)
        if self._decoder.container.format.name in ("h264", "hevc"):
            fps = stream.codec_context.framerate or fps  # an elementary stream's own rate; the demuxer just says 25
        step = 1 / (fps * self._time_base)
        # AVI keeps only decoding times; with B-frames FFmpeg's guess of presentation times is wrong.
        trusted = not (self._decoder.container.format.name == "avi" and stream.codec_context.has_b_frames)
        self._step_ticks = step
        self._decoder.set_nominal(step, trust_pts=trusted)
        self._scan = FrameScan(path, video.stream_index, step, trust_pts=trusted)
        self._table: FrameTable | None = None
        self._tried_constant = False
        self._next = 0
        self._decoder_next: int | None = 0
        self._decoded_any = False

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def info(self) -> VideoInfo:
        """What was probed."""
        return self._info

    @property
    def next_index(self) -> int:
        """Index of the frame that :meth:`read` gives next."""
        return self._next

    @property
    def frame_count(self) -> int | None:
        """Number of frames: exact once the table is known, else what the header says, else None."""
        return len(self._table) if self._table is not None else self._info.frame_count

    @property
    def cached_bytes(self) -> int:
        """Memory that the cache of recent frames holds."""
        return self._cache.size_bytes

    def close(self) -> None:
        """Let the file, the decoders and the cache go. Frames given out stay valid; nothing else may be called."""
        self._cache.clear()
        self._scan.close()
        self._decoder.close()

    def set_threading(self, playing: bool) -> None:
        """Choose frame threads (playing, most pictures a second) or slice threads (paused, shortest wait)."""
        self._cache.limit(min(PLAYING_CACHE_BYTES, self._cache_bytes) if playing else self._cache_bytes)
        self._decoder.set_threading(playing)
        near = self._decoder_next == self._next and 0 < self._decoder.frames_out <= RESTART_NEAR
        if playing and near and self._decoder.wants_handover:
            self._decoder_next = None  # the next read seeks again, and that restarts with frame threads

    def index_of_time(self, t_s: float, *, should_stop: Callable[[], bool] = never) -> int:
        """Index of the frame being shown at a time on the clip's clock; the first before the start, the last after.

        Raises:
            SeekInterrupted: ``should_stop`` said so while the table was being read.
            MediaError: nothing in the stream.
        """
        return self._table_now(should_stop).index_at((t_s + self._origin_s) / self._time_base)

    def frame_pts(self, *, should_stop: Callable[[], bool] = never) -> NDArray[np.int64]:
        """Time stamps of all frames, ticks, as the frames themselves carry them; reads the file's packets through.

        Raises:
            SeekInterrupted: ``should_stop`` said so.
        """
        table = self._scan.run(should_stop)
        if table is None:
            raise SeekInterrupted
        return table.pts

    def frame_at_time(self, t_s: float, *, should_stop: Callable[[], bool] = never) -> VideoFrame:
        """The frame being shown at a time on the clip's clock; see :meth:`frame_at`."""
        start = self._decoder.stream.start_time
        if start is not None and t_s + self._origin_s <= start * self._time_base:
            return self.frame_at(0, should_stop=should_stop)
        return self.frame_at(self.index_of_time(t_s, should_stop=should_stop), should_stop=should_stop)

    def frame_at(self, index: int, *, should_stop: Callable[[], bool] = never) -> VideoFrame:
        """The frame with that index, and the cursor behind it.

        Where the file ends or is damaged there, the nearest frame before it that can be decoded (or the first that
        can); its ``index`` tells.

        Args:
            index: 0 for the first frame.
            should_stop: asked once a decoded frame; True abandons the seek.

        Raises:
            ValueError: negative index.
            SeekInterrupted: ``should_stop`` said so. The reader stays usable.
            MediaError: nothing in the stream can be decoded.
        """
        if index < 0:
            raise ValueError(f"frame index must not be negative, got {index}")
        frame = self._cache.get(index)
        if frame is None:
            frame = self._find(index, should_stop)
        self._next = frame.index + 1
        return frame

    def seek(self, index: int) -> None:
        """Put the cursor before a frame; the work is done by the next :meth:`read`."""
        if index < 0:
            raise ValueError(f"frame index must not be negative, got {index}")
        self._next = index

    def read(self, *, should_stop: Callable[[], bool] = never) -> VideoFrame | None:
        """The frame after the cursor, which moves behind it; None at the end.

        Raises:
            SeekInterrupted: after a :meth:`seek`, as in :meth:`frame_at`.
            MediaError: nothing in the stream can be decoded.
        """
        frame = self._cache.get(self._next)
        if frame is None and self._decoder_next == self._next:
            frame = self._decode_one()
            if frame is None and self._decoder_next is not None:
                if not self._decoded_any:
                    raise self._nothing_decodes()
                return None
        if frame is None:
            wanted = self._next
            if self._table is not None and wanted >= len(self._table):
                return None
            frame = self._find(wanted, should_stop)
            if frame.index < wanted:
                return None
        self._next = frame.index + 1
        return frame

    def step(self, frames: int, *, should_stop: Callable[[], bool] = never) -> VideoFrame | None:
        """Move by so many frames from the frame given last: +1 the one after it, -1 the one before it.

        None where there is nothing further in that direction; a longer step stops at the first or last frame.
        """
        current = self._next - 1
        target = max(current + frames, 0)
        if target == current:
            return None
        if frames == 1:
            return self.read(should_stop=should_stop)
        frame = self.frame_at(target, should_stop=should_stop)
        return None if frame.index == current else frame

    def keyframe_at(self, t_s: float) -> VideoFrame | None:
        """A quick picture for scrubbing: the key frame at or before a time, decoded alone. The cursor stays.

        Its ``index`` is exact where the table of frames is known, else by the nominal rate. None where nothing
        decodes.
        """
        ticks = int((t_s + self._origin_s) / self._time_base)
        points: list[int | None] = [ticks, ticks - int(1 / self._time_base), None]
        if self._table is not None:
            points = self._restart_points(self._table, self._table.index_at(ticks))
        frame = None
        for point in points:
            found = self._decoder.first_only(point)
            frame = found or frame
            if found is not None and found.pts is not None and found.pts <= ticks:
                break  # else an open group's key frame, shown later than it is stored, or none to be had from there
        self._decoder_next = None
        if frame is None:
            return None
        start = self._decoder.stream.start_time or 0
        label = self._table.label_of(frame.pts or 0) if self._table is not None else None
        guess = max(round(((frame.pts or 0) - start) / self._step_ticks), 0)
        return self._wrap(frame, guess if label is None else label)

    def _table_now(self, should_stop: Callable[[], bool]) -> FrameTable:
        if self._table is None and not self._tried_constant:
            self._tried_constant = True
            table = constant_rate_table(self._decoder.container, self._decoder.stream)
            if table is not None:
                self._adopt(table)
        if self._table is None:
            table = self._scan.run(should_stop)
            if table is None:
                raise SeekInterrupted
            if not len(table):
                raise self._nothing_decodes()
            self._adopt(table)
        assert self._table is not None
        return self._table

    def _adopt(self, table: FrameTable) -> None:
        """Go over from counting to a table; what was counted differently (frames that never decode) is forgotten."""
        self._table = table
        if not self._cache.agrees_with(lambda frame: not table.is_timed or table.label_of(frame.pts) == frame.index):
            self._cache.clear()
            self._decoder_next = None

    def _distrust_table(self) -> None:
        """A frame lies where the evenly spaced table has none: the rate is not constant after all."""
        self._table = None
        self._decoder_next = None
        self._cache.clear()

    def _find(self, index: int, should_stop: Callable[[], bool]) -> VideoFrame:
        if self._table is None and index < LINEAR_FRAMES:
            if self._decoder_next is None or self._decoder_next > index:
                self._decoder.restart(None)
                self._decoder_next = 0
            found = self._decode_up_to(index, should_stop)
            if found is not None and found.index == index:
                return found
        table = self._table_now(should_stop)
        index = min(index, len(table) - 1)
        at = self._decoder_next
        if at is not None and at <= index:
            ahead = index - at <= DECODE_ON_FRAMES or not table.is_timed
            if ahead or not table.is_key_between(min(at, len(table) - 1), index):
                found = self._decode_up_to(index, should_stop)
                if found is not None:
                    return found
        return self._seek_and_decode(index, should_stop)

    def _seek_and_decode(self, index: int, should_stop: Callable[[], bool]) -> VideoFrame:
        table = self._table_now(should_stop)
        index = min(index, len(table) - 1)
        for timestamp in self._restart_points(table, index):
            if should_stop():
                raise SeekInterrupted
            self._decoder.restart(timestamp)
            self._decoder_next = None
            first = self._decode_one()
            if first is not None and (first.index <= index or timestamp is None):
                found = first if first.index >= index else self._decode_up_to(index, should_stop)
                if self._table is table:
                    return found or self._end_reached(first) or first
            # Else nothing decodes from here on, or leading pictures of an open group were dropped, or the index
            # pointed too late: further back.
            if self._table is None:
                return self._seek_and_decode(index, should_stop)
        raise self._nothing_decodes()

    def _restart_points(self, table: FrameTable, index: int) -> list[int | None]:
        """Time stamps to seek to, the most promising first; the last is the start of the file.

        MP4 and Matroska have an index of key frames by presentation time: FFmpeg finds the right one. The others are
        searched by decoding time, where the key frame's own leads to it.
        """
        if not table.is_timed:
            return [None]
        keys = table.keys_before(index)
        chosen = [int(k) for n, k in enumerate(keys) if n < 3 or n & (n - 1) == 0]
        names = self._decoder.container.format.name
        if "mp4" in names or "matroska" in names:
            return [int(table.pts[index]), *(int(table.key_pts[k]) for k in chosen), None]
        return [*(int(table.key_dts[k]) for k in chosen), None]

    def _decode_up_to(self, index: int, should_stop: Callable[[], bool]) -> VideoFrame | None:
        """Decode on until the frame with that index; the last before it where it is missing; None without any."""
        before: VideoFrame | None = None
        while True:
            if should_stop():
                raise SeekInterrupted
            raw = self._decoder.next()
            if raw is None:
                return self._end_reached(before)
            frame = self._accept(raw)
            if frame is None:
                return None
            if frame.index == index or (frame.index > index and before is None):
                return frame
            if frame.index > index:
                self._decoder.unread(raw)
                self._decoder_next = frame.index
                return before
            before = frame

    def _end_reached(self, last: VideoFrame | None) -> VideoFrame | None:
        """The file ended before its table did: remember where."""
        if last is not None and self._table is not None and last.index + 1 < len(self._table):
            self._table = self._table.cut(last.index + 1)
        return last

    def _decode_one(self) -> VideoFrame | None:
        raw = self._decoder.next()
        return None if raw is None else self._accept(raw)

    def _accept(self, raw: av.VideoFrame) -> VideoFrame | None:
        """Label, wrap and cache one decoded frame; None where it proves the table wrong."""
        label = self._label(raw)
        if label is None:
            return None
        self._decoded_any = True
        frame = self._wrap(raw, label)
        self._cache.put(frame)
        self._decoder_next = label + 1
        return frame

    def _label(self, raw: av.VideoFrame) -> int | None:
        table, pts = self._table, raw.pts
        assert pts is not None, "the decoder fills in missing time stamps"
        if table is None or not table.is_timed:
            # Counted from the start of the file: without a table nothing else has been done yet.
            return self._decoder.frames_out - 1
        label = table.label_of(pts)
        if label is not None:
            return label
        if table.is_exact:
            return table.index_at(pts)
        self._distrust_table()
        return None

    def _wrap(self, raw: av.VideoFrame, label: int) -> VideoFrame:
        return video_frame(
            raw,
            self._info,
            index=label,
            time_base=self._time_base,
            origin_s=self._origin_s,
            duration_s=self._duration_s(label, raw.pts or 0),
        )

    def _duration_s(self, label: int, pts: int) -> float:
        table = self._table
        if table is not None and label + 1 < len(table):
            following = int(table.pts[label + 1])
            if following > pts:
                return float((following - pts) * self._time_base)
        return float(self._step_ticks * self._time_base)

    def _nothing_decodes(self) -> MediaError:
        why = self._decoder.last_error or "no pictures in it"
        return MediaError(f"{self._path}: no picture of its {self._info.codec} stream could be decoded ({why})")
