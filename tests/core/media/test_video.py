"""Every frame is found by index and by time, in any order, in every codec and container."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.media.video import VideoReader
from tests.core.media.burnt_clips import Recipe, number_in, origin_s, video_info

MS = Fraction(1, 1000)
X264 = {"g": "12", "preset": "ultrafast", "bf": "2", "x264-params": "b-adapt=0:log-level=none"}
X265 = "keyint=12:min-keyint=12:bframes=4:log-level=none:pools=1:frame-threads=1"


def _vfr(i: int) -> int:
    return i * 33 + (i // 7) * 50


RECIPES = [
    Recipe("h264.mp4", options=X264),
    Recipe("h264_long_gop.mp4", options={**X264, "g": "60"}),
    Recipe("h264_open_gop.mp4", options={**X264, "x264-params": "open-gop=1:b-adapt=0:bframes=3:log-level=none"}),
    Recipe("h264.mkv", options=X264),
    Recipe("h264.ts", options=X264),
    Recipe("h264_fragmented.mp4", options=X264, container={"movflags": "frag_keyframe+empty_moov"}),
    Recipe("h264_vfr.mkv", options=X264, time_base=MS, times=_vfr),
    Recipe("h264_vfr.mp4", options=X264, time_base=MS, times=_vfr),
    Recipe("h264_10bit.mp4", options=X264, pix_fmt="yuv420p10le"),
    Recipe("h264_negative.mkv", options=X264, time_base=MS, times=lambda i: i * 40 - 400),
    Recipe("hevc.mp4", codec="libx265", options={"preset": "ultrafast", "x265-params": X265}),
    Recipe("hevc.ts", codec="libx265", options={"preset": "ultrafast", "x265-params": X265}),
    Recipe(
        "hevc_10bit.mkv", codec="libx265", pix_fmt="yuv420p10le", options={"preset": "ultrafast", "x265-params": X265}
    ),
    Recipe("vp9.webm", codec="libvpx-vp9", options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    Recipe(
        "vp9_altref.webm",
        codec="libvpx-vp9",
        options={"g": "20", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    Recipe("av1.mp4", codec="libsvtav1", options={"g": "12", "preset": "10", "crf": "18"}),
    Recipe("av1_10bit.mkv", codec="libsvtav1", pix_fmt="yuv420p10le", options={"g": "12", "preset": "10", "crf": "18"}),
    Recipe("bare.h264", options=X264),
    Recipe("h264.avi", options=X264),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {recipe.name: recipe.write(folder) for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEveryClip:
    def test_linear(self, recipe: Recipe, clips: dict[str, Path]) -> None:
        path = clips[recipe.name]
        info = video_info(path)
        with VideoReader(path, info, clock_origin_s=origin_s(info)) as reader:
            frames = []
            while (frame := reader.read()) is not None:
                frames.append(frame)
        assert [f.index for f in frames] == list(range(recipe.frames))
        assert [number_in(f) for f in frames] == list(range(recipe.frames))
        for frame in frames:
            assert frame.time_s == pytest.approx(recipe.time_s(frame.index), abs=0.0011)

    def test_random_by_index(self, recipe: Recipe, clips: dict[str, Path]) -> None:
        path = clips[recipe.name]
        rng = np.random.default_rng(1)
        with VideoReader(path, video_info(path), cache_bytes=0) as reader:
            for index in rng.integers(0, recipe.frames, 24).tolist():
                frame = reader.frame_at(index)
                assert (frame.index, number_in(frame)) == (index, index)
                following = reader.read()
                if index + 1 < recipe.frames:
                    assert following is not None
                    assert (following.index, number_in(following)) == (index + 1, index + 1)
                else:
                    assert following is None
            assert reader.frame_count == recipe.frames

    def test_random_by_time(self, recipe: Recipe, clips: dict[str, Path]) -> None:
        path = clips[recipe.name]
        info = video_info(path)
        rng = np.random.default_rng(2)
        with VideoReader(path, info, clock_origin_s=origin_s(info)) as reader:
            for index in rng.integers(0, recipe.frames - 1, 12).tolist():
                between = (recipe.time_s(index) + recipe.time_s(index + 1)) / 2
                frame = reader.frame_at_time(between)
                assert number_in(frame) == frame.index == index
                assert reader.index_of_time(frame.time_s) == index
                assert frame.duration_s == pytest.approx(recipe.time_s(index + 1) - recipe.time_s(index), abs=0.0011)

    def test_backwards(self, recipe: Recipe, clips: dict[str, Path]) -> None:
        path = clips[recipe.name]
        with VideoReader(path, video_info(path), cache_bytes=8 * 80_000) as reader:
            last = reader.frame_at(10_000)
            assert number_in(last) == recipe.frames - 1
            for index in range(recipe.frames - 2, -1, -1):
                frame = reader.step(-1)
                assert frame is not None
                assert (frame.index, number_in(frame)) == (index, index)
            assert reader.step(-1) is None
            assert reader.cached_bytes <= 8 * 200_000
