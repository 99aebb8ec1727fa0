"""Moving a region over the sphere without changing its shape there."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.geometry.regions.brush import cap
from panosod_core.geometry.regions.morphology import cap_about
from panosod_core.geometry.regions.ring import BoolMask, RingMask, column_azimuths, row_elevations
from panosod_core.geometry.sphere import FloatArray


def turned(mask: NDArray[np.generic], R_new_old: ArrayLike) -> BoolMask:  # noqa: N803 - rotations are named by their frames
    """A mask turned over the sphere: each pixel takes what was at the direction that is turned onto it (nearest pixel).

    Args:
        mask: (H, W).
        R_new_old: (3, 3) rotation that takes old directions to new ones.
    """
    height, width = mask.shape
    region = RingMask.of(np.asarray(mask != 0))
    moved = None if region is None else turned_region(region, R_new_old, width=width, height=height)
    return np.zeros(mask.shape, np.bool_) if moved is None else moved.full((height, width))


def turned_region(region: RingMask, R_new_old: ArrayLike, *, width: int, height: int) -> RingMask | None:  # noqa: N803 - rotations are named by their frames
    """As :func:`turned`, at the cost of what the region is large, not the sphere.

    Args:
        region: what is turned.
        R_new_old: (3, 3) rotation that takes old directions to new ones.
        width: of the sphere's picture.
        height: of the sphere's picture.

    Returns:
        The region; None where no pixel's centre falls into it.
    """
    rotation = np.asarray(R_new_old, np.float64)
    around = cap_about(region, width=width, height=height)
    if around is None:
        return None
    centre, radius = around
    # Two pixels more: the nearest pixel to a direction outside the cap may lie inside.
    where = cap(rotation @ centre, min(math.pi, radius + 2 * math.pi / height), width=width, height=height)
    if where is None:
        return None
    box = where.box
    azimuths = column_azimuths(width)[(box.x + np.arange(box.width)) % width]
    elevations = row_elevations(height)[box.y : box.y + box.height]
    cosines = np.cos(elevations)[:, None]
    across = np.stack([np.cos(azimuths), np.sin(azimuths)])
    # (R^T p)^T = p^T R, a coordinate at a time.
    x, y, z = (cosines * (r[:2] @ across)[None, :] + np.sin(elevations)[:, None] * r[2] for r in rotation.T)
    column = np.floor((0.5 - np.arctan2(y, x) / (2 * math.pi)) * width).astype(np.intp) % width
    row = np.clip(np.floor((0.5 - np.arcsin(np.clip(z, -1.0, 1.0)) / math.pi) * height).astype(np.intp), 0, height - 1)
    old = region.box
    column, row = (column - old.x) % width, row - old.y
    is_in = where.bits & (column < old.width) & (row >= 0) & (row < old.height)
    bits = np.zeros(is_in.shape, np.bool_)
    bits[is_in] = region.bits[row[is_in], column[is_in]]
    return RingMask(box, bits).trimmed(width)


def shortest_turn(start: ArrayLike, end: ArrayLike) -> FloatArray:
    """The rotation about the axis across both that takes one direction to another: (3, 3).

    Args:
        start: (3,) of any length.
        end: (3,) of any length; opposite to `start`, any axis across it serves.
    """
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine, cosine = float(np.linalg.norm(axis)), float(a @ b)
    if sine < 1e-12:
        if cosine > 0:
            return np.eye(3)
        other = np.eye(3)[int(np.argmin(np.abs(a)))]
        axis = np.cross(a, other)
    axis /= np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn: FloatArray = np.eye(3) + sine * cross + (1 - cosine) * cross @ cross
    return turn


def turn_about(axis: ArrayLike, angle_rad: float) -> FloatArray:
    """The rotation by an angle, counter-clockwise seen from the axis's tip: (3, 3).

    Args:
        axis: (3,) of any length.
        angle_rad: radians.
    """
    k = np.asarray(axis, np.float64)
    k = k / np.linalg.norm(k)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    turn: FloatArray = np.eye(3) + math.sin(angle_rad) * cross + (1 - math.cos(angle_rad)) * cross @ cross
    return turn
