"""Captions beside marks: within the pane, none over another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_viewer.render.caption_places import caption_places

PANE, SIZE, GAP = (400.0, 200.0), (100.0, 20.0), 14.0


def test_one_stands_right_of_its_mark_and_left_of_it_at_the_edge():
    assert caption_places([(50, 100)], [SIZE], pane=PANE, gap=GAP) == [(64, 90)]
    assert caption_places([(350, 100)], [SIZE], pane=PANE, gap=GAP) == [(236, 90)]
    assert caption_places([(200, 3)], [SIZE], pane=PANE, gap=GAP) == [(214, 0)]


@given(st.floats(120, 280), st.floats(20, 180), st.floats(-8, 8), st.floats(-8, 8))
def test_two_marks_that_are_close_keep_their_captions_apart(x, y, dx, dy):
    (a, b), (c, d) = caption_places([(x, y), (x + dx, y + dy)], [SIZE, SIZE], pane=PANE, gap=GAP)
    assert abs(a - c) >= SIZE[0] or abs(b - d) >= SIZE[1]
    for left, top in ((a, b), (c, d)):
        assert 0 <= left <= PANE[0] - SIZE[0] and 0 <= top <= PANE[1] - SIZE[1]


@pytest.mark.parametrize("pane", [(60.0, 10.0), (0.0, 0.0)])
def test_a_pane_that_is_too_small_shows_their_beginning(pane):
    assert caption_places([(5, 5), (6, 5)], [SIZE, SIZE], pane=pane, gap=GAP)[0] == (0, 0)
