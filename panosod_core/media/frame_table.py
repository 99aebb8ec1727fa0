"""Which picture is the how-manieth: the presentation times of all frames of a stream, without decoding.

Three ways lead to the table, tried in this order:

1. **Constant rate.** An unfragmented MP4/MOV lists every sample at open. Where their decoding times are evenly spaced
   and no edit list hides samples, the presentation times are the same comb, shifted to the stream's start. Free.
   The decoder checks every frame against it (:meth:`FrameTable.label_of`), and a frame between the teeth throws the
   table away in favour of a scan.
2. **Scan.** Everything else (variable rate, B-frames in Matroska, MPEG-TS and fragmented MP4, which have no index) is
   demuxed once from end to end without decoding, and the packets' presentation times are sorted. Exact; costs reading
   the file once, so it is done at the first seek, in steps that can be interrupted and resumed.
3. **Counting.** Where most packets carry no presentation times (bare H.264, AVI with B-frames), frame i is the i-th
   that comes out of the decoder, i nominal durations after the start, and every seek decodes from the start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from panosod_core.media.container import PacketSource, open_container

HEAD_PACKETS = 16
"""Among so many packets at the head of a file missing time stamps are supplied."""

SCAN_STEP_PACKETS = 64
"""Packets read between two looks at whether to stop."""


@dataclass(frozen=True, eq=False)
class FrameTable:
    """Presentation times of all frames, and where decoding can start.

    Attributes:
        pts: (N,) int64, strictly increasing, ticks of the stream.
        key_pts: (K,) int64, presentation times of the key frames, increasing.
        key_dts: (K,) int64, their decoding times (equal to ``key_pts`` where the file has none).
        tolerance: how far a decoded frame's pts may lie from its entry, ticks.
        time_tolerance: how far before its entry a frame counts as begun, ticks (rounding only).
        is_timed: False where frames carry no usable pts and are counted from the start.
        is_exact: False where the entries were derived from an even rate rather than read.
    """

    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]
    tolerance: float = 0.5
    time_tolerance: float = 0.01
    is_timed: bool = True
    is_exact: bool = True

    def __len__(self) -> int:
        return len(self.pts)

    def label_of(self, pts: int) -> int | None:
        """Index of the frame with that pts; None where no frame is expected there."""
        i = int(np.searchsorted(self.pts, pts - self.tolerance))
        return i if i < len(self.pts) and abs(int(self.pts[i]) - pts) <= self.tolerance else None

    def index_at(self, pts: float) -> int:
        """Index of the frame being shown at a time in ticks: the last that has begun; 0 before the first."""
        return max(int(np.searchsorted(self.pts, pts + self.time_tolerance, side="right")) - 1, 0)

    def keys_before(self, index: int) -> NDArray[np.int64]:
        """Positions in ``key_pts`` from which frame ``index`` can be reached, nearest first."""
        n = bisect_right(self.key_pts, int(self.pts[index]))
        return np.arange(n - 1, -1, -1)

    def is_key_between(self, first: int, last: int) -> bool:
        """Whether a key frame lies after frame ``first`` and not after frame ``last``."""
        low, high = np.searchsorted(self.key_pts, [self.pts[first], self.pts[last]], side="right")
        return bool(high > low)

    def cut(self, count: int) -> FrameTable:
        """The table of a file that ended early: the first ``count`` frames."""
        pts = self.pts[:count]
        keys = int(np.searchsorted(self.key_pts, pts[-1], side="right"))
        return replace(self, pts=pts, key_pts=self.key_pts[:keys], key_dts=self.key_dts[:keys])


def constant_rate_table(container: InputContainer, stream: VideoStream) -> FrameTable | None:
    """The table from the sample list of an MP4 or MOV with an even rate; None where there is no such list."""
    if "mp4" not in container.format.name or stream.frames < 2 or stream.start_time is None:
        return None
    entries = stream.index_entries
    if len(entries) != stream.frames:
        return None
    dts = np.empty(len(entries), np.int64)
    keys = []
    for i, entry in enumerate(entries):
        if entry.is_discard:
            return None
        dts[i] = entry.timestamp
        if entry.is_keyframe:
            keys.append(i)
    step = (dts[-1] - dts[0]) / (len(dts) - 1)
    if step <= 0 or np.abs(dts - (dts[0] + np.arange(len(dts)) * step)).max() > max(1.0, step / 64):
        return None
    pts = dts - dts[0] + stream.start_time
    key_indices = np.array(keys, np.int64)
    return FrameTable(
        pts,
        pts[key_indices],
        dts[key_indices],
        tolerance=max(0.5, step / 16),
        time_tolerance=min(1.0, step / 16),
        is_exact=False,
    )


@dataclass
class FrameScan:
    """A scan of all packets of a stream that can be interrupted and resumed."""

    path: Path
    stream_index: int
    nominal_step: Fraction
    trust_pts: bool = True
    table: FrameTable | None = None
    _times: list[int | None] = field(default_factory=list)
    _keys: list[tuple[int, int]] = field(default_factory=list)
    _packets: PacketSource[Stream] | None = None
    _container: InputContainer | None = None

    def run(self, should_stop: Callable[[], bool]) -> FrameTable | None:
        """Go on until the end of the file, or until ``should_stop`` says so; None where it stopped."""
        while self.table is None:
            if should_stop():
                return None
            if not self._read_some():
                self.table = self._finish()
        return self.table

    def close(self) -> None:
        """Let the file go; a later :meth:`run` starts again."""
        if self._container is not None:
            self._container.close()
        self._container, self._packets = None, None
        self._times, self._keys = [], []

    def _read_some(self) -> bool:
        if self._packets is None:
            self._container = open_container(self.path, stream_index=self.stream_index)
            stream = self._container.streams[self.stream_index]
            self._packets = PacketSource(self._container, stream)
        for _ in range(SCAN_STEP_PACKETS):
            packet = self._packets.next()
            if packet is None:
                return False  # the end, or damaged and cut from here on: what was read is the table
            if not packet.is_discard:
                self._take(packet)
        return True

    def _take(self, packet: av.Packet[Stream]) -> None:
        pts = packet.pts
        self._times.append(pts)
        if packet.is_keyframe and pts is not None:
            self._keys.append((pts, pts if packet.dts is None else packet.dts))

    def _finish(self) -> FrameTable:
        times = with_head_filled(self._times, self.nominal_step) if self.trust_pts else None
        if times is None:
            comb = [round(i * self.nominal_step) for i in range(len(self._times))]
            pts = np.array(comb, np.int64)
            table = FrameTable(pts, pts[:1], pts[:1], is_timed=False)
        else:
            pts = np.unique(np.array(times, np.int64))
            keys = np.array(sorted(self._keys) or [(int(p), int(p)) for p in pts[:1]], np.int64).reshape(-1, 2)
            table = FrameTable(pts, keys[:, 0], keys[:, 1])
        self.close()
        return table


def with_head_filled(times: list[int | None], step: Fraction) -> list[int] | None:
    """Presentation times with those missing among the first packets supplied; None where most are missing.

    B-frames are stored after what follows them, so a missing time may belong into a hole between the next known ones;
    what finds no hole lies before them all. The decoder's own filling gives the same. A single packet without a time
    later on (damage) has no entry.
    """
    known = [t for t in times if t is not None]
    missing = sum(t is None for t in times[:HEAD_PACKETS])
    if 2 * len(known) < len(times) or not known:
        return None
    filled = sorted(known)
    head = filled[:HEAD_PACKETS]
    for before, after in pairwise(head):
        for k in range(1, round((after - before) / step)):
            if missing:
                filled.append(round(before + k * step))
                missing -= 1
    return filled + [round(head[0] - (k + 1) * step) for k in range(missing)]
