"""Masks on the ring: label maps, rectangles that wrap at ±180°, one object's mask, and COCO run lengths.

A **label map** is (H, W) uint8 over the full sphere: 0 background, 1 to 254 object ids, 255 reserved. Its columns are a
ring: a :class:`RingBox` may start near the right edge and end near the left one. A :class:`RingMask` is a boolean
mask with the box it lives in, so that a small object in a 4K frame costs what the object costs.

Masks are kept as COCO's compressed run lengths. Coding and decoding look at the box of the mask alone, also where it
goes around a pole (0.5 ms, pycocotools takes 28 for the whole of 3840x1920), and do it with array operations that
do not hold Python's lock: the store thread must not keep the hand that paints waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ProjectError
from panosod_core.geometry.regions.ring import BoolMask as BoolMask
from panosod_core.geometry.regions.ring import RingBox as RingBox
from panosod_core.geometry.regions.ring import RingMask as RingMask

LabelMap: TypeAlias = NDArray[np.uint8]

MAX_OBJECT = 254
"""Greatest object id; 255 is reserved."""


def check_label_map(labels: NDArray[np.generic]) -> None:
    """Raises ValueError unless the array is a (H, W) uint8 label map without the reserved 255."""
    if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.size:
        raise ValueError(f"a label map is (H, W) uint8, got {labels.shape} {labels.dtype}")
    if labels.max() > MAX_OBJECT:
        raise ValueError("a label map holds 255, which is reserved")


def check_object_id(object_id: int) -> None:
    """Raises ValueError unless it is an object's id."""
    if not 1 <= object_id <= MAX_OBJECT:
        raise ValueError(f"object ids go from 1 to {MAX_OBJECT}, got {object_id}")


@dataclass(frozen=True)
class Rle:
    """One mask as COCO's compressed run lengths.

    Attributes:
        height, width: of the sphere's picture, pixels.
        counts: COCO's text; over the whole picture, so any COCO reader takes it.
        box: smallest box on the ring, None for an empty mask.
        area_px: pixels set.
        area_sr: solid angle, steradians.
    """

    height: int
    width: int
    counts: bytes
    box: RingBox | None
    area_px: int
    area_sr: float

    @property
    def coco(self) -> dict[str, object]:
        """As pycocotools takes it."""
        return {"size": [self.height, self.width], "counts": self.counts}


def encode(mask: RingMask | None, shape: tuple[int, int]) -> Rle:
    """Run lengths of a mask (None = empty) of a (H, W) sphere."""
    height, width = shape
    small = mask.trimmed(width) if mask is not None else None
    if small is None:
        return Rle(height, width, _text(np.array([height * width])), None, 0, 0.0)
    small.box.check_inside(shape)
    return Rle(height, width, _text(_runs_of(small, shape)), small.box, small.area_px(), small.area_sr(shape))


def decode(rle: Rle) -> RingMask | None:
    """The mask of run lengths; None where it is empty.

    Raises:
        ProjectError: the run lengths do not fill the size.
    """
    box = rle.box
    if box is None:
        return None
    places = np.concatenate([[0], np.cumsum(_runs(rle.counts, (rle.height, rle.width)))])
    starts, ends = places[1:-1:2], places[2::2]
    column, row = np.divmod(starts, rle.height)
    column, row = (column - box.x) % rle.width, row - box.y
    first = column * box.height + row
    past = first + (ends - starts)
    room = past if box.height == rle.height else (column + 1) * box.height  # only full columns go on in the next one
    if (column >= box.width).any() or ((row < 0) | (row >= box.height)).any() or (past > room).any():
        raise ProjectError("the run lengths of a mask are damaged: it lies outside its box")
    if len(past) and past.max() > box.width * box.height:
        raise ProjectError("the run lengths of a mask are damaged: it lies outside its box")
    steps = np.zeros(box.width * box.height + 1, np.int8)
    steps[first] += 1
    steps[past] -= 1
    bits = np.cumsum(steps[:-1], dtype=np.int8).reshape(box.width, box.height)
    return RingMask(box, _transposed(bits.view(np.uint8)).view(np.bool_))


def rle_from_coco(counts: bytes, shape: tuple[int, int]) -> Rle:
    """Run lengths from elsewhere: decoded once to know their box.

    Raises:
        ProjectError: they do not fill the size.
    """
    return encode(RingMask.of(_filled(_runs(counts, shape), shape)), shape)


def _runs(counts: bytes, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The numbers of COCO's text.

    pycocotools could decode as well, but only into whole pictures, and NumPy 2 warns about how it does it.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    damaged = ProjectError(f"the run lengths of a mask are damaged: they do not fill {shape[1]}x{shape[0]} pixels")
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise damaged
    ends = np.flatnonzero((codes & 0x20) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise damaged
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((codes & 0x1F) << (5 * places), starts)
    numbers = np.where(codes[ends] & 0x10, numbers - (np.int64(1) << (5 * lengths)), numbers)
    # From the fourth on a number is the difference to the one before the last.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    if numbers.min() < 0 or numbers.sum() != shape[0] * shape[1]:
        raise damaged
    return numbers


def _filled(runs: NDArray[np.int64], shape: tuple[int, int]) -> BoolMask:
    """The (H, W) picture of runs, column by column, background first."""
    if runs.min() < 0:
        raise ProjectError("the run lengths of a mask are damaged: it lies outside its box")
    columns = np.repeat((np.arange(len(runs)) % 2).astype(np.uint8), runs).reshape(shape[1], shape[0])
    return _transposed(columns).view(np.bool_)


def _transposed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A transposed copy; OpenCV's takes a sixth of the time of NumPy's (0.6 against 4 ms at 3840x1920)."""
    return np.asarray(cv2.transpose(picture), np.uint8)


def _runs_of(mask: RingMask, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Lengths of the runs over a (H, W) picture, column by column, background first."""
    (height, width), box = shape, mask.box
    columns = np.zeros((box.width, box.height + 2), np.uint8)  # with a pixel of background before and after each
    columns[:, 1:-1] = _transposed(mask.bits.view(np.uint8))
    edges = np.flatnonzero(columns[:, 1:] != columns[:, :-1])
    column, row = np.divmod(edges, box.height + 1)
    places = (column + box.x) % width * height + box.y + row
    starts, ends = places[::2], places[1::2]
    if box.wraps(width):
        order = np.argsort(starts)
        starts, ends = starts[order], ends[order]
    apart = starts[1:] != ends[:-1]  # from the last row on to the first one of the next column it is one run
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    runs = np.diff(np.concatenate([[0], np.stack([starts, ends], axis=1).reshape(-1), [height * width]]))
    return runs if runs[-1] else runs[:-1]


def _text(runs: NDArray[np.int64]) -> bytes:
    """COCO's text of runs: from the fourth on the difference to the one before the last, in fives of bits."""
    left = runs.copy()
    left[3:] -= runs[1:-2]
    letters: list[NDArray[np.int64]] = []
    is_written = [np.ones(len(left), np.bool_)]
    while is_written[-1].any():
        bits, left = left & 0x1F, left >> 5
        goes_on = left != np.where(bits & 0x10, -1, 0)
        letters.append(bits + np.where(goes_on, 0x20, 0) + 48)
        is_written.append(is_written[-1] & goes_on)
    table = np.stack(letters, axis=1).astype(np.uint8)
    return table[np.stack(is_written[:-1], axis=1)].tobytes()


def object_mask(labels: LabelMap, object_id: int) -> RingMask | None:
    """One object's mask of a label map; None where it is absent."""
    return RingMask.of(labels == object_id)


def label_map(masks: Mapping[int, RingMask | None], shape: tuple[int, int]) -> LabelMap:
    """The label map of disjoint masks.

    Raises:
        ValueError: two masks overlap: resolve them by a stated priority first (:mod:`panosod_core.annotation.edits`).
    """
    labels = np.zeros(shape, np.uint8)
    for object_id, mask in masks.items():
        check_object_id(object_id)
        if mask is None:
            continue
        there = mask.box.read(labels)
        if there[mask.bits].any():
            raise ValueError(f"object {object_id} overlaps another one: masks of a frame are disjoint")
        there[mask.bits] = object_id
        mask.box.write(labels, there)
    return labels


def objects_in(labels: NDArray[np.uint8]) -> tuple[int, ...]:
    """Ids that occur in a label map or a piece of one, ascending."""
    present = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256))
    return tuple(int(i) for i in present if i)


def difference_box(before: LabelMap, after: LabelMap) -> RingBox | None:
    """The smallest box on the ring in which two label maps differ; None where they are equal."""
    mask = RingMask.of(before != after)
    return mask.box if mask is not None else None
