"""The demo clip: its world, and the file that it becomes."""

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.sphere import direction
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import ClipWriter, PictureSettings, SoundCodec, SoundSettings
from panosod_core.synth.backdrop import paint_backdrop
from panosod_core.synth.cast import TWINS, demo_cast
from panosod_core.synth.grid import Float32Array, PixelGrid
from panosod_core.synth.masks import MaskRecorder
from panosod_core.synth.render import SyncPlate, render_frame
from panosod_core.synth.sound import SAMPLE_RATE_HZ, Sounding, make_schedule, render_field
from panosod_core.synth.truth import (
    SyncMark,
    SyncTruth,
    TruthHeader,
    TruthObject,
    masks_path,
    truth_path,
    truth_text,
    write_truth,
)
from panosod_core.synth.world import SceneObject

_PAINTERS = 2
_QUALITY = 18
"""x264's constant rate factor: no loss that the eye sees, a few megabytes for the default clip."""
SMALLEST_WIDTH = 64
LARGEST_WIDTH = 16384
LONGEST_S = 900.0

_PLATE = SyncPlate(tuple(direction(0.0, np.radians(-50.0)).tolist()), float(np.radians(4.0)))


@dataclass(frozen=True)
class DemoWorld:
    """The demo clip before it is encoded: every picture, label map and sample is a function of these five values.

    Attributes:
        seed: phases, periods, order of sounding, hills and clouds.
        duration_s: wanted length; the clip has a whole number of frames.
        fps: frames per second, any positive fraction up to 240.
        width, height: pixels; 2:1, the width a multiple of 4.

    Raises:
        ConfigError: a value that no clip can have.
    """

    seed: int = 0
    duration_s: float = 20.0
    fps: Fraction = Fraction(30)
    width: int = 1920
    height: int = 960

    def __post_init__(self) -> None:
        if self.width != 2 * self.height:
            raise ConfigError(
                f"a full equirectangular picture is twice as wide as high, got {self.width}x{self.height}"
            )
        if self.width % 4 or not SMALLEST_WIDTH <= self.width <= LARGEST_WIDTH:
            raise ConfigError(
                f"the width must be a multiple of 4 from {SMALLEST_WIDTH} to {LARGEST_WIDTH} pixels "
                f"(width and height must both be even), got {self.width}x{self.height}"
            )
        if not 1 <= self.fps <= 240:
            raise ConfigError(f"the frame rate must lie between 1 and 240 a second, got {float(self.fps):g}")
        if not (np.isfinite(self.duration_s) and 0 < self.duration_s <= LONGEST_S):
            raise ConfigError(f"the duration must lie above 0 and up to {LONGEST_S:g} s, got {self.duration_s:g}")
        if self.seed < 0:
            raise ConfigError(f"the seed must be 0 or a positive whole number, got {self.seed}")

    @property
    def frame_count(self) -> int:
        """Frames of the clip, at least 1."""
        return max(1, round(self.duration_s * self.fps))

    @property
    def sample_count(self) -> int:
        """Samples of sound, as long as the frames."""
        return round(self.frame_count / self.fps * SAMPLE_RATE_HZ)

    def time_s(self, index: int) -> float:
        """When a frame begins.

        Raises:
            IndexError: the clip has no such frame.
        """
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} of a clip with {self.frame_count} frames")
        return float(index / self.fps)

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels."""
        return PixelGrid(self.width, self.height)

    @cached_property
    def objects(self) -> tuple[SceneObject, ...]:
        """The cast, in painter's order."""
        # Short clips hurry, so that the seam and the pole are crossed within any length.
        pace = max(1.0, 10.0 / self.duration_s)
        return demo_cast(np.random.default_rng([self.seed, 0xCA57]), pace=pace)

    @property
    def slot_s(self) -> float:
        """How long one object's turn lasts, the gap before it included."""
        return min(2.5, self.duration_s / 4)

    @property
    def gap_s(self) -> float:
        """Silence before each turn, in which the sync click is heard."""
        return min(0.4, 0.3 * self.slot_s)

    @cached_property
    def schedule(self) -> tuple[Sounding, ...]:
        """Who sounds when: one at a time."""
        twins = [thing.id for thing in self.objects if thing.look_alikes == TWINS]
        others = [thing.id for thing in self.objects if thing.look_alikes != TWINS]
        rng = np.random.default_rng([self.seed, 0x5C4E])
        length_s = float(self.frame_count / self.fps)
        return make_schedule(twins, others, duration_s=length_s, slot_s=self.slot_s, gap_s=self.gap_s, rng=rng)

    @cached_property
    def sync_marks(self) -> tuple[SyncMark, ...]:
        """Frames that flash: in the middle of each gap. The click begins with the frame."""
        length_s = float(self.frame_count / self.fps)
        middles = np.arange(self.gap_s / 2, length_s, self.slot_s)
        frames = sorted({min(round(middle * float(self.fps)), self.frame_count - 1) for middle in middles.tolist()})
        return tuple(SyncMark(frame, float(frame / self.fps)) for frame in frames)

    @cached_property
    def backdrop(self) -> NDArray[np.uint8]:
        """What stands still: (H, W, 3) uint8."""
        picture = paint_backdrop(self.grid, seed=self.seed)
        _PLATE.paint_at_rest(picture, self.grid)
        picture.flags.writeable = False
        return picture

    def frame(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A picture (H, W, 3) uint8 and its label map (H, W) uint8."""
        return render_frame(
            self.backdrop,
            self.objects,
            grid=self.grid,
            time_s=self.time_s(index),
            plate=_PLATE,
            flash=any(mark.frame == index for mark in self.sync_marks),
        )

    def sound(self) -> Float32Array:
        """The whole field: (4, sample_count) float32 at 48 kHz, ACN/SN3D."""
        return render_field(
            self.objects,
            self.schedule,
            samples=self.sample_count,
            click_samples=[round(mark.frame / self.fps * SAMPLE_RATE_HZ) for mark in self.sync_marks],
            click_direction=np.asarray(_PLATE.direction),
            seed=self.seed,
        )

    def truth(self) -> TruthHeader:
        """All that is known of the clip, but for the masks."""
        times = np.array([self.time_s(i) for i in range(self.frame_count)])
        return TruthHeader(
            width=self.width,
            height=self.height,
            fps=self.fps,
            frame_count=self.frame_count,
            seed=self.seed,
            sample_rate_hz=SAMPLE_RATE_HZ,
            objects=tuple(
                TruthObject(
                    id=thing.id,
                    name=thing.name,
                    kind=thing.kind,
                    look_alikes=thing.look_alikes,
                    timbre=thing.timbre,
                    radius_deg=float(np.degrees(thing.radius_rad)),
                )
                for thing in self.objects
            ),
            directions={thing.id: thing.trajectory.directions(times) for thing in self.objects},
            soundings=self.schedule,
            sync=SyncTruth(_PLATE.direction, float(np.degrees(_PLATE.radius_rad)), self.sync_marks),
        )


@dataclass(frozen=True)
class BuildProgress:
    """How far a clip has come: frames done of frames in all."""

    done: int
    total: int


def build_demo(
    path: Path,
    *,
    width: int = 1920,
    height: int = 960,
    fps: Fraction | float = 30,
    duration_s: float = 20.0,
    seed: int = 0,
    progress: Callable[[BuildProgress], None] | None = None,
) -> Path:
    """Build the demo clip with the truth beside it.

    All three files are made in a folder beside the target and moved into place together, the clip last: a build that
    fails or is stopped leaves what was there before.

    Args:
        path: the clip, ``.mp4`` or ``.mov``; its folder must exist. An older clip of that name is replaced.
        width: pixels; see :class:`DemoWorld` for this and what follows.
        height: pixels.
        fps: frames per second.
        duration_s: length wanted.
        seed: what varies.
        progress: called after every frame.

    Returns:
        The path.

    Raises:
        ConfigError: a value that no clip can have.
        MediaError: the folder cannot be written or is full, or the encoder refuses.
    """
    world = DemoWorld(seed, duration_s, Fraction(fps).limit_denominator(100_000), width, height)
    if path.suffix.lower() not in (".mp4", ".mov"):
        raise ConfigError(f"the demo is written as .mp4 or .mov, got {path.name!r}")
    if path.is_dir():
        raise MediaError(f"{path}: cannot be written (it is a folder: give the name of a file in it)")
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.stem[:60]}.", dir=path.parent))
        clip = folder / path.name
        try:
            _encode(world, clip, progress)
            for made in (masks_path(clip), truth_path(clip), clip):
                _flush(made)
            for made in (masks_path(clip), truth_path(clip), clip):
                made.replace(path.with_name(made.name))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror or error})") from error
    except MediaError as error:
        # the person knows the clip by its own name, not by that of the folder it is made in
        raise MediaError(str(error).replace(str(clip), str(path))) from error
    return path


def default_demo_path() -> Path:
    """Where the demo clip lies when nobody says otherwise: in the user's cache folder, which is made.

    Raises:
        MediaError: that folder cannot be made.
    """
    folder = Path(user_cache_dir("panosod", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"cannot make the cache folder {folder}: {error.strerror or error}; give --out") from error
    return folder / "demo.mp4"


def ready_demo(*, progress: Callable[[BuildProgress], None] | None = None) -> Path:
    """The default demo clip at its default place, built only where it is missing or of an older world.

    Args:
        progress: called after every frame that is built.

    Returns:
        Its path.

    Raises:
        MediaError: it cannot be written there.
    """
    path = default_demo_path()
    if not is_current(path, DemoWorld()):
        build_demo(path, progress=progress)
    return path


def is_current(path: Path, world: DemoWorld) -> bool:
    """Whether a clip and both files beside it are there, and the truth is that of this world."""
    if not (path.is_file() and masks_path(path).is_file()):
        return False
    try:
        found = truth_path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return found == truth_text(world.truth(), clip=path)


def _encode(world: DemoWorld, clip: Path, progress: Callable[[BuildProgress], None] | None) -> None:
    """Write the clip and its truth; pictures and a frame's worth of sound in turns."""
    masks = MaskRecorder(world.width, world.height)
    sound = world.sound()
    # Lossless, so that the directions in the file are those of the world to the last bit. MOV has no FLAC.
    codec = SoundCodec.FLAC if clip.suffix.lower() == ".mp4" else SoundCodec.PCM
    writer = ClipWriter(
        clip,
        width=world.width,
        height=world.height,
        fps=world.fps,
        sample_rate_hz=SAMPLE_RATE_HZ,
        audio_channels=len(sound),
        picture=PictureSettings(crf=_QUALITY),
        sound=SoundSettings(codec=codec),
    )
    with writer, closing(_frames(world)) as frames:
        for index, (picture, mask) in enumerate(frames):
            first, end = (round((index + k) / world.fps * SAMPLE_RATE_HZ) for k in (0, 1))
            writer.write_picture(picture)
            writer.write_sound(sound[:, first:end])
            masks.add(mask)
            if progress is not None:
                progress(BuildProgress(index + 1, world.frame_count))
    write_spherical(clip, clip, geometry=PictureGeometry(), sound=AmbisonicSound(order=1))
    write_truth(world.truth(), masks.runs(), clip=clip)


def _frames(world: DemoWorld) -> Generator[tuple[NDArray[np.uint8], NDArray[np.uint8]], None, None]:
    """All frames in order, a few painted ahead on other threads (numpy gives the lock away while it works)."""
    _ = world.backdrop, world.objects, world.sync_marks
    waiting: deque[Future[tuple[NDArray[np.uint8], NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(_PAINTERS) as pool:
        for index in range(world.frame_count):
            waiting.append(pool.submit(world.frame, index))
            if len(waiting) > 2 * _PAINTERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
