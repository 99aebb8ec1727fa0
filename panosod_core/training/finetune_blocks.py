"""What counts as one moment among checked frames: those of a clip, or of a stretch of its time. No torch here."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCKS_S = (math.inf, 3.0, 1.5, 0.75)
"""Lengths of blocks, seconds: whole clips; what the sound of one window spans, which neighbours share; and shorter ones
where there are too few of those. A block begins with the first frame that lies so far behind the start of the last one;
what follows within the shortest length is one moment, however many frames it is."""
FEWEST_BLOCKS = 5


def blocks_of(clips: Sequence[str], times_s: Sequence[float]) -> NDArray[np.int64]:
    """The block of each frame, from 0: the longest of :data:`BLOCKS_S` of which there are enough, else the shortest."""
    order = sorted(range(len(clips)), key=lambda k: (clips[k], times_s[k]))
    blocks = np.zeros(len(clips), np.int64)
    for length_s in BLOCKS_S:
        count, clip, start_s = -1, "", 0.0
        for k in order:
            if count < 0 or clips[k] != clip or times_s[k] - start_s >= length_s - 1e-6:
                count, clip, start_s = count + 1, clips[k], times_s[k]
            blocks[k] = count
        if count + 1 >= FEWEST_BLOCKS:
            break
    return blocks
