"""Strips of a figure as one picture: rows of maps, columns of moments, words in the margin. Pillow and numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from panosod_core.errors import PredictionError
from panosod_core.geometry.sphere import FloatArray, direction, direction_to_uv
from panosod_core.inference.figure import Column, Seen, Strip
from panosod_core.inference.map_record import peak_direction

_PAPER, _INK, _FAINT = (255, 255, 255), (24, 28, 34), (104, 112, 122)
_GAP = 6
_MARGIN = 18
_SCALE = 4
"""Width of the colour scale, in sizes of letters."""
_TINT = 0.72
"""Opacity of the coloured location map over the grey picture."""
_STOPS = (
    (0.00, (22, 11, 57)),
    (0.25, (87, 16, 110)),
    (0.50, (188, 55, 84)),
    (0.75, (249, 142, 9)),
    (1.00, (252, 255, 164)),
)
"""Colours of the location map by value: dark to light, so that they order themselves without colour too."""


@dataclass(frozen=True)
class _Row:
    title: str
    note: str
    cells: tuple[Image.Image, ...]
    has_scale: bool = False


def draw_figure(strips: Sequence[Strip]) -> Image.Image:
    """All strips below each other; the margin is as wide as its longest words.

    Raises:
        ValueError: no strip, or one without columns.
        PredictionError: no letters to write with.
    """
    if not strips or not all(strip.columns for strip in strips):
        raise ValueError("a figure needs strips with columns")
    height = strips[0].columns[0].picture.shape[0]
    size = max(13, round(height / 9))
    font, small = _face(size), _face(max(11, round(0.8 * size)))
    line = round(font.size)
    drawn = [(strip, _rows(strip)) for strip in strips]
    texts = [(text, face) for _, rows in drawn for r in rows for text, face in ((r.title, font), (r.note, small))]
    left = 2 * _MARGIN + max(*(round(face.getlength(text)) for text, face in texts), _scale_px(small, line))
    cell = strips[0].columns[0].picture.shape[1]
    most = max(len(strip.columns) for strip in strips)
    head = 2 * line + round(small.size) + 14
    tall = sum(head + len(rows) * (height + _GAP) + _MARGIN for _, rows in drawn)
    sheet = Image.new("RGB", (left + most * (cell + _GAP) - _GAP + _MARGIN, round(tall + _MARGIN / 2)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN / 2
    for strip, rows in drawn:
        pen.text((left, top), strip.title, fill=_INK, font=font)
        times_y = top + head - 6
        for k, column in enumerate(strip.columns):
            middle = left + k * (cell + _GAP) + cell / 2
            label = f"{column.time_s:.2f} s · frame {column.index}"
            pen.text((middle, times_y), label, fill=_FAINT, font=small, anchor="ms")
        top += head
        for row in rows:
            _draw_margin(sheet, row, middle_y=top + height / 2, right=left - _MARGIN, fonts=(font, small))
            for k, picture in enumerate(row.cells):
                sheet.paste(picture, (left + k * (cell + _GAP), round(top)))
            top += height + _GAP
        top += _MARGIN
    return sheet


def _face(size: int) -> ImageFont.FreeTypeFont:
    face = ImageFont.load_default(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise PredictionError("figures have words in them: expected a Pillow with FreeType, this one has none")
    return face


def _scale_px(small: ImageFont.FreeTypeFont, size: int) -> int:
    """How wide a colour scale with its words is."""
    return _SCALE * size + round(small.getlength("low") + small.getlength("high")) + 14


def _draw_margin(
    sheet: Image.Image,
    row: _Row,
    *,
    middle_y: float,
    right: float,
    fonts: tuple[ImageFont.FreeTypeFont, ImageFont.FreeTypeFont],
) -> None:
    font, small = fonts
    pen = ImageDraw.Draw(sheet)
    lift = font.size * 0.62 if row.note else 0.0
    pen.text((right, middle_y - lift), row.title, fill=_INK, font=font, anchor="rm")
    if row.note:
        pen.text((right, middle_y + lift), row.note, fill=_FAINT, font=small, anchor="rm")
    if row.has_scale:
        size, y = round(font.size), round(middle_y + 3.6 * lift)
        width, high = _SCALE * size, round(small.getlength("high")) + 6
        pen.text((right, y), "high", fill=_FAINT, font=small, anchor="rm")
        colours = location_colours(np.linspace(0, 1, width)[None].repeat(max(4, size // 3), 0))
        pen.text((right - high - width - 6, y), "low", fill=_FAINT, font=small, anchor="rm")
        sheet.paste(Image.fromarray(colours), (round(right) - high - width, y - colours.shape[0] // 2))


def _rows(strip: Strip) -> list[_Row]:
    columns = strip.columns
    rows = [_Row("Frame", "", tuple(Image.fromarray(c.picture) for c in columns))]
    if strip.has_truth:
        rows.append(_Row("Truth", "", tuple(_truth_cell(c) for c in columns)))
    for k, model in enumerate(strip.models):
        rows.append(_Row("Prediction", model, tuple(_saliency_cell(c, c.seen[k]) for c in columns)))
    for k, model in enumerate(strip.models):
        if any(c.seen[k].location is not None for c in columns):
            rows.append(_Row("Location map", model, tuple(_location_cell(c, c.seen[k]) for c in columns), True))
    return rows


def _truth_cell(column: Column) -> Image.Image:
    height, width = column.picture.shape[:2]
    if column.mask is None:
        blank = Image.new("RGB", (width, height), (236, 238, 241))
        pen = ImageDraw.Draw(blank)
        pen.text((width / 2, height / 2), "not known", fill=_FAINT, font=_face(13), anchor="mm")
        return blank
    shown = cv2.resize(column.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return Image.fromarray(np.rint(255 * shown).astype(np.uint8)).convert("RGB")


def _saliency_cell(column: Column, seen: Seen) -> Image.Image:
    height, width = column.picture.shape[:2]
    return Image.fromarray(np.rint(255 * _on_ring(seen.saliency, height, width)).astype(np.uint8)).convert("RGB")


def _location_cell(column: Column, seen: Seen) -> Image.Image:
    height, width = column.picture.shape[:2]
    grey = cv2.cvtColor(column.picture, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2)
    if seen.location is None:
        return Image.fromarray(grey)
    low, high = float(seen.location.min()), float(seen.location.max())
    values = _on_ring((seen.location - low) / max(high - low, 1e-12), height, width)
    mixed = (1 - _TINT) * grey + _TINT * location_colours(values)
    cell = Image.fromarray(np.rint(mixed).astype(np.uint8))
    _mark(cell, direction(*peak_direction(seen.location)), is_peak=True)
    for way in column.directions:
        _mark(cell, way, is_peak=False)
    return cell


def location_colours(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values 0..1 of any shape to sRGB (..., 3) uint8."""
    places = [place for place, _ in _STOPS]
    channels = [np.interp(values, places, [colour[c] for _, colour in _STOPS]) for c in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), np.uint8)


def _on_ring(values: NDArray[np.floating], height: int, width: int) -> NDArray[np.float32]:
    """A map (h, w) on another grid, its edges touching: straight lines where it grows, means where it shrinks."""
    rows, columns = values.shape
    pad = max(2, columns // 8)
    ring = np.pad(np.asarray(values, np.float32), ((0, 0), (pad, pad)), mode="wrap")
    if rows >= height:
        return np.asarray(cv2.resize(np.asarray(values, np.float32), (width, height), interpolation=cv2.INTER_AREA))
    x = (np.arange(width, dtype=np.float32) + 0.5) * columns / width - 0.5 + pad
    y = np.clip((np.arange(height, dtype=np.float32) + 0.5) * rows / height - 0.5, 0, rows - 1)
    grid = np.meshgrid(x, y)
    return np.asarray(cv2.remap(ring, grid[0], grid[1], cv2.INTER_LINEAR), np.float32)


def _mark(cell: Image.Image, way: FloatArray, *, is_peak: bool) -> None:
    """A ring about the peak, a cross where what sounds really is: light on dark, so that both are seen anywhere."""
    u, v = direction_to_uv(way)
    x, y = float(u) * cell.width, float(v) * cell.height
    reach = max(5.0, cell.height / 20)
    pen = ImageDraw.Draw(cell)
    for shift in (-cell.width, 0, cell.width):
        at = x + shift
        if is_peak:
            for extra, colour, thick in ((1.5, (0, 0, 0), 5), (0.0, (255, 255, 255), 2)):
                box = (at - reach - extra, y - reach - extra, at + reach + extra, y + reach + extra)
                pen.ellipse(box, outline=colour, width=thick)
        else:
            for colour, thick in (((0, 0, 0), 5), ((120, 255, 214), 2)):
                pen.line((at - reach, y, at + reach, y), fill=colour, width=thick)
                pen.line((at, y - reach, at, y + reach), fill=colour, width=thick)
