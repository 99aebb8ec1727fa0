"""The table of frames as plain numbers: finding, cutting, filling."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.media.frame_table import FrameTable, with_head_filled


@st.composite
def tables(draw: st.DrawFn) -> FrameTable:
    gaps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
    pts = np.cumsum([draw(st.integers(-10_000, 10_000)), *gaps])
    keys = np.array(sorted({0, *draw(st.lists(st.integers(0, len(pts) - 1), max_size=6))}))
    return FrameTable(pts, pts[keys], pts[keys] - 2)


@given(tables(), st.data())
def test_a_frame_is_shown_from_its_time_until_the_next(table: FrameTable, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(table) - 1))
    pts = int(table.pts[i])
    assert table.label_of(pts) == table.index_at(pts) == i
    if i + 1 < len(table):
        assert table.index_at(int(table.pts[i + 1]) - 0.02) == i
    assert table.index_at(float(table.pts[0]) - 1e6) == 0
    assert table.index_at(float(table.pts[-1]) + 1e6) == len(table) - 1


@given(tables(), st.data())
def test_keys_before_come_nearest_first(table: FrameTable, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(table) - 1))
    keys = table.key_pts[table.keys_before(i)]
    assert (keys <= table.pts[i]).all()
    assert (np.diff(keys) < 0).all()
    assert len(keys) == (table.key_pts <= table.pts[i]).sum()
    j = data.draw(st.integers(i, len(table) - 1))
    expected = bool(((table.key_pts > table.pts[i]) & (table.key_pts <= table.pts[j])).any())
    assert table.is_key_between(i, j) == expected


@given(tables(), st.data())
def test_a_cut_table_is_the_beginning_of_the_whole(table: FrameTable, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(table)))
    short = table.cut(n)
    assert np.array_equal(short.pts, table.pts[:n])
    assert len(short.key_pts) == len(short.key_dts) == (table.key_pts <= table.pts[n - 1]).sum()


@given(st.permutations(range(4)), st.integers(0, 3), st.integers(1, 100))
def test_missing_times_at_the_head_are_supplied(order: list[int], missing: int, step: int) -> None:
    """Whatever is missing among the first stored packets, holes are filled first, then the time before them."""
    times: list[int | None] = [i * step for i in order] + [i * step for i in range(4, 30)]
    for k in range(missing):
        times[k] = None
    filled = with_head_filled(times, Fraction(step))
    assert filled is not None
    found = sorted(filled)
    assert len(found) == 30
    assert np.all(np.diff(found) == step)
    assert found[-1] == 29 * step


def test_files_without_times_are_counted() -> None:
    assert with_head_filled([None] * 40, Fraction(1)) is None
    assert with_head_filled([], Fraction(1)) is None
    damaged: list[int | None] = list(range(40))
    damaged[25] = None
    found = with_head_filled(damaged, Fraction(1))
    assert found == [*range(25), *range(26, 40)]


def test_a_frame_between_the_teeth_has_no_label() -> None:
    pts = np.arange(10) * 512
    table = FrameTable(pts, pts[:1], pts[:1], tolerance=32.0, is_exact=False)
    assert table.label_of(1024 + 30) == 2
    assert table.label_of(1024 + 200) is None
    assert table.label_of(-100) is None
    with pytest.raises(IndexError):
        table.keys_before(10)
