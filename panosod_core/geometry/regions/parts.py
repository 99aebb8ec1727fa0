"""Connected parts of a mask: over the seam, and through the poles, where all pixels of a row meet."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from panosod_core.geometry.regions.ring import BoolMask
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
    weights = np.repeat(pixel_solid_angles(width, height), width)
    sums = np.bincount(labels.ravel(), weights=weights, minlength=count + 1)
    return np.asarray(sums[1:], np.float64)


def part_at(mask: NDArray[np.generic], row: int, column: int) -> BoolMask:
    """The connected part of the mask that holds a pixel; all false where the pixel is outside: (H, W)."""
    labels, _ = label_parts(mask)
    name = labels[row, column % mask.shape[1]]
    part: BoolMask = (labels == name) & (name > 0)
    return part


def largest_part(mask: NDArray[np.generic]) -> BoolMask:
    """Only the part with the largest solid angle: (H, W)."""
    labels, count = label_parts(mask)
    if count == 0:
        return np.zeros(mask.shape, np.bool_)
    part: BoolMask = labels == int(np.argmax(part_areas(labels, count))) + 1
    return part


def fill_holes(mask: NDArray[np.generic]) -> BoolMask:
    """The mask with all that it surrounds: of what is around it, only the part with the largest solid angle stays out.

    Args:
        mask: (H, W).
    """
    inside: BoolMask = mask != 0
    labels, count = label_parts(~inside, diagonal=False)
    if count <= 1:
        return inside
    outside = int(np.argmax(part_areas(labels, count))) + 1
    filled: BoolMask = inside | (labels != outside)
    return filled
