"""Tiny real clips for the tests of probing, encoded on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE_HZ = 48000


def make_clip(
    path: Path,
    *,
    size: tuple[int, int] | None = (64, 32),
    frames: int = 3,
    codec: str = "libx264",
    sound: str | None = None,
    layout: str = "4.0",
    sound_options: dict[str, str] | None = None,
    movflags: str = "",
) -> Path:
    """Encode a clip of a grey ramp and, where ``sound`` names a codec, noise in the channels of ``layout``."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", options=options) as out:
        video = None
        if size is not None:
            video = out.add_stream(codec, rate=25)
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
        audio = None
        if sound is not None:
            audio = out.add_stream(sound, rate=RATE_HZ, layout=layout, options=sound_options or {})
        for i in range(frames):
            if video is not None:
                picture = np.full((size[1], size[0], 3), 40 + 20 * i % 200, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                out.mux(video.encode(frame))
        if audio is not None:
            _write_noise(out, audio, layout, seconds=max(frames / 25, 0.1))
        for stream in (video, audio):
            if stream is not None:
                out.mux(stream.encode(None))
    return path


def _write_noise(out, audio, layout: str, *, seconds: float) -> None:
    channels = audio.layout.nb_channels
    count = int(seconds * RATE_HZ)
    noise = (np.random.default_rng(7).normal(size=(1, count * channels)) * 2000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(noise, format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    resampler = av.AudioResampler(format=audio.codec_context.format.name, layout=layout, rate=RATE_HZ)
    for converted in (*resampler.resample(frame), *resampler.resample(None)):
        out.mux(audio.encode(converted))


def packets(path: Path) -> list[tuple[int, bytes]]:
    """The coded packets of a clip, with their streams."""
    with av.open(str(path)) as container:
        return [(p.stream_index, bytes(p)) for p in container.demux() if p.size]


def remux(src: Path, dst: Path) -> Path:
    """Copy the streams into another container with FFmpeg, without coding them anew."""
    with av.open(str(src)) as a, av.open(str(dst), "w") as b:
        streams = {s.index: b.add_stream_from_template(s) for s in a.streams}
        for packet in a.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                b.mux(packet)
    return dst
