"""What the probe takes the channels of a clip's sound for, and why."""

import shutil
import struct

import av
import numpy as np
import pytest

from panosod_core.media import clip_file
from panosod_core.media.container import open_container
from panosod_core.media.info import SoundFormat
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.probe import probe
from tests.core.media.clip_making import make_clip


def claims(info, source):
    return {c.key: (c.value, c.note) for c in info.claims if c.source == source}


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ogg", "webm"])
@pytest.mark.parametrize(
    ("layout", "order", "plus"), [("ambisonic 1", 1, 0), ("ambisonic 1+stereo", 1, 2), ("ambisonic 3", 3, 0)]
)
def test_opus_family_2(tmp_path, suffix, layout, order, plus):
    path = tmp_path / f"a.{suffix}"
    make_clip(path, size=None, sound="libopus", layout=layout, sound_options={"mapping_family": "2"})
    audio = probe(path).audio
    assert (audio.format, audio.order, audio.head_locked) == (SoundFormat.AMBIX, order, plus == 2)
    assert audio.channel_map == tuple(range((order + 1) ** 2 + plus)) and audio.source == "Opus header"


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_opus_family_3_is_recognised(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    make_clip(path, size=None, sound="libopus", layout="ambisonic 1", sound_options={"mapping_family": "2"})
    data = bytearray(path.read_bytes())
    at = data.index(b"dOps") + 14 if suffix == "mp4" else data.index(b"OpusHead") + 18
    assert data[at] == 2
    data[at] = 3
    path.write_bytes(data)
    audio = probe(path).audio
    assert (audio.channels, audio.order, audio.source) == (4, 1, "Opus header")
    assert "family 3" in audio.warnings[0]


@pytest.mark.parametrize(
    ("layout", "form", "order", "head_locked", "source"),
    [
        ("mono", "mono", None, False, "1 channel"),
        ("stereo", "stereo", None, False, "2 channels"),
        ("4.0", "ambix", 1, False, "4 channels"),
        ("quad", "ambix", 1, False, "4 channels"),
        ("5.1", "ambix", 1, True, "6 channels"),
        ("ambisonic 2", "ambix", 2, False, "9 channels"),
        ("ambisonic 2+stereo", "ambix", 2, True, "11 channels"),
        ("ambisonic 3", "ambix", 3, False, "16 channels"),
        ("ambisonic 3+stereo", "ambix", 3, True, "18 channels"),
        ("3.0", "stereo", None, False, "fallback, 3.0"),
        ("7.1", "stereo", None, False, "fallback, 7.1"),
    ],
)
def test_channel_count(tmp_path, layout, form, order, head_locked, source):
    audio = probe(make_clip(tmp_path / "a.wav", size=None, sound="pcm_s16le", layout=layout)).audio
    assert (audio.format, audio.order, audio.head_locked) == (SoundFormat(form), order, head_locked)
    assert audio.source == source
    expected = (order + 1) ** 2 + 2 * head_locked if order else {"mono": 1}.get(form, 2)
    assert audio.channel_map == tuple(range(expected))
    assert bool(audio.warnings) == (source.startswith("fallback") or layout == "5.1")


@pytest.mark.parametrize(("name", "form"), [("room_N3D.wav", "n3d"), ("room-fuma.wav", "fuma"), ("room.amb", "fuma")])
def test_conventions_by_name(tmp_path, name, form):
    make_clip(tmp_path / "a.wav", size=None, sound="pcm_s16le", layout="quad")
    shutil.copy(tmp_path / "a.wav", tmp_path / name)
    audio = probe(tmp_path / name).audio
    assert audio.format is SoundFormat(form) and audio.channel_map == (0, 1, 2, 3)


@pytest.mark.parametrize("tag", [1, 3])
def test_b_format_sub_type(tmp_path, tag):
    """WAVE_FORMAT_EXTENSIBLE with Dobson's B-format GUID; FFmpeg reads the samples."""
    guid = struct.pack("<I", tag) + bytes.fromhex("2107d3118644c8c1ca000000")
    size = 2 if tag == 1 else 4
    head = struct.pack("<HHIIHHHHI", 0xFFFE, 4, 48000, 48000 * 4 * size, 4 * size, 8 * size, 22, 8 * size, 0) + guid
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", 64 * size) + bytes(64 * size)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    audio = probe(tmp_path / "a.wav").audio
    assert (audio.format, audio.order, audio.source) == (SoundFormat.FUMA, 1, "WAVE B-format")


def test_a_name_makes_an_odd_count_ambisonic(tmp_path):
    src = make_clip(tmp_path / "a.wav", size=None, sound="pcm_s16le", layout="7.1")
    assert probe(src).audio.format is SoundFormat.STEREO
    audio = probe(src.rename(tmp_path / "room_ambix.wav")).audio
    assert (audio.format, audio.order, audio.channel_map) == (SoundFormat.AMBIX, 1, (0, 1, 2, 3))
    assert audio.source == "8 channels, file name (ambix)"
    film = make_clip(tmp_path / "foa.mp4", size=(96, 54), sound="aac", layout="5.1")
    assert probe(film).audio.head_locked


def test_4_plus_2_in_aac_warns(tmp_path):
    src = make_clip(tmp_path / "a.mp4", sound="aac", layout="5.1")
    write_spherical(src, tmp_path / "b.mp4", sound=AmbisonicSound(1, head_locked=True))
    audio = probe(tmp_path / "b.mp4").audio
    assert (audio.order, audio.head_locked, audio.source) == (1, True, "SA3D")
    assert "low-passed" in audio.warnings[0]


def test_5_1_beside_a_flat_picture_is_surround(tmp_path):
    audio = probe(make_clip(tmp_path / "a.mp4", size=(96, 54), sound="aac", layout="5.1")).audio
    assert (audio.format, audio.source) == (SoundFormat.STEREO, "fallback, 5.1")
    audio = probe(make_clip(tmp_path / "b.mkv", sound="ac3", layout="5.1")).audio
    assert audio.format is SoundFormat.STEREO


def test_sa3d_for_another_number_of_channels_is_not_followed(tmp_path):
    src = make_clip(tmp_path / "a.mp4", sound="aac", layout="stereo")
    write_spherical(src, tmp_path / "b.mp4", sound=AmbisonicSound(1))
    info = probe(tmp_path / "b.mp4")
    assert info.audio.format is SoundFormat.STEREO
    assert claims(info, "SA3D")["format"][1] == "it speaks of 4 channels, the track has 2"


def test_the_ambisonic_track_is_chosen(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        for layout in ("stereo", "4.0"):
            out.add_stream("pcm_s16le", rate=48000, layout=layout)
        for stream in out.streams.audio:
            n = stream.layout.nb_channels
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 480 * n), np.int16), format="s16", layout=stream.layout)
            frame.sample_rate, frame.pts = 48000, 0
            out.mux(stream.encode(frame))
    audio = probe(path).audio
    assert (audio.stream_index, audio.channels) == (1, 4)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8", "adpcm_ima_wav", "pcm_mulaw"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "quad", "hexadecagonal"])
def test_a_short_look_at_a_wave_file_sees_what_a_long_one_does(tmp_path, monkeypatch, codec, layout):
    if codec == "adpcm_ima_wav" and layout not in ("mono", "stereo"):
        pytest.skip("this codec knows two channels")
    path = tmp_path / "a.wav"
    make_clip(path, size=None, sound=codec, layout=layout)
    short = probe(path)
    with open_container(path, stream_index=0) as container:
        quick = [frame.to_ndarray() for frame in container.decode(audio=0)]
    monkeypatch.setattr(clip_file, "_SHORT_LOOK", {})
    assert probe(path) == short
    with open_container(path, stream_index=0) as container:
        patient = [frame.to_ndarray() for frame in container.decode(audio=0)]
    assert len(quick) == len(patient) > 0
    for one, other in zip(quick, patient, strict=True):
        np.testing.assert_array_equal(one, other)
