"""The sound around a moment, from blocks that arrive as they please."""

import numpy as np
import soxr
from numpy.typing import NDArray

from panosod_core.errors import AmbisonicError


class SoundWindows:
    """Collects sound, brings it to the model's rate and cuts windows about given times; silence beyond both ends."""

    def __init__(
        self, *, channels: int, sample_rate_hz: int, model_rate_hz: int, window_samples: int, start_s: float = 0.0
    ) -> None:
        """Nothing heard yet.

        Args:
            channels: that are kept, the first ones.
            sample_rate_hz: of the blocks.
            model_rate_hz: of the windows.
            window_samples: length of a window.
            start_s: time of the first sample.
        """
        self.channels, self.sample_rate_hz, self.model_rate_hz = channels, sample_rate_hz, model_rate_hz
        self.window_samples = window_samples
        self.start_s = start_s
        self.reset()

    def reset(self, *, start_s: float | None = None) -> None:
        """Forget everything heard; what comes next starts at that time, or where the first did."""
        if start_s is not None:
            self.start_s = start_s
        self._resampler = None
        if self.sample_rate_hz != self.model_rate_hz:
            self._resampler = soxr.ResampleStream(
                self.sample_rate_hz, self.model_rate_hz, self.channels, dtype="float32"
            )
        self._first = round(self.start_s * self.model_rate_hz)
        self._room = np.zeros((self.channels, 2 * self.window_samples), np.float32)
        self._begin_kept = self._end_kept = 0
        self.finished = False

    def push(self, block: NDArray[np.floating]) -> None:
        """Append sound.

        Args:
            block: (C, n), ACN/SN3D, at least ``channels`` channels; n may be 0.

        Raises:
            ValueError: another shape, or sound after its end.
            AmbisonicError: samples that are not numbers.
        """
        if self.finished:
            raise ValueError("sound came after its end was told; reset() starts anew")
        if block.ndim != 2 or block.shape[0] < self.channels:
            raise ValueError(f"expected sound ({self.channels} or more channels, n), got shape {block.shape}")
        if not np.isfinite(block).all():
            raise AmbisonicError("the sound holds samples that are not numbers: the file is damaged")
        self._append(np.asarray(block[: self.channels], np.float32), last=False)

    def finish(self) -> None:
        """Tell that no more sound will come: what follows is silence."""
        if not self.finished:
            self._append(np.zeros((self.channels, 0), np.float32), last=True)
            self.finished = True

    def _append(self, block: NDArray[np.float32], *, last: bool) -> None:
        if self._resampler is not None:
            # soxr wants (n, C), also for one channel.
            block = (
                self._resampler.resample_chunk(np.ascontiguousarray(block.T), last=last).reshape(-1, self.channels).T
            )
        count = block.shape[1]
        if self._end_kept + count > self._room.shape[1]:
            # Twice what is needed: every sample is moved once or twice on its way, however small the blocks are.
            kept = self._kept
            self._room = np.zeros((self.channels, 2 * (kept.shape[1] + count)), np.float32)
            self._begin_kept, self._end_kept = 0, kept.shape[1]
            self._room[:, : kept.shape[1]] = kept
        self._room[:, self._end_kept : self._end_kept + count] = block
        self._end_kept += count

    @property
    def _kept(self) -> NDArray[np.float32]:
        return self._room[:, self._begin_kept : self._end_kept]

    def ready(self, time_s: float) -> bool:
        """True where the window about that time is complete."""
        return self.finished or self._begin(time_s) + self.window_samples <= self._first + self._kept.shape[1]

    def window(self, time_s: float) -> NDArray[np.float32]:
        """The sound about a time: (channels, window_samples) float32, silent where there is none."""
        begin = self._begin(time_s)
        end = begin + self.window_samples
        low, high = max(begin, self._first), min(end, self._first + self._kept.shape[1])
        out = np.zeros((self.channels, self.window_samples), np.float32)
        if low < high:
            out[:, low - begin : high - begin] = self._kept[:, low - self._first : high - self._first]
        return out

    def forget_before(self, time_s: float) -> None:
        """Drop what no window about that time or later needs."""
        drop = self._begin(time_s) - self._first
        if drop > 0:
            drop = min(drop, self._kept.shape[1])
            self._begin_kept += drop
            self._first += drop

    def _begin(self, time_s: float) -> int:
        return round(time_s * self.model_rate_hz) - self.window_samples // 2
