"""Overlays of a pane: what to upload, which shader draws which part of it. Needs a current context."""

import functools
import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_viewer.overlays import LayerSet, Overlays
from panosod_viewer.quality import is_software
from panosod_viewer.render.occupancy import TILE_PX, TileGrid, rectangles, without_gaps
from panosod_viewer.render.overlay_setup import Piece, defines_of, overlay_uniforms, pieces_of
from panosod_viewer.render.overlay_textures import LayerTextures
from panosod_viewer.render.variants import PassSetup
from panosod_viewer.scene import Pane

PixelRect = tuple[int, int, int, int]
"""left, top, width, height in pixels of the pane, origin top left."""

TILES_A_CALL = 3
"""A draw call costs what it costs to shade about so many tiles for nothing."""


@dataclass(frozen=True)
class Part:
    """Rectangles of a pane that one shader draws."""

    setup: PassSetup
    rects: tuple[PixelRect, ...]


class OverlayPass:
    """Keeps the textures of both sides and remembers, while a view rests, where there is anything to draw."""

    def __init__(self) -> None:
        self._sides: list[LayerTextures] = [LayerTextures(), LayerTextures()]
        self._is_culled = False
        self._grids: dict[int, tuple[object, TileGrid]] = {}
        self._parts: dict[tuple[int, int], tuple[object, _Variants, tuple[Part, ...]]] = {}
        self._variants: dict[tuple[int, int], _Variants] = {}

    def begin(self, description: str) -> None:
        """A context is there: a software renderer, by its description, is spared where nothing is to be drawn."""
        self._is_culled = is_software(description)

    @property
    def label_texels_uploaded(self) -> int:
        """Texels of label maps sent to the GPU so far."""
        return sum(side.label_texels_uploaded for side in self._sides)

    def upload(self, overlays: Overlays) -> None:
        """Send what has changed since the last frame."""
        for index, textures in enumerate(self._sides):
            layers = overlays.side(index)
            if layers is not None:
                textures.update(layers)

    def parts(
        self,
        index: int,
        pane: Pane,
        overlays: Overlays,
        *,
        geometry: PictureGeometry,
        base: PassSetup,
        size_px: tuple[int, int],
        pixel_ratio: float,
    ) -> Iterator[tuple[LayerSet | None, Part]]:
        """Draw calls of a pane that has overlays, which together cover it once.

        Yields:
            The layer set to bind (see :meth:`bind`), None for the bare picture, and what to draw.
        """
        width, height = size_px
        spans = [(pane.side, 0, width)]
        if overlays.split is not None and len(overlays.sides) > 1:
            at = min(max(round(overlays.split * width), 0), width)
            spans = [(0, 0, at), (1, at, width)]
        for side, left, right in spans:
            layers = overlays.side(side)
            if right <= left:
                continue
            if layers is None:
                yield None, Part(base, ((left, 0, right - left, height),))
                continue
            for part in self._side_parts(index, side, pane.view, layers, geometry, base, size_px, pixel_ratio):
                cut = tuple(r for r in (_clipped(rect, left, right) for rect in part.rects) if r is not None)
                if cut:
                    yield (None if part.setup is base else layers), Part(part.setup, cut)

    def every_part(
        self, index: int, pane: Pane, overlays: Overlays, *, base: PassSetup, pixel_ratio: float
    ) -> Iterator[tuple[LayerSet | None, Part]]:
        """As :meth:`parts`, but one pixel of each shader that may be drawn with, whatever the maps hold now."""
        pixel: tuple[PixelRect, ...] = ((0, 0, 1, 1),)
        yield None, Part(base, pixel)
        for side in range(len(self._sides)) if overlays.split is not None else (pane.side,):
            layers = overlays.side(side)
            if layers is None:
                continue
            variants = self._variants_of(index, side, layers, base, pixel_ratio)
            pieces = pieces_of(layers)
            for count in range(1, len(pieces) + 1):
                for some in itertools.combinations(pieces, count):
                    yield layers, Part(variants.setup(functools.reduce(operator.or_, some)), pixel)

    def bind(self, side_layers: LayerSet, overlays: Overlays) -> None:
        """Bind the textures of a layer set."""
        for index, textures in enumerate(self._sides):
            if overlays.side(index) is side_layers:
                textures.bind(side_layers)
                return

    def unbind(self) -> None:
        """Leave nothing bound."""
        LayerTextures.unbind()

    def release(self) -> None:
        """Delete everything."""
        for textures in self._sides:
            textures.release()
        self.__dict__.update(OverlayPass().__dict__)

    def _side_parts(
        self,
        index: int,
        side: int,
        view: View,
        layers: LayerSet,
        geometry: PictureGeometry,
        base: PassSetup,
        size_px: tuple[int, int],
        pixel_ratio: float,
    ) -> tuple[Part, ...]:
        variants = self._variants_of(index, side, layers, base, pixel_ratio)
        textures = self._sides[side]
        pieces = pieces_of(layers)
        if not self._is_culled:
            return (Part(variants.setup(functools.reduce(operator.or_, pieces)), ((0, 0, *size_px),)),)
        place = view, geometry.pose_deg, size_px, pixel_ratio
        key = place, textures.version
        known = self._parts.get((index, side))
        if known is not None and known[0] == key and known[1] is variants:
            return known[2]
        grid = self._grids.get(index)
        if grid is None or grid[0] != place:
            grid = self._grids[index] = place, TileGrid(view, geometry, size_px=size_px, pixel_ratio=pixel_ratio)
        classes = np.zeros((grid[1].rows, grid[1].columns), np.int64)
        for piece in pieces:
            shown = [grid[1].tiles(cells) for cells in textures.cells(layers, piece)]
            classes += piece * without_gaps(shown[0] if len(shown) == 1 else np.logical_or.reduce(shown))
        every = int(functools.reduce(operator.or_, pieces))
        rects = rectangles(classes)
        if TILES_A_CALL * len(rects) > int((classes != every).sum()):
            rects = [(every, 0, 0, grid[1].columns, grid[1].rows)]
        found: dict[int, list[PixelRect]] = {}
        for kind, left, top, right, bottom in rects:
            x, y = left * TILE_PX, top * TILE_PX
            w, h = min(right * TILE_PX, size_px[0]) - x, min(bottom * TILE_PX, size_px[1]) - y
            found.setdefault(kind, []).append((x, y, w, h))
        parts = tuple(Part(variants.setup(Piece(kind)), tuple(rects)) for kind, rects in sorted(found.items()))
        self._parts[index, side] = key, variants, parts
        return parts

    def _variants_of(self, index: int, side: int, layers: LayerSet, base: PassSetup, pixel_ratio: float) -> "_Variants":
        known = self._variants.get((index, side))
        if known is None or known.base is not base or known.key != (layers, pixel_ratio):
            known = self._variants[index, side] = _Variants(layers, base, pixel_ratio)
        return known


class _Variants:
    """Draw calls of one layer set on one pane, by what of it is drawn."""

    def __init__(self, layers: LayerSet, base: PassSetup, pixel_ratio: float) -> None:
        self.key = layers, pixel_ratio
        self.base = base
        self._layers = layers
        # one mapping for all: the program sees by its identity that nothing has changed
        self._uniforms = base.uniforms | overlay_uniforms(layers, pixel_ratio=pixel_ratio)
        self._setups = {Piece.BARE: base}

    def setup(self, pieces: Piece) -> PassSetup:
        """The draw call for some pieces."""
        if pieces not in self._setups:
            defines = self.base.defines | defines_of(self._layers, pieces)
            self._setups[pieces] = PassSetup(defines, self._uniforms, self.base.repeat)
        return self._setups[pieces]


def _clipped(rect: PixelRect, left: int, right: int) -> PixelRect | None:
    x, y, w, h = rect
    start, end = max(x, left), min(x + w, right)
    return (start, y, end - start, h) if end > start else None
