"""Where sound comes from at the moment of the picture: the energy map of the frame, made in a thread. No Qt.

The whole clip's directions over time are another worker's (:mod:`panosod_viewer.workers.hearing`); this one hears the
sound around one moment and makes a picture of it, a few times a second.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.energy import EnergyMap, peak_direction
from panosod_core.ambisonics.format import channel_count
from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.errors import PanosodError
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import AudioInfo
from panosod_viewer.workers.latest import LatestThread

_log = logging.getLogger(__name__)

WIDTH, HEIGHT = 96, 48
"""Cells of the map: the beam of third order is 60 degrees wide."""
WINDOW_S = 0.2
"""Sound heard for one picture, half of it before the picture's time."""
LEAST_INTERVAL_S = 1 / 15
RANGE_DB = 12.0
SILENCE_DB = -75.0
"""Below this, re full scale, there is nothing worth a picture."""
_LARGEST_LEAP_S = 1.0


@dataclass(frozen=True, eq=False)
class EnergyHeard:
    """The energy map of a moment.

    Attributes:
        time_s: the moment.
        levels: (HEIGHT, WIDTH) uint8 in the picture's frame: 255 is ``peak_db``, 0 is 12 dB below; None in silence.
        peak_db: of the beam at its loudest, dB re full scale.
        peak: unit vector of the world, None where the map is flat.
    """

    time_s: float
    levels: NDArray[np.uint8] | None
    peak_db: float = -np.inf
    peak: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class EnergyFailed:
    """The sound cannot be read; one line."""

    text: str


EnergyMessage: TypeAlias = EnergyHeard | EnergyFailed


class EnergyPainter:
    """From a block of sound to levels of a picture; pure."""

    def __init__(self, *, order: int, R_world_picture: NDArray[np.float64]) -> None:  # noqa: N803 - a rotation matrix
        """``order`` of the field, 1..3 (more is not used); the picture's pose turns the map into its frame."""
        self.order = min(order, 3)
        self._map = EnergyMap(WIDTH, HEIGHT, order=self.order)
        self._R = np.asarray(R_world_picture, np.float64)
        self._is_level = bool(np.allclose(self._R, np.eye(3)))
        self._turn = sh_rotation(self.order, self._R.T)

    def painted(self, block: NDArray[np.float32], *, time_s: float) -> EnergyHeard:
        """The picture of a block: (channels, n) float32, ACN/SN3D, in the world's frame."""
        channels = channel_count(self.order)
        if block.shape[1] == 0:
            return EnergyHeard(time_s, None)
        field = block[:channels].astype(np.float64)
        covariance = field @ field.T / field.shape[1]
        if not self._is_level:
            covariance = self._turn @ covariance @ self._turn.T
        energy = self._map.of_covariance(covariance)
        top = float(energy.max())
        peak_db = 10 * np.log10(top) if top > 0 else -np.inf
        if not peak_db >= SILENCE_DB:
            return EnergyHeard(time_s, None)
        level = 10 * np.log10(np.maximum(energy / top, 1e-9))
        levels = np.round(255 * np.clip(1 + level / RANGE_DB, 0, 1)).astype(np.uint8)
        return EnergyHeard(time_s, levels, float(peak_db), self._peak(energy))

    def _peak(self, energy: NDArray[np.float32]) -> tuple[float, float, float] | None:
        found = peak_direction(energy)
        if found is None:
            return None
        x, y, z = (float(c) for c in self._R @ found)
        return x, y, z


class EnergyWorker:
    """Hears the moment that was asked for last."""

    def __init__(
        self,
        path: Path,
        audio: AudioInfo,
        post: Callable[[EnergyMessage], None],
        *,
        clock_origin_s: float,
        R_world_picture: NDArray[np.float64],  # noqa: N803 - a rotation matrix
    ) -> None:
        """Nothing heard yet; the file is opened by the first question.

        Args:
            path: the clip.
            audio: its sound, with a field of first order or higher.
            post: told of every answer, in the worker's thread.
            clock_origin_s: zero of the clip's clock on the container's.
            R_world_picture: the picture's pose.
        """
        self._path = path
        self._audio = audio
        self._post = post
        self._origin_s = clock_origin_s
        self._painter = EnergyPainter(order=audio.order or 1, R_world_picture=R_world_picture)
        self._reader: AudioReader | None = None
        self._block = np.zeros((0, 0), np.float32)
        self._begins = 0
        self._has_failed = False
        self._answered_s = -np.inf
        self._thread: LatestThread[float] = LatestThread("panosod-energy", self._answer, end=self._end)

    def want(self, time_s: float) -> None:
        """Ask for the map of a moment."""
        self._thread.ask(time_s)

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False while it hangs."""
        return self._thread.close(timeout_s=timeout_s)

    def _end(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _answer(self, time_s: float) -> None:
        if self._has_failed:
            return
        # Fewer pictures than the film has: they look the same and cost less.
        rest = self._answered_s + LEAST_INTERVAL_S - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._answered_s = time.monotonic()
        try:
            self._post(self._painter.painted(self._window(time_s), time_s=time_s))
        except PanosodError as error:
            self._fail(str(error))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person is told
            _log.exception("the energy map of %s failed", self._path)
            self._fail("The energy map cannot be made: the log has the reason")

    def _fail(self, text: str) -> None:
        self._has_failed = True
        self._post(EnergyFailed(text))

    def _window(self, time_s: float) -> NDArray[np.float32]:
        """The sound around a moment; while a clip plays only what is new is read."""
        rate = self._audio.sample_rate_hz
        if self._reader is None:
            self._reader = AudioReader(self._path, self._audio, out_rate_hz=rate, clock_origin_s=self._origin_s)
            self._block = np.zeros((self._reader.channels, 0), np.float32)
        first, count = round((time_s - WINDOW_S / 2) * rate), round(WINDOW_S * rate)
        end = self._begins + self._block.shape[1]
        if not self._begins <= first <= end + _LARGEST_LEAP_S * rate:
            self._reader.seek(max(first, 0) / rate)
            self._begins = end = max(first, 0)
            self._block = self._block[:, :0]
        missing = first + count - end
        if missing > 0:
            self._block = np.concatenate([self._block, self._reader.read(missing)], axis=1)
        drop = min(max(first - self._begins, 0), self._block.shape[1])
        self._block = self._block[:, drop:]
        self._begins += drop
        return self._block[:, : max(first + count - self._begins, 0)]
