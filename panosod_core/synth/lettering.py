"""Text painted on the sphere: set flat, then laid tangent to its place, so that it reads upright when looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from panosod_core.geometry.sphere import rotation
from panosod_core.synth.grid import Float32Array, PixelGrid, blend

_MINUS = "−"
"""The typographic minus; Pillow's built-in face lacks it, so it is drawn as the bar of a plus."""
_LEAST_HEIGHT_PX = 5.0
"""Capitals smaller than this cannot be read: the line is left out."""


@dataclass(frozen=True)
class Inscription:
    """A line of text at a place on the sphere.

    Attributes:
        text: one line.
        azimuth_rad, elevation_rad: the middle of the line. At a pole, up is where a viewer looking there from that
            azimuth has it.
        height_rad: height of the capitals.
        opacity: of the letters, [0, 1].
        tracking: space added between letters, in capital heights.
    """

    text: str
    azimuth_rad: float
    elevation_rad: float
    height_rad: float
    opacity: float = 0.95
    tracking: float = 0.12


def inscribe(
    picture: NDArray[np.uint8],
    *,
    grid: PixelGrid,
    line: Inscription,
    colour: ArrayLike = (1.0, 1.0, 1.0),
    shadow: ArrayLike = (0.05, 0.08, 0.12),
) -> bool:
    """Paint a line of text into an equirectangular picture, in place.

    Returns:
        False where the picture is too small for it to be read: then nothing is painted.
    """
    cap_px = line.height_rad / grid.pixel_rad
    if cap_px < _LEAST_HEIGHT_PX:
        return False
    # A texel and a quarter a pixel: fine enough for bilinear reading, coarse enough not to alias.
    stencil, cap_texels = _stencil(line.text, cap_texels=1.25 * cap_px, tracking=line.tracking)
    halo = _halo(stencil, cap_texels)
    texel_rad = line.height_rad / cap_texels
    rows, columns = stencil.shape
    reach = float(np.arctan(np.hypot(rows, columns) / 2 * texel_rad))
    R_world_label = rotation(line.azimuth_rad, line.elevation_rad)
    index, directions = grid.within(R_world_label[:, 0], min(reach, 1.2))
    local = directions @ R_world_label
    right = -local[:, 1] / local[:, 0]
    up = local[:, 2] / local[:, 0]
    x, y = columns / 2 + right / texel_rad, rows / 2 - up / texel_rad
    blend(picture, index, shadow, 0.55 * line.opacity * _sample(halo, x, y))
    blend(picture, index, colour, line.opacity * _sample(stencil, x, y))
    return True


def bearing_text(azimuth_deg: int) -> str:
    """A bearing as it is written on the sphere: "0°", "+30°" (left), "−30°" (right), "180°"."""
    if azimuth_deg in (0, 180):
        return f"{azimuth_deg}°"
    return f"{'+' if azimuth_deg > 0 else _MINUS}{abs(azimuth_deg)}°"


def _stencil(text: str, *, cap_texels: float, tracking: float) -> tuple[Float32Array, float]:
    """The letters as coverage in [0, 1] with an empty margin, and the height of a capital in texels."""
    over = 4
    # Of Pillow's built-in face a capital is about 0.7 of the font size.
    size = max(cap_texels * over / 0.7, 4.0)
    font = ImageFont.load_default(size=size)
    top, bottom = _vertical_extent(font, "H")
    cap = bottom - top
    advances = [font.getlength("+" if letter == _MINUS else letter) for letter in text]
    gap = tracking * cap
    margin = int(np.ceil(0.9 * cap))
    width = int(np.ceil(sum(advances) + gap * (len(text) - 1))) + 2 * margin
    height = int(np.ceil(cap)) + 2 * margin
    width, height = (-(-v // over) * over for v in (width, height))
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    x = (width - sum(advances) - gap * (len(text) - 1)) / 2
    y = (height - cap) / 2 - top
    for letter, advance in zip(text, advances, strict=True):
        if letter == _MINUS:
            left, upper, right, lower = font.getbbox("+")
            thickness = max((right - left) * 0.125, 1.0)
            middle = y + (upper + lower) / 2
            bar = (x + left, middle - thickness / 2, x + right - 1, middle + thickness / 2 - 1)
            draw.rectangle([round(v) for v in bar], fill=255)
        else:
            draw.text((x, y), letter, fill=255, font=font)
        x += advance + gap
    fine = np.asarray(image, np.float32) / np.float32(255)
    coarse: Float32Array = fine.reshape(height // over, over, width // over, over).mean(axis=(1, 3), dtype=np.float32)
    return coarse, cap / over


def _vertical_extent(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> tuple[float, float]:
    box = font.getbbox(letter)
    return float(box[1]), float(box[3])


def _halo(stencil: Float32Array, cap_texels: float) -> Float32Array:
    """A soft dark surround that keeps letters readable on any ground."""
    image = Image.fromarray(np.round(stencil * 255).astype(np.uint8), mode=None)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(max(0.16 * cap_texels, 0.8))), np.float32) / np.float32(255)
    halo: Float32Array = np.clip(soft * np.float32(1.6), 0.0, 1.0).astype(np.float32)
    return halo


def _sample(texels: Float32Array, x: NDArray[np.float64], y: NDArray[np.float64]) -> Float32Array:
    """Bilinear reading at texel coordinates (0 = outer edge of the first texel), 0 outside."""
    rows, columns = texels.shape
    padded = np.pad(texels, 1)
    fx = np.clip(x + 0.5, 0.0, columns + 0.999)
    fy = np.clip(y + 0.5, 0.0, rows + 0.999)
    x0, y0 = fx.astype(np.int64), fy.astype(np.int64)
    tx, ty = (fx - x0).astype(np.float32), (fy - y0).astype(np.float32)
    upper = padded[y0, x0] * (1 - tx) + padded[y0, x0 + 1] * tx
    lower = padded[y0 + 1, x0] * (1 - tx) + padded[y0 + 1, x0 + 1] * tx
    return (upper * (1 - ty) + lower * ty).astype(np.float32)
