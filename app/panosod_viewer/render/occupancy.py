"""Where overlays have anything to draw, so that a software renderer draws them only there. Pure numpy, no OpenGL.

A coarse grid of cells on the sphere says where a map or label map is not empty. The tiles of a pane that meet no such
cell are drawn by the plain shader. Every step errs on the side of drawing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, viewport_to_directions
from panosod_core.geometry.sphere import direction_to_uv
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
        texels = texels | np.roll(texels, 1, axis=1) | np.roll(texels, -1, axis=1)
        rows = texels.copy()
        rows[1:] |= texels[:-1]
        rows[:-1] |= texels[1:]
        texels = rows
    tops = np.arange(ROWS) * height // ROWS
    lefts = np.arange(COLUMNS) * width // COLUMNS
    found = np.maximum.reduceat(np.maximum.reduceat(texels, tops, axis=0), lefts, axis=1)
    return found.astype(np.bool_)


def borders(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) pixels whose label differs from the one to the right (around the ring) or the one below."""
    found = np.empty(labels.shape, np.bool_)
    np.not_equal(labels[:, :-1], labels[:, 1:], out=found[:, :-1])
    np.not_equal(labels[:, -1], labels[:, 0], out=found[:, -1])
    found[:-1] |= labels[:-1] != labels[1:]
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
        for points in (2, 4, 8, 16):
            self._points = points
            step = TILE_PX / points
            x = np.minimum(np.arange(self.columns * points + 1) * step, width) / width
            y = np.minimum(np.arange(self.rows * points + 1) * step, height) / height
            rays = viewport_to_directions(view, x[None, :], y[:, None], aspect=width / height)
            # A place between four rays is at most 0.71 of their distance from one of them, and cells are widened.
            nearness = (rays[1:] * rays[:-1]).sum(-1), (rays[:, 1:] * rays[:, :-1]).sum(-1)
            # Beyond the poles of the flat map there is no direction, and nothing to draw.
            least = min(float(np.min(each, where=np.isfinite(each), initial=1.0)) for each in nearness)
            self.is_fine = bool(least > np.cos(1.4 * np.pi / ROWS))
            if self.is_fine:
                break
        nowhere = np.isnan(rays[..., 0])
        u, v = direction_to_uv(np.where(nowhere[..., None], 1.0, rays) @ geometry.R_world_picture)
        cell = np.minimum((v * ROWS).astype(int), ROWS - 1) * COLUMNS + (u * COLUMNS).astype(int) % COLUMNS
        self._cell = np.where(nowhere, ROWS * COLUMNS, cell)

    def tiles(self, wide: Cells) -> NDArray[np.bool_]:
        """(rows, columns): tiles that may show something of a map with these widened cells."""
        if not self.is_fine:
            return np.ones((self.rows, self.columns), np.bool_)
        seen = np.append(wide, False)[self._cell]
        n = self._points
        across = np.logical_or.reduceat(seen[:, :-1], np.arange(self.columns) * n, axis=1) | seen[:, n::n]
        found: NDArray[np.bool_] = np.logical_or.reduceat(across[:-1], np.arange(self.rows) * n, axis=0)
        found |= across[n::n]
        return found


def rectangles(classes: NDArray[np.integer]) -> list[tuple[int, int, int, int, int]]:
    """Tiles of the same class joined into rectangles: (class, left, top, right, bottom) in tiles, covering all."""
    rows, columns = classes.shape
    is_open = np.ones((rows, columns), np.bool_)
    found = []
    for top in range(rows):
        left = 0
        while left < columns:
            if not is_open[top, left]:
                left += 1
                continue
            kind = classes[top, left]
            right = left
            while right < columns and is_open[top, right] and classes[top, right] == kind:
                right += 1
            bottom = top + 1
            while bottom < rows and is_open[bottom, left:right].all() and (classes[bottom, left:right] == kind).all():
                bottom += 1
            is_open[top:bottom, left:right] = False
            found.append((int(kind), left, top, right, bottom))
            left = right
    return found


def classes_of(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Class of each tile: 0 where nothing is drawn, else the number (from 1) of the last mask that covers it."""
    classes = np.zeros(masks[0].shape, np.int64)
    for number, mask in enumerate(masks, start=1):
        classes[mask] = number
    return classes
