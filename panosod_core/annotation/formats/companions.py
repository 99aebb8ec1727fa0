"""What goes with masks: the pictures of the same frames, and the sound of the same stretch of time."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError, MediaError
from panosod_core.geometry.picture import Bounds
from panosod_core.geometry.sphere import FloatArray
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import picture_geometry
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import ClipInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader

_BLOCK = 1 << 16


@dataclass(frozen=True)
class SoundPart:
    """What was written of the sound.

    Attributes:
        start_s: on the clip's clock.
        seconds: length.
        rate_hz: samples a second.
        clipped: samples beyond full scale, limited to it.
    """

    start_s: float
    seconds: float
    rate_hz: int
    clipped: int


def cropped(box: Bounds, *, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns of a full-sphere picture that a clip's picture covers."""
    left, right = round(box.left * width), width - round(box.right * width)
    top, bottom = round(box.top * height), height - round(box.bottom * height)
    return slice(top, bottom), slice(left, right)


class Pictures:
    """A clip's pictures as its label maps see them: one eye, the covered part of the sphere."""

    def __init__(self, path: Path) -> None:
        """Look into the clip.

        Raises:
            MediaError: it cannot be read.
            AnnotationError: it has no picture on the sphere.
        """
        self.info: ClipInfo = probe(path)
        if self.info.video is None:
            raise AnnotationError(f"{path}: expected a clip with pictures, it has only sound")
        self.geometry = picture_geometry(self.info.video)
        if not self.geometry.is_spherical:
            raise AnnotationError(f"{path}: expected an equirectangular clip, it is {self.geometry.projection}")

    def of(self, keys: Sequence[FrameKey], *, time_base: Fraction) -> Iterator[NDArray[np.uint8]]:
        """(H, W, 3) RGB of frames, in their order.

        Args:
            keys: frames of the annotated clip.
            time_base: seconds a tick of their time stamps.

        Raises:
            MediaError: a frame cannot be decoded.
            AnnotationError: the file's frames are not those that were annotated.
        """
        video = self.info.video
        if video is None:
            raise AssertionError("checked at birth")
        with VideoReader(self.info.path, video, clock_origin_s=clip_origin_s(self.info)) as reader:
            for key in keys:
                frame = reader.frame_at(key.index)
                if frame.pts * frame.time_base != key.pts * time_base:
                    raise AnnotationError(
                        f"{self.info.path}: frame {key.index} is at {float(frame.pts * frame.time_base):.4f} s, "
                        f"{float(key.pts * time_base):.4f} s was annotated: "
                        "this is another copy of the clip; `panosod project adopt` takes it in its place"
                    )
                picture = np.asarray(frame.owner.to_ndarray(format="rgb24"), np.uint8)
                height, width = picture.shape[:2]
                u0, v0, u1, v1 = self.geometry.eye_rect
                yield picture[round(v0 * height) : round(v1 * height), round(u0 * width) : round(u1 * width)]


def fitted(picture: NDArray[np.uint8], *, width: int, height: int) -> NDArray[np.uint8]:
    """A picture at another size, by area where it gets smaller."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = picture.shape[0] > height
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=kind), np.uint8)


def picture_bytes(picture: NDArray[np.uint8], *, jpeg: bool) -> bytes:
    """(H, W, 3) as a file: JPEG of quality 95 without chroma subsampling, or PNG."""
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    if jpeg:
        image.save(file, format="JPEG", quality=95, subsampling=0)
    else:
        image.save(file, format="PNG", compress_level=6)
    return file.getvalue()


def write_sound(
    info: ClipInfo,
    target: Path,
    *,
    start_s: float,
    end_s: float,
    should_stop: Callable[[], bool],
    R_picture_world: FloatArray | None = None,  # noqa: N803 - rotations are named by their frames
) -> SoundPart:
    """Write a stretch of a clip's sound field as 16-bit PCM, four channels W Y Z X (ACN, SN3D).

    Args:
        info: of the clip.
        target: the file.
        start_s: on the clip's clock.
        end_s: on the clip's clock.
        should_stop: True ends it early.
        R_picture_world: (3, 3), where the sound shall lie in the frame of a picture that is tilted by its pose.

    Raises:
        AnnotationError: the clip has no sound field.
        MediaError: it cannot be read.
    """
    audio = info.audio
    if audio is None or not audio.order:
        raise AnnotationError(f"{info.path}: expected ambisonic sound to export, it has {_kind(info)}")
    clipped = 0
    turn = None if R_picture_world is None else sh_rotation(1, R_picture_world)
    with AudioReader(info.path, audio, out_rate_hz=audio.sample_rate_hz, clock_origin_s=clip_origin_s(info)) as reader:
        reader.seek(start_s)
        left = round((end_s - start_s) * reader.out_rate_hz)
        with wave.open(str(target), "wb") as file:
            file.setnchannels(4)
            file.setsampwidth(2)
            file.setframerate(reader.out_rate_hz)
            while left > 0 and not should_stop():
                block = reader.read(min(_BLOCK, left))[:4]
                if block.shape[1] == 0:
                    block = np.zeros((4, min(_BLOCK, left)), np.float32)  # the sound ends before the picture
                scaled = np.rint((block if turn is None else turn @ block) * 32767.0)
                clipped += int(np.count_nonzero(np.abs(scaled) > 32767))
                file.writeframes(np.clip(scaled, -32767, 32767).astype("<i2").T.tobytes())
                left -= block.shape[1]
        return SoundPart(start_s, end_s - start_s, reader.out_rate_hz, clipped)


def _kind(info: ClipInfo) -> str:
    return "no sound" if info.audio is None else f"{info.audio.channels} channels without directions"


def has_field(info: ClipInfo) -> bool:
    """Whether a clip's sound has directions."""
    return info.audio is not None and bool(info.audio.order)


def media_or_none(path: Path) -> Pictures | None:
    """A clip's pictures; None where the file cannot be read or does not belong on the sphere."""
    try:
        return Pictures(path)
    except (MediaError, AnnotationError):
        return None
