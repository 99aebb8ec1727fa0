"""What lies over the picture, drawn on the software renderer and compared with arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.geometry.picture import Bounds, PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, directions_to_viewport, viewport_to_directions
from panosod_core.geometry.sphere import angle_between, direction, direction_to_uv, equirect_directions
from panosod_viewer.layers import Comparison, LayerChoices, LayerPictures, SourceId, resolve_layers
from panosod_viewer.overlays import (
    Cap,
    FieldLayer,
    LabelCanvas,
    LabelLayer,
    LayerSet,
    MapImage,
    Mark,
    Overlays,
    Palette,
    Path,
    TintLayer,
    label_image,
)
from panosod_viewer.palettes import LabelDisplay, LabelLook, object_colours, palette_of
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.render.overlay_setup import (
    between_codes,
    corner_pixels,
    has_square,
    pair_colours,
    resampled,
    tint_pixels,
    tint_table,
)
from panosod_viewer.scene import Pane, RenderScene

from .conftest import Draw
from .frames import band_limited, frame_of_rgb

pytestmark = pytest.mark.gl

SIZE = (320, 160)
WHOLE = View(0.0, 0.0, 0.0, 2 * np.pi, ViewProjection.EQUIRECT)
GREY = np.full((32, 64, 3), 0.5)
LOOKS = {
    "front": View(),
    "across the seam": View(np.radians(176.3), 0.2, 0.0, np.radians(80)),
    "zenith": View(0.4, np.radians(80), 0.3, np.radians(100)),
    "wide": View(1.0, -0.3, 0.2, np.radians(140)),
    "little planet": View(0.5, -np.pi / 2, 0.0, np.radians(240)),
    "map": WHOLE,
    "map, turned": replace(WHOLE, yaw_rad=2.1),
    "map, zoomed": View(3.0, 0.3, 0.0, 1.5, ViewProjection.EQUIRECT),
}


def noise_map(width: int, height: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def bump(width: int, height: int, azimuth_deg: float, elevation_deg: float, *, tightness: float = 20.0) -> np.ndarray:
    centre = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    return np.round(255 * np.exp(tightness * (equirect_directions(width, height) @ centre - 1))).astype(np.uint8)


def discs(width: int, height: int) -> np.ndarray:
    d, labels = equirect_directions(width, height), np.zeros((height, width), np.uint8)
    for number, (azimuth, elevation, radius) in enumerate(((0, 0, 20), (178, 10, 15), (90, 80, 18), (-60, -30, 25)), 1):
        labels[d @ direction(np.radians(azimuth), np.radians(elevation)) > np.cos(np.radians(radius))] = number
    return labels


def pixel_directions(view: View, size: tuple[int, int]) -> np.ndarray:
    x, y = (np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1]
    return viewport_to_directions(view, x[None], y[:, None], aspect=size[0] / size[1])


def bilinear(texels: np.ndarray, view: View, size: tuple[int, int]) -> np.ndarray:
    """Float64 reference: (H, W, C) texels of the sphere seen through a view."""
    u, v = direction_to_uv(pixel_directions(view, size))
    height, width = texels.shape[:2]
    x, y = u * width - 0.5, np.clip(v * height - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    wx, wy = (x - left)[..., None], (y - top)[..., None]
    t = texels.reshape(height, width, -1).astype(np.float64)
    below = np.minimum(top + 1, height - 1)
    upper = t[top, left % width] * (1 - wx) + t[top, (left + 1) % width] * wx
    lower = t[below, left % width] * (1 - wx) + t[below, (left + 1) % width] * wx
    return upper * (1 - wy) + lower * wy


def nearest(labels: np.ndarray, view: View, size: tuple[int, int]) -> np.ndarray:
    u, v = direction_to_uv(pixel_directions(view, size))
    height, width = labels.shape
    return labels[np.minimum((v * height).astype(int), height - 1), (u * width).astype(int) % width]


def drawn(draw: Draw, layers: LayerSet, view: View, *, size: tuple[int, int] = SIZE, **more: object) -> np.ndarray:
    frame = more.pop("frame", None) or frame_of_rgb(GREY)
    return draw(frame, view, size=size, overlays=Overlays((layers,)), **more)


@pytest.mark.parametrize("name", LOOKS)
def test_a_coloured_map_is_bilinear_everywhere(draw: Draw, name: str) -> None:
    layer = TintLayer(MapImage(noise_map(24, 12)), "ember", 0.8, floor=0.1)
    found = drawn(draw, LayerSet(tints=(layer,)), LOOKS[name])
    base = draw(frame_of_rgb(GREY), LOOKS[name], size=SIZE).astype(np.float64)
    tint = bilinear(tint_table(layer)[layer.image.values], LOOKS[name], SIZE)
    expected = base * (1 - tint[..., 3:] / 255) + tint[..., :3]
    assert np.abs(found - expected).max() < 3.0


def test_two_coloured_maps_of_different_sizes_lie_over_each_other(draw: Draw) -> None:
    low = TintLayer(MapImage(bump(24, 12, 20, 10)), "ember", 0.7)
    high = TintLayer(MapImage(bump(48, 24, -20, 0)), "lagoon", 0.6)
    below, above = (
        tint_table(layer)[resampled(layer.image.values, 24, 48)].astype(np.float64) for layer in (low, high)
    )
    expected = below * (1 - above[..., 3:] / 255) + above
    pixels = tint_pixels((low, high))
    assert np.abs(pixels - expected).max() <= 1.0
    both = drawn(draw, LayerSet(tints=(low, high)), View())
    base = draw(frame_of_rgb(GREY), View(), size=SIZE).astype(np.float64)
    tint = bilinear(pixels, View(), SIZE)
    assert np.abs(both - (base * (1 - tint[..., 3:] / 255) + tint[..., :3])).max() < 3.0


def test_a_map_at_another_size_is_bilinear_on_the_ring() -> None:
    values = noise_map(13, 7)
    found = resampled(values, 40, 80)
    whole = replace(WHOLE, fov_rad=2 * np.pi)
    assert np.abs(found - bilinear(values, whole, (80, 40))[..., 0]).max() <= 0.51


@pytest.mark.parametrize("name", LOOKS)
def test_a_field_is_filled_exactly_where_its_bilinear_value_is_above_the_threshold(draw: Draw, name: str) -> None:
    view, values = LOOKS[name], noise_map(16, 8)
    layer = FieldLayer(MapImage(values), 0.5, fill=(1.0, 0.0, 0.0, 1.0), line=(0, 0, 0, 0.0))
    found = drawn(draw, LayerSet(field=layer), view)
    above = bilinear(values, view, SIZE)[..., 0] / 255 - between_codes(0.5)
    gy, gx = np.gradient(above)
    away = np.abs(above) / np.maximum(np.hypot(gx, gy), 1e-6) > 2.0
    red = found[..., 0].astype(int) - found[..., 1]
    if name == "little planet":
        away[:, :] &= (np.abs(red) < 40) | (red > 200)
    assert away.mean() > 0.3
    assert (red[away & (above > 0)] > 240).mean() > 0.999
    assert (red[away & (above < 0)] < 15).mean() > 0.999


def turned_half(labels_or_map: np.ndarray) -> np.ndarray:
    return np.roll(labels_or_map, labels_or_map.shape[1] // 2, axis=1)


@pytest.mark.parametrize("pitch_deg", [0.0, 35.0, -80.0])
def test_half_a_turn_of_everything_changes_nothing(draw: Draw, pitch_deg: float) -> None:
    rgb, values, labels = band_limited(128, 64), bump(64, 32, 5, 0), discs(256, 128)

    def picture(yaw: float, turn) -> np.ndarray:
        image = MapImage(turn(values))
        layers = LayerSet(
            tints=(TintLayer(image, "ember"),),
            labels=(LabelLayer(label_image(np.ascontiguousarray(turn(labels))), palette_of(LabelLook())),),
            field=FieldLayer(image, 0.4),
        )
        return drawn(draw, layers, View(yaw, np.radians(pitch_deg)), frame=frame_of_rgb(turn(rgb)))

    here = picture(0.1, lambda a: a)
    there = picture(0.1 + np.pi, turned_half)
    differs = np.abs(here.astype(int) - there).max(axis=-1) > 2
    # nearest-neighbour edges may fall either way in single precision
    assert differs.mean() < 0.004


def test_no_line_runs_along_the_seam(draw: Draw) -> None:
    # 180.8 degrees: the seam lies inside quads of pixels
    view = View(np.radians(180.8), 0.0, 0.0, np.radians(60))
    image = MapImage(np.full((32, 64), 200, np.uint8))
    labels = label_image(np.full((64, 128), 3, np.uint8))
    layers = LayerSet(
        tints=(TintLayer(image, "ember"),),
        labels=(LabelLayer(labels, palette_of(LabelLook())),),
        field=FieldLayer(image, 0.5, fill=(0.0, 0.5, 0.0, 0.5)),
    )
    found = drawn(draw, layers, view).astype(int)
    assert np.abs(found - found[0, 0]).max() <= 1


@pytest.mark.parametrize("fov_deg", [100.0, 60.0, 12.0])
@pytest.mark.parametrize("width_px", [1.5, 3.0])
def test_a_contour_is_as_wide_at_every_zoom(draw: Draw, fov_deg: float, width_px: float) -> None:
    size = (640, 320)
    values = bump(832, 416, 0, 0, tightness=700.0)
    layer = FieldLayer(MapImage(values), 0.5, line=(1.0, 1.0, 1.0, 1.0), width_px=width_px)
    line = drawn(draw, LayerSet(field=layer), View(fov_rad=np.radians(fov_deg)), size=size)
    plain = draw(frame_of_rgb(GREY), View(fov_rad=np.radians(fov_deg)), size=size).astype(float)
    coverage = np.clip((line[..., 0] - plain[..., 0]) / (255 - plain[..., 0]), 0, 1)
    right = coverage[160, 320:].sum()
    up = coverage[:160, 320].sum()
    assert right == pytest.approx(width_px, abs=0.7)
    assert up == pytest.approx(width_px, abs=0.7)


@pytest.mark.parametrize("fov_deg", [90.0, 15.0])
def test_a_label_contour_is_about_as_wide_at_every_zoom(draw: Draw, fov_deg: float) -> None:
    size = (640, 320)
    labels = np.zeros((512, 1024), np.uint8)
    labels[:, 512:] = 1  # edges straight ahead and behind
    look = LabelLook(LabelDisplay.CONTOUR, rgb=(1.0, 1.0, 1.0))
    line = drawn(
        draw,
        LayerSet(labels=(LabelLayer(label_image(labels), palette_of(look)),)),
        View(fov_rad=np.radians(fov_deg)),
        size=size,
    )
    assert 1 <= (line[160, :, 0] > 200).sum() <= 2


def test_the_palette_is_exact_for_every_id(draw: Draw) -> None:
    labels = np.zeros((128, 256), np.uint8)
    labels[:, 1:255] = np.arange(1, 255)[None]
    fill = np.zeros((256, 4), np.uint8)
    fill[1:255, :3], fill[1:255, 3] = object_colours()[1:255], 255
    palette = Palette(fill, np.zeros((256, 4), np.uint8))
    found = drawn(draw, LayerSet(labels=(LabelLayer(label_image(labels), palette),)), WHOLE, size=(256, 128))
    assert np.array_equal(found[:, 1:255], fill[labels[:, 1:255], :3])


@pytest.mark.parametrize("name", LOOKS)
def test_labels_are_nearest_neighbour_in_every_view(draw: Draw, name: str) -> None:
    labels = discs(512, 256)
    look = replace(LabelLook(), display=LabelDisplay.CUT_OUT, opacity=1.0)
    palette = palette_of(look)
    found = drawn(draw, LayerSet(labels=(LabelLayer(label_image(labels), palette),)), LOOKS[name])
    base = draw(frame_of_rgb(GREY), LOOKS[name], size=SIZE).astype(float)
    seen = nearest(labels, LOOKS[name], SIZE)
    expected = np.where((seen > 0)[..., None], base, base * (1 - palette.fill[0, 3] / 255))
    assert (np.abs(found - expected).max(axis=-1) > 2).mean() < 0.003


def test_the_corners_of_a_cell_are_its_neighbours_around_the_ring() -> None:
    values = noise_map(9, 5)
    right = np.roll(values, -1, axis=1)
    found = corner_pixels(values)
    assert np.array_equal(found[..., 0], values) and np.array_equal(found[..., 1], right)
    assert np.array_equal(found[:-1, :, 2:], found[1:, :, :2]) and np.array_equal(found[-1, :, 2:], found[-1, :, :2])


def test_two_labels_have_the_line_of_the_higher_that_has_one() -> None:
    palette = palette_of(LabelLook(hidden=frozenset({9}), selected=frozenset({3}), opacity=0.8))
    pairs = pair_colours(palette).astype(int)
    for a, b, owner in ((0, 5, 5), (5, 3, 5), (3, 0, 3), (9, 3, 3), (0, 9, None), (255, 4, 4)):
        line = palette.line[owner].astype(float) if owner is not None else np.zeros(4)
        for label, other in ((a, b), (b, a)):
            fill = palette.fill[label].astype(float)
            alpha = line[3] / 255
            expected = line[:3] * alpha + fill[:3] * (fill[3] / 255) * (1 - alpha)
            assert np.abs(pairs[other, label, :3] - expected).max() <= 1
    fill = palette.fill[3].astype(float)
    assert np.abs(pairs[3, 3, :3] - fill[:3] * fill[3] / 255).max() <= 1
    assert pairs[3, 3, 3] == fill[3]


def test_a_contour_of_one_colour_needs_no_table() -> None:
    one = palette_of(LabelLook(LabelDisplay.CONTOUR, rgb=(1.0, 0.5, 0.0)))
    assert not has_square(one) and one.only_line == pytest.approx((1.0, 0.5, 0.0, 1.0), abs=0.003)
    own = palette_of(LabelLook(LabelDisplay.CONTOUR))
    hidden = palette_of(LabelLook(LabelDisplay.CONTOUR, rgb=(1.0, 1.0, 1.0), hidden=frozenset({2})))
    assert own.only_line is None and hidden.only_line is None
    assert has_square(own) and has_square(hidden) and has_square(palette_of(LabelLook(rgb=(1.0, 1.0, 1.0))))


def test_layers_with_and_without_a_table_keep_their_colours(draw: Draw) -> None:
    labels = [np.zeros((64, 128), np.uint8) for _ in range(3)]
    for index, places in enumerate(labels):
        places[20:44, 20 + 32 * index : 44 + 32 * index] = 4
    looks = (
        LabelLook(),
        LabelLook(LabelDisplay.CONTOUR, rgb=(1.0, 1.0, 1.0)),
        LabelLook(colours=((4, (1.0, 0.0, 0.0)),)),
    )
    pairs = zip(labels, looks, strict=True)
    layers = LayerSet(labels=tuple(LabelLayer(label_image(places), palette_of(look)) for places, look in pairs))
    found = drawn(draw, layers, WHOLE, size=(128, 64)).astype(float)
    bare = draw(frame_of_rgb(GREY), WHOLE, size=(128, 64)).astype(float)
    for column, look in ((32, looks[0]), (96, looks[2])):
        fill = palette_of(look).fill[4].astype(float)
        expected = bare[32, column] * (1 - fill[3] / 255) + fill[:3] * fill[3] / 255
        assert found[32, column] == pytest.approx(expected, abs=2)
    assert found[32, 64] == pytest.approx(bare[32, 64], abs=1)
    assert (found[32, 48:80].min(axis=-1) > 230).sum() >= 2


def test_hidden_solo_and_selected_objects() -> None:
    palette = palette_of(LabelLook(hidden=frozenset({2})))
    assert palette.fill[2, 3] == palette.line[2, 3] == 0 and palette.fill[1, 3] > 0
    palette = palette_of(LabelLook(solo=frozenset({2})))
    assert palette.fill[2, 3] > 0 and palette.fill[1, 3] == palette.line[1, 3] == 0
    palette = palette_of(LabelLook(selected=frozenset({4})))
    assert palette.line[4].tolist() == [255, 255, 255, 255]
    assert not palette_of(LabelLook()).fill[[0, 255], 3].any()


def test_the_look_and_the_map_show_the_same_label_in_a_direction(draw: Draw) -> None:
    labels = discs(512, 256)
    layers = LayerSet(labels=(LabelLayer(label_image(labels), palette_of(LabelLook())),))
    on_map = drawn(draw, layers, WHOLE, size=(1024, 512))
    for name in ("front", "across the seam", "zenith"):
        look = drawn(draw, layers, LOOKS[name])
        x, y = directions_to_viewport(WHOLE, pixel_directions(LOOKS[name], SIZE), aspect=2.0)
        same = on_map[np.clip((y * 512).astype(int), 0, 511), (x * 1024).astype(int) % 1024]
        assert (np.abs(look.astype(int) - same).max(axis=-1) > 3).mean() < 0.04


def test_overlays_go_by_the_direction_where_the_picture_is_a_part_of_the_sphere(draw: Draw) -> None:
    half = PictureGeometry(bounds=Bounds(left=0.25, top=0.0, right=0.25, bottom=0.0))
    posed = PictureGeometry(pose_deg=(60.0, 0.0, 0.0))
    labels = discs(512, 256)
    layers = LayerSet(labels=(LabelLayer(label_image(labels), palette_of(LabelLook(LabelDisplay.CONTOUR))),))
    whole, part, turned = (
        drawn(draw, layers, view, geometry=geometry)
        for view, geometry in ((View(), None), (View(), half), (View(np.radians(60)), posed))
    )
    assert np.abs(whole.astype(int) - part).max() <= 2
    assert (np.abs(whole.astype(int) - turned).max(axis=-1) > 2).mean() < 0.003
    behind = drawn(draw, layers, View(np.pi), geometry=half)
    assert behind.max() > 100, "an object where there is no picture is shown all the same"


def test_all_hidden_is_the_bare_picture(draw: Draw) -> None:
    image = MapImage(bump(64, 32, 0, 0))
    pictures = LayerPictures(saliency=image, energy=image, location=image, truth=label_image(discs(128, 64)))
    choices = LayerChoices().showing(("saliency", "energy", "location", "truth"))
    frame = frame_of_rgb(band_limited(128, 64))
    bare = draw(frame, View(), size=SIZE)
    shown = draw(frame, View(), size=SIZE, overlays=resolve_layers(choices, pictures))
    hidden = draw(frame, View(), size=SIZE, overlays=resolve_layers(replace(choices, are_hidden=True), pictures))
    assert np.abs(bare.astype(int) - shown).max() > 60
    assert np.array_equal(bare, hidden)


@pytest.mark.parametrize("first", [SourceId.MODEL, SourceId.ANNOTATION])
def test_the_difference_is_told_by_colour(draw: Draw, first: SourceId) -> None:
    result, reference = np.zeros((128, 256), np.uint8), np.zeros((128, 256), np.uint8)
    result[40:80, 100:140], reference[40:80, 120:160] = 1, 1
    choices = replace(LayerChoices().showing(()), comparison=Comparison.DIFFERENCE, first=first)
    pictures = LayerPictures(
        saliency=MapImage(255 * result), annotation=label_image(result), truth=label_image(reference)
    )
    overlays = resolve_layers(choices.with_layer(choices.layers[2][0], opacity=1.0), pictures)
    difference = overlays.sides[0].difference
    assert difference is not None
    found = draw(frame_of_rgb(GREY), WHOLE, size=(256, 128), overlays=overlays)
    for column, colour in ((110, difference.false_alarm), (130, difference.hit), (150, difference.miss)):
        assert found[60, column] == pytest.approx([255 * c for c in colour[:3]], abs=2)
    assert found[60, 200] == pytest.approx(draw(frame_of_rgb(GREY), WHOLE, size=(256, 128))[60, 200], abs=1)


def test_each_side_of_the_split_line_shows_its_own_source(draw: Draw) -> None:
    pictures = LayerPictures(saliency=MapImage(bump(64, 32, 20, 0)), second=MapImage(bump(64, 32, -20, 0)))
    choices = replace(LayerChoices(), comparison=Comparison.SPLIT, second=SourceId.SECOND, split=0.4)
    found = draw(frame_of_rgb(GREY), View(), size=SIZE, overlays=resolve_layers(choices, pictures))
    only = [
        draw(frame_of_rgb(GREY), View(), size=SIZE, overlays=Overlays((side,)))
        for side in resolve_layers(choices, pictures).sides
    ]
    at = round(0.4 * SIZE[0])
    assert np.array_equal(found[:60, : at - 4], only[0][:60, : at - 4])
    assert np.array_equal(found[:60, at + 4 :], only[1][:60, at + 4 :])
    assert found[:60, at - 1 : at + 1].min() > 200, "and the line is there"


def test_side_by_side_is_two_panes_with_a_source_each(draw: Draw) -> None:
    left, right = MapImage(bump(64, 32, 0, 0)), MapImage(bump(64, 32, 0, 30))
    sides = tuple(LayerSet(tints=(TintLayer(image, "ember"),)) for image in (left, right))
    panes = (Pane(rect=(0, 0, 0.5, 1)), Pane(rect=(0.5, 0, 0.5, 1), side=1))
    found = draw(frame_of_rgb(GREY), size=SIZE, panes=panes, overlays=Overlays(sides))
    for index, side in enumerate(sides):
        alone = draw(frame_of_rgb(GREY), size=(160, 160), overlays=Overlays((side,)))
        assert np.abs(found[:, 160 * index : 160 * index + 160].astype(int) - alone).max() <= 1


# --- uploads ---


def test_only_what_changed_is_uploaded_and_the_picture_is_right(draw: Draw) -> None:
    canvas = LabelCanvas(discs(1024, 512))
    frame, palette = frame_of_rgb(GREY), palette_of(LabelLook())
    rng = np.random.default_rng(4)

    def scene() -> RenderScene:
        layers = LayerSet(labels=(LabelLayer(canvas.image(), palette),))
        return RenderScene(frame, PictureGeometry(), (Pane(view=View(np.pi)),), overlays=Overlays((layers,)))

    with HeadlessContext(*SIZE) as context:
        context.render(scene())
        sent = context._renderer.label_texels_uploaded
        assert sent == canvas.labels.size
        for step in range(12):
            left, top = int(rng.integers(0, 1024)), int(rng.integers(0, 480))
            for column in range(left, left + 40):
                canvas.labels[top : top + 30, column % 1024] = step + 5
            canvas.touch((left, top, left + 40, top + 30))
            patched = context.render(scene())
            assert context._renderer.label_texels_uploaded - sent == 40 * 30
            sent += 40 * 30
        assert np.array_equal(context.render(scene()), patched)
        assert context._renderer.label_texels_uploaded == sent, "the same again costs nothing"
    with HeadlessContext(*SIZE) as context:
        assert np.array_equal(context.render(scene()), patched)


def test_a_renderer_far_behind_uploads_everything() -> None:
    canvas = LabelCanvas(np.zeros((32, 64), np.uint8))
    first = canvas.image()
    for _ in range(200):
        canvas.touch((1, 1, 3, 3))
    assert canvas.image().changes_since(first.canvas, first.generation) is None
    assert canvas.image().changes_since(first.canvas, 199) == ((1, 1, 3, 3),)
    assert LabelCanvas(np.zeros((32, 64), np.uint8)).image().changes_since(first.canvas, 0) is None


# --- drawing only where there is something ---


@pytest.mark.parametrize("pose_deg", [(0.0, 0.0, 0.0), (50.0, 20.0, -10.0)], ids=["level", "posed"])
@pytest.mark.parametrize("name", LOOKS)
def test_sparing_the_software_renderer_changes_no_pixel(
    headless: None, name: str, pose_deg: tuple[float, float, float]
) -> None:
    geometry = PictureGeometry(pose_deg=pose_deg)
    frame = frame_of_rgb(band_limited(128, 64))
    image = MapImage(bump(208, 104, 170, 20, tightness=200.0))
    labels = label_image(discs(512, 256))
    layers = LayerSet(
        tints=(TintLayer(image, "ember", floor=0.05),),
        labels=(LabelLayer(labels, palette_of(LabelLook(LabelDisplay.CONTOUR))),),
        field=FieldLayer(image, 0.5),
    )
    pictures = []
    for is_culled in (False, True):
        with HeadlessContext(400, 240) as context:
            context._renderer._overlays._is_culled = is_culled
            pictures.append(
                context.render(RenderScene(frame, geometry, (Pane(view=LOOKS[name]),), overlays=Overlays((layers,))))
            )
    # values below the last of 255 steps of opacity are not drawn
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 2


# --- lines ---


@pytest.mark.parametrize("name", ["front", "across the seam", "zenith", "wide", "map", "map, turned", "map, zoomed"])
@pytest.mark.parametrize("centre_deg", [(0.0, 0.0), (179.0, 5.0), (30.0, 82.0)])
def test_the_brush_is_the_true_outline_of_a_cap(draw: Draw, name: str, centre_deg: tuple[float, float]) -> None:
    view, size = LOOKS[name], (400, 200)
    centre, radius = direction(*np.radians(centre_deg)), np.radians(18.0)
    cap = Cap(tuple(float(c) for c in centre), float(radius), rgb=(1.0, 0.0, 0.0))
    found = draw(frame_of_rgb(GREY), view, size=size, overlays=Overlays(cursor=cap)).astype(int)
    line = (found[..., 0] - found[..., 1]) > 60
    angle = angle_between(pixel_directions(view, size), centre)
    gy, gx = np.gradient(angle)
    away_px = np.abs(angle - radius) / np.maximum(np.hypot(gx, gy), 1e-9)
    ordinary = np.hypot(gx, gy) < 0.05  # the rows at the map's poles are one direction each
    inside = (slice(3, -3), slice(3, -3))
    assert (away_px[inside][line[inside] & ordinary[inside]] < 2.5).sum() >= 0.99 * (line & ordinary)[inside].sum()
    on = ((away_px < 0.4) & ordinary)[inside]
    assert line[inside][on].sum() >= 0.97 * on.sum()
    assert on.any() or not line[inside].any()


def test_a_polygon_follows_great_circles(draw: Draw) -> None:
    a, b = direction(np.radians(60), np.radians(40)), direction(np.radians(-60), np.radians(40))
    overlays = Overlays(paths=(Path(np.array([a, b]), rgb=(1.0, 0.0, 0.0)),))
    found = draw(frame_of_rgb(GREY), WHOLE, size=(400, 200), overlays=overlays).astype(int)
    rows, _ = np.nonzero(found[..., 0] - found[..., 1] > 60)
    middle = direction(0.0, np.arctan(np.tan(np.radians(40)) / np.cos(np.radians(60))))
    _, y = directions_to_viewport(WHOLE, middle, aspect=2.0)
    assert rows.min() == pytest.approx(y * 200, abs=2), "the arc rises towards the pole"


def test_a_mark_lies_at_its_direction_and_wraps(draw: Draw) -> None:
    mark = Mark(tuple(float(c) for c in direction(np.radians(179.5), 0.0)), rgb=(1.0, 0.0, 0.0))
    found = draw(frame_of_rgb(GREY), WHOLE, size=(400, 200), overlays=Overlays(marks=((mark,),))).astype(int)
    _, columns = np.nonzero(found[..., 0] - found[..., 1] > 60)
    assert columns.min() < 12 and columns.max() > 388
    assert not ((columns > 15) & (columns < 385)).any()
