"""Contours of objects are seen on pictures of their own colour, all around, also where objects touch."""

import numpy as np
import pytest

from panosod_core.geometry.projection import View, viewport_to_directions
from panosod_core.geometry.sphere import direction, direction_to_uv, equirect_directions
from panosod_viewer.overlays import LabelLayer, LayerSet, Overlays, label_image
from panosod_viewer.palettes import LabelDisplay, LabelLook, palette_of

from .conftest import Draw
from .frames import frame_of_rgb

pytestmark = pytest.mark.gl

SIDE = 320
WIDTH, HEIGHT = 2048, 1024
VIEW = View(fov_rad=np.radians(80.0))


def two_that_touch() -> np.ndarray:
    d, labels = equirect_directions(WIDTH, HEIGHT), np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[d @ direction(0.1, 0.0) > np.cos(np.radians(20))] = 1
    labels[d @ direction(-0.25, 0.1) > np.cos(np.radians(12))] = 2
    return labels


def as_seen(labels: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) label of each pixel's middle."""
    middle = (np.arange(SIDE) + 0.5) / SIDE
    u, v = direction_to_uv(viewport_to_directions(VIEW, middle[None], middle[:, None], aspect=1.0))
    return labels[(v * HEIGHT).astype(int), (u * WIDTH).astype(int) % WIDTH]


@pytest.mark.parametrize("grey", [1.0, 0.6, 0.0])
def test_a_white_contour_is_seen_on_every_ground(draw: Draw, grey: float) -> None:
    labels, look = two_that_touch(), LabelLook(LabelDisplay.CONTOUR, rgb=(1.0, 1.0, 1.0))
    layers = LayerSet(labels=(LabelLayer(label_image(labels), palette_of(look)),))
    found = draw(frame_of_rgb(np.full((32, 64, 3), grey)), VIEW, size=(SIDE, SIDE), overlays=Overlays((layers,)))
    seen = as_seen(labels)
    border = (seen != np.roll(seen, 1, 0)) | (seen != np.roll(seen, 1, 1))
    border[:3] = border[-3:] = border[:, :3] = border[:, -3:] = False
    places = np.argwhere(border)
    assert len(places) > 200 and {1, 2} <= set(seen[border].tolist())
    for row, column in places:
        around = found[row - 2 : row + 3, column - 2 : column + 3].astype(int)
        assert around.max() == 255 and around.min() <= 0.6 * 255 * grey
    assert np.mean(found[~border] == round(255 * grey)) > 0.9
