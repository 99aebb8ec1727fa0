"""What the four channels of a data set's sound are, and the way from there to ACN/SN3D.

Data sets do not always say it, and some go by no standard: besides ACN and FuMa any permutation of the three
directional channels with any signs can be said, e.g. ``"+x+y+z/sn3d"``.
"""

import itertools
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ConfigError

_AXES = "xyz"
_ACN_ROW = {"y": 1, "z": 2, "x": 3}
_TEXT = re.compile(r"([+-]?[xyz])([+-]?[xyz])([+-]?[xyz])")


class Normalisation(StrEnum):
    """Gain of the directional channels against W."""

    SN3D = "sn3d"
    """A plane wave from an axis is as strong in that axis's channel as in W."""
    N3D = "n3d"
    """It is sqrt(3) times as strong."""
    MAXN = "maxn"
    """It is sqrt(2) times as strong, because W is 3 dB down (FuMa)."""

    @property
    def power_ratio(self) -> float:
        """Power of the three directional channels together over that of W: the same for any sound field."""
        return {"sn3d": 1.0, "n3d": 3.0, "maxn": 2.0}[self.value]


@dataclass(frozen=True)
class SoundOrder:
    """What channels 1 to 3 are (channel 0 is W), and their normalisation. Checked at birth.

    Attributes:
        axes: of channels 1, 2, 3: each a sign and one of x (front), y (left), z (up).
        normalisation: gain against W.
    """

    axes: tuple[str, str, str] = ("+y", "+z", "+x")
    normalisation: Normalisation = Normalisation.SN3D

    def __post_init__(self) -> None:
        if sorted(axis[1:] for axis in self.axes) != list(_AXES) or any(axis[0] not in "+-" for axis in self.axes):
            raise ValueError(f"axes must be x, y and z once each, with signs; got {self.axes}")

    @property
    def name(self) -> str:
        """``acn``, ``fuma``, or the axes and the normalisation: ``+x+y-z/sn3d``."""
        for known, order in NAMED_ORDERS.items():
            if order == self:
                return known
        return f"{''.join(self.axes)}/{self.normalisation.value}"

    def matrix(self) -> NDArray[np.float32]:
        """M with ``ambix = M @ channels``: (4, 4) float32, rows W Y Z X in SN3D."""
        gain_w, gain = {
            Normalisation.SN3D: (1.0, 1.0),
            Normalisation.N3D: (1.0, 3**-0.5),
            Normalisation.MAXN: (2**0.5, 1.0),
        }[self.normalisation]
        matrix = np.zeros((4, 4), np.float32)
        matrix[0, 0] = gain_w
        for channel, axis in enumerate(self.axes, start=1):
            matrix[_ACN_ROW[axis[1]], channel] = gain if axis[0] == "+" else -gain
        return matrix


ACN_SN3D = SoundOrder()
NAMED_ORDERS = {
    "acn": ACN_SN3D,
    "acn/n3d": SoundOrder(normalisation=Normalisation.N3D),
    "fuma": SoundOrder(("+x", "+y", "+z"), Normalisation.MAXN),
    "wxyz": SoundOrder(("+x", "+y", "+z"), Normalisation.SN3D),
}
"""Names that are understood: AmbiX, N3D in the same order, FuMa, and FuMa's order with SN3D."""

ALL_AXES: tuple[tuple[str, str, str], ...] = tuple(
    (f"{s1}{a}", f"{s2}{b}", f"{s3}{c}")
    for a, b, c in itertools.permutations(_AXES)
    for s1, s2, s3 in itertools.product("+-", repeat=3)
)
"""All 48 ways in which three channels can be the three axes."""


def parse_order(text: str) -> SoundOrder:
    """The order of its name, or of its axes: "acn", "acn/n3d", "fuma", "wxyz", "xyz", "+x-y+z/n3d".

    Raises:
        ConfigError: the text says no order.
    """
    known = NAMED_ORDERS.get(text.strip().lower())
    if known is not None:
        return known
    axes, _, normalisation = text.strip().lower().partition("/")
    match = _TEXT.fullmatch(axes)
    try:
        if match is None:
            raise ValueError(text)
        first, second, third = (axis if len(axis) == 2 else f"+{axis}" for axis in match.groups())
        return SoundOrder((first, second, third), Normalisation(normalisation or "sn3d"))
    except ValueError as error:
        raise ConfigError(
            f"expected a channel order such as {', '.join(NAMED_ORDERS)} or +x-y+z/sn3d, got {text!r}"
        ) from error
