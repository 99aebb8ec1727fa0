"""From the samples of a decoded picture to R'G'B' for an SDR screen: matrices, ranges, chroma siting, tone mapping.

The numbers here are the only ones: the shader gets them as uniforms, the reference renderer uses them directly.

Not done, on purpose: SDR BT.2020 primaries are shown as they are (frames do not carry primaries), and dynamic HDR
metadata is not read.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer

FloatArray: TypeAlias = NDArray[np.float64]

_LUMA_WEIGHTS = {
    # (Kr, Kb): ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance)
    Matrix.BT601: (0.299, 0.114),
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.BT2020: (0.2627, 0.0593),
}

PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""SMPTE ST 2084 (BT.2100 table 4)."""
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
"""ARIB STD-B67 (BT.2100 table 5)."""
HLG_PEAK_NITS = 1000.0
HLG_GAMMA = 1.2
REFERENCE_WHITE_NITS = 203.0
"""What is shown as SDR white before the roll-off: HDR reference white of ITU-R BT.2408."""
KNEE = 0.6
"""Relative luminance up to which the tone curve is the identity."""
BT2020_TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)
"""Linear light, ITU-R BT.2087 (rounded inverse)."""


@dataclass(frozen=True)
class ColorTransform:
    """Affine map from normalised samples to R'G'B': ``rgb = matrix @ samples + offset``.

    Attributes:
        matrix: (3, 3) float64. Grey pictures use its first column only.
        offset: (3,) float64.
    """

    matrix: FloatArray
    offset: FloatArray


def yuv_to_rgb(matrix: Matrix, range_: Range, *, bits: int) -> ColorTransform:
    """Affine map from Y', Cb, Cr codes divided by ``2**bits - 1`` to R'G'B' in 0..1.

    Args:
        matrix: which primaries weights; RGB means the samples are G, B, R.
        range_: limited (16..235 luma, 16..240 chroma at 8 bits, scaled by ``2**(bits-8)``) or full.
        bits: significant bits of a sample, 8..16.

    Raises:
        ValueError: bits outside 8..16.
    """
    if not 8 <= bits <= 16:
        raise ValueError(f"bits must lie in 8..16, got {bits}")
    top = 2.0**bits - 1
    step = 2.0 ** (bits - 8)
    if range_ is Range.LIMITED:
        luma_gain, luma_zero = top / (219 * step), 16 * step / top
        chroma_gain = top / (224 * step)
    else:
        luma_gain, luma_zero, chroma_gain = 1.0, 0.0, 1.0
    if matrix is Matrix.RGB:
        # planes arrive in FFmpeg's order G, B, R; all three use the luma range
        m = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) * luma_gain
        return ColorTransform(m, -m.sum(axis=1) * luma_zero)
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    to_rgb = np.array(
        [
            [1.0, 0.0, 2 * (1 - kr)],
            [1.0, -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg],
            [1.0, 2 * (1 - kb), 0.0],
        ]
    )
    m = to_rgb * np.array([luma_gain, chroma_gain, chroma_gain])
    zero = np.array([luma_zero, 128 * step / top, 128 * step / top])
    return ColorTransform(m, -m @ zero)


def frame_transform(frame: VideoFrame) -> ColorTransform:
    """The affine map for the planes of a frame, each sample divided by the largest value of its **storage** type.

    That is what a normalised texture (R8, R16) gives, so low-aligned 10-bit samples are scaled up here.
    Grey pictures put Y in all three channels.
    """
    layout = frame.layout
    matrix = Matrix.RGB if layout.components == "gbr" else frame.matrix
    if layout.components == "y" and matrix is Matrix.RGB:
        matrix = Matrix.BT709
    transform = yuv_to_rgb(matrix, frame.range, bits=layout.bits)
    m = transform.matrix * storage_scale(layout)
    if layout.components == "y":
        grey = np.zeros((3, 3))
        grey[:, 0] = m[:, 0]
        luma_zero = 16 * 2.0 ** (layout.bits - 8) / (2.0**layout.bits - 1) if frame.range is Range.LIMITED else 0.0
        return ColorTransform(grey, np.full(3, -transform.matrix[0, 0] * luma_zero))
    return ColorTransform(m, transform.offset)


def storage_scale(layout: PixelLayout) -> float:
    """Factor from (stored value / largest stored value) to (code / largest code)."""
    if layout.bits <= 8:
        return 1.0
    top = 2.0**layout.bits - 1
    return 65535.0 / (top * 2.0 ** (16 - layout.bits)) if layout.msb_aligned else 65535.0 / top


def chroma_site(layout: PixelLayout, range_: Range) -> tuple[float, float]:
    """Where a chroma sample lies within the block of luma samples it serves, as fractions of the block.

    (0.5, 0.5) is the centre; 0.25 the centre of the left one of two luma samples. Limited-range 4:2:0 and 4:2:2 are
    taken as left-sited (H.264 and HEVC default, ``chroma_sample_loc_type`` 0), full-range as centred (JPEG).
    """
    sx, _ = layout.chroma_shift
    if layout.components not in ("yuv", "y+uv") or sx == 0 or range_ is Range.FULL:
        return (0.5, 0.5)
    return (0.5 / 2**sx, 0.5)


def samples_to_rgb(samples: ArrayLike, frame: VideoFrame) -> FloatArray:
    """R'G'B' for an SDR screen of normalised samples of a frame.

    Args:
        samples: S + (3,), Y Cb Cr (or G B R; Y in the first for grey), stored value / largest stored value.
        frame: whose colour description applies.

    Returns:
        S + (3,) float64, 0..1.
    """
    t = frame_transform(frame)
    rgb = np.clip(np.asarray(samples, np.float64) @ t.matrix.T + t.offset, 0.0, 1.0)
    if frame.transfer is Transfer.SDR:
        return rgb
    return tone_mapped(rgb, frame.transfer, wide_gamut=frame.matrix is Matrix.BT2020)


def tone_mapped(rgb: ArrayLike, transfer: Transfer, *, wide_gamut: bool) -> FloatArray:
    """HDR R'G'B' (PQ or HLG) made fit for an SDR screen, simply.

    Light in nits by ST 2084 or by HLG with its system gamma at 1000 nits; divided by 203 nits; BT.2020 primaries
    turned into BT.709 and negatives cut; the largest channel m goes through the curve ``m`` up to the knee 0.6, then
    ``0.6 + 0.4 t / (1 + t)`` with ``t = (m - 0.6) / 0.4``, all channels scaled alike (hue kept); sRGB encoded.

    Args:
        rgb: S + (3,), 0..1.
        transfer: PQ or HLG.
        wide_gamut: primaries are BT.2020.

    Returns:
        S + (3,) float64, 0..1.
    """
    e = np.clip(np.asarray(rgb, np.float64), 0.0, 1.0)
    nits = _pq_nits(e) if transfer is Transfer.PQ else _hlg_nits(e)
    linear = nits / REFERENCE_WHITE_NITS
    if wide_gamut:
        linear = linear @ BT2020_TO_BT709.T
    linear = np.maximum(linear, 0.0)
    peak = linear.max(axis=-1, keepdims=True)
    t = np.maximum(peak - KNEE, 0.0) / (1 - KNEE)
    curved = np.where(peak > KNEE, KNEE + (1 - KNEE) * t / (1 + t), peak)
    linear = linear * (curved / np.maximum(peak, 1e-9))
    return srgb_encoded(linear)


def srgb_encoded(linear: ArrayLike) -> FloatArray:
    """IEC 61966-2-1 encoding of linear light, both 0..1."""
    x = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-12), 1 / 2.4) - 0.055)


def _pq_nits(e: FloatArray) -> FloatArray:
    p = np.power(e, 1 / PQ_M2)
    nits: FloatArray = 10000.0 * np.power(np.maximum(p - PQ_C1, 0.0) / (PQ_C2 - PQ_C3 * p), 1 / PQ_M1)
    return nits


def _hlg_nits(e: FloatArray) -> FloatArray:
    scene = np.where(e <= 0.5, e * e / 3, (np.exp((e - HLG_C) / HLG_A) + HLG_B) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    nits: FloatArray = HLG_PEAK_NITS * scene * np.power(np.maximum(luminance, 1e-9), HLG_GAMMA - 1)[..., None]
    return nits
