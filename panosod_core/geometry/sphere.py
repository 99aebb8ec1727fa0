"""The one page of conventions: directions, angles, pixels and rotations on the sphere.

Frame of reference (AmbiX): x front, y left, z up, right-handed. Azimuth is counter-clockwise from the front,
left positive, in (-pi, pi]; elevation is up positive. Pixel centre (i, j) of a W x H equirectangular picture has
``u = (i + .5) / W``, ``v = (j + .5) / H``, ``azimuth = (.5 - u) * 2 pi``, ``elevation = (.5 - v) * pi``: the centre
of the picture is the front, its left quarter the left, both edges are behind.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]


def direction(azimuth_rad: ArrayLike, elevation_rad: ArrayLike) -> FloatArray:
    """Unit vectors of directions given as angles.

    Args:
        azimuth_rad: any shape S, radians, left positive.
        elevation_rad: broadcastable with it, radians, up positive.

    Returns:
        S + (3,) float64, unit length: x front, y left, z up.
    """
    az, el = np.broadcast_arrays(np.asarray(azimuth_rad, np.float64), np.asarray(elevation_rad, np.float64))
    cos_el = np.cos(el)
    return np.stack([cos_el * np.cos(az), cos_el * np.sin(az), np.sin(el)], axis=-1)


def azimuth_elevation(directions: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Angles of direction vectors; the inverse of :func:`direction`.

    Args:
        directions: S + (3,), any positive length.

    Returns:
        Azimuth in (-pi, pi] and elevation in [-pi/2, pi/2], both of shape S, radians.
    """
    d = np.asarray(directions, np.float64)
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    azimuth = np.arctan2(y, x)
    # arctan2(-0., -1.) is -pi: fold it onto +pi so that "straight behind" has one name.
    azimuth = np.where(azimuth <= -np.pi, np.pi, azimuth)
    # atan2 rather than asin: asin loses a quarter of a pixel near the poles in single precision, and the shader
    # repeats this formula.
    return azimuth, np.arctan2(z, np.hypot(x, y))


def uv_to_direction(u: ArrayLike, v: ArrayLike) -> FloatArray:
    """Directions of equirectangular coordinates (u, v in [0, 1], origin top left)."""
    return direction((0.5 - np.asarray(u, np.float64)) * 2 * np.pi, (0.5 - np.asarray(v, np.float64)) * np.pi)


def direction_to_uv(directions: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Equirectangular coordinates of directions: u in [0, 1), v in [0, 1]."""
    azimuth, elevation = azimuth_elevation(directions)
    return 0.5 - azimuth / (2 * np.pi), 0.5 - elevation / np.pi


def equirect_directions(width: int, height: int) -> FloatArray:
    """Directions of the pixel centres of an equirectangular picture: (height, width, 3) float64."""
    u = (np.arange(width) + 0.5) / width
    v = (np.arange(height) + 0.5) / height
    return uv_to_direction(u[None, :], v[:, None])


def pixel_solid_angles(width: int, height: int) -> FloatArray:
    """Solid angle of the pixels of each row of an equirectangular picture.

    Returns:
        (height,) float64 steradians for one pixel of that row; ``width * sum`` is 4 pi exactly.
    """
    edges = np.pi / 2 - np.pi * np.arange(height + 1) / height
    return (np.sin(edges[:-1]) - np.sin(edges[1:])) * (2 * np.pi / width)


def angle_between(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Great-circle angle between directions, radians in [0, pi]; exact for small and for opposite angles."""
    va, vb = np.asarray(a, np.float64), np.asarray(b, np.float64)
    angle: FloatArray = np.arctan2(np.linalg.norm(np.cross(va, vb), axis=-1), np.sum(va * vb, axis=-1))
    return angle


def rotation(yaw_rad: float, pitch_rad: float = 0.0, roll_rad: float = 0.0) -> FloatArray:
    """Orientation of a view (or head) as ``R_world_view``: the matrix that takes view vectors to world vectors.

    ``Rz(yaw) Ry(-pitch) Rx(roll)``: yaw turns left, then pitch looks up, then roll leans clockwise as the viewer
    sees it (right ear down).

    Returns:
        (3, 3) float64, a proper rotation. Its first column is where the view looks.
    """
    cy, sy = np.cos(yaw_rad), np.sin(yaw_rad)
    cp, sp = np.cos(pitch_rad), np.sin(pitch_rad)
    cr, sr = np.cos(roll_rad), np.sin(roll_rad)
    r_yaw = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    r_pitch = np.array([[cp, 0.0, -sp], [0.0, 1.0, 0.0], [sp, 0.0, cp]])
    r_roll = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    matrix: FloatArray = r_yaw @ r_pitch @ r_roll
    return matrix


def yaw_pitch_roll(R_world_view: ArrayLike) -> tuple[float, float, float]:  # noqa: N803 - rotations are named by their frames
    """Angles of an orientation; the inverse of :func:`rotation`.

    At the poles, where yaw and roll turn about the same axis, roll is 0.

    Returns:
        yaw in (-pi, pi], pitch in [-pi/2, pi/2], roll in (-pi, pi], radians.
    """
    m = np.asarray(R_world_view, np.float64)
    pitch = float(np.arctan2(m[2, 0], np.hypot(m[0, 0], m[1, 0])))
    if np.hypot(m[0, 0], m[1, 0]) < 1e-9:
        return float(np.arctan2(-m[0, 1], m[1, 1])), pitch, 0.0
    return float(np.arctan2(m[1, 0], m[0, 0])), pitch, float(np.arctan2(m[2, 1], m[2, 2]))
