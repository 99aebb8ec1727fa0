"""Decoded sound as numpy arrays, channel by channel as the decoder numbers them.

PyAV 18.1 counts the planes of a planar frame by looking for a null pointer, which FFmpeg does not promise. With eight
channels or more it reads past the end of the pointer list: ``AudioFrame.planes`` then has planes that do not exist, and
``to_ndarray()``, which touches them all, crashes the process (seen with Vorbis 7.1, and Opus of 8, 9, 11, 16 and 18
channels). Such frames are therefore interleaved by FFmpeg first, with rate and layout left as they are, so that
nothing is mixed or moved; their one plane is safe to read.
"""

import av
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import MediaError

SAFE_PLANES = 7
"""So many plane pointers are followed by a null pointer in every AVFrame (it has room for eight)."""

_INTEGER_ZERO_AND_SCALE = {"u8": (128.0, 2.0**-7), "s16": (0.0, 2.0**-15), "s32": (0.0, 2.0**-31)}
_DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}


class SoundPlanes:
    """Turns decoded frames into float32 arrays; keeps the interleaver for planar frames of many channels."""

    def __init__(self) -> None:
        self._interleaver: av.AudioResampler | None = None
        self._made_for: tuple[str, str, int] | None = None

    def of(self, frame: av.AudioFrame) -> NDArray[np.float32]:
        """All channels of a frame.

        Returns:
            (channels, samples) float32, full scale 1.0, a copy; samples that are no number become 0.

        Raises:
            MediaError: a sample format that is not known.
        """
        channels = frame.layout.nb_channels
        if frame.format.is_planar and channels > SAFE_PLANES:
            parts = [self._packed(part, channels) for part in self._interleave(frame)]
            samples = np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), np.float32)
        elif frame.format.is_planar:
            rows = [_as_float(_plane(frame, i, frame.samples), frame.format.name) for i in range(channels)]
            samples = np.stack(rows)
        else:
            samples = self._packed(frame, channels)
        return samples if np.isfinite(samples).all() else np.nan_to_num(samples, posinf=0.0, neginf=0.0)

    def _interleave(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._interleaver is None or form != self._made_for:
            packed = frame.format.packed.name
            self._interleaver = av.AudioResampler(format=packed, layout=frame.layout, rate=frame.sample_rate)
            self._made_for = form
        return self._interleaver.resample(frame)

    @staticmethod
    def _packed(frame: av.AudioFrame, channels: int) -> NDArray[np.float32]:
        interleaved = _as_float(_plane(frame, 0, frame.samples * channels), frame.format.name)
        return np.ascontiguousarray(interleaved.reshape(-1, channels).T)


def _plane(frame: av.AudioFrame, index: int, count: int) -> NDArray[np.generic]:
    dtype = _DTYPES.get(frame.format.packed.name)
    if dtype is None:
        raise MediaError(f"sound in the sample format {frame.format.name} cannot be read (expected integers or floats)")
    return np.frombuffer(memoryview(frame.planes[index]), dtype, count=count)


def _as_float(samples: NDArray[np.generic], format_name: str) -> NDArray[np.float32]:
    kind = format_name.removesuffix("p")
    if kind in ("flt", "dbl"):
        return samples.astype(np.float32)
    if kind == "s64":
        return (samples.astype(np.float64) * 2.0**-63).astype(np.float32)
    zero, scale = _INTEGER_ZERO_AND_SCALE[kind]
    return ((samples.astype(np.float64) - zero) * scale).astype(np.float32)
