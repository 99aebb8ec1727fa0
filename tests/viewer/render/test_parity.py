"""The shader against the float64 reference renderer, and both against the directions themselves."""

import numpy as np
import pytest

from panosod_core.geometry.picture import Bounds, Eye, PictureGeometry, PictureProjection, StereoMode
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.media.info import Matrix, Range, Transfer
from panosod_core.media.reference_view import reference_flat, reference_view
from panosod_viewer.scene import FlatView

from .conftest import Draw
from .frames import GBRP10, GRAY, LAYOUTS, NV12, YUV420, YUV420_10, direction_colours, frame_of_rgb, noise, packed, psnr

pytestmark = pytest.mark.gl

PERSPECTIVE, STEREOGRAPHIC, EQUIRECT = ViewProjection


def view(
    yaw: float, pitch: float, roll: float, fov: float, projection: ViewProjection = ViewProjection.PERSPECTIVE
) -> View:
    return View(*np.radians([yaw, pitch, roll, fov]), projection)


VIEWS = {
    "front 90": view(0, 0, 0, 90),
    "narrow": view(33, -12, 0, 20),
    "turned": view(-120, 35, 25, 75),
    "widest rectilinear": view(45, 10, -10, 100),
    "blend 120": view(10, -30, 5, 120),
    "blend 140": view(170, 20, 0, 140),
    "little planet": view(20, -90, 0, 250),
    "widest": view(0, 90, 0, 320),
    "zenith": view(60, 90, 0, 70),
    "nadir": view(60, -90, 30, 70),
    "behind, on the seam": view(180, 0, 0, 60),
    "behind, seam within a quad": view(180.8, 0, 0, 60),
    "stereographic": view(-70, 15, 0, 100, STEREOGRAPHIC),
    "map": view(0, 0, 0, 360, EQUIRECT),
    "map turned": view(77, 0, 0, 360, EQUIRECT),
    "map zoomed over the pole": view(-160, 70, 0, 90, EQUIRECT),
}


@pytest.mark.parametrize("name", VIEWS)
def test_shader_equals_reference(draw: Draw, name: str) -> None:
    frame = frame_of_rgb(noise(256, 128), layout=YUV420)
    got = draw(frame, VIEWS[name])
    assert psnr(got, 255 * reference_view(frame, PictureGeometry(), VIEWS[name], width=320, height=200)) >= 45


@pytest.mark.parametrize("name", VIEWS)
def test_every_pixel_shows_the_direction_it_stands_for(draw: Draw, name: str) -> None:
    """Needs no reference: the colour of a pixel is its direction, to a fraction of a texel."""
    frame = frame_of_rgb(direction_colours(PictureGeometry(), 1024, 512), layout=GBRP10, range_=Range.FULL)
    got = draw(frame, VIEWS[name]) / 255
    x, y = (np.arange(320) + 0.5) / 320, (np.arange(200) + 0.5) / 200
    expected = viewport_to_directions(VIEWS[name], x[None], y[:, None], aspect=1.6)
    error = np.abs((got - 0.5) / 0.4 - expected)
    assert np.nanmax(error) < 0.008
    assert np.sqrt(np.nanmean(error**2)) < 0.004
    empty, beyond = (got[:, 0] == 0).all(axis=-1), np.isnan(expected[:, 0, 0])
    assert abs(int(empty.sum()) - int(beyond.sum())) <= 1  # the map's edge is soft


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("padding", [0, 6])
def test_every_storage_of_samples(draw: Draw, layout: object, padding: int) -> None:
    """Odd row lengths as decoders leave them; 250 is no multiple of 4 in chroma, where alignment would show."""
    frame = frame_of_rgb(noise(250, 126), layout=layout, padding=padding)
    where = view(100, 20, 0, 95)
    expected = 255 * reference_view(frame, PictureGeometry(), where, width=320, height=200)
    assert psnr(draw(frame, where), expected) >= 45


@pytest.mark.parametrize("range_", Range)
@pytest.mark.parametrize("layout", [YUV420, NV12], ids=lambda layout: layout.name)
def test_chroma_lies_where_it_belongs(draw: Draw, layout: object, range_: Range) -> None:
    """A step in colour alone: half a chroma texel of error would be seen at once when magnified."""
    rgb = np.full((64, 128, 3), 0.5)
    rgb[:, 64:] = [0.8, 0.4, 0.3]
    frame = frame_of_rgb(rgb, layout=layout, range_=range_)
    where = view(0, 0, 0, 20)
    expected = 255 * reference_view(frame, PictureGeometry(), where, width=320, height=200)
    assert np.abs(draw(frame, where) - expected).max() < 3


GEOMETRIES = {
    "top-bottom left": PictureGeometry(stereo=StereoMode.TOP_BOTTOM),
    "top-bottom right": PictureGeometry(stereo=StereoMode.TOP_BOTTOM, eye=Eye.RIGHT),
    "side by side left": PictureGeometry(stereo=StereoMode.LEFT_RIGHT),
    "side by side right": PictureGeometry(stereo=StereoMode.LEFT_RIGHT, eye=Eye.RIGHT),
    "side by side swapped": PictureGeometry(stereo=StereoMode.LEFT_RIGHT, eyes_swapped=True),
    "posed": PictureGeometry(pose_deg=(40.0, -20.0, 15.0)),
    "posed level": PictureGeometry(pose_deg=(40.0, 0.0, 0.0)),
    "half": PictureGeometry(PictureProjection.EQUIRECTANGULAR_180, bounds=Bounds(left=0.25, right=0.25)),
    "half, side by side": PictureGeometry(
        PictureProjection.EQUIRECTANGULAR_180, stereo=StereoMode.LEFT_RIGHT, bounds=Bounds(left=0.25, right=0.25)
    ),
    "cropped": PictureGeometry(bounds=Bounds(left=0.1, top=0.2, right=0.3, bottom=0.15)),
    "cropped above": PictureGeometry(bounds=Bounds(top=0.2)),
    "cropped, posed, top-bottom": PictureGeometry(
        bounds=Bounds(left=0.1, bottom=0.25), pose_deg=(-130.0, 30.0, 20.0), stereo=StereoMode.TOP_BOTTOM
    ),
}


@pytest.mark.parametrize("layout", [YUV420, NV12, YUV420_10], ids=lambda layout: layout.name)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_packed_cropped_and_turned_pictures(draw: Draw, name: str, layout: object) -> None:
    geometry = GEOMETRIES[name]
    picture = packed(geometry, direction_colours(geometry, 256, 128), noise(256, 128))
    frame = frame_of_rgb(picture, layout=layout)
    ink = (0.9, 0.1, 0.6)
    for key in ("turned", "blend 120", "behind, seam within a quad", "zenith", "map", "map turned"):
        where = VIEWS[key]
        expected = reference_view(frame, geometry, where, width=320, height=200, background_rgb=ink)
        got = draw(frame, where, geometry=geometry, background_rgb=ink)
        assert psnr(got, 255 * expected) >= 45, key


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_other_eye_never_shows(draw: Draw, name: str) -> None:
    """The other eye is white: a single bright pixel would be a leak."""
    geometry = GEOMETRIES[name]
    eye = np.full((64, 128, 3), 0.2)
    frame = frame_of_rgb(packed(geometry, eye, np.ones_like(eye)), layout=YUV420)
    for where in VIEWS.values():
        assert draw(frame, where, geometry=geometry).max() <= 0.2 * 255 + 1.5


@pytest.mark.parametrize("fov", [60, 110])
def test_what_the_picture_does_not_cover_is_background_with_a_soft_edge(draw: Draw, fov: float) -> None:
    half = GEOMETRIES["half"]
    frame = frame_of_rgb(np.ones((128, 128, 3)))
    got = draw(frame, view(90, 0, 0, fov), geometry=half, background_rgb=(0.0, 0.0, 0.0))[100, :, 0].astype(int)
    assert (got[:158] == 0).all() and (got[162:] == 255).all()
    assert (draw(frame, view(180, 0, 0, 90), geometry=half) == 0).all()
    assert (draw(frame, view(0, 0, 0, 90), geometry=half) == 255).all()


@pytest.mark.parametrize("size", [(320, 200), (200, 320)])
@pytest.mark.parametrize("flat", [FlatView(), FlatView(0.3, 0.6, 3.0), FlatView(0.9, 0.1, 1.5)])
@pytest.mark.parametrize("stereo", StereoMode)
def test_flat_pictures(draw: Draw, size: tuple[int, int], flat: FlatView, stereo: StereoMode) -> None:
    geometry = PictureGeometry(PictureProjection.FLAT, stereo=stereo)
    frame = frame_of_rgb(packed(geometry, noise(128, 96), noise(128, 96, seed=9)), layout=YUV420)
    expected = reference_flat(
        frame,
        geometry,
        width=size[0],
        height=size[1],
        centre_u=flat.centre_u,
        centre_v=flat.centre_v,
        zoom=flat.zoom,
        background_rgb=(0.2, 0.2, 0.2),
    )
    got = draw(frame, geometry=geometry, size=size, flat=flat, background_rgb=(0.2, 0.2, 0.2))
    assert psnr(got, 255 * expected) >= 45


def test_a_flat_picture_is_letterboxed_whole(draw: Draw) -> None:
    frame = frame_of_rgb(np.ones((100, 100, 3)))
    got = draw(frame, geometry=PictureGeometry(PictureProjection.FLAT))
    lit = got[..., 0] > 127
    assert lit.any(axis=0).sum() == 200 and lit.any(axis=1).sum() == 200


@pytest.mark.parametrize("transfer", [Transfer.PQ, Transfer.HLG])
@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.BT2020])
def test_tone_mapping_equals_the_reference(draw: Draw, transfer: Transfer, matrix: Matrix) -> None:
    frame = frame_of_rgb(noise(256, 128), layout=YUV420_10, matrix=matrix, transfer=transfer)
    where = view(10, 5, 0, 90)
    expected = 255 * reference_view(frame, PictureGeometry(), where, width=320, height=200)
    assert psnr(draw(frame, where), expected) >= 45


def test_grey_is_grey(draw: Draw) -> None:
    got = draw(frame_of_rgb(noise(64, 32).mean(axis=2, keepdims=True).repeat(3, axis=2), layout=GRAY)).astype(int)
    assert np.ptp(got, axis=2).max() == 0 and np.ptp(got) > 50
