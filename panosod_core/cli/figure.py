"""``panosod figure CLIP…``: the paper's Figures 6 and 7 of any clip, as one picture."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError, PredictionError
from panosod_core.inference.clip_feed import ClipTaking
from panosod_core.inference.figure import gather, truth_of
from panosod_core.inference.figure_drawing import draw_figure
from panosod_core.inference.model_choice import choose_model

MOST_COLUMNS = 24
MOST_HEIGHT_PX = 1024


@dataclass(frozen=True)
class FigureArguments:
    """Draw strips of clips: frames, what is truly salient, what models predict, and where they hear sound.

    Columns are moments of the clip. In a location map the ring marks its peak and, where the truth is known, the cross
    marks what sounds. Maps are drawn over the full sphere, the front in the middle.
    """

    clips: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Panoramic videos; each gets a strip of its own."""
    model: tuple[str, ...] = ()
    """Models to compare: files, names or ids of the library, or shipped; without them the default of `panosod models`,
    else the one that comes with panosod."""
    truth: str = "auto"
    """auto: what lies beside a clip that panosod made; none; or a folder of masks named by their frames."""
    at: tuple[float, ...] = ()
    """Moments in seconds; without them some evenly over the clip."""
    columns: int = 6
    """How many moments, where --at does not name them."""
    out: Path = Path("figure.png")
    """The picture to write, .png or .jpg."""
    height: int = 160
    """Rows of each small picture, pixels."""
    picture: str = "auto"
    """What the picture is taken for: auto, equirect, equirect-tb, equirect-sbs, 180, 180-sbs, 180-tb."""
    sound: str = "auto"
    """What the sound is taken for: auto, ambix, n3d, fuma, ambix+2, stereo, mono."""
    device: str = "auto"
    """Where the networks run: auto, cpu, cuda, mps."""


def run(args: FigureArguments) -> int:
    """Draw the figure.

    Raises:
        ConfigError: arguments that cannot be used.
        PanosodError: a clip, a model or a mask that cannot be read.
    """
    if not args.clips:
        raise ConfigError("expected a clip to draw, got none")
    if not 1 <= args.columns <= MOST_COLUMNS or len(args.at) > MOST_COLUMNS:
        raise ConfigError(f"a figure has 1 to {MOST_COLUMNS} columns, got {len(args.at) or args.columns}")
    if not 32 <= args.height <= MOST_HEIGHT_PX:
        raise ConfigError(f"small pictures have 32 to {MOST_HEIGHT_PX} rows, got {args.height}")
    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if args.out.suffix.lower() not in kinds:
        raise ConfigError(f"expected --out to end in {', '.join(kinds)}, got {args.out.name!r}")
    models = [choose_model(model, device=args.device) for model in args.model or (None,)]
    taking = ClipTaking(args.picture, "left", args.sound)
    strips = [
        gather(
            clip, models, truth=truth_of(clip, args.truth), at_s=args.at, count=args.columns,
            taking=taking, height_px=args.height,
        )
        for clip in args.clips
    ]  # fmt: skip
    sheet = draw_figure(strips)
    packed = io.BytesIO()
    sheet.save(packed, kinds[args.out.suffix.lower()])
    _write(args.out, packed.getvalue())
    print(one_line(f"{args.out}: {sheet.width}x{sheet.height}"))
    return 0


def _write(path: Path, data: bytes) -> None:
    """Beside its place, then renamed; what was there before stays until then."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PredictionError(f"{path}: cannot be written ({error.strerror})") from error
