"""Sound in which every channel is known from every other, and every sample from every other."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000


def tone_hz(channel: int) -> float:
    """Frequency of the tone that a channel carries."""
    return 300.0 + 170.0 * channel


def tones(channels: int, samples: int, *, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """(channels, samples): a steady tone in each channel."""
    t = np.arange(samples) / rate_hz
    return np.stack([0.3 * np.sin(2 * np.pi * tone_hz(c) * t) for c in range(channels)]).astype(np.float32)


def tone_order(sound: NDArray[np.float32], *, rate_hz: int = RATE_HZ) -> list[int]:
    """Which channel's tone each row carries; -1 for silence."""
    n = sound.shape[1]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(n), axis=1))
    peak_hz = spectrum.argmax(axis=1) * rate_hz / n
    order = np.round((peak_hz - tone_hz(0)) / (tone_hz(1) - tone_hz(0))).astype(int)
    return [int(o) if level.max() > n / 100 else -1 for o, level in zip(order, spectrum, strict=True)]


def noise(channels: int, samples: int, *, seed: int = 0) -> NDArray[np.float32]:
    """(channels, samples): smooth noise, so that lossy codecs keep its shape and no two moments are alike."""
    white = np.random.default_rng(seed).standard_normal((channels, samples + 63))
    window = np.hanning(66)[1:-1]
    smooth = np.stack([np.convolve(row, window / window.sum(), "valid") for row in white])
    return (0.2 * smooth / smooth.std()).astype(np.float32)[:, :samples]


def write_packets(
    path: Path,
    sound: NDArray[np.float32],
    *,
    codec: str,
    layout: str,
    starts: list[int],
    block: int,
    rate_hz: int = RATE_HZ,
) -> Path:
    """Encode blocks of sound at chosen places: gaps and overlaps where the starts say so.

    Args:
        path: the file.
        sound: (channels, len(starts) * block).
        codec: a codec without delay (PCM, FLAC).
        layout: FFmpeg's name.
        starts: place of each block, samples.
        block: samples a block.
        rate_hz: of the sound.
    """
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate_hz, layout=layout)
        stream.codec_context.time_base = Fraction(1, rate_hz)
        for i, start in enumerate(starts):
            part = np.ascontiguousarray(sound[:, i * block : (i + 1) * block].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
