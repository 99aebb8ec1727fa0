"""What screenshots and recordings share: a clip's pictures as scenes, and option values checked."""

import math
from pathlib import Path

from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import MAX_FOV_RAD, View, ViewProjection
from panosod_core.media.choice import PICTURE_CHOICES, chosen_geometry
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import ClipInfo, VideoInfo
from panosod_viewer.scene import Pane, RenderScene

LARGEST_PX = 16384


def picture_info(info: ClipInfo) -> VideoInfo:
    """The picture stream of a clip.

    Raises:
        MediaError: it has none.
    """
    if info.video is None:
        raise MediaError(f"{info.path}: there is no picture in this file, only sound")
    return info.video


def geometry_of(video: VideoInfo, choice: str) -> PictureGeometry:
    """How the picture covers the sphere, as found ("auto") or as chosen.

    Raises:
        ConfigError: no such choice.
    """
    if choice not in PICTURE_CHOICES:
        raise ConfigError(f"the picture can be taken for {', '.join(PICTURE_CHOICES)}; found {choice!r}")
    return chosen_geometry(video, choice)


def checked_view(
    *, yaw_deg: float, pitch_deg: float, roll_deg: float, fov_deg: float, projection: ViewProjection
) -> View:
    """A view from degrees.

    Raises:
        ConfigError: an angle is out of range.
    """
    widest = 360.0 if projection is ViewProjection.EQUIRECT else math.degrees(MAX_FOV_RAD)
    for name, value, low, high in (
        ("yaw", yaw_deg, -1e6, 1e6),
        ("pitch", pitch_deg, -90.0, 90.0),
        ("roll", roll_deg, -1e6, 1e6),
        ("fov", fov_deg, 1.0, round(widest, 6)),
    ):
        if not low <= value <= high:
            raise ConfigError(f"--{name} must lie in {low:g}..{high:g} degrees, found {value:g}")
    yaw, pitch, roll, fov = (math.radians(v) for v in (yaw_deg, pitch_deg, roll_deg, fov_deg))
    return View(yaw, pitch, roll, fov, projection)


def checked_size(size: tuple[int, int], *, even: bool = False) -> tuple[int, int]:
    """A picture size that can be drawn.

    Raises:
        ConfigError: too small, too large, or odd where it must be even.
    """
    if not all(2 <= side <= LARGEST_PX for side in size):
        raise ConfigError(f"--size must lie in 2x2..{LARGEST_PX}x{LARGEST_PX}, found {size[0]}x{size[1]}")
    if even and (size[0] % 2 or size[1] % 2):
        raise ConfigError(f"--size must be even for a video, found {size[0]}x{size[1]}")
    return size


def checked_output(out: Path, *, endings: tuple[str, ...], source: Path) -> Path:
    """A place to write to.

    Raises:
        ConfigError: wrong ending, a missing folder, or the clip itself.
    """
    if out.suffix.lower() not in endings:
        raise ConfigError(f"the output must end in {' or '.join(endings)}, found {out.name!r}")
    if not out.parent.is_dir():
        raise ConfigError(f"the folder {out.parent} does not exist")
    if out.exists() and source.exists() and out.samefile(source):
        raise ConfigError(f"{out} is the clip itself: choose another output")
    return out


def scene_of(frame: VideoFrame, geometry: PictureGeometry, view: View, *, supersample: bool) -> RenderScene:
    """The picture as one view shows it, on black."""
    return RenderScene(frame, geometry, (Pane(view=view),), render_scale=2.0 if supersample else 1.0)
