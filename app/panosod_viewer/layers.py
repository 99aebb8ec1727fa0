"""Which overlays a person wants, what there is to show, and what is drawn of it: pure values and one pure function.

:class:`LayerChoices` is the wish (eyes, opacities, threshold, comparison), :class:`LayerPictures` is what the workers
and tools have to offer for the frame on the screen, :func:`resolve_layers` makes :class:`Overlays` of both. No Qt.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from panosod_viewer.colour_maps import FALSE_ALARM_RGB, HIT_RGB, MISS_RGB, colour_table
from panosod_viewer.overlays import (
    Cap,
    Difference,
    FieldLayer,
    LabelImage,
    LabelLayer,
    LayerSet,
    MapImage,
    Mark,
    Overlays,
    Path,
    Rgb,
    TintLayer,
)
from panosod_viewer.palettes import LabelDisplay, LabelLook, palette_of

SALIENCY_FLOOR = 0.06
"""Probabilities up to here are left clear: a network is never quite silent."""
ENERGY_FLOOR = 0.25
"""Nothing is shown 9 dB below the loudest direction and further down: beams have side lobes."""
LOCATION_FLOOR = 0.3
LEAST_OPACITY = 0.05


class LayerId(StrEnum):
    """The layers of the list, bottom to top."""

    ENERGY = "energy"
    LOCATION = "location"
    SALIENCY = "saliency"
    ONION = "onion"
    TRUTH = "truth"
    ANNOTATION = "annotation"


class SourceId(StrEnum):
    """What can be compared."""

    MODEL = "model"
    SECOND = "second"
    TRUTH = "truth"
    ANNOTATION = "annotation"


class Comparison(StrEnum):
    """How two sources are set against each other."""

    OFF = "off"
    SIDE_BY_SIDE = "side"
    DIFFERENCE = "difference"
    SPLIT = "split"


class Cut(StrEnum):
    """Where the threshold of the saliency lies."""

    RAW = "raw"
    ADAPTIVE = "adaptive"
    """Twice the map's mean, at most 1."""


@dataclass(frozen=True)
class LayerChoice:
    """How one layer is to be shown.

    Attributes:
        is_shown: its eye is open.
        opacity: 0..1.
        colours: name of its colour map (maps).
        display: of its objects (label layers).
    """

    is_shown: bool = True
    opacity: float = 0.6
    colours: str = "ember"
    display: LabelDisplay = LabelDisplay.CONTOUR


def _first_choices() -> tuple[tuple[LayerId, LayerChoice], ...]:
    return (
        (LayerId.ENERGY, LayerChoice(is_shown=False, opacity=0.45, colours="lagoon")),
        (LayerId.LOCATION, LayerChoice(is_shown=False, opacity=0.6, colours="orchid")),
        (LayerId.SALIENCY, LayerChoice(opacity=0.65, colours="ember")),
        (LayerId.ONION, LayerChoice(is_shown=False, opacity=0.8)),
        (LayerId.TRUTH, LayerChoice(is_shown=False, opacity=1.0)),
        (LayerId.ANNOTATION, LayerChoice(opacity=1.0, display=LabelDisplay.TINT)),
    )


@dataclass(frozen=True)
class LayerChoices:
    """What a person wants to see over the picture.

    Attributes:
        layers: (id, choice) of every layer.
        are_hidden: all eyes are shut for the moment.
        cut: raw or adaptive threshold.
        threshold: 0..1, of the raw probability.
        is_binary: the saliency is filled above its threshold rather than tinted by value.
        has_contour: its threshold is drawn as a line.
        comparison: off, or how ``first`` and ``second`` are compared.
        first, second: first is judged, or lies on the left; second is the reference, or lies on the right.
        split: where the line between them lies, fraction of the picture's width.
    """

    layers: tuple[tuple[LayerId, LayerChoice], ...] = field(default_factory=_first_choices)
    are_hidden: bool = False
    cut: Cut = Cut.RAW
    threshold: float = 0.5
    is_binary: bool = False
    has_contour: bool = True
    comparison: Comparison = Comparison.OFF
    first: SourceId = SourceId.MODEL
    second: SourceId = SourceId.TRUTH
    split: float = 0.5

    def of(self, layer: LayerId) -> LayerChoice:
        """The choice for a layer."""
        return dict(self.layers)[layer]

    def with_layer(
        self,
        layer: LayerId,
        *,
        is_shown: bool | None = None,
        opacity: float | None = None,
        colours: str | None = None,
        display: LabelDisplay | None = None,
    ) -> "LayerChoices":
        """The same with a layer shown otherwise; None leaves as it was."""
        old = self.of(layer)
        new = LayerChoice(
            is_shown=old.is_shown if is_shown is None else is_shown,
            opacity=old.opacity if opacity is None else min(max(opacity, LEAST_OPACITY), 1.0),
            colours=colours or old.colours,
            display=display or old.display,
        )
        return replace(self, layers=tuple((i, new if i is layer else choice) for i, choice in self.layers))

    def showing(self, names: Collection[str]) -> "LayerChoices":
        """The same with these layers' eyes open and all others shut."""
        layers = tuple((i, replace(choice, is_shown=i.value in names)) for i, choice in self.layers)
        return replace(self, layers=layers, are_hidden=False)

    def toggled(self, layer: LayerId) -> "LayerChoices":
        """The same with a layer's eye opened or shut; opening one ends "all hidden"."""
        is_shown = self.are_hidden or not self.of(layer).is_shown
        return replace(self.with_layer(layer, is_shown=is_shown), are_hidden=False)


@dataclass(frozen=True)
class LayerPictures:
    """What there is to show for the frame on the screen; None where there is nothing.

    Attributes:
        saliency: the model's probability.
        second: another model's.
        location: where the model hears sound.
        energy: where the four channels say that sound comes from.
        truth: ground truth.
        annotation: the labels being edited.
        onion: neighbours' labels, at most two.
        annotation_look: colours, hidden, solo and selected objects of the annotation (its display and opacity are the
            person's choice).
        names: (id, name) of the annotation's objects, for the read-out.
        truth_names: of the truth's: the same number may be another object there.
        location_mark, energy_mark: the peaks, with their degrees.
        cursor: the brush.
        paths: lines of tools.
        theirs: another annotator's outlines, below those of tools.
    """

    saliency: MapImage | None = None
    second: MapImage | None = None
    location: MapImage | None = None
    energy: MapImage | None = None
    truth: LabelImage | None = None
    annotation: LabelImage | None = None
    onion: tuple[LabelImage, ...] = ()
    annotation_look: LabelLook = field(default_factory=LabelLook)
    names: tuple[tuple[int, str], ...] = ()
    truth_names: tuple[tuple[int, str], ...] = ()
    location_mark: Mark | None = None
    energy_mark: Mark | None = None
    cursor: Cap | None = None
    paths: tuple[Path, ...] = ()
    theirs: tuple[Path, ...] = ()

    @property
    def all_paths(self) -> tuple[Path, ...]:
        """Every line, the uppermost last."""
        return (*self.theirs, *self.paths)

    def has(self, layer: LayerId) -> bool:
        """Whether there is anything of a layer."""
        if layer is LayerId.ONION:
            return bool(self.onion)
        return getattr(self, layer.value) is not None

    def source(self, source: SourceId) -> MapImage | LabelImage | None:
        """One of the things that can be compared."""
        return {
            SourceId.MODEL: self.saliency,
            SourceId.SECOND: self.second,
            SourceId.TRUTH: self.truth,
            SourceId.ANNOTATION: self.annotation,
        }[source]


TRUTH_RGB: Rgb = (1.0, 1.0, 1.0)
ONION_RGBS: tuple[Rgb, Rgb] = ((0.34, 0.71, 0.91), (0.90, 0.62, 0.00))
"""Before and after the frame."""


def threshold_of(choices: LayerChoices, image: MapImage | None) -> float:
    """Where the saliency is cut, 0..1."""
    if choices.cut is Cut.ADAPTIVE and image is not None:
        return image.adaptive_threshold
    return choices.threshold


def resolve_layers(choices: LayerChoices, pictures: LayerPictures) -> Overlays:
    """What is drawn: the person's choices applied to what there is."""
    if choices.are_hidden:
        return Overlays(cursor=pictures.cursor, paths=pictures.all_paths)
    marks = _marks(choices, pictures)
    first, second = pictures.source(choices.first), pictures.source(choices.second)
    if choices.comparison is Comparison.OFF:
        sides: tuple[LayerSet, ...] = (_layer_set(choices, pictures, _shown(choices)),)
        return Overlays(sides, marks=(marks,), cursor=pictures.cursor, paths=pictures.all_paths)
    below = _shown(choices) & {LayerId.ENERGY, LayerId.LOCATION, LayerId.ONION}
    if choices.comparison is Comparison.DIFFERENCE:
        base = _layer_set(choices, pictures, below)
        difference = None
        if first is not None and second is not None:
            difference = _difference(choices, first, second)
        return Overlays(
            (replace(base, difference=difference),), marks=(marks,), cursor=pictures.cursor, paths=pictures.all_paths
        )
    sides = (_side(choices, pictures, below, choices.first), _side(choices, pictures, below, choices.second))
    split = choices.split if choices.comparison is Comparison.SPLIT else None
    return Overlays(sides, split, (marks, marks), pictures.cursor, pictures.all_paths)


def _shown(choices: LayerChoices) -> frozenset[LayerId]:
    return frozenset(layer for layer, choice in choices.layers if choice.is_shown)


def _side(choices: LayerChoices, pictures: LayerPictures, below: frozenset[LayerId], source: SourceId) -> LayerSet:
    """One of two compared sources, whether its eye is open or not, over what lies below both."""
    layer = {SourceId.TRUTH: LayerId.TRUTH, SourceId.ANNOTATION: LayerId.ANNOTATION}.get(source, LayerId.SALIENCY)
    if source is SourceId.SECOND:
        pictures = replace(pictures, saliency=pictures.second)
    return _layer_set(choices, pictures, below | {layer})


def _layer_set(choices: LayerChoices, pictures: LayerPictures, shown: frozenset[LayerId]) -> LayerSet:
    tints = []
    for layer, image, floor in (
        (LayerId.ENERGY, pictures.energy, ENERGY_FLOOR),
        (LayerId.LOCATION, pictures.location, LOCATION_FLOOR),
        (LayerId.SALIENCY, None if choices.is_binary else pictures.saliency, SALIENCY_FLOOR),
    ):
        if layer in shown and image is not None:
            choice = choices.of(layer)
            tints.append(TintLayer(image, choice.colours, choice.opacity, floor))
    field_layer = None
    if LayerId.SALIENCY in shown and pictures.saliency is not None:
        field_layer = _saliency_field(choices, pictures.saliency)
    return LayerSet(tints=tuple(tints), labels=_labels(choices, pictures, shown), field=field_layer)


def _saliency_field(choices: LayerChoices, image: MapImage) -> FieldLayer | None:
    if not (choices.is_binary or choices.has_contour):
        return None
    choice = choices.of(LayerId.SALIENCY)
    table = colour_table(choice.colours) / 255.0
    r, g, b = (float(c) for c in table[180])
    fill = (r, g, b, choice.opacity if choices.is_binary else 0.0)
    r, g, b = (float(c) for c in table[235])
    line = (r, g, b, 1.0 if choices.has_contour else 0.0)
    return FieldLayer(image, threshold_of(choices, image), fill, line)


def _labels(choices: LayerChoices, pictures: LayerPictures, shown: frozenset[LayerId]) -> tuple[LabelLayer, ...]:
    layers = []
    if LayerId.ONION in shown:
        choice = choices.of(LayerId.ONION)
        for image, rgb in zip(pictures.onion, ONION_RGBS, strict=False):
            look = LabelLook(choice.display, choice.opacity, rgb=rgb)
            layers.append(LabelLayer(image, palette_of(look)))
    if LayerId.TRUTH in shown and pictures.truth is not None:
        choice = choices.of(LayerId.TRUTH)
        look = LabelLook(choice.display, choice.opacity, rgb=TRUTH_RGB)
        layers.append(LabelLayer(pictures.truth, palette_of(look)))
    if LayerId.ANNOTATION in shown and pictures.annotation is not None:
        choice = choices.of(LayerId.ANNOTATION)
        look = replace(pictures.annotation_look, display=choice.display, opacity=choice.opacity)
        layers.append(LabelLayer(pictures.annotation, palette_of(look)))
    return tuple(layers)


def _difference(choices: LayerChoices, first: MapImage | LabelImage, second: MapImage | LabelImage) -> Difference:
    opacity = choices.of(LayerId.SALIENCY).opacity
    return Difference(
        _compared(choices, first),
        _compared(choices, second),
        hit=(*HIT_RGB, opacity),
        miss=(*MISS_RGB, opacity),
        false_alarm=(*FALSE_ALARM_RGB, opacity),
    )


def _compared(choices: LayerChoices, image: MapImage | LabelImage) -> FieldLayer | LabelLayer:
    if isinstance(image, MapImage):
        return FieldLayer(image, threshold_of(choices, image))
    return LabelLayer(image, palette_of(LabelLook()))


def _marks(choices: LayerChoices, pictures: LayerPictures) -> tuple[Mark, ...]:
    shown = _shown(choices)
    found = (
        pictures.energy_mark if LayerId.ENERGY in shown else None,
        pictures.location_mark if LayerId.LOCATION in shown else None,
    )
    return tuple(mark for mark in found if mark is not None)


@dataclass(frozen=True)
class ReadOut:
    """What lies under the pointer.

    Attributes:
        azimuth_deg, elevation_deg: of the direction.
        saliency: probability 0..1, or None.
        energy: in the energy map's unit, or None.
        location: in the location map's unit, or None.
        object_name: of the truth or the annotation there, "" for none.
    """

    azimuth_deg: float
    elevation_deg: float
    saliency: float | None = None
    energy: float | None = None
    location: float | None = None
    object_name: str = ""


def value_at(image: MapImage | None, u: float, v: float) -> float | None:
    """A map's value at equirectangular (u, v), bilinear, in its unit; None without a map."""
    if image is None:
        return None
    height, width = image.values.shape
    x, y = u * width - 0.5, min(max(v * height - 0.5, 0.0), height - 1.0)
    left, top = int(np.floor(x)), int(np.floor(y))
    wx, wy = x - left, y - top
    below = min(top + 1, height - 1)
    a, b = float(image.values[top, left % width]), float(image.values[top, (left + 1) % width])
    c, d = float(image.values[below, left % width]), float(image.values[below, (left + 1) % width])
    level = ((a * (1 - wx) + b * wx) * (1 - wy) + (c * (1 - wx) + d * wx) * wy) / 255.0
    return image.in_unit(level)


def label_at(image: LabelImage | None, u: float, v: float) -> int:
    """The label at equirectangular (u, v); 0 without labels."""
    if image is None:
        return 0
    height, width = image.labels.shape
    return int(image.labels[min(max(int(v * height), 0), height - 1), int(u * width) % width])
