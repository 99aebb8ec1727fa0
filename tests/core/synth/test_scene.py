import json
from itertools import pairwise

import numpy as np
import pytest

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import angle_between, azimuth_elevation
from panosod_core.synth.backgrounds import HELD_OUT_SURROUNDINGS, SEEN_SURROUNDINGS, picture_share
from panosod_core.synth.scene import draw_scene, is_at_pole, is_on_seam
from panosod_core.synth.scene_classes import CLASSES, HELD_OUT_CLASSES, SEEN_CLASSES
from panosod_core.synth.scene_config import HeldOut, Place, SceneConfig, config_from_json
from panosod_core.synth.scene_sources import Bus
from panosod_core.synth.voices import VOICES

SCENES = [draw_scene(seed) for seed in range(60)]
GOLDEN = [
    0.125309668715,
    0.005681044038,
    0.99210141249,
    0.582477299981,
    2.561829167213,
    0.649688814897,
    0.664369464504,
    -0.369482960951,
    0.582477299981,
    2.561829167213,
    1.07926010489,
    1.022110553616,
    1.020669938528,
    385.479886683748,
    -68.835247585261,
]
MANY = [draw_scene(seed, SceneConfig(clutter=(0, 0))) for seed in range(1000, 1400)]


def test_the_same_seed_gives_the_same_scene():
    assert draw_scene(11) == draw_scene(11)
    assert draw_scene(11) != draw_scene(12)


def test_golden_scene_that_no_machine_may_change():
    scene = draw_scene(7)
    assert [thing.class_name for thing in scene.objects] == ["star", "star"]
    facts = [
        *(float(v) for thing in scene.objects for v in (*thing.direction_at(1.5), thing.radius_rad, thing.distance_m)),
        *scene.camera.gains,
        *(source.voice.f0_hz for source in scene.sources),
        scene.mix.hiss_db,
    ]
    assert facts == pytest.approx(GOLDEN, abs=1e-9)


def test_streams_are_apart():
    # other sounds change neither what is seen nor where it is
    plain, noisy = draw_scene(3, SceneConfig(music=0, off_object=0)), draw_scene(3, SceneConfig(music=1, off_object=1))
    assert plain.things == noisy.things
    assert plain.background == noisy.background
    assert len(noisy.sources) > len(plain.sources)


@pytest.mark.parametrize("scene", SCENES[:30])
def test_what_every_scene_holds(scene):
    assert 2 <= len(scene.objects) <= 6
    assert [thing.id for thing in scene.objects] == list(range(1, len(scene.objects) + 1))
    twins = [thing for thing in scene.objects if thing.is_twin]
    assert len(twins) == 2
    for name in ("outline", "surface", "radius_rad", "distance_m", "spin_rad_s", "class_id"):
        assert getattr(twins[0], name) == getattr(twins[1], name)
    classes = [thing.class_id for thing in scene.objects if not thing.is_twin] + [twins[0].class_id]
    assert len(set(classes)) == len(classes)
    assert all(thing.id == 0 for thing in scene.things[: len(scene.things) - len(scene.objects)])
    assert all(np.radians(10) - 1e-9 <= thing.radius_rad <= np.radians(35) for thing in scene.objects)


@pytest.mark.parametrize("scene", SCENES)
def test_exactly_one_twin_sounds_at_any_time(scene):
    twins = {thing.id for thing in scene.objects if thing.is_twin}
    for time_s in np.linspace(0, 2.999, 7):
        assert len(twins & set(scene.sounding(time_s))) == 1
    heard = {source.object_id for source in scene.sources if source.bus is Bus.OBJECTS}
    assert heard == set(scene.sounding(1.5))


@pytest.mark.parametrize("scene", SCENES)
def test_nobody_hides_anybody(scene):
    times_s = np.linspace(0, 3, 25)
    ways = [(thing.trajectory.directions(times_s), thing.radius_rad) for thing in scene.objects]
    for k, (way, radius) in enumerate(ways):
        for other, other_radius in ways[k + 1 :]:
            assert np.all(angle_between(way, other) > 0.99 * (radius + other_radius))


def test_who_sounds_follows_from_nothing_but_direction():
    # what a picture or a loudness might give away: order, place, size; a fair coin lies within four deviations
    signs = []
    for scene in MANY:
        twins = [thing for thing in scene.objects if thing.is_twin]
        heard = set(scene.sounding(1.5))
        one, other = sorted(twins, key=lambda thing: thing.id not in heard)
        a, b = one.direction_at(1.5), other.direction_at(1.5)
        speed = [float(angle_between(*t.trajectory.directions([1.4, 1.6]))) for t in (one, other)]
        signs.append(
            [one.id - other.id, *(a - b), abs(a[2]) - abs(b[2]), speed[0] - speed[1], one.roll_rad - other.roll_rad]
        )
    for values in np.asarray(signs).T:
        decided = np.sign(values[values != 0])
        assert abs(decided.sum()) < 4 * np.sqrt(len(decided))


def test_twins_take_turns():
    config = SceneConfig(duration_s=8.0, turn_s=2.0, objects=(3, 3), twins=3, others_sound=0.0)
    for seed in range(10):
        scene = draw_scene(seed, config)
        order = [scene.sounding(t) for t in (1.0, 3.0, 5.0, 7.0)]
        assert all(len(heard) == 1 for heard in order)
        assert all(a != b for a, b in pairwise(order))


def test_without_twins_one_of_different_classes_sounds():
    scenes = [draw_scene(seed, SceneConfig(twins=0, objects=(3, 4), others_sound=0.0)) for seed in range(20)]
    assert all(len(scene.sounding(1.0)) == 1 for scene in scenes)
    assert all(not thing.is_twin for scene in scenes for thing in scene.objects)
    assert all(len({thing.class_id for thing in scene.objects}) == len(scene.objects) for scene in scenes)
    # any object may be the one
    assert {scene.sounding(1.0)[0] for scene in scenes} >= {1, 2, 3}


def test_silent_scenes_have_an_empty_truth():
    scene = draw_scene(0, SceneConfig(silent=1.0))
    assert scene.sounding(1.0) == ()
    assert all(source.bus is not Bus.OBJECTS for source in scene.sources)


def test_what_is_held_out_is_met_nowhere_else():
    assert len(CLASSES) == len(VOICES) == len(SEEN_CLASSES) + len(HELD_OUT_CLASSES)
    held_out = [draw_scene(seed, SceneConfig(held_out=tuple(HeldOut))) for seed in range(20)]
    for scenes, classes, kinds in (
        (SCENES, SEEN_CLASSES, SEEN_SURROUNDINGS),
        (held_out, HELD_OUT_CLASSES, HELD_OUT_SURROUNDINGS),
    ):
        assert {source.timbre for scene in scenes for source in scene.sources if source.timbre >= 0} <= set(classes)
        assert {scene.background.kind for scene in scenes} == set(kinds)
        twins = {thing.class_id for scene in scenes for thing in scene.objects if thing.is_twin}
        assert twins <= set(classes)
        clutter = {thing.class_id for scene in scenes for thing in scene.things if thing.id == 0}
        assert clutter <= set(classes)


@pytest.mark.parametrize("part", list(HeldOut))
def test_one_part_can_be_held_out_alone(part):
    scenes = [draw_scene(seed, SceneConfig(held_out=(part,))) for seed in range(12)]
    looks = {thing.class_id for scene in scenes for thing in scene.objects if thing.is_twin}
    sounds = {source.timbre for scene in scenes for source in scene.sources if source.timbre >= 0}
    kinds = {scene.background.kind for scene in scenes}
    assert looks <= set(HELD_OUT_CLASSES if part is HeldOut.TEXTURES else SEEN_CLASSES)
    assert sounds <= set(HELD_OUT_CLASSES if part is HeldOut.TIMBRES else SEEN_CLASSES)
    assert kinds <= set(HELD_OUT_SURROUNDINGS if part is HeldOut.BACKGROUNDS else SEEN_SURROUNDINGS)
    blue = [scene.camera.gains[2] for scene in scenes]
    assert max(blue) < 0.5 if part is HeldOut.LIGHT else min(blue) > 0.65


def test_dusk_changes_the_light_and_nothing_else():
    day, dusk = (draw_scene(3, SceneConfig(held_out=held_out)) for held_out in ((), (HeldOut.LIGHT,)))
    assert all(a < 0.65 * b for a, b in zip(dusk.camera.gains, day.camera.gains, strict=True))
    assert dusk.camera.light == day.camera.light and dusk.camera.grain == day.camera.grain
    # looks hold arrays: their words say whether they are the same
    assert repr((dusk.things, dusk.background)) == repr((day.things, day.background))
    assert dusk.sources == day.sources


def test_bound_timbres_tell_the_class_and_loose_ones_do_not():
    for scene in SCENES:
        assert all(scene.timbre_class(k) in (-1, scene.objects[k - 1].class_id) for k in range(1, 3))
    loose = [draw_scene(seed, SceneConfig(bound_timbres=False)) for seed in range(12)]
    pairs = [(thing.class_id, scene.timbre_class(thing.id)) for scene in loose for thing in scene.objects]
    assert any(timbre not in (-1, look) for look, timbre in pairs)


@pytest.mark.parametrize("place", list(Place))
def test_twins_stand_where_they_should(place):
    config = SceneConfig(place=place, moving=0.0, objects=(3, 3), radius_deg=(10, 20))
    azimuth, elevation = azimuth_elevation(
        np.stack([t.direction_at(0.0) for seed in range(40) for t in draw_scene(seed, config).objects if t.is_twin])
    )
    if place is Place.POLES:
        assert np.abs(elevation).min() > np.radians(50)
        assert {True, False} == set((elevation > 0).tolist())
    elif place is Place.SEAM:
        assert np.abs(azimuth).min() > np.radians(165)
    else:
        assert np.abs(np.sin(elevation)).mean() == pytest.approx(0.5, abs=0.12)


def test_poles_and_seam_are_recognised():
    assert is_at_pole(np.array([[0, 0, 1.0], [0, 0, -1.0], [1.0, 0, 0]])).tolist() == [True, True, False]
    behind, front = np.array([-1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])
    assert bool(is_on_seam(behind, 0.1))
    assert not bool(is_on_seam(front, 0.1))
    assert not bool(is_on_seam(np.array([-np.cos(0.3), np.sin(0.3), 0.0]), 0.2))
    assert bool(is_on_seam(np.array([-np.cos(0.3), np.sin(0.3), 0.0]), 0.4))


def test_in_rooms_sources_stay_inside_the_walls():
    for seed in range(20):
        scene = draw_scene(seed, SceneConfig(room=1.0))
        for thing in scene.objects:
            walls = scene.room.wall_distance(thing.trajectory.directions(np.linspace(0, 3, 31)))
            assert np.all(thing.distance_m < walls)


def test_pictures_are_divided_into_seen_and_held_out():
    files = tuple(f"{k:02d}.png" for k in range(10))
    assert picture_share(files, held_out=False) == files[:8]
    assert picture_share(files, held_out=True) == files[8:]
    assert picture_share(files[:1], held_out=True) == files[:1]


def test_configs_survive_json():
    config = SceneConfig(held_out=(HeldOut.TIMBRES,), place=Place.SEAM, turn_s=1.0, pictures=("a.png",))
    assert config_from_json(json.loads(json.dumps(config.to_json()))) == config
    with pytest.raises(ConfigError, match="unknown fields"):
        config_from_json({"colour": 3})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"objects": (0, 3)}, "1 to 8"),
        ({"objects": (3, 2)}, "fewest first"),
        ({"objects": (3, 9)}, "1 to 8"),
        ({"twins": 1}, "no twins"),
        ({"twins": 3}, "no twins"),
        ({"duration_s": 0.0}, "lasts"),
        ({"turn_s": 0.1}, "at least 0.5"),
        ({"twins": 0, "turn_s": 1.0}, "twins"),
        ({"radius_deg": (30.0, 10.0)}, "radius_deg"),
        ({"radius_deg": (10.0, 80.0)}, "radius_deg"),
        ({"room": 1.5}, "room"),
        ({"grain": (0.0, float("nan"))}, "grain"),
    ],
)
def test_what_no_scene_can_hold_is_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        SceneConfig(**values)


def test_objects_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="do not fit"):
        draw_scene(0, SceneConfig(objects=(8, 8), radius_deg=(44.0, 45.0)))


def test_crowds_shrink_until_they_fit():
    scene = draw_scene(0, SceneConfig(objects=(8, 8), twins=4, radius_deg=(10.0, 45.0)))
    assert len(scene.objects) == 8
    assert len({thing.radius_rad for thing in scene.objects if thing.is_twin}) == 1
