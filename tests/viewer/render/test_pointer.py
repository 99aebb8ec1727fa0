"""From a widget's pixels to a pane's fractions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_viewer.render.pointer import locate
from panosod_viewer.render.variants import pane_pixels

SPLIT = ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0))


def test_which_pane() -> None:
    left, right = locate(SPLIT, (100, 50), (400, 200)), locate(SPLIT, (300, 50), (400, 200))
    assert left is not None and (left.pane, left.x, left.y, left.aspect) == (0, 0.5, 0.25, 1.0)
    assert right is not None and (right.pane, right.x) == (1, 0.5)


def test_outside_and_degenerate() -> None:
    assert locate(SPLIT, (-1, 50), (400, 200)) is None
    assert locate((), (1, 1), (400, 200)) is None
    assert locate(((0.0, 0.0, 0.0, 1.0),), (0, 0), (400, 200)) is None
    assert locate(SPLIT, (10, 10), (400, 200), held_pane=5) is None


@given(x=st.floats(-1000, 1000), y=st.floats(-1000, 1000), pane=st.integers(0, 1))
def test_a_held_pane_is_kept_wherever_the_pointer_goes(x: float, y: float, pane: int) -> None:
    point = locate(SPLIT, (x, y), (400, 200), held_pane=pane)
    assert point is not None and point.pane == pane
    assert point.x * 200 + pane * 200 == pytest.approx(x) and point.y * 200 == pytest.approx(y)


@given(width=st.integers(1, 4000), height=st.integers(1, 4000), cut=st.floats(0.1, 0.9))
def test_neighbouring_panes_share_an_edge(width: int, height: int, cut: float) -> None:
    left = pane_pixels((0, 0, cut, 1), width, height)
    right = pane_pixels((cut, 0, 1 - cut, 1), width, height)
    assert left[0] == 0 and left[0] + left[2] == right[0] and right[0] + right[2] == width
    assert left[3] == right[3] == height
