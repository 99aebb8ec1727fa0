"""COCO run lengths: masks as counts of equal pixels, column by column, background first.

The compressed text is COCO's own (``maskApi.c`` of cocoapi): every count after the third is kept as the difference to
the one before the last, and each number is written in groups of five bits, least first, each with a bit that says
whether more follow, plus 48.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import DatasetError


def decode_rle(runs: Sequence[int] | str, *, height: int, width: int) -> NDArray[np.bool_]:
    """A mask from its runs.

    Args:
        runs: counts, or COCO's compressed text.
        height: pixels.
        width: pixels.

    Returns:
        (height, width) bool.

    Raises:
        DatasetError: the counts are negative or do not fill the size.
    """
    counts = np.asarray(text_to_counts(runs) if isinstance(runs, str) else runs, np.int64)
    if counts.size and counts.min() < 0:
        raise DatasetError("a mask's run lengths hold a negative count: the annotation file is damaged")
    if int(counts.sum()) != height * width:
        raise DatasetError(
            f"a mask's run lengths fill {int(counts.sum())} pixels, expected {height}x{width} = {height * width}"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def text_to_counts(text: str) -> list[int]:
    """The counts of COCO's compressed text.

    Raises:
        DatasetError: a character that cannot occur, or a number that breaks off.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise DatasetError(f"a mask's run lengths hold {character!r}: the annotation file is damaged")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise DatasetError("a mask's run lengths break off: the annotation file is damaged")
    return counts


def counts_to_text(counts: Sequence[int]) -> str:
    """COCO's compressed text of counts; the inverse of :func:`text_to_counts`."""
    letters: list[str] = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            bits = value & 0x1F
            value >>= 5
            done = value == (-1 if bits & 0x10 else 0)
            letters.append(chr(bits + (0 if done else 0x20) + 48))
            if done:
                break
    return "".join(letters)


def encode_rle(mask: NDArray[np.bool_]) -> list[int]:
    """The counts of a mask, column by column, background first; the inverse of :func:`decode_rle`."""
    flat = np.concatenate([[False], np.asarray(mask, np.bool_).T.reshape(-1)])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    edges = np.concatenate([[0], changes, [flat.size - 1]])
    return [int(n) for n in np.diff(edges)]
