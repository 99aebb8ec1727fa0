"""Chance that is the same on every machine: named streams of draws, and noise by position.

Both are defined here to the last bit (Philox counters and an integer hash), so that neither a new numpy nor another
device changes what a seed means.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray, direction
from panosod_core.synth.grid import Float32Array

Item = TypeVar("Item")
Range = tuple[float, float]
"""Lowest and highest value of something that is drawn."""

_MULTIPLIER_A, _MULTIPLIER_B = 0x7FEB352D, 0x846CA68B
"""Constants of Chris Wellons' "lowbias32" integer hash (public domain)."""


class Draws:
    """One stream of draws, fixed by a seed and a name: streams do not disturb each other.

    The raw 64-bit numbers are those of Philox4x64-10 (Salmon et al. 2011), which numpy keeps for good; what is made of
    them is written out here, because numpy's own distributions may change between versions.
    """

    def __init__(self, seed: int, *name: str | int) -> None:
        digest = blake2b(repr((int(seed), *name)).encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest, "little"))

    def unit(self) -> float:
        """A number in [0, 1)."""
        return float(int(self._bits.random_raw()) >> 11) * 2.0**-53

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def within(self, span: Range) -> float:
        """A number between the two ends of a range."""
        return self.uniform(*span)

    def log_uniform(self, low: float, high: float) -> float:
        """A number in [low, high), both above 0, whose logarithm is uniform."""
        return float(low * (high / low) ** self.unit())

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> FloatArray:
        """(count,) float64 in [low, high)."""
        raw = np.asarray(self._bits.random_raw(count), np.uint64)
        spread: FloatArray = low + (high - low) * ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-53)
        return spread

    def normals(self, count: int) -> FloatArray:
        """(count,) float64, mean 0 and variance 1 (Box-Muller)."""
        radius = np.sqrt(-2.0 * np.log(1.0 - self.uniforms(count)))
        wave: FloatArray = radius * np.cos(2 * np.pi * self.uniforms(count))
        return wave

    def integer(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + ((int(self._bits.random_raw()) * (high - low + 1)) >> 64)

    def key(self) -> int:
        """32 bits that name a stream of :func:`hashed_uniform`."""
        return int(self._bits.random_raw()) >> 32

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.unit() < share

    def choice(self, items: Sequence[Item]) -> Item:
        """One of some items."""
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in random order (Fisher-Yates)."""
        out = list(items)
        for k in range(len(out) - 1, 0, -1):
            j = self.integer(0, k)
            out[k], out[j] = out[j], out[k]
        return out

    def direction(self) -> FloatArray:
        """(3,) unit vector, uniform on the sphere."""
        azimuth, height = self.uniform(-np.pi, np.pi), self.uniform(-1.0, 1.0)
        return direction(azimuth, np.arcsin(height))


def hashed_uniform(key: int, count: int, *, first: int = 0) -> Float32Array:
    """Noise that is a function of a key and of each number's place: ``(hash32(place xor key) >> 8) / 2^24``.

    Args:
        key: 32 bits.
        count: how many numbers.
        first: place of the first one; ``first + count`` at most 2^32.

    Returns:
        (count,) float32 in [0, 1), the same on every device.
    """
    x = np.arange(first, first + count, dtype=np.uint32) ^ np.uint32(key)
    return (hash32(x) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def hash32(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A one-to-one scrambling of 32-bit numbers; the array is overwritten and returned."""
    x ^= x >> np.uint32(16)
    x *= np.uint32(_MULTIPLIER_A)
    x ^= x >> np.uint32(15)
    x *= np.uint32(_MULTIPLIER_B)
    x ^= x >> np.uint32(16)
    return x
