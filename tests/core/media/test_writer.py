"""What is written is read back: pictures, colours, sound, times; and nothing is left behind when it fails."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.errors import MediaError
from panosod_core.media.audio import AudioReader
from panosod_core.media.color import frame_transform
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import Matrix, Range
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.media.writer import ClipWriter, PictureCodec, PictureSettings, SoundCodec, SoundSettings
from tests.core.media.burnt_clips import number_in, numbered_picture
from tests.core.media.toned_clips import noise, tone_order, tones

W, H = 320, 160


@pytest.fixture(autouse=True)
def quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")


def planes_of(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    luma = numbered_picture(number)[:H]
    grey = np.full((H // 2, W // 2), 128, np.uint8)
    return luma, grey, grey


def to_rgb(frame: VideoFrame) -> np.ndarray:
    """(H, W, 3) R'G'B' 0..1 by our own transform, chroma repeated."""
    top = float(np.iinfo(frame.planes[0].dtype).max)
    y = frame.planes[0][:, : frame.width]
    u, v = (np.kron(p[:, : frame.width // 2], np.ones((2, 2))) for p in frame.planes[1:])
    transform = frame_transform(frame)
    return np.stack([y, u, v], axis=-1) / top @ transform.matrix.T + transform.offset


COMBINATIONS = [
    ("a.mp4", PictureCodec.H264, "yuv420p", SoundCodec.AAC, 4),
    ("b.mp4", PictureCodec.HEVC, "yuv420p10le", SoundCodec.OPUS, 4),
    ("c.mov", PictureCodec.H264, "yuv420p10le", SoundCodec.PCM, 6),
    ("d.webm", PictureCodec.VP9, "yuv420p", SoundCodec.OPUS, 16),
    ("e.mkv", PictureCodec.AV1, "yuv420p", SoundCodec.FLAC, 4),
    ("f.mp4", PictureCodec.AV1, "yuv420p10le", SoundCodec.FLAC, 4),
    ("g.ts", PictureCodec.H264, "yuv420p", SoundCodec.AAC, 2),
]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "sound", "channels"), COMBINATIONS, ids=[c[0] for c in COMBINATIONS]
)
def test_round_trip(
    tmp_path: Path, name: str, codec: PictureCodec, pix_fmt: str, sound: SoundCodec, channels: int
) -> None:
    path = tmp_path / name
    settings = PictureSettings(codec, pix_fmt, crf=16, gop_frames=8)
    field = tones(channels, 48000)
    with ClipWriter(
        path, width=W, height=H, fps=25, audio_channels=channels, picture=settings, sound=SoundSettings(sound)
    ) as writer:
        for i in range(25):
            writer.write_picture(planes_of(i))
            writer.write_sound(field[:, i * 1920 : (i + 1) * 1920])
        assert not path.exists()
        assert (writer.pictures_written, writer.samples_written) == (25, 48000)
    assert sorted(tmp_path.iterdir()) == [path]
    clip = probe(path)
    assert clip.video is not None
    assert clip.audio is not None
    assert (clip.video.codec, clip.video.pix_fmt) == ({"av1": "libdav1d"}.get(codec, codec), pix_fmt)
    assert (clip.video.matrix, clip.video.range, clip.video.fps) == (Matrix.BT709, Range.LIMITED, 25)
    with VideoReader(path, clip.video) as reader:
        numbers = []
        while (frame := reader.read()) is not None:
            numbers.append(number_in(frame))
    assert numbers == list(range(25))
    with AudioReader(path, clip.audio) as reader:
        assert tone_order(reader.read(40000)[:, 5000:]) == list(range(channels))


def test_rgb_becomes_limited_bt709(tmp_path: Path) -> None:
    """Bars of the corners of the colour cube and greys come back within 2 / 255."""
    colours = np.array(
        [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255],
         [128, 128, 128], [200, 100, 50], [30, 60, 90]], np.uint8,
    )  # fmt: skip
    picture = np.broadcast_to(np.repeat(colours, 32, axis=0), (H, W, 3))
    path = tmp_path / "c.mp4"
    with ClipWriter(path, width=W, height=H, fps=30, picture=PictureSettings(crf=1)) as writer:
        for _ in range(3):
            writer.write_picture(np.ascontiguousarray(picture))
    clip = probe(path)
    assert clip.video is not None
    with VideoReader(path, clip.video) as reader:
        frame = reader.frame_at(1)
    found = to_rgb(frame)[:, 16::32] * 255
    assert np.abs(found - colours).max() <= 2.0


def test_planes_are_written_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    planes = tuple(np.kron(rng.integers(16, 235, (h // 8, w // 8)), np.ones((8, 8))).astype(np.uint8)
                   for h, w in ((H, W), (H // 2, W // 2), (H // 2, W // 2)))  # fmt: skip
    path = tmp_path / "p.mkv"
    settings = PictureSettings(crf=None, options={"qp": "0"})
    with ClipWriter(path, width=W, height=H, fps=Fraction(30000, 1001), picture=settings) as writer:
        writer.write_picture(planes)
    clip = probe(path)
    assert clip.video is not None
    with VideoReader(path, clip.video) as reader:
        frame = reader.frame_at(0)
    for found, plane in zip(frame.planes, planes, strict=True):
        assert np.array_equal(found[:, : plane.shape[1]], plane)


def test_picture_and_sound_stay_together(tmp_path: Path) -> None:
    """A flash and a click at the same moment are found at the same moment."""
    path = tmp_path / "sync.mp4"
    field = np.zeros((4, 96000), np.float32)
    field[0, 48000:48048] = 0.8
    with ClipWriter(path, width=W, height=H, fps=30, audio_channels=4) as writer:
        for i in range(60):
            writer.write_picture(np.full((H, W, 3), 255 if i == 30 else 0, np.uint8))
        for i in range(10):
            writer.write_sound(field[:, i * 9600 : (i + 1) * 9600])
    clip = probe(path)
    assert clip.video is not None
    assert clip.audio is not None
    with VideoReader(path, clip.video) as reader:
        bright = [f.time_s for f in (reader.frame_at(i) for i in range(60)) if f.planes[0].mean() > 100]
    with AudioReader(path, clip.audio) as sound:
        click_s = int(np.abs(sound.read(96000)[0]).argmax()) / 48000
    assert bright == [pytest.approx(1.0)]
    assert click_s == pytest.approx(1.0, abs=0.002)


class TestAmbisonicSound:
    def test_aac_keeps_channels_apart(self, tmp_path: Path) -> None:
        """One channel at a time: not a trace of it in the others; and phases between the four survive."""
        for loud in range(4):
            field = np.zeros((4, 48000), np.float32)
            field[loud] = noise(1, 48000, seed=loud)[0]
            path = tmp_path / f"{loud}.mp4"
            with ClipWriter(path, audio_channels=4) as writer:
                writer.write_sound(field)
            audio = probe(path).audio
            assert audio is not None
            with AudioReader(path, audio) as reader:
                level = (reader.read(48000) ** 2).mean(axis=1)
            assert level[loud] > 0.01
            assert np.delete(level, loud).max() < 1e-9

    def test_direction_survives_the_default(self, tmp_path: Path) -> None:
        source = noise(1, 96000)[0]
        azimuth, elevation = np.radians(50), np.radians(20)
        gains = [1, np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)]
        path = tmp_path / "d.mp4"
        with ClipWriter(path, audio_channels=4) as writer:
            writer.write_sound((np.outer(gains, source) * 0.5).astype(np.float32))
        audio = probe(path).audio
        assert audio is not None
        with AudioReader(path, audio) as reader:
            w, y, z, x = reader.read(96000)
        assert np.degrees(np.arctan2((w * y).sum(), (w * x).sum())) == pytest.approx(50, abs=0.3)
        assert np.degrees(np.arcsin((w * z).sum() / (w * w).sum())) == pytest.approx(20, abs=0.5)

    @pytest.mark.parametrize(("codec", "channels"), [(SoundCodec.AAC, 9), (SoundCodec.OPUS, 5), (SoundCodec.FLAC, 16)])
    def test_impossible_channel_counts_are_said(self, tmp_path: Path, codec: SoundCodec, channels: int) -> None:
        with pytest.raises(MediaError, match=f"cannot carry {channels} channels"):
            ClipWriter(tmp_path / "x.mkv", audio_channels=channels, sound=SoundSettings(codec))
        assert not list(tmp_path.iterdir())


class TestFailure:
    def test_an_error_leaves_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        path.write_bytes(b"old")
        with pytest.raises(RuntimeError, match="mine"), ClipWriter(path, width=W, height=H) as writer:
            writer.write_picture(np.zeros((H, W, 3), np.uint8))
            raise RuntimeError("mine")
        assert path.read_bytes() == b"old"
        assert sorted(tmp_path.iterdir()) == [path]

    def test_nothing_written(self, tmp_path: Path) -> None:
        writer = ClipWriter(tmp_path / "a.mp4", width=W, height=H)
        with pytest.raises(MediaError, match="no picture and no sound"):
            writer.close()
        assert not list(tmp_path.iterdir())
        writer.close()

    @pytest.mark.parametrize(
        ("name", "size"), [("a.mp4", (321, 160)), ("a.mp4", (8, 8)), ("a.nothing", (W, H)), ("a.wav", (W, H))]
    )
    def test_what_does_not_go_together(self, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
        with pytest.raises(MediaError):
            ClipWriter(tmp_path / name, width=size[0], height=size[1])
        assert not list(tmp_path.iterdir())

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match="folder cannot be written"):
            ClipWriter(tmp_path / "none" / "a.mp4", width=W, height=H)

    def test_mistakes_of_the_programmer(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="picture size"):
            ClipWriter(tmp_path / "a.mp4")
        with ClipWriter(tmp_path / "a.mp4", width=W, height=H, audio_channels=4) as writer:
            with pytest.raises(ValueError, match="uint8"):
                writer.write_picture(np.zeros((H, W, 3), np.float32))  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="4:2:0"):
                writer.write_picture([np.zeros((H, W), np.uint8)] * 3)
            with pytest.raises(ValueError, match="samples"):
                writer.write_sound(np.zeros((2, 100), np.float32))
            with pytest.raises(ValueError, match="finite"):
                writer.write_sound(np.full((4, 100), np.nan, np.float32))
            writer.write_picture(np.zeros((H, W, 3), np.uint8))
