"""Colour bars: what the screen shows against what the standards say, computed here from their formulas."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.media.info import Matrix, Range, Transfer

from .conftest import Draw
from .frames import GBRP, GBRP10, GRAY, GRAY10, NV12, P010, P016, YUV420, YUV420_10, YUV422_12, frame_of_rgb

pytestmark = pytest.mark.gl

KR_KB = {Matrix.BT601: (0.299, 0.114), Matrix.BT709: (0.2126, 0.0722), Matrix.BT2020: (0.2627, 0.0593)}
BARS = np.array(
    [[r, g, b] for level in (1.0, 0.75) for r in (0, level) for g in (0, level) for b in (0, level)]
    + [[x, x, x] for x in np.linspace(0, 1, 16)]
)


def bars() -> np.ndarray:
    """32 bars of 8 x 16 texels."""
    return np.repeat(np.repeat(BARS[None], 16, axis=0), 8, axis=1)


def decoded_by_formula(rgb: np.ndarray, *, matrix: Matrix, range_: Range, bits: int) -> np.ndarray:
    """R'G'B' to integer codes and back by the text of BT.601/709/2020: what is left after rounding."""
    kr, kb = KR_KB[matrix]
    r, g, b = np.moveaxis(rgb, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    scale = 2 ** (bits - 8)
    if range_ is Range.LIMITED:
        y, cb, cr = (
            (np.round((219 * y + 16) * scale) / scale - 16) / 219,
            *((np.round((224 * c + 128) * scale) / scale - 128) / 224 for c in (cb, cr)),
        )
    else:
        top, middle = 2**bits - 1, 2 ** (bits - 1)
        y = np.round(y * top) / top
        cb, cr = ((np.clip(np.round(c * top + middle), 0, top) - middle) / top for c in (cb, cr))
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], axis=-1), 0, 1)


def shown(draw: Draw, frame: object) -> np.ndarray:
    """The middle of each bar on the flat map."""
    got = draw(frame, View(0, 0, 0, 2 * np.pi, ViewProjection.EQUIRECT), size=(256, 128))
    return got[64, 4::8].astype(int)


@pytest.mark.parametrize("layout", [YUV420, YUV420_10, NV12, P010, P016, YUV422_12], ids=lambda x: x.name)
@pytest.mark.parametrize("range_", Range)
@pytest.mark.parametrize("matrix", KR_KB)
def test_bars(draw: Draw, matrix: Matrix, range_: Range, layout: object) -> None:
    frame = frame_of_rgb(bars(), layout=layout, matrix=matrix, range_=range_)
    expected = 255 * decoded_by_formula(BARS, matrix=matrix, range_=range_, bits=layout.bits)
    assert np.abs(shown(draw, frame) - expected).max() <= 2


@pytest.mark.parametrize("layout", [GBRP, GBRP10], ids=lambda x: x.name)
@pytest.mark.parametrize("range_", Range)
def test_bars_in_planar_rgb(draw: Draw, range_: Range, layout: object) -> None:
    got = shown(draw, frame_of_rgb(bars(), layout=layout, range_=range_))
    assert np.abs(got - 255 * BARS).max() <= 2


@pytest.mark.parametrize("layout", [GRAY, GRAY10], ids=lambda x: x.name)
@pytest.mark.parametrize("range_", Range)
def test_grey_bars(draw: Draw, range_: Range, layout: object) -> None:
    got = shown(draw, frame_of_rgb(bars(), layout=layout, range_=range_))[16:]
    assert np.abs(got - 255 * BARS[16:]).max() <= 2


def test_the_wrong_matrix_or_range_would_be_found(draw: Draw) -> None:
    frame = frame_of_rgb(bars(), layout=YUV420, matrix=Matrix.BT709)
    for wrong in (replace(frame, matrix=Matrix.BT601), replace(frame, range=Range.FULL)):
        assert np.abs(shown(draw, wrong) - 255 * BARS).max() > 10


@pytest.mark.parametrize("transfer", [Transfer.PQ, Transfer.HLG])
def test_hdr_keeps_black_white_order_and_grey(draw: Draw, transfer: Transfer) -> None:
    """Greys stay grey, grow with the code, and reference white lands below screen white with room above it."""
    got = shown(draw, frame_of_rgb(bars(), layout=YUV420_10, matrix=Matrix.BT2020, transfer=transfer))[16:]
    assert np.ptp(got, axis=1).max() <= 3
    assert got[0].max() <= 1 and got[-1].min() >= 235
    assert (np.diff(got[:, 1]) >= 0).all()
