"""``panosod synth``: build synthetic clips that come with their truth."""

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
from typing import TextIO

from panosod_core.errors import ConfigError
from panosod_core.synth.demo import BuildProgress, build_demo, default_demo_path
from panosod_core.synth.truth import masks_path, truth_path


@dataclass(frozen=True)
class SynthArguments:
    """Build the demo clip: a panoramic video with ambisonic sound, and the truth about it beside it."""

    demo: bool = False
    """Build the demo clip (what there is to build so far)."""
    out: Path | None = None
    """The clip to write, .mp4 or .mov; without it, demo.mp4 in the user's cache folder."""
    size: str = "1920x960"
    """Pixels, WIDTHxHEIGHT; twice as wide as high, the width a multiple of 4."""
    fps: str = "30"
    """Frames per second: a number or a fraction such as 30000/1001."""
    duration: float = 20.0
    """Seconds."""
    seed: int = 0
    """The same seed gives the same world."""
    json: bool = False
    """Print one JSON event a line instead of a progress line on stderr."""


def run(args: SynthArguments) -> int:
    """Build what is asked for.

    Raises:
        ConfigError: an option that cannot be used.
        MediaError: the clip cannot be written.
    """
    if not args.demo:
        raise ConfigError("expected `panosod synth --demo`: the demo clip is what can be built")
    width, height = parse_size(args.size)
    fps = parse_fps(args.fps)
    report = JsonReport(sys.stdout) if args.json else LineReport(sys.stderr)
    path = default_demo_path() if args.out is None else args.out
    if threading.current_thread() is threading.main_thread():
        # Whoever ends this process (a window that cancels the build) leaves no half-made folder behind.
        signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()
    build_demo(
        path, width=width, height=height, fps=fps, duration_s=args.duration, seed=args.seed, progress=report.progress
    )
    report.done(path, seconds=time.monotonic() - started)
    if not args.json:
        print(path)
    return 0


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

    def _print(self, event: dict[str, object]) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()
