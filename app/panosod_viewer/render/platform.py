"""How PyOpenGL finds the GL functions: decided here, once a process, before PyOpenGL is imported.

PyOpenGL picks a platform (GLX, EGL, WGL, CGL) when it is imported and asks that one for function addresses. On Linux
a process may meet contexts of both kinds: Qt under xcb makes GLX ones, Qt under Wayland and our headless renderer make
EGL ones. With libglvnd, which every current distribution has, ``eglGetProcAddress`` and ``libOpenGL`` hand out dispatch
stubs that serve whichever context is current, GLX ones too, so EGL is the one choice that is right in all of them.
Where libEGL is missing (bare GLX), PyOpenGL's own choice stays. A person's ``PYOPENGL_PLATFORM`` is respected.
Windows and macOS have one kind only.
"""

import ctypes
import os
import sys

import OpenGL


def choose_platform() -> None:
    """Set ``PYOPENGL_PLATFORM`` where it matters. Does nothing when PyOpenGL has been imported already."""
    if not sys.platform.startswith("linux") or "OpenGL.platform" in sys.modules:
        return
    if "PYOPENGL_PLATFORM" not in os.environ and _has_egl():
        os.environ["PYOPENGL_PLATFORM"] = "egl"


def _has_egl() -> bool:
    # Not ctypes.util.find_library: it runs ldconfig or a compiler, and the first picture waits for that.
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    return True


choose_platform()

# We look for errors after a group of calls (``gl.errors_as``), not after each: a frame is about sixty.
OpenGL.ERROR_CHECKING = False
