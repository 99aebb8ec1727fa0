"""From OSC messages to the orientation of the head: routes, inversion, tare. No socket, no thread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from panosod_core.geometry.sphere import FloatArray, rotation, yaw_pitch_roll
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.route import (
    ANGLES,
    QUATERNION,
    AngleOrder,
    Route,
    Slot,
    head_from_angles,
    head_from_quaternion,
)


class Outcome(Enum):
    """What became of a message."""

    POSE = auto()
    """It gave a new pose."""
    PART = auto()
    """It is one part of a pose that is not complete yet."""
    UNKNOWN = auto()
    """Its address means nothing to the routes in force."""
    BAD = auto()
    """Too few numbers, no numbers, or numbers that are not finite."""


def numbers(arguments: Sequence[object]) -> list[float | None]:
    """The arguments as floats; None where one is not a finite number (True and False are not numbers)."""
    return [
        float(v) if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) else None
        for v in arguments
    ]


def tare_rotations(orientation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What makes an orientation count as straight ahead.

    A tracker differs from the head in two ways: its north is not the screen (a turn of the world about the vertical),
    and it sits tilted on the head (a fixed turn of the body). One pose cannot tell them apart in general; gravity can:
    heading is taken from the world, tilt from the body. So after the tare, turning the head stays a turn about the
    vertical however the tracker is mounted.

    Args:
        orientation: R_world_head at the moment of the tare, (3, 3).

    Returns:
        (R_front_world, R_mount_head), both (3, 3): the corrected head is ``R_front_world @ R @ R_mount_head``.
    """
    yaw, pitch, roll = yaw_pitch_roll(orientation)
    return rotation(-yaw), rotation(0.0, pitch, roll).T


@dataclass(frozen=True, eq=False)
class _Sent:
    """An orientation as the tracker means it, before any axis is inverted: angles in an order, or a matrix."""

    angles_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    order: AngleOrder = AngleOrder.YPR
    matrix: FloatArray | None = None

    def head(self, signs: tuple[int, int, int]) -> FloatArray:
        """R_world_head with the axes of sign -1 turned round."""
        angles = self.angles_rad
        if self.matrix is not None:
            if signs == (1, 1, 1):
                return self.matrix
            angles = yaw_pitch_roll(self.matrix)
        yaw, pitch, roll = (sign * angle for sign, angle in zip(signs, angles, strict=True))
        return head_from_angles(yaw, pitch, roll, self.order)


class HeadMapper:
    """Keeps the parts of a pose as they come and yields the head's orientation."""

    def __init__(self, config: TrackerConfig) -> None:
        self._config = config
        self._routes: dict[str, Route] = {}
        self._angles: dict[Slot, float] = dict.fromkeys(ANGLES, 0.0)
        self._quaternion: dict[Slot, float] = {}
        self._sent: _Sent | None = None
        self._tared: _Sent | None = None
        self.set_config(config)

    def set_config(self, config: TrackerConfig) -> None:
        """Follow other routes and signs.

        A pose and a tare stay where only the inversion changes; of another dialect they would mean nothing.
        """
        routes = {r.address.casefold(): r for r in config.routes}
        if routes != self._routes:
            self._routes = routes
            self._angles = dict.fromkeys(ANGLES, 0.0)
            self._quaternion = {}
            self._sent = self._tared = None
        self._config = config
        self._follow_tare()

    def feed(self, address: str, arguments: Sequence[object]) -> Outcome:
        """Take one message."""
        route = self._routes.get(address.casefold())
        if route is None:
            return Outcome.UNKNOWN
        values = numbers(arguments[: route.needed])
        if len(values) < route.needed:
            return Outcome.BAD
        given: dict[Slot, float] = {}
        for argument, value in zip(route.args, values, strict=False):
            if argument.slot is Slot.NONE:
                continue
            if value is None:
                return Outcome.BAD
            given[argument.slot] = argument.sign * (route.unit.to_rad(value) if argument.slot in ANGLES else value)
        return self._take(route, given)

    def _take(self, route: Route, given: dict[Slot, float]) -> Outcome:
        if any(slot in ANGLES for slot in given):
            self._angles.update((s, v) for s, v in given.items() if s in ANGLES)
            yaw, pitch, roll = (self._angles[s] for s in ANGLES)
            self._sent = _Sent((yaw, pitch, roll), route.order)
            return Outcome.POSE
        if self._quaternion.keys() & given.keys():
            # A part was lost on the way: begin again rather than mix two orientations.
            self._quaternion = {}
        self._quaternion.update(given)
        if len(self._quaternion) < len(QUATERNION):
            return Outcome.PART
        w, x, y, z = (self._quaternion[s] for s in QUATERNION)
        # Parts sent one by one are used once: mixing old with new parts would give an orientation nobody meant.
        self._quaternion = {}
        try:
            self._sent = _Sent(matrix=head_from_quaternion(w, x, y, z))
        except ValueError:
            return Outcome.BAD
        return Outcome.POSE

    @property
    def _signs(self) -> tuple[int, int, int]:
        c = self._config
        return (-1 if c.invert_yaw else 1, -1 if c.invert_pitch else 1, -1 if c.invert_roll else 1)

    def tare(self) -> bool:
        """Call the present orientation straight ahead; False where none has come yet."""
        if self._sent is None:
            return False
        self._tared = self._sent
        self._follow_tare()
        return True

    def clear_tare(self) -> None:
        """Trust the tracker's own front again."""
        self._tared = None
        self._follow_tare()

    def _follow_tare(self) -> None:
        straight = np.eye(3) if self._tared is None else self._tared.head(self._signs)
        self._before, self._after = tare_rotations(straight)

    @property
    def R_world_head(self) -> FloatArray | None:  # noqa: N802 - rotations are named by their frames
        """(3, 3) the head's orientation after inversion and tare, None before the first pose."""
        return None if self._sent is None else self._before @ self._sent.head(self._signs) @ self._after
