"""No line where the picture's edges meet, and nothing pinched at the poles."""

import numpy as np
import pytest

from panosod_core.geometry.picture import Eye, PictureGeometry, StereoMode
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import angle_between, uv_to_direction

from .conftest import Draw
from .frames import NV12, YUV420, band_limited, frame_of_rgb, packed

pytestmark = pytest.mark.gl

RINGS = {
    "mono": PictureGeometry(),
    "top-bottom": PictureGeometry(stereo=StereoMode.TOP_BOTTOM, eye=Eye.RIGHT),
    "side by side": PictureGeometry(stereo=StereoMode.LEFT_RIGHT),
    "side by side right": PictureGeometry(stereo=StereoMode.LEFT_RIGHT, eye=Eye.RIGHT),
}


@pytest.mark.parametrize("layout", [YUV420, NV12], ids=lambda layout: layout.name)
@pytest.mark.parametrize("geometry", RINGS.values(), ids=RINGS)
@pytest.mark.parametrize("yaw_deg", [180.0, 180.8, 180.4 - 360])
@pytest.mark.parametrize("projection", [ViewProjection.PERSPECTIVE, ViewProjection.EQUIRECT])
def test_columns_run_on_across_the_seam(
    draw: Draw, projection: ViewProjection, yaw_deg: float, geometry: PictureGeometry, layout: object
) -> None:
    """At 180.8 degrees the seam lies within a 2x2 quad, where wrong derivatives draw a line."""
    smooth = band_limited(512, 256)
    frame = frame_of_rgb(packed(geometry, smooth, np.ones_like(smooth)), layout=layout)
    got = draw(frame, View(np.radians(yaw_deg), 0.1, 0.0, np.radians(40), projection), geometry=geometry).astype(float)
    steps = np.abs(np.diff(got, axis=1)).max(axis=(0, 2))
    at = 159 + round((yaw_deg % 360 - 180) * 320 / 40)
    around = steps[max(at - 12, 0) : at + 13]
    elsewhere = np.concatenate([steps[:100], steps[-100:]])
    # 8-bit rounding and 8-bit chroma make steps of up to 5 anywhere
    assert around.max() <= max(elsewhere.max(), 5)


def test_a_line_would_be_found(draw: Draw) -> None:
    """The test above can fail: a picture that does not close shows its edge."""
    open_ring = band_limited(512, 256)
    open_ring[:, :2] = 1.0
    got = draw(frame_of_rgb(open_ring), View(np.radians(180.8), 0.1, 0.0, np.radians(40))).astype(float)
    assert np.abs(np.diff(got, axis=1)).max() > 20


@pytest.mark.parametrize("pitch", [90.0, -90.0])
@pytest.mark.parametrize("fov", [60.0, 130.0])
def test_a_circle_round_the_pole_stays_round(draw: Draw, pitch: float, fov: float) -> None:
    cap = np.radians(15)
    texels = uv_to_direction((np.arange(1024)[None] + 0.5) / 1024, (np.arange(512)[:, None] + 0.5) / 512)
    pole = [0, 0, np.sign(pitch)]
    lit = (angle_between(texels, pole) < cap).astype(float)
    frame = frame_of_rgb(np.repeat(lit[..., None], 3, axis=2))
    where = View(0.3, np.radians(pitch), 0.2, np.radians(fov))
    got = draw(frame, where, size=(320, 320))[..., 0] / 255
    y, x = (np.indices(got.shape) + 0.5) / 320
    away = np.degrees(angle_between(viewport_to_directions(where, x, y, aspect=1.0), pole))
    # one source texel is 0.35 degrees
    assert got[away < 14.4].min() > 0.98 and got[away > 15.6].max() < 0.02
    # area and roundness of what is lit, in pixels
    radius = np.sqrt(got.sum() / np.pi)
    spans = got.sum(axis=0).max(), got.sum(axis=1).max()
    assert spans == pytest.approx((2 * radius, 2 * radius), abs=1.2)


def test_colours_at_the_very_pole_do_not_flicker(draw: Draw) -> None:
    """Around the pole all columns meet: the picture there must stay as smooth as the picture is."""
    frame = frame_of_rgb(band_limited(512, 256))
    got = draw(frame, View(0.0, np.pi / 2, 0.0, np.radians(20)), size=(200, 200)).astype(float)
    centre = got[80:120, 80:120]
    assert max(np.abs(np.diff(centre, axis=0)).max(), np.abs(np.diff(centre, axis=1)).max()) <= 4
