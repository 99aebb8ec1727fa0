"""The OpenGL functions that panosod uses, in one place: PyOpenGL's raw layer, plus a few thin helpers.

The raw layer takes plain pointers (no array wrappers, no copies) and imports in 0.05 s where ``OpenGL.GL`` takes 0.5 s.
"""

# The platform must be chosen before PyOpenGL is imported, so the order matters here.
# isort: off
from panosod_viewer.render import platform as _platform  # noqa: F401 - imported for what it sets

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from OpenGL.raw.GL.VERSION.GL_1_0 import (
    GL_BLEND as GL_BLEND,
    GL_COLOR_BUFFER_BIT as GL_COLOR_BUFFER_BIT,
    GL_CULL_FACE as GL_CULL_FACE,
    GL_DEPTH_TEST as GL_DEPTH_TEST,
    GL_LINEAR as GL_LINEAR,
    GL_MAX_TEXTURE_SIZE as GL_MAX_TEXTURE_SIZE,
    GL_NEAREST as GL_NEAREST,
    GL_NO_ERROR as GL_NO_ERROR,
    GL_PACK_ALIGNMENT as GL_PACK_ALIGNMENT,
    GL_RED as GL_RED,
    GL_RENDERER as GL_RENDERER,
    GL_REPEAT as GL_REPEAT,
    GL_RGB as GL_RGB,
    GL_RGBA as GL_RGBA,
    GL_ONE as GL_ONE,
    GL_ONE_MINUS_SRC_ALPHA as GL_ONE_MINUS_SRC_ALPHA,
    GL_FLOAT as GL_FLOAT,
    GL_SCISSOR_TEST as GL_SCISSOR_TEST,
    GL_STENCIL_TEST as GL_STENCIL_TEST,
    GL_TEXTURE_2D as GL_TEXTURE_2D,
    GL_TEXTURE_MAG_FILTER as GL_TEXTURE_MAG_FILTER,
    GL_TEXTURE_MIN_FILTER as GL_TEXTURE_MIN_FILTER,
    GL_TEXTURE_WRAP_S as GL_TEXTURE_WRAP_S,
    GL_TEXTURE_WRAP_T as GL_TEXTURE_WRAP_T,
    GL_TRIANGLES as GL_TRIANGLES,
    GL_UNPACK_ALIGNMENT as GL_UNPACK_ALIGNMENT,
    GL_UNPACK_ROW_LENGTH as GL_UNPACK_ROW_LENGTH,
    GL_UNSIGNED_BYTE as GL_UNSIGNED_BYTE,
    GL_UNSIGNED_SHORT as GL_UNSIGNED_SHORT,
    GL_VERSION as GL_VERSION,
    glBlendFunc as glBlendFunc,
    glClear as glClear,
    glClearColor as glClearColor,
    glDisable as glDisable,
    glEnable as glEnable,
    glFinish as glFinish,
    glGetError as glGetError,
    glGetIntegerv as glGetIntegerv,
    glGetString as glGetString,
    glPixelStorei as glPixelStorei,
    glReadPixels as glReadPixels,
    glScissor as glScissor,
    glTexImage2D as glTexImage2D,
    glTexParameteri as glTexParameteri,
    glViewport as glViewport,
)
from OpenGL.raw.GL.VERSION.GL_1_1 import (
    GL_RGBA8 as GL_RGBA8,
    glBindTexture as glBindTexture,
    glDeleteTextures as glDeleteTextures,
    glDrawArrays as glDrawArrays,
    glGenTextures as glGenTextures,
    glTexSubImage2D as glTexSubImage2D,
)
from OpenGL.raw.GL.VERSION.GL_1_2 import (
    GL_CLAMP_TO_EDGE as GL_CLAMP_TO_EDGE,
    GL_TEXTURE_MAX_LEVEL as GL_TEXTURE_MAX_LEVEL,
)
from OpenGL.raw.GL.VERSION.GL_1_3 import (
    GL_TEXTURE0 as GL_TEXTURE0,
    glActiveTexture as glActiveTexture,
)
from OpenGL.raw.GL.VERSION.GL_1_5 import (
    GL_ARRAY_BUFFER as GL_ARRAY_BUFFER,
    GL_STREAM_DRAW as GL_STREAM_DRAW,
    glBindBuffer as glBindBuffer,
    glBufferData as glBufferData,
    glDeleteBuffers as glDeleteBuffers,
    glGenBuffers as glGenBuffers,
)
from OpenGL.raw.GL.VERSION.GL_2_0 import (
    GL_COMPILE_STATUS as GL_COMPILE_STATUS,
    GL_FRAGMENT_SHADER as GL_FRAGMENT_SHADER,
    GL_INFO_LOG_LENGTH as GL_INFO_LOG_LENGTH,
    GL_LINK_STATUS as GL_LINK_STATUS,
    GL_VERTEX_SHADER as GL_VERTEX_SHADER,
    glAttachShader as glAttachShader,
    glCompileShader as glCompileShader,
    glCreateProgram as glCreateProgram,
    glCreateShader as glCreateShader,
    glDeleteProgram as glDeleteProgram,
    glDeleteShader as glDeleteShader,
    glDisableVertexAttribArray as glDisableVertexAttribArray,
    glEnableVertexAttribArray as glEnableVertexAttribArray,
    glGetProgramInfoLog as glGetProgramInfoLog,
    glGetProgramiv as glGetProgramiv,
    glGetShaderInfoLog as glGetShaderInfoLog,
    glGetShaderiv as glGetShaderiv,
    glGetUniformLocation as glGetUniformLocation,
    glLinkProgram as glLinkProgram,
    glShaderSource as glShaderSource,
    glUniform1f as glUniform1f,
    glUniform1i as glUniform1i,
    glUniform2f as glUniform2f,
    glUniform3f as glUniform3f,
    glUniform4f as glUniform4f,
    glUniformMatrix3fv as glUniformMatrix3fv,
    glUseProgram as glUseProgram,
    glVertexAttribPointer as glVertexAttribPointer,
)
from OpenGL.raw.GL.VERSION.GL_3_0 import (
    GL_COLOR_ATTACHMENT0 as GL_COLOR_ATTACHMENT0,
    GL_DEPTH24_STENCIL8 as GL_DEPTH24_STENCIL8,
    GL_DEPTH_STENCIL_ATTACHMENT as GL_DEPTH_STENCIL_ATTACHMENT,
    GL_DRAW_FRAMEBUFFER as GL_DRAW_FRAMEBUFFER,
    GL_FRAMEBUFFER as GL_FRAMEBUFFER,
    GL_FRAMEBUFFER_COMPLETE as GL_FRAMEBUFFER_COMPLETE,
    GL_FRAMEBUFFER_SRGB as GL_FRAMEBUFFER_SRGB,
    GL_MAJOR_VERSION as GL_MAJOR_VERSION,
    GL_MINOR_VERSION as GL_MINOR_VERSION,
    GL_R8 as GL_R8,
    GL_R16 as GL_R16,
    GL_READ_FRAMEBUFFER as GL_READ_FRAMEBUFFER,
    GL_RENDERBUFFER as GL_RENDERBUFFER,
    GL_RG as GL_RG,
    GL_RG8 as GL_RG8,
    GL_RG16 as GL_RG16,
    glBindFramebuffer as glBindFramebuffer,
    glBindRenderbuffer as glBindRenderbuffer,
    glBindVertexArray as glBindVertexArray,
    glBlitFramebuffer as glBlitFramebuffer,
    glCheckFramebufferStatus as glCheckFramebufferStatus,
    glDeleteFramebuffers as glDeleteFramebuffers,
    glDeleteRenderbuffers as glDeleteRenderbuffers,
    glDeleteVertexArrays as glDeleteVertexArrays,
    glFramebufferRenderbuffer as glFramebufferRenderbuffer,
    glFramebufferTexture2D as glFramebufferTexture2D,
    glGenFramebuffers as glGenFramebuffers,
    glGenRenderbuffers as glGenRenderbuffers,
    glGenVertexArrays as glGenVertexArrays,
    glRenderbufferStorage as glRenderbufferStorage,
)

from panosod_core.errors import RenderError
# isort: on


def generate(function: Callable[..., Any]) -> int:
    """One new object from a ``glGen*`` function."""
    name = ctypes.c_uint(0)
    function(1, ctypes.byref(name))
    return name.value


def delete(function: Callable[..., Any], name: int) -> None:
    """Delete one object with a ``glDelete*`` function; 0 is none."""
    if name:
        value = ctypes.c_uint(name)
        function(1, ctypes.byref(value))


def integer(parameter: int) -> int:
    """A state value of the current context."""
    value = (ctypes.c_int * 4)()
    glGetIntegerv(parameter, value)
    return int(value[0])


def text(parameter: int) -> str:
    """A string of the current context, e.g. GL_RENDERER."""
    raw = glGetString(parameter)
    if not raw:
        return ""
    return bytes(ctypes.cast(raw, ctypes.c_char_p).value or b"").decode("ascii", "replace")


def drop_errors() -> None:
    """Forget errors that others (Qt, the driver) left behind, so that they are not taken for ours."""
    for _ in range(16):
        if glGetError() == GL_NO_ERROR:
            return


@contextmanager
def errors_as(action: str) -> Iterator[None]:
    """Turn a GL error within into :class:`RenderError`, at the end of the block.

    Args:
        action: what was being done, e.g. "uploading a 3840x1920 picture".
    """
    yield
    code = int(glGetError())
    if code != GL_NO_ERROR:
        drop_errors()
        raise RenderError(f"OpenGL failed while {action}: GL error {code:#06x}. Try updating the graphics driver.")


def require_version() -> str:
    """Check that the current context is OpenGL 3.3 or newer.

    Returns:
        Version and renderer for the log, e.g. "4.5 (Core Profile) Mesa 22.3.6, llvmpipe".

    Raises:
        RenderError: no context, or an older one.
    """
    version = text(GL_VERSION)
    if not version:
        raise RenderError("OpenGL 3.3 is needed, but there is no OpenGL here. Install a graphics driver (or Mesa).")
    found = (integer(GL_MAJOR_VERSION), integer(GL_MINOR_VERSION))
    if found < (3, 3):
        raise RenderError(
            f"OpenGL 3.3 is needed, this machine offers {version} ({text(GL_RENDERER)}). Update the graphics driver, "
            "or install Mesa's software renderer."
        )
    return f"{version}, {text(GL_RENDERER)}"
