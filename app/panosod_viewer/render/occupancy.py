"""Where overlays have anything to draw, so that a software renderer draws them only there. Pure numpy, no OpenGL.

A coarse grid of cells on the sphere says where a map or label map is not empty, a summed area table whether any cell
of a rectangle is. The tiles of a pane whose part of the sphere holds no such cell are drawn by the plain shader. Every
step errs on the side of drawing.
"""

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_viewer.overlays import Rect

TILE_PX = 32
"""Side of a tile of the pane."""
PAD_PX = 3.5
"""How far lines reach beyond the border that they are drawn at, device-independent pixels."""
_MOST_COLUMNS, _MOST_ROWS = 512, 192
_EIGHT_FROM = 1536
"""Label maps this wide are looked at by eight pixels at a time."""
_STEP_RAD = 0.07
"""Rays of a tile lie at most this far apart."""

Cells = NDArray[np.bool_]
Floats = NDArray[np.float32]


class Occupied:
    """Cells of the sphere that hold something to draw, to be asked for rectangles.

    Args:
        cells: (h, w) bool, equirectangular.
        reach: cells by which drawing reaches beyond an occupied one: a half where they are interpolated texels.
    """

    def __init__(self, cells: Cells, *, reach: float = 0.0) -> None:
        height, width = cells.shape
        self.shape = height, width
        self.reach = reach
        sums = np.zeros((height + 1, 2 * width + 1), np.int32)
        once = sums[1:, 1 : width + 1]
        np.cumsum(np.cumsum(cells, axis=1, dtype=np.int32), axis=0, out=once)
        np.add(once, once[:, -1:], out=sums[1:, width + 1 :])
        self.sums = sums


def map_cells(occupied: Cells) -> Occupied:
    """Of an interpolated map: (H, W) bool, where a texel is to be drawn."""
    height, width = occupied.shape
    columns, rows = min(width, _MOST_COLUMNS), min(height, _MOST_COLUMNS // 2)
    if rows < height:
        occupied = np.logical_or.reduceat(occupied, np.arange(rows) * height // rows, axis=0)
    if columns < width:
        occupied = np.logical_or.reduceat(occupied, np.arange(columns) * width // columns, axis=1)
    return Occupied(occupied, reach=0.5)


def label_cells(labels: NDArray[np.uint8], *, is_filled: bool, rows: tuple[int, int] | None = None) -> Cells:
    """Cells of a label map in which something is to be drawn: any label, or only where labels meet.

    Args:
        labels: (H, W).
        is_filled: any label counts; else only a cell in which, or to the right of or below which labels differ.
        rows: first and past row of the cells that are asked for; None for all.

    Returns:
        (rows, columns) bool.
    """
    height, width = labels.shape
    count = min(height, _MOST_ROWS)
    first, past = rows or (0, count)
    last = past if is_filled else min(past + 1, count)
    edges = np.arange(first, last + 1) * height // count
    band = labels[edges[0] : edges[-1]]
    by_eight = width >= _EIGHT_FROM and width % 8 == 0 and band.flags.c_contiguous
    texels = band.view(np.uint64) if by_eight else band
    any_of = _joined(np.bitwise_or, texels, edges)
    if is_filled:
        found: Cells = any_of != 0
    else:
        all_of = _joined(np.bitwise_and, texels, edges)
        found = any_of != all_of
        if by_eight:
            found |= any_of != ((any_of << np.uint64(8)) | (any_of >> np.uint64(56)))
        found[:, :-1] |= any_of[:, :-1] != any_of[:, 1:]
        found[:, -1] |= any_of[:, -1] != any_of[:, 0]
        found[:-1] |= any_of[:-1] != any_of[1:]
        found = found[: past - first]
    columns = min(width, _MOST_COLUMNS)
    if columns < found.shape[1] and not by_eight:
        found = np.logical_or.reduceat(found, np.arange(columns) * width // columns, axis=1)
    return found


def _joined(
    how: np.ufunc, rows: NDArray[np.unsignedinteger], edges: NDArray[np.integer]
) -> NDArray[np.unsignedinteger]:
    """Rows joined between edges."""
    count, height = len(edges) - 1, rows.shape[0]
    if height % count == 0:
        # as many rows to each, when all of them are: a good deal faster
        return np.asarray(how.reduce(rows.reshape(count, height // count, -1), axis=1))
    return np.asarray(how.reduceat(rows, edges[:-1] - edges[0], axis=0))


def refresh_cells(cells: Cells, labels: NDArray[np.uint8], rect: Rect, *, is_filled: bool) -> None:
    """Bring the cells that a changed rectangle of a label map touches up to date, in place.

    Args:
        cells: of the map before.
        labels: (H, W) as it is now.
        rect: what changed.
        is_filled: as in :func:`label_cells`.
    """
    height, count = labels.shape[0], cells.shape[0]
    # a border belongs to the cell above it, and rows may be split unevenly
    rows = max(rect[1] * count // height - 1, 0), min(-(-rect[3] * count // height) + 1, count)
    cells[rows[0] : rows[1]] = label_cells(labels, is_filled=is_filled, rows=rows)


def borders(labels: NDArray[np.uint8] | NDArray[np.bool_]) -> Cells:
    """(H, W) pixels whose label differs from the one to the right (around the ring) or the one below."""
    found = np.empty(labels.shape, np.bool_)
    np.not_equal(labels[:, :-1], labels[:, 1:], out=found[:, :-1])
    np.not_equal(labels[:, -1], labels[:, 0], out=found[:, -1])
    found[:-1] |= labels[:-1] != labels[1:]
    return found


class TileGrid:
    """Which part of the sphere the tiles of a pane look at; made once for a view, asked for every map."""

    def __init__(
        self, view: View, geometry: PictureGeometry, *, size_px: tuple[int, int], pixel_ratio: float = 1.0
    ) -> None:
        self.columns, self.rows = -(-size_px[0] // TILE_PX), -(-size_px[1] // TILE_PX)
        self._is_fine = True
        self._corners: dict[tuple[tuple[int, int], float], NDArray[np.int32]] = {}
        if view.projection is ViewProjection.EQUIRECT and geometry.pose_deg == (0.0, 0.0, 0.0):
            self._across, self._down = _map_spans(view, self.columns, self.rows, size_px, PAD_PX * pixel_ratio)
            return
        base, turn = view, geometry.R_world_picture.T
        if view.projection is not ViewProjection.EQUIRECT:
            # the rays of a view that looks ahead are kept, and turned
            base, turn = replace(view, yaw_rad=0.0, pitch_rad=0.0, roll_rad=0.0), turn @ view.R_world_view
        rays, points, step_rad, self._is_fine = _view_rays(base, size_px)
        if self._is_fine:
            pad_rad = step_rad * PAD_PX * pixel_ratio * points / TILE_PX
            picture = rays @ turn.T.astype(np.float32)
            self._across, self._down = _ray_spans(picture, points, step_rad, pad_rad)

    def tiles(self, occupied: Occupied) -> Cells:
        """(rows, columns): tiles that may show something of these cells."""
        if not self._is_fine:
            return np.ones((self.rows, self.columns), np.bool_)
        key = occupied.shape, occupied.reach
        if key not in self._corners:
            self._corners[key] = self._corners_in(*key)
        sums = occupied.sums.reshape(-1)[self._corners[key]]
        found: Cells = sums[1, 1] - sums[1, 0] != sums[0, 1] - sums[0, 0]
        return found

    def _corners_in(self, shape: tuple[int, int], reach: float) -> NDArray[np.int32]:
        """Where in a summed area table the corners of each tile's rectangle of cells are: (2, 2, rows, columns)."""
        height, width = shape
        margin = np.array([[[-reach]], [[reach + 1]]], np.float32)
        across = np.floor(self._across * width + margin).astype(np.int32)
        across -= across[0] // width * width
        np.minimum(across[1], across[0] + width, out=across[1])
        down = np.clip(self._down * height + margin, 0, height).astype(np.int32)
        return np.asarray(across[None, :] + (down * (2 * width + 1))[:, None])


@lru_cache(maxsize=16)
def _view_rays(view: View, size_px: tuple[int, int]) -> tuple[Floats, int, float, bool]:
    """Rays through the corners of the parts of tiles, how many parts a tile has across, and how far rays lie apart.

    Returns:
        (rows n + 1, columns n + 1, 3); n; the largest angle between neighbours; whether that is small enough.
    """
    width, height = size_px
    for points in (1, 2, 4, 8, 16):
        step = TILE_PX / points
        x = np.minimum(np.arange(-(-width // TILE_PX) * points + 1) * step, width) / width
        y = np.minimum(np.arange(-(-height // TILE_PX) * points + 1) * step, height) / height
        rays = viewport_to_directions(view, x[None, :], y[:, None], aspect=width / height)
        nearness = (rays[1:] * rays[:-1]).sum(-1), (rays[:, 1:] * rays[:, :-1]).sum(-1)
        least = min(float(each.min()) for each in nearness)
        # A comparison with what is no number is false: beyond the poles of a posed flat map all tiles are drawn.
        if is_fine := bool(least > np.cos(_STEP_RAD)):
            break
    return rays.astype(np.float32), points, float(np.arccos(min(least, 1.0))), is_fine


def _ray_spans(rays: Floats, n: int, step_rad: float, pad_rad: float) -> tuple[Floats, Floats]:
    """Least and greatest u and v of each tile, as fractions: (2, rows, columns) each; u may be negative or exceed one.

    What lies between rays goes beyond them by a second order of their distance, and never by more than 0.71 of it.
    """
    x, y, z = rays[..., 0], rays[..., 1], rays[..., 2]
    u = 0.5 - np.arctan2(y, x) * np.float32(0.5 / np.pi)
    elevation = np.arctan2(z, np.sqrt(x * x + y * y))
    lowest, highest = _least(elevation, n), -_least(-elevation, n)
    from_pole = 0.5 * np.pi - np.maximum(highest, -lowest)
    # cosine of the steepest place, a ray's distance further up
    narrow = np.sin(np.maximum(from_pole - step_rad - pad_rad, 1e-3))
    beyond = np.minimum(step_rad**2 / narrow, 0.71 * step_rad) + pad_rad
    low, high = _least(u, n), -_least(-u, n)
    torn = high - low > 0.5
    if torn.any():
        turned = u + (u < 0.5)
        low[torn], high[torn] = _least(turned, n)[torn], -_least(-turned, n)[torn]
    sideways = beyond / (2 * np.pi * narrow)
    low -= sideways
    high += sideways
    is_pole = from_pole < 4 * (step_rad + pad_rad)
    low[is_pole], high[is_pole] = 0.0, 1.0
    down = np.stack([highest + beyond, lowest - beyond])
    return np.stack([low, high]), np.asarray(0.5 - down / np.pi, np.float32)


def _least(values: Floats, n: int) -> Floats:
    """The least of the (n + 1) x (n + 1) values of each tile, those on the edges shared with its neighbours."""
    rows, columns = (values.shape[0] - 1) // n, (values.shape[1] - 1) // n
    across = np.minimum(values[:, : columns * n : n], values[:, n::n])
    for part in range(1, n):
        np.minimum(across, values[:, part::n], out=across)
    found = np.minimum(across[: rows * n : n], across[n::n])
    for part in range(1, n):
        np.minimum(found, across[part::n], out=found)
    return found


def _map_spans(view: View, columns: int, rows: int, size_px: tuple[int, int], pad_px: float) -> tuple[Floats, Floats]:
    """As :func:`_ray_spans`, of a level map: (2, 1, columns) and (2, rows, 1)."""
    width, height = size_px
    half_u, half_v = view.fov_rad / (4 * np.pi), view.fov_rad * height / width / (2 * np.pi)
    x = np.minimum(np.arange(columns + 1) * TILE_PX, width) / width
    y = np.minimum(np.arange(rows + 1) * TILE_PX, height) / height
    u = 0.5 - view.yaw_rad / (2 * np.pi) + (x - 0.5) * 2 * half_u
    v = 0.5 - view.pitch_rad / np.pi + (y - 0.5) * 2 * half_v
    pad_u, pad_v = pad_px / width * 2 * half_u, pad_px / height * 2 * half_v
    across, down = np.stack([u[:-1] - pad_u, u[1:] + pad_u]), np.stack([v[:-1] - pad_v, v[1:] + pad_v])
    return across[:, None].astype(np.float32), down[:, :, None].astype(np.float32)


def without_gaps(tiles: Cells) -> Cells:
    """The same with gaps of up to three tiles in a row filled: a draw call more costs as much as some tiles do."""
    found = tiles.copy()
    for gap in (1, 2, 3):
        both = tiles[:, : -gap - 1] & tiles[:, gap + 1 :]
        for at in range(1, gap + 1):
            found[:, at : at - gap - 1] |= both
    return found


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
