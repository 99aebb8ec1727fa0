"""The renderer: a scene in, pixels in a framebuffer out. No Qt; needs a current OpenGL 3.3 core context."""

import ctypes
import weakref
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import RenderError
from panosod_core.media.frame import VideoFrame
from panosod_viewer.overlays import LayerSet, Overlays
from panosod_viewer.render import gl
from panosod_viewer.render.line_pass import LinePass
from panosod_viewer.render.overlay_pass import OverlayPass, Part
from panosod_viewer.render.planes import PlaneTextures
from panosod_viewer.render.program import Program
from panosod_viewer.render.variants import PassSetup, pane_pixels, pane_setup
from panosod_viewer.resources import shader_dir
from panosod_viewer.scene import Pane, RenderScene

_SCRATCH_PX = (60, 36)
"""Of a framebuffer that nobody sees; no powers of two, which are another kind to a driver."""


class SphereRenderer:
    """Draws scenes. Every method needs the context that :meth:`initialise` saw to be current.

    The GL state it leaves behind is the default one (so that QPainter works after it), with ``target_fbo`` bound.
    """

    def __init__(self) -> None:
        self._vao = 0
        self._textures = PlaneTextures()
        self._programs: dict[frozenset[str], Program] = {}
        self._setups: dict[int, tuple[object, PassSetup]] = {}
        self._scaled = _ScaledTarget()
        self._overlays = OverlayPass()
        self._lines = LinePass()
        self._uploaded: weakref.ref[VideoFrame] | None = None
        self._description = ""

    @property
    def description(self) -> str:
        """Version and renderer of the context, "" before :meth:`initialise`."""
        return self._description

    def initialise(self) -> None:
        """Check the context and make what every draw needs.

        Raises:
            RenderError: OpenGL is missing or older than 3.3.
        """
        gl.drop_errors()
        with gl.errors_as("starting up"):
            self._description = gl.require_version()
            self._vao = gl.generate(gl.glGenVertexArrays)
        self._overlays.begin(self._description)

    @property
    def label_texels_uploaded(self) -> int:
        """Texels of label maps sent to the GPU so far."""
        return self._overlays.label_texels_uploaded

    def upload(self, frame: VideoFrame) -> bool:
        """Copy a frame to the GPU unless it is the one that is there.

        Returns:
            True when something was copied.

        Raises:
            RenderError: the picture is too large for the GPU, or the driver failed.
        """
        if self._uploaded is not None and self._uploaded() is frame:
            return False
        # a weak reference: the decoder's memory may go once it has been copied
        self._uploaded = None
        with gl.errors_as(f"uploading a {frame.width}x{frame.height} {frame.layout.name} picture"):
            self._textures.upload(frame)
        self._uploaded = weakref.ref(frame)
        return True

    def draw(
        self, scene: RenderScene, *, size_px: tuple[int, int], target_fbo: int = 0, pixel_ratio: float = 1.0
    ) -> bool:
        """Draw a scene into a framebuffer.

        Args:
            scene: what to draw; its frame is uploaded first when it is a new one.
            size_px: framebuffer width and height in pixels.
            target_fbo: GL name of the framebuffer; 0 is the context's own.
            pixel_ratio: framebuffer pixels a device-independent pixel (high DPI): line widths follow it.

        Returns:
            True when a new frame was uploaded.

        Raises:
            RenderError: a shader does not compile, or the driver failed.
        """
        if not self._vao:
            raise RenderError("the renderer was drawn to before it was initialised, or after its context was lost")
        gl.drop_errors()
        width, height = size_px
        if width <= 0 or height <= 0:
            return False
        uploaded = scene.frame is not None and self.upload(scene.frame)
        scale = float(np.clip(scene.render_scale, 0.25, 2.0))
        with gl.errors_as(f"drawing {width}x{height}"):
            if scale == 1.0:
                gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, target_fbo)
                self._draw_panes(scene, width, height, pixel_ratio)
            else:
                inner = max(round(width * scale), 1), max(round(height * scale), 1)
                self._scaled.bind(*inner)
                self._draw_panes(scene, *inner, pixel_ratio * scale)
                self._scaled.blit_to(target_fbo, width, height)
        return uploaded

    def prepare(self, scene: RenderScene, *, size_px: tuple[int, int], pixel_ratio: float = 1.0) -> None:
        """Compile all that a scene like this may need, by drawing a pixel with each shader where nobody sees it.

        Args:
            scene: with its frame, and with overlays of the kinds that are to come.
            size_px: as in :meth:`draw`; the shape of a pane has a say in its shader.
            pixel_ratio: as in :meth:`draw`.

        Raises:
            RenderError: a shader does not compile, or the driver failed.
        """
        if not self._vao or scene.frame is None or min(size_px) <= 0:
            return
        gl.drop_errors()
        self.upload(scene.frame)
        drawn, target = _ScaledTarget(), _ScaledTarget()
        with gl.errors_as("compiling shaders"):
            try:
                target.bind(*_SCRATCH_PX)
                drawn.bind(*size_px)
                self._draw_panes(scene, *size_px, pixel_ratio, is_rehearsal=True)
                drawn.blit_to(target.fbo, *_SCRATCH_PX)
                gl.glFinish()
            finally:
                drawn.release()
                target.release()

    def release(self) -> None:
        """Delete all GL objects; the renderer can be initialised again, in any context."""
        for program in self._programs.values():
            program.release()
        self._programs.clear()
        self._textures.release()
        self._overlays.release()
        self._lines.release()
        self._scaled.release()
        gl.delete(gl.glDeleteVertexArrays, self._vao)
        self._vao = 0
        self._uploaded = None

    def _draw_panes(
        self, scene: RenderScene, width: int, height: int, pixel_ratio: float, *, is_rehearsal: bool = False
    ) -> None:
        for capability in (gl.GL_SCISSOR_TEST, gl.GL_BLEND, gl.GL_DEPTH_TEST, gl.GL_STENCIL_TEST, gl.GL_CULL_FACE):
            gl.glDisable(capability)
        # samples are R'G'B' already
        gl.glDisable(gl.GL_FRAMEBUFFER_SRGB)
        gl.glViewport(0, 0, width, height)
        gl.glClearColor(*scene.background_rgb, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        if scene.frame is None:
            return
        has_overlays = scene.geometry.is_spherical and any(not side.is_empty for side in scene.overlays.sides)
        if has_overlays:
            self._overlays.upload(scene.overlays)
        gl.glBindVertexArray(self._vao)
        for index, pane in enumerate(scene.panes):
            x, top, w, h = pane_pixels(pane.rect, width, height)
            if w == 0 or h == 0:
                continue
            setup = self._setup(index, pane, scene, (w, h), pixel_ratio)
            bottom = height - top - h
            self._textures.bind(repeat=setup.repeat)
            # the viewport clips the one triangle: no scissor needed
            gl.glViewport(x, bottom, w, h)
            if has_overlays:
                if is_rehearsal:
                    parts = self._overlays.every_part(index, pane, scene.overlays, base=setup, pixel_ratio=pixel_ratio)
                else:
                    parts = self._overlays.parts(
                        index,
                        pane,
                        scene.overlays,
                        geometry=scene.geometry,
                        base=setup,
                        size_px=(w, h),
                        pixel_ratio=pixel_ratio,
                    )
                self._draw_parts(parts, scene.overlays, (x, bottom, h))
            else:
                self._program(setup.defines).use(setup.uniforms)
                gl.glDrawArrays(gl.GL_TRIANGLES, 0, 3)
        gl.glBindVertexArray(0)
        if scene.geometry.is_spherical:
            self._lines.draw(scene, width=width, height=height, pixel_ratio=pixel_ratio)
        gl.glUseProgram(0)
        if has_overlays:
            self._overlays.unbind()
        self._textures.unbind()
        gl.glViewport(0, 0, width, height)

    def _draw_parts(
        self, parts: Iterable[tuple[LayerSet | None, Part]], overlays: Overlays, pane_px: tuple[int, int, int]
    ) -> None:
        """The pane in parts: the bare shader where nothing lies over the picture, others where something does.

        Args:
            parts: what to draw.
            overlays: what lies over the picture.
            pane_px: left, bottom, height of the pane.
        """
        x, bottom, h = pane_px
        bound = None
        gl.glEnable(gl.GL_SCISSOR_TEST)
        for layers, part in parts:
            if layers is not None and layers is not bound:
                self._overlays.bind(layers, overlays)
                bound = layers
            self._program(part.setup.defines).use(part.setup.uniforms)
            for left, top, across, down in part.rects:
                gl.glScissor(x + left, bottom + h - top - down, across, down)
                gl.glDrawArrays(gl.GL_TRIANGLES, 0, 3)
        gl.glDisable(gl.GL_SCISSOR_TEST)

    def _setup(
        self, index: int, pane: Pane, scene: RenderScene, size_px: tuple[int, int], pixel_ratio: float
    ) -> PassSetup:
        """The pane's draw call: while a clip plays before a resting view, that of the frame before."""
        frame = scene.frame
        assert frame is not None
        picture = frame.width, frame.height, frame.layout, frame.matrix, frame.range, frame.transfer
        key = pane, scene.geometry, scene.flat, scene.background_rgb, picture, size_px, pixel_ratio
        known = self._setups.get(index)
        if known is not None and known[0] == key:
            return known[1]
        setup = pane_setup(pane, frame, scene.geometry, flat=scene.flat, size_px=size_px, pixel_ratio=pixel_ratio)
        setup.uniforms["u_pane_size"] = float(size_px[0]), float(size_px[1])
        setup.uniforms["u_background"] = scene.background_rgb
        self._setups[index] = key, setup
        return setup

    def _program(self, defines: frozenset[str]) -> Program:
        if defines not in self._programs:
            folder = shader_dir()
            self._programs[defines] = Program(folder / "screen.vert", folder / "view.frag", defines=defines)
        return self._programs[defines]


class _ScaledTarget:
    """A framebuffer of another size than the window's, blended linearly into it.

    It has a depth and stencil buffer as Qt's framebuffer has, though nobody writes there: Mesa's software renderer
    compiles every shader anew for another kind of target, a tenth of a second each.

    Attributes:
        fbo: its name, 0 before it was bound first.
    """

    def __init__(self) -> None:
        self.fbo = 0
        self._texture = 0
        self._depth = 0
        self._size = (0, 0)

    def bind(self, width: int, height: int) -> None:
        if (width, height) != self._size:
            self.release()
            self.fbo, self._texture = make_framebuffer(width, height)
            self._depth = gl.generate(gl.glGenRenderbuffers)
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, self._depth)
            gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, gl.GL_DEPTH24_STENCIL8, width, height)
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, 0)
            gl.glFramebufferRenderbuffer(
                gl.GL_FRAMEBUFFER, gl.GL_DEPTH_STENCIL_ATTACHMENT, gl.GL_RENDERBUFFER, self._depth
            )
            self._size = (width, height)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.fbo)

    def blit_to(self, target_fbo: int, width: int, height: int) -> None:
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self.fbo)
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, target_fbo)
        gl.glBlitFramebuffer(0, 0, *self._size, 0, 0, width, height, gl.GL_COLOR_BUFFER_BIT, gl.GL_LINEAR)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, target_fbo)
        gl.glViewport(0, 0, width, height)

    def release(self) -> None:
        gl.delete(gl.glDeleteFramebuffers, self.fbo)
        gl.delete(gl.glDeleteTextures, self._texture)
        gl.delete(gl.glDeleteRenderbuffers, self._depth)
        self.fbo = self._texture = self._depth = 0
        self._size = (0, 0)


def make_framebuffer(width: int, height: int) -> tuple[int, int]:
    """A framebuffer with one RGBA8 texture: (framebuffer, texture) names, the framebuffer left bound.

    Raises:
        RenderError: the driver refuses that size.
    """
    texture = gl.generate(gl.glGenTextures)
    gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
    gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_RGBA8, width, height, 0, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, None)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAX_LEVEL, 0)
    gl.glBindTexture(gl.GL_TEXTURE_2D, 0)
    fbo = gl.generate(gl.glGenFramebuffers)
    gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, fbo)
    gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_TEXTURE_2D, texture, 0)
    if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
        raise RenderError(f"the graphics driver makes no {width}x{height} framebuffer: choose a smaller size")
    return fbo, texture


def read_pixels(width: int, height: int) -> NDArray[np.uint8]:
    """The bound framebuffer's pixels: (height, width, 3) uint8, first row on top."""
    pixels = np.empty((height, width, 3), np.uint8)
    memory = ctypes.c_void_p(pixels.ctypes.data)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadPixels(0, 0, width, height, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, memory)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 4)
    return np.ascontiguousarray(pixels[::-1])
