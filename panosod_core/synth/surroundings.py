"""Paints backgrounds: one function of the directions of pixels a kind. The reference, in numpy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from panosod_core.errors import MediaError
from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.backgrounds import Background, Patch, SphereWave, Surroundings
from panosod_core.synth.grid import Float32Array, PixelGrid
from panosod_core.synth.paint import square_wave

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Canvas:
    """The pixels of a full equirectangular picture, flattened; shared by all scenes of one size.

    Attributes:
        grid: width and height.
    """

    grid: PixelGrid

    @cached_property
    def directions(self) -> FloatArray:
        """(P, 3) float64 unit vectors, P = height * width."""
        az, el = self.grid.azimuth, self.grid.elevation
        out = np.empty((self.grid.height, self.grid.width, 3))
        out[..., 0] = np.cos(el)[:, None] * np.cos(az)
        out[..., 1] = np.cos(el)[:, None] * np.sin(az)
        out[..., 2] = np.sin(el)[:, None]
        return out.reshape(-1, 3)

    @cached_property
    def azimuth(self) -> FloatArray:
        """(P,) float64."""
        return np.tile(self.grid.azimuth, self.grid.height)

    @cached_property
    def elevation(self) -> FloatArray:
        """(P,) float64."""
        return np.repeat(self.grid.elevation, self.grid.width)

    @property
    def pixel_rad(self) -> float:
        """Height of a pixel."""
        return np.pi / self.grid.height


class Pictures:
    """Equirectangular picture files, each read once and kept at one size."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._read: dict[str, Float32Array] = {}

    def picture(self, path: str) -> Float32Array:
        """(height, width, 3) float32 in [0, 1].

        Raises:
            MediaError: the file cannot be read as a picture.
        """
        if path not in self._read:
            try:
                with Image.open(path) as opened:
                    small = opened.convert("RGB").resize(self._size, Image.Resampling.BOX)
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                raise MediaError(f"{path} cannot be read as a background picture: {error}") from error
            self._read[path] = np.asarray(small, np.float32) / np.float32(255)
        return self._read[path]


def picture_files(folder: Path) -> tuple[str, ...]:
    """The pictures of a folder, in the order of their names.

    Raises:
        MediaError: there is no such folder, or no picture in it.
    """
    try:
        found = sorted(str(file) for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as error:
        raise MediaError(f"{folder}: no folder of background pictures ({error.strerror or error})") from error
    if not found:
        raise MediaError(f"{folder} holds no pictures: expected equirectangular {', '.join(PICTURE_SUFFIXES)}")
    return tuple(found)


def paint_background(background: Background, canvas: Canvas, *, pictures: Pictures) -> Float32Array:
    """A background: (P, 3) float32 display colours, about [0, 1]."""
    if background.picture is not None:
        found = pictures.picture(background.picture)
        turned = np.roll(found, round(background.turn * canvas.grid.width), axis=1)
        return np.ascontiguousarray(turned[:, ::-1] if background.mirrored else turned).reshape(-1, 3)
    return _PAINTERS[background.kind](background, canvas)


def sphere_noise(waves: Sequence[SphereWave], directions: FloatArray) -> Float32Array:
    """A field of noise: (P,) float32."""
    table = np.asarray(waves, np.float32)
    turns = directions.astype(np.float32) @ table[:, :3].T + table[:, 3]
    field: Float32Array = np.sin(turns) @ table[:, 4]
    return field


def mixed(first: object, second: object, weight: Float32Array) -> Float32Array:
    """Between two colours, (3,) or (P, 3), by a weight (P,)."""
    a, b = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return a + (b - a) * weight[:, None]


def _unit(x: FloatArray | Float32Array) -> Float32Array:
    return np.clip(x, 0, 1).astype(np.float32)


def _paint_waves(background: Background, canvas: Canvas) -> Float32Array:
    p, n = background.palette, background.numbers
    large = sphere_noise(background.waves, canvas.directions)
    fine = sphere_noise(background.fine_waves, canvas.directions)
    bands = np.sin((1 + 2.4 * n[0]) * large + (0.2 + 0.6 * n[3]) * fine)
    colours = mixed(p[0], p[1], _unit(0.5 + (0.5 + 2.5 * n[4] * n[4]) * bands))
    colours = mixed(colours, p[2], _unit(0.5 * large * large - 0.35))
    shade = 1 + np.float32(0.08 + 0.2 * n[1]) * fine + np.float32(0.25 * (n[2] - 0.5)) * np.sin(canvas.elevation)
    return colours * shade.astype(np.float32)[:, None]


def graded_sky(background: Background, canvas: Canvas, *, clouds: Float32Array, fine: Float32Array) -> Float32Array:
    """From horizon to zenith, with clouds."""
    p, n = background.palette, background.numbers
    height = np.clip(canvas.elevation, 0.0, None)
    colours = mixed(p[0], p[1], _unit(1 - np.exp(-(1.0 + 3 * n[0]) * height)))
    return mixed(
        colours,
        p[2],
        _unit((0.6 + 0.8 * n[6]) * (clouds + np.float32(0.25) * fine - np.float32(n[1]))) * _unit(5 * height),
    )


def _paint_sky(background: Background, canvas: Canvas) -> Float32Array:
    p, n = background.palette, background.numbers
    clouds = sphere_noise(background.waves, canvas.directions)
    fine = sphere_noise(background.fine_waves, canvas.directions)
    colours = graded_sky(background, canvas, clouds=clouds, fine=fine)
    ground = mixed(p[3], p[4], _unit(0.5 + (0.25 + 0.9 * n[2]) * fine + 0.3 * clouds))
    ground = ground * (np.float32(0.75) + np.float32(0.35) * _unit(-canvas.elevation))[:, None]
    ridge = np.zeros(len(canvas.azimuth))
    for k in range(1, 8):
        a, b = background.waves[k][3], background.waves[k][4]
        ridge += (0.5 + n[3]) * b / k**0.5 * np.sin(k * (1 + k % 3) * canvas.azimuth + a)
    top = 0.12 * n[4] + 0.14 * n[5] * ridge
    hill = mixed(p[3], p[0], np.full(len(ridge), 0.35, np.float32))
    hill = hill * (np.float32(0.9) + np.float32(0.12) * fine)[:, None]
    colours = mixed(colours, hill, _unit((top - canvas.elevation) / canvas.pixel_rad + 0.5))
    return mixed(colours, ground, _unit((np.minimum(top, 0.0) - canvas.elevation) / canvas.pixel_rad + 0.5))


def _paint_plane(background: Background, canvas: Canvas) -> Float32Array:
    p, n = background.palette, background.numbers
    clouds = sphere_noise(background.waves, canvas.directions)
    fine = sphere_noise(background.fine_waves, canvas.directions)
    sky = graded_sky(background, canvas, clouds=clouds, fine=fine)
    depth = np.maximum(-canvas.directions[:, 2], 1e-3)
    number = 1.5 + 3 * n[3]
    width = (number * canvas.pixel_rad / depth**2).astype(np.float32)
    heading = n[4] * np.pi
    c, s = np.cos(heading), np.sin(heading)
    x, y = canvas.directions[:, 0] / depth, canvas.directions[:, 1] / depth
    a = square_wave((number * (c * x + s * y)).astype(np.float32), width)
    b = square_wave((number * (c * y - s * x)).astype(np.float32), width)
    tiles = mixed(p[3], p[4], a if n[5] < 0.4 else a + b - 2 * a * b)
    haze = np.exp(-(0.06 + 0.1 * n[6]) / depth)
    tiles = mixed(p[0], tiles * (1 + np.float32(0.08) * fine)[:, None], haze.astype(np.float32))
    return mixed(sky, tiles, _unit(-canvas.elevation / canvas.pixel_rad + 0.5))


def _paint_room(background: Background, canvas: Canvas) -> Float32Array:
    room = background.room
    if room is None:
        raise ValueError("a background of the kind room needs a room")
    p, n = background.palette, background.numbers
    d = canvas.directions
    at, size = np.asarray(room.listener_m), np.asarray(room.size_m)
    steps = np.where(d > 0, size - at, at) / np.maximum(np.abs(d), 1e-9)
    axis = np.argmin(steps, axis=1)
    reach = np.min(steps, axis=1)
    hit = at + d * reach[:, None]
    fine = sphere_noise(background.fine_waves, d)
    along, height = np.where(axis == 0, hit[:, 1], hit[:, 0]), hit[:, 2]
    # what one pixel spans on the wall, along it
    span = canvas.pixel_rad * reach / np.maximum(np.take_along_axis(np.abs(d), axis[:, None], 1)[:, 0], 0.05)
    wall_number = np.where(axis == 0, 0, 2) + np.where(np.take_along_axis(d, axis[:, None], 1)[:, 0] > 0, 0, 1)

    number = 3 + 9 * n[0]
    stripes = square_wave((number * along).astype(np.float32), (number * span).astype(np.float32))
    paper = mixed(p[0], p[1], stripes * np.float32(0.15 + 0.6 * n[1]))
    panel = _unit((0.2 + 0.9 * n[2] - height) / np.maximum(span, 1e-6) + 0.5)
    walls = mixed(paper, p[2], panel)
    walls = walls * np.where(axis == 0, np.float32(1.0), np.float32(0.86))[:, None]
    for patch in background.patches:
        walls = mixed(walls, patch.colour, _patch_cover(patch, along, height, span) * (wall_number == patch.wall))
    boards = square_wave((9 * hit[:, 1]).astype(np.float32), (9 * span).astype(np.float32))
    floor = mixed(p[3], np.asarray(p[3]) * 0.7, boards * np.float32(n[3]))
    lamp = _unit(1.2 - np.hypot(hit[:, 0] - size[0] / 2, hit[:, 1] - size[1] / 2))
    ceiling = mixed(p[4], (1.0, 0.98, 0.92), lamp * np.float32(0.85))
    down = np.where(d[:, 2] < 0, np.float32(1), np.float32(0))
    level = mixed(ceiling, floor, down)
    colours = np.where((axis == 2)[:, None], level, walls)
    shade = 1.1 / (1 + 0.012 * reach * reach) + np.float32(0.03) * fine
    shaded: Float32Array = colours * shade.astype(np.float32)[:, None]
    return shaded


def _patch_cover(patch: Patch, along: FloatArray, height: FloatArray, span: FloatArray) -> Float32Array:
    beside = patch.half_width_m - np.abs(along - patch.along_m)
    above = patch.half_height_m - np.abs(height - patch.height_m)
    return _unit(np.minimum(beside, above) / np.maximum(span, 1e-6) + 0.5)


def _paint_city(background: Background, canvas: Canvas) -> Float32Array:
    p, n = background.palette, background.numbers
    fine = sphere_noise(background.fine_waves, canvas.directions)
    sky = graded_sky(background, canvas, clouds=sphere_noise(background.waves, canvas.directions), fine=fine)
    houses = 14 + int(18 * n[2])
    place = (canvas.azimuth / (2 * np.pi) + 0.5) * houses
    cell = np.minimum(place.astype(np.int64), houses - 1)
    cells = np.asarray(background.cells)[cell]
    top = 0.06 + (0.25 + 0.6 * n[3]) * cells[:, 0] ** 1.5
    facade = mixed(p[3], p[4], cells[:, 1].astype(np.float32)) * (0.7 + 0.4 * cells[:, 2:3]).astype(np.float32)
    px = canvas.pixel_rad
    storeys = square_wave((70 * canvas.elevation).astype(np.float32), np.full(len(place), 70 * px, np.float32))
    columns = square_wave(
        (2 * np.pi * 3 * (place - cell)).astype(np.float32), np.full(len(place), 3 * houses * px, np.float32)
    )
    windows = storeys * columns * (0.2 + 0.5 * cells[:, 3]).astype(np.float32)
    facade = mixed(facade, (0.95, 0.9, 0.7), windows)
    colours = mixed(sky, facade, _unit((top - canvas.elevation) / px + 0.5))
    street = np.asarray(p[0], np.float32) * (np.float32(0.55) + np.float32(0.1) * fine)[:, None]
    return mixed(colours, street, _unit((-0.08 - canvas.elevation) / px + 0.5))


def _paint_mosaic(background: Background, canvas: Canvas) -> Float32Array:
    p, n = background.palette, background.numbers
    cells = np.asarray(background.cells)[: 20 + int(28 * n[0])]
    tilt = 2 * np.pi * cells[:, 0]
    rise = 2 * cells[:, 1] - 1
    across = np.sqrt(1 - rise * rise)
    centres = np.stack([across * np.cos(tilt), across * np.sin(tilt), rise], axis=1)
    near = canvas.directions @ centres.T
    best = np.argmax(near, axis=1)
    sides = np.sort(near, axis=1)[:, -2:]
    colours = mixed(p[0], p[1], cells[best, 2].astype(np.float32))
    colours = mixed(colours, p[2], (cells[best, 3] ** 3).astype(np.float32))
    fine = sphere_noise(background.fine_waves, canvas.directions)
    colours = colours * (1 + np.float32(0.12 * n[1]) * fine)[:, None]
    joint = _unit((sides[:, 1] - sides[:, 0]) / (0.02 + 0.5 * canvas.pixel_rad))
    return mixed(np.asarray(p[3]) * 0.5, colours, joint)


_Painter = Callable[[Background, Canvas], Float32Array]
_PAINTERS: Mapping[Surroundings, _Painter] = {
    Surroundings.WAVES: _paint_waves,
    Surroundings.SKY: _paint_sky,
    Surroundings.PLANE: _paint_plane,
    Surroundings.ROOM: _paint_room,
    Surroundings.CITY: _paint_city,
    Surroundings.MOSAIC: _paint_mosaic,
}
