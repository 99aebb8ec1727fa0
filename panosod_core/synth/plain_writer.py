"""A clip without spherical metadata: H.264 and lossless four-channel sound."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray


class PlainWriter:
    """Writes pictures and sound into one file."""

    def __init__(self, path: Path, *, width: int, height: int, fps: Fraction, rate_hz: int) -> None:
        self._container = av.open(str(path), "w", options={"movflags": "faststart"})
        self._video = self._container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "18"})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._audio = self._container.add_stream("flac", rate=rate_hz, layout="4.0", format="s16")
        self._rate_hz = rate_hz
        self._samples = 0

    def __enter__(self) -> "PlainWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for stream in (self._video, self._audio):
                self._container.mux(stream.encode(None))
        self._container.close()

    def write_picture(self, rgb: NDArray[np.uint8]) -> None:
        """One picture, (H, W, 3)."""
        self._container.mux(self._video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))

    def write_sound(self, field: NDArray[np.float32]) -> None:
        """Some samples, (4, n)."""
        if not field.shape[1]:
            return
        packed = np.round(np.clip(field.T, -1, 1) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="4.0")
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._samples, Fraction(1, self._rate_hz)
        self._samples += field.shape[1]
        self._container.mux(self._audio.encode(frame))
