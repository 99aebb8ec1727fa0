"""`--screenshot` and `--record`: the command line's words as the options of the offline renderer."""

import sys
from pathlib import Path

from panosod_core.errors import ConfigError
from panosod_viewer.arguments import Arguments
from panosod_viewer.terminal import complain


def screenshot(arguments: Arguments) -> Path:
    """Save one view as a picture.

    Raises:
        PanosodError: the clip, an option or the picture file cannot be used.
    """
    from panosod_viewer.offline.screenshot import ScreenshotOptions, run_screenshot

    assert arguments.clip is not None
    assert arguments.screenshot is not None
    return run_screenshot(
        ScreenshotOptions(
            clip=Path(arguments.clip),
            out=arguments.screenshot,
            at_s=arguments.at_s,
            yaw_deg=arguments.yaw_deg or 0.0,
            pitch_deg=arguments.pitch_deg or 0.0,
            roll_deg=arguments.roll_deg or 0.0,
            fov_deg=90.0 if arguments.fov_deg is None else arguments.fov_deg,
            size=arguments.size or (1280, 720),
            picture=arguments.projection or "auto",
            supersample=arguments.supersample,
        ),
        warn=complain,
    )


def record(arguments: Arguments) -> Path:
    """Render a flat video with its binaural sound along a view path.

    Raises:
        PanosodError: the clip, the path, an option or the output cannot be used.
    """
    from panosod_viewer.offline.record import RecordOptions, run_record

    assert arguments.clip is not None
    assert arguments.record is not None
    if arguments.at_s:
        raise ConfigError("--record renders the whole clip: leave --at out")
    return run_record(
        RecordOptions(
            clip=Path(arguments.clip),
            out=arguments.record,
            gaze=arguments.gaze,
            yaw_deg=arguments.yaw_deg or 0.0,
            pitch_deg=arguments.pitch_deg or 0.0,
            roll_deg=arguments.roll_deg or 0.0,
            size=arguments.size or (1280, 720),
            fov_deg=90.0 if arguments.fov_deg is None else arguments.fov_deg,
            picture=arguments.projection or "auto",
            sound=arguments.sound or "auto",
            hrtf=arguments.hrtf,
            supersample=arguments.supersample,
        ),
        progress=_Progress() if sys.stderr is not None and sys.stderr.isatty() else None,
    )


class _Progress:
    """A line on the terminal that is written over."""

    def __init__(self) -> None:
        self._percent = -1

    def __call__(self, share: float) -> None:
        percent = int(100 * share)
        if percent != self._percent:
            self._percent = percent
            end = "\n" if percent >= 100 else ""
            sys.stderr.write(f"\rrendering {percent:3d}%{end}")
            sys.stderr.flush()
