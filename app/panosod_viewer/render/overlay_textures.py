"""Textures of overlays: each uploaded when its image changes, label maps only where they changed."""

import ctypes
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import RenderError
from panosod_viewer.overlays import FieldLayer, LabelImage, LabelLayer, LayerSet, MapImage, TintLayer
from panosod_viewer.render import gl
from panosod_viewer.render.occupancy import Cells, Occupied, borders, label_cells, map_cells, refresh_cells
from panosod_viewer.render.overlay_setup import (
    UNIT_FIELD,
    UNIT_LABELS,
    UNIT_PALETTE,
    UNIT_REFERENCE,
    UNIT_RESULT,
    UNIT_TINT,
    Piece,
    codes_from,
    corner_pixels,
    has_square,
    palette_pixels,
    tint_pixels,
)

_ALL = Occupied(np.ones((1, 1), np.bool_))


class Texture:
    """One texture of 1 or 4 bytes a texel; its storage is made anew only when the size changes."""

    def __init__(self, *, is_linear: bool = False) -> None:
        self.name = 0
        self._shape: tuple[int, ...] = ()
        self._is_linear = is_linear

    def upload(self, pixels: NDArray[np.uint8]) -> None:
        """Store (H, W) or (H, W, 4) uint8."""
        if pixels.shape != self._shape:
            self._allocate(pixels.shape)
        self.patch(pixels, (0, 0, pixels.shape[1], pixels.shape[0]))

    def patch(self, pixels: NDArray[np.uint8], rect: tuple[int, int, int, int]) -> None:
        """Store one rectangle of an image of the size that is there."""
        left, top, right, bottom = rect
        if not pixels.flags.c_contiguous:
            pixels = np.ascontiguousarray(pixels)
        layout = gl.GL_RED if pixels.ndim == 2 else gl.GL_RGBA
        gl.glBindTexture(gl.GL_TEXTURE_2D, self.name)
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, pixels.shape[1])
        start = ctypes.c_void_p(pixels.ctypes.data + top * pixels.strides[0] + left * pixels.strides[1])
        gl.glTexSubImage2D(
            gl.GL_TEXTURE_2D, 0, left, top, right - left, bottom - top, layout, gl.GL_UNSIGNED_BYTE, start
        )
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 4)
        gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, 0)
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def release(self) -> None:
        """Delete it."""
        gl.delete(gl.glDeleteTextures, self.name)
        self.name, self._shape = 0, ()

    def _allocate(self, shape: tuple[int, ...]) -> None:
        limit = gl.integer(gl.GL_MAX_TEXTURE_SIZE)
        if max(shape[:2]) > limit:
            raise RenderError(f"an overlay of {shape[1]}x{shape[0]} is larger than this driver takes ({limit} a side)")
        self.release()
        self.name = gl.generate(gl.glGenTextures)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self.name)
        blend = gl.GL_LINEAR if self._is_linear else gl.GL_NEAREST
        for parameter, value in (
            (gl.GL_TEXTURE_MIN_FILTER, blend),
            (gl.GL_TEXTURE_MAG_FILTER, blend),
            (gl.GL_TEXTURE_WRAP_S, gl.GL_REPEAT),
            (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_MAX_LEVEL, 0),
        ):
            gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, value)
        internal, layout = (gl.GL_R8, gl.GL_RED) if len(shape) == 2 else (gl.GL_RGBA8, gl.GL_RGBA)
        gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, internal, shape[1], shape[0], 0, layout, gl.GL_UNSIGNED_BYTE, None)
        self._shape = shape


@dataclass
class _MapSlot:
    texture: Texture = field(default_factory=Texture)
    image: MapImage | None = None
    threshold: int = -1
    is_filled: bool = False
    cells: Occupied = _ALL

    def update(self, layer: FieldLayer, *, is_filled: bool) -> bool:
        """True when texture or cells changed."""
        is_new, codes = layer.image is not self.image, codes_from(layer.threshold)
        if is_new:
            self.texture.upload(corner_pixels(layer.image.values))
            self.image = layer.image
        if is_new or codes != self.threshold or is_filled != self.is_filled:
            self.threshold, self.is_filled = codes, is_filled
            above = layer.image.values >= codes
            # Without a fill there is something to draw only where the map crosses the threshold.
            self.cells = map_cells(above if is_filled else borders(above))
            return True
        return False


@dataclass
class _LabelSlot:
    texture: Texture = field(default_factory=Texture)
    canvas: int = 0
    generation: int = 0
    shape: tuple[int, ...] = ()
    coarse: Cells = field(default_factory=lambda: np.ones((1, 1), np.bool_))
    cells: Occupied = _ALL
    texels: int = 0
    is_filled: bool = True

    def update(self, image: LabelImage, *, is_filled: bool) -> bool:
        """True when texture and cells changed; ``is_filled``: more than contours is drawn."""
        rects = image.changes_since(self.canvas, self.generation)
        if image.labels.shape != self.shape:
            rects = None
        if rects == () and is_filled == self.is_filled:
            return False
        if is_filled != self.is_filled:
            self.is_filled = is_filled
            self.coarse = self._looked_at(image.labels)
        if rects is None:
            self.texture.upload(image.labels)
            self.coarse = self._looked_at(image.labels)
            self.texels += image.labels.size
        else:
            for rect in rects:
                self.texture.patch(image.labels, rect)
                refresh_cells(self.coarse, image.labels, rect, is_filled=is_filled)
                self.texels += (rect[2] - rect[0]) * (rect[3] - rect[1])
        self.canvas, self.generation, self.shape = image.canvas, image.generation, image.labels.shape
        self.cells = Occupied(self.coarse)
        return True

    def _looked_at(self, labels: NDArray[np.uint8]) -> Cells:
        return label_cells(labels, is_filled=self.is_filled)


class LayerTextures:
    """The textures of one side's layer set."""

    def __init__(self) -> None:
        self._tint = Texture(is_linear=True)
        self._tints: tuple[TintLayer, ...] = ()
        self._tint_cells = _ALL
        self._field = _MapSlot()
        self._labels = [_LabelSlot() for _ in range(4)]
        self._palette = Texture()
        self._palettes: tuple[object, ...] = ()
        self._result: _MapSlot | _LabelSlot | None = None
        self._reference: _MapSlot | _LabelSlot | None = None
        self.version = 0

    @property
    def label_texels_uploaded(self) -> int:
        """Texels of label maps sent to the GPU so far."""
        return sum(slot.texels for slot in self._labels)

    def update(self, layers: LayerSet) -> None:
        """Send what has changed; ``version`` grows when what is drawn where may have changed."""
        changed = False
        if layers.tints and layers.tints != self._tints:
            pixels = tint_pixels(layers.tints)
            self._tint.upload(pixels)
            self._tint_cells = map_cells(pixels[..., 3] > 1)
            self._tints = layers.tints
            changed = True
        if layers.field is not None:
            changed |= self._field.update(layers.field, is_filled=layers.field.fill[3] > 0)
        for slot, layer in zip(self._labels, layers.labels, strict=False):
            changed |= slot.update(layer.image, is_filled=layer.palette.has_fill)
        palettes = tuple(layer.palette for layer in layers.labels if has_square(layer.palette))
        if palettes and palettes != self._palettes:
            self._palette.upload(palette_pixels(palettes))
            self._palettes = palettes
        if layers.difference is not None:
            self._result, one = _updated(self._result, layers.difference.result)
            self._reference, other = _updated(self._reference, layers.difference.reference)
            changed |= one or other
        self.version += changed

    def cells(self, layers: LayerSet, piece: Piece) -> tuple[Occupied, ...]:
        """Cells in which a piece of the layer set shows: in any of these."""
        if piece is Piece.TINT:
            return (self._tint_cells,)
        if piece is Piece.FIELD:
            return (self._field.cells,)
        if any(layer.palette.fills_background for layer in layers.labels):
            return (_ALL,)
        found = [slot.cells for slot in self._labels[: len(layers.labels)]]
        if layers.difference is not None and self._result is not None and self._reference is not None:
            found += [self._result.cells, self._reference.cells]
        return tuple(found)

    def bind(self, layers: LayerSet) -> None:
        """Bind what the layers need to their units."""
        bound = []
        if layers.tints:
            bound.append((UNIT_TINT, self._tint))
        if layers.field is not None:
            bound.append((UNIT_FIELD, self._field.texture))
        bound += [(UNIT_LABELS + i, self._labels[i].texture) for i in range(len(layers.labels))]
        if self._palettes:
            bound.append((UNIT_PALETTE, self._palette))
        if layers.difference is not None and self._result is not None and self._reference is not None:
            bound += [(UNIT_RESULT, self._result.texture), (UNIT_REFERENCE, self._reference.texture)]
        for unit, texture in bound:
            gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
            gl.glBindTexture(gl.GL_TEXTURE_2D, texture.name)
        gl.glActiveTexture(gl.GL_TEXTURE0)

    @staticmethod
    def unbind() -> None:
        """Leave nothing bound to the units of overlays."""
        for unit in range(UNIT_TINT, UNIT_REFERENCE + 1):
            gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
            gl.glBindTexture(gl.GL_TEXTURE_2D, 0)
        gl.glActiveTexture(gl.GL_TEXTURE0)

    def release(self) -> None:
        """Delete all textures; make a new one to go on."""
        textures = [self._tint, self._palette, self._field.texture, *(slot.texture for slot in self._labels)]
        textures += [slot.texture for slot in (self._result, self._reference) if slot is not None]
        for texture in textures:
            texture.release()


def _updated(slot: _MapSlot | _LabelSlot | None, layer: FieldLayer | LabelLayer) -> tuple[_MapSlot | _LabelSlot, bool]:
    """The slot that holds a source of a comparison, of the kind that it needs."""
    if isinstance(layer, FieldLayer):
        if not isinstance(slot, _MapSlot):
            _release(slot)
            slot = _MapSlot()
        return slot, slot.update(layer, is_filled=True)
    if not isinstance(slot, _LabelSlot):
        _release(slot)
        slot = _LabelSlot()
    return slot, slot.update(layer.image, is_filled=True)


def _release(slot: _MapSlot | _LabelSlot | None) -> None:
    if slot is not None:
        slot.texture.release()
