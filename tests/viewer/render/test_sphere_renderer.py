"""The renderer over its life: panes, scale, formats that change, state left behind, things that go wrong."""

import gc
import weakref

import numpy as np
import pytest

from panosod_core.errors import RenderError
from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.media.reference_view import reference_view
from panosod_viewer.render import gl
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.render.planes import plane_shapes
from panosod_viewer.render.sphere_renderer import SphereRenderer
from panosod_viewer.scene import Pane, RenderScene

from .conftest import Draw
from .frames import GRAY, LAYOUTS, NV12, YUV420, at_time, band_limited, frame_of_rgb, noise, psnr

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("headless")]

LOOK = View(0.5, 0.2, 0.1, 1.4)
MAP = View(0.0, 0.0, 0.0, 2 * np.pi, ViewProjection.EQUIRECT)


def test_panes_are_drawn_as_if_alone(draw: Draw) -> None:
    frame = frame_of_rgb(noise(256, 128), layout=YUV420)
    both = draw(frame, size=(321, 100), panes=(Pane(LOOK, (0, 0, 0.5, 1)), Pane(MAP, (0.5, 0, 0.5, 1))))
    left = reference_view(frame, PictureGeometry(), LOOK, width=160, height=100)
    right = reference_view(frame, PictureGeometry(), MAP, width=161, height=100)
    assert psnr(both, 255 * np.concatenate([left, right], axis=1)) >= 45


def test_a_pane_within_the_window_leaves_the_rest_to_the_background(draw: Draw) -> None:
    frame = frame_of_rgb(np.ones((32, 64, 3)))
    got = draw(frame, size=(200, 100), panes=(Pane(LOOK, (0.25, 0.1, 0.5, 0.3)),), background_rgb=(0.0, 0.0, 1.0))
    lit = (got == 255).all(axis=2)
    assert lit[10:40, 50:150].all() and lit.sum() == 30 * 100
    assert (got[0, 0] == [0, 0, 255]).all()


def test_without_a_picture_there_is_the_background(draw: Draw) -> None:
    assert (draw(None, background_rgb=(1.0, 0.0, 0.0)) == [255, 0, 0]).all()


@pytest.mark.parametrize("scale", [0.5, 0.75, 2.0])
def test_render_scale_shows_the_same_picture(draw: Draw, scale: float) -> None:
    frame = frame_of_rgb(band_limited(256, 128, highest=5))
    assert psnr(draw(frame, LOOK, render_scale=scale), draw(frame, LOOK)) >= 38


def test_supersampling_averages_what_one_sample_misses(draw: Draw) -> None:
    """A planet of noise: four samples a pixel have half the spread of one."""
    frame = frame_of_rgb(noise(2048, 1024), layout=GRAY)
    planet = View(0.0, -np.pi / 2, 0.0, np.radians(300))
    one, four = (draw(frame, planet, render_scale=s)[..., 0].astype(float) for s in (1.0, 2.0))
    assert four.std() < 0.65 * one.std()
    assert four.mean() == pytest.approx(one.mean(), abs=2)


def test_the_format_may_change_from_frame_to_frame(draw: Draw) -> None:
    for index, layout in enumerate(LAYOUTS):
        width = (128, 250, 64)[index % 3]
        frame = frame_of_rgb(noise(width, 126 if index % 2 else 64, seed=index), layout=layout, padding=index % 4)
        expected = 255 * reference_view(frame, PictureGeometry(), LOOK, width=320, height=200)
        assert psnr(draw(frame, LOOK), expected) >= 45, layout.name


@pytest.mark.parametrize("layout", [YUV420, NV12], ids=lambda x: x.name)
def test_odd_sizes(draw: Draw, layout: object) -> None:
    """427 x 213 has chroma planes of 214 x 107."""
    frame = frame_of_rgb(band_limited(428, 214), layout=layout)
    planes = (np.ascontiguousarray(frame.planes[0][:213, :427]), *frame.planes[1:])
    odd = type(frame)(**{**vars(frame), "width": 427, "height": 213, "planes": planes})
    expected = 255 * reference_view(odd, PictureGeometry(), LOOK, width=320, height=200)
    assert psnr(draw(odd, LOOK), expected) >= 45


def test_planes_that_run_backwards_are_copied(draw: Draw) -> None:
    frame = frame_of_rgb(noise(64, 32), layout=GRAY)
    flipped = np.ascontiguousarray(frame.planes[0][::-1])[::-1]
    assert flipped.strides[0] < 0
    backwards = type(frame)(**{**vars(frame), "planes": (flipped,)})
    assert np.array_equal(draw(backwards, LOOK), draw(frame, LOOK))


def test_a_frame_is_uploaded_once_and_not_kept_alive() -> None:
    with HeadlessContext(16, 16) as context:
        renderer = SphereRenderer()
        renderer.initialise()
        frame = frame_of_rgb(noise(64, 32))
        assert renderer.upload(frame) and not renderer.upload(frame)
        again = at_time(frame, 1)
        assert renderer.upload(again)
        gone = weakref.ref(again)
        del again
        gc.collect()
        assert gone() is None
        assert renderer.upload(frame)
        renderer.release()
        context.render(RenderScene(frame, PictureGeometry()))


def test_the_state_left_behind_suits_qpainter() -> None:
    with HeadlessContext(64, 32) as context:
        context.render(RenderScene(frame_of_rgb(noise(63, 31), layout=GRAY), PictureGeometry(), render_scale=0.5))
        assert gl.integer(gl.GL_UNPACK_ALIGNMENT) == 4
        assert gl.integer(gl.GL_UNPACK_ROW_LENGTH) == 0
        gl_current_program, gl_vertex_array, gl_texture = 0x8B8D, 0x85B5, 0x8069
        assert [gl.integer(x) for x in (gl_current_program, gl_vertex_array, gl_texture)] == [0, 0, 0]


def test_errors_of_others_are_not_taken_for_ours() -> None:
    with HeadlessContext(16, 16) as context:
        gl.glBindTexture(0x1234, 0)
        context.render(RenderScene(frame_of_rgb(noise(64, 32)), PictureGeometry()))


def test_errors_of_ours_are_told_once() -> None:
    with HeadlessContext(16, 16) as context:
        with pytest.raises(RenderError, match=r"while binding.*0x0500"), gl.errors_as("binding"):
            gl.glBindTexture(0x1234, 0)
        context.render(RenderScene(frame_of_rgb(noise(64, 32)), PictureGeometry()))


def test_what_is_remembered_of_the_last_draw_does_not_outlive_it() -> None:
    """Another view, another format of the picture, another eye, then the first again: each as drawn from scratch."""
    frames = [frame_of_rgb(noise(64, 32)), frame_of_rgb(noise(64, 32), layout=GRAY)]
    scenes = [
        RenderScene(frame, geometry, (Pane(view=View(yaw)),), background_rgb=(yaw, 0.0, 0.0))
        for yaw in (0.0, 1.0)
        for frame in frames
        for geometry in (PictureGeometry(), PictureGeometry(stereo=StereoMode.TOP_BOTTOM))
    ]
    with HeadlessContext(48, 32) as context:
        together = [context.render(scene) for scene in [*scenes, scenes[0]]]
    for scene, picture in zip([*scenes, scenes[0]], together, strict=True):
        with HeadlessContext(48, 32) as context:
            assert np.array_equal(context.render(scene), picture)


def test_release_and_start_again() -> None:
    frame = frame_of_rgb(noise(64, 32))
    renderer = SphereRenderer()
    for _ in range(3):
        with HeadlessContext(32, 32) as context:
            renderer.initialise()
            assert renderer.draw(RenderScene(frame, PictureGeometry()), size_px=(32, 32), target_fbo=context.fbo)
            renderer.release()
    with pytest.raises(RenderError, match="before it was initialised"):
        renderer.draw(RenderScene(frame, PictureGeometry()), size_px=(32, 32))


def test_a_picture_too_large_for_the_gpu_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with HeadlessContext(16, 16) as context:
        monkeypatch.setattr("panosod_viewer.render.planes.gl.integer", lambda _: 32)
        with pytest.raises(RenderError, match=r"64x32.*at most 32"):
            context.render(RenderScene(frame_of_rgb(noise(64, 32)), PictureGeometry()))


def test_contexts_live_beside_each_other_and_close_twice() -> None:
    frame = frame_of_rgb(noise(64, 32))
    with HeadlessContext(32, 16) as a, HeadlessContext(32, 16) as b:
        first = a.render(RenderScene(frame, PictureGeometry()))
        assert np.array_equal(b.render(RenderScene(frame, PictureGeometry())), first)
        assert np.array_equal(a.render(RenderScene(frame, PictureGeometry())), first)
        b.close()
        b.close()
        assert np.array_equal(a.render(RenderScene(frame, PictureGeometry())), first)
        assert "." in a.description


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="1x1"):
        HeadlessContext(0, 10)
    with pytest.raises(RenderError, match="draws at most"):
        HeadlessContext(200_000, 10)


def test_frames_whose_planes_do_not_fit_their_layout() -> None:
    frame = frame_of_rgb(noise(64, 32), layout=YUV420)
    with pytest.raises(ValueError, match="2 planes do not make"):
        plane_shapes(type(frame)(**{**vars(frame), "planes": frame.planes[:2]}))
    with pytest.raises(ValueError, match="holds no 66x32"):
        plane_shapes(type(frame)(**{**vars(frame), "width": 66}))


def test_an_old_opengl_is_refused_with_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with HeadlessContext(8, 8):
        numbers = {gl.GL_MAJOR_VERSION: 2, gl.GL_MINOR_VERSION: 1}
        monkeypatch.setattr(gl, "integer", lambda parameter: numbers[parameter])
        with pytest.raises(RenderError, match=r"OpenGL 3\.3 is needed, this machine offers .*Update"):
            gl.require_version()
