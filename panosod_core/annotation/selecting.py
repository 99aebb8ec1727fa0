"""Selecting by what the picture shows: a wand by colour, and GrabCut in an upright window around the object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.annotation.masks import BoolMask, RingMask
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.brush import stroke
from panosod_core.geometry.regions.morphology import bounding_cap
from panosod_core.geometry.regions.parts import part_at
from panosod_core.geometry.regions.ring import column_of, row_of
from panosod_core.geometry.regions.window import Window, facing
from panosod_core.geometry.sphere import FloatArray, azimuth_elevation

GRABCUT_PX = 224
"""Longest side of the window in which GrabCut works: 0.15 s an iteration at twice this."""
_ROUNDS = 3


def pixel_at(direction: ArrayLike, *, width: int, height: int) -> tuple[int, int]:
    """Row and column of the pixel that holds a direction."""
    azimuth, elevation = (float(a) for a in azimuth_elevation(np.asarray(direction, np.float64)))
    row = min(max(round(row_of(elevation, height)), 0), height - 1)
    return row, round(column_of(azimuth, width)) % width


def wand(
    picture: NDArray[np.uint8], direction: ArrayLike, *, tolerance: float, size: tuple[int, int] | None = None
) -> RingMask:
    """The connected area whose colour is near that of a place, over seam and poles.

    Args:
        picture: (h, w, 3) RGB of the full sphere.
        direction: (3,) of the place.
        tolerance: greatest distance in CIE L*a*b* (L* 0..100), about 2 for "just noticeable".
        size: (H, W) of the mask; None: the picture's.

    Raises:
        ValueError: a negative tolerance.
    """
    if tolerance < 0:
        raise ValueError(f"a tolerance is not negative, got {tolerance}")
    height, width = picture.shape[:2]
    row, column = pixel_at(direction, width=width, height=height)
    colours = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    # The colour of a small patch: one noisy pixel must not decide.
    rows = slice(max(0, row - 1), row + 2)
    patch = np.take(colours[rows], range(column - 1, column + 2), axis=1, mode="wrap")
    seed = np.median(patch.reshape(-1, 3), axis=0)
    distance = np.zeros((height, width), np.float32)
    for plane, value in zip(cv2.split(colours), seed, strict=True):
        distance += np.square(plane - value)
    near = distance <= tolerance**2
    near[row, column] = True
    found = RingMask.of(part_at(near, row, column))
    if found is not None and size is not None and size != (height, width):
        found = found.scaled((height, width), size)
    if found is None:
        raise AssertionError("the area holds its own seed")
    return found


@dataclass(frozen=True, eq=False)
class Hints:
    """What a person says about an object to be cut out.

    Attributes:
        inside: strokes on it, each (n, 3) directions.
        outside: strokes beside it.
        area: a region that holds all of it (a box or lasso), or None.
        start: what is believed so far, (H, W) bool, or None.
        stroke_rad: half the width of the strokes.
    """

    inside: Sequence[FloatArray] = ()
    outside: Sequence[FloatArray] = ()
    area: BoolMask | None = None
    start: BoolMask | None = None
    stroke_rad: float = math.radians(1.0)


def smart_select(picture: NDArray[np.uint8], hints: Hints, *, size: tuple[int, int]) -> RingMask | None:
    """Cut an object out by GrabCut (Rother et al. 2004), in a window that looks straight at it.

    Args:
        picture: (h, w, 3) RGB of the full sphere.
        hints: at least a stroke inside, an area, or a first belief.
        size: (H, W) of the mask.

    Returns:
        The object; None where nothing was found.

    Raises:
        AnnotationError: no hint says where the object is, or all of the window is said to be inside (or outside).
    """
    height, width = size
    sure_in = _drawn(hints.inside, hints.stroke_rad, size)
    sure_out = _drawn(hints.outside, hints.stroke_rad, size)
    believed = np.zeros(size, np.bool_) if hints.start is None else hints.start.copy()
    area = believed | sure_in if hints.area is None else hints.area | sure_in
    around = bounding_cap(area)
    if around is None:
        raise AnnotationError("expected a box around the object or a stroke on it")
    centre, radius = around
    # What lies around the object teaches GrabCut what is not the object. A stroke alone says little of its extent.
    reach = radius * (1.6 if hints.area is not None else 2.5) + math.radians(4)
    window = _window(centre, min(reach, math.pi / 2.2), picture.shape[1])
    directions = window.directions()
    colours = np.stack([np.asarray(window.look(picture[..., c], directions), np.uint8) for c in range(3)], axis=-1)
    codes = _codes(window, directions, hints, sure_in=sure_in, sure_out=sure_out, believed=believed)
    if hints.area is None and hints.start is None:
        _guess(codes, colours)
    if not ((codes == cv2.GC_FGD) | (codes == cv2.GC_PR_FGD)).any():
        raise AnnotationError("nothing is left of the object: draw a stroke on it")
    if not ((codes == cv2.GC_BGD) | (codes == cv2.GC_PR_BGD)).any():
        raise AnnotationError("nothing is left around the object: make the box larger or draw a stroke beside it")
    # OpenCV draws the first clusters at random: the same hints give the same mask.
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.grabCut(colours, codes, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = ((codes == cv2.GC_FGD) | (codes == cv2.GC_PR_FGD)).astype(np.float32)
    placed = window.place(np.asarray(cv2.GaussianBlur(found, (0, 0), 0.8), np.float32), width=width, height=height)
    if placed is None:
        return None
    # The last word is the person's.
    mask = (placed.full(size) | sure_in) & ~sure_out
    if hints.area is not None:
        mask &= hints.area | sure_in
    return RingMask.of(mask)


def _drawn(strokes: Sequence[FloatArray], radius: float, size: tuple[int, int]) -> BoolMask:
    mask = np.zeros(size, np.bool_)
    for points in strokes:
        for part in stroke(points, radius, width=size[1], height=size[0]):
            part.box.write_where(mask, np.ones_like(part.bits), part.bits)
    return mask


def _window(centre: FloatArray, reach: float, picture_width: int) -> Window:
    density = min(picture_width / (2 * math.pi), GRABCUT_PX / (2 * reach))
    return Window(facing(centre), 2 * reach, min(math.pi, 2 * reach), density)


def _codes(
    window: Window,
    directions: FloatArray,
    hints: Hints,
    *,
    sure_in: BoolMask,
    sure_out: BoolMask,
    believed: BoolMask,
) -> NDArray[np.uint8]:
    """GrabCut's four classes for every pixel of the window."""

    def seen(mask: BoolMask) -> BoolMask:
        return np.asarray(np.asarray(window.look(mask.astype(np.float32), directions)) >= 0.5)

    width, height = window.size
    codes = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    if hints.area is not None:
        codes[seen(hints.area)] = cv2.GC_PR_FGD
        codes[~seen(hints.area)] = cv2.GC_BGD
    if hints.start is not None:
        inside = seen(believed)
        codes[inside] = cv2.GC_PR_FGD
        if hints.area is None:
            codes[~inside] = cv2.GC_PR_BGD
    codes[seen(sure_in)] = cv2.GC_FGD
    codes[seen(sure_out)] = cv2.GC_BGD
    return codes


def _guess(codes: NDArray[np.uint8], colours: NDArray[np.uint8]) -> None:
    """With strokes alone: what is nearer in colour to them than to the window's rim may be the object. In place."""
    lab = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    beside = codes == cv2.GC_BGD
    beside[[0, -1]] = beside[:, [0, -1]] = True
    inside = codes == cv2.GC_FGD
    near = ((lab - np.median(lab[inside], axis=0)) ** 2).sum(axis=2)
    far = ((lab - np.median(lab[beside], axis=0)) ** 2).sum(axis=2)
    codes[(near < far) & (codes == cv2.GC_PR_BGD)] = cv2.GC_PR_FGD
