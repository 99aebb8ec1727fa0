"""The look tool: pointer and keys in, a new view out. Pure algebra, no Qt.

Positions are fractions of the pane (x right, y down, origin top left), as in ``geometry.projection``. A drag keeps the
world direction that was grabbed under the pointer, whatever the field of view, projection and roll: the two angles of
the view are solved from it instead of being nudged by pixels, so nothing drifts however long the drag.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from panosod_core.geometry.projection import (
    MAX_FOV_RAD,
    MIN_FOV_RAD,
    View,
    ViewProjection,
    viewport_to_directions,
    viewport_to_view_rays,
    wrap_angle,
)
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction
from panosod_viewer.scene import FlatView

ZOOM_PER_STEP = 1.1
"""Factor of the field of view for one notch of a wheel."""
LITTLE_PLANET_FOV_RAD = math.radians(260.0)
MIN_MAP_FOV_RAD = math.radians(20.0)
MAX_FLAT_ZOOM = 32.0
_POLE_DAMPING = 0.1
"""Weight of the old yaw against the pointer's pull where a stopped drag passes over a pole: without it the view would
spin by half a turn within a pixel."""

_PLAUSIBLE = 4.0
"""How many times further than the hand pulled a view may tilt beside a pole before it counts as falling across it."""


@dataclass(frozen=True)
class Grab:
    """What a drag holds.

    Attributes:
        azimuth_rad, elevation_rad: of the grabbed point; elevation may lie beyond the poles on the flat map's border.
    """

    azimuth_rad: float
    elevation_rad: float


def grab(view: View, x: float, y: float, *, aspect: float) -> Grab:
    """Take hold of what lies under the pointer."""
    if view.projection is ViewProjection.EQUIRECT:
        return Grab(view.yaw_rad + (0.5 - x) * view.fov_rad, view.pitch_rad + (0.5 - y) * view.fov_rad / aspect)
    azimuth, elevation = azimuth_elevation(viewport_to_directions(view, x, y, aspect=aspect))
    return Grab(float(azimuth), float(elevation))


def drag(view: View, held: Grab, x: float, y: float, *, aspect: float) -> tuple[View, Grab]:
    """Turn the view so that the held point lies under the pointer again.

    Where no yaw and pitch can bring it there (the pointer pulls past a pole, or a rolled view would have to tilt
    beyond straight up), the view stops at the pole and the hand slips: what then lies under the pointer is held
    instead, so that pulling back answers at once.

    Args:
        view: as it is now; field of view, roll and projection are kept.
        held: from :func:`grab`, or from the last call.
        x: of the pointer, fraction of the pane; may lie outside it.
        y: likewise.
        aspect: pane width / height.

    Returns:
        The turned view, and what is held from now on.
    """
    if view.projection is ViewProjection.EQUIRECT:
        return _drag_map(view, held, x, y, aspect=aspect), held
    ray = viewport_to_view_rays(view, x, y, aspect=aspect)
    cos_roll, sin_roll = math.cos(view.roll_rad), math.sin(view.roll_rad)
    # Rz(yaw) Ry(-pitch) q = d with q the ray after roll: the z row holds pitch alone, the rest then gives yaw.
    qx = float(ray[0])
    qy = cos_roll * float(ray[1]) - sin_roll * float(ray[2])
    qz = sin_roll * float(ray[1]) + cos_roll * float(ray[2])
    pulled_rad = float(angle_between(view.R_world_view @ ray, direction(held.azimuth_rad, held.elevation_rad)))
    pitch, is_exact = _solve_pitch(qx, qz, math.sin(held.elevation_rad), near=view.pitch_rad, pulled_rad=pulled_rad)
    forward = math.cos(pitch) * qx - math.sin(pitch) * qz
    yaw = held.azimuth_rad - math.atan2(qy, forward)
    if is_exact:
        return view.turned(yaw_rad=yaw, pitch_rad=pitch), held
    pull = math.hypot(qy, forward) * math.cos(held.elevation_rad)
    yaw = math.atan2(
        pull * math.sin(yaw) + _POLE_DAMPING * math.sin(view.yaw_rad),
        pull * math.cos(yaw) + _POLE_DAMPING * math.cos(view.yaw_rad),
    )
    stopped = view.turned(yaw_rad=yaw, pitch_rad=pitch)
    return stopped, grab(stopped, x, y, aspect=aspect)


def _solve_pitch(qx: float, qz: float, z: float, *, near: float, pulled_rad: float) -> tuple[float, bool]:
    """Pitch with ``sin(p) qx + cos(p) qz = z`` in [-pi/2, pi/2]; False with it when the held point cannot follow.

    Two pitches solve it, one each side of the pole. A hand that pulls past the pole must not fall onto the far one,
    half a turn away: beside the pole a solution counts only if it lies about as far off as the hand pulled.
    """
    reach, phase = math.hypot(qx, qz), math.atan2(qz, qx)
    if reach < 1e-12:
        return near, False
    # Rounding alone must not make the top of the arc unreachable.
    is_in_reach = abs(z) <= reach * (1.0 + 1e-12)
    angle = math.asin(min(1.0, max(-1.0, z / reach)))
    best, other = sorted((wrap_angle(angle - phase), wrap_angle(math.pi - angle - phase)), key=lambda p: abs(p - near))
    limit = math.pi / 2
    if not is_in_reach:
        return min(limit, max(-limit, best)), False
    if abs(best) <= limit + 1e-12 and (abs(near) < limit - 1e-6 or abs(best - near) <= _PLAUSIBLE * pulled_rad):
        return min(limit, max(-limit, best)), True
    if abs(other) <= limit and abs(other - near) <= _PLAUSIBLE * pulled_rad:
        return other, True
    return math.copysign(limit, best if abs(best) > limit else near), False


def _drag_map(view: View, held: Grab, x: float, y: float, *, aspect: float) -> View:
    yaw = held.azimuth_rad - (0.5 - x) * view.fov_rad
    pitch = held.elevation_rad - (0.5 - y) * view.fov_rad / aspect
    return view.turned(yaw_rad=yaw, pitch_rad=_clamp_map_pitch(pitch, view.fov_rad, aspect))


def _clamp_map_pitch(pitch_rad: float, fov_rad: float, aspect: float) -> float:
    """Keep the map's border at or outside the pane's, and the map in the middle when it is smaller than the pane."""
    limit = max(0.0, (math.pi - fov_rad / aspect) / 2)
    return min(limit, max(-limit, pitch_rad))


def zoom(view: View, steps: float, x: float, y: float, *, aspect: float) -> View:
    """Zoom about the pointer: what lies under it stays there.

    Args:
        view: as it is now.
        steps: wheel notches, positive zooms in; fractions for touchpads.
        x: of the pointer, fraction of the pane.
        y: likewise.
        aspect: pane width / height.
    """
    return zoom_to(view, view.fov_rad * ZOOM_PER_STEP**-steps, x, y, aspect=aspect)


def zoom_to(view: View, fov_rad: float, x: float = 0.5, y: float = 0.5, *, aspect: float) -> View:
    """Set the field of view, clamped into its range, keeping what lies under (x, y)."""
    held = grab(view, x, y, aspect=aspect)
    if view.projection is ViewProjection.EQUIRECT:
        zoomed = view.turned(fov_rad=min(2 * math.pi, max(MIN_MAP_FOV_RAD, fov_rad)))
    else:
        zoomed = view.turned(fov_rad=min(MAX_FOV_RAD, max(MIN_FOV_RAD, fov_rad)))
    return drag(zoomed, held, x, y, aspect=aspect)[0]


def turn(view: View, *, left: float = 0.0, up: float = 0.0) -> View:
    """Turn by fractions of the field of view, as the arrow keys do; ``up`` stops at the poles."""
    step = min(view.fov_rad, math.pi / 2)
    return view.turned(yaw_rad=view.yaw_rad + left * step, pitch_rad=view.pitch_rad + up * step)


def roll(view: View, *, clockwise_rad: float) -> View:
    """Lean the view; the flat map has no roll."""
    if view.projection is ViewProjection.EQUIRECT:
        return view
    return view.turned(roll_rad=view.roll_rad + clockwise_rad)


def initial_view(initial_view_deg: tuple[float, float, float], *, fov_rad: float = math.pi / 2) -> View:
    """Where a clip wants to be looked at first, its metadata's (yaw, pitch, roll) in degrees."""
    yaw, pitch, roll_rad = (math.radians(angle) for angle in initial_view_deg)
    return View().turned(yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll_rad, fov_rad=fov_rad)


def little_planet(view: View) -> View:
    """Look straight down from high above, keeping the bearing."""
    return replace(
        view,
        pitch_rad=-math.pi / 2,
        roll_rad=0.0,
        fov_rad=LITTLE_PLANET_FOV_RAD,
        projection=ViewProjection.PERSPECTIVE,
    )


def is_little_planet(view: View) -> bool:
    """True where the ground lies in the middle and the horizon around it, however one got there."""
    return view.pitch_rad < -math.pi / 4 and view.fov_rad > math.pi


def look_at(view: View, azimuth_rad: float, elevation_rad: float) -> View:
    """Bring a direction to the middle of the view."""
    return view.turned(yaw_rad=azimuth_rad, pitch_rad=elevation_rad)


def direction_at(view: View, x: float, y: float, *, aspect: float) -> tuple[float, float, float] | None:
    """Unit vector of the world under the pointer, None beside the flat map."""
    d = viewport_to_directions(view, x, y, aspect=aspect)
    if np.isnan(d).any():
        return None
    return float(d[0]), float(d[1]), float(d[2])


# --- clips that are drawn flat ---------------------------------------------------------------------------------------


def flat_span(flat: FlatView, *, aspect: float, picture_aspect: float) -> tuple[float, float]:
    """How much of a flat picture's width and height (fractions; above 1 with borders) the pane shows.

    Args:
        flat: pan and zoom.
        aspect: pane width / height.
        picture_aspect: width / height of the picture as it is shown.
    """
    ratio = aspect / picture_aspect
    return max(1.0, ratio) / flat.zoom, max(1.0, 1.0 / ratio) / flat.zoom


def flat_uv(flat: FlatView, x: float, y: float, *, aspect: float, picture_aspect: float) -> tuple[float, float]:
    """The point of a flat picture under the pointer, fractions of the picture, beyond 0..1 on the border."""
    span_u, span_v = flat_span(flat, aspect=aspect, picture_aspect=picture_aspect)
    return flat.centre_u + (x - 0.5) * span_u, flat.centre_v + (y - 0.5) * span_v


def drag_flat(
    flat: FlatView, held_uv: tuple[float, float], x: float, y: float, *, aspect: float, picture_aspect: float
) -> FlatView:
    """Pan so that the held point of the picture lies under the pointer; the picture never leaves the pane."""
    span_u, span_v = flat_span(flat, aspect=aspect, picture_aspect=picture_aspect)
    return replace(
        flat,
        centre_u=_clamp_centre(held_uv[0] - (x - 0.5) * span_u, span_u),
        centre_v=_clamp_centre(held_uv[1] - (y - 0.5) * span_v, span_v),
    )


def _clamp_centre(centre: float, span: float) -> float:
    if span >= 1.0:
        return 0.5
    return min(1.0 - span / 2, max(span / 2, centre))


def zoom_flat(flat: FlatView, steps: float, x: float, y: float, *, aspect: float, picture_aspect: float) -> FlatView:
    """Zoom a flat picture about the pointer, from the whole picture up to :data:`MAX_FLAT_ZOOM`."""
    held = flat_uv(flat, x, y, aspect=aspect, picture_aspect=picture_aspect)
    zoomed = replace(flat, zoom=min(MAX_FLAT_ZOOM, max(1.0, flat.zoom * ZOOM_PER_STEP**steps)))
    return drag_flat(zoomed, held, x, y, aspect=aspect, picture_aspect=picture_aspect)
