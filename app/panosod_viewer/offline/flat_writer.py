"""An ordinary flat video file: H.264 in BT.709 limited range, stereo AAC, each picture with its own time."""

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from panosod_core.errors import ConfigError, MediaError

PICTURE_CLOCK = Fraction(1, 90000)
ENDINGS = (".mp4", ".mov", ".mkv")
_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_BT709, _LIMITED = 1, 1  # ISO/IEC 23091-2 code points


class FlatWriter:
    """Writes beside the wanted place and renames on success; on failure nothing is left.

    Pictures and sound may come in any interleaving. The encoder's priming of AAC is written as an edit list (Matroska:
    codec delay), so that sample 0 plays at time 0.
    """

    def __init__(
        self, path: Path, *, width: int, height: int, fps: Fraction, sample_rate_hz: int, sound: bool, crf: int = 16
    ) -> None:
        """Open the file.

        Args:
            path: ends in one of ENDINGS.
            width: even, pixels.
            height: even, pixels.
            fps: nominal rate, for the encoder's rate control only.
            sample_rate_hz: of the sound.
            sound: whether there is any.
            crf: x264's quality, lower is better.

        Raises:
            ConfigError: the place cannot be written to.
        """
        self._path = path
        self._beside = path.with_name(f".{path.stem}.part{path.suffix}")
        self._rate_hz = sample_rate_hz
        self._samples = 0
        self._last_pts = -1
        options = {"movflags": "+faststart"} if path.suffix.lower() != ".mkv" else {}
        try:
            self._container = av.open(str(self._beside), "w", format=_FORMATS[path.suffix.lower()], options=options)
        except (OSError, av.FFmpegError) as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
        self._video = self._container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": str(crf)})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        context = self._video.codec_context
        context.time_base = PICTURE_CLOCK
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        self._audio = None
        if sound:
            self._audio = self._container.add_stream("aac", rate=sample_rate_hz, layout="stereo")
            self._audio.codec_context.bit_rate = 320_000

    def __enter__(self) -> "FlatWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        else:
            self._give_up()

    def write_picture(self, rgb: NDArray[np.uint8], t_s: float) -> None:
        """One picture.

        Args:
            rgb: (height, width, 3) R'G'B'.
            t_s: when it is shown from, seconds from the file's start; must grow.
        """
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        # two pictures closer than a tick cannot be told apart in the file
        self._last_pts = max(round(t_s / PICTURE_CLOCK), self._last_pts + 1)
        frame.pts, frame.time_base = self._last_pts, PICTURE_CLOCK
        self._mux(self._video, frame)

    def write_sound(self, ears: NDArray[np.float32]) -> None:
        """The next samples, (2, n) float32, left and right ear."""
        if self._audio is None or not ears.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(ears, np.float32), format="fltp", layout="stereo")
        frame.sample_rate = self._rate_hz
        frame.pts, frame.time_base = self._samples, Fraction(1, self._rate_hz)
        self._samples += ears.shape[1]
        self._mux(self._audio, frame)

    def _mux(self, stream: "av.VideoStream | av.AudioStream", frame: "av.VideoFrame | av.AudioFrame | None") -> None:
        try:
            self._container.mux(stream.encode(frame))  # type: ignore[arg-type]  # each stream gets its own kind
        except av.FFmpegError as error:
            raise MediaError(f"{self._path} cannot be written: {error.strerror or error}") from error

    def _finish(self) -> None:
        try:
            self._mux(self._video, None)
            if self._audio is not None:
                self._mux(self._audio, None)
            self._container.close()
            with self._beside.open("rb+") as file:
                os.fsync(file.fileno())
            self._beside.replace(self._path)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        self._container.close()
        self._beside.unlink(missing_ok=True)
