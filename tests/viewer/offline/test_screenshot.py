"""Screenshots without a window."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.media.probe import probe
from panosod_core.media.reference_view import reference_view
from panosod_core.media.video import VideoReader
from panosod_viewer.offline.screenshot import ScreenshotOptions, run_screenshot

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("headless")]


def test_shows_the_frame_of_that_moment_from_that_view(demo_clip: Path, tmp_path: Path) -> None:
    """25 fps: 1.07 s lies within frame 26."""
    options = ScreenshotOptions(
        demo_clip, tmp_path / "s.png", at_s=1.07, yaw_deg=50, pitch_deg=10, roll_deg=5, fov_deg=80, size=(160, 90)
    )
    got = np.asarray(Image.open(run_screenshot(options)))
    video = probe(demo_clip).video
    assert video is not None and got.shape == (90, 160, 3)
    view = View(*np.radians([50, 10, 5, 80]))
    with VideoReader(demo_clip, video) as reader:
        errors = [
            np.abs(got - 255 * reference_view(reader.frame_at(i), PictureGeometry(), view, width=160, height=90)).mean()
            for i in (25, 26, 27)
        ]
    assert errors[1] < 1 and errors[1] < errors[0] and errors[1] < errors[2]


def test_it_is_an_srgb_png_and_nothing_else_is_left(demo_clip: Path, tmp_path: Path) -> None:
    run_screenshot(ScreenshotOptions(demo_clip, tmp_path / "s.png", size=(64, 36)))
    with Image.open(tmp_path / "s.png") as image:
        assert image.format == "PNG" and image.mode == "RGB" and "srgb" in image.info
    assert [p.name for p in tmp_path.iterdir()] == ["s.png"]


def test_beyond_the_end_is_the_last_frame(demo_clip: Path, tmp_path: Path) -> None:
    said: list[str] = []
    shots = []
    for at_s in (2.38, 1000.0):
        options = ScreenshotOptions(demo_clip, tmp_path / f"{at_s}.png", at_s=at_s, size=(64, 36))
        shots.append(np.asarray(Image.open(run_screenshot(options, warn=said.append))))
    assert np.array_equal(*shots)
    assert said == ["--at 1000 lies beyond the end of the clip at 2.40 s: its last picture was saved"]


def test_the_whole_map(demo_clip: Path, tmp_path: Path) -> None:
    options = ScreenshotOptions(
        demo_clip, tmp_path / "m.png", fov_deg=360, size=(320, 160), projection=ViewProjection.EQUIRECT
    )
    got = np.asarray(Image.open(run_screenshot(options))).astype(float)
    video = probe(demo_clip).video
    assert video is not None
    with VideoReader(demo_clip, video) as reader:
        luma = reader.frame_at(0).planes[0][:160, :320]
    grey = got @ [0.2126, 0.7152, 0.0722]
    assert np.abs(grey - (luma.astype(float) - 16) * 255 / 219).mean() < 1.5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"out": Path("shot.jpg")}, "end in .png"),
        ({"out": Path("/nowhere/shot.png")}, "folder /nowhere does not exist"),
        ({"size": (1, 90)}, "--size must lie in"),
        ({"pitch_deg": 100.0}, "--pitch must lie in"),
        ({"fov_deg": 0.0}, "--fov must lie in"),
        ({"yaw_deg": float("nan")}, "--yaw must lie in"),
        ({"at_s": -1.0}, "--at must be"),
        ({"picture": "round"}, "can be taken for auto"),
    ],
)
def test_options_that_cannot_be_used(
    demo_clip: Path, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    options = replace(ScreenshotOptions(demo_clip, tmp_path / "s.png", size=(64, 36)), **changes)
    with pytest.raises(ConfigError, match=complaint):
        run_screenshot(options)


def test_a_clip_without_a_picture(testdata: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no picture"):
        run_screenshot(ScreenshotOptions(testdata / "foa" / "jsamb_room1_bf_rir.wav", tmp_path / "s.png"))
