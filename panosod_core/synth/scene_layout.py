"""Where the things of a scene stand and how they move: drawn so that nobody hides anybody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import FloatArray, direction
from panosod_core.synth.draws import Draws
from panosod_core.synth.scene_config import Place, SceneConfig
from panosod_core.synth.world import PolePendulum, Still, Sway, Trajectory

_TRIES = 60
_RESTARTS = 40
_SHRINK = 0.88
_CLEARANCE = 1.02
"""Least distance between centres, in sums of radii."""
_PROBE_S = 0.25
FASTEST_RAD_S = float(np.radians(25.0))
_POLAR_RAD = float(np.radians(50.0))
_SEAM_RAD = float(np.radians(15.0))


@dataclass(frozen=True)
class Circling:
    """Steady motion along a great circle.

    Attributes:
        start: (3,) unit vector at time 0.
        heading: (3,) unit vector square to it, where it goes.
        rate_rad_s: how fast.
    """

    start: tuple[float, float, float]
    heading: tuple[float, float, float]
    rate_rad_s: float

    def directions(self, times_s: ArrayLike) -> FloatArray:
        """Unit vectors (n, 3) at (n,) seconds."""
        turn = self.rate_rad_s * np.atleast_1d(np.asarray(times_s, np.float64))[:, None]
        way: FloatArray = np.cos(turn) * np.asarray(self.start) + np.sin(turn) * np.asarray(self.heading)
        return way


@dataclass(frozen=True)
class Standing:
    """Where an object is and how large it appears."""

    trajectory: Trajectory
    radius_rad: float
    up: tuple[float, float, float]
    """What the object holds upright: the zenith, or something level where it may pass a pole."""


def place_objects(draws: Draws, config: SceneConfig, *, count: int) -> tuple[Standing, ...]:
    """Ways for the objects of a scene; the first ``config.twins`` are the twins, which share one size.

    Where they do not fit, all shrink towards the smallest radius, and last of all nothing moves.

    Raises:
        ConfigError: so many objects of at least that size have no room.
    """
    low, high = config.radius_deg
    shared = max(config.twins, 1)
    sizes = draws.uniforms(count - shared + 1, low, high)
    radii = np.radians(np.concatenate([np.full(shared, sizes[0]), sizes[1:]]))
    times_s = np.arange(0.0, config.duration_s + _PROBE_S, _PROBE_S)
    moving = [draws.chance(config.moving) for _ in range(count)]
    for restart in range(_RESTARTS):
        if restart >= _RESTARTS // 2:
            moving = [False] * count
        found = _place_all(draws, config, radii=radii, moving=moving, times_s=times_s)
        if found is not None:
            return found
        radii = np.maximum(radii * _SHRINK, np.radians(low))
    raise ConfigError(
        f"{count} objects of at least {low:g} degrees ({config.place} first) do not fit side by side: "
        "fewer or smaller ones do"
    )


def _place_all(
    draws: Draws, config: SceneConfig, *, radii: FloatArray, moving: list[bool], times_s: FloatArray
) -> tuple[Standing, ...] | None:
    placed: dict[int, tuple[Standing, FloatArray]] = {}
    shared = max(config.twins, 1)
    # the twins first, then the large ones: small ones find room between
    order = [*range(shared), *sorted(range(shared, len(radii)), key=lambda k: -radii[k])]
    for k in order:
        place = config.place if k < shared else Place.SPHERE
        for _ in range(_TRIES):
            way, up = _draw_way(draws, place, moving=moving[k], times_s=times_s)
            path = way.directions(times_s)
            if all(
                np.max(np.sum(path * other, axis=1)) <= np.cos(min(_CLEARANCE * (radii[k] + there.radius_rad), np.pi))
                for there, other in placed.values()
            ):
                placed[k] = (Standing(way, float(radii[k]), up), path)
                break
        else:
            return None
    return tuple(placed[k][0] for k in range(len(radii)))


def _draw_way(
    draws: Draws, place: Place, *, moving: bool, times_s: FloatArray
) -> tuple[Trajectory, tuple[float, float, float]]:
    """A way and what is held upright on it."""
    azimuth, elevation = _draw_angles(draws, place)
    upright = (0.0, 0.0, 1.0)
    # An upright reference near the line of sight would spin the object about itself.
    level = _tuple(direction(azimuth + draws.uniform(-np.pi, np.pi), 0.0)) if abs(elevation) > _POLAR_RAD else upright
    if not moving:
        return Still(azimuth, elevation), level
    if abs(elevation) > _POLAR_RAD and elevation > 0 and draws.chance(0.5):
        swing, period = draws.uniform(0.2, 0.7), draws.uniform(6.0, 14.0)
        side = draws.uniform(-np.pi, np.pi)
        # held square to its plane, which it never leaves
        return PolePendulum(side, swing, period, draws.uniform(0, 2 * np.pi)), _tuple(direction(side + np.pi / 2, 0.0))
    if abs(elevation) < _POLAR_RAD and draws.chance(0.5):
        periods = draws.uniforms(2, 4.0, 11.0)
        swings = np.minimum(draws.uniforms(2, 0.05, 0.45), FASTEST_RAD_S * periods / (2 * np.pi)) * (1.0, 0.4)
        phases = draws.uniforms(2, 0, 2 * np.pi)
        return Sway(azimuth, elevation, *swings.tolist(), *periods.tolist(), *phases.tolist()), upright
    start = direction(azimuth, elevation)
    heading = np.cross(draws.direction(), start)
    heading /= np.linalg.norm(heading)
    rate = draws.uniform(0.15, 1.0) * FASTEST_RAD_S
    way = Circling(_tuple(start), _tuple(heading), rate)
    if np.abs(way.directions(times_s)[:, 2]).max() < np.sin(_POLAR_RAD):
        return way, upright
    # held square to the circle: neither pole can turn it over
    axis = np.cross(start, heading)
    return way, _tuple(axis if axis[2] >= 0 else -axis)


def _draw_angles(draws: Draws, place: Place) -> tuple[float, float]:
    if place is Place.POLES:
        height = draws.uniform(np.sin(_POLAR_RAD), 1.0)
        return draws.uniform(-np.pi, np.pi), float(np.arcsin(height)) * draws.choice((-1.0, 1.0))
    if place is Place.SEAM:
        return np.pi + draws.uniform(-_SEAM_RAD, _SEAM_RAD), float(np.arcsin(draws.uniform(-0.8, 0.8)))
    return draws.uniform(-np.pi, np.pi), float(np.arcsin(draws.uniform(-1.0, 1.0)))


def _tuple(vector: FloatArray) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
