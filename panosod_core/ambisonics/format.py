"""Ambisonic conventions: what the channels of a recording mean, and the way to the one form used inside.

Inside panosod sound is always float32, ACN order, SN3D normalisation (AmbiX, Nachbar et al. 2011). Everything else is
converted at the door by :meth:`AmbisonicFormat.to_ambix`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

MAX_ORDER = 3


class AmbisonicConvention(StrEnum):
    """Channel order and normalisation, in the words of ``panosod info``."""

    AMBIX = "ambix"
    """ACN order, SN3D."""
    N3D = "n3d"
    """ACN order, N3D."""
    FUMA = "fuma"
    """Furse-Malham order (W X Y Z R S T U V K L M N O P Q) and MaxN weights with W at -3 dB."""


def channel_count(order: int) -> int:
    """Number of channels of a full-sphere set of that order: (order + 1)^2."""
    return (order + 1) ** 2


def acn_degrees(order: int) -> NDArray[np.int64]:
    """Degree l of each ACN channel up to that order: [0, 1, 1, 1, 2, ...], shape ((order+1)^2,)."""
    return np.floor(np.sqrt(np.arange(channel_count(order)))).astype(np.int64)


# FuMa letter order as ACN numbers, and the factor from FuMa weight to SN3D (Malham 2003; order 1: W x sqrt 2).
_FUMA_ACN = (0, 3, 1, 2, 6, 7, 5, 8, 4, 12, 13, 11, 14, 10, 15, 9)
_FUMA_TO_SN3D = (
    2**0.5,
    *(1.0,) * 3,
    1.0,
    *(3**0.5 / 2,) * 4,
    1.0,
    *((32 / 45) ** 0.5,) * 2,
    *(5**0.5 / 3,) * 2,
    *((5 / 8) ** 0.5,) * 2,
)


@dataclass(frozen=True)
class AmbisonicFormat:
    """What the first (order+1)^2 channels of a recording mean."""

    order: int = 1
    convention: AmbisonicConvention = AmbisonicConvention.AMBIX

    def __post_init__(self) -> None:
        if not 0 <= self.order <= MAX_ORDER:
            raise ValueError(f"ambisonic order must lie in 0..{MAX_ORDER}, got {self.order}")

    @property
    def channels(self) -> int:
        """(order + 1)^2."""
        return channel_count(self.order)

    def to_ambix(self) -> NDArray[np.float32]:
        """The matrix M with ``ambix = M @ channels``: (channels, channels) float32, rows in ACN order."""
        n = self.channels
        matrix = np.zeros((n, n), np.float32)
        if self.convention is AmbisonicConvention.FUMA:
            for i in range(n):
                matrix[_FUMA_ACN[i], i] = _FUMA_TO_SN3D[i]
        elif self.convention is AmbisonicConvention.N3D:
            np.fill_diagonal(matrix, 1 / np.sqrt(2 * acn_degrees(self.order) + 1))
        else:
            np.fill_diagonal(matrix, 1.0)
        return matrix
