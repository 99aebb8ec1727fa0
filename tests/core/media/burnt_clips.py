"""Small clips whose every picture carries its own number in its luma, and infos of them read by FFmpeg alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from panosod_core.geometry.picture import PictureProjection, StereoMode
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer, VideoInfo

BITS = 10
WIDTH, HEIGHT = 320, 160


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height * 3 / 2, width) uint8, yuv420p as PyAV takes it: BITS columns, bright where the bit is set."""
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    column = width // BITS
    for bit in range(BITS):
        picture[:height, bit * column : (bit + 1) * column] = 200 if number >> bit & 1 else 50
    # Something that moves, so that B-frames and motion vectors are worth their while.
    x = (number * 7) % (width - 16)
    picture[height // 2 : height // 2 + 16, x : x + 16] = 128
    return picture


def number_in(frame: VideoFrame) -> int:
    """The number that a picture carries, from the upper third of its luma."""
    luma = frame.planes[0][: frame.height // 3, : frame.width].astype(np.float64)
    top = 2.0**16 if frame.layout.msb_aligned else 2.0**frame.layout.bits
    column = frame.width // BITS
    means = [luma[:, b * column + column // 4 : (b + 1) * column - column // 4].mean() / top for b in range(BITS)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 0.5)


@dataclass(frozen=True)
class Recipe:
    """How to make a numbered clip."""

    name: str
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    container: Mapping[str, str] = field(default_factory=dict)
    frames: int = 60
    fps: int = 30
    time_base: Fraction | None = None
    times: Callable[[int], int] | None = None

    def write(self, folder: Path) -> Path:
        """Encode the clip into a folder."""
        path = folder / self.name
        with av.open(str(path), "w", options=dict(self.container)) as out:
            stream = out.add_stream(self.codec, rate=self.fps)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, self.pix_fmt
            stream.options = dict(self.options)
            time_base = self.time_base or Fraction(1, self.fps)
            stream.codec_context.time_base = time_base
            for i in range(self.frames):
                frame = av.VideoFrame.from_ndarray(numbered_picture(i), "yuv420p")
                if self.pix_fmt != "yuv420p":
                    frame = frame.reformat(format=self.pix_fmt)
                frame.pts = self.times(i) if self.times else i
                frame.time_base = time_base
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path

    def time_s(self, i: int) -> float:
        """Presentation time of frame i after the first, seconds."""
        if self.times is None:
            return i / self.fps
        assert self.time_base is not None
        return float((self.times(i) - self.times(0)) * self.time_base)


def video_info(path: Path) -> VideoInfo:
    """What FFmpeg's headers say, nothing resolved."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        return VideoInfo(
            stream_index=stream.index,
            codec=context.name,
            width=context.width,
            height=context.height,
            fps=stream.average_rate,
            is_vfr=None,
            pix_fmt=context.pix_fmt or "",
            range=Range.LIMITED,
            matrix=Matrix.BT709,
            transfer=Transfer.SDR,
            projection=PictureProjection.FLAT,
            stereo=StereoMode.MONO,
            source="test",
            time_base=stream.time_base,
            start_pts=stream.start_time,
        )


def origin_s(info: VideoInfo) -> float:
    """The picture's start on the container's clock."""
    return float((info.start_pts or 0) * info.time_base)
