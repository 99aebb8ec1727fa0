"""Metadata written into a clip comes back from the probe, and nothing else of the clip changes."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panosod_core.errors import MediaError
from panosod_core.geometry.picture import FRONT_HALF, Bounds, PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import SoundFormat
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.isobmff import BoxReader
from panosod_core.media.probe import probe
from tests.core.media.clip_making import make_clip, packets, remux

FULL = PictureProjection.EQUIRECTANGULAR
HALF = PictureProjection.EQUIRECTANGULAR_180


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def plain(clips) -> dict[int, Path]:
    """Clips with uncompressed sound of so many channels."""
    layouts = {
        4: "4.0",
        6: "5.1",
        9: "ambisonic 2",
        11: "ambisonic 2+stereo",
        16: "ambisonic 3",
        18: "ambisonic 3+stereo",
    }
    return {n: make_clip(clips / f"{n}.mov", sound="pcm_s16le", layout=name) for n, name in layouts.items()}


def exactly(value: float, step: float) -> st.SearchStrategy[float]:
    return st.integers(round(-value / step), round(value / step)).map(lambda i: i * step)


geometries = st.builds(
    PictureGeometry,
    projection=st.just(FULL),
    stereo=st.sampled_from(StereoMode),
    bounds=st.one_of(
        st.just(Bounds()),
        st.builds(lambda *i: Bounds(*(n / 2**32 for n in i)), *[st.integers(0, 2**31 - 1)] * 4),
    ),
    pose_deg=st.tuples(exactly(180, 2**-16), exactly(90, 2**-16), exactly(180, 2**-16)),
) | st.builds(PictureGeometry, projection=st.just(HALF), stereo=st.sampled_from(StereoMode), bounds=st.just(FRONT_HALF))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip_over_everything(data, plain, clips):
    geometry = data.draw(geometries)
    order, head_locked = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    channels = (order + 1) ** 2 + 2 * head_locked
    channel_map = tuple(data.draw(st.permutations(range(channels))))
    if channel_map[:4] == (0, 3, 1, 2):
        channel_map = tuple(range(channels))  # W Z X Y cannot be written, see test_boxes
    if geometry.stereo is StereoMode.LEFT_RIGHT and data.draw(st.booleans()):
        geometry = PictureGeometry(
            geometry.projection, geometry.stereo, eyes_swapped=True, bounds=geometry.bounds, pose_deg=geometry.pose_deg
        )
    dst = clips / "round.mov"
    sound = AmbisonicSound(order, head_locked, channel_map)
    write_spherical(plain[channels], dst, geometry=geometry, sound=sound)
    info = probe(dst)
    assert info.video is not None and info.audio is not None
    v, a = info.video, info.audio
    quarter = abs(v.bounds.left - 0.25) < 1e-3 and abs(v.bounds.right - 0.25) < 1e-3
    assert v.projection is geometry.projection or quarter
    assert (v.stereo, v.eyes_swapped) == (geometry.stereo, geometry.eyes_swapped)
    assert (v.bounds, v.pose_deg, v.source) == (geometry.bounds, geometry.pose_deg, "sv3d")
    assert (a.format, a.order, a.head_locked) == (SoundFormat.AMBIX, order, head_locked)
    assert (a.channel_map, a.source) == (channel_map, "SA3D")


@pytest.mark.parametrize(
    ("name", "flags", "sound"),
    [
        ("end.mp4", "", "aac"),
        ("start.mp4", "faststart", "aac"),
        ("opus.mp4", "faststart", "libopus"),
        ("flac.mp4", "faststart", "flac"),
        ("end.mov", "", "pcm_s24le"),
        ("start.mov", "faststart", "pcm_s16be"),
        ("float.mov", "faststart", "pcm_f32le"),
        ("lpcm.mov", "faststart", "pcm_f64le"),
        ("ipcm.mp4", "faststart", "pcm_s24le"),
        ("aac.mov", "faststart", "aac"),
        ("fragments.mp4", "frag_keyframe+empty_moov", "aac"),
        ("based.mp4", "frag_keyframe+empty_moov+default_base_moof", "aac"),
        ("first.mp4", "frag_keyframe", "aac"),
    ],
)
def test_media_are_untouched(tmp_path, name, flags, sound):
    options = {"mapping_family": "255", "strict": "-2"} if sound == "libopus" else {"strict": "-2"}
    src = make_clip(tmp_path / name, sound=sound, sound_options=options, movflags=flags, frames=4)
    dst = tmp_path / f"out-{name}"
    write_spherical(src, dst, geometry=PictureGeometry(pose_deg=(10.0, 20.0, 30.0)), sound=AmbisonicSound(1))
    assert packets(dst) == packets(src)
    info = probe(dst)
    assert info.video.source == "sv3d" and info.audio.source == "SA3D"
    with av.open(str(dst)) as container:  # every offset that FFmpeg seeks by is right
        container.seek(0, stream=container.streams.video[0])
        assert sum(1 for _ in container.decode(video=0)) == 4


def test_writing_twice_is_writing_once(tmp_path):
    src = make_clip(tmp_path / "a.mp4", sound="aac", movflags="faststart")
    geometry = PictureGeometry(stereo=StereoMode.TOP_BOTTOM, pose_deg=(1.0, 2.0, 3.0))
    write_spherical(src, tmp_path / "b.mp4", geometry=geometry, sound=AmbisonicSound(1))
    other = PictureGeometry(HALF, StereoMode.LEFT_RIGHT)
    write_spherical(tmp_path / "b.mp4", tmp_path / "c.mp4", geometry=other, sound=AmbisonicSound(1))
    write_spherical(tmp_path / "c.mp4", tmp_path / "c.mp4", geometry=geometry)
    assert (tmp_path / "c.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_what_ffmpeg_reads_of_it(tmp_path):
    """FFmpeg's side data: SPHERICAL is projection, yaw, pitch, roll (16.16), left, top, right, bottom (0.32)."""
    src = make_clip(tmp_path / "a.mp4", movflags="faststart")
    geometry = PictureGeometry(
        stereo=StereoMode.LEFT_RIGHT, pose_deg=(10.5, -20.25, 30.0), bounds=Bounds(0.125, 0.25, 0.0625, 0.03125)
    )
    write_spherical(src, tmp_path / "b.mp4", geometry=geometry)
    with av.open(str(tmp_path / "b.mp4")) as container:
        frame = next(container.decode(video=0))
        data = {side.type.name: bytes(side) for side in frame.side_data}
    numbers = struct.unpack("<4i4I", data["SPHERICAL"][:32])
    assert [n / 65536 for n in numbers[1:4]] == [10.5, -20.25, 30.0]
    assert [n / 2**32 for n in numbers[4:]] == [0.125, 0.25, 0.0625, 0.03125]
    assert struct.unpack("<i", data["STEREO3D"][:4])[0] == 1  # side by side


def test_ffmpeg_carries_it_into_matroska(tmp_path):
    """FFmpeg writes Projection and StereoMode from our boxes; our Matroska reader finds the same."""
    src = make_clip(tmp_path / "a.mp4", codec="libvpx-vp9", movflags="faststart")
    geometry = PictureGeometry(stereo=StereoMode.TOP_BOTTOM, pose_deg=(10.0, -20.0, 30.0))
    write_spherical(src, tmp_path / "b.mp4", geometry=geometry)
    video = probe(remux(tmp_path / "b.mp4", tmp_path / "b.mkv")).video
    assert (video.projection, video.stereo, video.source) == (FULL, StereoMode.TOP_BOTTOM, "Matroska Projection")
    assert video.pose_deg == pytest.approx((10.0, -20.0, 30.0), abs=1e-4)


def heard(path: Path) -> np.ndarray:
    info = probe(path).audio
    assert info is not None
    with AudioReader(path, info, out_rate_hz=info.sample_rate_hz) as reader:
        return reader.read(4000)


@pytest.mark.parametrize("channel_map", [(0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 2, 3)])
def test_the_map_is_applied_once(tmp_path, channel_map):
    """FFmpeg makes a custom layout of such a map, which must neither reorder the planes nor crash PyAV."""
    src = make_clip(tmp_path / "a.mov", sound="pcm_s16le")
    write_spherical(src, tmp_path / "b.mov", sound=AmbisonicSound(1, channel_map=channel_map))
    assert probe(tmp_path / "b.mov").audio.channel_map == channel_map
    assert np.array_equal(heard(tmp_path / "b.mov"), heard(src)[list(channel_map)])


def test_offsets_that_would_pass_4_gib_put_moov_at_the_end(tmp_path):
    src = make_clip(tmp_path / "a.mp4", movflags="faststart")
    data = bytearray(src.read_bytes())
    table = data.index(b"stco") + 12
    data[table : table + 4] = b"\xff\xff\xff\xf0"  # as in a file of 4 GiB; nothing lies there in this one
    src.write_bytes(data)
    write_spherical(src, tmp_path / "b.mp4", geometry=PictureGeometry())
    out = tmp_path / "b.mp4"
    with out.open("rb") as file:
        kinds = [box.kind for box in BoxReader(file, out.stat().st_size).boxes(0, out.stat().st_size)]
    assert kinds == ["ftyp", "free", "free", "mdat", "moov"]
    assert b"\xff\xff\xff\xf0" in out.read_bytes()
    assert probe(out).video.source == "sv3d"


def test_flat_removes_the_sphere(tmp_path):
    src = make_clip(tmp_path / "a.mp4", size=(96, 54))
    write_spherical(src, tmp_path / "b.mp4", geometry=PictureGeometry())
    write_spherical(tmp_path / "b.mp4", tmp_path / "c.mp4", geometry=PictureGeometry(PictureProjection.FLAT))
    assert probe(tmp_path / "b.mp4").video.projection is FULL
    assert probe(tmp_path / "c.mp4").video.projection is PictureProjection.FLAT


def test_a_failure_leaves_the_destination_as_it_was(tmp_path):
    src = make_clip(tmp_path / "a.mp4")
    dst = tmp_path / "b.mp4"
    dst.write_bytes(b"precious")
    for call in (
        lambda: write_spherical(src, dst, sound=AmbisonicSound(1)),  # no sound track
        lambda: write_spherical(make_clip(tmp_path / "a.mkv"), dst, geometry=PictureGeometry()),
        lambda: write_spherical(tmp_path / "none.mp4", dst, geometry=PictureGeometry()),
        lambda: write_spherical(src, tmp_path / "no" / "folder.mp4", geometry=PictureGeometry()),
    ):
        with pytest.raises(MediaError) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="cubemap"):
        write_spherical(src, dst, geometry=PictureGeometry(PictureProjection.CUBEMAP))
    assert dst.read_bytes() == b"precious"
    assert not list(tmp_path.glob(".*"))


def test_real_clips(testdata, tmp_path):
    """Round trip on clips that other programs wrote."""
    folder = testdata / "golden" / "spatialmedia"
    for name in ("data__testsrc_320x240_h264.mp4", "data__testsrc_320x240_vp9.mp4", "data__testsrc_32x24_prores.mov"):
        dst = tmp_path / name
        write_spherical(folder / name, dst, geometry=PictureGeometry(pose_deg=(5.0, 6.0, 7.0)))
        assert packets(dst) == packets(folder / name)
        assert probe(dst).video.pose_deg == (5.0, 6.0, 7.0)
    congo = testdata / "video" / "congo_gvr.mp4"
    write_spherical(congo, tmp_path / "congo.mp4", geometry=PictureGeometry(stereo=StereoMode.LEFT_RIGHT))
    assert packets(tmp_path / "congo.mp4") == packets(congo)
    assert probe(tmp_path / "congo.mp4").video.stereo is StereoMode.LEFT_RIGHT  # V2 wins over its V1
    ricoh = testdata / "video" / "richoh_dash4.mp4"
    write_spherical(ricoh, tmp_path / "ricoh.mp4", geometry=PictureGeometry(pose_deg=(1.0, 0.0, 0.0)))
    assert packets(tmp_path / "ricoh.mp4") == packets(ricoh)
