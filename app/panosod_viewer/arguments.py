"""The command line of `panosod-viewer`. Imports nothing heavy: `--help` answers at once."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import ConfigError

PROJECTIONS = ("auto", "equirect", "equirect-tb", "equirect-sbs", "180", "180-sbs", "180-tb", "flat")
SOUNDS = ("auto", "ambix", "n3d", "fuma", "ambix+2", "stereo", "mono")
LAYERS = ("energy", "location", "saliency", "onion", "truth", "annotation")
THEMES = ("auto", "dark", "light")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Arguments:
    """What the command line said; None or False where it said nothing."""

    clip: str | None = None
    at_s: float = 0.0
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    fov_deg: float | None = None
    size: tuple[int, int] | None = None
    screenshot: Path | None = None
    record: Path | None = None
    gaze: Path | None = None
    supersample: bool = False
    hrtf: Path | None = None
    device: str | None = None
    projection: str | None = None
    sound: str | None = None
    tracker: int | None = None
    theme: str | None = None
    render_scale: float | None = None
    play: bool | None = None
    repeat: bool | None = None
    bare: bool = False
    fullscreen: bool = False
    truth: Path | None = None
    layers: tuple[str, ...] | None = None
    model: str | None = None
    model2: str | None = None
    settings: Path | None = None
    stats: Path | None = None
    stats_every_s: float | None = None
    exit_after_s: float | None = None
    save_window: Path | None = None
    log_level: str = "warning"


def parse_arguments(argv: Sequence[str] | None = None) -> Arguments:
    """Read the command line; `--help` and mistakes of usage end the program, as argparse does.

    Raises:
        ConfigError: options that do not go together.
    """
    values = vars(_parser().parse_args(argv))
    arguments = Arguments(**values)
    if arguments.screenshot and arguments.record:
        raise ConfigError("--screenshot and --record: give one of them, not both")
    offline = "--screenshot" if arguments.screenshot else "--record" if arguments.record else None
    if offline and arguments.clip is None:
        raise ConfigError(f"{offline} needs a clip: panosod-viewer CLIP {offline} OUT")
    if arguments.stats_every_s is not None and arguments.stats is None:
        raise ConfigError("--stats-every belongs to --stats FILE: how often that file is written anew")
    if arguments.model2 is not None and arguments.model == "none":
        raise ConfigError("--model2 compares with --model: do not give none for it")
    if arguments.gaze and not arguments.record:
        raise ConfigError("--gaze belongs to --record OUT: the view path of the recording")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="panosod-viewer",
        description="Play a panoramic video, with sound that stays where it belongs.",
        epilog="Angles are degrees: yaw left positive, pitch up positive, roll clockwise positive; the field of view "
        "is horizontal. F1 in the window lists every key.",
    )
    parser.add_argument("clip", nargs="?", metavar="CLIP", help="the video (or the .panosod project) to open")
    parser.add_argument("--version", action="version", version=_version())
    _add_view(parser.add_argument_group("where to look"))
    _add_meaning(parser.add_argument_group("what the clip is (instead of what was found)"))
    _add_window(parser.add_argument_group("window"))
    _add_offline(parser.add_argument_group("without a window"))
    _add_trial(parser.add_argument_group("trials and logs"))
    return parser


def _add_view(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--at", dest="at_s", type=_seconds, default=0.0, metavar="S", help="start at this second")
    group.add_argument("--yaw", dest="yaw_deg", type=_number, metavar="DEG", help="look to the left (+) or right (-)")
    group.add_argument(
        "--pitch", dest="pitch_deg", type=_pitch, metavar="DEG", help="look up (+) or down (-), -90 to 90"
    )
    group.add_argument("--roll", dest="roll_deg", type=_number, metavar="DEG", help="lean clockwise (+)")
    group.add_argument("--fov", dest="fov_deg", type=_fov, metavar="DEG", help="horizontal field of view, 5 to 320")


def _add_meaning(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--projection", choices=PROJECTIONS, help="how the picture covers the sphere")
    group.add_argument("--sound", choices=SOUNDS, help="what the channels of the sound are")


def _add_window(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--size", type=_size, metavar="WxH", help="size of the picture, pixels")
    group.add_argument("--fullscreen", action="store_true", help="start in full screen")
    play = group.add_mutually_exclusive_group()
    play.add_argument("--play", dest="play", action="store_true", default=None, help="start playing")
    play.add_argument("--paused", dest="play", action="store_false", help="start paused")
    group.add_argument("--repeat", action="store_true", default=None, help="start again at the end")
    group.add_argument(
        "--bare", action="store_true", help="the picture alone, without menus and controls (projectors, recordings)"
    )
    group.add_argument("--truth", type=Path, metavar="DIR", help="folder of mask pictures to show as ground truth")
    group.add_argument(
        "--layers", type=_layers, metavar="A,B", help=f"what to lay over the picture: {', '.join(LAYERS)}, or none"
    )
    group.add_argument("--theme", choices=THEMES, help="colours of the window")
    group.add_argument(
        "--render-scale",
        type=_scale,
        metavar="F",
        help="internal resolution, 0.25 to 1 of the window's; else automatic",
    )
    group.add_argument("--device", metavar="NAME", help="sound output device (a part of its name)")
    group.add_argument("--hrtf", type=Path, metavar="SOFA", help="measured head to listen with, a SOFA file")
    group.add_argument("--tracker", type=_port, metavar="PORT", help="listen for an OSC head tracker on this UDP port")
    group.add_argument(
        "--model",
        metavar="MODEL",
        help="predict with this model: its file, its name or id in the library, shipped for the one that comes with "
        "panosod, or none; without it the default of `panosod models`, else the one that comes with panosod",
    )
    group.add_argument("--model2", metavar="MODEL", help="a second model to compare with")
    group.add_argument("--settings", type=Path, metavar="TOML", help="settings file to use instead of the user's")


def _add_offline(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--screenshot", type=Path, metavar="PNG", help="save the view of --at as a picture and end")
    group.add_argument("--record", type=Path, metavar="MP4", help="render a flat video with binaural sound and end")
    group.add_argument(
        "--gaze", type=Path, metavar="CSV", help="view path of --record: t_s,yaw_deg,pitch_deg,roll_deg,fov_deg"
    )
    group.add_argument("--supersample", action="store_true", help="draw twice as large and average")


def _add_trial(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--exit-after", dest="exit_after_s", type=_seconds, metavar="S", help="close after so many seconds"
    )
    group.add_argument("--stats", type=Path, metavar="JSON", help="write the playback figures there at the end")
    group.add_argument(
        "--stats-every", dest="stats_every_s", type=_period, metavar="S", help="write them every so many seconds too"
    )
    group.add_argument("--save-window", type=Path, metavar="PNG", help="save a picture of the window before it closes")
    group.add_argument("--log-level", choices=LOG_LEVELS, default="warning", help="what to log on stderr")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"panosod-viewer {version('panosod')}"
    except PackageNotFoundError:
        return "panosod-viewer (not installed)"


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return value


def _between(text: str, low: float, high: float) -> float:
    value = _number(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {low:g} to {high:g}, got {text!r}")
    return value


def _layers(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.lower().split(",") if name.strip() and name.strip() != "none")
    for name in names:
        if name not in LAYERS:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(LAYERS)}, or none; got {name!r}")
    return names


def _seconds(text: str) -> float:
    return _between(text, 0, 1e8)


def _period(text: str) -> float:
    return _between(text, 0.1, 3600)


def _pitch(text: str) -> float:
    return _between(text, -90, 90)


def _fov(text: str) -> float:
    return _between(text, 5, 320)


def _scale(text: str) -> float:
    return _between(text, 0.25, 1)


def _port(text: str) -> int:
    return int(_between(text, 1, 65535))


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 1280x720, got {text!r}")
    size = int(width), int(height)
    if not all(16 <= side <= 16384 for side in size):
        raise argparse.ArgumentTypeError(f"expected sides of 16 to 16384 pixels, got {text!r}")
    return size


def is_project(clip: str | Path) -> bool:
    """Whether a name is that of a project of annotations rather than of a clip."""
    return str(clip).lower().endswith(".panosod")
