"""``panosod-viewer CLIP --screenshot out.png``: one view of one frame, without a window."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ConfigError
from panosod_core.geometry.projection import ViewProjection
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.offline.clip import checked_output, checked_size, checked_view, geometry_of, picture_info, scene_of
from panosod_viewer.render.headless import HeadlessContext


@dataclass(frozen=True)
class ScreenshotOptions:
    """What to draw and where to write it.

    Attributes:
        clip: the video.
        out: PNG file, 8-bit sRGB.
        at_s: time on the clip's clock; the frame being shown then is drawn (the last one beyond the end).
        yaw_deg: left positive.
        pitch_deg: up positive, -90..90.
        roll_deg: clockwise positive.
        fov_deg: horizontal field of view (the range of azimuth for the flat map).
        size: width and height, pixels.
        projection: how the view is laid out.
        picture: what the picture is taken for (``media.choice.PICTURE_CHOICES``).
        supersample: draw twice as large and average; for very wide views.
    """

    clip: Path
    out: Path
    at_s: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    fov_deg: float = 90.0
    size: tuple[int, int] = (1280, 720)
    projection: ViewProjection = ViewProjection.PERSPECTIVE
    picture: str = "auto"
    supersample: bool = False


def run_screenshot(options: ScreenshotOptions, *, warn: Callable[[str], None] | None = None) -> Path:
    """Write the PNG.

    Args:
        options: what to draw and where to write it.
        warn: gets one line where the time lies beyond the end.

    Returns:
        Where it lies.

    Raises:
        ConfigError: an option that cannot be used.
        MediaError: the clip cannot be read.
        RenderError: no OpenGL here.
    """
    out = checked_output(options.out, endings=(".png",), source=options.clip)
    width, height = checked_size(options.size)
    if not 0 <= options.at_s < 1e9:
        raise ConfigError(f"--at must be a time from 0 on, seconds, found {options.at_s:g}")
    view = checked_view(
        yaw_deg=options.yaw_deg,
        pitch_deg=options.pitch_deg,
        roll_deg=options.roll_deg,
        fov_deg=options.fov_deg,
        projection=options.projection,
    )
    info = probe(options.clip)
    video = picture_info(info)
    geometry = geometry_of(video, options.picture)
    with VideoReader(options.clip, video, clock_origin_s=clip_origin_s(info)) as reader:
        frame = reader.frame_at_time(options.at_s)
        end_s = frame.time_s + frame.duration_s
        if warn is not None and options.at_s > end_s:
            warn(f"--at {options.at_s:g} lies beyond the end of the clip at {end_s:.2f} s: its last picture was saved")
        with HeadlessContext(width, height) as context:
            pixels = context.render(scene_of(frame, geometry, view, supersample=options.supersample))
    write_png(out, pixels)
    return out


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 as sRGB PNG, beside and renamed.

    Raises:
        ConfigError: the place cannot be written to.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add(b"sRGB", b"\0")
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            Image.fromarray(pixels).save(file, format="PNG", pnginfo=chunks)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
