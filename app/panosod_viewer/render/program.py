"""A linked GL program with its uniforms."""

import ctypes
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from panosod_core.errors import RenderError
from panosod_viewer.render import gl
from panosod_viewer.render.shader_source import ShaderSource, load_shader
from panosod_viewer.render.variants import UniformValue


class Program:
    """Compiled from a vertex and a fragment file; needs the current context for its whole life.

    Raises:
        RenderError: with the compiler's words, file and line.
    """

    def __init__(self, vertex: Path, fragment: Path, *, defines: Iterable[str] = ()) -> None:
        defines = tuple(defines)
        stages: list[int] = []
        self._name = gl.glCreateProgram()
        try:
            for kind, path in ((gl.GL_VERTEX_SHADER, vertex), (gl.GL_FRAGMENT_SHADER, fragment)):
                stages.append(_compiled(kind, load_shader(path, defines=defines)))
                gl.glAttachShader(self._name, stages[-1])
            gl.glLinkProgram(self._name)
            if not _parameter(gl.glGetProgramiv, self._name, gl.GL_LINK_STATUS):
                log = _log(gl.glGetProgramiv, gl.glGetProgramInfoLog, self._name)
                raise RenderError(f"shaders {vertex.name} and {fragment.name} do not link: {log}")
        except BaseException:
            self.release()
            raise
        finally:
            for stage in stages:
                gl.glDeleteShader(stage)
        self._locations: dict[str, int] = {}
        self._in_force: Mapping[str, UniformValue] | None = None

    def use(self, uniforms: Mapping[str, UniformValue]) -> None:
        """Make it current and set uniforms by name; names that this variant does not have are passed over.

        Args:
            uniforms: int -> sampler or int, float, tuple of 2..4 floats -> vec, (3, 3) array -> mat3. Do not change
                it afterwards: the very same mapping again costs nothing.
        """
        gl.glUseProgram(self._name)
        if uniforms is self._in_force:
            return
        before = self._in_force or {}
        self._in_force = uniforms
        for name, value in uniforms.items():
            if name in before and _is_same(before[name], value):
                continue
            location = self._location(name)
            if location >= 0:
                _set(location, value)

    def release(self) -> None:
        """Delete the program."""
        if self._name:
            gl.glDeleteProgram(self._name)
            self._name = 0

    def _location(self, name: str) -> int:
        if name not in self._locations:
            self._locations[name] = int(gl.glGetUniformLocation(self._name, name.encode()))
        return self._locations[name]


def _is_same(before: UniformValue, value: UniformValue) -> bool:
    if isinstance(before, np.ndarray) or isinstance(value, np.ndarray):
        return before is value
    return before == value


def _set(location: int, value: UniformValue) -> None:
    if isinstance(value, np.ndarray):
        # row-major here, column-major there: transpose on the way
        matrix = np.ascontiguousarray(value, np.float32)
        pointer = matrix.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        gl.glUniformMatrix3fv(location, 1, 1, pointer)
    elif isinstance(value, int):
        gl.glUniform1i(location, value)
    elif isinstance(value, float):
        gl.glUniform1f(location, value)
    else:
        (gl.glUniform2f, gl.glUniform3f, gl.glUniform4f)[len(value) - 2](location, *value)


def _compiled(kind: int, source: ShaderSource) -> int:
    shader = int(gl.glCreateShader(kind))
    text = ctypes.c_char_p(source.text.encode("utf-8"))
    pointers = ctypes.cast(ctypes.pointer(text), ctypes.POINTER(ctypes.POINTER(ctypes.c_char)))
    gl.glShaderSource(shader, 1, pointers, None)
    gl.glCompileShader(shader)
    if not _parameter(gl.glGetShaderiv, shader, gl.GL_COMPILE_STATUS):
        log = source.explained(_log(gl.glGetShaderiv, gl.glGetShaderInfoLog, shader))
        gl.glDeleteShader(shader)
        first = next((line for line in log.splitlines() if "error" in line.lower()), log)
        failure = RenderError(f"shader {source.files[0]} does not compile: {first}")
        failure.add_note(log)
        raise failure
    return shader


def _parameter(function: object, name: int, parameter: int) -> int:
    value = ctypes.c_int(0)
    function(name, parameter, ctypes.byref(value))  # type: ignore[operator]  # PyOpenGL's functions have no types
    return value.value


def _log(parameter_function: object, log_function: object, name: int) -> str:
    length = max(_parameter(parameter_function, name, gl.GL_INFO_LOG_LENGTH), 1)
    buffer = ctypes.create_string_buffer(length)
    log_function(name, length, None, buffer)  # type: ignore[operator]  # PyOpenGL's functions have no types
    return buffer.value.decode("utf-8", "replace")
