"""A clip with its maps drawn over the picture: tint and contour, with its sound. No torch."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PredictionError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.inference.clip_feed import ClipPlan
from panosod_core.inference.fitting import PictureFitter
from panosod_core.inference.map_record import SALIENT, MapRecord
from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.video import DEFAULT_FPS, VideoReader, never
from panosod_core.media.writer import ClipWriter, SoundCodec, SoundSettings

MAX_HEIGHT = 960
"""Rows of the video at most: what the maps of 208 rows still look smooth in."""
TINT_RGB = (255, 96, 0)
CONTOUR_RGB = (255, 236, 64)
TINT_SHARE = 0.45
"""Of the tint where the model is sure."""
_RATE_HZ = 48000


def drawn(picture: NDArray[np.uint8], saliency: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with a map over it.

    Args:
        picture: (H, W, 3) uint8 RGB, the full sphere.
        saliency: (h, w) uint8, of any size.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = picture.shape[:2]
    # A column of the ring beyond either edge, so that the enlarged map has no seam.
    ring = cv2.copyMakeBorder(saliency, 0, 0, 1, 1, cv2.BORDER_WRAP)
    ratio = width / saliency.shape[1]
    wide = cv2.resize(ring, (round(width + 2 * ratio), height), interpolation=cv2.INTER_LINEAR)
    level = wide[:, round(ratio) : round(ratio) + width].astype(np.float32)
    share = (level * np.float32(TINT_SHARE / 255))[..., None]
    out = picture * (1 - share) + np.array(TINT_RGB, np.float32) * share
    inside = cv2.copyMakeBorder((level >= SALIENT).astype(np.uint8), 0, 0, 2, 2, cv2.BORDER_WRAP)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[:, 2:-2] > 0
    out[edge] = CONTOUR_RGB
    return np.asarray(np.rint(out), np.uint8)


def write_overlay(
    path: Path,
    clip: Path,
    plan: ClipPlan,
    *,
    indices: Sequence[int],
    nearest: Callable[[int], MapRecord | None],
    on_frame: Callable[[], None] = lambda: None,
) -> None:
    """Write the video of a run of frames, each with the nearest map.

    Args:
        path: .mp4.
        clip: the file.
        plan: what it is taken for.
        indices: frames, consecutive.
        nearest: gives the map for a frame; None leaves the picture bare.
        on_frame: told of every frame.

    Raises:
        MediaError: the clip cannot be read, or the video not written.
        PredictionError: no frames.
    """
    if not indices:
        raise PredictionError(f"{clip}: no frames to draw maps over")
    height = _sphere_height(plan)
    fps = plan.video.fps or Fraction(DEFAULT_FPS)
    fitter = PictureFitter(plan.geometry, height=height, width=2 * height)
    origin_s = clip_origin_s(plan.info)
    audio = plan.audio
    sound = None if audio is None else AudioReader(clip, audio, out_rate_hz=_RATE_HZ, clock_origin_s=origin_s)
    try:
        with (
            VideoReader(clip, plan.video, clock_origin_s=origin_s) as reader,
            ClipWriter(
                path,
                width=2 * height,
                height=height,
                fps=fps,
                sample_rate_hz=_RATE_HZ,
                audio_channels=0 if sound is None else min(sound.channels, 4),
                sound=SoundSettings(codec=SoundCodec.FLAC),
            ) as writer,
        ):
            reader.set_threading(True)
            first = reader.frame_at(indices[0], should_stop=never)
            if sound is not None:
                sound.seek(first.time_s)
            frame = first
            for place, index in enumerate(indices):
                if index > first.index:
                    frame = reader.frame_at(index) if reader.next_index != index else reader.read() or frame
                record = nearest(index)
                picture = fitter.fit(frame)
                writer.write_picture(picture if record is None else drawn(picture, record.saliency))
                if sound is not None:
                    start, end = (round((place + k) / fps * _RATE_HZ) for k in (0, 1))
                    writer.write_sound(sound.read(end - start)[:4])
                on_frame()
    finally:
        if sound is not None:
            sound.close()
    is_field = audio is not None and audio.format.is_ambisonic and (audio.order or 0) >= 1
    write_spherical(path, path, geometry=PictureGeometry(), sound=AmbisonicSound(order=1) if is_field else None)


def _sphere_height(plan: ClipPlan) -> int:
    """Rows of a full sphere as fine as the eye's picture in its finer direction, even, at most :data:`MAX_HEIGHT`."""
    width, height = plan.geometry.eye_size(plan.video.width, plan.video.height)
    b = plan.geometry.bounds
    finest = max(height / (1 - b.top - b.bottom), width / (1 - b.left - b.right) / 2)
    return max(min(round(finest), MAX_HEIGHT) // 2 * 2, 2)
