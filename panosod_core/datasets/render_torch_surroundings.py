"""Backgrounds of synthetic scenes in torch: the same formulas as :mod:`panosod_core.synth.surroundings`, any device.

Where a formula has steps (which wall, which house), it is kept in float64 and in the reference's order of operations.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from panosod_core.datasets.render_torch_basics import floats, square_wave
from panosod_core.synth.backgrounds import Background, Patch, SphereWave, Surroundings
from panosod_core.synth.surroundings import Canvas, Pictures


class TorchCanvas:
    """The pixels of one size on a device: what :class:`panosod_core.synth.surroundings.Canvas` holds."""

    def __init__(self, canvas: Canvas, device: torch.device) -> None:
        self.width, self.height = canvas.grid.width, canvas.grid.height
        self.pixel_rad = canvas.pixel_rad
        self.device = device
        self.directions = floats(canvas.directions, device, dtype=torch.float64)
        self.azimuth = floats(canvas.azimuth, device, dtype=torch.float64)
        self.elevation = floats(canvas.elevation, device, dtype=torch.float64)


def paint_background(background: Background, canvas: TorchCanvas, *, pictures: Pictures) -> Tensor:
    """A background: (P, 3) float32 display colours, about [0, 1]."""
    if background.picture is not None:
        found = floats(pictures.picture(background.picture), canvas.device)
        turned = torch.roll(found, round(background.turn * canvas.width), dims=1)
        return (turned.flip(1) if background.mirrored else turned).reshape(-1, 3)
    return _PAINTERS[background.kind](background, canvas)


def _noise(waves: Sequence[SphereWave], canvas: TorchCanvas) -> Tensor:
    # in float64, which neither TF32 nor autocast coarsens
    table = floats(waves, canvas.device, dtype=torch.float64)
    turns = (canvas.directions @ table[:, :3].T + table[:, 3]).to(torch.float32)
    return torch.sin_(turns).mul_(table[:, 4].to(torch.float32)).sum(dim=1)


def _mixed(first: object, second: object, weight: Tensor) -> Tensor:
    a, b = (x if isinstance(x, Tensor) else floats(x, weight.device) for x in (first, second))
    return a + (b - a) * weight[:, None]


def _unit(x: Tensor) -> Tensor:
    return torch.clamp(x, 0, 1).to(torch.float32)


def _paint_waves(background: Background, canvas: TorchCanvas) -> Tensor:
    p, n = background.palette, background.numbers
    large, fine = _noise(background.waves, canvas), _noise(background.fine_waves, canvas)
    bands = torch.sin((1 + 2.4 * n[0]) * large + (0.2 + 0.6 * n[3]) * fine)
    colours = _mixed(p[0], p[1], _unit(0.5 + (0.5 + 2.5 * n[4] * n[4]) * bands))
    colours = _mixed(colours, p[2], _unit(0.5 * large * large - 0.35))
    shade = 1 + (0.08 + 0.2 * n[1]) * fine + 0.25 * (n[2] - 0.5) * torch.sin(canvas.elevation)
    return colours * shade.to(torch.float32)[:, None]


def _graded_sky(background: Background, canvas: TorchCanvas, *, clouds: Tensor, fine: Tensor) -> Tensor:
    p, n = background.palette, background.numbers
    height = torch.clamp(canvas.elevation, min=0.0)
    colours = _mixed(p[0], p[1], _unit(1 - torch.exp(-(1.0 + 3 * n[0]) * height)))
    return _mixed(colours, p[2], _unit((0.6 + 0.8 * n[6]) * (clouds + 0.25 * fine - n[1])) * _unit(5 * height))


def _paint_sky(background: Background, canvas: TorchCanvas) -> Tensor:
    p, n = background.palette, background.numbers
    clouds, fine = _noise(background.waves, canvas), _noise(background.fine_waves, canvas)
    colours = _graded_sky(background, canvas, clouds=clouds, fine=fine)
    ground = _mixed(p[3], p[4], _unit(0.5 + (0.25 + 0.9 * n[2]) * fine + 0.3 * clouds))
    ground = ground * (0.75 + 0.35 * _unit(-canvas.elevation))[:, None]
    ridge = torch.zeros_like(canvas.azimuth)
    for k in range(1, 8):
        a, b = background.waves[k][3], background.waves[k][4]
        ridge += (0.5 + n[3]) * b / k**0.5 * torch.sin(k * (1 + k % 3) * canvas.azimuth + a)
    top = 0.12 * n[4] + 0.14 * n[5] * ridge
    hill = floats(np.asarray(p[3]) + (np.asarray(p[0]) - np.asarray(p[3])) * 0.35, canvas.device)
    colours = _mixed(
        colours, hill * (0.9 + 0.12 * fine)[:, None], _unit((top - canvas.elevation) / canvas.pixel_rad + 0.5)
    )
    return _mixed(colours, ground, _unit((torch.clamp(top, max=0.0) - canvas.elevation) / canvas.pixel_rad + 0.5))


def _paint_plane(background: Background, canvas: TorchCanvas) -> Tensor:
    p, n = background.palette, background.numbers
    clouds, fine = _noise(background.waves, canvas), _noise(background.fine_waves, canvas)
    sky = _graded_sky(background, canvas, clouds=clouds, fine=fine)
    depth = torch.clamp(-canvas.directions[:, 2], min=1e-3)
    number = 1.5 + 3 * n[3]
    width = (number * canvas.pixel_rad / depth**2).to(torch.float32)
    heading = n[4] * np.pi
    c, s = float(np.cos(heading)), float(np.sin(heading))
    x, y = canvas.directions[:, 0] / depth, canvas.directions[:, 1] / depth
    a = square_wave((number * (c * x + s * y)).to(torch.float32), width)
    b = square_wave((number * (c * y - s * x)).to(torch.float32), width)
    tiles = _mixed(p[3], p[4], a if n[5] < 0.4 else a + b - 2 * a * b)
    haze = torch.exp(-(0.06 + 0.1 * n[6]) / depth)
    tiles = _mixed(p[0], tiles * (1 + 0.08 * fine)[:, None], haze.to(torch.float32))
    return _mixed(sky, tiles, _unit(-canvas.elevation / canvas.pixel_rad + 0.5))


def _paint_room(background: Background, canvas: TorchCanvas) -> Tensor:
    room = background.room
    if room is None:
        raise ValueError("a background of the kind room needs a room")
    p, n = background.palette, background.numbers
    d = canvas.directions
    at, size = (floats(x, canvas.device, dtype=torch.float64) for x in (room.listener_m, room.size_m))
    steps = torch.where(d > 0, size - at, at) / torch.clamp(d.abs(), min=1e-9)
    reach, axis = torch.min(steps, dim=1)
    hit = at + d * reach[:, None]
    fine = _noise(background.fine_waves, canvas)
    side = torch.gather(d, 1, axis[:, None])[:, 0]
    along, height = torch.where(axis == 0, hit[:, 1], hit[:, 0]), hit[:, 2]
    span = canvas.pixel_rad * reach / torch.clamp(side.abs(), min=0.05)
    wall_number = torch.where(axis == 0, 0, 2) + torch.where(side > 0, 0, 1)

    number = 3 + 9 * n[0]
    stripes = square_wave((number * along).to(torch.float32), (number * span).to(torch.float32))
    paper = _mixed(p[0], p[1], stripes * (0.15 + 0.6 * n[1]))
    panel = _unit((0.2 + 0.9 * n[2] - height) / torch.clamp(span, min=1e-6) + 0.5)
    walls = _mixed(paper, p[2], panel)
    walls = walls * torch.where(axis == 0, 1.0, 0.86)[:, None]
    for patch in background.patches:
        walls = _mixed(walls, patch.colour, _patch_cover(patch, along, height, span) * (wall_number == patch.wall))
    boards = square_wave((9 * hit[:, 1]).to(torch.float32), (9 * span).to(torch.float32))
    floor = _mixed(p[3], np.asarray(p[3]) * 0.7, boards * n[3])
    lamp = _unit(1.2 - torch.hypot(hit[:, 0] - size[0] / 2, hit[:, 1] - size[1] / 2))
    ceiling = _mixed(p[4], (1.0, 0.98, 0.92), lamp * 0.85)
    level = torch.where((d[:, 2] < 0)[:, None], floor, ceiling)
    colours = torch.where((axis == 2)[:, None], level, walls)
    return colours * (1.1 / (1 + 0.012 * reach * reach) + 0.03 * fine).to(torch.float32)[:, None]


def _patch_cover(patch: Patch, along: Tensor, height: Tensor, span: Tensor) -> Tensor:
    beside = patch.half_width_m - (along - patch.along_m).abs()
    above = patch.half_height_m - (height - patch.height_m).abs()
    return _unit(torch.minimum(beside, above) / torch.clamp(span, min=1e-6) + 0.5)


def _paint_city(background: Background, canvas: TorchCanvas) -> Tensor:
    p, n = background.palette, background.numbers
    fine = _noise(background.fine_waves, canvas)
    sky = _graded_sky(background, canvas, clouds=_noise(background.waves, canvas), fine=fine)
    houses = 14 + int(18 * n[2])
    place = (canvas.azimuth / (2 * np.pi) + 0.5) * houses
    cell = torch.clamp(place.to(torch.int64), max=houses - 1)
    cells = floats(background.cells, canvas.device, dtype=torch.float64)[cell]
    top = 0.06 + (0.25 + 0.6 * n[3]) * cells[:, 0] ** 1.5
    facade = _mixed(p[3], p[4], cells[:, 1].to(torch.float32)) * (0.7 + 0.4 * cells[:, 2:3]).to(torch.float32)
    px = canvas.pixel_rad
    storeys = square_wave((70 * canvas.elevation).to(torch.float32), torch.full_like(fine, 70 * px))
    columns = square_wave((2 * np.pi * 3 * (place - cell)).to(torch.float32), torch.full_like(fine, 3 * houses * px))
    facade = _mixed(facade, (0.95, 0.9, 0.7), storeys * columns * (0.2 + 0.5 * cells[:, 3]).to(torch.float32))
    colours = _mixed(sky, facade, _unit((top - canvas.elevation) / px + 0.5))
    street = floats(p[0], canvas.device) * (0.55 + 0.1 * fine)[:, None]
    return _mixed(colours, street, _unit((-0.08 - canvas.elevation) / px + 0.5))


def _paint_mosaic(background: Background, canvas: TorchCanvas) -> Tensor:
    p, n = background.palette, background.numbers
    cells = floats(background.cells, canvas.device, dtype=torch.float64)[: 20 + int(28 * n[0])]
    tilt = 2 * np.pi * cells[:, 0]
    rise = 2 * cells[:, 1] - 1
    across = torch.sqrt(1 - rise * rise)
    centres = torch.stack([across * torch.cos(tilt), across * torch.sin(tilt), rise], dim=1)
    sides, best = torch.topk(canvas.directions @ centres.T, 2, dim=1)
    shown = cells[best[:, 0]].to(torch.float32)
    colours = _mixed(p[0], p[1], shown[:, 2])
    colours = _mixed(colours, p[2], shown[:, 3] ** 3)
    fine = _noise(background.fine_waves, canvas)
    colours = colours * (1 + 0.12 * n[1] * fine)[:, None]
    joint = _unit((sides[:, 0] - sides[:, 1]) / (0.02 + 0.5 * canvas.pixel_rad))
    return _mixed(np.asarray(p[3]) * 0.5, colours, joint)


_PAINTERS: Mapping[Surroundings, Callable[[Background, TorchCanvas], Tensor]] = {
    Surroundings.WAVES: _paint_waves,
    Surroundings.SKY: _paint_sky,
    Surroundings.PLANE: _paint_plane,
    Surroundings.ROOM: _paint_room,
    Surroundings.CITY: _paint_city,
    Surroundings.MOSAIC: _paint_mosaic,
}
