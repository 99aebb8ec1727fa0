"""``panosod synth``: build synthetic clips and scenes that come with their truth."""

import json
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Literal, TextIO

from panosod_core.datasets.synthetic_files import FilesProgress, SceneFiles, write_scenes
from panosod_core.errors import ConfigError
from panosod_core.synth.demo import BuildProgress, build_demo, default_demo_path
from panosod_core.synth.scene_config import HeldOut, Place, SceneConfig
from panosod_core.synth.surroundings import picture_files
from panosod_core.synth.truth import masks_path, truth_path


@dataclass(frozen=True)
class SynthArguments:
    """Build what comes with its truth: the demo clip, or synthetic scenes as a data set to train and test on."""

    demo: bool = False
    """Build the demo clip: one panoramic video with ambisonic sound."""
    scenes: int = 0
    """Build so many scenes, in the folders of ASOD60K."""
    out: Path | None = None
    """Demo: the clip to write, .mp4 or .mov; without it, demo.mp4 in the user's cache folder. Scenes: a new folder."""
    size: str | None = None
    """Pixels, WIDTHxHEIGHT; twice as wide as high, the width a multiple of 4 (1920x960; scenes: 832x416)."""
    fps: str = "30"
    """Frames per second: a number or a fraction such as 30000/1001."""
    duration: float | None = None
    """Seconds (20; scenes: 6 each)."""
    seed: int = 0
    """The same seed gives the same world; scene i has the seed plus i."""
    test: int = 0
    """Scenes: how many of them, the last ones, form the test split."""
    held_out: tuple[Literal["textures", "timbres", "backgrounds", "light"], ...] = ()
    """Scenes: what the test split has that training has not."""
    objects: str = "2-6"
    """Scenes: objects in each, twins included."""
    twins: int = 2
    """Scenes: look-alikes of which one sounds at a time; 0: all objects are of different classes."""
    turn: float | None = None
    """Scenes: another twin takes over after so many seconds."""
    radius: str = "10-35"
    """Scenes: apparent radius of objects, degrees."""
    place: Literal["sphere", "poles", "seam"] = "sphere"
    """Scenes: where the twins stand."""
    rooms: float = 0.3
    """Scenes: share that sounds in a room, with its echoes."""
    music: float = 0.2
    """Scenes: share with music that no object makes."""
    music_snr: str = "3:20"
    """Scenes: level of the objects' sound over the music, dB."""
    noise_snr: str = "5:25"
    """Scenes: level of the objects' sound over diffuse noise, dB."""
    pictures: Path | None = None
    """Scenes: a folder of equirectangular pictures that serve as backgrounds."""
    rate: int = 48000
    """Scenes: sample rate of the sound."""
    clips: bool = False
    """Scenes: write each as a video for the viewer, too."""
    json: bool = False
    """Print one JSON event a line instead of a progress line on stderr."""


def run(args: SynthArguments) -> int:
    """Build what is asked for.

    Raises:
        ConfigError: an option that cannot be used.
        MediaError: the clip cannot be written.
        DatasetError: the folder of scenes cannot be written.
    """
    if args.demo == (args.scenes != 0):
        raise ConfigError("expected `panosod synth --demo` or `panosod synth --scenes N --out DIR`: one of the two")
    report = JsonReport(sys.stdout) if args.json else LineReport(sys.stderr)
    if threading.current_thread() is threading.main_thread():
        # Whoever ends this process (a window that cancels the build) leaves no half-made folder behind.
        signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()
    if args.demo:
        width, height = parse_size(args.size or "1920x960")
        path = default_demo_path() if args.out is None else args.out
        duration_s = 20.0 if args.duration is None else args.duration
        build_demo(
            path,
            width=width,
            height=height,
            fps=parse_fps(args.fps),
            duration_s=duration_s,
            seed=args.seed,
            progress=report.progress,
        )
        report.done(path, seconds=time.monotonic() - started)
    else:
        path = _scenes_folder(args)
        write_scenes(path, scene_files(args), progress=report.scene)
        report.scenes_done(path, args.scenes, seconds=time.monotonic() - started)
    if not args.json:
        print(path)
    return 0


def _scenes_folder(args: SynthArguments) -> Path:
    if args.out is None:
        raise ConfigError("expected --out DIR, a new folder for the scenes")
    return args.out


def scene_files(args: SynthArguments) -> SceneFiles:
    """What the options ask for.

    Raises:
        ConfigError: an option that cannot be used.
    """
    width, height = parse_size(args.size or "832x416")
    config = SceneConfig(
        duration_s=6.0 if args.duration is None else args.duration,
        objects=parse_count_range(args.objects, name="objects"),
        twins=args.twins,
        turn_s=args.turn,
        radius_deg=parse_range(args.radius, name="radius"),
        place=Place(args.place),
        room=args.rooms,
        music=args.music,
        music_snr_db=parse_range(args.music_snr, name="music-snr"),
        diffuse_snr_db=parse_range(args.noise_snr, name="noise-snr"),
        pictures=() if args.pictures is None else picture_files(args.pictures),
    )
    return SceneFiles(
        count=args.scenes,
        first_seed=args.seed,
        test=args.test,
        config=config,
        held_out=tuple(HeldOut(part) for part in args.held_out),
        width=width,
        height=height,
        fps=parse_fps(args.fps),
        sample_rate_hz=args.rate,
        clips=args.clips,
    )


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of "1920x960".

    Raises:
        ConfigError: the text is something else.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", text)
    if match is None:
        raise ConfigError(f"expected a size such as 1920x960, got {text!r}")
    return int(match[1]), int(match[2])


def parse_fps(text: str) -> Fraction:
    """A frame rate: "30", "29.97" or "30000/1001".

    Raises:
        ConfigError: the text is something else.
    """
    try:
        return Fraction(text).limit_denominator(100_000)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"expected frames per second such as 30 or 30000/1001, got {text!r}") from error


def parse_range(text: str, *, name: str) -> tuple[float, float]:
    """Two numbers, "2-6" or "-5:20", or one for both.

    Args:
        text: what was given.
        name: of the option, for the error.

    Raises:
        ConfigError: the text is something else.
    """
    number = r"[-+]?\d+(?:\.\d+)?"
    match = re.fullmatch(rf"\s*({number})\s*(?:(?:-|:|\.\.)\s*({number})\s*)?", text)
    if match is None:
        raise ConfigError(f"expected --{name} as a number or a range such as 2-6 or -5:20, got {text!r}")
    low = float(match[1])
    return low, float(match[2]) if match[2] else low


def parse_count_range(text: str, *, name: str) -> tuple[int, int]:
    """Two whole numbers, "2-6", or one for both.

    Raises:
        ConfigError: the text is something else.
    """
    low, high = parse_range(text, name=name)
    if not (low.is_integer() and high.is_integer()):
        raise ConfigError(f"expected --{name} as whole numbers such as 2-6, got {text!r}")
    return int(low), int(high)


class LineReport:
    """A line for a person that is rewritten in place on a terminal, and left out elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._percent = -1

    def progress(self, state: BuildProgress) -> None:
        """Show how far it is, when the figure changes."""
        percent = 100 * state.done // state.total
        if percent != self._percent and self._out.isatty():
            self._out.write(f"\rbuilding {percent:3d}% ({state.done}/{state.total} frames)")
            self._out.flush()
        self._percent = percent

    def done(self, path: Path, *, seconds: float) -> None:
        """Say that it is finished."""
        start = "\r" if self._out.isatty() else ""
        self._out.write(f"{start}built {path.name} and its truth in {seconds:.1f} s\n")

    def scene(self, state: FilesProgress) -> None:
        """Show how many scenes there are."""
        if self._out.isatty():
            self._out.write(f"\rwriting scenes: {state.done}/{state.total}")
            self._out.flush()

    def scenes_done(self, path: Path, count: int, *, seconds: float) -> None:
        """Say that all are there."""
        start = "\r" if self._out.isatty() else ""
        self._out.write(f"{start}wrote {count} scenes and their truth to {path.name} in {seconds:.1f} s\n")


class JsonReport:
    """One JSON object a line, for programs: ``progress`` at every percent, then ``done``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._percent = -1

    def progress(self, state: BuildProgress) -> None:
        """Report how far it is, when the percentage changes."""
        percent = 100 * state.done // state.total
        if percent != self._percent:
            self._print({"event": "progress", "done": state.done, "total": state.total})
        self._percent = percent

    def done(self, path: Path, *, seconds: float) -> None:
        """Report the files that were written."""
        self._print(
            {
                "event": "done",
                "clip": str(path),
                "truth": str(truth_path(path)),
                "masks": str(masks_path(path)),
                "seconds": round(seconds, 3),
            }
        )

    def scene(self, state: FilesProgress) -> None:
        """Report a scene that was written."""
        self._print({"event": "progress", "done": state.done, "total": state.total, "name": state.name})

    def scenes_done(self, path: Path, count: int, *, seconds: float) -> None:
        """Report the folder that was written."""
        self._print({"event": "done", "folder": str(path), "scenes": count, "seconds": round(seconds, 3)})

    def _print(self, event: dict[str, object]) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()
