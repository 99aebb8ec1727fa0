"""How much of the ring of azimuth a view shows. Pure; no Qt."""

import numpy as np

from panosod_core.geometry.projection import (
    View,
    ViewProjection,
    directions_to_viewport,
    viewport_to_directions,
    wrap_angle,
)
from panosod_core.geometry.sphere import azimuth_elevation

_SAMPLES = 33
"""Points on each edge of the viewport."""


def azimuth_span(view: View, *, aspect: float) -> tuple[float, float] | None:
    """The azimuths in a viewport.

    Args:
        view: what is looked at.
        aspect: width / height of the viewport.

    Returns:
        Azimuth in the middle of them, (-pi, pi], and half of their range, radians; None for the whole ring, as where a
        pole is in sight.
    """
    if view.projection is ViewProjection.EQUIRECT:
        half = view.fov_rad / 2
        return None if half >= np.pi - 1e-6 else (wrap_angle(view.yaw_rad), half)
    x, y = directions_to_viewport(view, np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), aspect=aspect)
    if np.any((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)):
        return None
    along = np.linspace(0.0, 1.0, _SAMPLES)
    low, high = np.zeros(_SAMPLES), np.ones(_SAMPLES)
    # Without a pole in it the extremes of azimuth lie on the viewport's edge.
    across = np.concatenate([along, high, along[::-1], low])
    down = np.concatenate([low, along, high, along[::-1]])
    azimuth, _ = azimuth_elevation(viewport_to_directions(view, across, down, aspect=aspect))
    turned = np.unwrap(np.concatenate([azimuth, azimuth[:1]]))
    middle, half = float(turned.max() + turned.min()) / 2, float(np.ptp(turned)) / 2
    return None if half >= np.pi - 1e-6 else (wrap_angle(middle), half)
