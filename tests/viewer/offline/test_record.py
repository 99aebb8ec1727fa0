"""Recordings: what is seen and heard along a view path."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.probe import probe
from panosod_core.media.reference_view import reference_view
from panosod_core.media.video import VideoReader
from panosod_viewer.arguments import Arguments
from panosod_viewer.offline.gaze import read_gaze
from panosod_viewer.offline.record import RecordOptions, run_record
from panosod_viewer.offline_commands import record

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("headless")]

RATE_HZ = 48000


def gaze_file(folder: Path, rows: str) -> Path:
    path = folder / "gaze.csv"
    path.write_text("t_s,yaw_deg,pitch_deg,roll_deg,fov_deg\n" + rows)
    return path


def pictures_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 3) uint8 and (N,) seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = np.array([float(f.pts * f.time_base) for f in frames])
    return np.stack([f.to_ndarray(format="rgb24", src_colorspace="ITU709") for f in frames]), times


def ears_of(path: Path) -> np.ndarray:
    """(2, n) float32, sample 0 at second 0."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    assert float(frames[0].pts * frames[0].time_base) == pytest.approx(0.0, abs=1e-4)
    return np.concatenate([f.to_ndarray() for f in frames], axis=1)


@pytest.fixture(scope="module")
def to_the_marks(demo_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that looks down to where the flashes are while it turns."""
    folder = tmp_path_factory.mktemp("record")
    path = gaze_file(folder, "0,-10,-40,0,90\n2.4,20,-55,10,80\n")
    return run_record(RecordOptions(demo_clip, folder / "out.mp4", gaze=path, size=(160, 120)))


def test_flash_and_click_coincide(to_the_marks: Path, truth: dict[str, Any]) -> None:
    pictures, times = pictures_of(to_the_marks)
    loudness = np.abs(ears_of(to_the_marks)).max(axis=0)
    brightness = pictures.mean(axis=(1, 2, 3))
    marks = [mark["time_s"] for mark in truth["sync"]["marks"]]
    assert marks
    for at_s in marks:
        near = np.flatnonzero(np.abs(times - at_s) < 0.2)
        flash_s = times[near[1:]][np.argmax(np.diff(brightness[near]))]
        window = slice(round((at_s - 0.06) * RATE_HZ), round((at_s + 0.06) * RATE_HZ))
        click_s = at_s - 0.06 + np.argmax(loudness[window]) / RATE_HZ
        assert flash_s == pytest.approx(at_s, abs=0.005)
        assert click_s == pytest.approx(at_s, abs=0.005)
        assert click_s == pytest.approx(flash_s, abs=0.005)


def test_every_picture_of_the_clip_at_its_own_time_from_its_own_view(demo_clip: Path, to_the_marks: Path) -> None:
    pictures, times = pictures_of(to_the_marks)
    assert times == pytest.approx(np.arange(60) / 25, abs=1e-4)
    gaze = read_gaze(to_the_marks.with_name("gaze.csv"))
    video = probe(demo_clip).video
    assert video is not None
    with VideoReader(demo_clip, video) as reader:
        for index in (0, 23, 59):
            frame = reader.frame_at(index)
            view = gaze.view_at(frame.time_s)
            expected = 255 * reference_view(frame, PictureGeometry(), view, width=160, height=120)
            # H.264 and 4:2:0 in between
            assert np.abs(pictures[index] - expected).mean() < 3


def test_it_is_an_ordinary_flat_file_of_the_same_length(to_the_marks: Path) -> None:
    info = probe(to_the_marks)
    assert info.video is not None and info.audio is not None
    assert (info.video.codec, info.video.pix_fmt, info.video.matrix) == ("h264", "yuv420p", "bt709")
    assert (info.audio.codec, info.audio.channels, info.audio.sample_rate_hz) == ("aac", 2, RATE_HZ)
    assert info.duration_s == pytest.approx(2.4, abs=0.05)
    assert not any(claim.source in ("sv3d", "V1 uuid", "SA3D") for claim in info.claims)
    assert sorted(p.name for p in to_the_marks.parent.iterdir()) == ["gaze.csv", "out.mp4"]


@pytest.mark.parametrize(("away_deg", "louder"), [(-90, "left"), (90, "right")])
def test_the_sound_stays_where_it_belongs(
    demo_clip: Path, truth: dict[str, Any], tmp_path: Path, away_deg: float, louder: str
) -> None:
    """Looking 90 degrees to the right of what sounds, it is at the left ear; the other way round at the right."""
    sounding = truth["soundings"][0]
    azimuth_deg = truth["directions_deg"][str(sounding["id"])][round((sounding["start_s"] + 0.5) * 25)][0]
    path = gaze_file(tmp_path, f"0,{azimuth_deg + away_deg},0,0,90\n")
    out = run_record(RecordOptions(demo_clip, tmp_path / "out.mp4", gaze=path, size=(32, 18)))
    ears = ears_of(out)[:, round((sounding["start_s"] + 0.2) * RATE_HZ) : round((sounding["end_s"] - 0.2) * RATE_HZ)]
    # the head shades little below 700 Hz
    power = np.abs(np.fft.rfft(ears)) ** 2
    left_db, right_db = 10 * np.log10(power[:, np.fft.rfftfreq(ears.shape[1], 1 / RATE_HZ) > 700].sum(axis=1))
    assert (left_db - right_db if louder == "left" else right_db - left_db) > 6


def test_without_a_path_it_looks_ahead_and_progress_runs_to_the_end(demo_clip: Path, tmp_path: Path) -> None:
    shares: list[float] = []
    run_record(RecordOptions(demo_clip, tmp_path / "out.mkv", size=(32, 18)), progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) == 61
    assert ears_of(tmp_path / "out.mkv").shape[1] == pytest.approx(2.4 * RATE_HZ, abs=1100)


def test_without_a_path_it_looks_where_it_is_told_to(demo_clip: Path, tmp_path: Path) -> None:
    path = gaze_file(tmp_path, "0,70,-20,5,80\n")
    led = run_record(RecordOptions(demo_clip, tmp_path / "led.mp4", gaze=path, size=(64, 36)))
    angles = {"yaw_deg": 70.0, "pitch_deg": -20.0, "roll_deg": 5.0, "fov_deg": 80.0}
    told = run_record(RecordOptions(demo_clip, tmp_path / "told.mp4", size=(64, 36), **angles))
    np.testing.assert_array_equal(pictures_of(told)[0], pictures_of(led)[0])
    np.testing.assert_array_equal(ears_of(told), ears_of(led))


def test_words_of_the_command_line_that_do_not_fit_are_refused(demo_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave --at out"):
        record(Arguments(clip=str(demo_clip), record=tmp_path / "out.mp4", at_s=1.0))
    assert not list(tmp_path.iterdir())


def test_a_clip_without_sound(testdata: Path, tmp_path: Path) -> None:
    clip = testdata / "video" / "test_equi_512_egjs.mp4"
    run_record(RecordOptions(clip, tmp_path / "out.mp4", size=(64, 36)))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"out": Path("film.avi")}, "end in .mp4"),
        ({"size": (33, 18)}, "must be even"),
        ({"fov_deg": 500.0}, "--fov must lie in"),
        ({"gaze": Path("none.csv")}, "none.csv cannot be read"),
        ({"gaze": Path("none.csv"), "yaw_deg": 20.0}, "not both"),
        ({"sound": "loud"}, "can be taken for auto"),
        ({"sound": "ambix+2"}, "4 channels cannot be taken"),
    ],
)
def test_options_that_cannot_be_used(
    demo_clip: Path, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    options = replace(RecordOptions(demo_clip, tmp_path / "out.mp4", size=(32, 18)), **changes)
    with pytest.raises(ConfigError, match=complaint):
        run_record(options)
    assert not list(tmp_path.iterdir())


def test_the_clip_itself_is_never_overwritten(demo_clip: Path) -> None:
    with pytest.raises(ConfigError, match="the clip itself"):
        run_record(RecordOptions(demo_clip, demo_clip))


def test_a_failure_leaves_nothing_behind(demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, *, should_stop: object = None) -> None:
        raise MediaError("the disk is gone")

    monkeypatch.setattr(VideoReader, "read", broken)
    with pytest.raises(MediaError, match="disk is gone"):
        run_record(RecordOptions(demo_clip, tmp_path / "out.mp4", size=(32, 18)))
    assert not list(tmp_path.iterdir())
