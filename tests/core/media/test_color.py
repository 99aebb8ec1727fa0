"""Sample values to R'G'B'."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.media.color import (
    chroma_site,
    frame_transform,
    samples_to_rgb,
    srgb_encoded,
    storage_scale,
    tone_mapped,
    yuv_to_rgb,
)
from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer

YUV = (Matrix.BT601, Matrix.BT709, Matrix.BT2020)


def apply(matrix: Matrix, range_: Range, bits: int, codes: list[float]) -> np.ndarray:
    t = yuv_to_rgb(matrix, range_, bits=bits)
    return t.matrix @ (np.array(codes) / (2**bits - 1)) + t.offset


@pytest.mark.parametrize("bits", range(8, 17))
@pytest.mark.parametrize("matrix", YUV)
def test_black_white_and_grey(matrix: Matrix, bits: int) -> None:
    s, mid, top = 2 ** (bits - 8), 2 ** (bits - 1), 2**bits - 1
    for range_, black, white in ((Range.LIMITED, 16 * s, 235 * s), (Range.FULL, 0, top)):
        assert apply(matrix, range_, bits, [black, mid, mid]) == pytest.approx([0, 0, 0], abs=1e-12)
        assert apply(matrix, range_, bits, [white, mid, mid]) == pytest.approx([1, 1, 1], abs=1e-12)


@given(
    rgb=st.tuples(*[st.floats(0, 1)] * 3),
    matrix=st.sampled_from(YUV),
    range_=st.sampled_from(Range),
    bits=st.integers(8, 16),
)
def test_luma_is_the_weighted_sum(rgb: tuple[float, ...], matrix: Matrix, range_: Range, bits: int) -> None:
    """Inverting the map gives the standards' luma and colour differences."""
    kr, kb = {Matrix.BT601: (0.299, 0.114), Matrix.BT709: (0.2126, 0.0722), Matrix.BT2020: (0.2627, 0.0593)}[matrix]
    t = yuv_to_rgb(matrix, range_, bits=bits)
    y, cb, cr = np.linalg.solve(t.matrix, np.array(rgb) - t.offset) * (2**bits - 1)
    luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2]
    step = 2 ** (bits - 8)
    gain, zero, chroma = (
        (219 * step, 16 * step, 224 * step) if range_ is Range.LIMITED else (2**bits - 1, 0, 2**bits - 1)
    )
    assert y == pytest.approx(gain * luma + zero, abs=1e-6 * gain)
    assert cb == pytest.approx(chroma * (rgb[2] - luma) / (2 * (1 - kb)) + 128 * step, abs=1e-6 * chroma)
    assert cr == pytest.approx(chroma * (rgb[0] - luma) / (2 * (1 - kr)) + 128 * step, abs=1e-6 * chroma)


def test_bits_are_checked() -> None:
    with pytest.raises(ValueError, match=r"8\.\.16"):
        yuv_to_rgb(Matrix.BT709, Range.FULL, bits=7)


@pytest.mark.parametrize(
    ("layout", "stored"),
    [
        (PixelLayout("yuv420p", "yuv", (1, 1), 8), 200 / 255),
        (PixelLayout("yuv420p10le", "yuv", (1, 1), 10), 800 / 65535),
        (PixelLayout("p010le", "y+uv", (1, 1), 10, msb_aligned=True), (800 << 6) / 65535),
        (PixelLayout("p016le", "y+uv", (1, 1), 16, msb_aligned=True), 51200 / 65535),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_storage_scale_restores_the_code(layout: PixelLayout, stored: float) -> None:
    code = 200 * 2 ** (layout.bits - 8)
    assert stored * storage_scale(layout) == pytest.approx(code / (2**layout.bits - 1))


def test_chroma_sites() -> None:
    yuv420, yuv444 = PixelLayout("yuv420p", "yuv", (1, 1), 8), PixelLayout("yuv444p", "yuv", (0, 0), 8)
    assert chroma_site(yuv420, Range.LIMITED) == (0.25, 0.5)
    assert chroma_site(yuv420, Range.FULL) == (0.5, 0.5)
    assert chroma_site(yuv444, Range.LIMITED) == (0.5, 0.5)
    assert chroma_site(PixelLayout("yuv411p", "yuv", (2, 0), 8), Range.LIMITED) == (0.125, 0.5)


def grey_frame(range_: Range, level: int) -> VideoFrame:
    plane = np.full((2, 2), level, np.uint8)
    layout = PixelLayout("gray", "y", (0, 0), 8)
    return VideoFrame(0, 0, Fraction(1, 30), 0.0, 1 / 30, 2, 2, (plane,), layout, Matrix.BT709, range_, Transfer.SDR)


@pytest.mark.parametrize(("range_", "level", "expected"), [(Range.LIMITED, 126, 110 / 219), (Range.FULL, 51, 0.2)])
def test_grey_pictures(range_: Range, level: int, expected: float) -> None:
    frame = grey_frame(range_, level)
    assert samples_to_rgb([[level / 255, 0.0, 0.0]], frame) == pytest.approx(np.full((1, 3), expected))
    assert np.count_nonzero(frame_transform(frame).matrix[:, 1:]) == 0


def test_pq_golden_values() -> None:
    """BT.2408 table 1: 203 nits is 58.06 % PQ; below the knee (0.6 * 203 nits) the screen gets relative light."""
    code = 0.58068888
    got = tone_mapped([[code] * 3], Transfer.PQ, wide_gamut=False)
    assert got == pytest.approx(np.full((1, 3), float(srgb_encoded(0.8))), abs=1e-3)
    hundred_nits = 0.50807842
    got = tone_mapped([[hundred_nits] * 3], Transfer.PQ, wide_gamut=False)
    assert got == pytest.approx(np.full((1, 3), float(srgb_encoded(100 / 203))), abs=1e-3)


def test_hlg_golden_values() -> None:
    """BT.2408 table 1: 75 % HLG is 203 nits on a 1000-nit display."""
    got = tone_mapped([[0.75] * 3], Transfer.HLG, wide_gamut=False)
    assert got == pytest.approx(np.full((1, 3), float(srgb_encoded(0.8))), abs=2e-3)


@given(a=st.floats(0, 1), b=st.floats(0, 1), transfer=st.sampled_from([Transfer.PQ, Transfer.HLG]))
def test_tone_mapping_keeps_order_and_range(a: float, b: float, transfer: Transfer) -> None:
    low, high = (tone_mapped([x] * 3, transfer, wide_gamut=True)[1] for x in sorted((a, b)))
    assert 0 <= low <= high + 1e-9 <= 1 + 2e-9
