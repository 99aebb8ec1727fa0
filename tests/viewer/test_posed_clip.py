"""A tilted camera: what the model sees is upright, the picture is not, and both lie over each other on the screen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import angle_between, azimuth_elevation, direction, equirect_directions
from panosod_core.inference.clip_feed import ClipFeed, plan_clip
from panosod_core.inference.map_record import map_record
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.video import never
from panosod_core.model.presets import preset
from panosod_core.synth.truth import truth_path
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.overlays import Overlays
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.resolving import resolve_scene
from panosod_viewer.workers.opening import ClipOpener
from panosod_viewer.workers.salient_truth import SalientTruth
from tests.clips import RATE_HZ, dot_picture, write_clip

pytestmark = pytest.mark.gl
SECONDS = 60_000
POSE = PictureGeometry(pose_deg=(70.0, 25.0, -15.0))
WORLD = direction(np.radians(50.0), np.radians(20.0))
"""Where the thing is in the world, whatever the camera's pose."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A white disc that sounds, filmed by a camera that was turned, pitched and rolled."""
    folder = tmp_path_factory.mktemp("posed")
    picture = dot_picture(POSE.R_world_picture.T @ WORLD, width=320, height=160, radius_deg=12.0)
    noise = 0.1 * np.random.default_rng(5).standard_normal(RATE_HZ)
    path = write_clip(folder / "posed.mp4", [picture] * 10, encode_plane_wave(noise, WORLD), fps=10)
    write_spherical(path, path, geometry=POSE, sound=AmbisonicSound(order=1))
    assert plan_clip(path).geometry.pose_deg == pytest.approx(POSE.pose_deg)
    return path


@pytest.fixture
def viewer(qtbot, gl_screen, clip: Path, tmp_path: Path) -> Iterator[Viewer]:
    arguments = Arguments(
        settings=tmp_path / "s.toml", device="none", model="none", play=False, size=(480, 270), layers=("saliency",)
    )
    made = Viewer(QApplication.instance(), arguments)
    opener = ClipOpener(clip, at_s=0.5)
    opener.start()
    made.start(opener)
    qtbot.addWidget(made.window)
    qtbot.waitUntil(lambda: made.player.frame is not None, timeout=SECONDS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bright(clip: Path) -> np.ndarray:
    """(H, W) uint8: the map of a network that finds what is white in what the predictor shows it."""
    with ClipFeed(clip, plan_clip(clip), preset("small")) as feed:
        picture = feed.pictures.picture(5, should_stop=never)
    return np.where(picture.min(axis=-1) > 128, np.uint8(255), np.uint8(0))


def test_what_the_model_is_shown_stands_upright_as_the_sound_does(bright: np.ndarray) -> None:
    height, width = bright.shape
    middle = equirect_directions(width, height)[bright > 0].mean(axis=0)
    assert np.degrees(angle_between(middle, WORLD)) < 1.5


@pytest.mark.parametrize("layout", ["view.look", "view.map"])
def test_the_mask_lies_on_the_object_on_the_screen(
    viewer: Viewer, bright: np.ndarray, headless: None, layout: str
) -> None:
    azimuth, elevation = (float(a) for a in azimuth_elevation(WORLD))
    viewer.window.action(layout).trigger()
    viewer.state.set_look(View(yaw_rad=azimuth, pitch_rad=elevation))
    location = equirect_directions(26, 13) @ WORLD
    viewer.overlays.set_maps(
        map_record(viewer.player.frame.index, pts=0, time_s=0.5, saliency=bright, location=location.astype(np.float32))
    )
    bare, covered = scene_picture(viewer, bare=True), scene_picture(viewer)
    is_tinted = np.abs(covered.astype(int) - bare).max(axis=-1) > 24
    is_object = bare.min(axis=-1) > 128
    assert is_object.sum() > 200
    # the map's pixels are two degrees wide: its edge and the disc's differ by one of them at most
    assert (is_tinted & is_object).sum() > 0.9 * is_object.sum()
    assert (is_tinted & is_object).sum() > 0.75 * is_tinted.sum()


def test_read_out_and_peak_name_directions_of_the_world(viewer: Viewer, bright: np.ndarray) -> None:
    location = equirect_directions(26, 13) @ WORLD
    viewer.overlays.set_maps(
        map_record(viewer.player.frame.index, pts=0, time_s=0.5, saliency=bright, location=location.astype(np.float32))
    )
    azimuth, elevation = (float(np.degrees(a)) for a in azimuth_elevation(WORLD))
    assert viewer.overlays.read_out(azimuth, elevation).saliency == pytest.approx(1.0)
    assert viewer.overlays.read_out(azimuth + 40, elevation).saliency == pytest.approx(0.0)
    mark = viewer.state.wish.pictures.location_mark
    assert np.degrees(angle_between(np.array(mark.direction), WORLD)) < 9  # a cell is 14 degrees wide


def test_truth_for_the_score_is_turned_upright(tmp_path: Path, clip: Path, bright: np.ndarray) -> None:
    picture = dot_picture(POSE.R_world_picture.T @ WORLD, width=416, height=208, radius_deg=12.0)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.where(picture[..., 0] > 128, 255, 0).astype(np.uint8)).save(tmp_path / "masks" / "00005.png")
    assert not truth_path(clip).exists()
    salient = SalientTruth(clip, folder=tmp_path / "masks", R_world_picture=POSE.R_world_picture)(5)
    both, either = (salient & (bright > 0)).sum(), (salient | (bright > 0)).sum()
    assert both > 0.85 * either


def scene_picture(viewer: Viewer, *, bare: bool = False) -> np.ndarray:
    """What the window's scene looks like, drawn without the window."""
    scene = resolve_scene(viewer.state.wish, aspect=1.6)
    with HeadlessContext(400, 250) as context:
        return context.render(replace(scene, overlays=Overlays()) if bare else scene)
