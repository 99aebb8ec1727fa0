"""Sound at another speed and the same pitch, all channels by the same cuts."""

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

FloatArray32 = NDArray[np.float32]

SLOWEST, FASTEST = 0.25, 4.0
"""Outside this range speech is no longer understood: the clip runs silently."""


class Tempo:
    """FFmpeg's ``atempo`` on any number of channels.

    It finds its cuts in one signal derived from all channels and applies them to all, so that the relations between
    the channels, and with them the directions, stay as they are (tested for 1 to 18 channels).
    The sound goes through packed, because planar frames of more than eight channels are not safe in PyAV 18.
    """

    def __init__(self, channels: int, *, speed: float, rate_hz: int) -> None:
        """Prepare.

        Args:
            channels: of the sound, >= 1.
            speed: clip seconds per second, 0.25 to 4.
            rate_hz: samples per second.

        Raises:
            ValueError: the speed lies outside the range.
        """
        if not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"speed must lie in {SLOWEST}..{FASTEST}, got {speed}")
        self._channels, self._rate_hz = channels, rate_hz
        self._layout = f"{channels}C"
        self._pts = 0
        self._graph = Graph()
        node = self._graph.add_abuffer(
            sample_rate=rate_hz, format="flt", layout=self._layout, time_base=Fraction(1, rate_hz)
        )
        # One atempo takes 0.5 and more; below that two in a row.
        for factor in (speed,) if speed >= 0.5 else (0.5, speed / 0.5):
            following = self._graph.add("atempo", f"{factor:.9g}")
            node.link_to(following)
            node = following
        sink = self._graph.add("abuffersink")
        node.link_to(sink)
        self._graph.configure()

    def push(self, samples: FloatArray32) -> FloatArray32:
        """Put in (C, n) samples, n >= 1; returns what has become ready, (C, m), m >= 0."""
        n = samples.shape[1]
        packed = np.ascontiguousarray(samples.T, np.float32).reshape(1, n * self._channels)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate_hz, Fraction(1, self._rate_hz), self._pts
        self._pts += n
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> FloatArray32:
        """Say that nothing more comes; returns the rest, (C, m)."""
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> FloatArray32:
        pieces = [np.zeros((self._channels, 0), np.float32)]
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return np.concatenate(pieces, axis=1)
            assert isinstance(frame, av.AudioFrame)
            pieces.append(frame.to_ndarray().reshape(-1, self._channels).T.astype(np.float32, copy=False))
