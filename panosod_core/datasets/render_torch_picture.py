"""Pictures and label maps of many scenes at once, in torch: :mod:`panosod_core.synth.scene_picture` on any device.

All things of the same place in the painter's order are drawn together: the pixels near them become one list, whose
entries carry the numbers of the thing that they look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from panosod_core.datasets.render_torch_basics import floats, hashed_uniform, signed_keys, square_wave
from panosod_core.datasets.render_torch_surroundings import TorchCanvas, paint_background
from panosod_core.synth.grid import PixelGrid
from panosod_core.synth.outlines import ORDER
from panosod_core.synth.scene import SceneSpec
from panosod_core.synth.scene_picture import grain_key
from panosod_core.synth.scene_things import SceneThing
from panosod_core.synth.surroundings import Canvas, Pictures
from panosod_core.synth.textures import HUB, MOST_WAVES, ZIGZAG, Course, Surface

_COURSE = 8
"""Numbers of a course in a table."""
_NEAREST_COSINE = 0.2
_MOST_CELLS = 1 << 24
"""Pixels times things looked at in one go: bounds memory to some hundred megabytes."""


@dataclass(frozen=True, eq=False)
class _Batch:
    """Things of one place in the painter's order, one for each frame that has one: M of them.

    Attributes:
        frame: (M,) int64, which frame of the batch.
        id: (M,) uint8.
        axes: (M, 3, 3) float64.
        reach: (M,) float64, cosine of the angle within which pixels matter.
        edge: (5 + 2 * ORDER, M) float64: both turn factors, tangent of the radius, mean radius and harmonics.
        paint: (rows, M) float32, numbers of surface and light.
    """

    frame: Tensor
    id: Tensor
    axes: Tensor
    reach: Tensor
    edge: Tensor
    paint: Tensor


class TorchPainter:
    """Renders pictures of batches of scenes at one size."""

    def __init__(self, width: int, height: int, *, device: torch.device) -> None:
        """Prepare the pixels on a device."""
        self._canvas = TorchCanvas(Canvas(PixelGrid(width, height)), device)
        self._pictures = Pictures(width, height)
        self._device = device

    @torch.no_grad()
    def render(self, specs: Sequence[SceneSpec], times_s: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor]:
        """Pictures of scenes.

        Args:
            specs: B scenes.
            times_s: B times T of their clocks.

        Returns:
            Frames (B, T, 3, H, W) float32 in [0, 1], and labels (B, T, H, W) uint8.

        Raises:
            MediaError: a background picture cannot be read.
        """
        count, pixels = len(times_s[0]), self._canvas.width * self._canvas.height
        grounds = [paint_background(spec.background, self._canvas, pictures=self._pictures) for spec in specs]
        frames = torch.stack(grounds).repeat_interleave(count, dim=0).contiguous()
        labels = torch.zeros((len(frames), pixels), dtype=torch.uint8, device=self._device)
        for rank in range(max(len(spec.things) for spec in specs)):
            rows = [
                (b * count + t, spec.things[rank], spec, time_s)
                for b, spec in enumerate(specs)
                for t, time_s in enumerate(times_s[b])
                if rank < len(spec.things)
            ]
            step = max(1, _MOST_CELLS // pixels)
            for first in range(0, len(rows), step):
                self._paint(_batch(rows[first : first + step], self._canvas.pixel_rad, self._device), frames, labels)
        gains = floats([spec.camera.gains for spec in specs], self._device).repeat_interleave(count, dim=0)
        frames *= gains[:, None, :]
        self._grain(specs, times_s, frames)
        shape = (len(specs), count, self._canvas.height, self._canvas.width)
        pictures = frames.clamp_(0, 1).view(*shape, 3).permute(0, 1, 4, 2, 3).contiguous()
        return pictures, labels.view(shape)

    def _grain(self, specs: Sequence[SceneSpec], times_s: Sequence[Sequence[float]], frames: Tensor) -> None:
        keys = [grain_key(s.camera.grain_key, t) for s, times in zip(specs, times_s, strict=True) for t in times]
        sizes = [s.camera.grain * 12.0**0.5 for s, times in zip(specs, times_s, strict=True) for _ in times]
        noise = hashed_uniform(signed_keys(keys, self._device), frames.shape[1] * 3).view_as(frames)
        frames += (noise - 0.5) * floats(sizes, self._device)[:, None, None]

    def _paint(self, batch: _Batch, frames: Tensor, labels: Tensor) -> None:
        # in float64, which neither TF32 nor autocast coarsens
        close = batch.axes[:, 0] @ self._canvas.directions.T > batch.reach[:, None]
        which, pixel = torch.nonzero(close, as_tuple=True)
        if not len(which):
            return
        place = batch.frame[which] * (self._canvas.width * self._canvas.height) + pixel
        u, v, radius, outline, footprint, cover = self._edges(batch, which, pixel)
        inside = place[radius <= outline]
        labels.view(-1)[inside] = batch.id[which[radius <= outline]]
        spots = [a.to(torch.float32) for a in (u, v, radius, outline, footprint)]
        colours = _surface_colours(batch.paint, which, spots)
        flat = frames.view(-1, 3)
        below = flat[place]
        flat[place] = below + (colours - below) * cover[:, None]

    def _edges(self, batch: _Batch, which: Tensor, pixel: Tensor) -> tuple[Tensor, ...]:
        """Where rays meet cards: the reference's arithmetic in its order, in float64."""
        x, y, z = self._canvas.directions[pixel].unbind(1)
        axes = batch.axes.view(-1, 9)[which].unbind(1)
        depth, right, up = (x * axes[k] + y * axes[k + 1] + z * axes[k + 2] for k in (0, 3, 6))
        edge = torch.index_select(batch.edge, 1, which)
        c, s = edge[0], edge[1]
        u, v = (right * c + up * s) / depth, (up * c - right * s) / depth
        radius = torch.sqrt(u * u + v * v)
        safe = torch.clamp(radius, min=1e-12)
        cosine, sine = u / safe, v / safe
        outline, slope = edge[3].clone(), torch.zeros_like(u)
        ck, sk = cosine, sine
        for k in range(1, ORDER + 1):
            a, b = edge[3 + k], edge[3 + ORDER + k]
            outline = outline + (ck * a + sk * b)
            slope = slope + (ck * b - sk * a) * float(k)
            ck, sk = ck * cosine - sk * sine, sk * cosine + ck * sine
        footprint = self._canvas.pixel_rad / (edge[2] * depth * depth)
        aslant = torch.sqrt(1 + (slope / outline) ** 2)
        cover = torch.clamp((outline - radius) / (aslant * footprint) + 0.5, 0.0, 1.0).to(torch.float32)
        return u, v, radius, outline, footprint, cover


def _batch(rows: Sequence[tuple[int, SceneThing, SceneSpec, float]], pixel_rad: float, device: torch.device) -> _Batch:
    axes = np.stack([thing.axes_at(time_s) for _, thing, _, time_s in rows])
    near = np.minimum([thing.radius_rad + 2 * pixel_rad for _, thing, _, _ in rows], np.arccos(_NEAREST_COSINE))
    edge, paint = [], []
    for _, thing, spec, time_s in rows:
        turn, tangent = thing.turn_at(time_s), np.tan(thing.radius_rad)
        shape = thing.outline
        edge.append([np.cos(turn) / tangent, np.sin(turn) / tangent, tangent, shape.mean, *shape.cosines, *shape.sines])
        paint.append(_paint_row(thing.surface, spec.camera.light))
    return _Batch(
        frame=floats([frame for frame, *_ in rows], device, dtype=torch.int64),
        id=floats([thing.id for _, thing, _, _ in rows], device, dtype=torch.uint8),
        axes=floats(axes, device, dtype=torch.float64),
        reach=floats(np.cos(near) - 1e-6, device, dtype=torch.float64),
        edge=floats(np.asarray(edge).T, device, dtype=torch.float64).contiguous(),
        paint=floats(np.asarray(paint).T, device).contiguous(),
    )


def _paint_row(surface: Surface, light: tuple[float, float, float]) -> list[float]:
    texture = surface.texture
    row = [texture.crossed, texture.accent, surface.bulge, surface.rim, *light]
    row += [*surface.base, *surface.mark, *surface.accent]
    for course in (texture.first, texture.second):
        row += _course_row(course, texture.wave_slope)
    waves = [number for wave in texture.waves for number in wave]
    return row + waves + [0.0] * (4 * MOST_WAVES - len(waves))


def _course_row(course: Course, wave_slope: float) -> list[float]:
    steady = (
        float(np.hypot(course.along_u, course.along_v))
        + abs(course.outward)
        + abs(course.waved) * wave_slope
        + abs(course.zigzag) * ZIGZAG
    )
    return [
        course.along_u, course.along_v, course.outward, float(course.around), course.waved, course.zigzag,
        course.shift, course.soft, steady,
    ]  # fmt: skip


def _surface_colours(paint: Tensor, which: Tensor, spots: Sequence[Tensor]) -> Tensor:
    """:func:`panosod_core.synth.textures.surface_colours` for entries of many things: (E, 3)."""
    u, v, radius, outline, footprint = spots
    rows = torch.index_select(paint, 1, which)
    crossed, accent, bulge, rim, *light = rows[:7]
    base, mark, other = (rows[k : k + 3].T for k in (7, 10, 13))
    first, second, wave = rows[16:25], rows[25:34], rows[34:]
    waves = torch.zeros_like(u)
    for k in range(0, 4 * MOST_WAVES, 4):
        waves += wave[k + 3] * torch.sin(wave[k] * u + wave[k + 1] * v + wave[k + 2])
    around = torch.atan2(v, u)
    zigzag = torch.asin(torch.sin(ZIGZAG * u))

    def layer(course: Tensor) -> Tensor:
        phase = (
            course[0] * u
            + course[1] * v
            + course[2] * radius
            + course[3] * around
            + course[4] * waves
            + course[5] * zigzag
            + course[6]
        )
        slope = course[8] + course[3].abs() / torch.clamp(radius, min=HUB)
        return square_wave(phase, torch.maximum(footprint * slope, course[7]))

    one, two = layer(first), layer(second)
    colours = base + (mark - base) * (one + crossed * (two - 2 * one * two))[:, None]
    colours = colours + (other - colours) * (accent * two)[:, None]
    bend = bulge / torch.clamp(outline, min=1e-3)
    across, up = u * bend, v * bend
    towards = torch.sqrt(torch.clamp(1 - across * across - up * up, min=0.02))
    key = across * light[0] + up * light[1] + towards * light[2]
    share = radius / torch.clamp(outline, min=1e-3)
    border = torch.clamp((share - 0.84) / 0.08, 0, 1) * rim
    lit: Tensor = colours * ((0.42 + 0.66 * torch.clamp(key, min=0)) * (1 - border))[:, None]
    return lit
