"""Rooms: a box with walls that reflect. What it does to sound, and how far one can see in it.

Early reflections are images of the source in the walls (Allen & Berkley 1979) up to a low order, each a plane wave
from where it is; what comes later is diffuse noise that decays at the room's reverberation time, at the level that
statistical acoustics gives (Sabine, Eyring; Kuttruff, Room Acoustics, ch. 5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import Draws, Range, hashed_uniform

SOUND_M_S = 343.0
ORDER = 2
"""Highest number of walls that an image is mirrored in: 24 images."""
_MARGIN = 0.9
"""Sources come no nearer to a wall than this share of the way."""


@dataclass(frozen=True)
class Image:
    """A reflection: where it comes from, how much later than the direct sound, how loud re the direct sound at 1 m."""

    direction: tuple[float, float, float]
    delay_s: float
    gain: float


@dataclass(frozen=True)
class Room:
    """A box and a listener in it.

    Attributes:
        size_m: length (x), width (y), height (z).
        listener_m: from the corner where all coordinates are least.
        rt60_s: time in which its sound decays by 60 dB.
        key: of the late sound's noise.
    """

    size_m: tuple[float, float, float]
    listener_m: tuple[float, float, float]
    rt60_s: float
    key: int

    def __post_init__(self) -> None:
        if not all(0 < at < size for at, size in zip(self.listener_m, self.size_m, strict=True)):
            raise ValueError(f"the listener must stand in the room: {self}")
        if self.rt60_s <= 0:
            raise ValueError(f"a room's reverberation time must lie above 0: {self}")

    @cached_property
    def _decay(self) -> float:
        """0.161 V / (S T): Eyring's ``-ln(1 - absorption)``."""
        x, y, z = self.size_m
        return 0.161 * x * y * z / (2 * (x * y + y * z + z * x) * self.rt60_s)

    @property
    def reflection(self) -> float:
        """Pressure that a wall gives back, [0, 1)."""
        return float(np.exp(-self._decay / 2))

    def wall_distance(self, directions: FloatArray) -> FloatArray:
        """How far the walls are: (N, 3) unit vectors to (N,) metres."""
        d = np.atleast_2d(np.asarray(directions, np.float64))
        at, size = np.asarray(self.listener_m), np.asarray(self.size_m)
        room = np.where(d > 0, size - at, at)
        distance: FloatArray = np.min(room / np.maximum(np.abs(d), 1e-9), axis=1)
        return distance

    def reach(self, directions: FloatArray) -> float:
        """The largest distance at which a source keeps within the room all along a way."""
        return float(_MARGIN * np.min(self.wall_distance(directions)))

    def images(self, direction: FloatArray, distance_m: float) -> tuple[Image, ...]:
        """The reflections of a source, nearest first.

        Args:
            direction: (3,) unit vector from the listener.
            distance_m: of the source.
        """
        at, size = np.asarray(self.listener_m), np.asarray(self.size_m)
        source = at + np.asarray(direction, np.float64) * distance_m
        found = []
        for counts in np.ndindex(2 * ORDER + 1, 2 * ORDER + 1, 2 * ORDER + 1):
            walls = np.asarray(counts) - ORDER
            order = int(np.abs(walls).sum())
            if not 1 <= order <= ORDER:
                continue
            # an even number of reflections along an axis shifts the source, an odd one mirrors it
            mirrored = np.where(walls % 2 == 0, walls * size + source, (walls + 1) * size - source)
            away = mirrored - at
            length = float(np.linalg.norm(away))
            x, y, z = (away / length).tolist()
            delay = max((length - distance_m) / SOUND_M_S, 0.0)
            found.append(Image((x, y, z), delay, self.reflection**order / max(length, 0.25)))
        return tuple(sorted(found, key=lambda image: image.delay_s))

    @property
    def late_from_s(self) -> float:
        """When the diffuse sound takes over: the mean free path's time, once for every order."""
        x, y, z = self.size_m
        mean_free_path = 4 * x * y * z / (2 * (x * y + y * z + z * x))
        return ORDER * mean_free_path / SOUND_M_S

    def late_response(self, rate_hz: int) -> FloatArray:
        """The diffuse part of the response to a source of level 1 at 1 m: (4, n) float64, ACN/SN3D.

        Its length is that of a decay by 60 dB. Its energy follows from the steady state of a diffuse field: 16 pi over
        the equivalent absorption area, re the direct sound at 1 m.
        """
        n = max(round(self.rt60_s * rate_hz), 1)
        x, y, z = self.size_m
        surface = 2 * (x * y + y * z + z * x)
        area = surface * (1 - np.exp(-self._decay))
        rate = 6 * np.log(10) / self.rt60_s
        t = np.arange(n) / rate_hz
        energy = (16 * np.pi / area) * rate * np.exp(-rate * t) / rate_hz
        rise = np.clip((t - 0.5 * self.late_from_s) / self.late_from_s, 0.0, 1.0)
        noise = (hashed_uniform(self.key, 4 * n).astype(np.float64) - 0.5) * np.sqrt(12.0)
        shares = np.sqrt([1.0, 1 / 3, 1 / 3, 1 / 3])[:, None]
        return np.asarray(noise.reshape(4, n) * shares * np.sqrt(energy) * rise)


def draw_room(draws: Draws, *, rt60_s: Range) -> Room:
    """A room for a few people to a small hall, the listener somewhere near its middle."""
    size = (draws.uniform(4.5, 11.0), draws.uniform(4.0, 9.0), draws.uniform(2.6, 4.2))
    listener = (
        size[0] * draws.uniform(0.35, 0.65),
        size[1] * draws.uniform(0.35, 0.65),
        min(draws.uniform(1.2, 1.7), 0.55 * size[2]),
    )
    return Room(size, listener, draws.within(rt60_s), draws.key())
