"""Reading sound: from any sample on, in the one form used inside (float32, ACN order, SN3D), at the rate asked for."""

from __future__ import annotations

from collections import deque
from math import gcd
from pathlib import Path
from types import TracebackType

import numpy as np
import soxr
from numpy.typing import NDArray

from panosod_core.ambisonics.format import AmbisonicConvention, AmbisonicFormat
from panosod_core.errors import MediaError
from panosod_core.media.info import AudioInfo
from panosod_core.media.sound_decoder import SoundBlock, SoundDecoder

PREROLL_S = 0.24
"""Decoded and thrown away before the wanted sample: AAC needs 2 frames, Opus 80 ms (RFC 7845), SBR a few frames."""

RESAMPLER_LEAD_S = 0.03
"""Fed to the resampler before the wanted sample, so that its filter has its history."""

SILENCE_CHUNK = 1 << 16
"""Largest piece of silence made at once where time stamps leave a gap, samples."""


def output_matrix(audio: AudioInfo) -> NDArray[np.float32]:
    """(rows out, len(channel_map)): from the mapped channels to ACN/SN3D, then L, R where they are head-locked.

    Raises:
        ValueError: a channel map whose length does not fit the format.
    """
    if not audio.format.is_ambisonic:
        return np.eye(len(audio.channel_map), dtype=np.float32)
    form = AmbisonicFormat(audio.order or 0, AmbisonicConvention(audio.format.value))
    count = form.channels + (2 if audio.head_locked else 0)
    if len(audio.channel_map) != count:
        raise ValueError(f"{audio.format} of order {audio.order} needs {count} channels, got {audio.channel_map}")
    matrix = np.eye(count, dtype=np.float32)
    matrix[: form.channels, : form.channels] = form.to_ambix()
    return matrix


class AudioReader:
    """Decodes one sound stream into (channels, n) float32 blocks of any length, from any sample on.

    Sample k of the output lies at k / out_rate_hz on the clip's clock. Where the sound starts later, or its time
    stamps leave a gap, there is silence; where packets overlap, the first to come is kept. Channels are taken by their
    number; nothing here mixes, and only :meth:`AmbisonicFormat.to_ambix` weighs. Not thread-safe.
    """

    def __init__(self, path: Path, audio: AudioInfo, *, out_rate_hz: int = 48000, clock_origin_s: float = 0.0) -> None:
        """Open the clip at second 0 of its clock.

        Args:
            path: the clip.
            audio: its sound stream, as probed or chosen.
            out_rate_hz: rate of what :meth:`read` gives.
            clock_origin_s: zero of the clip's clock on the container's (:func:`clip_origin_s`).

        Raises:
            MediaError: the file cannot be opened or no sound in it can be decoded.
        """
        self._path = path
        self._info = audio
        self._map = np.array(audio.channel_map, np.int64)
        self._matrix = output_matrix(audio)
        self._is_plain = bool(np.array_equal(self._matrix, np.eye(len(self._matrix), dtype=np.float32)))
        self._out_hz = out_rate_hz
        self._decoder = SoundDecoder(path, audio.stream_index)
        self._origin = round(clock_origin_s * self.in_rate_hz)
        self._resampler: soxr.ResampleStream | None = None
        self._queue: deque[NDArray[np.float32]] = deque()
        self._position = 0
        self.seek(0.0)

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def info(self) -> AudioInfo:
        """What was probed or chosen."""
        return self._info

    @property
    def channels(self) -> int:
        """Rows of what :meth:`read` gives."""
        return len(self._matrix)

    @property
    def in_rate_hz(self) -> int:
        """Rate of the decoded track."""
        return self._decoder.rate_hz

    @property
    def out_rate_hz(self) -> int:
        """Rate of what :meth:`read` gives."""
        return self._out_hz

    @property
    def position_s(self) -> float:
        """Time of the sample that :meth:`read` gives next, on the clip's clock."""
        return self._position / self._out_hz

    def close(self) -> None:
        """Let the file go."""
        self._decoder.close()
        self._queue.clear()

    def seek(self, t_s: float) -> None:
        """Go to the sample nearest to a time on the clip's clock; before the sound starts there is silence."""
        self._position = round(t_s * self._out_hz)
        self._queue.clear()
        self._ended = False
        source, drop = self._source_of(self._position)
        self._drop = drop
        self._next_source = source
        if self._out_hz != self.in_rate_hz:
            self._resampler = soxr.ResampleStream(
                self.in_rate_hz, self._out_hz, self.channels, dtype="float32", quality="HQ"
            )
        self._find(source)

    def read(self, n: int) -> NDArray[np.float32]:
        """The next n samples.

        Returns:
            (channels, n) float32; shorter at the end of the sound, then (channels, 0).
        """
        parts: list[NDArray[np.float32]] = []
        missing = n
        while missing > 0:
            if not self._queue:
                if self._ended:
                    break
                self._fill()
                continue
            part = self._queue.popleft()
            if part.shape[1] > missing:
                self._queue.appendleft(part[:, missing:])
                part = part[:, :missing]
            missing -= part.shape[1]
            parts.append(part)
        self._position += n - missing
        return np.concatenate(parts, axis=1) if parts else np.zeros((self.channels, 0), np.float32)

    def _source_of(self, position: int) -> tuple[int, int]:
        """Source sample on the container's clock to start from, and output samples to drop, to arrive at a position.

        With rate conversion the start is one where both rates have a sample at the same instant.
        """
        if self._out_hz == self.in_rate_hz:
            return position + self._origin, 0
        common = gcd(self._out_hz, self.in_rate_hz)
        up, down = self._out_hz // common, self.in_rate_hz // common
        lead = round(RESAMPLER_LEAD_S * self._out_hz)
        steps = (position - lead) // up
        return steps * down + self._origin, position - steps * up

    def _find(self, source: int) -> None:
        """Restart the decoder early enough that its block at ``source`` is settled, however far back that is."""
        back = round(PREROLL_S * self.in_rate_hz)
        start = self._start_place()
        while True:
            early = self._decoder.restart(source - back if source - back > start else None)
            block = self._decoder.next()
            if block is None and early:
                self._pending: SoundBlock | None = None
                break
            if block is None or not early or block.start <= source - back // 2:
                self._pending = block
                break
            back *= 4

    def _start_place(self) -> int:
        start_s = self._info.start_s
        return round(start_s * self.in_rate_hz) if start_s is not None else 0

    def _fill(self) -> None:
        """Queue one more piece of converted sound, or mark the end."""
        piece = self._next_piece()
        if self._resampler is not None:
            last = piece is None
            rows = np.zeros((0, self.channels), np.float32) if piece is None else np.ascontiguousarray(piece.T)
            piece = np.ascontiguousarray(self._resampler.resample_chunk(rows, last=last).T)
            self._ended = last
        elif piece is None:
            self._ended = True
            return
        if self._drop:
            dropped = min(self._drop, piece.shape[1])
            self._drop -= dropped
            piece = piece[:, dropped:]
        if piece.shape[1]:
            self._queue.append(piece)

    def _next_piece(self) -> NDArray[np.float32] | None:
        """Sound that follows without gap or overlap on what was given before, at the source's rate."""
        while True:
            block = self._pending
            if block is None:
                return None
            gap = block.start - self._next_source
            if gap > 0:
                count = min(gap, SILENCE_CHUNK)
                self._next_source += count
                return np.zeros((self.channels, count), np.float32)
            self._pending = self._decoder.next()
            fresh = block.samples[:, -gap:] if gap else block.samples
            if fresh.shape[1]:
                self._next_source += fresh.shape[1]
                return self._converted(fresh)

    def _converted(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        decoded = samples.shape[0]
        if decoded <= int(self._map.max()):
            if self._info.format.is_ambisonic:
                raise MediaError(
                    f"{self._path}: expected {self._info.channels} channels of sound, its decoder gives {decoded}"
                )
            samples = samples[np.minimum(self._map, decoded - 1)]  # mono for a while in a stereo track: on both sides
        else:
            samples = samples[self._map]
        return samples if self._is_plain else self._matrix @ samples
