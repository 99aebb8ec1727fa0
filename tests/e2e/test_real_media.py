"""Media that no one here made: every clip is found to be what it is, opens, seeks, and is drawn the right way round."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from panosod_core.geometry.picture import PictureProjection, StereoMode
from panosod_core.geometry.sphere import direction_to_uv, rotation
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import override_sound
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import ClipInfo, SoundFormat
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.offline.screenshot import ScreenshotOptions, run_screenshot
from tests.e2e.eigenmike import first_order, with_a_picture

RATE_HZ = 48_000

CLIPS = {
    "congo_gvr.mp4": ((1920, 1080), StereoMode.TOP_BOTTOM, SoundFormat.STEREO),
    "richoh_dash4.mp4": ((426, 214), StereoMode.MONO, None),
    "equi0.ts": ((2048, 1024), StereoMode.MONO, SoundFormat.STEREO),
    "equi1.ts": ((2048, 1024), StereoMode.MONO, SoundFormat.STEREO),
    "test_equi_512_egjs.mp4": ((512, 256), StereoMode.MONO, None),
}
RECORDINGS = ("jsamb_HOA3_rec1_01-08ch.ogg", "jsamb_HOA3_rec3_01-08ch.ogg")


SOUNDING = [*(name for name, (_, _, sound) in CLIPS.items() if sound is not None), *RECORDINGS]


@pytest.fixture(params=[*CLIPS, *RECORDINGS])
def clip(request: pytest.FixtureRequest, testdata: Path, tmp_path: Path) -> ClipInfo:
    """Each clip as probed; recordings with a picture beside them."""
    if request.param in CLIPS:
        return probe(testdata / "video" / request.param)
    return probe(with_a_picture(testdata / "foa" / request.param, tmp_path / "recording.mp4"))


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_found_to_be_what_it_is(name, testdata):
    info = probe(testdata / "video" / name)
    size, stereo, sound = CLIPS[name]
    assert info.video is not None
    assert (info.video.width, info.video.height) == size
    assert info.video.projection is PictureProjection.EQUIRECTANGULAR
    assert info.video.stereo is stereo
    assert (info.audio.format if info.audio else None) is sound


def test_pictures_are_the_same_wherever_one_comes_from(clip):
    with open_pictures(clip) as reader:
        in_order = []
        while len(in_order) < 60 and (frame := reader.read()) is not None:
            in_order.append((frame.time_s, fingerprint(frame)))
    assert in_order
    rng = np.random.default_rng(3)
    with open_pictures(clip) as reader:
        for index in rng.permutation(len(in_order))[:12].tolist():
            time_s, pixels = in_order[index]
            frame = reader.frame_at_time(time_s + 0.4 / 30)
            assert frame.time_s == pytest.approx(time_s, abs=1e-6)
            np.testing.assert_array_equal(fingerprint(frame), pixels)
            assert reader.frame_at(frame.index).pts == frame.pts


@pytest.mark.parametrize("clip", SOUNDING, indirect=True)
def test_sound_is_the_same_wherever_one_comes_from(clip):
    with open_sound(clip) as reader:
        whole = reader.read(5 * RATE_HZ)
    assert whole.shape[1] > 4.9 * RATE_HZ
    with open_sound(clip) as reader:
        for t_s in (4.0, 0.5, 2.25, 0.0):
            reader.seek(t_s)
            at = round(t_s * RATE_HZ)
            np.testing.assert_allclose(reader.read(9600), whole[:, at : at + 9600], atol=2e-4)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_keeps_its_channels_and_their_weights(name, testdata, tmp_path):
    clip = probe(with_a_picture(testdata / "foa" / name, tmp_path / "recording.mp4"))
    expected = first_order(testdata / "foa" / name)
    assert clip.audio is not None
    with AudioReader(clip.path, override_sound(clip.audio, "n3d"), out_rate_hz=44_100) as reader:
        samples = reader.read(expected.shape[1])
    assert samples.shape[1] == expected.shape[1]
    np.testing.assert_allclose(samples, expected, atol=1e-6)


def test_sound_in_matroska_is_found_to_within_the_ticks_of_its_clock(testdata, tmp_path):
    # Vorbis has blocks of two sizes, Matroska ticks of a millisecond: no packet tells its sample.
    clip = probe(with_a_picture(testdata / "foa" / RECORDINGS[0], tmp_path / "recording.mkv"))
    with open_sound(clip) as reader:
        whole = reader.read(5 * RATE_HZ)
        for t_s in (4.0, 0.5, 3.3, 1.0):
            reader.seek(t_s)
            piece = reader.read(9600)
            around = whole[0, round(t_s * RATE_HZ) - 480 :][: 9600 + 960]
            at = int(np.argmax(np.correlate(around, piece[0], "valid"))) - 480
            assert abs(at) <= RATE_HZ / 1000


def open_pictures(clip: ClipInfo) -> VideoReader:
    assert clip.video is not None
    return VideoReader(clip.path, clip.video, clock_origin_s=clip_origin_s(clip))


def open_sound(clip: ClipInfo) -> AudioReader:
    assert clip.audio is not None
    audio = override_sound(clip.audio, "n3d") if clip.audio.channels == 8 else clip.audio
    return AudioReader(clip.path, audio, clock_origin_s=clip_origin_s(clip))


def fingerprint(frame: VideoFrame) -> NDArray[np.uint8]:
    return frame.planes[0][: frame.height, : frame.width].copy()


# -- the orientation chart


def screenshot(
    clip: Path, out: Path, *, size: int = 128, fov_deg: float = 60.0, **angles: float
) -> NDArray[np.float64]:
    run_screenshot(ScreenshotOptions(clip, out, fov_deg=fov_deg, size=(size, size), supersample=True, **angles))
    return np.asarray(Image.open(out).convert("RGB"), np.float64)


def seen_in(picture: NDArray[np.uint8], yaw_deg: float, pitch_deg: float, *, size: int = 128, fov_deg: float = 60.0):
    """The same view, looked up pixel by pixel in the picture as another program has decoded it."""
    half = np.tan(np.radians(fov_deg / 2))
    left = (1 - 2 * (np.arange(size) + 0.5) / size) * half
    up, across = left[:, None], left[None, :]
    rays = np.stack(np.broadcast_arrays(1.0, across, up), axis=-1) @ rotation(*np.radians((yaw_deg, pitch_deg))).T
    u, v = direction_to_uv(rays)
    rows = np.clip((v * picture.shape[0]).astype(int), 0, picture.shape[0] - 1)
    return picture[rows, (u * picture.shape[1]).astype(int) % picture.shape[1]].astype(np.float64)


def likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = (x - x.mean() for x in (a, b))
    return float(np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2)))


FACES = {"FRONT": (0.0, 0.0), "LEFT": (90.0, 0.0), "BACK": (180.0, 0.0), "RIGHT": (-90.0, 0.0)}
FACES |= {"TOP": (0.0, 90.0), "BOTTOM": (0.0, -90.0)}


@pytest.mark.gl
@pytest.mark.parametrize("name", FACES)
def test_the_orientation_chart_is_seen_the_right_way_round(name, headless, testdata, tmp_path):
    chart = testdata / "video" / "test_equi_512_egjs.mp4"
    with av.open(str(chart)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    yaw, pitch = FACES[name]
    drawn = screenshot(chart, tmp_path / "shot.png", yaw_deg=yaw, pitch_deg=pitch)
    alike = {other: likeness(drawn, seen_in(picture, *FACES[other])) for other in FACES}
    assert max(alike, key=alike.__getitem__) == name, alike
    assert alike[name] > 0.95, alike
    assert likeness(drawn, seen_in(picture, yaw, pitch)[:, ::-1]) < alike[name] - 0.05
