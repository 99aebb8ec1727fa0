"""The sound comes from the pixel: picture and sound of one file, through everything that a person sees and hears by.

A clip with a dot and noise in 26 directions, one after the other, is probed, decoded and drawn for three poses of the
head; its sound is read and decoded for the same poses. The dot is looked for in the drawn pixels, the side of the sound
in the two ears. Neither knows where the clip's maker put them.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy import EnergyMap, peak_direction
from panosod_core.ambisonics.filters import default_filters
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import angle_between
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import picture_geometry
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import ClipInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.synth.timbre import fade, shaped_noise
from panosod_viewer.audio.engine import SoundLayout
from panosod_viewer.audio.offline import OfflineSound
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.scene import Pane, RenderScene
from tests.clips import RATE_HZ, dot_picture, write_clip

pytestmark = pytest.mark.gl

FPS = 10
FRAMES_EACH = 2
SEGMENT_S = FRAMES_EACH / FPS
SEGMENT = round(SEGMENT_S * RATE_HZ)
SIDE = 480
MEDIAN_DEG = 10.0
"""Nearer to the plane between the ears than this there is no side to speak of."""

DIRECTIONS = tuple(d for d in product((1, 0, -1), repeat=3) if any(d))
"""Of the faces, edges and corners of a cube: 26."""

POSES_DEG = ((0.0, 0.0, 0.0), (50.0, 25.0, 0.0), (-130.0, -20.0, 35.0))
"""Yaw, pitch, roll."""

LOOKS = ((100.0, ViewProjection.PERSPECTIVE), (290.0, ViewProjection.STEREOGRAPHIC))
"""Fields of view in degrees, in which the dot is looked for one after the other: the second shows nearly everything."""


def unit(cube: tuple[int, int, int]) -> NDArray[np.float64]:
    return np.array(cube) / np.linalg.norm(cube)


def view_of(pose_deg: tuple[float, float, float], fov_deg: float, projection: ViewProjection) -> View:
    yaw, pitch, roll, fov = np.radians((*pose_deg, fov_deg)).tolist()
    return View(yaw, pitch, roll, fov, projection)


@dataclass(frozen=True)
class Ears:
    """What two ears tell of a stretch of sound; positive on the left.

    Attributes:
        itd_s: by how much the left ear leads, below 1.5 kHz.
        ild_db: by how much it is louder, above 1.5 kHz.
    """

    itd_s: float
    ild_db: float


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipInfo:
    """The clip, as probed."""
    rng = np.random.default_rng(26)
    pictures, field = [], []
    for cube in DIRECTIONS:
        pictures += [dot_picture(unit(cube), width=320, height=160, radius_deg=5.0)] * FRAMES_EACH
        noise = 0.1 * shaped_noise(SEGMENT, RATE_HZ, rng, low_hz=150, high_hz=14_000) * fade(SEGMENT, 480)
        field.append(encode_plane_wave(noise, unit(cube)))
    path = tmp_path_factory.mktemp("pixel") / "dots.mp4"
    return probe(write_clip(path, pictures, np.concatenate(field, axis=1), fps=FPS))


@pytest.fixture(scope="module")
def dots(clip: ClipInfo, headless: None) -> dict[tuple[int, tuple[float, float, float]], "Dot | None"]:
    """Where the dot of each direction is drawn for each pose; None where no view shows it."""
    assert clip.video is not None
    geometry = picture_geometry(clip.video)
    found = {}
    with (
        VideoReader(clip.path, clip.video, clock_origin_s=clip_origin_s(clip)) as reader,
        HeadlessContext(SIDE, SIDE) as context,
    ):
        for index, _ in enumerate(DIRECTIONS):
            frame = reader.frame_at_time((index + 0.5) * SEGMENT_S)
            for pose in POSES_DEG:
                views = (view_of(pose, *look) for look in LOOKS)
                drawn = ((view, context.render(RenderScene(frame, geometry, (Pane(view=view),)))) for view in views)
                found[index, pose] = next(filter(None, (find_dot(pixels, view) for view, pixels in drawn)), None)
    return found


@dataclass(frozen=True)
class Dot:
    """The dot in a drawn picture.

    Attributes:
        x: of its middle, 0 at the left edge of the picture, 1 at the right one.
        direction: (3,) of its middle in the world.
        view: that shows it.
    """

    x: float
    direction: NDArray[np.float64]
    view: View


def find_dot(pixels: NDArray[np.uint8], view: View) -> Dot | None:
    """The white dot, None where it is not or not wholly in the picture."""
    bright = pixels.min(axis=2) > 160
    rows, columns = np.nonzero(bright)
    edge = bright[[0, -1]].any() or bright[:, [0, -1]].any()
    if len(rows) < 4 or edge:
        return None
    rays = viewport_to_directions(view, (columns + 0.5) / SIDE, (rows + 0.5) / SIDE, aspect=1.0)
    # Pixels of a stereographic view cover the less of the sphere the farther out they lie.
    forward = rays @ view.R_world_view[:, 0]
    weight = (1 + forward) ** 2 if view.projection is ViewProjection.STEREOGRAPHIC else forward**3
    middle = weight @ rays
    return Dot(float(columns.mean() + 0.5) / SIDE, middle / np.linalg.norm(middle), view)


class MirroredReader:
    """A reader of sound whose left and right are exchanged: wrong on purpose."""

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        self.channels = reader.channels

    def seek(self, t_s: float, /) -> None:
        self._reader.seek(t_s)

    def read(self, n: int, /) -> NDArray[np.float32]:
        return self._reader.read(n) * np.array([1, -1, 1, 1], np.float32)[:, None]

    def close(self) -> None:
        self._reader.close()


def ears_of(clip: ClipInfo, pose_deg: tuple[float, float, float], *, mirrored: bool = False) -> list[Ears]:
    """What the ears tell of each direction's stretch."""
    assert clip.audio is not None
    head = view_of(pose_deg, *LOOKS[0]).R_world_view
    total = SEGMENT * len(DIRECTIONS)
    with AudioReader(clip.path, clip.audio, clock_origin_s=clip_origin_s(clip)) as reader:
        sound = OfflineSound(
            MirroredReader(reader) if mirrored else reader,
            SoundLayout.of(clip.audio),
            default_filters(1),
            end_s=total / RATE_HZ,
        )
        heard = sound.render(total + sound.engine.latency, head)[:, sound.engine.latency :]
    # The flanks of a stretch hold what rings on of the one before.
    return [measure(heard[:, i * SEGMENT + 960 : (i + 1) * SEGMENT]) for i in range(len(DIRECTIONS))]


def measure(heard: NDArray[np.float32]) -> Ears:
    """Differences between the ears, by nothing but their spectra."""
    n = 1 << (2 * heard.shape[1]).bit_length()
    left, right = np.fft.rfft(heard.astype(np.float64), n)
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    fine = 8
    # The right ear against the left: its peak lies at the delay of the right one.
    correlation = np.fft.irfft(np.where(hz < 1500, right * left.conj(), 0), n * fine)
    lags = np.arange(-48 * fine, 48 * fine + 1)
    delay = lags[np.argmax(correlation[lags])] / (RATE_HZ * fine)
    power = [float(np.sum(np.abs(ear[hz > 1500]) ** 2)) for ear in (left, right)]
    return Ears(float(delay), 10 * np.log10(power[0] / power[1]))


@pytest.fixture(scope="module")
def heard(clip: ClipInfo) -> dict[tuple[float, float, float], list[Ears]]:
    """What the ears tell of each direction, for each pose."""
    return {pose: ears_of(clip, pose) for pose in POSES_DEG}


def lateral_deg(direction: NDArray[np.float64], pose_deg: tuple[float, float, float]) -> float:
    """How far to the left of the plane between the ears a direction lies, degrees."""
    left = view_of(pose_deg, *LOOKS[0]).R_world_view[:, 1]
    return float(np.degrees(np.arcsin(np.clip(direction @ left, -1, 1))))


@pytest.mark.parametrize("pose", POSES_DEG, ids=str)
@pytest.mark.parametrize("index", range(len(DIRECTIONS)), ids=lambda i: str(DIRECTIONS[i]))
def test_the_ears_agree_with_the_screen(index, pose, dots, heard):
    dot, ears = dots[index, pose], heard[pose][index]
    lateral = lateral_deg(unit(DIRECTIONS[index]) if dot is None else dot.direction, pose)
    if abs(lateral) < MEDIAN_DEG:
        assert abs(ears.itd_s) < 130e-6
        assert abs(ears.ild_db) < 3.0
        return
    on_the_left = lateral > 0 if dot is None else dot.x < 0.5
    assert on_the_left == (lateral > 0)
    side = 1 if on_the_left else -1
    assert side * ears.itd_s > 40e-6, ears
    assert side * ears.ild_db > 2.0, ears


def test_nearly_every_dot_is_seen_where_it_was_put(dots):
    seen = {key: dot for key, dot in dots.items() if dot is not None}
    away = [np.degrees(angle_between(dot.direction, unit(DIRECTIONS[index]))) for (index, _), dot in seen.items()]
    assert max(away) < 1.0
    # Only what lies nearly behind can be out of sight.
    hidden = [(unit(DIRECTIONS[i]), pose) for (i, pose), dot in dots.items() if dot is None]
    assert all(view_of(pose, *LOOKS[0]).R_world_view[:, 0] @ d < np.cos(np.radians(135)) for d, pose in hidden)
    assert len(seen) >= 72


def test_the_energy_map_peaks_at_the_dot(clip, dots):
    energy = EnergyMap(72, 36)
    apart = []
    with AudioReader(clip.path, clip.audio, clock_origin_s=clip_origin_s(clip)) as reader:
        for index, _ in enumerate(DIRECTIONS):
            reader.seek((index + 0.5) * SEGMENT_S)
            peak = peak_direction(energy.of_block(reader.read(round(RATE_HZ / 30))))
            drawn = [dot.direction for pose in POSES_DEG if (dot := dots[index, pose]) is not None]
            assert peak is not None
            assert drawn, "every direction is seen in one pose at least"
            apart += [float(np.degrees(angle_between(peak, direction))) for direction in drawn]
    assert max(apart) < 5.0


@pytest.mark.parametrize("pose", POSES_DEG, ids=str)
def test_sound_with_its_sides_exchanged_would_be_noticed(pose, clip):
    contradicted = 0
    for cube, ears in zip(DIRECTIONS, ears_of(clip, pose, mirrored=True), strict=True):
        # Exchanged in the world, not in the head: what lies beside the picture's front is what must be wrong.
        side = np.sign(lateral_deg(unit(cube), pose))
        contradicted += side * ears.itd_s < -30e-6 and side * ears.ild_db < -0.5
    assert contradicted >= 5
