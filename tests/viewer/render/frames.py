"""Pictures with known content, as the decoder would deliver them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.geometry.sphere import uv_to_direction
from panosod_core.media.color import yuv_to_rgb
from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer

YUV420 = PixelLayout("yuv420p", "yuv", (1, 1), 8)
YUV420_10 = PixelLayout("yuv420p10le", "yuv", (1, 1), 10)
YUV422_12 = PixelLayout("yuv422p12le", "yuv", (1, 0), 12)
YUV444 = PixelLayout("yuv444p", "yuv", (0, 0), 8)
NV12 = PixelLayout("nv12", "y+uv", (1, 1), 8)
P010 = PixelLayout("p010le", "y+uv", (1, 1), 10, msb_aligned=True)
P016 = PixelLayout("p016le", "y+uv", (1, 1), 16, msb_aligned=True)
GBRP = PixelLayout("gbrp", "gbr", (0, 0), 8)
GBRP10 = PixelLayout("gbrp10le", "gbr", (0, 0), 10)
GRAY = PixelLayout("gray", "y", (0, 0), 8)
GRAY10 = PixelLayout("gray10le", "y", (0, 0), 10)
LAYOUTS = (YUV420, YUV420_10, YUV422_12, YUV444, NV12, P010, P016, GBRP, GBRP10, GRAY, GRAY10)


def codes(rgb: np.ndarray, *, matrix: Matrix, range_: Range, bits: int) -> np.ndarray:
    """R'G'B' 0..1, (..., 3), to integer Y Cb Cr (or G B R) codes of that depth."""
    transform = yuv_to_rgb(matrix, range_, bits=bits)
    samples = (rgb - transform.offset) @ np.linalg.inv(transform.matrix).T
    return np.clip(np.round(samples * (2**bits - 1)), 0, 2**bits - 1)


def frame_of_rgb(
    rgb: np.ndarray,
    *,
    layout: PixelLayout = YUV444,
    matrix: Matrix = Matrix.BT709,
    range_: Range = Range.LIMITED,
    transfer: Transfer = Transfer.SDR,
    padding: int = 0,
) -> VideoFrame:
    """A frame with that content, (H, W, 3) 0..1; chroma is the mean of the block it serves.

    ``padding`` samples of nonsense follow each row, as decoders leave them.
    """
    if layout.components == "gbr":
        matrix = Matrix.RGB
    full = codes(rgb, matrix=matrix, range_=range_, bits=layout.bits)
    sx, sy = layout.chroma_shift
    height, width = rgb.shape[:2]
    luma = full[..., 0]
    blocks = full[..., 1:].reshape(height >> sy, 1 << sy, width >> sx, 1 << sx, 2).mean(axis=(1, 3))
    planes = {
        "y": [luma],
        "yuv": [luma, blocks[..., 0], blocks[..., 1]],
        "y+uv": [luma, blocks.reshape(height >> sy, -1)],
        "gbr": [luma, full[..., 1], full[..., 2]],
    }[layout.components]
    dtype = np.uint8 if layout.bits == 8 else np.uint16
    shift = 16 - layout.bits if layout.msb_aligned else 0
    stored = []
    for plane in planes:
        whole = np.full((plane.shape[0], plane.shape[1] + 2 * padding), 77, dtype)
        whole[:, : plane.shape[1]] = np.round(plane).astype(np.uint32) << shift
        stored.append(whole)
    return VideoFrame(
        index=0,
        pts=0,
        time_base=Fraction(1, 30),
        time_s=0.0,
        duration_s=1 / 30,
        width=width,
        height=height,
        planes=tuple(stored),
        layout=layout,
        matrix=matrix,
        range=range_,
        transfer=transfer,
    )


def direction_colours(geometry: PictureGeometry, width: int, height: int) -> np.ndarray:
    """R'G'B' 0.1..0.9 of each texel of one eye: 0.5 + 0.4 * (x, y, z) of where it lies in the world."""
    b = geometry.bounds
    u = b.left + (np.arange(width) + 0.5) / width * (1 - b.left - b.right)
    v = b.top + (np.arange(height) + 0.5) / height * (1 - b.top - b.bottom)
    return 0.5 + 0.4 * uv_to_direction(u[None], v[:, None]) @ geometry.R_world_picture.T


def packed(geometry: PictureGeometry, eye: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Both eyes in one picture, the chosen one where the geometry says."""
    u0, v0, _, _ = geometry.eye_rect
    if geometry.stereo is StereoMode.MONO:
        return eye
    axis = 0 if geometry.stereo is StereoMode.TOP_BOTTOM else 1
    return np.concatenate([eye, other] if u0 == v0 == 0 else [other, eye], axis=axis)


def band_limited(width: int, height: int, *, seed: int = 5, highest: int = 12) -> np.ndarray:
    """A smooth picture on the sphere, 0.1..0.9: waves in x, y, z, so that it is smooth over seam and poles too."""
    rng = np.random.default_rng(seed)
    d = uv_to_direction((np.arange(width)[None] + 0.5) / width, (np.arange(height)[:, None] + 0.5) / height)
    rgb = np.zeros((height, width, 3))
    for _ in range(40):
        wave = rng.normal(size=3)
        wave *= rng.uniform(1, highest) / np.linalg.norm(wave)
        rgb += np.cos(d @ wave + rng.uniform(0, 2 * np.pi))[..., None] * rng.normal(size=3)
    return 0.5 + 0.4 * rgb / np.abs(rgb).max()


def noise(width: int, height: int, *, seed: int = 3) -> np.ndarray:
    """The hardest picture: every texel another colour."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, (height, width, 3))


def at_time(frame: VideoFrame, index: int) -> VideoFrame:
    """The same picture as another frame."""
    return replace(frame, index=index, pts=index, time_s=index / 30)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of pictures in 0..255."""
    error = np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)
    return float(10 * np.log10(255.0**2 / max(error, 1e-12)))
