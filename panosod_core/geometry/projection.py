"""From a pixel of the viewport to a direction in the world, and back.

One family of radial projections serves both looks of the sphere view: a ray at angle t from the view axis lands at
radius ``r(t) = tan(k t) / k``. ``k = 1`` is the rectilinear perspective, ``k = 1/2`` the stereographic one (little
planet), and what lies between blends them without a jump. The shader repeats these formulas; a parity test holds the
two together.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.sphere import (
    FloatArray,
    azimuth_elevation,
    direction,
    rotation,
)

BLEND_START_RAD = float(np.radians(100.0))
"""Horizontal field of view up to which the perspective is purely rectilinear."""
BLEND_END_RAD = float(np.radians(150.0))
"""Horizontal field of view from which on the perspective has become stereographic."""
MIN_FOV_RAD = float(np.radians(5.0))
MAX_FOV_RAD = float(np.radians(320.0))


class ViewProjection(StrEnum):
    """How the sphere is laid onto the viewport."""

    PERSPECTIVE = "perspective"
    """Rectilinear, blending into stereographic as the field of view passes 100 degrees."""
    STEREOGRAPHIC = "stereographic"
    EQUIRECT = "equirect"
    """The flat map: ``yaw`` is the azimuth in its centre, ``pitch`` the elevation there, ``roll`` unused."""


@dataclass(frozen=True)
class View:
    """Where the camera looks. Checked at birth; immutable.

    Attributes:
        yaw_rad: left positive, any value (kept as given).
        pitch_rad: up positive, [-pi/2, pi/2].
        roll_rad: clockwise positive.
        fov_rad: horizontal field of view: the angle between the middles of the left and right edges
            (for EQUIRECT the range of azimuth across the viewport, at most 2 pi).
        projection: how the sphere is laid out.
    """

    yaw_rad: float = 0.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    fov_rad: float = float(np.radians(90.0))
    projection: ViewProjection = ViewProjection.PERSPECTIVE

    def __post_init__(self) -> None:
        for name in ("yaw_rad", "pitch_rad", "roll_rad", "fov_rad"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"View.{name} must be finite, got {getattr(self, name)!r}")
        if abs(self.pitch_rad) > np.pi / 2 + 1e-9:
            raise ValueError(f"View.pitch_rad must lie in [-pi/2, pi/2], got {self.pitch_rad}")
        limit = 2 * np.pi if self.projection is ViewProjection.EQUIRECT else MAX_FOV_RAD
        if not 0 < self.fov_rad <= limit + 1e-9:
            raise ValueError(f"View.fov_rad must lie in (0, {limit:.3f}], got {self.fov_rad}")

    @property
    def R_world_view(self) -> FloatArray:  # noqa: N802 - rotations are named by their frames
        """(3, 3): view vectors to world vectors; identity-free of projection."""
        return rotation(self.yaw_rad, self.pitch_rad, self.roll_rad)

    @property
    def k(self) -> float:
        """The k of ``r(t) = tan(k t) / k`` for this view (1 rectilinear ... 1/2 stereographic)."""
        if self.projection is ViewProjection.STEREOGRAPHIC:
            return 0.5
        s = float(np.clip((self.fov_rad - BLEND_START_RAD) / (BLEND_END_RAD - BLEND_START_RAD), 0.0, 1.0))
        return 1.0 - 0.5 * s * s * (3.0 - 2.0 * s)

    @property
    def edge_radius(self) -> float:
        """Radius r on the projection plane that falls on the middle of the left and right edge."""
        return float(np.tan(self.k * self.fov_rad / 2) / self.k)

    def turned(self, **changes: float) -> "View":
        """A copy with some fields changed, angles wrapped and clamped into their ranges."""
        new = {name: float(getattr(self, name)) for name in ("yaw_rad", "pitch_rad", "roll_rad", "fov_rad")} | changes
        top = 2 * np.pi if self.projection is ViewProjection.EQUIRECT else MAX_FOV_RAD
        return replace(
            self,
            yaw_rad=wrap_angle(new["yaw_rad"]),
            pitch_rad=float(np.clip(new["pitch_rad"], -np.pi / 2, np.pi / 2)),
            roll_rad=wrap_angle(new["roll_rad"]),
            fov_rad=float(np.clip(new["fov_rad"], MIN_FOV_RAD, top)),
        )


def wrap_angle(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    wrapped = float(np.pi - np.mod(np.pi - angle_rad, 2 * np.pi))
    return wrapped if wrapped > -np.pi else float(np.pi)


def viewport_to_view_rays(view: View, x: ArrayLike, y: ArrayLike, *, aspect: float) -> FloatArray:
    """Rays in the **view** frame of viewport points, for the radial projections.

    Args:
        view: its projection must not be EQUIRECT.
        x: horizontal position, 0 at the left edge and 1 at the right edge.
        y: vertical position, 0 at the top edge and 1 at the bottom edge.
        aspect: viewport width / height in square pixels.

    Returns:
        S + (3,) unit vectors (x forward, y left, z up).
    """
    scale = view.edge_radius
    left = (1.0 - 2.0 * np.asarray(x, np.float64)) * scale
    up = (1.0 - 2.0 * np.asarray(y, np.float64)) * scale / aspect
    left, up = np.broadcast_arrays(left, up)
    r = np.hypot(left, up)
    theta = np.arctan(view.k * r) / view.k
    # sin(theta) / r tends to 1 at the centre
    ratio = np.where(r > 1e-12, np.sin(theta) / np.maximum(r, 1e-12), 1.0)
    return np.stack([np.cos(theta), left * ratio, up * ratio], axis=-1)


def viewport_to_directions(view: View, x: ArrayLike, y: ArrayLike, *, aspect: float) -> FloatArray:
    """World directions of viewport points (see :func:`viewport_to_view_rays` for the arguments).

    In an EQUIRECT view, points above or below the map have no direction: NaN.
    """
    if view.projection is ViewProjection.EQUIRECT:
        azimuth = view.yaw_rad + (0.5 - np.asarray(x, np.float64)) * view.fov_rad
        elevation = view.pitch_rad + (0.5 - np.asarray(y, np.float64)) * view.fov_rad / aspect
        d = direction(azimuth, elevation)
        outside = np.broadcast_to(np.abs(elevation) > np.pi / 2, d.shape[:-1])
        return np.where(outside[..., None], np.nan, d)
    return viewport_to_view_rays(view, x, y, aspect=aspect) @ view.R_world_view.T


def directions_to_viewport(view: View, directions: ArrayLike, *, aspect: float) -> tuple[FloatArray, FloatArray]:
    """Viewport points of world directions; the inverse of :func:`viewport_to_directions`.

    Directions that the projection cannot show (90/k degrees or more from the axis) give NaN.

    Returns:
        x and y, 0..1 inside the viewport, beyond it outside.
    """
    d = np.asarray(directions, np.float64)
    if view.projection is ViewProjection.EQUIRECT:
        azimuth, elevation = azimuth_elevation(d)
        turn = np.pi - np.mod(np.pi - (azimuth - view.yaw_rad), 2 * np.pi)
        return 0.5 - turn / view.fov_rad, 0.5 - (elevation - view.pitch_rad) * aspect / view.fov_rad
    ray = d @ view.R_world_view
    sideways = np.hypot(ray[..., 1], ray[..., 2])
    theta = np.arctan2(sideways, ray[..., 0])
    k, scale = view.k, view.edge_radius
    visible = k * theta < np.pi / 2 - 1e-6
    radius = np.where(visible, np.tan(np.where(visible, k * theta, 0.0)) / k, np.nan)
    ratio = np.where(sideways > 1e-12, radius / np.maximum(sideways, 1e-12), radius * 0 + 1.0)
    return 0.5 - ray[..., 1] * ratio / (2 * scale), 0.5 - ray[..., 2] * ratio * aspect / (2 * scale)
