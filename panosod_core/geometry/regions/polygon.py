"""Polygons whose edges are great-circle arcs."""

import math

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.regions.ring import BoolMask, column_azimuths
from panosod_core.geometry.sphere import azimuth_elevation, pixel_solid_angles


def polygon(vertices: ArrayLike, *, width: int, height: int) -> BoolMask:
    """Pixels whose centre lies inside a closed polygon on the sphere (even-odd rule, so it may cross itself).

    Of the two sides that a closed line has on a sphere the one with the smaller solid angle is the inside. Seam and
    poles are places like any other.

    Args:
        vertices: (n, 3) directions of any length, n >= 3; the last is joined with the first; neighbours are joined by
            the shorter arc.
        width: of the picture.
        height: of the picture.

    Returns:
        (height, width) bool.

    Raises:
        ValueError: fewer than three vertices.
    """
    corners = np.asarray(vertices, np.float64).reshape(-1, 3)
    if len(corners) < 3:
        raise ValueError(f"a polygon needs three vertices, got {len(corners)}")
    corners = corners / np.linalg.norm(corners, axis=1, keepdims=True)
    toggles = _crossings(corners, width, height)
    # Down each column the side changes at every edge; the north pole is taken to be outside at first.
    inside: BoolMask = np.bitwise_xor.accumulate(toggles[:-1], axis=0).astype(np.bool_)
    area = float(pixel_solid_angles(width, height) @ inside.sum(axis=1))
    return ~inside if area > 2 * math.pi else inside


def _crossings(corners: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height + 1, width) uint8: 1 where the line is crossed an odd number of times just above a pixel's centre."""
    start, end = corners, np.roll(corners, -1, axis=0)
    azimuth, _ = azimuth_elevation(corners)
    following = np.roll(azimuth, -1)
    columns = column_azimuths(width)
    turn = 2 * math.pi
    forward = (following - azimuth) % turn
    backward = (azimuth - following) % turn
    ahead = forward <= math.pi
    # Half-open stretches of azimuth, the same arithmetic for the end of one edge and the start of the next: a vertex on
    # a column's meridian is counted once where the line passes, twice or never where it turns back.
    origin = np.where(ahead, azimuth, following)
    length = np.where(ahead, forward, backward)
    crossed = (columns[None, :] - origin[:, None]) % turn < length[:, None]
    edge, column = np.nonzero(crossed)
    normal = np.cross(start, end)[edge]
    at = columns[column]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = -(normal[:, 0] * np.cos(at) + normal[:, 1] * np.sin(at)) / normal[:, 2]
    # An edge over a pole stands upright in the picture: its slope is infinite, and its crossing is the pole.
    elevation = np.arctan(np.nan_to_num(slope, nan=0.0, posinf=np.inf, neginf=-np.inf))
    row = np.clip(np.ceil((0.5 - elevation / math.pi) * height - 0.5), 0, height).astype(np.intp)
    counts = np.bincount(row * width + column, minlength=(height + 1) * width)
    return (counts & 1).astype(np.uint8).reshape(height + 1, width)
