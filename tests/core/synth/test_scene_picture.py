from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from panosod_core.errors import MediaError
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions
from panosod_core.synth import outlines
from panosod_core.synth.backgrounds import Background, Surroundings
from panosod_core.synth.draws import Draws
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_classes import CLASSES, draw_surface
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_layout import Circling
from panosod_core.synth.scene_picture import ScenePainter, to_bytes
from panosod_core.synth.surroundings import picture_files
from panosod_core.synth.textures import Spots, surface_colours
from panosod_core.synth.world import Still

WIDTH, HEIGHT = 128, 64
PAINTER = ScenePainter(WIDTH, HEIGHT)
BARE = SceneConfig(objects=(2, 2), clutter=(0, 0), grain=(0.0, 0.0), moving=0.0)


def placed(scene, azimuth, elevation, **changes):
    """The scene with only its first object, somewhere else."""
    thing = scene.objects[0]
    up = (1.0, 0.0, 0.0) if abs(elevation) > 1.2 else (0.0, 0.0, 1.0)
    moved = replace(thing, trajectory=Still(azimuth, elevation), up=up, id=1, spin_rad_s=0.0, **changes)
    return replace(scene, things=(moved,))


@pytest.mark.parametrize("seed", range(8))
def test_pictures_are_whole(seed):
    out = PAINTER.render(draw_scene(seed), [1.3, 1.5, 1.7])
    assert out.frames.shape == (3, HEIGHT, WIDTH, 3)
    assert out.frames.dtype == np.float32
    assert np.isfinite(out.frames).all()
    assert out.frames.min() >= 0
    assert out.frames.max() <= 1
    assert out.labels.shape == (3, HEIGHT, WIDTH)
    assert set(np.unique(out.labels).tolist()) <= set(range(len(draw_scene(seed).objects) + 1))


@pytest.mark.parametrize("seed", range(12))
def test_every_object_is_seen_where_it_is(seed):
    scene = draw_scene(seed)
    labels = PAINTER.render(scene, [1.5]).labels[0]
    pixels = equirect_directions(WIDTH, HEIGHT)
    for thing in scene.objects:
        mine = labels == thing.id
        assert mine.any()
        apart = angle_between(pixels[mine], thing.direction_at(1.5))
        assert apart.max() <= thing.radius_rad + 1e-9
        # it reaches out to its radius somewhere
        assert apart.max() > thing.radius_rad - 3.5 * np.pi / HEIGHT


@pytest.mark.parametrize(
    ("azimuth", "elevation"), [(0, 0), (3.1, 0.2), (-np.pi, -0.4), (1.0, 1.5), (2.0, -np.pi / 2), (0.3, np.pi / 2)]
)
def test_a_disc_covers_exactly_its_cap(azimuth, elevation):
    # over the seam and over the poles: a card that touches the sphere, seen from its centre, is a cap
    scene = draw_scene(1, BARE)
    scene = placed(scene, azimuth, elevation, outline=outlines.disc(Draws(0, "d")), radius_rad=0.5)
    labels = PAINTER.render(scene, [0.0]).labels[0]
    apart = angle_between(equirect_directions(WIDTH, HEIGHT), direction(azimuth, elevation))
    np.testing.assert_array_equal(labels == 1, apart <= 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_turning_the_world_rolls_the_picture(seed):
    scene = placed(draw_scene(seed, BARE), 0.3, 0.4)
    plain = Background(
        Surroundings.MOSAIC,
        palette=((0.5, 0.5, 0.5),) * 3 + ((1.0, 1.0, 1.0),) * 2,
        fine_waves=((0.0, 0.0, 0.0, 0.0, 0.0),),
        numbers=(0.0,) * 8,
        cells=((0.1, 0.2, 0.3, 0.0), (0.6, 0.7, 0.3, 0.0)),
    )
    columns = 37
    turned = placed(scene, 0.3 + 2 * np.pi * columns / WIDTH, 0.4)
    one, other = (PAINTER.render(replace(s, background=plain), [0.0]) for s in (scene, turned))
    np.testing.assert_array_equal(np.roll(one.labels, -columns, axis=2), other.labels)
    shifted = np.roll(one.frames, -columns, axis=2)
    assert np.abs(shifted - other.frames)[other.labels > 0].max() < 1e-4


def test_look_alikes_look_alike():
    scene = draw_scene(3, BARE)
    twins = [
        replace(thing, trajectory=Still(0.5, 0.1), up=(0.0, 0.0, 1.0), roll_rad=0.0, id=1) for thing in scene.objects
    ]
    one, other = (PAINTER.render(replace(scene, things=(twin,)), [1.0]).frames for twin in twins)
    np.testing.assert_array_equal(one, other)


def test_later_things_lie_in_front():
    scene = draw_scene(2, BARE)
    things = tuple(replace(thing, trajectory=Still(0.0, 0.0), up=(0.0, 0.0, 1.0)) for thing in scene.objects)
    labels = PAINTER.render(replace(scene, things=things), [0.0]).labels
    assert labels[0, HEIGHT // 2, WIDTH // 2] == 2
    assert np.mean(labels == 2) > 5 * np.mean(labels == 1)


def test_clutter_has_no_label():
    scene = draw_scene(4, replace(BARE, clutter=(5, 5)))
    assert sum(thing.id == 0 for thing in scene.things) == 5
    with_clutter = PAINTER.render(scene, [0.0])
    without = PAINTER.render(replace(scene, things=scene.objects), [0.0])
    np.testing.assert_array_equal(with_clutter.labels, without.labels)
    assert np.abs(with_clutter.frames - without.frames).max() > 0.05


def test_objects_move_as_their_truth_says():
    thing = draw_scene(0, BARE).objects[0]
    start, heading = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    scene = draw_scene(0, BARE)
    moving = replace(
        thing, id=1, trajectory=Circling(start, heading, 0.4), up=(0.0, 0.0, 1.0), outline=outlines.disc(Draws(0))
    )
    labels = PAINTER.render(replace(scene, things=(moving,)), [0.0, 1.0, 2.0]).labels
    pixels = equirect_directions(WIDTH, HEIGHT)
    for label, expected in zip(labels, (0.0, 0.4, 0.8), strict=True):
        middle = pixels[label == 1].mean(axis=0)
        assert azimuth_elevation(middle)[0] == pytest.approx(expected, abs=0.02)


def test_grain_is_new_in_every_frame():
    scene = draw_scene(5, replace(BARE, grain=(0.02, 0.02)))
    frames = PAINTER.render(scene, [1.0, 1.001]).frames
    clear = (frames > 0.1).all(axis=0) & (frames < 0.9).all(axis=0)
    change = (frames[1] - frames[0])[clear]
    assert change.std() == pytest.approx(0.02 * np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("kind", [k for k in Surroundings if k is not Surroundings.PICTURE])
def test_surroundings_have_no_seam(kind):
    held_out = (HeldOut.BACKGROUNDS,) if kind in (Surroundings.CITY, Surroundings.MOSAIC) else ()
    seeds = (s for s in range(300) if draw_scene(s, replace(BARE, held_out=held_out)).background.kind is kind)
    painter = ScenePainter(256, 128)
    steps, seams = [], []
    for seed, _ in zip(seeds, range(4), strict=False):
        ground = painter.background(draw_scene(seed, replace(BARE, held_out=held_out))).reshape(128, 256, 3)
        assert np.isfinite(ground).all()
        assert ground.std() > 0.02
        change = np.abs(np.diff(ground, axis=1, append=ground[:, :1])).mean(axis=(0, 2))
        steps.append(np.quantile(change, 0.98))
        seams.append(change[-1])
    assert np.mean(seams) <= max(1.5 * np.mean(steps), 0.02)


@pytest.mark.parametrize("class_id", range(len(CLASSES)))
def test_outlines_and_surfaces_of_every_class(class_id):
    for seed in range(4):
        outline, surface = draw_surface(Draws(seed, "look"), class_id)
        bearing = np.linspace(0, 2 * np.pi, 400)
        radius, slope = outline.radius(np.cos(bearing), np.sin(bearing))
        assert radius.max() == pytest.approx(1.0, abs=1e-3)
        assert radius.min() > 0.1
        step = bearing[1]
        assert slope[1:-1] == pytest.approx((radius[2:] - radius[:-2]) / (2 * step), abs=0.05)
        place = np.linspace(-0.7, 0.7, 41, dtype=np.float32)
        u, v = (a.ravel() for a in np.meshgrid(place, place))
        spots = Spots(u, v, np.hypot(u, v), np.ones_like(u), np.full_like(u, 0.02))
        colours = surface_colours(surface, spots, light=(0.0, 0.5, 0.866))
        assert np.isfinite(colours).all()
        assert colours.std(axis=0).max() > 0.01
        # far away all patterns melt into one tone, without flicker
        far = Spots(u, v, np.hypot(u, v), np.ones_like(u), np.full_like(u, 3.0))
        flat = replace(surface, bulge=0.0, rim=0.0)
        assert surface_colours(flat, far, light=(0.0, 0.0, 1.0)).std(axis=0).max() < 0.12


def test_pictures_of_a_folder_serve_as_backgrounds(tmp_path):
    for k in range(5):
        Image.new("RGB", (40, 20), (40 * k, 100, 50)).save(tmp_path / f"{k}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    files = picture_files(tmp_path)
    assert len(files) == 5
    config = replace(BARE, pictures=files)
    shown = {draw_scene(seed, config).background.picture for seed in range(30)}
    assert shown == set(files[:4])
    assert {draw_scene(s, replace(config, held_out=(HeldOut.BACKGROUNDS,))).background.picture for s in range(5)} == {
        files[4]
    }
    scene = replace(draw_scene(1, config), things=())
    frame = PAINTER.render(scene, [0.0]).frames[0]
    expected = np.array([40 * int(scene.background.picture[-5]), 100, 50]) / 255 * scene.camera.gains
    assert np.abs(frame - np.minimum(expected, 1)).max() < 1e-5


def test_a_picture_is_turned_and_mirrored(tmp_path):
    pixels = (np.arange(WIDTH * HEIGHT * 3) % 251).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    scene = draw_scene(0, BARE)
    for turn, mirrored in ((0.25, False), (0.5, True)):
        ground = Background(Surroundings.PICTURE, (), picture=str(tmp_path / "a.png"), turn=turn, mirrored=mirrored)
        painted = PAINTER.background(replace(scene, background=ground)).reshape(HEIGHT, WIDTH, 3)
        expected = np.roll(pixels, round(turn * WIDTH), axis=1)
        np.testing.assert_array_equal(to_bytes(painted), expected[:, ::-1] if mirrored else expected)


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(MediaError, match="no pictures"):
        picture_files(tmp_path)
    with pytest.raises(MediaError, match="no folder"):
        picture_files(tmp_path / "nowhere")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    scene = draw_scene(0, replace(BARE, pictures=picture_files(tmp_path)))
    with pytest.raises(MediaError, match="cannot be read"):
        PAINTER.background(scene)
