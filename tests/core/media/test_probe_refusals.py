"""What is no clip is refused in one line; broken clips tell what can be told."""

import os
import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from panosod_core.errors import MediaError
from panosod_core.media.probe import probe
from tests.core.media.clip_making import make_clip


def refused(path) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path)
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def test_paths_that_are_no_clip(tmp_path):
    assert "no such file" in refused(tmp_path / "none.mp4")
    assert "folder" in refused(tmp_path)
    assert "address" in refused("https://example.org/a.mp4")
    assert "https://example.org/a.mp4" in refused(Path("https://example.org/a.mp4"))
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refused(tmp_path / "empty.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "pipe" in refused(tmp_path / "pipe.mp4")
    assert "device" in refused("/dev/zero")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    assert "cannot be reached" in refused(tmp_path / "loop.mp4")
    refused("a" * 5000)
    refused("nul\0.mp4")


def test_no_permission():
    """As somebody else where we are root, who may read everything."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = make_clip(Path(folder) / "a.mp4")
        path.chmod(0)
        was = os.geteuid()
        if was == 0:
            os.seteuid(65534)
        try:
            assert "no permission" in refused(path)
        finally:
            os.seteuid(was)


def test_impossible_rates_and_runs(tmp_path):
    wav = bytearray(make_clip(tmp_path / "a.wav", size=None, sound="pcm_s16le", layout="quad").read_bytes())
    for rate in (1, 0x7FFFFFFF):
        struct.pack_into("<I", wav, wav.index(b"fmt ") + 12, rate)
        (tmp_path / "b.wav").write_bytes(wav)
        assert f"{rate} Hz" in refused(tmp_path / "b.wav")
    clip = make_clip(tmp_path / "c.mp4", movflags="frag_keyframe+empty_moov")
    data = bytearray(clip.read_bytes())
    struct.pack_into(">II", data, data.index(b"trun") + 4, 0, 50_000_000)  # no per-sample fields: takes no bytes
    clip.write_bytes(data)
    assert "50000000 samples" in refused(clip)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b"hello world\n" * 1000),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n"),
        ("a.ffconcat", b"ffconcat version 1.0\nfile 'b.mp4'\n"),
        ("a.mpd", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>'),
        ("a.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(12)),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + b"\xff" * 60),
        ("a.wav", b"RIFF\xff\xff\xff\xffWAVEfmt "),
        ("a.mp4", bytes(100_000)),
    ],
)
def test_files_that_are_no_clip(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name)


def test_unknown_codec_is_named(tmp_path):
    path = make_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))
    assert "zzz1" in refused(path)


def test_truncated_clip_still_tells_what_it_is(tmp_path):
    path = make_clip(tmp_path / "a.mp4", frames=20, movflags="faststart", sound="aac")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 200])
    info = probe(path)
    assert info.video.codec == "h264" and info.audio.channels == 4


def test_no_frame_is_decoded(tmp_path):
    """A clip whose coded picture and sound are all destroyed is described like a whole one.

    Only the pixel format is not in the header: FFmpeg takes it from the first coded picture.
    """
    path = make_clip(tmp_path / "a.mp4", frames=5, sound="aac", movflags="faststart")
    whole = probe(path)
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    broken = probe(path)
    assert broken.video.pix_fmt == "unknown"
    assert replace(broken, video=replace(broken.video, pix_fmt=whole.video.pix_fmt)) == whole


def test_odd_names(tmp_path):
    for name in ("a:b.mp4", "%03d.mp4", "a?b#c.mp4", "file:a.mp4", "-x.mp4", "ü\udcff.mp4", "a\nb.mp4"):
        assert probe(make_clip(tmp_path / "x.mp4").rename(tmp_path / name)).video.codec == "h264"
