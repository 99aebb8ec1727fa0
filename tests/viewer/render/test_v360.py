"""The shader against FFmpeg's v360 filter, another's renderer. Its yaw is minus ours, its pitch and roll are ours."""

from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.media.info import Range
from panosod_core.media.probe import probe
from panosod_core.media.reference_view import reference_view
from panosod_core.media.video import VideoReader

from .conftest import Draw
from .frames import GBRP, band_limited, frame_of_rgb, psnr

pytestmark = pytest.mark.gl

WIDTH, HEIGHT = 400, 300


def v360(rgb: np.ndarray, options: str) -> np.ndarray:
    """FFmpeg's rendering of an equirectangular picture, (H, W, 3) uint8."""
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="gbrp")
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 30))
    view = graph.add("v360", f"input=e:interp=line:{options}")
    sink = graph.add("buffersink")
    source.link_to(view)
    view.link_to(sink)
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1, 30)
    source.push(frame)
    source.push(None)
    return sink.pull().reformat(format="rgb24").to_ndarray()


def options_of(view: View) -> str:
    yaw, pitch, roll, fov = np.degrees([view.yaw_rad, view.pitch_rad, view.roll_rad, view.fov_rad])
    turn = f"yaw={-yaw}:pitch={pitch}:roll={roll}"
    if view.projection is ViewProjection.EQUIRECT:
        return f"output=e:w=400:h=200:{turn}"
    if view.projection is ViewProjection.STEREOGRAPHIC:
        tall = np.degrees(4 * np.arctan(np.tan(view.fov_rad / 4) * HEIGHT / WIDTH))
        return f"output=sg:w={WIDTH}:h={HEIGHT}:h_fov={fov}:v_fov={tall}:{turn}"
    tall = np.degrees(2 * np.arctan(np.tan(view.fov_rad / 2) * HEIGHT / WIDTH))
    return f"output=flat:w={WIDTH}:h={HEIGHT}:h_fov={fov}:v_fov={tall}:{turn}"


def view(yaw: float, pitch: float, roll: float, fov: float, projection: ViewProjection) -> View:
    return View(*np.radians([yaw, pitch, roll, fov]), projection)


P, S, E = ViewProjection.PERSPECTIVE, ViewProjection.STEREOGRAPHIC, ViewProjection.EQUIRECT
VIEWS = [
    view(0, 0, 0, 90, P),
    view(60, 0, 0, 90, P),
    view(-130, 25, 0, 70, P),
    view(170, -40, 20, 100, P),
    view(0, 90, 0, 80, P),
    view(0, 0, 0, 150, S),
    view(75, -50, 0, 220, S),
    view(-20, 30, -35, 120, S),
    view(0, 0, 0, 360, E),
    view(100, 0, 0, 360, E),
]


@pytest.mark.parametrize("where", VIEWS, ids=lambda v: f"{v.projection}-{np.degrees(v.yaw_rad):.0f}")
def test_equals_v360_on_a_band_limited_picture(draw: Draw, where: View) -> None:
    rgb = np.round(band_limited(800, 400) * 255).astype(np.uint8)
    size = (400, 200) if where.projection is E else (WIDTH, HEIGHT)
    got = draw(frame_of_rgb(rgb / 255, layout=GBRP, range_=Range.FULL), where, size=size)
    assert psnr(got, v360(rgb, options_of(where))) >= 40


def test_the_wrong_sign_of_yaw_would_be_found(draw: Draw) -> None:
    rgb = np.round(band_limited(800, 400) * 255).astype(np.uint8)
    got = draw(frame_of_rgb(rgb / 255, layout=GBRP, range_=Range.FULL), view(60, 0, 0, 90, P), size=(WIDTH, HEIGHT))
    assert psnr(got, v360(rgb, options_of(view(-60, 0, 0, 90, P)))) < 25


@pytest.mark.parametrize("where", [VIEWS[1], VIEWS[3], VIEWS[6], VIEWS[9]], ids=lambda v: v.projection)
def test_equals_v360_on_the_demo_world(draw: Draw, demo_clip: Path, where: View) -> None:
    """Hard edges and lettering, where the two bilinear interpolations differ most."""
    video = probe(demo_clip).video
    assert video is not None
    with VideoReader(demo_clip, video) as reader:
        frame = reader.frame_at(20)
    full = reference_view(frame, PictureGeometry(), View(0, 0, 0, 2 * np.pi, E), width=320, height=160)
    size = (400, 200) if where.projection is E else (WIDTH, HEIGHT)
    theirs = v360(np.round(255 * full).astype(np.uint8), options_of(where))
    assert psnr(draw(frame, where, size=size), theirs) >= 30
