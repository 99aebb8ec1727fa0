"""What moves in a synthetic scene: trajectories on the sphere, and the objects that follow them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from panosod_core.geometry.sphere import FloatArray, direction
from panosod_core.synth.paint import Look

MAX_OBJECTS = 254
"""Object ids lie in 1..254: a label map is uint8, 0 is the background and 255 is reserved."""


class Trajectory(Protocol):
    """Where something is at any time: a pure function, so that pictures and sound agree by construction."""

    def directions(self, times_s: ArrayLike) -> FloatArray:
        """Unit vectors at those times: shape (n,) seconds to (n, 3)."""
        ...


@dataclass(frozen=True)
class Still:
    """A fixed direction (radians)."""

    azimuth_rad: float = 0.0
    elevation_rad: float = 0.0

    def directions(self, times_s: ArrayLike) -> FloatArray:
        """The same unit vector at all times: (n, 3)."""
        n = np.atleast_1d(np.asarray(times_s, np.float64)).shape[0]
        return np.tile(direction(self.azimuth_rad, self.elevation_rad), (n, 1))


@dataclass(frozen=True)
class Sway:
    """To and fro about a direction, in azimuth and elevation with their own periods (a Lissajous figure).

    Attributes:
        azimuth_rad, elevation_rad: the middle.
        azimuth_swing_rad, elevation_swing_rad: largest excursions.
        azimuth_period_s, elevation_period_s: seconds for one to and fro, above 0.
        azimuth_phase_rad, elevation_phase_rad: where in the swing it starts; the excursion is ``swing * sin(...)``.
    """

    azimuth_rad: float
    elevation_rad: float
    azimuth_swing_rad: float
    elevation_swing_rad: float
    azimuth_period_s: float
    elevation_period_s: float
    azimuth_phase_rad: float = 0.0
    elevation_phase_rad: float = 0.0

    def __post_init__(self) -> None:
        if self.azimuth_period_s <= 0 or self.elevation_period_s <= 0:
            raise ValueError(f"Sway needs periods above 0 s: {self}")

    def directions(self, times_s: ArrayLike) -> FloatArray:
        """Unit vectors (n, 3) at (n,) seconds."""
        turn = 2 * np.pi * np.atleast_1d(np.asarray(times_s, np.float64))
        return direction(
            self.azimuth_rad + self.azimuth_swing_rad * np.sin(turn / self.azimuth_period_s + self.azimuth_phase_rad),
            self.elevation_rad
            + self.elevation_swing_rad * np.sin(turn / self.elevation_period_s + self.elevation_phase_rad),
        )


@dataclass(frozen=True)
class PolePendulum:
    """To and fro along the great circle through the zenith, in the vertical plane of one azimuth.

    Attributes:
        azimuth_rad: the side towards which the excursion is positive.
        swing_rad: largest angle from the zenith.
        period_s: seconds for one to and fro, above 0: the zenith is crossed twice in it.
        phase_rad: where in the swing it starts; the excursion is ``swing * cos(...)``.
    """

    azimuth_rad: float
    swing_rad: float
    period_s: float
    phase_rad: float = 0.0

    def __post_init__(self) -> None:
        if self.period_s <= 0:
            raise ValueError(f"PolePendulum needs a period above 0 s: {self}")

    def directions(self, times_s: ArrayLike) -> FloatArray:
        """Unit vectors (n, 3) at (n,) seconds."""
        turn = 2 * np.pi * np.atleast_1d(np.asarray(times_s, np.float64)) / self.period_s + self.phase_rad
        tilt = self.swing_rad * np.cos(turn)
        sideways = np.sin(tilt)
        return np.stack(
            [sideways * np.cos(self.azimuth_rad), sideways * np.sin(self.azimuth_rad), np.cos(tilt)], axis=-1
        )


@dataclass(frozen=True)
class SceneObject:
    """One ball of a scene. Checked at birth; immutable.

    Attributes:
        id: 1..254, its value in the label maps.
        name: for people, unique in a scene.
        kind: the class of thing; a kind has one look and one timbre.
        look_alikes: name of the group that it cannot be told from by sight.
        radius_rad: apparent radius.
        trajectory: where its centre is.
        look: what its surface shows.
        timbre: name of its sound in :mod:`panosod_core.synth.timbre`.
        spin_rad_s: how fast it turns about its own upright axis.
        tilt_rad: lean of that axis, towards the listener where ``faces_listener``.
        faces_listener: its axis system turns with its azimuth, so that two of them show the same side.
    """

    id: int
    name: str
    kind: str
    look_alikes: str
    radius_rad: float
    trajectory: Trajectory
    look: Look
    timbre: str
    spin_rad_s: float = 0.0
    tilt_rad: float = 0.0
    faces_listener: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_OBJECTS:
            raise ValueError(f"an object's id must lie in 1..{MAX_OBJECTS}, got {self.id}")
        if not 0 < self.radius_rad < np.pi / 2:
            raise ValueError(f"an object's radius must lie in (0, pi/2) radians, got {self.radius_rad}")

    def direction_at(self, time_s: float) -> FloatArray:
        """(3,) unit vector of its centre."""
        centre: FloatArray = self.trajectory.directions([time_s])[0]
        return centre

    def R_world_object(self, time_s: float) -> FloatArray:  # noqa: N802 - rotations are named by their frames
        """(3, 3): vectors of the object's own axes (z its upright axis, x its front) to world vectors."""
        centre = self.direction_at(time_s)
        facing = float(np.arctan2(-centre[1], -centre[0])) if self.faces_listener else 0.0
        return _about_z(facing) @ _about_y(self.tilt_rad) @ _about_z(self.spin_rad_s * time_s)


def _about_z(angle_rad: float) -> FloatArray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about_y(angle_rad: float) -> FloatArray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
