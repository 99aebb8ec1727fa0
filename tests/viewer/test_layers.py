"""From what is wanted and what there is to what is drawn."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_viewer.colour_maps import COLOUR_MAPS, FALSE_ALARM_RGB, HIT_RGB, MISS_RGB, colour_table
from panosod_viewer.layers import (
    Comparison,
    Cut,
    LayerChoices,
    LayerId,
    LayerPictures,
    SourceId,
    label_at,
    resolve_layers,
    threshold_of,
    value_at,
)
from panosod_viewer.overlays import Cap, LabelCanvas, LabelImage, MapImage, Mark, label_image
from panosod_viewer.resolving import PaneKind, ViewLayout, Wish, pane_kinds, resolve_scene

ALL = [layer.value for layer in LayerId]


def a_map(value: int = 100) -> MapImage:
    return MapImage(np.full((8, 16), value, np.uint8))


def everything() -> LayerPictures:
    labels = [label_image(np.ones((8, 16), np.uint8)) for _ in range(4)]
    mark = Mark((1.0, 0.0, 0.0))
    return LayerPictures(
        saliency=a_map(),
        second=a_map(50),
        location=a_map(),
        energy=a_map(),
        truth=labels[0],
        annotation=labels[1],
        onion=(labels[2], labels[3]),
        location_mark=mark,
        energy_mark=mark,
    )


def test_each_eye_shows_its_layer_and_no_other() -> None:
    pictures = everything()
    for layer in LayerId:
        (side,) = resolve_layers(LayerChoices().showing([layer.value]), pictures).sides
        images = [tint.image for tint in side.tints] + [labels.image for labels in side.labels]
        wanted = {
            LayerId.SALIENCY: [pictures.saliency],
            LayerId.LOCATION: [pictures.location],
            LayerId.ENERGY: [pictures.energy],
            LayerId.TRUTH: [pictures.truth],
            LayerId.ANNOTATION: [pictures.annotation],
            LayerId.ONION: list(pictures.onion),
        }[layer]
        assert images == wanted
        assert (side.field is not None) == (layer is LayerId.SALIENCY)


def test_nothing_is_drawn_of_what_is_not_there() -> None:
    overlays = resolve_layers(LayerChoices().showing(ALL), LayerPictures())
    assert all(side.is_empty for side in overlays.sides) and not any(overlays.marks)
    for comparison in Comparison:
        overlays = resolve_layers(replace(LayerChoices(), comparison=comparison), LayerPictures())
        assert all(side.is_empty for side in overlays.sides)


def test_hiding_all_leaves_the_tools() -> None:
    pictures = replace(everything(), cursor=Cap((1.0, 0.0, 0.0), 0.1))
    overlays = resolve_layers(replace(LayerChoices().showing(ALL), are_hidden=True), pictures)
    assert overlays.sides == () and overlays.marks == () and overlays.cursor is not None


def test_opening_an_eye_ends_hiding_all() -> None:
    hidden = replace(LayerChoices().showing(()), are_hidden=True)
    opened = hidden.toggled(LayerId.TRUTH)
    assert opened.of(LayerId.TRUTH).is_shown and not opened.are_hidden
    assert not opened.toggled(LayerId.TRUTH).of(LayerId.TRUTH).is_shown


def test_peaks_are_marked_with_their_layer() -> None:
    for layer, count in ((LayerId.ENERGY, 1), (LayerId.LOCATION, 1), (LayerId.SALIENCY, 0)):
        assert len(resolve_layers(LayerChoices().showing([layer.value]), everything()).marks[0]) == count


@pytest.mark.parametrize(("mean", "threshold"), [(0.1, 0.2), (0.4, 0.8), (0.7, 1.0)])
def test_the_adaptive_threshold_is_twice_the_mean_at_most_one(mean: float, threshold: float) -> None:
    image = a_map(round(255 * mean))
    choices = replace(LayerChoices(), cut=Cut.ADAPTIVE, threshold=0.33)
    assert threshold_of(choices, image) == pytest.approx(threshold, abs=0.005)
    assert threshold_of(replace(choices, cut=Cut.RAW), image) == threshold_of(choices, None) == 0.33


def test_binary_fills_and_soft_tints() -> None:
    choices = LayerChoices().showing(["saliency"])
    (soft,) = resolve_layers(choices, everything()).sides
    (binary,) = resolve_layers(replace(choices, is_binary=True), everything()).sides
    assert soft.tints and soft.field is not None and soft.field.fill[3] == 0 and soft.field.line[3] == 1
    assert not binary.tints and binary.field is not None and binary.field.fill[3] > 0
    (bare,) = resolve_layers(replace(choices, has_contour=False), everything()).sides
    assert bare.field is None


def test_sides_show_their_sources_whether_their_eyes_are_open_or_not() -> None:
    pictures = everything()
    choices = replace(
        LayerChoices().showing(()), comparison=Comparison.SPLIT, first=SourceId.SECOND, second=SourceId.TRUTH, split=0.3
    )
    overlays = resolve_layers(choices, pictures)
    first, second = overlays.sides
    assert overlays.split == 0.3
    assert first.field is not None and first.field.image is pictures.second and not first.labels
    assert second.field is None and second.labels[0].image is pictures.truth


def test_the_difference_judges_the_first_by_the_second() -> None:
    pictures = everything()
    choices = replace(LayerChoices(), comparison=Comparison.DIFFERENCE, cut=Cut.RAW, threshold=0.2)
    (side,) = resolve_layers(choices, pictures).sides
    assert side.difference is not None and side.difference.result.image is pictures.saliency
    assert side.difference.reference.image is pictures.truth
    assert (side.difference.hit[:3], side.difference.miss[:3]) == (HIT_RGB, MISS_RGB)
    assert side.difference.false_alarm[:3] == FALSE_ALARM_RGB


@pytest.mark.parametrize("layout", list(ViewLayout))
@pytest.mark.parametrize("aspect", [0.7, 1.8, 4.5])
def test_side_by_side_doubles_the_pane(layout: ViewLayout, aspect: float) -> None:
    wish = Wish(
        layout=layout, layers=replace(LayerChoices(), comparison=Comparison.SIDE_BY_SIDE), pictures=everything()
    )
    scene = resolve_scene(wish, aspect=aspect)
    kind = PaneKind.MAP if layout is ViewLayout.MAP else PaneKind.LOOK
    assert pane_kinds(wish) == (kind, kind)
    assert [pane.side for pane in scene.panes] == [0, 1]
    assert scene.panes[0].view == scene.panes[1].view
    assert scene.panes[0].rect[2:] == pytest.approx(scene.panes[1].rect[2:])


def test_a_value_is_read_bilinear_around_the_ring() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (6, 12), np.uint8)
    image = MapImage(values, low=-40.0, high=10.0)
    for row in range(6):
        for column in range(12):
            found = value_at(image, (column + 0.5) / 12, (row + 0.5) / 6)
            assert found == pytest.approx(-40 + 50 * float(values[row, column]) / 255)
    between = value_at(image, 0.0, 2.5 / 6)
    mean = (float(values[2, 0]) + float(values[2, 11])) / 2
    assert between == pytest.approx(-40 + 50 * mean / 255)
    assert value_at(None, 0.5, 0.5) is None


def test_a_label_is_read_where_it_lies() -> None:
    labels = np.arange(72, dtype=np.uint8).reshape(6, 12)
    image = label_image(labels)
    assert label_at(image, 0.5 / 12, 0.5 / 6) == 0
    assert label_at(image, 0.999, 0.999) == 71 and label_at(image, 1.0, 1.0) == label_at(image, 0.0, 0.999)
    assert label_at(None, 0.5, 0.5) == 0


def test_what_is_touched_beyond_the_edge_wraps() -> None:
    canvas = LabelCanvas(np.zeros((20, 40), np.uint8))
    first = canvas.image()
    canvas.touch((35, -3, 45, 5))
    assert set(canvas.image().changes_since(first.canvas, first.generation) or ()) == {(35, 0, 40, 5), (0, 0, 5, 5)}
    canvas.touch((-5, 3, -2, 6))
    assert (35, 3, 38, 6) in (canvas.image().changes_since(first.canvas, 2) or ())
    before = canvas.image().generation
    canvas.touch((3, 30, 9, 40))
    assert canvas.image().generation == before, "below the pole there is nothing"
    canvas.touch((-100, 0, 100, 20))
    assert canvas.image().changes_since(first.canvas, before) == ((0, 0, 40, 20),)


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_rise_evenly_in_lightness(name: str) -> None:
    table = colour_table(name).astype(float) / 255
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    steps = np.diff(lightness[::8])
    assert (steps > 0).all() and steps.max() < 2.2 * steps.min() + 0.6
    assert lightness[-1] - lightness[0] > 55


def test_values_check_themselves() -> None:
    with pytest.raises(ValueError, match="uint8"):
        MapImage(np.zeros((4, 8)))  # type: ignore[arg-type]  # the mistake that is tested
    with pytest.raises(ValueError, match="uint8"):
        LabelImage(np.zeros((4, 8, 1), np.uint8), 1)
    with pytest.raises(ValueError, match="contiguous"):
        LabelCanvas(np.zeros((4, 16), np.uint8)[:, ::2])
