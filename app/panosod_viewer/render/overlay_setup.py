"""From a layer set to what the shader needs: defines, uniforms, colour-mapped pixels. Pure numbers, no OpenGL."""

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.colour_maps import colour_table
from panosod_viewer.overlays import FieldLayer, LayerSet, Palette, Rgba, TintLayer
from panosod_viewer.render.variants import UniformValue

UNIT_TINT = 3
UNIT_FIELD = 4
UNIT_LABELS = 5
UNIT_PALETTE = 9
UNIT_RESULT = 10
UNIT_REFERENCE = 11


class Piece(IntFlag):
    """What a part of a pane shows of a layer set: each combination is a shader variant of its own."""

    BARE = 0
    TINT = 1
    FIELD = 2
    LABELS = 4
    """Label maps and the difference."""


def pieces_of(layers: LayerSet) -> tuple[Piece, ...]:
    """What a layer set consists of."""
    found = [Piece.TINT] if layers.tints else []
    found += [Piece.FIELD] if layers.field is not None else []
    found += [Piece.LABELS] if layers.labels or layers.difference is not None else []
    return tuple(found)


def defines_of(layers: LayerSet, pieces: Piece) -> frozenset[str]:
    """The shader variant for some pieces of a layer set."""
    defines = {"OVERLAY"}
    if Piece.TINT in pieces:
        defines.add("TINT")
    if Piece.FIELD in pieces:
        defines.add("FIELD")
        if layers.field is not None:
            defines |= {"FIELD_FILL"} if layers.field.fill[3] > 0 else set()
            defines |= {"FIELD_LINE"} if layers.field.line[3] > 0 else set()
    if Piece.LABELS in pieces:
        for index, labels in enumerate(layers.labels):
            defines.add(f"LABEL_{index}")
            defines |= {f"LABEL_{index}_{way}" for way in _ways_of(labels.palette)}
        if layers.difference is not None:
            defines.add("DIFFERENCE")
            for side, name in ((layers.difference.result, "RESULT"), (layers.difference.reference, "REFERENCE")):
                defines.add(f"{name}_MAP" if isinstance(side, FieldLayer) else f"{name}_LABELS")
    return frozenset(defines)


def _ways_of(palette: Palette) -> tuple[str, ...]:
    """How the shader draws a label layer: the less there is of it, the fewer look-ups."""
    if not palette.has_line:
        return ("FILL",) if palette.has_fill else ()
    return ("BOTH",) if palette.has_fill or palette.only_line is None else ("CONTOUR",)


def overlay_uniforms(layers: LayerSet, *, pixel_ratio: float) -> dict[str, UniformValue]:
    """Values of all overlay uniforms; units of textures included."""
    uniforms: dict[str, UniformValue] = {
        "u_tint": UNIT_TINT,
        "u_field": UNIT_FIELD,
        "u_palette": UNIT_PALETTE,
        "u_result": UNIT_RESULT,
        "u_reference": UNIT_REFERENCE,
    }
    squares = max(sum(has_square(labels.palette) for labels in layers.labels), 1)
    uniforms["u_palette_rows"] = 1.0 / (256.0 * squares), 1.0 / squares
    square = 0
    for index, labels in enumerate(layers.labels):
        uniforms[f"u_label_square{index}"] = float(square)
        square += has_square(labels.palette)
        uniforms[f"u_labels{index}"] = UNIT_LABELS + index
        uniforms[f"u_label_reach{index}"] = labels.width_px / 2 * pixel_ratio
        uniforms[f"u_label_line{index}"] = premultiplied(labels.palette.only_line or (0.0, 0.0, 0.0, 0.0))
    if layers.field is not None:
        field = layers.field
        uniforms |= {
            "u_field_threshold": between_codes(field.threshold),
            "u_field_fill": premultiplied(field.fill),
            "u_field_line": premultiplied(field.line),
            "u_field_width": field.width_px * pixel_ratio,
        }
    if layers.difference is not None:
        difference = layers.difference
        uniforms |= {
            "u_hit": premultiplied(difference.hit),
            "u_miss": premultiplied(difference.miss),
            "u_false_alarm": premultiplied(difference.false_alarm),
        }
        for name, side in (("u_result", difference.result), ("u_reference", difference.reference)):
            if isinstance(side, FieldLayer):
                uniforms[f"{name}_threshold"] = between_codes(side.threshold)
    return uniforms


def between_codes(threshold: float) -> float:
    """A threshold moved halfway between two codes of 8 bits, so that no plateau of a map lies exactly on it."""
    return float((np.ceil(np.clip(threshold, 1 / 255, 1.0) * 255 - 1e-9) - 0.5) / 255)


def codes_from(threshold: float) -> int:
    """The least code of a map that lies above a threshold."""
    return int(np.ceil(between_codes(threshold) * 255))


def tint_table(layer: TintLayer) -> NDArray[np.uint8]:
    """Colour of each value of a map: (256, 4) uint8, premultiplied."""
    value = np.arange(256) / 255.0
    rise = np.clip((value - layer.floor) / max(1.0 - layer.floor, 1e-6), 0.0, 1.0)
    alpha = layer.opacity * rise
    table = np.empty((256, 4))
    table[:, :3] = colour_table(layer.colours) * alpha[:, None]
    table[:, 3] = 255.0 * alpha
    return np.round(table).astype(np.uint8)


def tint_pixels(layers: tuple[TintLayer, ...]) -> NDArray[np.uint8]:
    """All coloured maps laid over each other: (H, W, 4) uint8, premultiplied, of the largest map's size."""
    height = max(layer.image.values.shape[0] for layer in layers)
    width = max(layer.image.values.shape[1] for layer in layers)
    below: NDArray[np.uint8] | None = None
    for layer in layers:
        values = layer.image.values
        if values.shape != (height, width):
            values = resampled(values, height, width)
        # four bytes looked up at a time
        above = np.take(tint_table(layer).view(np.uint32)[:, 0], values).view(np.uint8).reshape(height, width, 4)
        if below is None:
            below = above
        else:
            through = 255 - above[..., 3:].astype(np.uint16)
            below = above + ((below * through + 127) // 255).astype(np.uint8)
    assert below is not None
    return np.ascontiguousarray(below)


def resampled(values: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A map of the sphere at another size, bilinear, a ring sideways: (height, width) uint8."""
    rows, columns = values.shape
    y = np.clip((np.arange(height) + 0.5) * rows / height - 0.5, 0, rows - 1)
    x = (np.arange(width) + 0.5) * columns / width - 0.5
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    wy, wx = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)[None, :]
    source = values.astype(np.float32)
    across = source[:, left % columns] * (1 - wx) + source[:, (left + 1) % columns] * wx
    result = across[top] * (1 - wy) + across[np.minimum(top + 1, rows - 1)] * wy
    return np.asarray(np.round(result), np.uint8)


def premultiplied(colour: Rgba) -> Rgba:
    """A colour as the shader takes it."""
    r, g, b, a = colour
    return r * a, g * a, b * a, a


def corner_pixels(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each texel of a map with its neighbours to the right, below, and below to the right: (H, W, 4) uint8.

    The ring closes sideways; the last row is its own neighbour.
    """
    pairs = values.astype("<u4")  # the first channel is the least significant byte
    right = pairs << 8
    pairs[:, :-1] |= right[:, 1:]
    pairs[:, -1] |= right[:, 0]
    below = pairs << 16
    pairs[:-1] |= below[1:]
    pairs[-1] |= below[-1]
    return pairs.view(np.uint8).reshape(*values.shape, 4)


def pair_colours(palette: Palette) -> NDArray[np.uint8]:
    """Colour of a pixel by two labels in it: (256, 256, 4) uint8, premultiplied; [row, column] = [other, label].

    Of the same label its fill, of two the line between them over the label's fill: that of the higher label, or of
    the lower where the higher has none.
    """
    ids = np.arange(256)
    high, low = np.maximum(ids[:, None], ids), np.minimum(ids[:, None], ids)
    owner = np.where(palette.line[:, 3][high] > 0, high, low)
    line, fill = (table.astype(np.float32) for table in (palette.line, palette.fill))
    for colours in (line, fill):
        colours[:, :3] *= colours[:, 3:] / 255
    found = fill * (1 - line[:, 3] / 255)[owner][..., None]
    found += line[owner]
    found[ids, ids] = fill
    return np.asarray(found + 0.5, np.uint8)


def has_square(palette: Palette) -> bool:
    """Whether the shader looks colours of this palette up by two labels."""
    return "CONTOUR" not in _ways_of(palette)


def palette_pixels(palettes: tuple[Palette, ...]) -> NDArray[np.uint8]:
    """The squares of :func:`pair_colours` of each palette: (256 n, 256, 4) uint8."""
    return np.concatenate([pair_colours(palette) for palette in palettes])
