"""Small clips that tests of several parts share: each is one function of the folder to write to and what it holds.

Sizes and lengths are tiny on purpose. Everything goes through the project's own writer, so a clip carries the same
metadata as the demo.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import ClipWriter, PictureSettings, SoundCodec, SoundSettings
from panosod_core.synth.demo import DemoWorld, build_demo
from panosod_core.synth.grid import PixelGrid, blend
from panosod_core.synth.timbre import click, fade, shaped_noise

RATE_HZ = 48_000


@dataclass(frozen=True)
class SyncClip:
    """A clip with flashes and clicks.

    Attributes:
        path: where it lies.
        fps: frames per second.
        frames: those that flash, all others are dark.
        times_s: when they begin, and with them the clicks.
        direction: (3,) unit vector of flash and click.
    """

    path: Path
    fps: Fraction
    frames: tuple[int, ...]
    times_s: tuple[float, ...]
    direction: NDArray[np.float64]


def demo_clip(
    folder: Path, *, width: int = 320, height: int = 160, fps: int = 30, duration_s: float = 2.0, seed: int = 0
) -> Path:
    """The demo world in small, with its truth beside it (``panosod_core.synth.truth.load_truth``)."""
    path = folder / f"demo-{width}x{height}-{seed}.mp4"
    return build_demo(path, width=width, height=height, fps=fps, duration_s=duration_s, seed=seed)


def swapped_sound_clip(
    folder: Path, *, width: int = 320, height: int = 160, fps: int = 30, duration_s: float = 2.0, seed: int = 0
) -> Path:
    """The demo world with left and right swapped in the sound (Y negated) but not in the picture: wrong on purpose."""
    world = DemoWorld(seed, duration_s, Fraction(fps), width, height)
    swapped = world.sound() * np.array([1, -1, 1, 1], np.float32)[:, None]
    pictures = [world.frame(index)[0] for index in range(world.frame_count)]
    return write_clip(folder / f"swapped-{width}x{height}-{seed}.mp4", pictures, swapped, fps=fps)


def dot_clip(
    folder: Path,
    direction: ArrayLike,
    *,
    width: int = 320,
    height: int = 160,
    fps: int = 10,
    duration_s: float = 1.0,
    radius_deg: float = 4.0,
) -> Path:
    """A white dot on dark grey, and broadband noise from exactly there, both throughout the clip.

    Args:
        folder: where to.
        direction: (3,) unit vector, x front, y left, z up.
        width: pixels.
        height: pixels.
        fps: frames per second.
        duration_s: length.
        radius_deg: of the dot.
    """
    where = np.asarray(direction, np.float64)
    picture = dot_picture(where, width=width, height=height, radius_deg=radius_deg)
    frames = round(duration_s * fps)
    samples = round(frames / fps * RATE_HZ)
    noise = 0.1 * shaped_noise(samples, RATE_HZ, np.random.default_rng(7), low_hz=150, high_hz=14_000)
    field = encode_plane_wave(noise * fade(samples, 480), where)
    name = "_".join(f"{round(100 * v):+d}" for v in where.tolist())
    return write_clip(folder / f"dot{name}.mp4", [picture] * frames, field, fps=fps)


def sync_clip(
    folder: Path,
    *,
    direction: ArrayLike = (1.0, 0.0, 0.0),
    width: int = 320,
    height: int = 160,
    fps: Fraction | int = 30,
    duration_s: float = 2.0,
    every_s: float = 0.5,
) -> SyncClip:
    """Darkness and silence, but for a white disc of 30 degrees for one frame and a click that begins with it."""
    where = np.asarray(direction, np.float64)
    rate = Fraction(fps)
    count = round(duration_s * rate)
    frames = tuple(range(round(0.25 * rate), count, round(every_s * rate)))
    dark = np.full((height, width, 3), 16, np.uint8)
    white = dot_picture(where, width=width, height=height, radius_deg=30.0, ground=16)
    pictures = [white if index in frames else dark for index in range(count)]
    mono = np.zeros(round(count / rate * RATE_HZ))
    sharp = click(RATE_HZ, rng=np.random.default_rng(7))
    for index in frames:
        start = round(index / rate * RATE_HZ)
        mono[start : start + len(sharp)] += 0.5 * sharp[: len(mono) - start]
    path = write_clip(folder / "sync.mp4", pictures, encode_plane_wave(mono, where), fps=rate)
    return SyncClip(path, rate, frames, tuple(float(index / rate) for index in frames), where)


def dot_picture(
    direction: NDArray[np.float64], *, width: int, height: int, radius_deg: float, ground: int = 40
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: a white disc, round on the sphere, on a grey ground."""
    picture = np.full((height, width, 3), ground, np.uint8)
    disc = PixelGrid(width, height).disc(direction, float(np.radians(radius_deg)))
    blend(picture, disc.index, (1.0, 1.0, 1.0), disc.coverage)
    return picture


def write_clip(
    path: Path, pictures: list[NDArray[np.uint8]], field: NDArray[np.float32], *, fps: Fraction | int
) -> Path:
    """An equirectangular MP4 with lossless first-order AmbiX sound and its metadata."""
    height, width = pictures[0].shape[:2]
    with ClipWriter(
        path,
        width=width,
        height=height,
        fps=fps,
        sample_rate_hz=RATE_HZ,
        audio_channels=4,
        picture=PictureSettings(crf=16),
        sound=SoundSettings(codec=SoundCodec.FLAC),
    ) as writer:
        for index, picture in enumerate(pictures):
            first, end = (round((index + k) / Fraction(fps) * RATE_HZ) for k in (0, 1))
            writer.write_picture(picture)
            writer.write_sound(field[:, first:end])
    write_spherical(path, path, geometry=PictureGeometry(), sound=AmbisonicSound(order=1))
    return path
