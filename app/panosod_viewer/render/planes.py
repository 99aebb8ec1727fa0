"""The planes of a decoded picture as textures, uploaded straight from the decoder's memory."""

import ctypes
from dataclasses import dataclass

import numpy as np

from panosod_core.errors import RenderError
from panosod_core.media.frame import PlaneArray, VideoFrame
from panosod_viewer.render import gl


@dataclass(frozen=True)
class PlaneShape:
    """A texture's storage: samples a texel, bytes a sample, size in texels."""

    samples: int
    bytes: int
    width: int
    height: int


def plane_shapes(frame: VideoFrame) -> tuple[PlaneShape, ...]:
    """The textures that a frame needs.

    Raises:
        ValueError: the frame's planes are too few or too small for its layout.
    """
    size = frame.planes[0].dtype.itemsize
    sx, sy = frame.layout.chroma_shift
    columns, rows = -(-frame.width >> sx), -(-frame.height >> sy)
    luma = PlaneShape(1, size, frame.width, frame.height)
    shapes = {
        "y": (luma,),
        "yuv": (luma, PlaneShape(1, size, columns, rows), PlaneShape(1, size, columns, rows)),
        "y+uv": (luma, PlaneShape(2, size, columns, rows)),
        "gbr": (luma, luma, luma),
    }.get(frame.layout.components)
    if shapes is None or len(frame.planes) < len(shapes):
        raise ValueError(f"{len(frame.planes)} planes do not make a {frame.layout.components!r} picture")
    for plane, shape in zip(frame.planes, shapes, strict=False):
        if plane.shape[0] < shape.height or plane.shape[1] < shape.width * shape.samples:
            raise ValueError(f"a plane of {plane.shape} holds no {shape.width}x{shape.height} texels")
    return shapes


class PlaneTextures:
    """Up to three textures that are reused from frame to frame and made anew when the format changes."""

    def __init__(self) -> None:
        self._names: list[int] = []
        self._shapes: tuple[PlaneShape, ...] = ()
        self._repeats = False

    @property
    def shapes(self) -> tuple[PlaneShape, ...]:
        """What is stored now."""
        return self._shapes

    def upload(self, frame: VideoFrame) -> None:
        """Copy a frame's planes to the GPU.

        Raises:
            RenderError: the picture is larger than the GPU takes.
        """
        shapes = plane_shapes(frame)
        if shapes != self._shapes:
            self._allocate(shapes)
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        try:
            for name, shape, plane in zip(self._names, shapes, frame.planes, strict=False):
                gl.glBindTexture(gl.GL_TEXTURE_2D, name)
                _copy(shape, plane)
        finally:
            # QPainter draws garbled text on the same context otherwise
            gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 4)
            gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, 0)
            gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def bind(self, *, repeat: bool) -> None:
        """Bind to texture units 0..2.

        Args:
            repeat: horizontally the texture's edges meet.
        """
        for unit, name in enumerate(self._names):
            gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
            gl.glBindTexture(gl.GL_TEXTURE_2D, name)
            if repeat is not self._repeats:
                wrap = gl.GL_REPEAT if repeat else gl.GL_CLAMP_TO_EDGE
                gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_WRAP_S, wrap)
        self._repeats = repeat

    def unbind(self) -> None:
        """Leave no texture bound, unit 0 active."""
        for unit in reversed(range(len(self._names))):
            gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
            gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def release(self) -> None:
        """Delete the textures."""
        for name in self._names:
            gl.delete(gl.glDeleteTextures, name)
        self._names, self._shapes = [], ()

    def _allocate(self, shapes: tuple[PlaneShape, ...]) -> None:
        limit = gl.integer(gl.GL_MAX_TEXTURE_SIZE)
        largest = max(max(s.width, s.height) for s in shapes)
        if largest > limit:
            raise RenderError(
                f"the picture is {shapes[0].width}x{shapes[0].height}, this graphics driver takes at most {limit} "
                "pixels a side: scale the clip down"
            )
        self.release()
        for shape in shapes:
            name = gl.generate(gl.glGenTextures)
            self._names.append(name)
            gl.glBindTexture(gl.GL_TEXTURE_2D, name)
            for parameter, value in (
                (gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR),
                (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
                (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE),
                (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
                (gl.GL_TEXTURE_MAX_LEVEL, 0),
            ):
                gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, value)
            internal, layout, kind = _formats(shape)
            gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, internal, shape.width, shape.height, 0, layout, kind, None)
        self._shapes, self._repeats = shapes, False


def _copy(shape: PlaneShape, plane: PlaneArray) -> None:
    row_bytes, texel_bytes = plane.strides[0], shape.samples * shape.bytes
    if plane.strides[1] != shape.bytes or row_bytes <= 0 or row_bytes % texel_bytes:
        # rows that run backwards or do not hold whole texels cannot be described to GL
        copy = np.ascontiguousarray(plane[: shape.height, : shape.width * shape.samples])
        row_bytes = copy.strides[0]
    else:
        copy = plane
    _, layout, kind = _formats(shape)
    gl.glPixelStorei(gl.GL_UNPACK_ROW_LENGTH, row_bytes // texel_bytes)
    pointer = ctypes.c_void_p(copy.ctypes.data)
    gl.glTexSubImage2D(gl.GL_TEXTURE_2D, 0, 0, 0, shape.width, shape.height, layout, kind, pointer)


def _formats(shape: PlaneShape) -> tuple[int, int, int]:
    """Internal format, pixel format and sample type."""
    internal = {
        (1, 1): gl.GL_R8,
        (1, 2): gl.GL_R16,
        (2, 1): gl.GL_RG8,
        (2, 2): gl.GL_RG16,
    }[shape.samples, shape.bytes]
    layout = gl.GL_RED if shape.samples == 1 else gl.GL_RG
    return internal, layout, gl.GL_UNSIGNED_BYTE if shape.bytes == 1 else gl.GL_UNSIGNED_SHORT
