"""The bounded readers of boxes and elements, and the spatial boxes byte by byte."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.errors import MediaError
from panosod_core.geometry.picture import Bounds, PictureProjection, StereoMode
from panosod_core.media.box_tree import parse_moov
from panosod_core.media.ebml import EbmlReader
from panosod_core.media.isobmff import MAX_BOXES, MAX_PAYLOAD, BoxReader
from panosod_core.media.isobmff_tracks import MAX_SAMPLES, read_isobmff
from panosod_core.media.matroska import read_matroska
from panosod_core.media.sa3d import channel_of_component, read_sa3d, sa3d_bytes
from panosod_core.media.spherical_v1 import read_v1
from panosod_core.media.spherical_v2 import box_bytes, read_st3d, read_sv3d, st3d_bytes, sv3d_bytes
from tests.core.media.clip_making import make_clip

V1_XML = """<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>
 <GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:StitchingSoftware>x</GSpherical:StitchingSoftware>
 <GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>{}</rdf:SphericalVideo>"""


def v1(more: str = "") -> bytes:
    return V1_XML.format(more).encode()


def field(name: str, value: object) -> str:
    return f"<GSpherical:{name}>{value}</GSpherical:{name}>"


def reader_of(data: bytes) -> BoxReader:
    return BoxReader(io.BytesIO(data), len(data))


# Bytes that look like boxes more often than chance would have it.
box_soup = st.lists(
    st.one_of(
        st.binary(max_size=24),
        st.builds(
            lambda size, kind, body: struct.pack(">I4s", size, kind) + body,
            st.integers(0, 64),
            st.sampled_from([b"moov", b"trak", b"mdia", b"hdlr", b"stsd", b"sv3d", b"proj", b"SA3D", b"moof", b"traf"]),
            st.binary(max_size=40),
        ),
    ),
    max_size=8,
).map(b"".join)


@given(box_soup)
def test_boxes_never_leave_their_parent(data):
    reader = reader_of(data)
    last = 0
    for box in reader.boxes(0, len(data)):
        assert last <= box.start < box.body <= box.end <= len(data)
        last = box.end
        for child in reader.children(box):
            assert box.body <= child.start < child.body <= child.end <= box.end


@given(box_soup)
def test_any_bytes_give_tags_or_one_error(data):
    try:
        tags = read_isobmff(reader_of(data))
    except MediaError as error:
        assert "\n" not in str(error)
    else:
        assert len(tags.problems) <= 16


@given(st.binary(max_size=200))
def test_any_bytes_give_ebml_tags(data):
    read_matroska(EbmlReader(io.BytesIO(b"\x18\x53\x80\x67\xff" + data), len(data) + 5))


def test_64_bit_size_open_end_and_terminator():
    long = struct.pack(">I4sQ", 1, b"abcd", 20) + b"1234"
    boxes = list(reader_of(long + box_bytes("wxyz", b"")).boxes(0, 28))
    assert [(b.kind, b.body - b.start, b.size) for b in boxes] == [("abcd", 16, 20), ("wxyz", 8, 8)]
    (last,) = reader_of(struct.pack(">I4s", 0, b"mdat") + bytes(50)).boxes(0, 58)
    assert last.open_ended and last.end == 58
    inner = box_bytes("free", b"") + bytes(4)
    outer = box_bytes("wave", inner) + box_bytes("next", b"")
    reader = reader_of(outer)
    assert [b.kind for b in reader.children(next(reader.boxes(0, len(outer))))] == ["free"]
    assert not reader.problems


def test_impossible_sizes_end_the_walk_with_a_note():
    for data in (struct.pack(">I4s", 7, b"bad "), struct.pack(">I4sQ", 1, b"bad ", 2**63) + bytes(8)):
        reader = reader_of(box_bytes("good", b"12") + data + box_bytes("more", b""))
        assert [b.kind for b in reader.boxes(0, reader.size)][:1] == ["good"]
        assert reader.problems


def test_payload_and_number_of_boxes_are_bounded():
    huge = box_bytes("huge", bytes(MAX_PAYLOAD + 100))
    reader = reader_of(huge)
    assert len(reader.payload(next(reader.boxes(0, len(huge))))) == MAX_PAYLOAD
    many = box_bytes("tiny", b"") * (MAX_BOXES + 10)
    reader = reader_of(many)
    assert sum(1 for _ in reader.boxes(0, len(many))) == MAX_BOXES
    assert "boxes" in reader.problems[0]


@pytest.mark.parametrize("flags", ["", "faststart", "frag_keyframe+empty_moov"])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_tree_writes_what_it_read(tmp_path, flags, suffix):
    path = make_clip(tmp_path / f"a.{suffix}", sound="aac", movflags=flags)
    data = path.read_bytes()
    reader = reader_of(data)
    box = next(b for b in reader.boxes(0, len(data)) if b.kind == "moov")
    tree = parse_moov(data[box.start : box.end])
    assert tree is not None and tree.to_bytes() == data[box.start : box.end]
    assert [t.track_kind for t in tree.all("trak")] == ["video", "audio"]


# --- V2 ---------------------------------------------------------------------------------------------------------


def test_sv3d_bytes_are_those_of_the_specification():
    data = sv3d_bytes(bounds=Bounds(left=0.25, right=0.25), pose_deg=(90.0, -45.5, 0.5), tool="t")
    proj = (
        b"\0\0\0\x18prhd" + bytes(4) + b"\0\x5a\0\0" + b"\xff\xd2\x80\0" + b"\0\0\x80\0"
        + b"\0\0\0\x1cequi" + bytes(4) + bytes(8) + b"\x40\0\0\0\x40\0\0\0"
    )  # fmt: skip
    inner = b"\0\0\0\x0esvhd" + bytes(4) + b"t\0" + struct.pack(">I", 8 + len(proj)) + b"proj" + proj
    assert data == struct.pack(">I", 8 + len(inner)) + b"sv3d" + inner
    assert st3d_bytes(StereoMode.TOP_BOTTOM) == b"\0\0\0\x0dst3d" + bytes(4) + b"\1"


def first_box(data: bytes):
    reader = reader_of(data)
    return reader, next(reader.boxes(0, len(data)))


angles = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
crops = st.tuples(st.floats(0, 0.49), st.floats(0, 0.49), st.floats(0, 0.49), st.floats(0, 0.49))


@given(angles, crops)
def test_sv3d_round_trip(pose_deg, crop):
    bounds = Bounds(*crop)
    tag = read_sv3d(*first_box(sv3d_bytes(bounds=bounds, pose_deg=pose_deg, tool="panosod")))
    assert tag is not None and tag.tool == "panosod" and not tag.problems
    assert tag.pose_deg == pytest.approx(pose_deg, abs=2**-17 + 1e-12)
    assert (tag.bounds.left, tag.bounds.top, tag.bounds.right, tag.bounds.bottom) == pytest.approx(crop, abs=2**-32)


@pytest.mark.parametrize(
    ("number", "mode", "swapped"),
    [(0, "mono", False), (1, "top-bottom", False), (2, "left-right", False), (4, "left-right", True)],
)
def test_st3d_numbers(number, mode, swapped):
    tag = read_st3d(*first_box(box_bytes("st3d", bytes(4) + bytes([number]))))
    assert (tag.mode, tag.eyes_swapped) == (StereoMode(mode), swapped)
    assert st3d_bytes(StereoMode(mode), eyes_swapped=swapped)[-1] == number


def test_stereo_that_no_box_can_say():
    assert read_st3d(*first_box(box_bytes("st3d", bytes(4) + b"\3"))).mode is None
    assert read_st3d(*first_box(box_bytes("st3d", bytes(3)))) is None
    with pytest.raises(ValueError, match="right eye on top"):
        st3d_bytes(StereoMode.TOP_BOTTOM, eyes_swapped=True)
    with pytest.raises(ValueError, match="pose"):
        sv3d_bytes(bounds=Bounds(), pose_deg=(0.0, 91.0, 0.0), tool="")


def test_cubemap_mesh_and_missing_parts():
    prhd = box_bytes("prhd", bytes(4) + struct.pack(">3i", 65536, 0, 0))
    cube = box_bytes("sv3d", box_bytes("proj", prhd + box_bytes("cbmp", bytes(4) + struct.pack(">II", 0, 2))))
    tag = read_sv3d(*first_box(cube))  # no svhd: older tools left it out
    assert tag.projection is PictureProjection.CUBEMAP and tag.pose_deg == (1.0, 0.0, 0.0)
    assert tag.detail == "layout 0, padding 2 px"
    mesh = box_bytes("sv3d", box_bytes("proj", prhd + box_bytes("mshp", bytes(8) + b"dfl8" + bytes(90))))
    assert read_sv3d(*first_box(mesh)).projection is PictureProjection.MESH
    assert "102 bytes" in read_sv3d(*first_box(mesh)).detail
    assert read_sv3d(*first_box(box_bytes("sv3d", box_bytes("proj", prhd)))) is None
    gone = box_bytes("equi", bytes(4) + struct.pack(">4I", 2**31, 2**31, 0, 0))
    tag = read_sv3d(*first_box(box_bytes("sv3d", box_bytes("proj", prhd + gone))))
    assert tag.bounds.is_full and "crops the whole picture" in tag.problems[0]


# --- SA3D -------------------------------------------------------------------------------------------------------


def test_sa3d_bytes_are_those_of_the_specification():
    data = sa3d_bytes(order=1)
    assert data == b"\0\0\0\x24SA3D" + b"\0\0" + b"\0\0\0\1" + b"\0\0" + b"\0\0\0\4" + struct.pack(">4I", 0, 1, 2, 3)
    assert len(sa3d_bytes(order=1, head_locked=True)) == 44
    assert sa3d_bytes(order=1, head_locked=True)[9] == 0x80


@pytest.mark.parametrize(
    ("stored", "channel_map"),
    [
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        ((0, 2, 3, 1), (0, 2, 3, 1)),  # the document's W X Y Z
        ((0, 3, 1, 2), (0, 2, 3, 1)),  # W X Y Z as FFmpeg writes it
        ((4, 5, 0, 1, 2, 3), (2, 3, 4, 5, 0, 1)),  # L R first
        ((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5)),
        ((0, 2, 3, 1, 4, 5), (0, 2, 3, 1, 4, 5)),
        ((3, 2, 1, 0), (3, 2, 1, 0)),
    ],
)
def test_channel_maps_of_the_documents(stored, channel_map):
    head_locked = len(stored) == 6
    body = struct.pack(">BBIBBI", 0, 0x80 * head_locked, 1, 0, 0, len(stored)) + struct.pack(
        f">{len(stored)}I", *stored
    )
    tag = read_sa3d(body)
    assert not tag.problem and tag.head_locked == head_locked
    assert channel_of_component(tag) == channel_map


@given(st.integers(0, 3), st.booleans(), st.randoms(use_true_random=False))
def test_sa3d_round_trip_over_channel_maps(order, head_locked, random):
    channels = (order + 1) ** 2 + 2 * head_locked
    channel_map = list(range(channels))
    random.shuffle(channel_map)
    if tuple(channel_map[:4]) == (0, 3, 1, 2):
        with pytest.raises(ValueError, match="W, Z, X, Y"):
            sa3d_bytes(order=order, head_locked=head_locked, channel_map=tuple(channel_map))
        return
    data = sa3d_bytes(order=order, head_locked=head_locked, channel_map=tuple(channel_map))
    tag = read_sa3d(data[8:])
    assert not tag.problem and (tag.order, tag.head_locked) == (order, head_locked)
    assert channel_of_component(tag) == tuple(channel_map)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_sa3d_that_says_what_is_wrong(body):
    tag = read_sa3d(body)
    if tag.problem:
        with pytest.raises(ValueError):
            channel_of_component(tag)
    else:
        assert len(set(channel_of_component(tag))) == len(channel_of_component(tag))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (bytes(5), "5 bytes"),
        (struct.pack(">BBIBBI", 1, 0, 1, 0, 0, 4) + struct.pack(">4I", 0, 1, 2, 3), "version 1"),
        (struct.pack(">BBIBBI", 0, 0, 1, 1, 1, 4) + struct.pack(">4I", 0, 1, 2, 3), "ordering 1"),
        (struct.pack(">BBIBBI", 0, 0, 1, 0, 0, 4) + struct.pack(">4I", 0, 1, 2, 2), "permutation"),
        (struct.pack(">BBIBBI", 0, 0, 2, 0, 0, 4) + struct.pack(">4I", 0, 1, 2, 3), "needs 9"),
        (struct.pack(">BBIBBI", 0, 0, 1, 0, 0, 0xFFFFFFFF) + struct.pack(">4I", 0, 1, 2, 3), "4 entries"),
        (struct.pack(">BBIBBI", 0, 0, 0xFFFFFFFF, 0, 0, 4) + struct.pack(">4I", 0, 1, 2, 3), "impossible"),
        (struct.pack(">BBIBBI", 0, 3, 1, 0, 0, 4) + struct.pack(">4I", 0, 1, 2, 3), "type 3"),
    ],
)
def test_unusable_sa3d(body, problem):
    assert problem in read_sa3d(body).problem


# --- V1 ---------------------------------------------------------------------------------------------------------


def test_v1_signs_and_stereo():
    more = field("StereoMode", "top-bottom") + field("InitialViewHeadingDegrees", 90)
    more += field("InitialViewPitchDegrees", 45) + field("InitialViewRollDegrees", 10)
    tag = read_v1(v1(more))
    assert tag.counts and tag.stereo is StereoMode.TOP_BOTTOM
    assert tag.initial_view_deg == (-90.0, 45.0, 10.0)  # its heading is positive to the right, ours to the left


def test_v1_crop():
    names = ["FullPanoWidthPixels", "FullPanoHeightPixels", "CroppedAreaImageWidthPixels"]
    names += ["CroppedAreaImageHeightPixels", "CroppedAreaLeftPixels", "CroppedAreaTopPixels"]

    def crop(*values):
        return read_v1(v1("".join(map(field, names, values))))

    assert crop(4000, 2000, 2000, 1000, 1000, 250).bounds == Bounds(left=0.25, top=0.125, right=0.25, bottom=0.375)
    outside = crop(1900, 960, 1920, 1080, 15, 60)  # the document's own sample
    assert outside.bounds is None and "full panorama" in outside.problems[0]
    assert crop("x", 1, 1, 1, 0, 0).bounds is None
    assert crop("nan", "nan", 1, 1, 0, 0).bounds is None
    assert crop("inf", "inf", "inf", "inf", 0, 0).bounds is None


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"\xff\xfe\x00",
        b"<a>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE lolz [<!ENTITY l "lol">'
        + b"".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">'.encode() for i in range(1, 10))
        + b"]><a>&l9;</a>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a>" * 5000,
        b"<a>" + b" " * (1 << 17) + b"</a>",
    ],
)
def test_broken_and_hostile_xml_does_not_count(xml):
    tag = read_v1(xml)
    assert not tag.counts and tag.problems


def test_v1_counts_only_when_stitched_and_equirectangular():
    assert not read_v1(v1().replace(b"Stitched>true", b"Stitched>false")).counts
    assert not read_v1(v1().replace(b">equirectangular<", b">cubemap<")).counts
    assert read_v1(v1() + b"\0").counts


# --- guards -----------------------------------------------------------------------------------------------------


def fake_movie(stsz: bytes, stts: bytes = b"", kind: bytes = b"vide") -> bytes:
    stbl = box_bytes("stts", stts) + box_bytes("stsz", stsz)
    mdia = box_bytes("hdlr", bytes(8) + kind + bytes(12)) + box_bytes("minf", box_bytes("stbl", stbl))
    return box_bytes("moov", box_bytes("trak", box_bytes("mdia", mdia)))


def test_impossible_sample_counts_are_refused():
    stsz = bytes(4) + struct.pack(">II", 1, MAX_SAMPLES + 1)
    with pytest.raises(MediaError, match="samples"):
        read_isobmff(reader_of(fake_movie(stsz)))
    trun = box_bytes("moof", box_bytes("traf", box_bytes("trun", bytes(4) + struct.pack(">I", 2**31))))
    with pytest.raises(MediaError, match="fragment"):
        read_isobmff(reader_of(trun))


@pytest.mark.parametrize(
    ("entries", "is_vfr"),
    [
        ([(100, 512)], False),
        ([(99, 512), (1, 40)], False),  # the last sample's duration is free
        ([(1, 1001), (1, 1002), (50, 1001)], False),  # rounding to the time scale
        ([(10, 512), (10, 1024), (10, 512)], True),
        ([], None),
    ],
)
def test_variable_rate_by_the_header(entries, is_vfr):
    stts = bytes(4) + struct.pack(">I", len(entries)) + b"".join(struct.pack(">II", *e) for e in entries)
    tags = read_isobmff(reader_of(fake_movie(bytes(4) + struct.pack(">II", 1, 10), stts)))
    assert tags.tracks[0].is_vfr is is_vfr
