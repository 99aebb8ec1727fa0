"""A decoded picture as the renderer takes it: planes as they lie in the decoder's memory, never RGB."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.media.info import Matrix, Range, Transfer

PlaneArray: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class PixelLayout:
    """How the samples of a picture are stored.

    Attributes:
        name: FFmpeg's name, e.g. "yuv420p10le".
        components: planes as stored: "y" (grey), "yuv" (three planes), "y+uv" (NV12, P010: chroma interleaved),
            "gbr" (planar RGB).
        chroma_shift: log2 of the horizontal and vertical chroma subsampling: (1, 1) for 4:2:0.
        bits: significant bits of a sample.
        msb_aligned: samples fill the high bits of 16 (P010, P016) rather than the low ones (yuv420p10).
    """

    name: str
    components: str
    chroma_shift: tuple[int, int]
    bits: int
    msb_aligned: bool = False


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One picture, identified by stream, index **and** pts. Holds the decoder's buffer alive; treat as read-only.

    Attributes:
        index: position in presentation order, 0 for the first frame of the stream.
        pts: presentation time stamp in ticks of ``time_base``, made continuous where the file lacks it.
        time_base: seconds a tick.
        time_s: seconds on the clip's clock (0 = the earliest start of picture or sound).
        duration_s: seconds until the next frame (the nominal duration where it is not known).
        width, height: of the luma plane, pixels.
        planes: each (rows, row_length) of uint8, or uint16 above 8 bits. ``row_length`` may exceed the visible width
            (decoder padding): upload with GL_UNPACK_ROW_LENGTH. For "y+uv" the second plane's rows hold u, v pairs.
        layout: what the planes are.
        matrix, range, transfer: colour of this frame.
        owner: whatever owns the memory (an ``av.VideoFrame``), or None where numpy does.
    """

    index: int
    pts: int
    time_base: Fraction
    time_s: float
    duration_s: float
    width: int
    height: int
    planes: tuple[PlaneArray, ...]
    layout: PixelLayout
    matrix: Matrix
    range: Range
    transfer: Transfer
    owner: Any = None
