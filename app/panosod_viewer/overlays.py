"""What lies over the picture, as frozen values: maps, label maps, comparison, cursor, lines, marks. No Qt, no OpenGL.

Every map covers the **full sphere** as an equirectangular picture in the frame of the clip's picture (its pose, where
it has one, turns picture and overlays together), whatever part of the sphere the picture itself covers.

Doors for tools that paint:

- :class:`LabelCanvas` holds the label map that is being edited. Change its pixels, say where by
  :meth:`LabelCanvas.touch`, hand ``canvas.image()`` to the state: the renderer uploads only the touched rectangles.
- :class:`Cap` is the brush: the true outline of a spherical cap, however the projection bends it.
- :class:`Path` is a line or polygon of great-circle arcs (lasso, polygon, measuring).
"""

import itertools
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = tuple[float, float, float]
"""sRGB, 0..1."""
Rgba: TypeAlias = tuple[float, float, float, float]
"""sRGB and opacity, 0..1, not premultiplied."""
Direction: TypeAlias = tuple[float, float, float]
"""Unit vector of the world: x front, y left, z up."""
Rect: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are past the end."""

DIRTY_KEPT = 64
"""Changes that a canvas remembers; a renderer that is further behind uploads the whole map."""
MAX_LABEL_LAYERS = 4
MAX_COLOURED_MAPS = 4

_canvas_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class MapImage:
    """A map of the whole sphere with one value a pixel; equal only to itself, so do not change its array.

    Attributes:
        values: (H, W) uint8, 0 for ``low`` and 255 for ``high``.
        low, high: what 0 and 255 mean, in ``unit``.
        unit: "probability", "dB", ...; "" for a plain number.
        peak: where it is highest, or None where it is flat.
        is_carried: between two predictions, carried along by motion.
    """

    values: NDArray[np.uint8]
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    peak: Direction | None = None
    is_carried: bool = False

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.uint8 or min(self.values.shape) < 2:
            raise ValueError(f"a map is (H, W) uint8 of at least 2 x 2, got {self.values.shape} {self.values.dtype}")

    @cached_property
    def adaptive_threshold(self) -> float:
        """Twice the mean of the values (0..1), at most 1: the threshold that the papers of the field use."""
        return min(2.0 * float(self.values.mean(dtype=np.float64)) / 255.0, 1.0)

    def in_unit(self, level: float) -> float:
        """A level 0..1 in the map's unit."""
        return self.low + level * (self.high - self.low)


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label map of the whole sphere, as it stands now; equal only to itself.

    Attributes:
        labels: (H, W) uint8: 0 background, 1..254 objects, 255 reserved. Shared with the canvas it comes from.
        canvas: number of that canvas.
        generation: of the canvas at the time.
        changes: (generation that made it, rectangle), oldest first.
    """

    labels: NDArray[np.uint8]
    canvas: int
    generation: int = 0
    changes: tuple[tuple[int, Rect], ...] = ()

    def __post_init__(self) -> None:
        if self.labels.ndim != 2 or self.labels.dtype != np.uint8:
            raise ValueError(f"a label map is (H, W) uint8, got {self.labels.shape} {self.labels.dtype}")

    def changes_since(self, canvas: int, generation: int) -> tuple[Rect, ...] | None:
        """What differs from an earlier state: rectangles, or None where all of it may."""
        if canvas != self.canvas or generation > self.generation:
            return None
        if generation == self.generation:
            return ()
        missed = self.generation - generation
        found = tuple(rect for made, rect in self.changes if made > generation)
        return found if len(found) >= missed else None


class LabelCanvas:
    """A label map that changes: pixels are written in place, and where is told by :meth:`touch`."""

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        """``labels``: (H, W) uint8, kept (not copied) and C-contiguous."""
        if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.flags.c_contiguous:
            raise ValueError(f"a canvas is a contiguous (H, W) uint8 array, got {labels.shape} {labels.dtype}")
        self.labels = labels
        self._number = next(_canvas_numbers)
        self._generation = 0
        self._changes: deque[tuple[int, Rect]] = deque(maxlen=DIRTY_KEPT)

    def touch(self, rect: Rect) -> None:
        """Pixels of this rectangle have changed; what reaches beyond the left or right edge wraps around the ring."""
        height, width = self.labels.shape
        left, top, right, bottom = rect
        top, bottom = max(top, 0), min(bottom, height)
        if top >= bottom or left >= right:
            return
        if right - left >= width:
            pieces = [(0, width)]
        else:
            start = left % width
            end = start + (right - left)
            pieces = [(start, end)] if end <= width else [(start, width), (0, end - width)]
        for first, past in pieces:
            self._generation += 1
            self._changes.append((self._generation, (first, top, past, bottom)))

    def touch_all(self) -> None:
        """Everything may have changed."""
        self.touch((0, 0, self.labels.shape[1], self.labels.shape[0]))

    def image(self) -> LabelImage:
        """The map as it stands, to be drawn. The pixels are shared: draw it before the canvas goes on."""
        return LabelImage(self.labels, self._number, self._generation, tuple(self._changes))


def label_image(labels: NDArray[np.uint8]) -> LabelImage:
    """A label map that will not change (truth, a neighbour's masks): (H, W) uint8."""
    return LabelImage(labels, next(_canvas_numbers))


@dataclass(frozen=True)
class TintLayer:
    """A map as colours: each value by the colour map, the more opaque the higher.

    Attributes:
        image: the map.
        colours: name of a colour map (see :mod:`panosod_viewer.colour_maps`).
        opacity: of the highest value, 0..1.
        floor: values (0..1) up to here show nothing; from there on opacity rises to the full.
    """

    image: MapImage
    colours: str
    opacity: float = 0.6
    floor: float = 0.0


@dataclass(frozen=True)
class FieldLayer:
    """A map cut at a threshold: filled where it is above, a line where it crosses.

    Attributes:
        image: the map.
        threshold: 0..1.
        fill: colour above the threshold; opacity 0 for none.
        line: colour of the contour; opacity 0 for none.
        width_px: of the contour, device-independent pixels, at every zoom.
    """

    image: MapImage
    threshold: float = 0.5
    fill: Rgba = (0.0, 0.0, 0.0, 0.0)
    line: Rgba = (1.0, 1.0, 1.0, 1.0)
    width_px: float = 1.5


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours of the 256 labels; equal by content.

    Attributes:
        fill: (256, 4) uint8 sRGB and opacity; row 0 is the background (opaque black there is a cut-out).
        line: (256, 4) uint8: the contour's; opacity 0 for none.
    """

    fill: NDArray[np.uint8]
    line: NDArray[np.uint8]

    def __post_init__(self) -> None:
        for table in (self.fill, self.line):
            if table.shape != (256, 4) or table.dtype != np.uint8:
                raise ValueError(f"a palette is (256, 4) uint8, got {table.shape} {table.dtype}")

    @cached_property
    def _key(self) -> bytes:
        return self.fill.tobytes() + self.line.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Palette) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def has_fill(self) -> bool:
        """Whether any label is filled."""
        return bool(self.fill[:, 3].any())

    @cached_property
    def has_line(self) -> bool:
        """Whether any label has a contour."""
        return bool(self.line[:, 3].any())

    @cached_property
    def only_line(self) -> Rgba | None:
        """The contour that all objects have, or None where they have different ones."""
        colours = self.line[1:]
        if self.line[0, 3] or (colours[:254, 3] == 0).any() or (colours[:254] != colours[0]).any():
            return None
        r, g, b, a = (float(c) / 255.0 for c in colours[0])
        return r, g, b, a

    @cached_property
    def fills_background(self) -> bool:
        """Whether the background is filled: a cut-out."""
        return bool(self.fill[0, 3])


@dataclass(frozen=True)
class LabelLayer:
    """A label map: fill and contour of each object by its palette, nearest neighbour, so that edges stay sharp.

    Attributes:
        image: the labels.
        palette: colours; see :mod:`panosod_viewer.palettes` for tint, contour and cut-out.
        width_px: of contours, device-independent pixels.
    """

    image: LabelImage
    palette: Palette
    width_px: float = 1.5


@dataclass(frozen=True)
class Difference:
    """Two answers laid over each other: where both see something, and where only one does.

    Attributes:
        result: what is judged; a map counts from its threshold on, labels wherever they are not background.
        reference: what it is judged by.
        hit, miss, false_alarm: colours; miss is seen by the reference alone.
    """

    result: FieldLayer | LabelLayer
    reference: FieldLayer | LabelLayer
    hit: Rgba
    miss: Rgba
    false_alarm: Rgba


@dataclass(frozen=True)
class LayerSet:
    """Layers of one picture, from the bottom up.

    Attributes:
        tints: colour-mapped maps.
        difference: of two sources, or None.
        labels: at most :data:`MAX_LABEL_LAYERS`.
        field: a map with its contour, on top, or None.
    """

    tints: tuple[TintLayer, ...] = ()
    difference: Difference | None = None
    labels: tuple[LabelLayer, ...] = ()
    field: FieldLayer | None = None

    def __post_init__(self) -> None:
        if len(self.labels) > MAX_LABEL_LAYERS or len(self.tints) > MAX_COLOURED_MAPS:
            raise ValueError(f"at most {MAX_LABEL_LAYERS} label layers and {MAX_COLOURED_MAPS} coloured maps")

    @property
    def is_empty(self) -> bool:
        """True where nothing is to be drawn."""
        return not (self.tints or self.labels) and self.difference is None and self.field is None

    @property
    def maps(self) -> tuple[MapImage, ...]:
        """The maps that are coloured or have a contour."""
        contour = () if self.field is None else (self.field.image,)
        return (*(tint.image for tint in self.tints), *contour)


@dataclass(frozen=True)
class Cap:
    """A spherical cap's outline: the brush.

    Attributes:
        centre: of the cap.
        radius_rad: from its centre to its edge along the sphere, 0..pi.
        rgb: of the line; it has a dark rim on bright pictures.
        width_px: device-independent pixels.
        is_dashed: an eraser's.
    """

    centre: Direction
    radius_rad: float
    rgb: Rgb = (1.0, 1.0, 1.0)
    width_px: float = 1.5
    is_dashed: bool = False


@dataclass(frozen=True, eq=False)
class Path:
    """Points joined by great-circle arcs; equal only to itself.

    Attributes:
        points: (n, 3) unit vectors of the world.
        is_closed: the last is joined to the first.
        has_points: corners are marked.
        rgb, width_px, is_dashed: of the line.
    """

    points: NDArray[np.float64]
    is_closed: bool = False
    has_points: bool = False
    rgb: Rgb = (1.0, 1.0, 1.0)
    width_px: float = 1.5
    is_dashed: bool = False


@dataclass(frozen=True, eq=False)
class Caption:
    """A small picture of a text; equal only to itself.

    Attributes:
        pixels: (h, w, 4) uint8 RGBA, premultiplied.
        pixel_ratio: its pixels a device-independent pixel.
    """

    pixels: NDArray[np.uint8]
    pixel_ratio: float = 1.0


class MarkShape(StrEnum):
    """How a mark looks."""

    RING = "ring"
    CROSS = "cross"


@dataclass(frozen=True)
class Mark:
    """A direction marked by a small sign of constant size, with words beside it.

    Attributes:
        direction: where.
        rgb: of the sign.
        shape: ring or cross.
        caption: words, or None.
    """

    direction: Direction
    rgb: Rgb = (1.0, 1.0, 1.0)
    shape: MarkShape = MarkShape.RING
    caption: Caption | None = None


@dataclass(frozen=True)
class Overlays:
    """All that lies over the picture.

    Attributes:
        sides: layer sets; a pane shows the one that its ``side`` names. Two where two sources are compared.
        split: where a pane shows side 0 to the left of this fraction of its width and side 1 to the right, or None.
        marks: of each side.
        cursor: the brush, or None.
        paths: lines of the tools.
    """

    sides: tuple[LayerSet, ...] = ()
    split: float | None = None
    marks: tuple[tuple[Mark, ...], ...] = ()
    cursor: Cap | None = None
    paths: tuple[Path, ...] = ()

    def side(self, index: int) -> LayerSet | None:
        """The layers of a side, None where it has none to draw."""
        if index >= len(self.sides) or self.sides[index].is_empty:
            return None
        return self.sides[index]

    def marks_of(self, index: int) -> tuple[Mark, ...]:
        """The marks of a side."""
        return self.marks[index] if index < len(self.marks) else ()
