"""What lies behind the things of a scene: kinds of surroundings, drawn from a seed; ``surroundings`` paints them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from panosod_core.synth.draws import Draws
from panosod_core.synth.paint import Colour
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_room import Room, draw_room

SphereWave = tuple[float, float, float, float, float]
"""Wave vector (x, y, z), phase, and size."""


class Surroundings(StrEnum):
    """Kinds of backgrounds."""

    WAVES = "waves"
    """Smooth noise on the sphere, of limited band."""
    SKY = "sky"
    """Sky with clouds, hills, textured ground."""
    PLANE = "plane"
    """A tiled floor to the horizon under a graded sky."""
    ROOM = "room"
    """Inside a box: wallpaper, floor boards, windows, a lit ceiling."""
    CITY = "city"
    """Rows of houses with windows. Held out."""
    MOSAIC = "mosaic"
    """Large irregular tiles. Held out."""
    PICTURE = "picture"
    """An equirectangular picture from a file, turned and perhaps mirrored."""


SEEN_SURROUNDINGS = (Surroundings.WAVES, Surroundings.SKY, Surroundings.PLANE, Surroundings.ROOM)
HELD_OUT_SURROUNDINGS = (Surroundings.CITY, Surroundings.MOSAIC)


@dataclass(frozen=True)
class Patch:
    """A window or a poster on a wall: which wall (0..3: +x, -x, +y, -y), middle and half sizes in metres, colour."""

    wall: int
    along_m: float
    height_m: float
    half_width_m: float
    half_height_m: float
    colour: Colour


@dataclass(frozen=True)
class Background:
    """One background.

    Attributes:
        kind: which.
        palette: five colours.
        waves, fine_waves: two fields of noise on the sphere, variance about 1 each.
        numbers: eight numbers in [0, 1) that the kind makes its measures of.
        cells: random numbers of its parts (houses, tiles): rows of four in [0, 1).
        room: the box, where the kind is a room.
        patches: what hangs on its walls.
        picture: file, where the kind is a picture.
        turn: share of a turn that a picture is turned by.
        mirrored: left and right of a picture are swapped.
    """

    kind: Surroundings
    palette: tuple[Colour, ...]
    waves: tuple[SphereWave, ...] = ()
    fine_waves: tuple[SphereWave, ...] = ()
    numbers: tuple[float, ...] = ()
    cells: tuple[tuple[float, float, float, float], ...] = ()
    room: Room | None = None
    patches: tuple[Patch, ...] = ()
    picture: str | None = None
    turn: float = 0.0
    mirrored: bool = False


def draw_background(draws: Draws, config: SceneConfig, *, room: Room | None) -> Background:
    """The background of a scene.

    Args:
        draws: its chance.
        config: kinds to choose from.
        room: the room that the scene sounds in, which is then mostly the one seen.
    """
    held_out = HeldOut.BACKGROUNDS in config.held_out
    pictures = picture_share(config.pictures, held_out=held_out)
    numbers = tuple(draws.uniforms(8).tolist())
    if pictures and draws.chance(config.picture_share):
        return Background(
            Surroundings.PICTURE, (), picture=draws.choice(pictures), turn=draws.unit(), mirrored=draws.chance(0.5)
        )
    kind = draws.choice(HELD_OUT_SURROUNDINGS if held_out else SEEN_SURROUNDINGS)
    if room is not None and not held_out and draws.chance(0.7):
        kind = Surroundings.ROOM
    palette = _draw_palette(draws)
    waves = _draw_waves(draws, longest=draws.uniform(1.0, 3.0), shortest=draws.uniform(5.0, 14.0))
    fine = _draw_waves(draws, longest=draws.uniform(7.0, 14.0), shortest=draws.uniform(26.0, 60.0))
    seen_room: Room | None = None
    patches: tuple[Patch, ...] = ()
    if kind is Surroundings.ROOM:
        seen_room = room if room is not None else draw_room(draws, rt60_s=config.rt60_s)
        patches = _draw_patches(draws, seen_room)
    cells = tuple(_four(draws) for _ in range(48)) if kind in HELD_OUT_SURROUNDINGS else ()
    return Background(kind, palette, waves, fine, numbers, cells, seen_room, patches)


def picture_share(pictures: Sequence[str], *, held_out: bool) -> tuple[str, ...]:
    """The pictures for training, or the held-out last fifth (at least one, where there are two or more)."""
    ordered = tuple(sorted(pictures))
    if len(ordered) < 2:
        return ordered
    kept = len(ordered) - max(len(ordered) // 5, 1)
    return ordered[kept:] if held_out else ordered[:kept]


def _draw_palette(draws: Draws) -> tuple[Colour, ...]:
    """Five colours of one mood: near hues or opposite ones, light and dark, saturations of one range."""
    hue, spread = draws.unit(), draws.choice((0.06, 0.15, 0.5))
    most = draws.uniform(0.15, 0.8)
    colours = []
    for level in draws.shuffled((0.2, 0.38, 0.55, 0.72, 0.9)):
        value = level + draws.uniform(-0.1, 0.1)
        turn = hue + draws.uniform(-spread, spread)
        grey = draws.uniform(0.0, most)
        channels = [
            value * (1 - grey * float(np.clip(1.5 - 3 * abs((turn + k / 3) % 1 - 0.5), 0, 1))) for k in range(3)
        ]
        colours.append((channels[0], channels[1], channels[2]))
    return tuple(colours)


def _draw_waves(draws: Draws, *, longest: float, shortest: float, count: int = 20) -> tuple[SphereWave, ...]:
    numbers = [draws.log_uniform(longest, shortest) for _ in range(count)]
    sizes = np.asarray(numbers) ** -0.5
    sizes *= np.sqrt(2 / np.sum(sizes**2))
    waves = []
    for number, size in zip(numbers, sizes.tolist(), strict=True):
        x, y, z = (draws.direction() * number).tolist()
        waves.append((x, y, z, draws.uniform(0, 2 * np.pi), size))
    return tuple(waves)


def _draw_patches(draws: Draws, room: Room) -> tuple[Patch, ...]:
    patches = []
    for _ in range(draws.integer(2, 6)):
        wall = draws.integer(0, 3)
        length, height = room.size_m[1] if wall < 2 else room.size_m[0], room.size_m[2]
        half = (draws.uniform(0.25, 0.9), draws.uniform(0.25, 0.7))
        x, y, z, shade = _four(draws)
        colour = (0.25 + 0.7 * x, 0.25 + 0.7 * y, 0.25 + 0.7 * z) if shade < 0.5 else (0.93, 0.95, 0.97)
        along = draws.uniform(half[0], max(length - half[0], half[0] + 0.01))
        patches.append(Patch(wall, along, draws.uniform(0.5, 0.68) * height, *half, colour))
    return tuple(patches)


def _four(draws: Draws) -> tuple[float, float, float, float]:
    a, b, c, d = draws.uniforms(4).tolist()
    return a, b, c, d
