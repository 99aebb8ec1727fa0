"""Recordings of a spherical microphone, put beside a picture."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FPS = 25


def with_a_picture(sound: Path, out: Path) -> Path:
    """A Matroska file of the untouched sound and a grey picture, 256 x 128, as long as it."""
    with av.open(str(sound)) as source, av.open(str(out), "w") as target:
        heard = source.streams.audio[0]
        assert heard.duration is not None and heard.time_base is not None
        video = target.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "x264-params": "log-level=none"})
        video.width, video.height, video.pix_fmt = 256, 128, "yuv420p"
        copy = target.add_stream_from_template(heard)
        for index in range(round(heard.duration * heard.time_base * FPS)):
            shade = np.full((128, 256, 3), 60 + index % 120, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        for packet in source.demux(heard):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return out


def first_order(sound: Path) -> NDArray[np.float32]:
    """(4, n): the first order of the recording in ACN/SN3D at its own rate, decoded without the project's reader."""
    pieces = []
    with av.open(str(sound)) as container:
        for frame in container.decode(audio=0):
            # Plane by plane: PyAV's own conversion fails on eight planes. FFmpeg's order of 7.1 is not Vorbis's.
            planes = [np.frombuffer(frame.planes[index], np.float32, frame.samples) for index in (0, 2, 1, 6)]
            pieces.append(np.stack(planes))
    n3d = np.concatenate(pieces, axis=1)
    return n3d / np.sqrt(np.array([1, 3, 3, 3], np.float32))[:, None]
