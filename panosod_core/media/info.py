"""What is known of a clip, without decoding it. Plain frozen values; nothing here opens a file.

What a header claims (:class:`Claim`) and what panosod resolved from all claims (:class:`VideoInfo`,
:class:`AudioInfo`) are separate, so that a person can see why a clip is shown as it is.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from panosod_core.geometry.picture import FULL_SPHERE, Bounds, PictureProjection, StereoMode


class SoundFormat(StrEnum):
    """What the channels of a clip's sound are, in the words of ``panosod info``."""

    AMBIX = "ambix"
    N3D = "n3d"
    FUMA = "fuma"
    STEREO = "stereo"
    MONO = "mono"

    @property
    def is_ambisonic(self) -> bool:
        """True for the forms that turn with the head."""
        return self in (SoundFormat.AMBIX, SoundFormat.N3D, SoundFormat.FUMA)


class Matrix(StrEnum):
    """YCbCr to RGB matrix."""

    BT601 = "bt601"
    BT709 = "bt709"
    BT2020 = "bt2020"
    RGB = "rgb"


class Range(StrEnum):
    """Code range of the samples."""

    LIMITED = "limited"
    FULL = "full"


class Transfer(StrEnum):
    """Transfer characteristics that make a difference on the screen."""

    SDR = "sdr"
    PQ = "pq"
    HLG = "hlg"


@dataclass(frozen=True)
class Claim:
    """One thing that one place in the file says.

    Attributes:
        source: the place: "sv3d", "st3d", "V1 uuid", "SA3D", "Matroska Projection", "Opus header", "codec", ...
        key: what it speaks of: "projection", "stereo", "pose_deg", "bounds", "format", "channel_map", ...
        value: what it says, as text.
        note: why it was not used, or "" where it was.
    """

    source: str
    key: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class VideoInfo:
    """The picture stream, resolved.

    Attributes:
        stream_index: index of the stream in the container.
        codec: FFmpeg's name of the codec.
        width, height: decoded size in pixels, both eyes together.
        fps: average rate as a fraction, None where the header gives none.
        is_vfr: True where the header already shows a variable rate, None where it cannot be known without scanning.
        pix_fmt: FFmpeg's name.
        range, matrix, transfer: resolved colour; the guess where nothing is said is limited BT.709 (yuvj: full).
        projection, stereo, eyes_swapped, bounds: how the picture covers the sphere.
        pose_deg: yaw (left +), pitch (up +), roll (clockwise +), of the picture in the world, degrees.
        initial_view_deg: the same signs, where to look first (V1 InitialView), degrees.
        source: which place decided the projection, in words for the status line
            ("sv3d", "V1 uuid", "2:1 picture", ...).
        time_base: seconds per pts tick.
        start_pts: first pts by the header, None where missing.
        duration_s: None where unknown.
        frame_count: by the header, None where unknown.
    """

    stream_index: int
    codec: str
    width: int
    height: int
    fps: Fraction | None
    is_vfr: bool | None
    pix_fmt: str
    range: Range
    matrix: Matrix
    transfer: Transfer
    projection: PictureProjection
    stereo: StereoMode
    source: str
    time_base: Fraction
    eyes_swapped: bool = False
    bounds: Bounds = FULL_SPHERE
    pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    initial_view_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start_pts: int | None = None
    duration_s: float | None = None
    frame_count: int | None = None


@dataclass(frozen=True)
class AudioInfo:
    """The sound stream, resolved.

    Attributes:
        stream_index: index of the stream in the container.
        codec: FFmpeg's name of the codec.
        channels: number of channels of the track.
        sample_rate_hz: rate of the track.
        format: what the channels are.
        order: ambisonic order, None for stereo and mono.
        head_locked: True where two further channels (L, R) stay with the head ("4+2").
        channel_map: for output component c (ACN 0.., then L, R) the decoded channel that carries it:
            ``ordered = decoded[list(channel_map)]``. Its length is what the format needs; the rest is unused.
        source: which place decided, in words for the status line ("SA3D", "Opus header", "layout ambisonic 1",
            "4 channels", "chosen by you").
        layout: FFmpeg's name of the channel layout, for people and logs.
        warnings: doubts worth showing, e.g. "4+2 in AAC 5.1: X may be low-passed".
        start_s: time of the first sample by the header, on the same clock as the picture; None where missing.
        duration_s: None where unknown.
    """

    stream_index: int
    codec: str
    channels: int
    sample_rate_hz: int
    format: SoundFormat
    order: int | None
    head_locked: bool
    channel_map: tuple[int, ...]
    source: str
    layout: str = ""
    warnings: tuple[str, ...] = ()
    start_s: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class ClipInfo:
    """A clip: where it lies and what is known of it."""

    path: Path
    container: str
    duration_s: float | None
    video: VideoInfo | None
    audio: AudioInfo | None
    claims: tuple[Claim, ...] = field(default=())
