import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.picture import PictureProjection
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions
from panosod_core.media.info import SoundFormat
from panosod_core.media.probe import probe
from panosod_core.synth.demo import BuildProgress, DemoWorld, build_demo, default_demo_path, is_current, ready_demo
from panosod_core.synth.truth import load_truth, masks_path, truth_path, truth_text

WORLD = DemoWorld(width=240, height=120)


def brute_force_labels(world, index):
    """What is in front at every pixel's centre, straight from the definition."""
    labels = np.zeros((world.height, world.width), np.uint8)
    where = equirect_directions(world.width, world.height)
    for thing in world.objects:
        labels[angle_between(where, thing.direction_at(world.time_s(index))) <= thing.radius_rad] = thing.id
    return labels


@pytest.mark.parametrize("index", range(0, 600, 37))
def test_masks_are_exactly_the_visible_pixels(index):
    assert np.array_equal(WORLD.frame(index)[1], brute_force_labels(WORLD, index))


@pytest.mark.parametrize("index", [0, 150, 451])
def test_outside_the_masks_only_shadows_and_softened_edges_differ_from_the_backdrop(index):
    picture, labels = WORLD.frame(index)
    changed = np.abs(picture.astype(int) - WORLD.backdrop).max(axis=-1)
    for thing in WORLD.objects:
        inside = labels == thing.id
        assert np.mean(changed[inside] > 8) > 0.9
    darker = np.all(picture.astype(int) <= WORLD.backdrop.astype(int) + 1, axis=-1)
    where = equirect_directions(WORLD.width, WORLD.height)
    near = np.zeros(labels.shape, bool)
    for thing in WORLD.objects:
        reach = thing.radius_rad + WORLD.grid.pixel_rad
        near |= angle_between(where, thing.direction_at(WORLD.time_s(index))) <= reach
    assert np.all(darker | near)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("duration_s", [1.0, 5.0, 20.0])
def test_one_crosses_the_seam_and_one_goes_over_the_pole(seed, duration_s):
    world = DemoWorld(seed=seed, duration_s=duration_s, width=64, height=32)
    truth = world.truth()
    names = {thing.name: thing for thing in truth.objects}
    azimuth, _ = azimuth_elevation(truth.directions[names["seam crosser"].id])
    assert np.any(np.abs(np.diff(azimuth)) > np.pi)
    walker = names["pole walker"]
    _, elevation = azimuth_elevation(truth.directions[walker.id])
    assert np.degrees(elevation).max() > 90 - walker.radius_deg
    times = np.linspace(0, world.frame_count / world.fps, 5000)
    way = next(t for t in world.objects if t.name == "pole walker").trajectory.directions(times)
    assert np.degrees(np.arcsin(way[:, 2])).max() > 89


@pytest.mark.parametrize("seed", range(5))
def test_objects_and_plate_keep_clear_of_each_other(seed):
    world = DemoWorld(seed=seed, width=64, height=32)
    times = np.arange(0, 60, 0.1)
    plate = np.asarray(world.truth().sync.direction)
    ways = [(thing, thing.trajectory.directions(times)) for thing in world.objects]
    for i, (thing, way) in enumerate(ways):
        assert np.degrees(angle_between(way, plate).min() - thing.radius_rad) > 10
        for other, other_way in ways[:i]:
            assert angle_between(way, other_way).min() > thing.radius_rad + other.radius_rad


@pytest.mark.parametrize("seed", range(4))
def test_exactly_one_sounds_and_both_twins_have_their_turn(seed):
    world = DemoWorld(seed=seed, duration_s=2.0, width=64, height=32)
    truth = world.truth()
    heard = [truth.sounding(i) for i in range(truth.frame_count)]
    assert {len(ids) for ids in heard} == {0, 1}
    twins = {thing.id for thing in truth.objects if thing.look_alikes == "twins"}
    assert len(twins) == 2
    assert twins < {ids[0] for ids in heard if ids}


def test_the_twins_mirror_each_other_and_look_the_same():
    first, second = (thing for thing in WORLD.objects if thing.look_alikes == "twins")
    assert (first.look, first.timbre, first.radius_rad) == (second.look, second.timbre, second.radius_rad)
    times = np.arange(0, 20, 0.1)
    mirrored = first.trajectory.directions(times) * [1, -1, 1]
    assert np.allclose(mirrored, second.trajectory.directions(times), atol=1e-12)
    picture, labels = WORLD.frame(100)
    assert np.array_equal(labels == first.id, (labels == second.id)[:, ::-1])
    difference = np.abs(picture.astype(int) - picture[:, ::-1])[labels == first.id]
    assert np.percentile(difference, 90) <= 8


def test_every_object_has_a_look_alike_with_its_timbre():
    for thing in WORLD.objects:
        others = [t for t in WORLD.objects if t.look_alikes == thing.look_alikes and t.id != thing.id]
        assert others
        assert all((t.look, t.timbre, t.radius_rad) == (thing.look, thing.timbre, thing.radius_rad) for t in others)


def test_the_plate_flashes_for_one_frame_at_each_mark():
    truth = WORLD.truth()
    plate = direction(*azimuth_elevation(truth.sync.direction))
    disc = WORLD.grid.disc(plate, float(np.radians(truth.sync.radius_deg)) * 0.7)
    bright = []
    for mark in truth.sync.marks:
        for index in (mark.frame - 1, mark.frame, mark.frame + 1):
            picture, labels = WORLD.frame(index)
            pixels = picture.reshape(-1, 3)[disc.index[disc.inside]]
            bright.append((index == mark.frame, pixels.min() == 255, pixels.max() < 128))
            assert not labels.reshape(-1)[disc.index].any()
        assert mark.time_s == float(mark.frame / truth.fps)
        assert truth.sounding(mark.frame) == ()
    assert all(is_mark == white and is_mark != dark for is_mark, white, dark in bright)
    assert len(truth.sync.marks) == 8


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    same, other = DemoWorld(width=240, height=120), DemoWorld(seed=1, width=240, height=120)
    for index in (0, 81, 599):
        assert np.array_equal(WORLD.frame(index)[0], same.frame(index)[0])
        assert not np.array_equal(WORLD.frame(index)[0], other.frame(index)[0])
    short = DemoWorld(duration_s=1.0, width=64, height=32)
    assert np.array_equal(short.sound(), DemoWorld(duration_s=1.0, width=64, height=32).sound())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"width": 300, "height": 100}, "twice as wide"),
        ({"width": 322, "height": 161}, "multiple of 4"),
        ({"width": 32, "height": 16}, "from 64"),
        ({"width": 32768, "height": 16384}, "to 16384"),
        ({"fps": Fraction(0)}, "frame rate"),
        ({"fps": Fraction(1000)}, "frame rate"),
        ({"duration_s": 0.0}, "duration"),
        ({"duration_s": float("nan")}, "duration"),
        ({"duration_s": 1e9}, "duration"),
        ({"seed": -1}, "seed"),
    ],
)
def test_values_that_no_clip_can_have_are_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        DemoWorld(**({"width": 64, "height": 32} | values))


@pytest.mark.parametrize("index", [-1, 600])
def test_frames_that_are_not_there_are_refused(index):
    with pytest.raises(IndexError):
        WORLD.frame(index)


@pytest.mark.parametrize("duration_s", [0.01, 0.1, 0.5])
def test_the_shortest_clips_are_whole_too(duration_s):
    world = DemoWorld(duration_s=duration_s, width=64, height=32)
    truth = world.truth()
    assert world.sound().shape[1] == world.sample_count
    assert all(mark.frame < world.frame_count for mark in truth.sync.marks)
    assert world.frame(world.frame_count - 1)[0].shape == (32, 64, 3)


@pytest.fixture(scope="module", params=[".mp4", ".mov"])
def built(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / f"tiny{request.param}"
    seen = []
    build_demo(path, width=320, height=160, fps=25, duration_s=2.0, seed=4, progress=seen.append)
    return path, seen


def test_the_file_says_what_it_is(built):
    path, _ = built
    info = probe(path)
    assert (info.video.width, info.video.height, info.video.fps) == (320, 160, 25)
    assert (info.video.projection, info.video.source) == (PictureProjection.EQUIRECTANGULAR, "sv3d")
    assert (info.audio.format, info.audio.order, info.audio.source) == (SoundFormat.AMBIX, 1, "SA3D")
    assert info.audio.channel_map == (0, 1, 2, 3)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)


def test_what_is_decoded_is_the_world(built):
    path, _ = built
    world = DemoWorld(4, 2.0, Fraction(25), 320, 160)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == world.frame_count == 50
    for index in (0, 20, 49):
        error = pictures[index].astype(float) - world.frame(index)[0]
        assert 10 * np.log10(255**2 / np.mean(error**2)) > 32
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    heard = np.concatenate([block.reshape(-1, 4) for block in blocks]).T.astype(float)
    heard /= np.iinfo(blocks[0].dtype).max
    assert np.max(np.abs(heard - world.sound())) < 1e-4


def test_the_truth_beside_the_file_fits_its_sound_and_pictures(built):
    path, _ = built
    world = DemoWorld(4, 2.0, Fraction(25), 320, 160)
    truth = load_truth(path)
    for index in (0, 20, 49):
        assert np.array_equal(truth.mask(index), world.frame(index)[1])
    sound = world.sound()
    checked = 0
    for index in range(truth.header.frame_count - 1):
        if truth.sounding(index) and truth.sounding(index) == truth.sounding(index + 1):
            block = sound[:, index * 1920 : (index + 1) * 1920]
            arrival = direction_of_arrival(block)
            heard = direction(arrival.azimuth_rad, arrival.elevation_rad)
            (sounder,) = truth.sounding(index)
            between = truth.direction(sounder, index) + truth.direction(sounder, index + 1)
            assert np.degrees(angle_between(heard, between)) < 3
            checked += 1
    assert checked > 20


def test_progress_is_told_for_every_frame(built):
    assert built[1] == [BuildProgress(done, 50) for done in range(1, 51)]


def test_nothing_but_the_three_files_is_left(built):
    path, _ = built
    assert {p for p in path.parent.iterdir() if p.stem.startswith("tiny")} == {path, truth_path(path), masks_path(path)}
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".")]


def test_a_stopped_build_leaves_what_was_there(tmp_path):
    path = tmp_path / "demo.mp4"
    path.write_bytes(b"older")

    def stop(state):
        if state.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo(path, width=64, height=32, duration_s=1.0, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["demo.mp4"]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("name", ["demo.avi", "demo"])
def test_other_containers_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"\.mp4 or \.mov"):
        build_demo(tmp_path / name, width=64, height=32, duration_s=0.2)


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    for path in (tmp_path / "no" / "demo.mp4", tmp_path / "file" / "demo.mp4", tmp_path / "folder.mp4"):
        with pytest.raises(MediaError, match="cannot be written") as caught:
            build_demo(path, width=64, height=32, duration_s=0.2)
        assert str(path) in str(caught.value)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from panosod_core.errors import MediaError
from panosod_core.synth.demo import build_demo
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    build_demo(Path(sys.argv[1]), width=320, height=160, duration_s=2.0)
except MediaError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    path = tmp_path / "demo.mp4"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert str(path) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_default_place_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("panosod_core.synth.demo.user_cache_dir", lambda *_, **__: str(tmp_path / "a" / "cache"))
    assert default_demo_path() == tmp_path / "a" / "cache" / "demo.mp4"
    assert (tmp_path / "a" / "cache").is_dir()
    (tmp_path / "b").touch()
    monkeypatch.setattr("panosod_core.synth.demo.user_cache_dir", lambda *_, **__: str(tmp_path / "b" / "cache"))
    with pytest.raises(MediaError, match="cache folder"):
        default_demo_path()


def test_a_demo_is_built_again_only_where_it_is_not_the_same_world(tmp_path):
    path, world = tmp_path / "demo.mp4", DemoWorld(duration_s=0.2, width=64, height=32)
    assert not is_current(path, world)
    build_demo(path, width=64, height=32, duration_s=0.2)
    assert is_current(path, world)
    assert not is_current(path, DemoWorld(seed=1, duration_s=0.2, width=64, height=32))
    for file in (masks_path(path), path, truth_path(path)):
        content = file.read_bytes()
        file.unlink()
        assert not is_current(path, world)
        file.write_bytes(content)
    assert is_current(path, world)
    truth_path(path).write_bytes(b"\xff")
    assert not is_current(path, world)


def test_a_ready_demo_is_not_built_again(tmp_path, monkeypatch):
    monkeypatch.setattr("panosod_core.synth.demo.user_cache_dir", lambda *_, **__: str(tmp_path))
    path = tmp_path / "demo.mp4"
    path.write_bytes(b"clip")
    masks_path(path).write_bytes(b"masks")
    truth_path(path).write_text(truth_text(DemoWorld().truth(), clip=path), encoding="utf-8")
    assert ready_demo() == path
    assert path.read_bytes() == b"clip"

    def stop(_):
        raise KeyboardInterrupt

    masks_path(path).unlink()
    with pytest.raises(KeyboardInterrupt):
        ready_demo(progress=stop)
