"""Putting a mono signal somewhere in a sound field. numpy only."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.ambisonics.harmonics import real_sh

NEAREST_M = 0.25
"""Distance below which a point source gets no louder: 1/r has no end."""


def encode_plane_wave(signal: ArrayLike, directions: ArrayLike, *, order: int = 1) -> NDArray[np.float32]:
    """A plane wave from a direction, fixed or moving.

    Args:
        signal: (n,) samples.
        directions: (3,) for a source at rest, or (n, 3), one for each sample. Normalised here.
        order: 0..3.

    Returns:
        ((order + 1)^2, n) float32, ACN/SN3D.

    Raises:
        ValueError: the shapes do not fit, a direction has no length, or something is not finite.
    """
    s = np.asarray(signal, np.float64)
    d = np.asarray(directions, np.float64)
    if s.ndim != 1:
        raise ValueError(f"the signal must have one dimension, got shape {s.shape}")
    if d.shape not in ((3,), (len(s), 3)):
        raise ValueError(f"directions must have shape (3,) or ({len(s)}, 3), got {d.shape}")
    length = np.linalg.norm(d, axis=-1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise ValueError("directions must be finite and not zero")
    if not np.isfinite(s).all():
        raise ValueError("the signal must be finite")
    gains = real_sh(order, d / length)
    return np.ascontiguousarray((gains.T if d.ndim == 2 else gains[:, None]) * s, np.float32)


def encode_point(
    signal: ArrayLike, positions: ArrayLike, *, order: int = 1, reference_m: float = 1.0
) -> NDArray[np.float32]:
    """A point source: a plane wave from its direction, with a gain of ``reference_m / distance``.

    Neither the time of flight nor the near field's bass boost is rendered: picture and sound of a point stay in step.

    Args:
        signal: (n,) samples, as heard at ``reference_m``.
        positions: (3,) or (n, 3) metres from the listener.
        order: 0..3.
        reference_m: distance of gain 1, > 0. Nearer than 0.25 m the gain stays what it is there.

    Returns:
        ((order + 1)^2, n) float32, ACN/SN3D.

    Raises:
        ValueError: the shapes do not fit, a position is the listener's own, or something is not finite.
    """
    if not reference_m > 0:
        raise ValueError(f"reference_m must be positive, got {reference_m}")
    p = np.asarray(positions, np.float64)
    gain = reference_m / np.maximum(np.linalg.norm(p, axis=-1), NEAREST_M)
    return encode_plane_wave(np.asarray(signal, np.float64) * gain, p, order=order)
