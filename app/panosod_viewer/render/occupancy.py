"""Where overlays have anything to draw, so that a software renderer draws them only there. Pure numpy, no OpenGL.

A coarse grid of cells on the sphere says where a map or label map is not empty. The tiles of a pane that meet no such
cell are drawn by the plain shader. Every step errs on the side of drawing.
"""

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_viewer.overlays import Rect

COLUMNS, ROWS = 192, 96
TILE_PX = 32
"""Side of a tile of the pane."""

Cells = NDArray[np.bool_]


def cells_of(occupied: NDArray[np.generic], *, reach: int = 1) -> Cells:
    """Cells of a map that hold anything.

    Args:
        occupied: (H, W), any type: not zero where something is to be drawn.
        reach: texels by which drawing reaches beyond an occupied one (1 for bilinear).

    Returns:
        (ROWS, COLUMNS) bool.
    """
    height, width = occupied.shape
    texels = (occupied != 0).view(np.uint8)
    for _ in range(reach if min(height, width) < 4 * COLUMNS else 0):
        # On larger maps a texel is a small part of a cell, and the cells themselves are widened below.
        texels = _dilated(texels)
    tops = np.arange(ROWS) * height // ROWS
    lefts = np.arange(COLUMNS) * width // COLUMNS
    found = np.maximum.reduceat(np.maximum.reduceat(texels, tops, axis=0), lefts, axis=1)
    return found.astype(np.bool_)


def _dilated(texels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Texels and their eight neighbours, around the ring."""
    across = texels.copy()
    across[:, 1:] |= texels[:, :-1]
    across[:, :-1] |= texels[:, 1:]
    across[:, 0] |= texels[:, -1]
    across[:, -1] |= texels[:, 0]
    found = across.copy()
    found[1:] |= across[:-1]
    found[:-1] |= across[1:]
    return found


def label_cells(labels: NDArray[np.uint8], *, is_filled: bool) -> Cells:
    """Cells of a label map in which something is to be drawn: any label, or only where labels meet."""
    eights = labels.view(np.uint64) if labels.flags.c_contiguous and labels.shape[1] % 8 == 0 else None
    if is_filled:
        return cells_of(labels if eights is None else eights, reach=0)
    return cells_of(borders(labels) if eights is None else _mixed(eights), reach=0)


def borders(labels: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) pixels whose label differs from the one to the right (around the ring) or the one below."""
    found = np.empty(labels.shape, np.bool_)
    np.not_equal(labels[:, :-1], labels[:, 1:], out=found[:, :-1])
    np.not_equal(labels[:, -1], labels[:, 0], out=found[:, -1])
    found[:-1] |= labels[:-1] != labels[1:]
    return found


def _mixed(eights: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Eight pixels at a time: whether they differ among themselves, or from those to the right or below."""
    turned = (eights << np.uint64(8)) | (eights >> np.uint64(56))
    found: NDArray[np.bool_] = turned != eights
    found[:, :-1] |= eights[:, :-1] != eights[:, 1:]
    found[:, -1] |= eights[:, -1] != eights[:, 0]
    found[:-1] |= eights[:-1] != eights[1:]
    return found


def refresh_cells(cells: Cells, labels: NDArray[np.uint8], rect: Rect, *, is_filled: bool = True) -> None:
    """Bring the cells that a changed rectangle of a label map touches up to date, in place.

    Args:
        cells: of the map before.
        labels: (H, W) as it is now.
        rect: what changed.
        is_filled: cells hold something wherever there is a label; else only where labels meet.
    """
    height, width = labels.shape
    left, top, right, bottom = rect
    rows = range(max(top * ROWS // height - 1, 0), min(bottom * ROWS // height + 1, ROWS))
    columns = range(max(left * COLUMNS // width - 1, 0), min(right * COLUMNS // width + 1, COLUMNS))
    for row in rows:
        first, past = row * height // ROWS, max((row + 1) * height // ROWS, row * height // ROWS + 1)
        for column in columns:
            start, end = column * width // COLUMNS, max((column + 1) * width // COLUMNS, column * width // COLUMNS + 1)
            block = labels[first:past, start:end]
            if is_filled:
                cells[row, column] = bool(block.any())
            else:
                # one more row and column: a border belongs to the pixel before it
                after = labels[first : past + 1, start : end + 1]
                cells[row, column] = bool((after != after[0, 0]).any()) or end == width


def widened(cells: Cells) -> Cells:
    """Cells and their neighbours, as many sideways as a neighbour is wide in angle: all of them at the poles."""
    up = cells.copy()
    up[1:] |= cells[:-1]
    up[:-1] |= cells[1:]
    elevation = np.abs((0.5 - (np.arange(ROWS) + 0.5) / ROWS) * np.pi)
    edge = np.minimum(elevation + np.pi / ROWS / 2, np.pi / 2 - 1e-3)
    reach = np.minimum(np.ceil(1.0 / np.cos(edge)).astype(int), COLUMNS // 2)
    counts = np.concatenate([up, up, up], axis=1).cumsum(axis=1)
    columns = np.arange(COLUMNS)[None, :] + COLUMNS
    within = np.take_along_axis(counts, columns + reach[:, None], axis=1) - np.take_along_axis(
        counts, columns - reach[:, None] - 1, axis=1
    )
    return np.asarray(within > 0)


class TileGrid:
    """Which cells the tiles of a pane look at; made once for a view, asked for every map."""

    def __init__(self, view: View, geometry: PictureGeometry, *, size_px: tuple[int, int]) -> None:
        width, height = size_px
        self.columns, self.rows = -(-width // TILE_PX), -(-height // TILE_PX)
        self._spans: tuple[NDArray[np.intp], ...] | None = None
        if view.projection is ViewProjection.EQUIRECT and geometry.pose_deg == (0.0, 0.0, 0.0):
            self._spans = _map_spans(view, self.columns, self.rows, size_px)
            return
        for points in (2, 4, 8, 16):
            rays, self._is_fine = _view_rays(replace(view, yaw_rad=0.0, pitch_rad=0.0, roll_rad=0.0), points, size_px)
            self._points = points
            if self._is_fine:
                break
        turn = geometry.R_world_picture.T
        if view.projection is not ViewProjection.EQUIRECT:
            turn = turn @ view.R_world_view
        else:
            rays, self._is_fine = _view_rays(view, self._points, size_px)
        picture = rays @ turn.T.astype(np.float32)
        x, y, z = picture[..., 0], picture[..., 1], picture[..., 2]
        column = ((0.5 - np.arctan2(y, x) / (2 * np.pi)) * COLUMNS).astype(np.int32) % COLUMNS
        row = ((0.5 - np.arctan2(z, np.hypot(x, y)) / np.pi) * ROWS).astype(np.int32)
        self._cell = np.clip(row, 0, ROWS - 1) * COLUMNS + column

    def tiles(self, wide: Cells) -> NDArray[np.bool_]:
        """(rows, columns): tiles that may show something of a map with these widened cells."""
        if self._spans is not None:
            return _any_within(wide, self._spans)
        if not self._is_fine:
            return np.ones((self.rows, self.columns), np.bool_)
        seen = wide.reshape(-1)[self._cell]
        n = self._points
        across = np.logical_or.reduceat(seen[:, :-1], np.arange(self.columns) * n, axis=1) | seen[:, n::n]
        found: NDArray[np.bool_] = np.logical_or.reduceat(across[:-1], np.arange(self.rows) * n, axis=0)
        found |= across[n::n]
        return found


@lru_cache(maxsize=16)
def _view_rays(view: View, points: int, size_px: tuple[int, int]) -> tuple[NDArray[np.float32], bool]:
    """Rays through the corners of a tile's ``points`` x ``points`` parts, and whether they lie close enough.

    A place between four rays is at most 0.71 of their distance from one of them, and cells are widened by one.
    """
    width, height = size_px
    step = TILE_PX / points
    x = np.minimum(np.arange(-(-width // TILE_PX) * points + 1) * step, width) / width
    y = np.minimum(np.arange(-(-height // TILE_PX) * points + 1) * step, height) / height
    rays = viewport_to_directions(view, x[None, :], y[:, None], aspect=width / height)
    nearness = (rays[1:] * rays[:-1]).sum(-1), (rays[:, 1:] * rays[:, :-1]).sum(-1)
    least = min(float(each.min()) for each in nearness)
    # A comparison with what is no number is false: beyond the poles of a posed flat map all tiles are drawn.
    is_fine = bool(least > np.cos(1.4 * np.pi / ROWS))
    return np.nan_to_num(rays, nan=0.5).astype(np.float32), is_fine


def _map_spans(
    view: View, columns: int, rows: int, size_px: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """First and past column (from 0, up to two turns) and first and past row of the cells under each tile of a map."""
    width, height = size_px
    half_u, half_v = view.fov_rad / (4 * np.pi), view.fov_rad * height / width / (2 * np.pi)
    x = np.minimum(np.arange(columns + 1) * TILE_PX, width) / width
    y = np.minimum(np.arange(rows + 1) * TILE_PX, height) / height
    u = 0.5 - view.yaw_rad / (2 * np.pi) + (x - 0.5) * 2 * half_u
    v = 0.5 - view.pitch_rad / np.pi + (y - 0.5) * 2 * half_v
    u -= np.floor(u[0])
    first, past = np.floor(u[:-1] * COLUMNS).astype(np.intp), np.floor(u[1:] * COLUMNS).astype(np.intp) + 1
    top = np.clip(np.floor(v[:-1] * ROWS), 0, ROWS).astype(np.intp)
    bottom = np.clip(np.floor(v[1:] * ROWS) + 1, 0, ROWS).astype(np.intp)
    return first, np.minimum(past, 3 * COLUMNS), top, bottom


def _any_within(cells: Cells, spans: tuple[NDArray[np.intp], ...]) -> NDArray[np.bool_]:
    """Whether any cell of each rectangle of cells is set, by a summed area table three turns wide."""
    first, past, top, bottom = spans
    sums = np.zeros((ROWS + 1, 3 * COLUMNS + 1), np.int32)
    np.cumsum(np.cumsum(np.tile(cells, 3), axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    rows = sums[bottom] - sums[top]
    return np.asarray(rows[:, past] - rows[:, first] > 0)


def rectangles(classes: NDArray[np.integer]) -> list[tuple[int, int, int, int, int]]:
    """Tiles of the same class joined into rectangles: (class, left, top, right, bottom) in tiles, covering all."""
    rows, columns = classes.shape
    starts = [0, *(np.nonzero((classes[1:] != classes[:-1]).any(axis=1))[0] + 1).tolist(), rows]
    found = []
    for top, bottom in itertools.pairwise(starts):
        line = classes[top]
        edges = [0, *(np.nonzero(line[1:] != line[:-1])[0] + 1).tolist(), columns]
        found += [(int(line[left]), left, top, right, bottom) for left, right in itertools.pairwise(edges)]
    return found
