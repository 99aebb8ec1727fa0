"""Connected parts of a mask: over the seam, and through the poles, where all pixels of a row meet."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from panosod_core.geometry.regions.ring import BoolMask, RingBox, RingMask
from panosod_core.geometry.sphere import FloatArray, pixel_solid_angles


def label_parts(mask: NDArray[np.generic], *, diagonal: bool = True) -> tuple[NDArray[np.int32], int]:
    """Number the connected parts of a mask on the sphere.

    Args:
        mask: (H, W), not 0 inside.
        diagonal: pixels that touch at a corner are connected (as is usual for the inside; for what is around a mask it
            must then be false, or a thin outline would hold nothing).

    Returns:
        (H, W) int32, 0 outside, parts from 1 on, and their number.
    """
    inside = np.ascontiguousarray(mask != 0).view(np.uint8)
    count, numbered = cv2.connectedComponents(inside, connectivity=8 if diagonal else 4, ltype=cv2.CV_32S)
    raw = np.asarray(numbered, np.int32)
    if count <= 1:
        return raw, 0
    pairs = _seam_pairs(raw, diagonal=diagonal)
    for row in (raw[0], raw[-1]):
        touching = np.unique(row[row > 0])
        if touching.size > 1:
            pairs.append(np.stack([np.full(touching.size - 1, touching[0]), touching[1:]], axis=1))
    joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int32)
    graph = coo_matrix((np.ones(len(joined), np.bool_), (joined[:, 0], joined[:, 1])), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    # 0 is alone in its group, and stays 0.
    names, renamed = np.unique(group[1:], return_inverse=True)
    table = np.concatenate([[0], renamed + 1]).astype(np.int32)
    labels: NDArray[np.int32] = table[raw]
    return labels, len(names)


def _seam_pairs(raw: NDArray[np.int32], *, diagonal: bool) -> list[NDArray[np.int32]]:
    first, last = raw[:, 0], raw[:, -1]
    pairs = []
    for shift in (-1, 0, 1) if diagonal else (0,):
        a = first[max(0, shift) : len(first) + min(0, shift)]
        b = last[max(0, -shift) : len(last) + min(0, -shift)]
        both = (a > 0) & (b > 0)
        pairs.append(np.unique(np.stack([a[both], b[both]], axis=1), axis=0))
    return pairs


def part_areas(labels: NDArray[np.int32], count: int) -> FloatArray:
    """Solid angle of every part, steradians: (count,) for labels 1 to count."""
    height, width = labels.shape
    return _areas(labels, count, pixel_solid_angles(width, height))


def part_at(mask: NDArray[np.generic], row: int, column: int) -> BoolMask:
    """The connected part of the mask that holds a pixel; all false where the pixel is outside: (H, W)."""
    shape = (mask.shape[0], mask.shape[1])
    region = RingMask.of(np.asarray(mask != 0))
    if region is None or not mask[row, column % shape[1]]:
        return np.zeros(shape, np.bool_)
    bits, box, _ = _framed(region, shape)
    labels, _ = label_parts(bits)
    name = labels[row % shape[0] - box.y, (column - box.x) % shape[1]]
    return RingMask(box, labels == name).full(shape)


def largest_part(mask: NDArray[np.generic]) -> BoolMask:
    """Only the part with the largest solid angle: (H, W)."""
    shape = (mask.shape[0], mask.shape[1])
    region = RingMask.of(np.asarray(mask != 0))
    return np.zeros(shape, np.bool_) if region is None else largest_of(region, shape).full(shape)


def fill_holes(mask: NDArray[np.generic]) -> BoolMask:
    """The mask with all that it surrounds: of what is around it, only the part with the largest solid angle stays out.

    Args:
        mask: (H, W).
    """
    shape = (mask.shape[0], mask.shape[1])
    region = RingMask.of(np.asarray(mask != 0))
    return np.zeros(shape, np.bool_) if region is None else filled(region, shape).full(shape)


def largest_of(region: RingMask, shape: tuple[int, int]) -> RingMask:
    """As :func:`largest_part`, at the cost of what the region is large; ``shape`` is (H, W) of the sphere."""
    bits, box, weights = _framed(region, shape)
    labels, count = label_parts(bits)
    if count <= 1:
        return region
    part = labels == int(np.argmax(_areas(labels, count, weights))) + 1
    return RingMask(box, part)


def filled(region: RingMask, shape: tuple[int, int]) -> RingMask:
    """As :func:`fill_holes`, at the cost of what the region is large; ``shape`` is (H, W) of the sphere."""
    bits, box, weights = _framed(region, shape)
    labels, count = label_parts(~bits, diagonal=False)
    if count <= 1:
        return region
    areas = _areas(labels, count, weights)
    if box.height < shape[0]:
        # What the box leaves out of the sphere is one with its frame, and that is one: see below.
        corner = labels[0, 0] if box.y > 0 else labels[-1, 0]
        areas[corner - 1] += 4 * np.pi - float(weights.sum()) * box.width
    return RingMask(box, bits | (labels != int(np.argmax(areas)) + 1))


def _framed(region: RingMask, shape: tuple[int, int]) -> tuple[BoolMask, RingBox, FloatArray]:
    """A region with a frame of one empty pixel, where the sphere has room for it: pixels, box, solid angle by row.

    Seen as a sphere of its own it has the parts that it has on the large one: at the frame nothing meets. Where it
    touches a pole it is the whole ring, with a frame at the other side alone; a ring that touches none has something
    beyond it at either side, and is the whole sphere.
    """
    (height, width), box = shape, region.box
    top, bottom = max(0, box.y - 1), min(height, box.y + box.height + 1)
    if top == box.y or bottom == box.y + box.height:
        framed = RingBox(0, top, width, bottom - top)
    elif box.width + 2 > width:
        framed = RingBox(0, 0, width, height)
    else:
        framed = RingBox((box.x - 1) % width, top, box.width + 2, bottom - top)
    return region.within(framed, width), framed, pixel_solid_angles(width, height)[framed.y : framed.y + framed.height]


def _areas(labels: NDArray[np.int32], count: int, weights: FloatArray) -> FloatArray:
    """Solid angle of every part: (count,) for labels 1 to count, from that of a pixel in each row."""
    sums = np.bincount(labels.ravel(), weights=np.repeat(weights, labels.shape[1]), minlength=count + 1)
    return np.asarray(sums[1:], np.float64)
