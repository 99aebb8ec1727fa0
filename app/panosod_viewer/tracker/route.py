"""What one OSC message says about the head: which argument is which angle or quaternion part, with which sign.

Everything is stated in our frame: x front, y left, z up; yaw left positive, pitch up positive, roll clockwise
positive (right ear down). A sign of -1 on an argument says that its sender means the opposite.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import FloatArray, rotation


class Slot(StrEnum):
    """What an argument can be."""

    YAW = "yaw"
    PITCH = "pitch"
    ROLL = "roll"
    QW = "qw"
    QX = "qx"
    QY = "qy"
    QZ = "qz"
    NONE = "-"


ANGLES = (Slot.YAW, Slot.PITCH, Slot.ROLL)
QUATERNION = (Slot.QW, Slot.QX, Slot.QY, Slot.QZ)


class AngleUnit(StrEnum):
    """Unit of the angles of a route."""

    DEGREES = "degrees"
    RADIANS = "radians"
    UNIT = "0..1"
    """0..1 stands for -180..180 degrees (AmbiHead HD)."""

    def to_rad(self, value: float) -> float:
        """An angle as sent, in radians."""
        if self is AngleUnit.DEGREES:
            return float(np.radians(value))
        if self is AngleUnit.UNIT:
            return float((value - 0.5) * 2 * np.pi)
        return value


class AngleOrder(StrEnum):
    """In which order the angles turn the head."""

    YPR = "yaw-pitch-roll"
    """``Rz(yaw) Ry(-pitch) Rx(roll)``, the order used inside panosod."""
    RPY = "roll-pitch-yaw"
    """``Rx(roll) Ry(-pitch) Rz(yaw)``: the inverse of a scene turned roll, pitch, yaw about fixed axes."""


@dataclass(frozen=True)
class Argument:
    """One argument of a message.

    Attributes:
        slot: what it is; NONE is skipped.
        sign: +1 where it agrees with our frame, -1 where the sender means the opposite.
    """

    slot: Slot
    sign: int = 1

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"Argument.sign must be 1 or -1, got {self.sign!r}")

    @property
    def text(self) -> str:
        """The form kept in the settings file: "yaw", "-pitch"."""
        return f"-{self.slot}" if self.sign < 0 else str(self.slot)

    @staticmethod
    def parse(text: str) -> "Argument":
        """The inverse of :attr:`text`.

        Raises:
            ConfigError: not the name of a slot.
        """
        name = text.strip().lower()
        if name == Slot.NONE:
            return Argument(Slot.NONE)
        sign, bare = (-1, name[1:]) if name.startswith("-") else (1, name)
        if bare not in list(Slot):
            raise ConfigError(f"tracker argument: expected one of {', '.join(Slot)}, got {text!r}")
        return Argument(Slot(bare), sign)


@dataclass(frozen=True)
class Route:
    """An OSC address and what its arguments are.

    Attributes:
        address: begins with "/", compared without regard to case.
        args: in the order sent; messages may carry more, never fewer.
        unit: of the angles.
        order: of the angles.
    """

    address: str
    args: tuple[Argument, ...]
    unit: AngleUnit = AngleUnit.DEGREES
    order: AngleOrder = AngleOrder.YPR

    def __post_init__(self) -> None:
        if not self.address.startswith("/"):
            raise ValueError(f"Route.address must begin with '/', got {self.address!r}")
        used = [a.slot for a in self.args if a.slot is not Slot.NONE]
        if not used or len(set(used)) != len(used):
            raise ValueError(f"Route {self.address}: every part at most once and at least one, got {used}")

    @property
    def needed(self) -> int:
        """How many arguments a message must carry."""
        return max(i + 1 for i, a in enumerate(self.args) if a.slot is not Slot.NONE)


def route(address: str, args: str, *, unit: AngleUnit = AngleUnit.DEGREES, order: AngleOrder = AngleOrder.YPR) -> Route:
    """A route from its short form: ``route("/ypr", "yaw -pitch roll")``.

    Raises:
        ConfigError: a word that is not a slot.
    """
    return Route(address, tuple(Argument.parse(word) for word in args.split()), unit, order)


def head_from_angles(yaw_rad: float, pitch_rad: float, roll_rad: float, order: AngleOrder) -> FloatArray:
    """R_world_head, (3, 3), of angles already in our signs, turned in that order."""
    if order is AngleOrder.YPR:
        return rotation(yaw_rad, pitch_rad, roll_rad)
    return rotation(0.0, 0.0, roll_rad) @ rotation(0.0, pitch_rad, 0.0) @ rotation(yaw_rad, 0.0, 0.0)


def head_from_quaternion(w: float, x: float, y: float, z: float) -> FloatArray:
    """R_world_head, (3, 3), of a quaternion about x front, y left, z up; any length but zero.

    Raises:
        ValueError: a quaternion too short to say anything.
    """
    length = math.hypot(w, x, y, z)
    if not math.isfinite(length) or length < 1e-6:
        raise ValueError(f"a quaternion of length {length} is no orientation")
    w, x, y, z = (v / length for v in (w, x, y, z))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
