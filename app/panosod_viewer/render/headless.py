"""An OpenGL context without a window, and a framebuffer to draw into.

On Linux: EGL, surfaceless, on the first device that gives OpenGL 3.3 core (GPUs come before Mesa's software device);
no X, no Wayland, no Qt. On Windows and macOS, where there is no EGL: Qt's offscreen surface.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import RenderError
from panosod_viewer.render import gl
from panosod_viewer.render.sphere_renderer import SphereRenderer, make_framebuffer, read_pixels
from panosod_viewer.scene import RenderScene

_EGL_NONE = 0x3038
_EGL_CONTEXT_ATTRIBUTES = (0x3098, 3, 0x30FB, 3, 0x30FD, 0x1, _EGL_NONE)  # major 3, minor 3, core profile
_EGL_CONFIG_ATTRIBUTES = (0x3033, 0, 0x3040, 0x0008, _EGL_NONE)  # any surface type, renderable by OpenGL
_EGL_OPENGL_API = 0x30A2
_EGL_PLATFORM_DEVICE_EXT = 0x313F
_EGL_PLATFORM_SURFACELESS_MESA = 0x31DD
_EGL_EXTENSIONS = 0x3055


class HeadlessContext:
    """A current OpenGL 3.3 core context with a framebuffer of a fixed size; a context manager.

    Args:
        width, height: of the framebuffer, pixels.

    Raises:
        RenderError: no OpenGL 3.3 without a display here, with what was tried.
    """

    def __init__(self, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"a framebuffer needs at least 1x1 pixels, got {width}x{height}")
        self.width, self.height = width, height
        self._context: _EglContext | _QtContext
        self._context = _EglContext() if sys.platform.startswith("linux") else _QtContext()
        self._renderer = SphereRenderer()
        self._texture = 0
        self.fbo = 0
        try:
            self._context.make_current()
            self._renderer.initialise()
            limit = gl.integer(gl.GL_MAX_TEXTURE_SIZE)
            if max(width, height) > limit:
                raise RenderError(
                    f"{width}x{height} pixels asked for, this graphics driver draws at most {limit} a side"
                )
            self.fbo, self._texture = make_framebuffer(width, height)
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> str:
        """Version and renderer, for the log."""
        return self._renderer.description

    def make_current(self) -> None:
        """Make its context the thread's current one (it is after construction)."""
        self._context.make_current()

    def render(self, scene: RenderScene) -> NDArray[np.uint8]:
        """Draw a scene and read it back: (height, width, 3) uint8 R'G'B'."""
        self._context.make_current()
        self._renderer.draw(scene, size_px=(self.width, self.height), target_fbo=self.fbo)
        with gl.errors_as("reading the picture back"):
            return read_pixels(self.width, self.height)

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        if self._context.is_open:
            self._context.make_current()
            self._renderer.release()
            gl.delete(gl.glDeleteFramebuffers, self.fbo)
            gl.delete(gl.glDeleteTextures, self._texture)
            self.fbo = self._texture = 0
            self._context.close()

    def __enter__(self) -> "HeadlessContext":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _EglContext:
    """A surfaceless EGL context on the first display that gives OpenGL 3.3 core."""

    def __init__(self) -> None:
        try:
            self._egl = _load_egl()
        except OSError as error:
            raise RenderError(f"rendering without a window needs EGL ({error}): apt install libegl1") from error
        _release_qt_context()
        tried: list[str] = []
        for name, display in self._displays():
            context = self._open(display)
            if context:
                self._display, self._handle = display, context
                return
            tried.append(name)
        raise RenderError(
            f"no OpenGL 3.3 without a window here (tried EGL {', '.join(tried) or 'without result'}): "
            "apt install libegl1 libgl1-mesa-dri"
        )

    @property
    def is_open(self) -> bool:
        return bool(self._handle)

    def make_current(self) -> None:
        _release_qt_context()
        if not self._egl.eglMakeCurrent(self._display, None, None, self._handle):
            raise RenderError(f"EGL refused to make its context current (error {self._egl.eglGetError():#06x})")

    def close(self) -> None:
        """Destroy the context. The display stays initialised: it is shared by the whole process."""
        self._egl.eglMakeCurrent(self._display, None, None, None)
        self._egl.eglDestroyContext(self._display, self._handle)
        self._handle = None

    def _displays(self) -> Iterator[tuple[str, Any]]:
        extensions = self._egl.eglQueryString(None, _EGL_EXTENSIONS) or b""
        if b"EGL_EXT_device_enumeration" in extensions or b"EGL_EXT_device_base" in extensions:
            query = ctypes.CFUNCTYPE(
                ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)
            )(self._egl.eglGetProcAddress(b"eglQueryDevicesEXT"))
            devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int(0)
            if query(16, devices, ctypes.byref(count)):
                for index in range(count.value):
                    yield f"device {index}", self._platform_display(_EGL_PLATFORM_DEVICE_EXT, devices[index])
        if b"EGL_MESA_platform_surfaceless" in extensions:
            yield "surfaceless", self._platform_display(_EGL_PLATFORM_SURFACELESS_MESA, None)
        yield "default display", self._egl.eglGetDisplay(None)

    def _platform_display(self, platform: int, native: int | None) -> Any:
        address = self._egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
        if not address:
            return None
        get = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(address)
        return get(platform, native, None)

    def _open(self, display: Any) -> Any:
        """A core 3.3 context on a display that can be current without a surface, or None."""
        egl = self._egl
        if not display or not egl.eglInitialize(display, None, None) or not egl.eglBindAPI(_EGL_OPENGL_API):
            return None
        config, count = ctypes.c_void_p(), ctypes.c_int(0)
        attributes = (ctypes.c_int * len(_EGL_CONFIG_ATTRIBUTES))(*_EGL_CONFIG_ATTRIBUTES)
        if (
            not egl.eglChooseConfig(display, attributes, ctypes.byref(config), 1, ctypes.byref(count))
            or not count.value
        ):
            return None
        wanted = (ctypes.c_int * len(_EGL_CONTEXT_ATTRIBUTES))(*_EGL_CONTEXT_ATTRIBUTES)
        context = egl.eglCreateContext(display, config, None, wanted)
        if context and not egl.eglMakeCurrent(display, None, None, context):
            egl.eglDestroyContext(display, context)
            return None
        return context


def _release_qt_context() -> None:
    """Take a window's GLX context off this thread: EGL refuses to make another current beside it."""
    gui = sys.modules.get("PySide6.QtGui")
    current = gui.QOpenGLContext.currentContext() if gui is not None else None
    if current is not None:
        current.doneCurrent()


def _load_egl() -> ctypes.CDLL:
    egl = ctypes.CDLL("libEGL.so.1")
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("eglGetError", ctypes.c_int, []),
        ("eglGetDisplay", pointer, [pointer]),
        ("eglInitialize", ctypes.c_uint, [pointer, pointer, pointer]),
        ("eglQueryString", ctypes.c_char_p, [pointer, ctypes.c_int]),
        ("eglBindAPI", ctypes.c_uint, [ctypes.c_uint]),
        ("eglChooseConfig", ctypes.c_uint, [pointer, pointer, pointer, ctypes.c_int, pointer]),
        ("eglCreateContext", pointer, [pointer, pointer, pointer, pointer]),
        ("eglDestroyContext", ctypes.c_uint, [pointer, pointer]),
        ("eglMakeCurrent", ctypes.c_uint, [pointer, pointer, pointer, pointer]),
        ("eglGetProcAddress", pointer, [ctypes.c_char_p]),
    ):
        function = getattr(egl, name)
        function.restype, function.argtypes = result, arguments
    return egl


class _QtContext:
    """Qt's offscreen surface, for systems without EGL. Needs a QGuiApplication, and makes one where there is none."""

    def __init__(self) -> None:
        from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

        from panosod_viewer.render.surface_format import default_format

        self._application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
        self._surface = QOffscreenSurface()
        self._surface.setFormat(default_format())
        self._surface.create()
        self._context: QOpenGLContext | None = QOpenGLContext()
        self._context.setFormat(default_format())
        if not self._context.create():
            self._context = None
            raise RenderError("no OpenGL 3.3 without a window here: update the graphics driver")

    @property
    def is_open(self) -> bool:
        return self._context is not None

    def make_current(self) -> None:
        if self._context is None or not self._context.makeCurrent(self._surface):
            raise RenderError("Qt refused to make its OpenGL context current")

    def close(self) -> None:
        if self._context is not None:
            with contextlib.suppress(RuntimeError):  # Qt may be gone already at interpreter exit
                self._context.doneCurrent()
            self._context = None
