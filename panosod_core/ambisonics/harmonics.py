"""Real spherical harmonics and the rotation of a sound field, to third order. numpy only: the audio process uses it.

ACN order, SN3D normalisation, no Condon-Shortley phase (AmbiX, Nachbar et al. 2011).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.ambisonics.format import MAX_ORDER, channel_count

FloatArray = NDArray[np.float64]

_SQRT3 = 3**0.5
_SQRT15 = 15**0.5
_SQRT3_8 = (3 / 8) ** 0.5
_SQRT5_8 = (5 / 8) ** 0.5


def checked_order(order: int) -> int:
    """The order itself.

    Raises:
        ValueError: it lies outside 0..3.
    """
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"ambisonic order must lie in 0..{MAX_ORDER}, got {order}")
    return order


def real_sh(order: int, directions: ArrayLike) -> FloatArray:
    """Real spherical harmonics of directions: the gains that encode a plane wave from there.

    Closed forms in x, y, z (Nachbar et al. 2011, table 1, rewritten for unit vectors).

    Args:
        order: 0..3.
        directions: S + (3,) unit vectors (x front, y left, z up); not normalised here.

    Returns:
        S + ((order + 1)^2,) float64, ACN order, SN3D: the first is 1, the next three are y, z, x.

    Raises:
        ValueError: the order lies outside 0..3, or the last axis of ``directions`` is not 3.
    """
    d = np.asarray(directions, np.float64)
    if d.ndim == 0 or d.shape[-1] != 3:
        raise ValueError(f"directions must have 3 components on the last axis, got shape {d.shape}")
    out = np.empty((*d.shape[:-1], channel_count(checked_order(order))))
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    out[..., 0] = 1.0
    if order >= 1:
        out[..., 1], out[..., 2], out[..., 3] = y, z, x
    if order >= 2:
        zz = z * z
        xy = x * y
        cos_2 = (x - y) * (x + y)
        out[..., 4] = _SQRT3 * xy
        out[..., 5] = _SQRT3 * y * z
        out[..., 6] = 1.5 * zz - 0.5
        out[..., 7] = _SQRT3 * x * z
        out[..., 8] = _SQRT3 / 2 * cos_2
        if order >= 3:
            ring = _SQRT3_8 * (5.0 * zz - 1.0)
            out[..., 9] = _SQRT5_8 * y * (cos_2 + 2.0 * x * x)
            out[..., 10] = _SQRT15 * xy * z
            out[..., 11] = y * ring
            out[..., 12] = z * (2.5 * zz - 1.5)
            out[..., 13] = x * ring
            out[..., 14] = _SQRT15 / 2 * z * cos_2
            out[..., 15] = _SQRT5_8 * x * (cos_2 - 2.0 * y * y)
    return out


def _half_lebedev_26() -> tuple[FloatArray, FloatArray]:
    """One of each antipodal pair of the 26-point Lebedev rule, with weights that sum to 1 over the 13.

    The rule integrates polynomials to degree 7 exactly (Lebedev 1976); products of two harmonics of one degree are
    even, so that half the points, counted twice, do.
    """
    faces = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    edges = [(1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1)]
    corners = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)]
    points = np.array(faces + edges + corners, np.float64)
    weights = 2.0 * np.repeat([1 / 21, 4 / 105, 9 / 280], [3, 6, 4])
    return points / np.linalg.norm(points, axis=1, keepdims=True), weights


_POINTS, _WEIGHTS = _half_lebedev_26()
# Projection onto the harmonics of degree l: row c of _ANALYSIS[l] integrates against harmonic c of that degree.
_ANALYSIS = {
    degree: (2 * degree + 1) * (_WEIGHTS[:, None] * real_sh(MAX_ORDER, _POINTS)[:, degree**2 : (degree + 1) ** 2]).T
    for degree in (2, 3)
}
_YZX = np.ix_([1, 2, 0], [1, 2, 0])


def sh_rotation(order: int, R: ArrayLike) -> FloatArray:  # noqa: N803 - a rotation matrix
    """The matrix that turns a sound field: ``turned = M @ channels`` for sources that moved by ``d -> R @ d``.

    Harmonics of one degree span a space that rotations keep, so projecting the turned harmonics back by a quadrature
    that is exact for their products gives the exact matrix (checked against Ivanic & Ruedenberg's recurrence,
    J. Phys. Chem. 1996 with the corrigendum of 1998). A few products of small matrices: cheap enough for every block.

    For head tracking the field in the head's frame is ``sh_rotation(order, R_world_head.T) @ field``.

    Args:
        order: 0..3.
        R: (3, 3) proper rotation; not checked, because it is called in the audio callback.

    Returns:
        (C, C) float64, orthogonal, block diagonal by degree.

    Raises:
        ValueError: the order lies outside 0..3, or ``R`` is not 3x3.
    """
    r = np.asarray(R, np.float64)
    if r.shape != (3, 3):
        raise ValueError(f"a rotation matrix is 3x3, got shape {r.shape}")
    matrix = np.zeros((channel_count(checked_order(order)),) * 2)
    matrix[0, 0] = 1.0
    if order >= 1:
        matrix[1:4, 1:4] = r[_YZX]
    if order >= 2:
        turned = real_sh(order, _POINTS @ r.T)
        for degree in range(2, order + 1):
            block = slice(degree**2, (degree + 1) ** 2)
            # SN3D and N3D agree within one degree, so no scaling enters here.
            matrix[block, block] = (_ANALYSIS[degree] @ turned[:, block]).T
    return matrix
