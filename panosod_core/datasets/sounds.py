"""Reading a clip's ambisonic sound by the clock, in the one form used inside (float32, ACN, SN3D)."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.index import Sound
from panosod_core.datasets.sound_order import ACN_SN3D, NAMED_ORDERS, SoundOrder
from panosod_core.errors import DatasetError, MediaError
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_core.media.probe import probe


class TooFewChannelsError(DatasetError):
    """Sound without direction: mono, stereo or three channels where four are needed."""


@dataclass(frozen=True)
class SoundHeader:
    """What a sound file says of itself.

    Attributes:
        info: as probed.
        order: what its header says its channels are; ACN/SN3D where it says nothing.
        duration_s: by its header.
    """

    info: AudioInfo
    order: SoundOrder
    duration_s: float


def read_sound_header(path: Path) -> SoundHeader:
    """What a sound file says of itself.

    Raises:
        DatasetError: it is missing, no sound, or of unknown length.
    """
    try:
        clip = probe(path)
    except MediaError as error:
        raise DatasetError(str(error)) from error
    if clip.audio is None:
        raise DatasetError(f"{path}: expected sound, there is none in this file")
    duration_s = clip.audio.duration_s if clip.audio.duration_s is not None else clip.duration_s
    if duration_s is None:
        raise DatasetError(f"{path}: expected sound of known length, its header does not tell; convert it to WAVE")
    declared = {SoundFormat.FUMA: NAMED_ORDERS["fuma"], SoundFormat.N3D: NAMED_ORDERS["acn/n3d"]}
    return SoundHeader(clip.audio, declared.get(clip.audio.format, ACN_SN3D), duration_s)


def sound_of(path: Path, *, order: SoundOrder | None = None) -> Sound:
    """The sound of a clip.

    Args:
        path: its file.
        order: what the channels are; None: what the header says, else ACN/SN3D.

    Raises:
        TooFewChannelsError: it has fewer than four channels.
        DatasetError: it cannot be read.
    """
    header = read_sound_header(path)
    if header.info.channels < 4:
        raise TooFewChannelsError(
            f"{path}: expected sound of at least 4 channels (first-order ambisonics), got {header.info.channels}"
        )
    return Sound(path, order or header.order, header.info, header.duration_s)


@dataclass(frozen=True, eq=False)
class SoundPiece:
    """A stretch of sound.

    Attributes:
        samples: (4, n) float32, ACN/SN3D; silence where the file has none.
        first, end: samples first .. end - 1 lie within the file.
    """

    samples: NDArray[np.float32]
    first: int
    end: int


def read_sound(sound: Sound, *, start: int, count: int, rate_hz: int) -> SoundPiece:
    """A stretch of a clip's sound, placed by the clock.

    Args:
        sound: which.
        start: place of the first sample at ``rate_hz``, may lie before second 0.
        count: samples wanted, at least 1.
        rate_hz: wanted; converted with a steep low-pass where the file has another.

    Returns:
        ``count`` samples, silence before the beginning and after the end.

    Raises:
        DatasetError: the file cannot be read.
    """
    header = SoundHeader(sound.info, sound.order, sound.duration_s)
    raw = read_channels(sound.path, range(4), start=start, count=count, rate_hz=rate_hz, header=header)
    samples = np.zeros((4, count), np.float32)
    samples[:, : raw.shape[1]] = sound.order.matrix() @ raw
    first = min(max(0, -start), count)
    samples[:, :first] = 0.0  # the rate converter's filter rings a little ahead of second 0
    return SoundPiece(samples, first, max(first, min(raw.shape[1], count)))


def read_channels(
    path: Path,
    channels: range,
    *,
    start: int = 0,
    count: int | None = None,
    rate_hz: int,
    header: SoundHeader | None = None,
) -> NDArray[np.float32]:
    """Channels of a sound file as they are stored, at a rate.

    Args:
        path: the file.
        channels: which, by number.
        start: place of the first sample at ``rate_hz``.
        count: samples wanted; None: to the end.
        rate_hz: wanted.
        header: of the file where it is known: probing a file takes as long as reading some seconds of it.

    Returns:
        (channels, n) float32, shorter than ``count`` where the file ends.

    Raises:
        TooFewChannelsError: it has too few channels.
        DatasetError: it cannot be read.
    """
    try:
        header = header or read_sound_header(path)
        if header.info.channels <= channels[-1]:
            raise TooFewChannelsError(
                f"{path}: expected at least {channels[-1] + 1} channels of sound, got {header.info.channels}"
            )
        as_stored = replace(
            header.info, format=SoundFormat.STEREO, order=None, head_locked=False, channel_map=tuple(channels)
        )
        with AudioReader(path, as_stored, out_rate_hz=rate_hz, clock_origin_s=header.info.start_s or 0.0) as reader:
            reader.seek(start / rate_hz)
            wanted = round((header.duration_s + 1.0) * rate_hz) - start if count is None else count
            return reader.read(max(wanted, 0))
    except MediaError as error:
        raise DatasetError(str(error)) from error
