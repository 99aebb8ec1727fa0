"""From FFmpeg's picture formats to planes as they lie in memory.

Planar YCbCr of 8 to 16 bits, NV12 and its deeper kin, grey and planar RGB are viewed where they lie, without a copy;
an alpha plane is left out. Everything else (palettes, packed RGB, packed YCbCr, big-endian samples, NV21) goes through
one conversion by swscale: RGB to ``gbrp``, YCbCr to the planar format of the same subsampling and depth.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

import av
import numpy as np
from av.video.format import VideoFormat

from panosod_core.errors import MediaError
from panosod_core.media.frame import PixelLayout, PlaneArray, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer, VideoInfo

_SUBSAMPLING = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
_DEPTHS = (9, 10, 12, 14, 16)


def _layouts() -> dict[str, PixelLayout]:
    """All formats that are viewed without a conversion, by FFmpeg's name."""
    found: list[PixelLayout] = []
    for digits, shift in _SUBSAMPLING.items():
        names = [(f"yuv{digits}p", 8), (f"yuvj{digits}p", 8), (f"yuva{digits}p", 8)]
        names += [(f"yuv{alpha}{digits}p{bits}le", bits) for bits in _DEPTHS for alpha in ("", "a")]
        found += [PixelLayout(name, "yuv", shift, bits) for name, bits in names]
    for alpha in ("", "a"):
        found += [PixelLayout(f"gbr{alpha}p", "gbr", (0, 0), 8)]
        found += [PixelLayout(f"gbr{alpha}p{bits}le", "gbr", (0, 0), bits) for bits in _DEPTHS]
    found += [PixelLayout("gray", "y", (0, 0), 8)]
    found += [PixelLayout(f"gray{bits}le", "y", (0, 0), bits) for bits in _DEPTHS]
    for family, shift in (("0", (1, 1)), ("2", (1, 0)), ("4", (0, 0))):
        nv = {"0": "nv12", "2": "nv16", "4": "nv24"}[family]
        found += [PixelLayout(nv, "y+uv", shift, 8)]
        found += [PixelLayout(f"p{family}{bits}le", "y+uv", shift, bits, msb_aligned=True) for bits in (10, 12, 16)]
    return {layout.name: layout for layout in found if _is_known(layout.name)}


def _is_known(pix_fmt: str) -> bool:
    """Whether the FFmpeg inside PyAV has a format of that name (not every depth exists for every subsampling)."""
    try:
        VideoFormat(pix_fmt)
    except ValueError:
        return False
    return True


LAYOUTS = _layouts()
"""FFmpeg's name -> layout, for every format that is viewed without a conversion."""


@dataclass(frozen=True)
class Picture:
    """The planes of one decoded picture and whatever keeps their memory alive."""

    planes: tuple[PlaneArray, ...]
    layout: PixelLayout
    owner: av.VideoFrame


@lru_cache(maxsize=64)
def conversion_target(pix_fmt: str) -> str:
    """The planar format that a format outside :data:`LAYOUTS` is converted to.

    >>> conversion_target("rgb24"), conversion_target("yuyv422"), conversion_target("yuv420p10be")
    ('gbrp', 'yuv422p', 'yuv420p10le')
    """
    fmt = VideoFormat(pix_fmt)
    bits = max(component.bits for component in fmt.components)
    depth = next((d for d in (8, 10, 12, 16) if d >= bits), 16)
    suffix = "" if depth == 8 else f"{depth}le"
    if fmt.is_rgb or fmt.has_palette or pix_fmt in ("monow", "monob", "xyz12le", "xyz12be"):
        return f"gbrp{suffix}"
    if len(fmt.components) < 3:
        return f"gray{suffix}"
    # The chroma of a 16 x 16 picture tells the subsampling, however the samples are packed.
    small = VideoFormat(pix_fmt, 16, 16).components[1]
    shift = (16 // small.width).bit_length() - 1, (16 // small.height).bit_length() - 1
    digits = next((name for name, s in _SUBSAMPLING.items() if s == shift), "444")
    return f"yuv{digits}p{suffix}" if f"yuv{digits}p{suffix}" in LAYOUTS else f"yuv444p{suffix}"


def picture_of(frame: av.VideoFrame) -> Picture:
    """View the planes of a decoded frame, after the one documented conversion where the format needs it.

    Raises:
        MediaError: a format that not even swscale can convert.
    """
    layout = LAYOUTS.get(frame.format.name)
    if layout is None:
        target = conversion_target(frame.format.name)
        try:
            converted = frame.reformat(format=target)
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(f"pictures in the format {frame.format.name} cannot be shown ({error})") from error
        frame, layout = converted, LAYOUTS[target]
    count = {"y": 1, "y+uv": 2}.get(layout.components, 3)
    dtype = np.dtype(np.uint8 if layout.bits == 8 else np.uint16)
    planes = []
    for plane in frame.planes[:count]:
        samples = np.frombuffer(cast(Any, plane), dtype)  # PyAV's types leave out the buffer protocol
        planes.append(samples.reshape(plane.height, plane.line_size // dtype.itemsize))
    return Picture(tuple(planes), layout, frame)


# Numbers of ISO/IEC 23091-2 (H.273), as FFmpeg keeps them.
_MATRICES = {0: Matrix.RGB, 1: Matrix.BT709, 5: Matrix.BT601, 6: Matrix.BT601, 9: Matrix.BT2020, 10: Matrix.BT2020}
_TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
_UNSPECIFIED_TRANSFERS = (0, 2, 3)


def colour_of(
    frame: av.VideoFrame, layout: PixelLayout, *, matrix: Matrix, colour_range: Range, transfer: Transfer
) -> tuple[Matrix, Range, Transfer]:
    """Colour of one frame: what the frame says, and the stream's resolved values where it is silent."""
    if layout.components == "gbr":
        return Matrix.RGB, Range.LIMITED if int(frame.color_range) == 1 else Range.FULL, transfer
    said = _MATRICES.get(int(frame.colorspace), matrix)
    found_matrix = matrix if said is Matrix.RGB else said
    if layout.name.startswith("yuvj") or int(frame.color_range) == 2:
        found_range = Range.FULL
    else:
        found_range = Range.LIMITED if int(frame.color_range) == 1 else colour_range
    trc = int(frame.color_trc)
    found_transfer = transfer if trc in _UNSPECIFIED_TRANSFERS else _TRANSFERS.get(trc, Transfer.SDR)
    return found_matrix, found_range, found_transfer


def video_frame(
    raw: av.VideoFrame, info: VideoInfo, *, index: int, time_base: Fraction, origin_s: float, duration_s: float
) -> VideoFrame:
    """A decoded frame as the rest of the program takes it.

    Args:
        raw: with a pts.
        info: the stream; its colour counts where the frame is silent.
        index: place in presentation order.
        time_base: seconds a tick of the stream.
        origin_s: zero of the clip's clock on the container's.
        duration_s: seconds until the next frame.

    Raises:
        MediaError: a pixel format that cannot be converted.
    """
    picture = picture_of(raw)
    matrix, colour_range, transfer = colour_of(
        raw, picture.layout, matrix=info.matrix, colour_range=info.range, transfer=info.transfer
    )
    pts = raw.pts or 0
    return VideoFrame(
        index=index,
        pts=pts,
        time_base=time_base,
        time_s=float(pts * time_base) - origin_s,
        duration_s=duration_s,
        width=raw.width,
        height=raw.height,
        planes=picture.planes,
        layout=picture.layout,
        matrix=matrix,
        range=colour_range,
        transfer=transfer,
        owner=picture.owner,
    )
