"""What two masks can be combined to: whatever is refused would leave all as it is, or nothing; nothing else is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.operations import combine
from panosod_viewer.tools.combining import COMBINATIONS, refusals

W, H = 16, 8
BOXES = st.builds(RingBox, st.integers(0, W - 1), st.integers(0, 5), st.integers(1, W), st.integers(1, 3))


def drawn(mask):
    return np.zeros((H, W), bool) if mask is None else mask.full((H, W))


@given(BOXES, BOXES)
def test_only_what_would_give_nothing_is_refused(one, other):
    mask, there = (RingMask(box, np.ones((box.height, box.width), bool)) for box in (one, other))
    why = refusals(mask, there, ring_width=W)
    for how in COMBINATIONS:
        result = drawn(combine(there, how)(mask, (H, W)))
        is_idle, is_empty = bool((result == drawn(mask)).all()), not result.any()
        assert (how in why) == (is_idle or is_empty)
        if how in why:
            assert ("nothing would change" if is_idle else "nothing would be left") in why[how]
