"""What the probe says about real clips, about clips made here, and about what is no clip."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from panosod_core.errors import MediaError
from panosod_core.geometry.picture import FRONT_HALF, PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.box_tree import BoxNode, parse_moov
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.container_tags import read_container_tags
from panosod_core.media.info import Matrix, Range, SoundFormat, Transfer
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.probe import probe
from panosod_core.media.spherical_v1 import UUID
from panosod_core.media.spherical_v2 import box_bytes
from tests.core.media.clip_making import make_clip, remux
from tests.core.media.test_boxes import field, v1

FULL = PictureProjection.EQUIRECTANGULAR
HALF = PictureProjection.EQUIRECTANGULAR_180
FLAT = PictureProjection.FLAT


def claims(info, source):
    return {c.key: (c.value, c.note) for c in info.claims if c.source == source}


# --- real clips -------------------------------------------------------------------------------------------------


def test_congo(testdata):
    info = probe(testdata / "video" / "congo_gvr.mp4")
    v, a = info.video, info.audio
    assert (v.codec, v.width, v.height, v.pix_fmt) == ("h264", 1920, 1080, "yuv420p")
    assert (v.projection, v.stereo, v.source) == (FULL, StereoMode.TOP_BOTTOM, "V1 uuid")
    assert (v.matrix, v.range, v.transfer) == (Matrix.BT709, Range.LIMITED, Transfer.SDR)
    assert float(v.fps) == pytest.approx(29.96, abs=0.01) and v.frame_count == 300
    assert (a.codec, a.format, a.channel_map, a.order) == ("aac", SoundFormat.STEREO, (0, 1), None)
    assert claims(info, "V1 uuid")["stereo"] == ("top-bottom", "")


@pytest.mark.parametrize(
    ("name", "size", "range_"),
    [
        ("richoh_dash4.mp4", (426, 214), Range.LIMITED),
        ("equi0.ts", (2048, 1024), Range.LIMITED),
        ("test_equi_512_egjs.mp4", (512, 256), Range.FULL),
    ],
)
def test_clips_without_metadata_by_their_shape(testdata, name, size, range_):
    v = probe(testdata / "video" / name).video
    assert (v.width, v.height, v.projection, v.stereo) == (*size, FULL, StereoMode.MONO)
    assert v.source == "2:1 picture" and v.bounds.is_full and v.range is range_


def test_clock_of_a_transport_stream(testdata):
    info = probe(testdata / "video" / "equi0.ts")
    assert clip_origin_s(info) == pytest.approx(131280 / 90000)  # the sound starts first
    assert clip_origin_s(info) == info.audio.start_s < float(info.video.start_pts * info.video.time_base)


def test_sound_alone(testdata):
    info = probe(testdata / "video" / "richoh_dash1.mp4")
    assert info.video is None and (info.audio.format, info.audio.channel_map) == (SoundFormat.MONO, (0,))
    eigenmike = probe(testdata / "foa" / "jsamb_HOA3_rec1_01-08ch.ogg").audio  # eight of sixteen channels
    assert (eigenmike.channels, eigenmike.format, eigenmike.order) == (8, SoundFormat.AMBIX, 1)
    assert eigenmike.channel_map == (0, 2, 1, 6)  # FFmpeg has sorted them as the speakers of 7.1
    assert eigenmike.source == "8 channels, file name (hoa3)" and "4 of 8" in eigenmike.warnings[0]
    room = probe(testdata / "foa" / "jsamb_room1_bf_rir.wav").audio
    assert (room.format, room.order, room.source) == (SoundFormat.AMBIX, 1, "4 channels")


def test_golden_matroska(testdata):
    folder = testdata / "golden" / "libwebm"
    info = probe(folder / "projection.webm")
    assert (info.video.projection, info.video.source) == (FLAT, "Matroska Projection")  # type 0: rectangular
    assert claims(info, "Matroska Projection")["pose_deg"][0] == "yaw 1, pitch 2, roll 3"
    assert probe(folder / "test_stereo_left_right.webm").video.stereo is StereoMode.LEFT_RIGHT
    overflow = folder / "projection_float_overflow.webm"
    tags = read_container_tags(overflow, overflow.stat().st_size)
    assert tags.tracks[0].projection.pose_deg == (0.0, 0.0, 0.0)
    assert any("no float" in p for p in tags.tracks[0].projection.problems)
    with pytest.raises(MediaError):
        probe(overflow)


# --- priorities -------------------------------------------------------------------------------------------------


def with_v1(src: Path, dst: Path, xml: bytes) -> Path:
    """Put a V1 box into the last track of a clip whose moov is at the end."""
    data = src.read_bytes()
    moov = data.index(b"moov") - 4
    trak = data.rindex(b"trak") - 4
    size = struct.unpack_from(">I", data, trak)[0]
    box = box_bytes("uuid", UUID + xml)
    out = bytearray(data[: trak + size] + box + data[trak + size :])
    for at in (moov, trak):
        struct.pack_into(">I", out, at, struct.unpack_from(">I", out, at)[0] + len(box))
    dst.write_bytes(out)
    return dst


def test_v1_is_read_and_v2_wins_over_it(tmp_path):
    src = make_clip(tmp_path / "flat.mp4", size=(96, 54))
    more = field("StereoMode", "top-bottom") + field("InitialViewHeadingDegrees", 90)
    one = with_v1(src, tmp_path / "one.mp4", v1(more))
    v = probe(one).video
    assert (v.projection, v.stereo, v.source) == (FULL, StereoMode.TOP_BOTTOM, "V1 uuid")
    assert v.initial_view_deg == (-90.0, 0.0, 0.0)
    with av.open(str(one)) as container:  # FFmpeg agrees that it is spherical and top-bottom
        sides = {s.type.name: bytes(s) for s in next(container.decode(video=0)).side_data}
    assert "SPHERICAL" in sides and struct.unpack("<i", sides["STEREO3D"][:4])[0] == 2
    two = tmp_path / "two.mp4"
    write_spherical(one, two, geometry=PictureGeometry(HALF, StereoMode.LEFT_RIGHT, pose_deg=(5.0, 0.0, 0.0)))
    info = probe(two)
    v = info.video
    assert (v.projection, v.stereo, v.source, v.bounds) == (HALF, StereoMode.LEFT_RIGHT, "sv3d", FRONT_HALF)
    assert v.pose_deg == (5.0, 0.0, 0.0) and v.initial_view_deg == (-90.0, 0.0, 0.0)
    assert claims(info, "V1 uuid")["stereo"] == ("top-bottom", "V2 wins over V1")


def test_v1_that_is_not_stitched_is_a_claim_only(tmp_path):
    src = make_clip(tmp_path / "flat.mp4", size=(96, 54))
    info = probe(with_v1(src, tmp_path / "a.mp4", v1().replace(b"Stitched>true", b"Stitched>false")))
    assert info.video.projection is FLAT
    assert "both must be true" in claims(info, "V1 uuid")["projection"][1]


def test_v1_in_a_matroska_tag(tmp_path):
    src = make_clip(tmp_path / "flat.mp4", size=(96, 54))
    with av.open(str(src)) as a, av.open(str(tmp_path / "a.mkv"), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        stream.metadata["SPHERICAL-VIDEO"] = v1(field("StereoMode", "left-right")).decode()
        for packet in a.demux():
            if packet.dts is not None:
                packet.stream = stream
                b.mux(packet)
    v = probe(tmp_path / "a.mkv").video
    assert (v.projection, v.stereo, v.source) == (FULL, StereoMode.LEFT_RIGHT, "V1 uuid")


def test_xml_bomb_in_a_clip(tmp_path):
    src = make_clip(tmp_path / "flat.mp4", size=(96, 54))
    entities = b"".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">'.encode() for i in range(1, 12))
    bomb = b'<!DOCTYPE lolz [<!ENTITY l0 "lol">' + entities + b"]><a>&l11;</a>"
    info = probe(with_v1(src, tmp_path / "a.mp4", bomb))
    assert info.video.projection is FLAT and any("unsafe XML" in c.note for c in info.claims)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_64_bit_sizes_and_quicktime_wave(tmp_path, name):
    """SA3D within `wave`, and a moov with a 64-bit size."""
    src = make_clip(tmp_path / name, sound="aac")
    write_spherical(src, tmp_path / f"b-{name}", sound=AmbisonicSound(1, channel_map=(3, 2, 1, 0)))
    data = (tmp_path / f"b-{name}").read_bytes()
    moov = data.index(b"moov") - 4
    size = struct.unpack_from(">I", data, moov)[0]
    long = data[:moov] + struct.pack(">I4sQ", 1, b"moov", size + 8) + data[moov + 8 :]
    (tmp_path / f"c-{name}").write_bytes(long)
    assert probe(tmp_path / f"c-{name}").audio.channel_map == (3, 2, 1, 0)


def test_sa3d_within_wave(tmp_path):
    src = make_clip(tmp_path / "a.mov", sound="pcm_s24le")
    write_spherical(src, tmp_path / "b.mov", sound=AmbisonicSound(1, channel_map=(3, 2, 1, 0)))
    data = bytearray((tmp_path / "b.mov").read_bytes())
    wave, sa3d = data.index(b"wave") - 4, data.index(b"SA3D") - 4
    between = bytes(data[wave + struct.unpack_from(">I", data, wave)[0] : sa3d])  # e.g. `chan`: now before `wave`
    box = bytes(data[sa3d : sa3d + 36])
    inner = bytes(data[wave + 8 : wave + struct.unpack_from(">I", data, wave)[0]])
    data[wave : sa3d + 36] = between + box_bytes("wave", inner[:-8] + box + inner[-8:])
    (tmp_path / "c.mov").write_bytes(data)
    assert b"wave" in data and data.index(b"wave") < data.index(b"SA3D")
    audio = probe(tmp_path / "c.mov").audio
    assert (audio.source, audio.channel_map) == ("SA3D", (3, 2, 1, 0))


# --- shape and name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "name", "projection", "stereo", "source"),
    [
        ((128, 64), "a", FULL, "mono", "2:1 picture"),
        ((200, 98), "a", FULL, "mono", "2:1 picture"),
        ((96, 96), "a", FULL, "top-bottom", "1:1 picture"),
        ((256, 64), "a", FULL, "left-right", "4:1 picture"),
        ((96, 54), "a", FLAT, "mono", "not marked as spherical"),
        ((64, 48), "movie_360p", FLAT, "mono", "not marked as spherical"),
        ((96, 54), "trip_360", FULL, "mono", "file name (360)"),
        ((96, 54), "trip_360_TB", FULL, "top-bottom", "file name (360)"),
        ((96, 54), "trip.360.sbs", FULL, "left-right", "file name (360)"),
        ((128, 64), "show_180x180_3dh_LR", HALF, "left-right", "file name (180x180)"),
        ((128, 64), "vr180 show", HALF, "left-right", "file name (vr180)"),
        ((64, 64), "vr180", HALF, "mono", "file name (vr180)"),
        ((64, 128), "vr180", HALF, "top-bottom", "file name (vr180)"),
        ((128, 64), "tb_sbs_lr", FULL, "mono", "2:1 picture"),
    ],
)
def test_shape_and_name(tmp_path, size, name, projection, stereo, source):
    v = probe(make_clip(tmp_path / f"{name}.mp4", size=size, frames=1)).video
    assert (v.projection, v.stereo, v.source) == (projection, StereoMode(stereo), source)
    assert v.bounds == (FRONT_HALF if projection is HALF else v.bounds)


def test_16_9_beside_ambisonic_sound_is_a_sphere(tmp_path):
    src = make_clip(tmp_path / "a.mp4", size=(96, 54), sound="aac")
    assert probe(src).video.projection is FLAT  # four channels alone prove nothing about the picture
    write_spherical(src, tmp_path / "b.mp4", sound=AmbisonicSound(1))
    v = probe(tmp_path / "b.mp4").video
    assert (v.projection, v.source) == (FULL, "16:9 picture with ambisonic sound")


def test_16_9_with_metadata_is_a_sphere(tmp_path):
    src = make_clip(tmp_path / "a.mp4", size=(96, 54))
    write_spherical(src, tmp_path / "b.mp4", geometry=PictureGeometry())
    assert probe(tmp_path / "b.mp4").video.projection is FULL


# --- colour and rate --------------------------------------------------------------------------------------------


def test_colour_of_the_header(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_trc, context.color_primaries, context.color_range = 9, 16, 9, 1
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 128, 3), np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p10le")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    info = probe(path)
    v = info.video
    assert (v.pix_fmt, v.matrix, v.transfer, v.range) == ("yuv420p10le", Matrix.BT2020, Transfer.PQ, Range.LIMITED)
    assert claims(info, "colr nclx")["colour"][0] == "primaries 9, transfer 16, matrix 9, full range False"
    mkv = probe(remux(path, tmp_path / "a.mkv"))
    assert claims(mkv, "Matroska Colour")["colour"][0] == "primaries 9, transfer 16, matrix 9, full range False"


def test_colour_that_only_the_container_knows(tmp_path):
    path = make_clip(tmp_path / "a.mp4")
    data = path.read_bytes()
    moov = data.index(b"moov") - 4
    tree = parse_moov(data[moov:])
    (entry,) = next(tree.all("trak", "mdia", "minf", "stbl", "stsd")).children
    entry.children.append(BoxNode("colr", b"nclx" + struct.pack(">3HB", 9, 18, 9, 0x80)))
    path.write_bytes(data[:moov] + tree.to_bytes())
    v = probe(path).video
    assert (v.matrix, v.transfer, v.range) == (Matrix.BT2020, Transfer.HLG, Range.FULL)


def test_variable_rate(tmp_path):
    src = make_clip(tmp_path / "a.mp4", frames=6)
    assert probe(src).video.is_vfr is False
    with av.open(str(src)) as a, av.open(str(tmp_path / "b.mp4"), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for i, packet in enumerate(p for p in a.demux() if p.dts is not None):
            late = packet.duration * (i * i)
            packet.pts, packet.dts, packet.stream = packet.pts + late, packet.dts + late, stream
            b.mux(packet)
    assert probe(tmp_path / "b.mp4").video.is_vfr is True
