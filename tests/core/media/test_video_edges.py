"""Threading, interruption, damage and odd starts: what real files and impatient people do."""

import time
from dataclasses import replace
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
import numpy as np
import pytest

from panosod_core.errors import MediaError
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.frame_cache import FrameCache, frame_bytes
from panosod_core.media.probe import probe
from panosod_core.media.video import SeekInterrupted, VideoReader
from tests.core.media.burnt_clips import Recipe, number_in, origin_s, video_info

MS = Fraction(1, 1000)
X264 = {"g": "12", "preset": "ultrafast", "bf": "2", "x264-params": "b-adapt=0:log-level=none"}
OPEN_GOP = "open-gop=1:keyint=12:min-keyint=12:b-adapt=0:bframes=3:log-level=none"
CLOSED = Recipe("closed.mp4", options=X264)
OPEN_HEVC = Recipe(
    "open_hevc.mp4", codec="libx265", options={"preset": "ultrafast", "x265-params": f"{OPEN_GOP}:pools=1"}
)
OPEN_H264 = Recipe("open_h264.mkv", options={"preset": "ultrafast", "x264-params": f"{OPEN_GOP}"})
ONE_GOP = Recipe("one_gop.mp4", options={**X264, "g": "60"})


def has_leading_pictures(path: Path) -> bool:
    """Whether some picture after a key frame in the file is shown before it, and needs the group before."""
    with av.open(str(path)) as container:
        key_pts = None
        for packet in container.demux(video=0):
            if packet.pts is None:
                continue
            if packet.is_keyframe:
                key_pts = packet.pts
            elif key_pts and packet.pts < key_pts:
                return True
    return False


def test_the_open_groups_are_open(tmp_path: Path) -> None:
    assert has_leading_pictures(OPEN_HEVC.write(tmp_path))
    assert has_leading_pictures(OPEN_H264.write(tmp_path))
    assert not has_leading_pictures(CLOSED.write(tmp_path))


@pytest.mark.parametrize("recipe", [CLOSED, OPEN_HEVC, OPEN_H264, ONE_GOP], ids=lambda r: r.name)
class TestThreading:
    @pytest.mark.parametrize("switches", [(0,), (3,), (0, 20), (5, 17, 30, 31, 44)])
    def test_no_frame_is_lost_or_doubled(self, tmp_path: Path, recipe: Recipe, switches: tuple[int, ...]) -> None:
        path = recipe.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            playing = False
            found = []
            for i in range(recipe.frames + 1):
                if i in switches:
                    playing = not playing
                    reader.set_threading(playing)
                frame = reader.read()
                if frame is not None:
                    found.append((frame.index, number_in(frame)))
        assert found == [(i, i) for i in range(recipe.frames)]

    def test_seeking_while_playing(self, tmp_path: Path, recipe: Recipe) -> None:
        path = recipe.write(tmp_path)
        with VideoReader(path, video_info(path), cache_bytes=0) as reader:
            reader.set_threading(True)
            for index in (40, 3, 25, 58, 24):
                reader.seek(index)
                for expected in range(index, min(index + 6, recipe.frames)):
                    frame = reader.read()
                    assert frame is not None
                    assert (frame.index, number_in(frame)) == (expected, expected)


class TestInterruption:
    def test_a_seek_stops_when_told_and_the_next_one_works(self, tmp_path: Path) -> None:
        path = ONE_GOP.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            calls = 0

            def stop_at_tenth() -> bool:
                nonlocal calls
                calls += 1
                return calls >= 10

            with pytest.raises(SeekInterrupted):
                reader.frame_at(55, should_stop=stop_at_tenth)
            assert calls == 10
            assert number_in(reader.frame_at(3)) == 3
            with pytest.raises(SeekInterrupted):
                reader.frame_at(50, should_stop=lambda: True)
            assert number_in(reader.frame_at(50)) == 50
            following = reader.read()
            assert following is not None
            assert number_in(following) == 51

    def test_the_scan_stops_and_goes_on(self, tmp_path: Path) -> None:
        path = Recipe("a.mkv", options=X264, frames=300).write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            stops = 0
            while True:
                try:
                    index = reader.index_of_time(9.0, should_stop=cycle([False, True]).__next__)
                    break
                except SeekInterrupted:
                    stops += 1
            assert index == 270
            assert stops >= 2


class TestPreview:
    @pytest.mark.parametrize("recipe", [CLOSED, OPEN_HEVC, Recipe("a.mkv", options=X264)], ids=lambda r: r.name)
    def test_key_frame_at_or_before(self, tmp_path: Path, recipe: Recipe) -> None:
        path = recipe.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            for known in (False, True):
                for t_s in (0.0, 0.3, 0.95, 1.7):
                    frame = reader.keyframe_at(t_s)
                    assert frame is not None
                    assert number_in(frame) == frame.index
                    assert frame.index % 12 == 0
                    assert 0 <= t_s - frame.time_s < 0.5
                    assert number_in(reader.frame_at_time(t_s + 0.001)) == int((t_s + 0.001) * 30)
                if not known:
                    reader.index_of_time(1.0)

    def test_the_cursor_stays(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            reader.frame_at(7)
            reader.keyframe_at(1.5)
            frame = reader.read()
            assert frame is not None
            assert (frame.index, number_in(frame)) == (8, 8)


class TestStep:
    def test_forwards_backwards_and_ten(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            path_taken = [reader.step(d) for d in (1, 1, 1, -1, 10, 10, -1, -10, 1, -100, -1, 1000, 1, -1)]
        numbers = [None if f is None else (f.index, number_in(f)) for f in path_taken]
        expected = [0, 1, 2, 1, 11, 21, 20, 10, 11, 0, None, 59, None, 58]
        assert numbers == [None if n is None else (n, n) for n in expected]

    def test_stepping_back_uses_the_cache(self, tmp_path: Path) -> None:
        path = ONE_GOP.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            first = reader.frame_at(50)
            back = reader.step(-1)
            again = reader.step(1)
            assert back is not None
            assert again is first

    def test_negative_index_is_a_mistake(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            with pytest.raises(ValueError, match="negative"):
                reader.frame_at(-1)
            with pytest.raises(ValueError, match="negative"):
                reader.seek(-1)


class TestOddStarts:
    def test_one_frame(self, tmp_path: Path) -> None:
        path = Recipe("one.mp4", options=X264, frames=1).write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            for t_s in (-5.0, 0.0, 0.01, 100.0):
                assert reader.frame_at_time(t_s).index == 0
            assert reader.step(1) is None
            assert reader.step(-1) is None
            reader.seek(0)
            assert reader.read() is not None
            assert reader.read() is None

    def test_offsets_between_streams(self, tmp_path: Path) -> None:
        """Sound that starts earlier is second 0; the picture then starts later than 0."""
        path = tmp_path / "late.mkv"
        clip = Recipe("late.mkv", options=X264, time_base=MS, times=lambda i: 500 + i * 40).write(tmp_path)
        assert clip == path
        info = replace(video_info(path), start_pts=500)
        with VideoReader(path, info, clock_origin_s=0.2) as reader:
            first = reader.read()
            assert first is not None
            assert first.time_s == pytest.approx(0.3)
            assert reader.frame_at_time(0.0).index == 0
            assert number_in(reader.frame_at_time(0.3 + 10 * 0.04 + 0.01)) == 10

    def test_edit_list_that_cuts_the_start(self, tmp_path: Path) -> None:
        """What an edit list hides is decoded but not shown, and not counted."""
        recipe = Recipe(
            "edit.mp4",
            options=X264,
            container={"avoid_negative_ts": "disabled", "use_editlist": "1"},
            time_base=Fraction(1, 30),
            times=lambda i: i - 17,
        )
        path = recipe.write(tmp_path)
        clip = probe(path)
        assert clip.video is not None
        with VideoReader(path, clip.video, cache_bytes=0) as reader:
            linear = []
            while (frame := reader.read()) is not None:
                linear.append((frame.index, number_in(frame), round(frame.time_s * 30)))
            assert linear == [(i, i + 17, i) for i in range(43)]
            for index in (20, 0, 42, 5, 8, 7):
                assert number_in(reader.frame_at(index)) == index + 17
                assert number_in(reader.frame_at_time((index + 0.5) / 30)) == index + 17

    def test_first_time_stamps_missing(self, tmp_path: Path) -> None:
        """The first two pictures of the file carry no time: they are counted back from, or in between, the others."""
        path = Recipe("a.ts", options=X264).write(tmp_path)
        data = bytearray(path.read_bytes())
        at = 0
        for _ in range(2):
            at = data.index(b"\x00\x00\x01\xe0", at + 1)
            length = data[at + 8]
            data[at + 7] &= 0x3F
            data[at + 9 : at + 9 + length] = b"\xff" * length
        path.write_bytes(bytes(data))
        info = video_info(path)
        start_s = 6000 / 90000
        with VideoReader(path, info, clock_origin_s=start_s, cache_bytes=0) as reader:
            linear = [reader.read() for _ in range(60)]
            assert [(f.index, number_in(f)) for f in linear if f is not None] == [(i, i) for i in range(60)]
            assert [f.time_s for f in linear if f is not None] == pytest.approx([i / 30 for i in range(60)], abs=1e-4)
            for index in (30, 3, 0, 1, 59, 2):
                frame = reader.frame_at(index)
                assert (frame.index, number_in(frame)) == (index, index)
                assert number_in(reader.frame_at_time((index + 0.5) / 30)) == index

    def test_transport_stream_cut_in_the_middle(self, tmp_path: Path) -> None:
        """The first pictures cannot be decoded; what comes after is numbered and timed as it is shown."""
        whole = Recipe("whole.ts", options=X264).write(tmp_path)
        data = whole.read_bytes()
        packets = len(data) // 188
        path = tmp_path / "cut.ts"
        tables = data[: 3 * 188]
        path.write_bytes(tables + data[packets // 5 * 188 :])
        clip = probe(path)
        assert clip.video is not None
        with VideoReader(path, clip.video, clock_origin_s=clip_origin_s(clip)) as reader:
            linear = []
            while (frame := reader.read()) is not None:
                linear.append((frame.index, number_in(frame), frame.pts))
            assert len(linear) > 30
            numbers = [number for _, number, _ in linear]
            assert numbers == list(range(numbers[0], 60))
            for index, number, pts in linear[::7] + linear[-1:]:
                sought = reader.frame_at_time(float(pts * reader.info.time_base) - clip_origin_s(clip) + 0.001)
                assert number_in(sought) == number
                assert sought.pts == pts
                del index


class TestDamage:
    def test_truncated_mp4_with_its_index_in_front(self, tmp_path: Path) -> None:
        recipe = Recipe("front.mp4", options=X264, container={"movflags": "faststart"})
        path = recipe.write(tmp_path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 7 // 10])
        with VideoReader(path, video_info(path)) as reader:
            assert reader.frame_count is None or reader.frame_count == 60
            last = reader.frame_at(59)
            assert 20 <= number_in(last) == last.index < 55
            assert reader.read() is None
            assert reader.frame_count == last.index + 1
            assert number_in(reader.frame_at(20)) == 20
            linear = 0
            reader.seek(0)
            while reader.read() is not None:
                linear += 1
            assert linear == last.index + 1

    @pytest.mark.parametrize("name", ["t.mkv", "t.ts"])
    def test_truncated_without_index(self, tmp_path: Path, name: str) -> None:
        path = Recipe(name, options=X264).write(tmp_path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 7 // 10])
        info = video_info(path)
        with VideoReader(path, info, clock_origin_s=origin_s(info)) as reader:
            last = reader.frame_at(1000)
            # The cut may fall between a picture and the B-frames before it: by time, not by number.
            assert 20 <= number_in(last) == round(last.time_s * 30) < 55
            assert number_in(reader.frame_at(last.index - 5)) == last.index - 5

    @pytest.mark.parametrize("name", ["g.mp4", "g.mkv", "g.ts"])
    def test_garbage_in_the_middle(self, tmp_path: Path, name: str) -> None:
        """Pictures before and long after it are where they belong, nothing hangs, every index leads to a picture."""
        path = Recipe(name, options=X264, frames=120).write(tmp_path)
        info = video_info(path)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 600] = np.random.default_rng(0).integers(0, 256, 600, np.uint8).tobytes()
        path.write_bytes(bytes(data))
        with VideoReader(path, info, clock_origin_s=origin_s(info)) as reader:
            for number in (0, 10, 110, 119, 100, 5):
                assert number_in(reader.frame_at_time((number + 0.5) / 30)) == number
            for index in range(119, -1, -1):
                assert reader.frame_at(index).index <= index

    def test_nothing_decodes(self, tmp_path: Path) -> None:
        path = Recipe("n.mp4", options=X264).write(tmp_path)
        info = video_info(path)
        data = bytearray(path.read_bytes())
        start = data.index(b"mdat") + 4
        end = data.index(b"moov") - 4
        data[start:end] = bytes(end - start)
        path.write_bytes(bytes(data))
        with VideoReader(path, info) as reader, pytest.raises(MediaError, match=r"no picture of its h264 stream"):
            reader.read()
        with VideoReader(path, info) as reader, pytest.raises(MediaError, match=r"no picture of its h264 stream"):
            reader.frame_at(30)

    def test_no_such_stream(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        info = video_info(path)
        with pytest.raises(MediaError, match="stream number 3"):
            VideoReader(path, replace(info, stream_index=3))
        with pytest.raises(MediaError, match="no such file"):
            VideoReader(tmp_path / "none.mp4", info)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads by Linux's /proc")
def test_closing_leaves_no_thread_and_no_file_open(tmp_path: Path) -> None:
    def held(what: str) -> set[str]:
        return {entry.name for entry in Path("/proc/self", what).iterdir()}

    path = CLOSED.write(tmp_path)
    info = video_info(path)
    threads, files = held("task"), held("fd")
    reader = VideoReader(path, info)
    reader.frame_at(3)
    reader.set_threading(True)
    frames = [reader.read() for _ in range(30)]
    reader.frame_at(50)
    assert held("task") - threads and held("fd") - files
    reader.close()
    reader.close()
    assert not held("fd") - files
    # The system lists a thread for a moment longer than those wait who join it.
    until_s = time.monotonic() + 60
    while held("task") - threads:
        assert time.monotonic() < until_s, "its threads run on"
    assert [number_in(f) for f in frames if f is not None] == list(range(4, 34))


class TestCache:
    def test_is_bounded_in_bytes_and_keeps_the_newest(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            frames = [reader.frame_at(i) for i in range(20)]
        one = frame_bytes(frames[0])
        cache = FrameCache(5 * one)
        for frame in frames:
            cache.put(frame)
            assert cache.size_bytes <= 5 * one
        assert [i for i in range(20) if i in cache] == [15, 16, 17, 18, 19]
        tiny = FrameCache(1)
        tiny.put(frames[0])
        tiny.put(frames[1])
        assert len(tiny) == 1
        assert tiny.get(1) is frames[1]

    def test_frames_outlive_the_reader(self, tmp_path: Path) -> None:
        path = CLOSED.write(tmp_path)
        with VideoReader(path, video_info(path)) as reader:
            frames = [reader.frame_at(i) for i in (0, 17, 33)]
        assert [number_in(f) for f in frames] == [0, 17, 33]


@pytest.mark.parametrize(
    ("name", "frames"),
    [("congo_gvr.mp4", 300), ("richoh_dash4.mp4", 1202), ("equi0.ts", 250), ("test_equi_512_egjs.mp4", 1)],
)
def test_real_media_seek_equals_linear(testdata: Path, name: str, frames: int) -> None:
    path = testdata / "video" / name
    clip = probe(path)
    assert clip.video is not None
    wanted = sorted({0, 1, frames // 3, frames * 2 // 3, frames - 1} & set(range(frames)))
    linear = {}
    with VideoReader(path, clip.video, clock_origin_s=clip_origin_s(clip)) as reader:
        reader.set_threading(True)
        while (frame := reader.read()) is not None:
            if frame.index in wanted:
                linear[frame.index] = (frame.pts, frame.planes[0].copy())
        assert frame is None
        assert reader.next_index == frames
    with VideoReader(path, clip.video, clock_origin_s=clip_origin_s(clip), cache_bytes=0) as reader:
        for index in reversed(wanted):
            sought = reader.frame_at(index)
            pts, luma = linear[index]
            assert (sought.index, sought.pts) == (index, pts)
            assert np.array_equal(sought.planes[0], luma)
