"""Draws lines, marks and captions over the panes: ribbons with soft edges, blended. Needs a current context."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.overlays import Caption
from panosod_viewer.render import gl
from panosod_viewer.render.caption_places import caption_places
from panosod_viewer.render.line_geometry import (
    FLOATS,
    RING_PX,
    cap_ribbons,
    mark_places,
    mark_ribbons,
    path_ribbons,
    split_ribbons,
)
from panosod_viewer.render.overlay_textures import Texture
from panosod_viewer.render.program import Program
from panosod_viewer.render.variants import pane_pixels
from panosod_viewer.resources import shader_dir
from panosod_viewer.scene import Pane, RenderScene

_FLOAT_BYTES = 4
_GAP_PX = 6.0


class LinePass:
    """Everything that is a line or a sign rather than an area."""

    def __init__(self) -> None:
        self._vao = 0
        self._buffer = 0
        self._ribbons: Program | None = None
        self._captions: Program | None = None
        self._textures: dict[Caption, Texture] = {}

    def draw(self, scene: RenderScene, *, width: int, height: int, pixel_ratio: float) -> None:
        """Draw the cursor, the tools' lines, the marks and the split line of every pane."""
        overlays = scene.overlays
        if overlays.cursor is None and overlays.split is None and not overlays.paths and not any(overlays.marks):
            self._forget_captions(())
            return
        self._prepare()
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA)
        gl.glBindVertexArray(self._vao)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._buffer)
        shown: list[Caption] = []
        for pane in scene.panes:
            x, top, w, h = pane_pixels(pane.rect, width, height)
            if w and h:
                gl.glViewport(x, height - top - h, w, h)
                shown += self._draw_pane(pane, scene, (w, h), pixel_ratio)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, 0)
        gl.glBindVertexArray(0)
        gl.glDisable(gl.GL_BLEND)
        self._forget_captions(tuple(shown))

    def release(self) -> None:
        """Delete all GL objects."""
        for program in (self._ribbons, self._captions):
            if program is not None:
                program.release()
        self._ribbons = self._captions = None
        self._forget_captions(())
        gl.delete(gl.glDeleteBuffers, self._buffer)
        gl.delete(gl.glDeleteVertexArrays, self._vao)
        self._vao = self._buffer = 0

    def _prepare(self) -> None:
        if self._ribbons is None:
            folder = shader_dir()
            self._ribbons = Program(folder / "line.vert", folder / "line.frag")
            self._captions = Program(folder / "caption.vert", folder / "caption.frag")
            self._vao = gl.generate(gl.glGenVertexArrays)
            self._buffer = gl.generate(gl.glGenBuffers)

    def _draw_pane(self, pane: Pane, scene: RenderScene, size_px: tuple[int, int], pixel_ratio: float) -> list[Caption]:
        overlays, view = scene.overlays, pane.view
        pieces: list[NDArray[np.float32]] = []
        captions: list[tuple[Caption, tuple[float, float]]] = []
        split_px = overlays.split * size_px[0] if overlays.split is not None else None
        for path in overlays.paths:
            pieces += path_ribbons(path, view, size_px=size_px, pixel_ratio=pixel_ratio)
        for side in (0, 1) if split_px is not None else (pane.side,):
            for mark in overlays.marks_of(side):
                for place in mark_places(mark, view, size_px=size_px):
                    if split_px is not None and (place[0] < split_px) is not (side == 0):
                        continue
                    pieces += mark_ribbons(mark, place, pixel_ratio=pixel_ratio)
                    if mark.caption is not None and -40 < place[0] < size_px[0] + 40 and 0 < place[1] < size_px[1]:
                        captions.append((mark.caption, (float(place[0]), float(place[1]))))
        if split_px is not None:
            pieces += split_ribbons(split_px, size_px[1], pixel_ratio=pixel_ratio)
        if overlays.cursor is not None:
            pieces += cap_ribbons(overlays.cursor, view, size_px=size_px, pixel_ratio=pixel_ratio)
        if pieces:
            self._draw_ribbons(np.concatenate(pieces), size_px)
        if captions:
            self._draw_captions(captions, size_px, pixel_ratio)
        return [caption for caption, _ in captions]

    def _draw_ribbons(self, vertices: NDArray[np.float32], size_px: tuple[int, int]) -> None:
        assert self._ribbons is not None
        self._ribbons.use({"u_pane_size": (float(size_px[0]), float(size_px[1]))})
        self._send(vertices, (2, 4, 3))
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, len(vertices))

    def _draw_captions(
        self, captions: list[tuple[Caption, tuple[float, float]]], size_px: tuple[int, int], pixel_ratio: float
    ) -> None:
        scales = [pixel_ratio / caption.pixel_ratio for caption, _ in captions]
        sizes = [(c.pixels.shape[1] * k, c.pixels.shape[0] * k) for (c, _), k in zip(captions, scales, strict=True)]
        gap = (RING_PX + _GAP_PX) * pixel_ratio
        corners = caption_places([place for _, place in captions], sizes, pane=size_px, gap=gap)
        for (caption, _), size, corner in zip(captions, sizes, corners, strict=True):
            self._draw_caption(caption, corner, size, size_px)

    def _draw_caption(
        self, caption: Caption, corner: tuple[int, int], size: tuple[float, float], size_px: tuple[int, int]
    ) -> None:
        assert self._captions is not None
        texture = self._textures.get(caption)
        if texture is None:
            texture = self._textures[caption] = Texture(is_linear=True)
            texture.upload(caption.pixels)
        (x, y), (w, h) = corner, size
        corners = [(x, y, 0, 0), (x, y + h, 0, 1), (x + w, y, 1, 0)]
        corners += [(x + w, y, 1, 0), (x, y + h, 0, 1), (x + w, y + h, 1, 1)]
        self._captions.use({"u_pane_size": (float(size_px[0]), float(size_px[1])), "u_caption": 0})
        gl.glActiveTexture(gl.GL_TEXTURE0)
        gl.glBindTexture(gl.GL_TEXTURE_2D, texture.name)
        self._send(np.array(corners, np.float32), (2, 2))
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, 6)
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)

    def _send(self, vertices: NDArray[np.float32], sizes: tuple[int, ...]) -> None:
        """Fill the buffer and say how a vertex lies in it."""
        data = np.ascontiguousarray(vertices, np.float32)
        assert data.shape[1] == sum(sizes) and (sum(sizes) in (4, FLOATS))
        gl.glBufferData(gl.GL_ARRAY_BUFFER, data.nbytes, ctypes.c_void_p(data.ctypes.data), gl.GL_STREAM_DRAW)
        stride, offset = sum(sizes) * _FLOAT_BYTES, 0
        for location, size in enumerate(sizes):
            gl.glEnableVertexAttribArray(location)
            gl.glVertexAttribPointer(location, size, gl.GL_FLOAT, 0, stride, ctypes.c_void_p(offset))
            offset += size * _FLOAT_BYTES
        for location in range(len(sizes), 3):
            gl.glDisableVertexAttribArray(location)

    def _forget_captions(self, shown: tuple[Caption, ...]) -> None:
        """Delete the textures of captions that are not shown any more."""
        for caption in [caption for caption in self._textures if caption not in shown]:
            self._textures.pop(caption).release()
