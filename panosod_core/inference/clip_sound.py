"""Sound of a clip about any moment, as a network hears it. No torch.

Sound is decoded in pieces of a second, and the latest pieces are kept: windows of neighbouring frames overlap by nearly
all of their length.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import AmbisonicError
from panosod_core.inference.windows import Abandoned
from panosod_core.media.info import AudioInfo

PIECE_S = 1
PIECES = 64


class Reader(Protocol):
    """What is needed of ``panosod_core.media.audio.AudioReader``."""

    @property
    def position_s(self) -> float:
        """Time of the sample that comes next."""
        ...

    def seek(self, t_s: float) -> None:
        """Go to a time."""
        ...

    def read(self, n: int) -> NDArray[np.float32]:
        """The next samples, fewer at the end."""
        ...


class ClipSound:
    """Cuts windows out of one clip's sound. Not thread-safe."""

    def __init__(
        self,
        reader: Reader | None,
        audio: AudioInfo | None,
        *,
        rate_hz: int,
        channels: int,
        window_samples: int,
        time_of: Callable[[int], float],
    ) -> None:
        """Nothing is read yet.

        Args:
            reader: gives sound at ``rate_hz``; None for a clip without, which is silent.
            audio: what its channels are. Of an ambisonic field the first order is heard; of mono and stereo the mean
                of all channels, as sound from nowhere (W alone).
            rate_hz: of the network.
            channels: of the network, 1 or 4.
            window_samples: of the network.
            time_of: time of a frame on the clip's clock.
        """
        self._reader = reader
        self._has_field = audio is not None and audio.format.is_ambisonic
        self._rate, self._channels, self._window = rate_hz, channels, window_samples
        self._time_of = time_of
        self._pieces: OrderedDict[int, NDArray[np.float32]] = OrderedDict()

    def window(self, index: int, *, should_stop: Callable[[], bool]) -> NDArray[np.float32]:
        """(channels, window_samples) float32 ACN/SN3D centred on a frame; silence beyond the ends.

        Raises:
            Abandoned: ``should_stop`` said so.
            MediaError: the sound cannot be read.
            AmbisonicError: the sound holds samples that are not numbers.
        """
        begin = round(self._time_of(index) * self._rate) - self._window // 2
        length = PIECE_S * self._rate
        first, last = begin // length, (begin + self._window - 1) // length
        parts = []
        for number in range(first, last + 1):
            if should_stop():
                raise Abandoned
            parts.append(self._piece(number))
        start = begin - first * length
        return np.ascontiguousarray(np.concatenate(parts, axis=1)[:, start : start + self._window])

    def _piece(self, number: int) -> NDArray[np.float32]:
        known = self._pieces.get(number)
        if known is None:
            known = self._read(number)
            self._pieces[number] = known
            while len(self._pieces) > PIECES:
                self._pieces.popitem(last=False)
        else:
            self._pieces.move_to_end(number)
        return known

    def _read(self, number: int) -> NDArray[np.float32]:
        length = PIECE_S * self._rate
        piece = np.zeros((self._channels, length), np.float32)
        if self._reader is None or number < 0:
            return piece
        if round(self._reader.position_s * self._rate) != number * length:
            self._reader.seek(number * float(PIECE_S))
        samples = self._reader.read(length)
        if not np.isfinite(samples).all():
            raise AmbisonicError("the sound holds samples that are not numbers: the file is damaged")
        if self._has_field:
            piece[:, : samples.shape[1]] = samples[: self._channels]
        elif samples.shape[1]:
            piece[0, : samples.shape[1]] = samples.mean(axis=0)
        return piece
