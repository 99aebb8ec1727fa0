"""Where there is anything to draw: never too little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, viewport_to_directions
from panosod_core.geometry.sphere import direction_to_uv
from panosod_viewer.render.occupancy import (
    COLUMNS,
    ROWS,
    TILE_PX,
    TileGrid,
    borders,
    cells_of,
    label_cells,
    rectangles,
    refresh_cells,
    widened,
)

VIEWS = st.builds(
    View,
    yaw_rad=st.floats(-3.2, 3.2),
    pitch_rad=st.floats(-1.57, 1.57),
    roll_rad=st.floats(-1, 1),
    fov_rad=st.floats(0.2, 5.0),
    projection=st.sampled_from([ViewProjection.PERSPECTIVE, ViewProjection.STEREOGRAPHIC, ViewProjection.EQUIRECT]),
)


@settings(max_examples=60, deadline=None)
@given(view=VIEWS, seed=st.integers(0, 999), shape=st.sampled_from([(32, 64), (104, 208), (256, 512)]))
def test_every_pixel_that_shows_something_lies_in_a_drawn_tile(view: View, seed: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for _ in range(2):
        row, column = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[row : row + 3, column : column + 3] = 1
    width, height = 300, 170
    grid = TileGrid(view, PictureGeometry(), size_px=(width, height))
    tiles = grid.tiles(widened(cells_of(labels)))
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    rays = viewport_to_directions(view, x[None], y[:, None], aspect=width / height)
    u, v = direction_to_uv(np.nan_to_num(rays, nan=1.0))
    shows = labels[np.minimum((v * shape[0]).astype(int), shape[0] - 1), (u * shape[1]).astype(int) % shape[1]] > 0
    shows &= np.isfinite(rays[..., 0])
    rows, columns = np.nonzero(shows)
    assert tiles[rows // TILE_PX, columns // TILE_PX].all()


def test_little_is_drawn_of_a_small_object() -> None:
    labels = np.zeros((960, 1920), np.uint8)
    labels[470:490, 950:970] = 1
    grid = TileGrid(View(), PictureGeometry(), size_px=(1280, 720))
    assert 0 < grid.tiles(widened(cells_of(labels))).mean() < 0.03


@pytest.mark.parametrize("is_filled", [True, False])
def test_cells_kept_up_to_date_are_those_of_the_whole_map(is_filled: bool) -> None:
    rng = np.random.default_rng(2)
    labels = np.zeros((500, 1000), np.uint8)

    def whole() -> np.ndarray:
        return cells_of(labels if is_filled else borders(labels), reach=0)

    cells = whole()
    for step in range(30):
        left, top = int(rng.integers(0, 990)), int(rng.integers(0, 490))
        labels[top : top + 40, left : left + 60] = step % 4
        refresh_cells(cells, labels, (left, top, min(left + 60, 1000), min(top + 40, 500)), is_filled=is_filled)
        # borders may be taken for one pixel more than they are, never for less
        assert not (whole() & ~cells).any()
        if is_filled:
            assert np.array_equal(whole(), cells)


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


def test_a_widened_cell_reaches_around_the_ring_and_across_the_pole() -> None:
    cells = np.zeros((ROWS, COLUMNS), np.bool_)
    cells[ROWS // 2, 0] = True
    assert widened(cells)[ROWS // 2, COLUMNS - 1]
    cells[:] = False
    cells[0, 5] = True
    assert widened(cells)[0].all()


@pytest.mark.parametrize("is_filled", [True, False])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_eight_pixels_at_a_time_miss_nothing(is_filled: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((192, 384), np.uint8)
    for number in range(1, 5):
        row, column = rng.integers(0, 190), rng.integers(0, 380)
        labels[row : row + rng.integers(1, 40), column : column + rng.integers(1, 60)] = number
    exact = cells_of(labels if is_filled else borders(labels), reach=0)
    # eight pixels may belong to two cells: what is widened anyway holds both
    assert not (exact & ~widened(label_cells(labels, is_filled=is_filled))).any()
