"""Packets in, blocks of samples out, each with its exact place on the container's clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from panosod_core.errors import MediaError
from panosod_core.media.channel_layout import make_decodable
from panosod_core.media.container import PacketSource, open_container, reason
from panosod_core.media.sound_planes import SoundPlanes

JITTER_S = 0.02
"""Time stamps that stray less than this from the count of samples are rounding (Matroska: 1 ms), not gaps."""

GAP_LIMIT_S = 3600.0
"""A longer gap is a damaged time stamp, and the count of samples goes on."""

LEARN_BLOCKS = 4


@dataclass(frozen=True, eq=False)
class SoundBlock:
    """Decoded sound.

    Attributes:
        start: place of the first sample on the container's clock, samples.
        samples: (channels, n) float32, channels as the decoder numbers them.
    """

    start: int
    samples: NDArray[np.float32]

    @property
    def end(self) -> int:
        """Place after the last sample."""
        return self.start + int(self.samples.shape[1])


class SoundDecoder:
    """Decodes one sound stream forwards from wherever it was restarted. Not thread-safe.

    Places are counted in samples. After a seek the count starts from a packet's time stamp; where the container's
    ticks are too coarse for single samples, the place is taken from the comb of equal packets that the start of the
    file shows (AAC: 1024 samples), so that it is the same as when reading from the start.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        """Open the file and decode the first blocks, which tell the true rate and the size of packets.

        Raises:
            MediaError: the file cannot be opened, or no sound in it can be decoded.
        """
        self._path = path
        self._stream_index = stream_index
        self.last_error = ""
        self._grid: tuple[int, int] | None = None
        self._rate_known = False
        self._open()
        self.rate_hz = self._stream.codec_context.sample_rate
        learned = [block for _ in range(LEARN_BLOCKS) if (block := self._decode_next()) is not None]
        if not learned:
            why = self.last_error or "no packets in it"
            name = self._stream.codec_context.name
            self.close()
            raise MediaError(f"{path}: no sound of its {name} stream could be decoded ({why})")
        sizes = {block.samples.shape[1] for block in learned[1:]}
        # Vorbis has blocks of two sizes in any order: the first few may be equal by accident.
        is_regular = self._stream.codec_context.name != "vorbis"
        if is_regular and len(learned) == LEARN_BLOCKS and len(sizes) == 1:
            self._grid = (learned[0].end, sizes.pop())
        self._ready.extend(learned)
        self._is_fresh = True

    def _open(self) -> None:
        self._container = open_container(self._path, stream_index=self._stream_index)
        stream = self._container.streams[self._stream_index]
        if not isinstance(stream, AudioStream) or stream.time_base is None:
            self._container.close()
            raise MediaError(f"{self._path}: stream {self._stream_index} was expected to be sound, it is {stream.type}")
        make_decodable(stream.codec_context)
        self._stream = stream
        self._time_base: Fraction = stream.time_base
        self._reset()

    def _reset(self) -> None:
        self._planes = SoundPlanes()
        self._packets = PacketSource(self._container, self._stream)
        self._ready: deque[SoundBlock] = deque()
        self._frames: deque[av.AudioFrame] = deque()
        self._expected: int | None = None
        self._ended = False
        self._is_fresh = False

    def close(self) -> None:
        """Let the file and the decoder go. Nothing else may be called after it."""
        if hasattr(self, "_container"):
            self._container.close()
            self._frames.clear()
            self._ready.clear()
            del self._packets, self._stream, self._container

    def restart(self, place: int | None) -> bool:
        """Go on at the last packet before a place on the container's clock (samples); None: the first packet.

        Returns:
            False where it starts at the very first packet, so that nothing earlier can be had.
        """
        if place is not None:
            try:
                ticks = int(Fraction(place, self.rate_hz) / self._time_base)
                self._container.seek(ticks, stream=self._stream, backward=True)
            except av.FFmpegError:
                place = None  # before the first packet, or a container that cannot seek: from the start
        if place is None:
            if not self._is_fresh:
                self._container.close()
                self._open()
            return False
        self._stream.codec_context.flush_buffers()
        self._reset()
        return True

    def next(self) -> SoundBlock | None:
        """The next block; None at the end (or where the file breaks off)."""
        self._is_fresh = False
        return self._ready.popleft() if self._ready else self._decode_next()

    def _decode_next(self) -> SoundBlock | None:
        while not self._frames:
            if self._ended:
                return None
            self._feed()
        frame = self._frames.popleft()
        if not self._rate_known:
            # The header's is wrong for AAC with implicit band replication.
            self.rate_hz, self._rate_known = frame.sample_rate, True
        if frame.sample_rate != self.rate_hz:
            raise MediaError(
                f"{self._path}: its sound changes from {self.rate_hz} Hz to {frame.sample_rate} Hz midway, "
                "which cannot be played; convert it to one rate"
            )
        samples = self._planes.of(frame)
        block = SoundBlock(self._place(frame), samples)
        self._expected = block.end
        return block

    def _feed(self) -> None:
        packet = self._packets.next()
        self.last_error = self._packets.error or self.last_error
        try:
            self._frames.extend(self._stream.codec_context.decode(packet))
        except (av.FFmpegError, ValueError) as error:
            # One damaged packet must not end the sound: the next time stamp shows how long the gap is.
            self.last_error = reason(error)
        self._ended = packet is None

    def _place(self, frame: av.AudioFrame) -> int:
        if frame.pts is None:
            return self._expected or 0
        by_stamp = frame.pts * self._time_base * self.rate_hz
        if self._expected is None:
            return self._on_grid(by_stamp)
        stray = by_stamp - self._expected
        is_rounding = abs(stray) <= JITTER_S * self.rate_hz
        return self._expected if is_rounding or stray > GAP_LIMIT_S * self.rate_hz else round(by_stamp)

    def _on_grid(self, by_stamp: Fraction) -> int:
        if self._grid is not None:
            origin, size = self._grid
            nearest = origin + round((by_stamp - origin) / size) * size
            if abs(nearest - by_stamp) <= max(self._time_base * self.rate_hz, Fraction(1)):
                return nearest
        return round(by_stamp)
