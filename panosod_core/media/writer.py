"""Writing clips: pictures and sound in step, into a file that appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from panosod_core.errors import MediaError
from panosod_core.media.container import reason


class PictureCodec(StrEnum):
    """How pictures are coded."""

    H264 = "h264"
    HEVC = "hevc"
    VP9 = "vp9"
    AV1 = "av1"


class SoundCodec(StrEnum):
    """How sound is coded. Of four channels at 512 kb/s AAC and Opus keep them about 15 dB above their noise."""

    AAC = "aac"
    OPUS = "opus"
    """Mapping family 2 for ambisonic channel counts: the only lossy form that carries the meaning by itself."""
    FLAC = "flac"
    PCM = "pcm"
    """16 bit."""
    PCM_FLOAT = "pcm-float"
    """32 bit floating point."""


_BT709 = 1
"""ITU-T H.273: the number of BT.709 primaries, transfer and matrix alike."""

_ENCODERS = {
    PictureCodec.H264: "libx264",
    PictureCodec.HEVC: "libx265",
    PictureCodec.VP9: "libvpx-vp9",
    PictureCodec.AV1: "libsvtav1",
    SoundCodec.AAC: "aac",
    SoundCodec.OPUS: "libopus",
    SoundCodec.FLAC: "flac",
    SoundCodec.PCM: "pcm_s16le",
    SoundCodec.PCM_FLOAT: "pcm_f32le",
}
_AMBISONIC_LAYOUTS = {4: "ambisonic 1", 9: "ambisonic 2", 16: "ambisonic 3"}
_AMBISONIC_LAYOUTS.update({n + 2: f"{name}+stereo" for n, name in list(_AMBISONIC_LAYOUTS.items())})
_AAC_TOOLS = {"aac_pns": "0", "aac_is": "0"}
"""Off, because they code two channels, or noise, by their level alone and lose the phase between W, Y, Z and X."""


@dataclass(frozen=True)
class PictureSettings:
    """How pictures are coded.

    Attributes:
        codec: see :class:`PictureCodec`.
        pix_fmt: "yuv420p" or "yuv420p10le".
        crf: constant quality, lower is better; None for the encoder's own default.
        preset: speed word of x264 and x265, number of AV1 and VP9; None for a fast one.
        gop_frames: most frames between key frames; None for one second.
        options: further options of the encoder, by FFmpeg's names.
    """

    codec: PictureCodec = PictureCodec.H264
    pix_fmt: str = "yuv420p"
    crf: int | None = 20
    preset: str | None = None
    gop_frames: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def encoder_options(self, fps: Fraction) -> dict[str, str]:
        """The options of FFmpeg's encoder."""
        options = {"g": str(self.gop_frames or max(round(fps), 1))}
        if self.crf is not None:
            options["crf"] = str(self.crf)
        if self.codec is PictureCodec.H264:
            options |= {"preset": self.preset or "veryfast", "x264-params": "log-level=none"}
        elif self.codec is PictureCodec.HEVC:
            options |= {"preset": self.preset or "veryfast", "x265-params": "log-level=none"}
        elif self.codec is PictureCodec.AV1:
            options["preset"] = self.preset or "10"
        else:
            options |= {"cpu-used": self.preset or "6", "deadline": "good", "row-mt": "1", "b": "0"}
        return options | dict(self.options)


@dataclass(frozen=True)
class SoundSettings:
    """How sound is coded.

    Attributes:
        codec: see :class:`SoundCodec`.
        bit_rate: bits a second of all channels of a lossy codec; None for 128 000 a channel.
        layout: FFmpeg's name of the channel layout; None for the one that keeps the order of the channels.
        options: further options of the encoder, by FFmpeg's names.
    """

    codec: SoundCodec = SoundCodec.AAC
    bit_rate: int | None = None
    layout: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def layout_for(self, channels: int) -> str:
        """Name of a layout in which the codec neither reorders nor filters so many channels.

        Raises:
            MediaError: the codec has none.
        """
        if self.layout is not None:
            return self.layout
        if channels in (1, 2):
            return {1: "mono", 2: "stereo"}[channels]
        if self.codec is SoundCodec.OPUS and channels in _AMBISONIC_LAYOUTS:
            return _AMBISONIC_LAYOUTS[channels]
        if self.codec in (SoundCodec.AAC, SoundCodec.FLAC) and channels == 4:
            return "4.0"
        if self.codec is SoundCodec.FLAC and channels in (3, 5, 6, 7, 8):
            return {3: "3.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}[channels]
        if self.codec in (SoundCodec.PCM, SoundCodec.PCM_FLOAT):
            return "4.0" if channels == 4 else f"{channels} channels"
        raise MediaError(f"{self.codec} cannot carry {channels} channels of sound; use opus for 9 or 16, or pcm")

    def encoder_options(self, channels: int) -> dict[str, str]:
        """The options of FFmpeg's encoder."""
        options: dict[str, str] = {}
        if self.codec is SoundCodec.AAC and channels > 2:
            options |= _AAC_TOOLS
        if self.codec is SoundCodec.OPUS and channels > 2:
            options |= {"mapping_family": "2", "apply_phase_inv": "0"}
        return options | dict(self.options)


class ClipWriter:
    """Encodes a clip while its pictures and sound come in, in any interleaving.

    The file is written beside its place and renamed by :meth:`close`; leaving a ``with`` block by an error, or
    :meth:`abort`, leaves nothing behind. Not thread-safe.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int | None = None,
        height: int | None = None,
        fps: Fraction | int = 30,
        sample_rate_hz: int = 48000,
        audio_channels: int = 0,
        picture: PictureSettings | None = None,
        sound: SoundSettings | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: where it shall lie; the ending chooses the container (.mp4, .mov, .mkv, .webm, .ts, .wav, ...).
            width: of the pictures, pixels, even; None for sound alone.
            height: of the pictures, pixels, even; None for sound alone.
            fps: pictures a second.
            sample_rate_hz: rate of the sound.
            audio_channels: number of channels; 0 for pictures alone.
            picture: how pictures are coded.
            sound: how sound is coded.

        Raises:
            MediaError: the folder cannot be written, or container, codec, size and channels do not go together.
            ValueError: neither pictures nor sound.
        """
        if (width is None or height is None) and not audio_channels:
            raise ValueError("a clip needs a picture size, sound channels, or both")
        self._path = path
        self._fps = Fraction(fps)
        self._rate_hz = sample_rate_hz
        self._channels = audio_channels
        self._pictures = 0
        self._samples = 0
        self._part = _part_file(path)
        self._container: OutputContainer | None = None
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        try:
            options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov", ".m4v", ".m4a") else {}
            self._container = av.open(os.fspath(self._part.absolute()), "w", options=options)
            if width is not None and height is not None:
                self._video = self._add_video(self._container, width, height, picture or PictureSettings())
            if audio_channels:
                self._audio = self._add_audio(self._container, audio_channels, sound or SoundSettings())
            self._container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            self.abort()
            raise MediaError(f"{path}: cannot be written ({reason(error)})") from error
        except MediaError:
            self.abort()
            raise

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def pictures_written(self) -> int:
        """Number of pictures so far."""
        return self._pictures

    @property
    def samples_written(self) -> int:
        """Number of samples a channel so far."""
        return self._samples

    def write_picture(self, picture: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> None:
        """Append one picture.

        Args:
            picture: (H, W, 3) uint8 R'G'B', converted to limited-range BT.709; or the planes Y (H, W), U and V
                (H / 2, W / 2) uint8, taken as they are.

        Raises:
            ValueError: another size or type than the clip's, or a clip without pictures.
            MediaError: the disk is full, or the encoder gave up.
        """
        stream = self._video
        if stream is None:
            raise ValueError("this clip was opened without pictures")
        frame = self._frame_of(picture, stream)
        frame.pts, frame.time_base = self._pictures, 1 / self._fps
        self._pictures += 1
        self._encode(stream, frame)

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """Append sound.

        Args:
            samples: (channels, n) float32, full scale 1.0.

        Raises:
            ValueError: another number of channels than the clip's, or values that are no number.
            MediaError: the disk is full, or the encoder gave up.
        """
        stream = self._audio
        if stream is None or samples.ndim != 2 or samples.shape[0] != self._channels:
            raise ValueError(f"expected ({self._channels}, n) samples, got {samples.shape}")
        if not np.isfinite(samples).all():
            raise ValueError("sound to be written must be finite")
        if not samples.shape[1]:
            return
        # Interleaved, because PyAV cannot fill planar frames of eight channels or more (see sound_planes).
        packed = np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", stream.codec_context.layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._samples, Fraction(1, self._rate_hz)
        self._samples += samples.shape[1]
        self._encode(stream, frame)

    def close(self) -> None:
        """Finish the file and put it in its place. Closing again does nothing.

        Raises:
            MediaError: nothing was written, the disk is full, or the encoder gave up.
        """
        if self._container is None:
            return
        try:
            if not self._pictures and not self._samples:
                raise MediaError(f"{self._path}: no picture and no sound was written, so there is no clip")
            for stream in (self._video, self._audio):
                if stream is not None:
                    self._encode(stream, None)
            self._container.close()
            self._container = None
            _put_in_place(self._part, self._path)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._path}: cannot be finished ({reason(error)})") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Give up: nothing is left behind. After :meth:`close` this does nothing."""
        container, self._container = self._container, None
        if container is not None:
            # The file is thrown away; that its end cannot be written does not matter.
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        self._part.unlink(missing_ok=True)

    def _add_video(self, container: OutputContainer, width: int, height: int, how: PictureSettings) -> VideoStream:
        if width % 2 or height % 2 or width < 16 or height < 16:
            raise MediaError(f"{self._path}: expected an even picture size of at least 16 x 16, got {width} x {height}")
        stream = container.add_stream(_ENCODERS[how.codec], rate=self._fps, options=how.encoder_options(self._fps))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, how.pix_fmt
        context = stream.codec_context
        context.color_range = int(ColorRange.MPEG)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.time_base = 1 / self._fps
        if how.codec is PictureCodec.HEVC and self._path.suffix.lower() in (".mp4", ".mov", ".m4v"):
            context.codec_tag = "hvc1"  # what Apple's players ask for
        return stream

    def _add_audio(self, container: OutputContainer, channels: int, how: SoundSettings) -> AudioStream:
        layout = how.layout_for(channels)
        stream = container.add_stream(_ENCODERS[how.codec], rate=self._rate_hz, options=how.encoder_options(channels))
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = layout
        if how.codec in (SoundCodec.AAC, SoundCodec.OPUS):
            stream.codec_context.bit_rate = how.bit_rate or 128_000 * channels
        return stream

    def _frame_of(self, picture: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], stream: VideoStream) -> av.VideoFrame:
        width, height, pix_fmt = stream.width, stream.height, stream.pix_fmt or "yuv420p"
        if isinstance(picture, np.ndarray):
            if picture.shape != (height, width, 3) or picture.dtype != np.uint8:
                raise ValueError(f"expected ({height}, {width}, 3) uint8, got {picture.shape} {picture.dtype}")
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            return rgb.reformat(
                format=pix_fmt,
                src_color_range=ColorRange.JPEG,
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                interpolation=int(Interpolation.BICUBIC) | int(Interpolation.ACCURATE_RND),
            )
        shapes = [plane.shape for plane in picture]
        if shapes != [(height, width), (height // 2, width // 2), (height // 2, width // 2)]:
            raise ValueError(f"expected the planes of a {width} x {height} 4:2:0 picture, got {shapes}")
        frame = av.VideoFrame(width, height, "yuv420p")
        for target, plane in zip(frame.planes, picture, strict=True):
            padded = np.zeros((target.height, target.line_size), np.uint8)
            padded[:, : plane.shape[1]] = plane
            target.update(padded.tobytes())
        return frame if pix_fmt == "yuv420p" else frame.reformat(format=pix_fmt)

    def _encode(self, stream: VideoStream | AudioStream, frame: av.VideoFrame | av.AudioFrame | None) -> None:
        if self._container is None:
            raise ValueError("the clip is closed")
        try:
            packets: list[av.Packet[Stream]] = list(stream.encode(frame))  # type: ignore[arg-type]  # kinds match
            self._container.mux(packets)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._path}: cannot be written on ({reason(error)})") from error


def _part_file(path: Path) -> Path:
    """An empty file beside ``path`` with its ending, which FFmpeg chooses the container by."""
    part = path.with_name(f".{path.stem[:60]}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise MediaError(f"{path}: its folder cannot be written to ({reason(error)})") from error
    return part


def _put_in_place(part: Path, path: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    if path.exists():
        part.chmod(path.stat().st_mode & 0o777)
    part.replace(path)
