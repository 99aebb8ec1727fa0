"""Where there is anything to draw: never too little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import direction_to_uv
from panosod_viewer.render.occupancy import (
    TILE_PX,
    Occupied,
    TileGrid,
    borders,
    label_cells,
    map_cells,
    rectangles,
    refresh_cells,
    without_gaps,
)

VIEWS = st.builds(
    View,
    yaw_rad=st.floats(-3.2, 3.2),
    pitch_rad=st.floats(-1.57, 1.57),
    roll_rad=st.floats(-1, 1),
    fov_rad=st.floats(0.2, 5.0),
    projection=st.sampled_from([ViewProjection.PERSPECTIVE, ViewProjection.STEREOGRAPHIC, ViewProjection.EQUIRECT]),
)


def reference_sums(cells: np.ndarray) -> np.ndarray:
    twice = np.concatenate([cells, cells], axis=1).astype(int)
    return np.pad(twice.cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def block(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Two small blocks of a label anywhere, the poles and the seam included."""
    labels = np.zeros(shape, np.uint8)
    for _ in range(2):
        row, column = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[row : row + 3, np.arange(column, column + 3) % shape[1]] = 1
    return labels


@settings(max_examples=60, deadline=None)
@given(
    view=VIEWS,
    seed=st.integers(0, 9999),
    shape=st.sampled_from([(32, 64), (104, 208), (256, 512), (960, 1920)]),
    pose_deg=st.sampled_from([(0.0, 0.0, 0.0), (40.0, 25.0, -10.0)]),
    size=st.sampled_from([(300, 170), (480, 270), (150, 320)]),
)
def test_every_pixel_that_shows_something_lies_in_a_drawn_tile(
    view: View, seed: int, shape: tuple[int, int], pose_deg: tuple[float, float, float], size: tuple[int, int]
) -> None:
    labels = block(np.random.default_rng(seed), shape)
    (width, height), geometry = size, PictureGeometry(pose_deg=pose_deg)
    grid = TileGrid(view, geometry, size_px=size)
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    rays = viewport_to_directions(view, x[None], y[:, None], aspect=width / height) @ geometry.R_world_picture
    u, v = direction_to_uv(np.nan_to_num(rays, nan=1.0))
    at = np.minimum((v * shape[0]).astype(int), shape[0] - 1), (u * shape[1]).astype(int) % shape[1]
    for shown, cells in (
        (labels, label_cells(labels, is_filled=True)),
        (borders(labels), label_cells(labels, is_filled=False)),
    ):
        rows, columns = np.nonzero((shown[at] > 0) & np.isfinite(rays[..., 0]))
        assert grid.tiles(Occupied(cells))[rows // TILE_PX, columns // TILE_PX].all()


@settings(max_examples=60, deadline=None)
@given(view=VIEWS, seed=st.integers(0, 999), shape=st.sampled_from([(13, 26), (104, 208), (300, 700)]))
def test_a_texel_is_drawn_as_far_as_it_is_blended(view: View, seed: int, shape: tuple[int, int]) -> None:
    occupied = block(np.random.default_rng(seed), shape) > 0
    width, height = 300, 170
    tiles = TileGrid(view, PictureGeometry(), size_px=(width, height)).tiles(map_cells(occupied))
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    rays = viewport_to_directions(view, x[None], y[:, None], aspect=width / height)
    u, v = direction_to_uv(np.nan_to_num(rays, nan=1.0))
    column, row = np.floor(u * shape[1] - 0.5).astype(int), np.clip(v * shape[0] - 0.5, 0, shape[0] - 1).astype(int)
    below = np.minimum(row + 1, shape[0] - 1)
    shows = np.zeros(u.shape, np.bool_)
    for r in (row, below):
        for c in (column, column + 1):
            shows |= occupied[r, c % shape[1]]
    rows, columns = np.nonzero(shows & np.isfinite(rays[..., 0]))
    assert tiles[rows // TILE_PX, columns // TILE_PX].all()


@pytest.mark.parametrize("view", [View(), View(fov_rad=2 * np.pi, projection=ViewProjection.EQUIRECT)])
def test_little_is_drawn_of_a_small_object(view: View) -> None:
    labels = np.zeros((960, 1920), np.uint8)
    labels[470:490, 950:970] = 1
    grid = TileGrid(view, PictureGeometry(), size_px=(1280, 720))
    assert 0 < grid.tiles(Occupied(label_cells(labels, is_filled=True))).mean() < 0.02
    assert not grid.tiles(Occupied(np.zeros((192, 240), np.bool_))).any()


@pytest.mark.parametrize("shape", [(500, 1000), (960, 1920), (1000, 1600)])
@pytest.mark.parametrize("is_filled", [True, False])
def test_cells_kept_up_to_date_are_those_of_the_whole_map(is_filled: bool, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    height, width = shape
    labels = np.zeros(shape, np.uint8)
    cells = label_cells(labels, is_filled=is_filled)
    assert not cells.any()
    for step in range(40):
        left, top = int(rng.integers(0, width - 10)), int(rng.integers(0, height - 10))
        labels[top : top + 40, left : left + 60] = step % 4
        rect = left, top, min(left + 60, width), min(top + 40, height)
        refresh_cells(cells, labels, rect, is_filled=is_filled)
        assert np.array_equal(cells, label_cells(labels, is_filled=is_filled))


def test_rectangles_of_cells_are_counted_around_the_ring() -> None:
    cells = np.random.default_rng(5).random((7, 12)) < 0.3
    assert np.array_equal(Occupied(cells).sums, reference_sums(cells))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999))
def test_rectangles_cover_every_tile_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, (7, 11))
    seen = np.zeros((7, 11), int)
    for kind, left, top, right, bottom in rectangles(classes):
        assert (classes[top:bottom, left:right] == kind).all()
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("is_filled", [True, False])
@pytest.mark.parametrize("shape", [(192, 384), (300, 700), (200, 1536), (960, 1920)])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_cells_miss_nothing(is_filled: bool, shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for number in range(1, 5):
        row, column = rng.integers(0, shape[0] - 2), rng.integers(0, shape[1] - 4)
        labels[row : row + rng.integers(1, 40), column : column + rng.integers(1, 60)] = number
    rows, columns = np.nonzero(labels if is_filled else borders(labels))
    cells = label_cells(labels, is_filled=is_filled)
    row = np.searchsorted(np.arange(cells.shape[0] + 1) * shape[0] // cells.shape[0], rows, side="right") - 1
    column = np.searchsorted(np.arange(cells.shape[1] + 1) * shape[1] // cells.shape[1], columns, side="right") - 1
    assert cells[row, column].all()


def test_only_short_gaps_between_tiles_are_filled() -> None:
    row = np.zeros((2, 16), np.bool_)
    row[0, [0, 2, 6, 11]] = True
    found = without_gaps(row)
    assert np.nonzero(found[0])[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 11]
    assert not found[1].any() and row[0].sum() == 4
