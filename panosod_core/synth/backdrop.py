"""The still part of the demo world: sky, hills, ground, graticule and bearings.

Warm light lies in front and cool behind, the horizon is plain to see, and every 15 degrees there is a line: whoever
opens it knows at once where they look and whether the picture is laid out as it should be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.synth.grid import Float32Array, PixelGrid
from panosod_core.synth.lettering import Inscription, bearing_text, inscribe
from panosod_core.synth.paint import Colour, square_wave

_STRIP_ROWS = 64
"""Rows painted at a time: bounds the memory of an 8K backdrop to tens of megabytes."""

_ZENITH: Colour = (0.118, 0.192, 0.310)
_MID_SKY: Colour = (0.330, 0.478, 0.600)
_HORIZON_FRONT: Colour = (0.970, 0.835, 0.680)
_HORIZON_BACK: Colour = (0.640, 0.735, 0.790)
_GROUND_FAR: Colour = (0.480, 0.540, 0.550)
_GROUND_NEAR: Colour = (0.190, 0.255, 0.290)
_HILLS: tuple[Colour, ...] = ((0.560, 0.625, 0.670), (0.415, 0.500, 0.540), (0.290, 0.375, 0.395))
_TILE = 1.0
"""Side of a ground tile, in heights of the eye above the ground."""


@dataclass(frozen=True)
class _Waves:
    """Sums of sines, drawn once from the seed: ridge lines (periodic in azimuth) and clouds (on a plane)."""

    ridges: tuple[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], ...]
    clouds: NDArray[np.float64]


def paint_backdrop(grid: PixelGrid, *, seed: int) -> NDArray[np.uint8]:
    """The whole backdrop: (height, width, 3) uint8. The same grid and seed give the same bytes."""
    rng = np.random.default_rng([seed, 0xBAC])
    waves = _draw_waves(rng)
    picture = np.empty((grid.height, grid.width, 3), np.uint8)
    ridges = _ridge_lines(grid, waves)
    for first in range(0, grid.height, _STRIP_ROWS):
        end = min(first + _STRIP_ROWS, grid.height)
        colours = _strip(grid, first, end, ridges=ridges, waves=waves)
        # Triangular noise of one code value breaks up the bands of the long gradients.
        noise = rng.random(colours.shape[:2], np.float32) - rng.random(colours.shape[:2], np.float32)
        picture[first:end] = np.clip(colours * np.float32(255) + 0.5 + 0.7 * noise[..., None], 0, 255)
    for line in inscriptions():
        inscribe(picture, grid=grid, line=line)
    return picture


def inscriptions() -> tuple[Inscription, ...]:
    """The labels of the graticule: names and bearings round the horizon, elevations on four meridians, the poles."""
    degrees = np.radians
    lines = []
    for name, azimuth in (("FRONT", 0), ("LEFT", 90), ("BACK", 180), ("RIGHT", -90)):
        lines.append(Inscription(name, float(degrees(azimuth)), float(degrees(5.6)), float(degrees(2.5)), tracking=0.3))
        lines.append(
            Inscription(bearing_text(azimuth), float(degrees(azimuth)), float(degrees(2.1)), float(degrees(1.5)))
        )
    for azimuth in (30, 60, 120, 150, -30, -60, -120, -150):
        lines.append(
            Inscription(bearing_text(azimuth), float(degrees(azimuth)), float(degrees(2.1)), float(degrees(1.5)), 0.9)
        )
    for azimuth in (0, 90, 180, -90):
        for elevation in (30, 60, -30, -60):
            lines.append(
                Inscription(
                    bearing_text(elevation),
                    float(degrees(azimuth - 2.6 / np.cos(degrees(elevation)))),
                    float(degrees(elevation + 1.5)),
                    float(degrees(1.25)),
                    0.7,
                )
            )
    lines.append(Inscription("UP", 0.0, float(degrees(90)), float(degrees(2.5)), tracking=0.3))
    lines.append(Inscription("DOWN", 0.0, float(degrees(-90)), float(degrees(2.5)), tracking=0.3))
    return tuple(lines)


def _draw_waves(rng: np.random.Generator) -> _Waves:
    ridges = []
    for first, last, fall in ((2, 40, 1.25), (3, 60, 1.15), (5, 90, 1.05)):
        k = np.arange(first, last, dtype=np.float64)
        ridges.append((k, rng.standard_normal(len(k)) / k**fall, rng.uniform(0, 2 * np.pi, len(k))))
    count = 28
    length = np.geomspace(0.9, 16.0, count)
    heading = rng.uniform(0, 2 * np.pi, count)
    clouds = np.stack(
        [length * np.cos(heading), 2.1 * length * np.sin(heading), rng.uniform(0, 2 * np.pi, count), length**-0.9],
        axis=1,
    )
    return _Waves(tuple(ridges), clouds)


def _ridge_lines(grid: PixelGrid, waves: _Waves) -> NDArray[np.float64]:
    """Elevation of each row of hills above the horizon, radians, nearest last: (3, width)."""
    lines = []
    for (k, size, phase), (middle, swing) in zip(waves.ridges, ((5.0, 2.6), (2.7, 1.6), (0.9, 0.9)), strict=True):
        wave = (size[:, None] * np.sin(k[:, None] * grid.azimuth[None, :] + phase[:, None])).sum(axis=0)
        wave /= max(float(np.sqrt(np.sum(size**2) / 2)), 1e-9)
        lines.append(np.radians(np.maximum(middle + swing * wave * 0.8, 0.12)))
    return np.stack(lines)


def _strip(grid: PixelGrid, first: int, end: int, *, ridges: NDArray[np.float64], waves: _Waves) -> Float32Array:
    """Display colours in [0, 1] of some rows: (rows, width, 3) float32."""
    d = grid.strip(first, end)
    elevation = grid.elevation[first:end].astype(np.float32)[:, None]
    pixel = np.float32(np.pi / grid.height)
    front = (np.float32(0.5) + np.float32(0.5) * np.cos(grid.azimuth).astype(np.float32))[None, :]
    colours = _sky(d, elevation, front, waves) if elevation[0, 0] > -pixel else np.zeros_like(d)
    warm = front**2
    for ridge, tone in zip(ridges, _HILLS, strict=True):
        # The ridge's own slope widens its edge in rows, so that steep flanks stay smooth.
        steep = np.hypot(1.0, np.gradient(ridge, 2 * np.pi / grid.width)).astype(np.float32)
        cover = np.clip((ridge.astype(np.float32)[None, :] - elevation) / (pixel * steep) + 0.5, 0, 1)
        haze = np.clip(elevation / np.float32(0.10), 0, 1)
        lit = np.asarray(tone, np.float32) + (warm * np.float32(0.16))[..., None] * np.array(
            [1.0, 0.62, 0.28], np.float32
        )
        lit = lit * (np.float32(1.06) - np.float32(0.10) * haze)[..., None]
        colours += (lit - colours) * cover[..., None]
    if elevation[-1, 0] < pixel:
        ground = _ground(d, elevation, front, pixel)
        cover = np.clip(-elevation / pixel + 0.5, 0, 1)
        colours += (ground - colours) * cover[..., None]
    return _graticule(colours, grid, elevation, pixel)


def _sky(d: Float32Array, elevation: Float32Array, front: Float32Array, waves: _Waves) -> Float32Array:
    height = np.clip(elevation, 0.0, None) / np.float32(np.pi / 2)
    horizon = np.asarray(_HORIZON_BACK, np.float32) + (
        (front**1.5)[..., None] * (np.asarray(_HORIZON_FRONT, np.float32) - np.asarray(_HORIZON_BACK, np.float32))
    )
    # In front the warm light reaches higher: by a rosy band, lest warm and blue meet in grey.
    rise = (1 - np.exp(-height * (np.float32(6.0) - np.float32(2.2) * front**2)))[..., None]
    top = (height**0.75)[..., None]
    upper = np.asarray(_MID_SKY, np.float32) * (1 - top) + np.asarray(_ZENITH, np.float32) * top
    colours = horizon * (1 - rise) + upper * rise
    rosy = (front**2 * np.exp(-(((height - np.float32(0.16)) / np.float32(0.12)) ** 2)))[..., None]
    colours += rosy * np.array([0.115, 0.025, 0.0], np.float32)
    # A veil of high cloud on a plane above: x front, y left, the plane bent so that the horizon is not crowded.
    plane = d[..., :2] / (np.clip(d[..., 2:], 0.0, None) + np.float32(0.22))
    total = np.zeros(d.shape[:2], np.float32)
    for kx, ky, phase, size in waves.clouds.astype(np.float32):
        total += size * np.sin(kx * plane[..., 0] + ky * plane[..., 1] + phase + np.float32(0.35) * total)
    total /= np.float32(np.sqrt(np.sum(waves.clouds[:, 3] ** 2) / 2))
    veil = np.clip((total - np.float32(0.15)) * np.float32(0.38), 0, 1) * np.clip(height * 9, 0, 1)
    tint = np.array([1.0, 0.965, 0.93], np.float32)
    sky: Float32Array = (colours + (tint - colours) * (veil * np.float32(0.42))[..., None]).astype(np.float32)
    return sky


def _ground(d: Float32Array, elevation: Float32Array, front: Float32Array, pixel: np.float32) -> Float32Array:
    down = np.clip(-elevation, 0.0, None) / np.float32(np.pi / 2)
    near = (1 - np.exp(-down * np.float32(4.0)))[..., None]
    colours = np.asarray(_GROUND_FAR, np.float32) * (1 - near) + np.asarray(_GROUND_NEAR, np.float32) * near
    glow = np.exp(-down * np.float32(7.0)) * front**2
    colours = colours + (glow * np.float32(0.20))[..., None] * np.array([1.0, 0.66, 0.36], np.float32)
    # Tiles of a plane beneath the eye: straight lines that must look straight from every side.
    depth = np.maximum(-d[..., 2:], np.float32(1e-4))
    spot: Float32Array = (d[..., :2] / depth * np.float32(np.pi / _TILE)).astype(np.float32)
    width: Float32Array = (pixel / depth[..., 0] ** 2 * np.float32(np.pi / _TILE)).astype(np.float32)
    a, b = square_wave(spot[..., 0], width), square_wave(spot[..., 1], width)
    checker = a + b - 2 * a * b - np.float32(0.5)
    tiles = 1 + np.float32(0.085) * checker * np.clip(down * 12, 0, 1)
    ground: Float32Array = (colours * tiles[..., None]).astype(np.float32)
    return ground


def _graticule(colours: Float32Array, grid: PixelGrid, elevation: Float32Array, pixel: np.float32) -> Float32Array:
    """Lines every 15 degrees, stronger every 30, of one width on the sphere, fading out where they crowd."""
    cos_el = np.cos(elevation)
    azimuth = grid.azimuth.astype(np.float32)[None, :]
    ink = np.zeros(colours.shape[:2], np.float32)
    for step_deg, width_deg, strength, last_deg in ((15.0, 0.11, 0.16, 72.0), (30.0, 0.16, 0.34, 86.0)):
        step = np.float32(np.radians(step_deg))
        if step / pixel < 12:
            continue
        # In small pictures a line cannot be thinner than a pixel: it pales instead, and ends before lines crowd.
        half = np.maximum(np.float32(np.radians(width_deg / 2)), np.float32(0.45) * pixel)
        strength *= float(np.radians(width_deg / 2) / half) ** 0.6
        last_deg = min(last_deg, float(np.degrees(np.arccos(min(10 * half / step, 1.0)))))
        to_meridian = np.abs(azimuth - step * np.round(azimuth / step)) * cos_el
        to_parallel = np.abs(elevation - step * np.round(elevation / step))
        fade = np.clip((np.float32(np.radians(last_deg)) - np.abs(elevation)) / np.float32(0.06), 0, 1)
        meridians = np.clip((half - to_meridian) / pixel + 0.5, 0, 1) * fade
        parallels = np.clip((half - to_parallel) / pixel + 0.5, 0, 1)
        parallels = parallels * (np.abs(elevation) < np.float32(np.radians(88.0)))
        ink = np.maximum(ink, np.float32(strength) * np.maximum(meridians, parallels))
    tone = np.array([0.985, 0.985, 0.96], np.float32)
    colours += (tone - colours) * ink[..., None]
    return colours
