"""Peaks of a clip's sound for the seek bar, growing while it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.media.audio import AudioReader
from panosod_core.media.info import AudioInfo

PEAKS_HZ = 100
"""Peaks kept a second, from which the buckets are made."""

CHUNK_S = 2.0
"""Sound read between two summaries: so long does a caller wait for a chance to stop."""


@dataclass(frozen=True, eq=False)
class WaveformSummary:
    """Lowest and highest sample of the first channel (W, left or mono) in equal parts of the clip.

    Attributes:
        min, max: (buckets,) float32, full scale 1.0; 0 where there is no sound (yet).
        duration_s: what the buckets cover: from the clip clock's zero to the end of the sound, or longer.
        read_s: how far the sound has been read.
        is_complete: True for the last summary.
    """

    min: NDArray[np.float32]
    max: NDArray[np.float32]
    duration_s: float
    read_s: float
    is_complete: bool


def waveform(
    path: Path,
    audio: AudioInfo,
    *,
    buckets: int,
    duration_s: float | None = None,
    clock_origin_s: float = 0.0,
) -> Iterator[WaveformSummary]:
    """Read all sound of a clip and summarise it, again and again: stop iterating to stop the work.

    Args:
        path: the clip.
        audio: its sound stream, as probed.
        buckets: number of equal parts.
        duration_s: what the buckets shall cover at least, as the seek bar does; None for the sound's own length.
        clock_origin_s: zero of the clip's clock on the container's.

    Yields:
        A summary every two seconds of sound, the last of them complete.

    Raises:
        ValueError: fewer than one bucket.
        MediaError: no sound can be decoded.
    """
    if buckets < 1:
        raise ValueError(f"buckets must be at least 1, got {buckets}")
    expected_s = max(duration_s or 0.0, audio.duration_s or 0.0)
    lows: list[NDArray[np.float32]] = []
    highs: list[NDArray[np.float32]] = []
    with AudioReader(path, audio, out_rate_hz=audio.sample_rate_hz, clock_origin_s=clock_origin_s) as reader:
        size = max(reader.out_rate_hz // PEAKS_HZ, 1)
        step_s = size / reader.out_rate_hz
        wanted = round(CHUNK_S / step_s) * size
        while True:
            samples = reader.read(wanted)[0]
            if len(samples):
                starts = np.arange(0, len(samples), size)
                lows.append(np.minimum.reduceat(samples, starts))
                highs.append(np.maximum.reduceat(samples, starts))
            is_complete = len(samples) < wanted
            read_s = reader.position_s
            total_s = max(read_s, duration_s or 0.0) if is_complete else max(read_s, expected_s)
            yield WaveformSummary(
                _spread(lows, np.minimum, buckets=buckets, step_s=step_s, total_s=total_s),
                _spread(highs, np.maximum, buckets=buckets, step_s=step_s, total_s=total_s),
                total_s,
                read_s,
                is_complete,
            )
            if is_complete:
                return


def _spread(
    peaks: list[NDArray[np.float32]], extreme: np.ufunc, *, buckets: int, step_s: float, total_s: float
) -> NDArray[np.float32]:
    """Peaks of ``step_s`` each, gathered into buckets of ``total_s / buckets``."""
    summary = np.zeros(buckets, np.float32)
    if not peaks or total_s <= 0:
        return summary
    fine = np.concatenate(peaks)
    expected = total_s / step_s
    # Where two buckets start at the same peak, reduceat gives that peak to both.
    starts = np.floor(np.arange(buckets) * expected / buckets + 1e-6).astype(np.int64)
    starts = starts[starts < len(fine)]
    summary[: len(starts)] = extreme.reduceat(fine, starts)
    return summary
