"""Small decoded pictures for tests of what moves them about."""

from fractions import Fraction

import numpy as np

from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer

LAYOUT = PixelLayout(name="yuv420p", components="yuv", chroma_shift=(1, 1), bits=8)


def picture(index: int, *, fps: int = 25, size: tuple[int, int] = (16, 8), start_s: float = 0.0) -> VideoFrame:
    """The picture ``index`` of a clip with a constant rate; its luma holds the index."""
    width, height = size
    luma = np.full((height, width), index % 256, np.uint8)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return VideoFrame(
        index=index,
        pts=index,
        time_base=Fraction(1, fps),
        time_s=start_s + index / fps,
        duration_s=1 / fps,
        width=width,
        height=height,
        planes=(luma, chroma, chroma.copy()),
        layout=LAYOUT,
        matrix=Matrix.BT709,
        range=Range.LIMITED,
        transfer=Transfer.SDR,
    )
