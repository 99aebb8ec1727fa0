"""The mirrored clip is the clip: same pictures, same moments, left and right changed places in the sound."""

import demo_counted
import numpy as np
import pytest

from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from tests.clips import demo_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clip = demo_clip(folder, duration_s=1.0)
    demo_counted.write_mirrored(clip, folder / "mirrored.mp4")
    return clip, folder / "mirrored.mp4"


def sound_of(path):
    info = probe(path)
    assert info.audio.format.is_ambisonic
    reader = AudioReader(path, info.audio, out_rate_hz=48000, clock_origin_s=clip_origin_s(info))
    try:
        return reader.read(40_000)
    finally:
        reader.close()


def test_left_and_right_change_places_and_nothing_else(clips):
    plain, mirrored = (sound_of(path) for path in clips)
    assert np.abs(plain[1]).max() > 0.01
    np.testing.assert_array_equal(mirrored, plain * np.array([[1], [-1], [1], [1]], np.float32))


def test_the_pictures_are_the_same(clips):
    for index in (0, 17, 29):
        planes = []
        for path in clips:
            info = probe(path)
            with VideoReader(path, info.video, clock_origin_s=clip_origin_s(info)) as reader:
                frame = reader.frame_at(index)
                planes.append((frame.time_s, [np.array(plane) for plane in frame.planes]))
        assert planes[0][0] == planes[1][0]
        assert all(np.array_equal(a, b) for a, b in zip(planes[0][1], planes[1][1], strict=True))
