"""Planes are viewed where they lie, and what must be converted keeps its colours."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.format import VideoFormat

from panosod_core.geometry.picture import PictureProjection, StereoMode
from panosod_core.media.info import Matrix, Range, Transfer, VideoInfo
from panosod_core.media.pixels import LAYOUTS, colour_of, conversion_target, picture_of, video_frame

INFO = VideoInfo(
    stream_index=0, codec="h264", width=50, height=30, fps=Fraction(30), is_vfr=False, pix_fmt="yuv420p",
    range=Range.LIMITED, matrix=Matrix.BT601, transfer=Transfer.SDR, projection=PictureProjection.FLAT,
    stereo=StereoMode.MONO, source="test", time_base=Fraction(1, 90000),
)  # fmt: skip


def filled(pix_fmt: str, width: int = 50, height: int = 30) -> av.VideoFrame:
    """A frame whose plane p holds the bytes (7 p + position) mod 256."""
    frame = av.VideoFrame(width, height, pix_fmt)
    for p, plane in enumerate(frame.planes):
        plane.update((np.arange(plane.buffer_size) + 7 * p).astype(np.uint8).tobytes())
    frame.pts, frame.time_base = 0, Fraction(1, 90000)
    return frame


@pytest.mark.parametrize("pix_fmt", sorted(LAYOUTS))
def test_planes_are_views_of_the_decoders_memory(pix_fmt: str) -> None:
    frame = filled(pix_fmt)
    picture = picture_of(frame)
    layout = picture.layout
    assert picture.owner is frame
    assert layout.name == pix_fmt
    fmt = VideoFormat(pix_fmt)
    assert max(c.bits for c in fmt.components if not c.is_alpha) == layout.bits
    for p, plane in enumerate(picture.planes):
        assert plane.ctypes.data == frame.planes[p].buffer_ptr
        assert plane.dtype == (np.uint8 if layout.bits == 8 else np.uint16)
        is_chroma = p > 0 and layout.components != "gbr"
        shift_x, shift_y = layout.chroma_shift if is_chroma else (0, 0)
        rows, columns = -(-30 >> shift_y), -(-50 >> shift_x)
        assert plane.shape[0] == rows
        assert plane.shape[1] >= columns * (2 if layout.components == "y+uv" and p else 1)
    assert len(picture.planes) == {"y": 1, "y+uv": 2}.get(layout.components, 3)


def test_a_view_keeps_the_memory_alive() -> None:
    planes = picture_of(filled("yuv420p")).planes
    expected = planes[0].copy()
    for _ in range(50):
        filled("yuv420p")
    assert np.array_equal(planes[0], expected)


@pytest.mark.parametrize(
    ("pix_fmt", "target"),
    [
        ("rgb24", "gbrp"), ("bgra", "gbrp"), ("rgb48le", "gbrp16le"), ("yuyv422", "yuv422p"), ("uyvy422", "yuv422p"),
        ("nv21", "yuv420p"), ("yuv420p10be", "yuv420p10le"), ("gray16be", "gray16le"), ("ya8", "gray"),
        ("y210le", "yuv422p10le"), ("p010be", "yuv420p10le"), ("vuya", "yuv444p"), ("xv36le", "yuv444p12le"),
    ],
)  # fmt: skip
def test_everything_else_is_converted_once(pix_fmt: str, target: str) -> None:
    assert pix_fmt not in LAYOUTS
    assert conversion_target(pix_fmt) == target
    picture = picture_of(filled(pix_fmt))
    assert picture.layout.name == target
    assert picture.planes[0].shape[0] == 30


def test_conversion_of_rgb_is_exact() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    picture = picture_of(av.VideoFrame.from_ndarray(rgb, "rgb24"))
    green, blue, red = (plane[:, :50] for plane in picture.planes)
    assert np.array_equal(np.stack([red, green, blue], axis=2), rgb)


def test_conversion_of_packed_yuv_is_exact() -> None:
    frame = av.VideoFrame(48, 30, "yuyv422")
    samples = np.random.default_rng(1).integers(16, 236, (30, 48, 2), np.uint8)
    stored = np.zeros((30, frame.planes[0].line_size), np.uint8)
    stored[:, :96] = samples.reshape(30, 96)
    frame.planes[0].update(stored.tobytes())
    y, u, v = picture_of(frame).planes
    assert np.array_equal(y[:, :48], samples[..., 0])
    assert np.array_equal(u[:, :24], samples[:, 0::2, 1])
    assert np.array_equal(v[:, :24], samples[:, 1::2, 1])


def test_big_endian_depth_is_exact() -> None:
    frame = av.VideoFrame(48, 30, "yuv420p10be")
    values = np.random.default_rng(2).integers(64, 940, (30, 48)).astype(">u2")
    stored = np.zeros((30, frame.planes[0].line_size // 2), ">u2")
    stored[:, :48] = values
    frame.planes[0].update(stored.tobytes())
    assert np.array_equal(picture_of(frame).planes[0][:, :48], values)


@pytest.mark.parametrize(
    ("pix_fmt", "colorspace", "color_range", "expected"),
    [
        ("yuv420p", 2, 0, (Matrix.BT601, Range.LIMITED)),  # the frame is silent: the stream's word counts
        ("yuv420p", 1, 1, (Matrix.BT709, Range.LIMITED)),
        ("yuv420p", 9, 2, (Matrix.BT2020, Range.FULL)),
        ("yuv420p", 5, 2, (Matrix.BT601, Range.FULL)),
        ("yuvj420p", 2, 0, (Matrix.BT601, Range.FULL)),
        ("gbrp", 0, 0, (Matrix.RGB, Range.FULL)),
        ("gbrp", 0, 1, (Matrix.RGB, Range.LIMITED)),
    ],
)
def test_colour(pix_fmt: str, colorspace: int, color_range: int, expected: tuple[Matrix, Range]) -> None:
    frame = filled(pix_fmt)
    frame.colorspace, frame.color_range = colorspace, color_range
    found = colour_of(frame, LAYOUTS[pix_fmt], matrix=INFO.matrix, colour_range=INFO.range, transfer=INFO.transfer)
    assert found[:2] == expected


def test_video_frame_is_timed_on_the_clips_clock() -> None:
    frame = filled("nv12")
    frame.pts = 180_000
    made = video_frame(frame, INFO, index=7, time_base=Fraction(1, 90000), origin_s=0.5, duration_s=0.04)
    assert (made.index, made.pts, made.time_s, made.duration_s) == (7, 180_000, 1.5, 0.04)
    assert (made.width, made.height, made.owner) == (50, 30, frame)
